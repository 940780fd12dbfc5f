// Cutting the text into chunks and segments loses nothing and marks exactly what was asked.
import { describe, expect, it } from "vitest";
import type { WireBlock } from "../src/bindings";
import { chunkAt, chunks, segments } from "../src/lib/passages";

const text = "Ein Vertrag 📄 über Öl.\nZweiter Absatz mit Wörtern.\nDritter.";
const block = (start: number, end: number): WireBlock => ({ kind: "paragraph", level: 0, range: { start, end }, speaker: null, time_ms: null });

describe("segments", () => {
  it("give back the text, however the marks lie", () => {
    for (let a = 0; a <= text.length; a += 3) {
      for (let b = a; b <= text.length; b += 5) {
        const parts = segments(text, { start: 2, end: 50 }, [{ range: { start: a, end: b }, active: true }, { range: { start: 10, end: 20 }, active: false }]);
        expect(parts.map((p) => p.text).join("")).toBe(text.slice(2, 50));
        const active = parts.filter((p) => p.mark === "active").map((p) => p.text).join("");
        expect(active).toBe(text.slice(Math.max(a, 2), Math.max(2, Math.min(b, 50))));
      }
    }
  });
  it("an active mark wins where two overlap", () => {
    const parts = segments(text, { start: 0, end: 20 }, [{ range: { start: 0, end: 20 }, active: false }, { range: { start: 5, end: 8 }, active: true }]);
    expect(parts.map((p) => p.mark)).toEqual(["other", "active", "other"]);
  });
  it("count in UTF-16 like the engine: a surrogate pair before a mark does not move it", () => {
    const start = text.indexOf("über");
    const parts = segments(text, { start: 0, end: text.length }, [{ range: { start, end: start + 4 }, active: true }]);
    expect(parts.find((p) => p.mark === "active")?.text).toBe("über");
  });
});

describe("chunks", () => {
  const blocks = Array.from({ length: 100 }, (_, i) => block(i * 50, i * 50 + 49));
  it("hold every block once, in order", () => {
    const list = chunks(blocks, 5000, 300);
    expect(list.length).toBeGreaterThan(10);
    expect(list.flatMap((c) => c.blocks)).toEqual(blocks);
  });
  it("are found by offset, between blocks and past the end too", () => {
    const list = chunks(blocks, 5000, 300);
    for (const offset of [0, 49, 1234, 4998]) {
      const c = list[chunkAt(list, offset)]!;
      expect(offset).toBeLessThan(c.range.end);
    }
    expect(chunkAt(list, 99_999)).toBe(list.length - 1);
  });
  it("a text without blocks is one paragraph", () => {
    expect(chunks([], 7)).toHaveLength(1);
    expect(chunks([], 0)).toHaveLength(0);
  });
});
