// Cutting the canonical text into pieces for the text view: chunks that are drawn when near, segments that are marked. Pure.
import type { WireBlock, WireRange } from "../bindings";

export interface Chunk {
  blocks: WireBlock[];
  range: WireRange;
}

/** Groups blocks into chunks of about `size` UTF-16 units. Text outside all blocks belongs to a block of its own. */
export function chunks(blocks: WireBlock[], textLength: number, size = 4000): Chunk[] {
  const all = covered(blocks, textLength);
  const out: Chunk[] = [];
  let current: WireBlock[] = [];
  for (const block of all) {
    const first = current[0];
    if (first && block.range.end - first.range.start > size) {
      out.push(chunkOf(current));
      current = [];
    }
    current.push(block);
  }
  if (current.length > 0) out.push(chunkOf(current));
  return out;
}

function chunkOf(blocks: WireBlock[]): Chunk {
  const start = blocks[0]?.range.start ?? 0;
  return { blocks, range: { start, end: blocks[blocks.length - 1]?.range.end ?? start } };
}

/** The blocks, and where nothing covers the text (a document without blocks), plain paragraphs in between. */
function covered(blocks: WireBlock[], textLength: number): WireBlock[] {
  if (blocks.length > 0 || textLength === 0) return blocks;
  return [{ kind: "paragraph", level: 0, range: { start: 0, end: textLength }, speaker: null, time_ms: null }];
}

/** The chunk that holds an offset; between chunks the next, past the end the last. */
export function chunkAt(list: Chunk[], offset: number): number {
  const found = list.findIndex((c) => offset < c.range.end);
  return found < 0 ? list.length - 1 : found;
}

export interface Marked {
  range: WireRange;
  active: boolean;
}
export interface Segment {
  text: string;
  mark: "none" | "other" | "active";
}

/** The text of `range` in pieces, each wholly inside or outside the marks; an active mark wins over another. */
export function segments(text: string, range: WireRange, marks: Marked[]): Segment[] {
  const cuts = new Set([range.start, range.end]);
  for (const m of marks) {
    for (const at of [m.range.start, m.range.end]) if (at > range.start && at < range.end) cuts.add(at);
  }
  const sorted = [...cuts].sort((a, b) => a - b);
  const out: Segment[] = [];
  for (let i = 0; i + 1 < sorted.length; i++) {
    const [start, end] = [sorted[i]!, sorted[i + 1]!];
    const over = marks.filter((m) => m.range.start < end && start < m.range.end);
    const mark = over.some((m) => m.active) ? "active" : over.length > 0 ? "other" : "none";
    out.push({ text: text.slice(start, end), mark });
  }
  return out;
}
