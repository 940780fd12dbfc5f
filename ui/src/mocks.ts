// The engine as a play, for looking at the page in a browser (`npm run build:mock`) and for tests. Left out of the real build.
import { mockIPC, mockWindows } from "@tauri-apps/api/mocks";
import type { WireClaim, WireDocument, WireDocumentView, WireHit, WirePassage, WireReview, WireRun } from "./bindings";

const NOW = Math.floor(Date.now() / 1000);
const TEXT = [
  "Mutual Confidentiality Agreement",
  "This Agreement is made on 3 March 2025 between Harbour Lane Ltd and Osprey Analytics GmbH.",
  "Each party may disclose information to the other for the purpose of assessing a joint product.",
  "This Agreement lasts for three years from the date first written above.",
  "It is governed by the laws of England and Wales.",
].join("\n");

function document(id: number, name: string, format: string | null, status: string, more: Partial<WireDocument> = {}): WireDocument {
  return {
    id, name, title: null, format, status, message: null, kilobytes: 240 * id, pages: format === "pdf" ? 3 * id : null,
    pages_need_ocr: 0, imported_s: NOW - id * 40_000, notes: [], ...more,
  };
}

/** A passage of the mock text. */
export function passage(quote: string): WirePassage {
  const start = TEXT.indexOf(quote);
  return { quote, page: null, range: { start, end: start + quote.length }, rects: [], occurrences: 1, folded: false, time_ms: null };
}

function claim(id: number, label: string, text: string, status: string, quotes: string[], more: Partial<WireClaim> = {}): WireClaim {
  return {
    id, kind: "field", label, text, value: null, status, evidence: quotes.map(passage), unlocated: [], owner: null, due: null,
    searched: null, checks: [], found_by: null, confidence: null, review: null, ...more,
  };
}

const documents: WireDocument[] = [
  document(1, "Mutual NDA, Harbour Lane and Osprey.docx", "docx", "ready"),
  document(2, "Services agreement.pdf", "pdf", "ready"),
  document(3, "Annual report.pdf", "pdf", "partial", { pages_need_ocr: 4 }),
  document(4, "Lease 1987 (scan).pdf", "pdf", "needs_ocr"),
  document(5, "Offer.pdf", "pdf", "needs_password"),
  document(6, "Board meeting.vtt", "vtt", "ready"),
  document(7, "broken.pdf", "pdf", "damaged", { message: "The file ends in the middle: its table of objects is missing." }),
];

function view(id: number): WireDocumentView {
  let start = 0;
  const blocks = TEXT.split("\n").map((line, i) => {
    const range = { start, end: start + line.length };
    start += line.length + 1;
    return { kind: i === 0 ? "heading" : "paragraph", level: i === 0 ? 1 : 0, range, speaker: null, time_ms: null };
  });
  return { document: documents.find((d) => d.id === id)!, text: TEXT, pages: [], sections: [], blocks, extractor: "mock 1" };
}

function run(task: string): WireRun {
  return {
    id: 1, task, title: "Non-disclosure agreement", created_s: NOW, coverage: "The whole document was read: 84 tokens.", whole: true,
    unread_pages: [], cut_short: [], model: "mock", interim: true,
    claims: [
      claim(1, "Effective Date", "3 March 2025", "verified", ["3 March 2025"], { value: "2025-03-03", found_by: "both", confidence: 0.93 }),
      claim(2, "Term", "three years", "fuzzy", ["lasts for three years from the date first written above"], { value: "3 years", found_by: "rules", confidence: 0.41 }),
      claim(3, "Governing Law", "England and Wales", "verified", ["governed by the laws of England and Wales"]),
      claim(4, "Non-Solicitation", "No hiring for a year", "unsupported", [], { unlocated: ["shall not hire"] }),
      claim(5, "Return Or Destruction", "", "not_found", [], { searched: { read_tokens: 84, queries: ["return", "destroy"], contrary: [] } }),
    ],
  };
}

function hits(query: string): WireHit[] {
  const at = TEXT.toLowerCase().indexOf(query.toLowerCase());
  if (at < 0) return [];
  const found = TEXT.slice(at, at + query.length);
  return [{
    document: 1, name: documents[0]!.name, page: null, section: "Mutual Confidentiality Agreement",
    pieces: [TEXT.slice(Math.max(0, at - 60), at), found, TEXT.slice(at + query.length, at + 120)], passage: passage(found),
  }];
}

/** Answers the page's calls. `calls` collects them for tests. */
export function install(calls: [string, unknown][] = []): void {
  mockWindows("main");
  const channel = (args: Record<string, unknown>) => args.progress as { onmessage: (p: unknown) => void };
  mockIPC(async (command, payload) => {
    const args = (payload ?? {}) as Record<string, unknown>;
    calls.push([command, args]);
    switch (command) {
      case "library_state": return "/home/someone/Lectern";
      case "model_state": return { name: "mock", description: "", license: "", interim: true, context_length: 8192 };
      case "documents": return structuredClone(documents);
      case "document_view": return view(args.id as number);
      case "packs": return [{ id: "nda", name: "Non-disclosure agreement", description: "", fields: ["Parties", "Effective Date", "Term"] }];
      case "search": return hits(args.query as string);
      case "fit": return { tokens: 31_000, context: 8192, fits: false, memory_mb: 900 };
      case "runs": return [];
      case "unfinished": return [];
      case "start_task": {
        if (args.id === 3 && args.tooLong === null) throw { code: "too_long", message: "The document has 31,000 tokens; the model can read 8,192." };
        channel(args).onmessage({ stage: "read", message: "Reading the document", done: 40, total: 84, unit: "tokens", warnings: [] });
        await new Promise((r) => setTimeout(r, 300));
        return run((args.task as { task: string }).task);
      }
      case "review": return void (args.review as WireReview);
      default: return null;
    }
  }, { shouldMockEvents: true });
}
