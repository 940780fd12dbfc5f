// Packs of fields: the built-in ones, and the person's own from files, remembered between starts.
import type { WirePack } from "../bindings";
import { commands } from "../bindings";

export interface OwnPack extends WirePack {
  /** What the engine takes. */
  json: string;
}
const KEY = "lectern.packs";

class Packs {
  builtIn = $state<WirePack[]>([]);
  own = $state<OwnPack[]>(kept());
  chosen = $state("nda");

  async load(): Promise<void> {
    if (this.builtIn.length > 0) return;
    // The pack of minutes has a tab of its own.
    this.builtIn = (await commands.packs()).filter((p) => p.id !== "minutes");
    if (!this.find(this.chosen)) this.chosen = this.builtIn[0]?.id ?? "";
  }

  /** Reads a pack from a file, keeps it and chooses it. */
  async read(path: string): Promise<void> {
    const [pack, json] = await commands.readPack(path);
    const id = `own:${pack.id}`;
    this.own = [...this.own.filter((p) => p.id !== id), { ...pack, id, json }];
    localStorage.setItem(KEY, JSON.stringify(this.own));
    this.chosen = id;
  }

  find(id: string): WirePack | OwnPack | undefined {
    return this.own.find((p) => p.id === id) ?? this.builtIn.find((p) => p.id === id);
  }

  /** What `start_task` takes for the chosen pack. */
  argument(): string {
    const pack = this.find(this.chosen);
    return pack && "json" in pack ? pack.json : this.chosen;
  }
}

function kept(): OwnPack[] {
  try {
    const read: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(read) ? (read as OwnPack[]) : [];
  } catch {
    return [];
  }
}

export const packs = new Packs();
