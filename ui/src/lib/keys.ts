// Keyboard: what a key means in a list of lines, and when keys belong to a text field instead. Pure.

export type Move = "next" | "previous" | "first" | "last";

/** The move a key asks for in a list. */
export function moveOf(key: string): Move | null {
  switch (key) {
    case "j": case "ArrowDown": return "next";
    case "k": case "ArrowUp": return "previous";
    case "Home": return "first";
    case "End": return "last";
    default: return null;
  }
}

/** Where a move leads in a list of `length`; -1 means that nothing is selected. */
export function moved(index: number, length: number, move: Move): number {
  if (length === 0) return -1;
  switch (move) {
    case "next": return Math.min(index + 1, length - 1);
    case "previous": return Math.max(index - 1, 0);
    case "first": return 0;
    case "last": return length - 1;
  }
}

/** Whether a key pressed there is typing, or belongs to an open dialog or menu. */
export function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.closest("input, textarea, select, dialog[open], [data-menu]") !== null || target.isContentEditable;
}

/** Whether the event carries a modifier, so that a plain letter means something else. */
export function modified(event: KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || event.altKey;
}
