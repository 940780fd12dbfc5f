// The model: what it is, or why there is none.
import type { WireModel } from "../bindings";
import { commands } from "../bindings";
import { type Failure, failure } from "../lib/api";

class ModelState {
  card = $state<WireModel | null>(null);
  error = $state<Failure | null>(null);

  async load(): Promise<void> {
    try {
      this.card = await commands.modelState();
      this.error = null;
    } catch (thrown) {
      this.error = failure(thrown);
    }
  }
}

export const model = new ModelState();
