// Where pages and marks stand, and where a passage is scrolled to.
import { describe, expect, it } from "vitest";
import type { WirePage } from "../src/bindings";
import { boxOf, fitScale, layout, pageInView, scrollFor, visible } from "../src/lib/pages";

const pages: WirePage[] = [1, 2, 3, 4].map((number) => ({
  number, range: { start: 0, end: 0 }, width: number === 3 ? 842 : 595, height: number === 3 ? 595 : 842, status: "ok",
}));

describe("layout", () => {
  it("never lets pages overlap, at any scale", () => {
    for (const scale of [0.3, 1, 1.37, 3]) {
      const l = layout(pages, scale);
      for (let i = 1; i < l.pages.length; i++) {
        expect(l.pages[i]!.top).toBeGreaterThan(l.pages[i - 1]!.top + l.pages[i - 1]!.height);
      }
      const last = l.pages[3]!;
      expect(l.height).toBeGreaterThanOrEqual(last.top + last.height);
    }
  });
  it("fits the widest page, not the first", () => {
    const scale = fitScale(pages, 700);
    expect(layout(pages, scale).width).toBeCloseTo(700, 5);
  });
  it("draws only what is near", () => {
    const l = layout(pages, 1);
    expect(visible(l, 0, 600).map((p) => p.page.number)).toEqual([1]);
    expect(visible(l, 0, 600, 600).map((p) => p.page.number)).toEqual([1, 2]);
    expect(pageInView(l, l.pages[2]!.top - 20, 600)).toBe(3);
  });
});

describe("marks", () => {
  const rect = { page: 3, x: 100, y: 200, w: 50, h: 10 };
  it("scale with the page around the words", () => {
    const box = boxOf(rect, 2);
    expect(box.left).toBeLessThanOrEqual(200);
    expect(box.left + box.width).toBeGreaterThanOrEqual(300);
    expect(box.top + box.height / 2).toBeCloseTo(410, 5);
  });
  it("are in view after scrolling to them, whatever the scale", () => {
    for (const scale of [0.4, 1, 2.2]) {
      const l = layout(pages, scale);
      const top = scrollFor(l, { page: 3, rects: [rect] }, scale, 500);
      const y = l.pages[2]!.top + rect.y * scale;
      expect(y).toBeGreaterThanOrEqual(top);
      expect(y + rect.h * scale).toBeLessThanOrEqual(top + 500);
    }
  });
  it("a passage without boxes leads to the top of its page", () => {
    const l = layout(pages, 1);
    const top = scrollFor(l, { page: 2, rects: [] }, 1, 500);
    expect(pageInView(l, top, 500)).toBe(2);
    expect(scrollFor(l, { page: null, rects: [] }, 1, 500)).toBe(0);
  });
});
