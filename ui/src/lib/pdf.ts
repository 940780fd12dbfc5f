// pdf.js over the document scheme: bytes come in ranges from the library, everything else from beside this page.
import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";
import type { PDFDocumentLoadingTask, PDFDocumentProxy } from "pdfjs-dist";
import PdfWorker from "pdfjs-dist/legacy/build/pdf.worker.min.mjs?worker";

const CHUNK = 256 * 1024;
let port: Worker | null = null;

/** Reads bytes of a document; gives them with the length of the whole file. */
async function bytes(url: string, begin: number, end: number): Promise<{ data: Uint8Array; length: number }> {
  const response = await fetch(url, { headers: { Range: `bytes=${begin}-${end - 1}` } });
  if (!response.ok) throw new Error(`The file could not be read (${response.status}).`);
  const data = new Uint8Array(await response.arrayBuffer());
  const total = Number(/\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "")?.[1] ?? data.length);
  return { data, length: total };
}

class Ranges extends pdfjs.PDFDataRangeTransport {
  private failed: (reason: unknown) => void;
  private url: string;
  constructor(url: string, length: number, first: Uint8Array, failed: (reason: unknown) => void) {
    super(length, first);
    this.url = url;
    this.failed = failed;
  }
  override requestDataRange(begin: number, end: number): void {
    bytes(this.url, begin, end).then(({ data }) => this.onDataRange(begin, data), this.failed);
  }
}

/** Where the scheme's documents are, by platform as Tauri has it. */
export function sourceUrl(document: number): string {
  const base = /Windows|Android/.test(navigator.userAgent) ? "http://lectern-doc.localhost" : "lectern-doc://localhost";
  return `${base}/${document}`;
}

/** Opens a PDF. `destroy()` of the task frees it. */
export async function open(document: number, password: string | null = null): Promise<PDFDocumentLoadingTask> {
  port ??= new PdfWorker();
  pdfjs.GlobalWorkerOptions.workerPort = port;
  const url = sourceUrl(document);
  const first = await bytes(url, 0, CHUNK);
  const whole = first.data.length >= first.length;
  let task: PDFDocumentLoadingTask | null = null;
  const range = whole ? undefined : new Ranges(url, first.length, first.data, () => void task?.destroy());
  task = pdfjs.getDocument({
    ...(whole ? { data: first.data } : { range }),
    ...(password === null ? {} : { password }),
    length: first.length,
    rangeChunkSize: CHUNK,
    disableAutoFetch: true,
    disableStream: true,
    cMapUrl: "/pdfjs/cmaps/",
    standardFontDataUrl: "/pdfjs/standard_fonts/",
    wasmUrl: "/pdfjs/wasm/",
    iccUrl: "/pdfjs/iccs/",
    enableXfa: false,
  });
  return task;
}

/** Draws a page into a canvas at `scale` CSS pixels per point of a page `width` points wide. Gives a way to stop. */
export function draw(
  pdf: PDFDocumentProxy, number: number, canvas: HTMLCanvasElement, cssWidth: number,
): { done: Promise<void>; stop: () => void } {
  let stopped = false;
  let stopRender: (() => void) | null = null;
  const done = (async () => {
    const page = await pdf.getPage(number);
    if (stopped) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const natural = page.getViewport({ scale: 1 });
    const viewport = page.getViewport({ scale: (cssWidth / natural.width) * ratio });
    canvas.width = Math.round(viewport.width);
    canvas.height = Math.round(viewport.height);
    const task = page.render({ canvas, viewport });
    stopRender = () => task.cancel();
    await task.promise;
  })().catch((error: unknown) => {
    if (!stopped) throw error;
  });
  return {
    done,
    stop: () => {
      stopped = true;
      stopRender?.();
    },
  };
}
