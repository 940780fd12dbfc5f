// What statuses, kinds and numbers are called on screen. The only place for these words.
import type { WireDocument } from "../bindings";

export type Tone = "good" | "warn" | "bad" | "quiet";
export interface Said {
  label: string;
  tone: Tone;
  /** What it means, in a sentence; shown on hover and read aloud. */
  meaning: string;
}

const DOCUMENT: Record<string, Said> = {
  importing: { label: "Being read", tone: "quiet", meaning: "The file is being read into the library." },
  ready: { label: "Ready", tone: "good", meaning: "All of its text can be read." },
  partial: { label: "Some pages unread", tone: "warn", meaning: "Some pages have no usable text. The rest can be used." },
  needs_ocr: { label: "Scanned, no text", tone: "warn", meaning: "The pages are pictures. Text recognition (OCR) is needed before it can be read." },
  needs_password: { label: "Needs a password", tone: "warn", meaning: "The file is encrypted. Enter its password to read it." },
  damaged: { label: "Damaged", tone: "bad", meaning: "The file is damaged and could not be read." },
  empty: { label: "No text in it", tone: "warn", meaning: "The file could be opened but holds no text." },
  unsupported: { label: "Not supported", tone: "warn", meaning: "This kind of file cannot be read." },
  failed: { label: "Could not be read", tone: "bad", meaning: "Reading the file failed." },
};

/** A document's status in words. */
export function documentStatus(d: WireDocument): Said {
  const said = DOCUMENT[d.status] ?? { label: d.status, tone: "quiet" as const, meaning: d.status };
  if (d.status === "partial" && d.pages_need_ocr > 0) {
    const label = d.pages_need_ocr === 1 ? "1 page without text" : `${d.pages_need_ocr} pages without text`;
    return { ...said, label, meaning: d.message ?? said.meaning };
  }
  return d.message ? { ...said, meaning: d.message } : said;
}

/** Whether there is text to work on. */
export function readable(d: WireDocument): boolean {
  return d.status === "ready" || d.status === "partial";
}

/** Whether reading it again may help. */
export function retriable(d: WireDocument): boolean {
  return ["needs_password", "damaged", "failed", "empty"].includes(d.status);
}

const CLAIM: Record<string, Said> = {
  verified: { label: "Verified", tone: "good", meaning: "The quote stands in the document, character for character." },
  fuzzy: { label: "Close match", tone: "warn", meaning: "The quote was found after ignoring spacing, case or punctuation. The document’s own words are shown." },
  unsupported: { label: "Unsupported", tone: "bad", meaning: "No passage of the document could be found for this line. It is left out of exports unless you include it." },
  not_found: { label: "Not found", tone: "quiet", meaning: "Nothing in the document was found to answer this." },
};

/** How a line stands. A located quote against which `doubts` cross-checks speak is there, but no reason for green. */
export function claimStatus(status: string, doubts = 0): Said {
  const said = CLAIM[status] ?? { label: status, tone: "quiet", meaning: status };
  if (doubts === 0 || said.tone !== "good") return said;
  return { label: `${said.label}, check it`, tone: "warn", meaning: "The words stand in the document; a cross-check doubts that they answer this." };
}

const FOUND_BY: Record<string, string> = {
  model: "The model pointed at this passage; rules and search did not.",
  rules: "Rules and search pointed at this passage; no model did.",
  both: "The model pointed at this passage, and so did rules and search.",
};

/** How sure a field or an answer is: few words, a tone, and a sentence. Nothing where it was not measured. */
export function sureness(claim: { status: string; confidence: number | null; found_by: string | null }): Said | null {
  if (claim.confidence === null) return null;
  const percent = `${Math.round(claim.confidence * 100)} %`;
  const low = claim.confidence < 0.5;
  const of = claim.status === "not_found" ? "that the document does not have it" : "that this passage is the one asked for";
  const by = claim.found_by ? ` ${FOUND_BY[claim.found_by] ?? ""}` : "";
  return {
    label: low ? `${percent}, check first` : percent,
    tone: low ? "warn" : "quiet",
    meaning: `${percent} likely ${of}, by rules and search measured on labelled documents.${by}`,
  };
}

/** Lines with the least sure first; those without a measured confidence keep their order, behind. */
export function leastSureFirst<T extends { confidence: number | null }>(claims: T[]): T[] {
  return [...claims].sort((a, b) => (a.confidence ?? 2) - (b.confidence ?? 2));
}

const FORMATS: Record<string, string> = {
  pdf: "PDF", docx: "Word", text: "Text", markdown: "Markdown", html: "Web page",
  vtt: "Transcript", srt: "Transcript", speakers: "Transcript",
};

/** What kind of file it is. */
export function kindOf(format: string | null): string {
  return format ? (FORMATS[format] ?? format) : "Unknown";
}

/** Whether it is a transcript, whose minutes come first. */
export function isTranscript(format: string | null): boolean {
  return format === "vtt" || format === "srt" || format === "speakers";
}

const HEADINGS: [string, string][] = [
  ["headline", "In one line"], ["key_point", "Key points"], ["section_point", "Section by section"],
  ["attendee", "Present"], ["topic", "Topics"], ["decision", "Decisions"], ["action", "Action items"],
  ["field", "Fields"], ["answer", "Answer"],
];

/** The heading over lines of one kind. */
export function headingOf(kind: string): string {
  return HEADINGS.find(([k]) => k === kind)?.[1] ?? kind;
}

/** `12345` as `12,345`. */
export function number(n: number): string {
  return n.toLocaleString("en-US");
}

/** A moment, short: the time today, the day this year, else the date. */
export function when(seconds: number, now: Date = new Date()): string {
  const d = new Date(seconds * 1000);
  const time = `${pad(d.getHours())}:${pad(d.getMinutes())}`;
  if (d.toDateString() === now.toDateString()) return `Today ${time}`;
  const day = `${d.getDate()} ${MONTHS[d.getMonth()]}`;
  return d.getFullYear() === now.getFullYear() ? `${day} ${time}` : `${day} ${d.getFullYear()}`;
}
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Milliseconds of a recording as `1:02:03` or `2:03`. */
export function clock(ms: number): string {
  const s = Math.floor(ms / 1000);
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s % 60)}` : `${m}:${pad(s % 60)}`;
}

/** Kilobytes as `340 KB` or `1.2 MB`. */
export function size(kilobytes: number): string {
  return kilobytes < 1000 ? `${kilobytes} KB` : `${(kilobytes / 1000).toFixed(1)} MB`;
}

/** Where a passage stands, for its chip: page, time of a recording, or just the text. */
export function place(passage: { page: number | null; time_ms: number | null }): string {
  if (passage.page !== null) return `p. ${passage.page}`;
  return passage.time_ms === null ? "in text" : clock(passage.time_ms);
}

function pad(n: number): string {
  return n.toString().padStart(2, "0");
}
