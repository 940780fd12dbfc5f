// Tasks of all documents: what runs, how far it is, what came out. Lives on when another document is opened.
import type { Channel } from "@tauri-apps/api/core";
import type { WireProgress, WireReview, WireRun, WireTask } from "../bindings";
import { commands } from "../bindings";
import { type Failure, failure, work } from "../lib/api";

export type Kind = WireTask["task"];
export type Choice = "beginning" | "parts";

export interface Running {
  progress: WireProgress | null;
  cancel: () => void;
  stopping: boolean;
}

/** One document's results and its running tasks, by kind of task. */
export class DocumentTasks {
  readonly document: number;
  runs = $state<WireRun[]>([]);
  running = $state<Partial<Record<Kind, Running>>>({});
  failed = $state<Partial<Record<Kind, Failure>>>({});
  /** The task that waits for the person to say what to read of a document that is too long. */
  asking = $state<{ task: WireTask; message: string } | null>(null);
  loaded = $state(false);

  constructor(document: number) {
    this.document = document;
  }

  async load(): Promise<void> {
    this.runs = await commands.runs(this.document);
    this.loaded = true;
  }

  of(kind: Kind): WireRun[] {
    return this.runs.filter((r) => r.task === kind);
  }

  async start(task: WireTask, choice: Choice | null = null): Promise<void> {
    const error = await this.follow(task.task, (ticket, channel) =>
      commands.startTask(this.document, task, choice, ticket, channel),
    );
    if (error?.code === "too_long") this.asking = { task, message: error.message };
  }

  /** Carries on with a task that was cut off when the program last ended. */
  async resume(job: number, kind: Kind): Promise<void> {
    const error = await this.follow(kind, (ticket, channel) => commands.resumeTask(job, ticket, channel));
    if (error?.code === "too_long") this.failed[kind] = error;
  }

  /** Runs something of that kind to its end: progress, result, failure. Gives back why there is no result. */
  private async follow(
    kind: Kind, begin: (ticket: string, channel: Channel<WireProgress>) => Promise<WireRun>,
  ): Promise<Failure | null> {
    if (this.running[kind]) return null;
    delete this.failed[kind];
    const started = work(begin, (p) => {
      const at = this.running[kind];
      if (at) at.progress = p;
    });
    this.running[kind] = { progress: null, cancel: started.cancel, stopping: false };
    atWork.push({ tasks: this, kind });
    try {
      const run = await started.done;
      this.runs = [run, ...this.runs.filter((r) => r.id !== run.id)];
      return null;
    } catch (thrown) {
      const error = failure(thrown);
      if (error.code !== "too_long" && error.code !== "cancelled") this.failed[kind] = error;
      return error;
    } finally {
      delete this.running[kind];
      atWork.splice(atWork.findIndex((w) => w.tasks.document === this.document && w.kind === kind), 1);
    }
  }

  stop(kind: Kind): void {
    const at = this.running[kind];
    if (!at) return;
    at.stopping = true;
    at.cancel();
  }

  async review(claim: number, review: WireReview): Promise<void> {
    await commands.review(claim, review);
    for (const run of this.runs) {
      const line = run.claims.find((c) => c.id === claim);
      if (line) line.review = review;
    }
  }
}

const known = new Map<number, DocumentTasks>();
/** What runs now, over all documents, in the order it was started. */
export const atWork = $state<{ tasks: DocumentTasks; kind: Kind }[]>([]);

/** The tasks of a document, the same ones each time. */
export function tasksOf(document: number): DocumentTasks {
  let tasks = known.get(document);
  if (!tasks) known.set(document, (tasks = new DocumentTasks(document)));
  return tasks;
}

/** Carries on with what was cut off when the program last ended, one task after the other. */
export async function carryOn(): Promise<void> {
  for (const job of await commands.unfinished()) {
    await tasksOf(job.document).resume(job.id, job.task as Kind);
  }
}

/** After a document was deleted. */
export function forget(document: number): void {
  known.get(document)?.runs.splice(0);
  known.delete(document);
}
