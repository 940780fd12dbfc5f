// Statuses in words, numbers and times as people read them.
import { describe, expect, it } from "vitest";
import type { WireDocument } from "../src/bindings";
import { claimStatus, clock, documentStatus, leastSureFirst, number, place, readable, retriable, size, sureness, when } from "../src/lib/words";

const document = (status: string, more: Partial<WireDocument> = {}): WireDocument => ({
  id: 1, name: "a.pdf", title: null, format: "pdf", status, message: null, kilobytes: 1, pages: 3, pages_need_ocr: 0, imported_s: 0, notes: [], ...more,
});

// As the engine writes them.
const STATUSES = ["importing", "ready", "partial", "needs_ocr", "needs_password", "damaged", "empty", "unsupported", "failed"];

describe("statuses", () => {
  it("every status has words of its own", () => {
    const labels = STATUSES.map((s) => documentStatus(document(s)).label);
    expect(new Set(labels).size).toBe(STATUSES.length);
    for (const s of STATUSES) expect(labels).not.toContain(s);
  });
  it("the engine's own message says more than ours", () => {
    expect(documentStatus(document("damaged", { message: "Ends early." })).meaning).toBe("Ends early.");
    expect(documentStatus(document("partial", { pages_need_ocr: 1 })).label).toBe("1 page without text");
  });
  it("only what has text can be worked on, only what failed can be tried again", () => {
    expect(STATUSES.filter((s) => readable(document(s)))).toEqual(["ready", "partial"]);
    expect(STATUSES.filter((s) => retriable(document(s)))).toEqual(["needs_password", "damaged", "empty", "failed"]);
  });
  it("lines: four statuses, none of them good but one", () => {
    expect(["verified", "fuzzy", "unsupported", "not_found"].map((s) => claimStatus(s).tone)).toEqual(["good", "warn", "bad", "quiet"]);
    expect(claimStatus("verified", 1).tone).toBe("warn");
    expect(claimStatus("not_found", 2)).toEqual(claimStatus("not_found"));
  });
});

describe("confidence", () => {
  const field = (confidence: number | null, status = "verified", found_by: string | null = "rules") => ({ status, confidence, found_by });
  it("is said only where it was measured, and what is unlikely asks to be checked", () => {
    expect(sureness(field(null))).toBeNull();
    expect(sureness(field(0.93))).toMatchObject({ label: "93 %", tone: "quiet" });
    expect(sureness(field(0.41))).toMatchObject({ label: "41 %, check first", tone: "warn" });
  });
  it("says of what it speaks", () => {
    expect(sureness(field(0.9, "not_found", null))!.meaning).toContain("does not have it");
    expect(sureness(field(0.9, "verified", "both"))!.meaning).toContain("and so did rules and search");
  });
  it("the least sure come first, the unmeasured keep their order behind, and the list given is left alone", () => {
    const given = [field(null), field(0.9), field(0.2), field(null, "not_found")];
    expect(leastSureFirst(given)).toEqual([given[2], given[1], given[0], given[3]]);
    expect(given[1]!.confidence).toBe(0.9);
  });
});

describe("figures", () => {
  it("are short", () => {
    expect(number(31000)).toBe("31,000");
    expect(clock(3_723_000)).toBe("1:02:03");
    expect(clock(63_999)).toBe("1:03");
    expect(size(999)).toBe("999 KB");
    expect(size(1250)).toBe("1.3 MB");
  });
  it("a moment is named by its distance", () => {
    const now = new Date(2026, 4, 10, 15, 0);
    expect(when(new Date(2026, 4, 10, 9, 5).getTime() / 1000, now)).toBe("Today 09:05");
    expect(when(new Date(2026, 1, 3, 9, 5).getTime() / 1000, now)).toBe("3 Feb 09:05");
    expect(when(new Date(2024, 1, 3).getTime() / 1000, now)).toBe("3 Feb 2024");
  });
  it("a passage without page or time still has a place to press", () => {
    expect(place({ page: 3, time_ms: null })).toBe("p. 3");
    expect(place({ page: null, time_ms: 61_000 })).toBe("1:01");
    expect(place({ page: null, time_ms: null })).toBe("in text");
  });
});
