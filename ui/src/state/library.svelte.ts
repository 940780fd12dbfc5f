// The list of documents and what is being imported into it. One failing file never stops another.
import type { WireDocument, WireProgress } from "../bindings";
import { commands } from "../bindings";
import { type Failure, type Work, failure, work } from "../lib/api";

export interface Import {
  key: number;
  name: string;
  path: string;
  progress: WireProgress | null;
  state: "waiting" | "running" | "failed";
  error: Failure | null;
  cancel: (() => void) | null;
}

/** Files read at the same time; the rest wait their turn. */
const AT_ONCE = 2;

class Library {
  documents = $state<WireDocument[]>([]);
  imports = $state<Import[]>([]);
  loaded = $state(false);
  /** Why the library cannot be used at all. */
  broken = $state<Failure | null>(null);
  folder = $state("");
  private keys = 0;

  async load(): Promise<void> {
    try {
      this.folder = await commands.libraryState();
      await this.refresh();
      this.broken = null;
    } catch (thrown) {
      this.broken = failure(thrown);
    }
    this.loaded = true;
  }

  async refresh(): Promise<void> {
    this.documents = await commands.documents();
  }

  /** Queues files; each has a row of its own until it is in the library. */
  add(paths: string[]): void {
    for (const path of paths) {
      const name = path.split(/[/\\]/).pop() || path;
      this.imports.push({ key: ++this.keys, name, path, progress: null, state: "waiting", error: null, cancel: null });
    }
    this.pump();
  }

  /** Stops a running import, or takes a waiting or failed one off the list. */
  drop(key: number): void {
    const at = this.imports.find((i) => i.key === key);
    if (at?.state === "running") at.cancel?.();
    else this.imports = this.imports.filter((i) => i.key !== key);
  }

  again(key: number): void {
    const at = this.imports.find((i) => i.key === key);
    if (!at) return;
    at.state = "waiting";
    at.error = null;
    this.pump();
  }

  private pump(): void {
    while (this.imports.filter((i) => i.state === "running").length < AT_ONCE) {
      const next = this.imports.find((i) => i.state === "waiting");
      if (!next) return;
      void this.run(next);
    }
  }

  private async run(item: Import): Promise<void> {
    item.state = "running";
    const running: Work<WireDocument> = work(
      (ticket, channel) => commands.importFile(item.path, null, ticket, channel),
      (p) => (item.progress = p),
    );
    item.cancel = running.cancel;
    try {
      await running.done;
      this.imports = this.imports.filter((i) => i.key !== item.key);
      await this.refresh();
    } catch (thrown) {
      const error = failure(thrown);
      if (error.code === "cancelled") this.imports = this.imports.filter((i) => i.key !== item.key);
      else Object.assign(item, { state: "failed", error });
    }
    this.pump();
  }

  /** Reads a document again, with a password where one is needed. Gives the document as it then is. */
  async retry(id: number, password: string | null): Promise<WireDocument> {
    const d = this.documents.find((x) => x.id === id);
    if (d) d.status = "importing";
    try {
      return await work((ticket, channel) => commands.retryDocument(id, password, ticket, channel), () => undefined).done;
    } finally {
      await this.refresh();
    }
  }

  async remove(id: number): Promise<void> {
    await commands.deleteDocument(id);
    await this.refresh();
  }
}

export const library = new Library();
