// Calls to the engine beside the generated ones: tickets that can be cancelled, progress, errors in one shape.
import { Channel } from "@tauri-apps/api/core";
import type { WireProgress } from "../bindings";
import { commands } from "../bindings";

export interface Failure {
  code: string;
  message: string;
}

/** Whatever was thrown, as code and message. */
export function failure(thrown: unknown): Failure {
  if (typeof thrown === "object" && thrown !== null && "message" in thrown) {
    const { code, message } = thrown as { code?: unknown; message: unknown };
    return { code: typeof code === "string" ? code : "failed", message: String(message) };
  }
  return { code: "failed", message: String(thrown) };
}

/** Work that reports progress and can be cancelled. */
export interface Work<T> {
  done: Promise<T>;
  cancel: () => void;
}

let tickets = 0;

/** Starts work under a ticket of its own. */
export function work<T>(
  start: (ticket: string, progress: Channel<WireProgress>) => Promise<T>,
  heard: (progress: WireProgress) => void,
): Work<T> {
  const ticket = `${Date.now()}-${++tickets}`;
  const channel = new Channel<WireProgress>();
  channel.onmessage = heard;
  return { done: start(ticket, channel), cancel: () => void commands.cancel(ticket).catch(() => undefined) };
}

/** Share of progress in 0..1; `null` where the end is not known. */
export function share(p: { done: number; total: number | null } | null): number | null {
  return p && p.total ? Math.min(1, p.done / p.total) : null;
}
