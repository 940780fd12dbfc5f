// Where pages stand in the scrolling column, which of them are drawn, and where a passage is scrolled to. Pure.
import type { WirePage, WireRect } from "../bindings";

/** Space between pages and around the column, in CSS pixels. */
export const GAP = 14;
const MARGIN = 18;

export interface PlacedPage {
  page: WirePage;
  top: number;
  width: number;
  height: number;
}
export interface Layout {
  pages: PlacedPage[];
  height: number;
  width: number;
}

/** CSS pixels per point so that the widest page fits a column of `width` pixels. */
export function fitScale(pages: WirePage[], width: number): number {
  const widest = Math.max(...pages.map((p) => p.width), 1);
  return clamp((width - 2 * MARGIN) / widest, 0.25, 2);
}

/** Pages one below the other at `scale` CSS pixels per point. */
export function layout(pages: WirePage[], scale: number): Layout {
  let top = MARGIN;
  const placed = pages.map((page) => {
    const at = { page, top, width: page.width * scale, height: page.height * scale };
    top += at.height + GAP;
    return at;
  });
  return { pages: placed, height: top - GAP + MARGIN, width: Math.max(0, ...placed.map((p) => p.width)) + 2 * MARGIN };
}

/** The pages that show between `top` and `top + height`, and those within `ahead` of them. */
export function visible(l: Layout, top: number, height: number, ahead = 0): PlacedPage[] {
  return l.pages.filter((p) => p.top + p.height > top - ahead && p.top < top + height + ahead);
}

/** The number of the page that takes most of the view. */
export function pageInView(l: Layout, top: number, height: number): number {
  let best = { number: l.pages[0]?.page.number ?? 1, shown: 0 };
  for (const p of visible(l, top, height)) {
    const shown = Math.min(p.top + p.height, top + height) - Math.max(p.top, top);
    if (shown > best.shown) best = { number: p.page.number, shown };
  }
  return best.number;
}

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A rectangle in points as a box in CSS pixels on its page, a little wider than the words. */
export function boxOf(rect: WireRect, scale: number): Box {
  const pad = 1.5;
  return {
    left: rect.x * scale - pad,
    top: rect.y * scale - pad,
    width: rect.w * scale + 2 * pad,
    height: rect.h * scale + 2 * pad,
  };
}

/** Scroll position that brings a passage into the upper third of the view; its page's top where it has no boxes. */
export function scrollFor(
  l: Layout, passage: { page: number | null; rects: WireRect[] }, scale: number, viewHeight: number,
): number {
  const rect = passage.rects[0];
  const at = l.pages.find((p) => p.page.number === (rect?.page ?? passage.page));
  if (!at) return 0;
  const first = rect ? at.top + rect.y * scale : at.top;
  const target = rect ? first - viewHeight / 3 : at.top - GAP;
  return clamp(target, 0, Math.max(0, l.height - viewHeight));
}

export function clamp(n: number, low: number, high: number): number {
  return Math.min(Math.max(n, low), high);
}
