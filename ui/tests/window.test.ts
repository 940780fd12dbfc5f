// The page against a played engine: keyboard, verdicts, the choice for long documents, and that text is never HTML.
import { clearMocks } from "@tauri-apps/api/mocks";
import { mount, tick, unmount } from "svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import App from "../src/App.svelte";
import { moved, moveOf } from "../src/lib/keys";
import { install } from "../src/mocks";

let calls: [string, unknown][] = [];
let app: ReturnType<typeof mount>;

beforeEach(async () => {
  calls = [];
  vi.stubGlobal("IntersectionObserver", class { observe() {} disconnect() {} });
  vi.stubGlobal("ResizeObserver", class { observe() {} unobserve() {} disconnect() {} });
  HTMLDialogElement.prototype.showModal = function () { this.open = true; };
  HTMLDialogElement.prototype.close = function () { this.open = false; this.dispatchEvent(new Event("close")); };
  install(calls);
  app = mount(App, { target: document.body });
  await seen(() => document.querySelectorAll("[data-document]").length === 7);
});
afterEach(async () => {
  await unmount(app);
  clearMocks();
  document.body.innerHTML = "";
});

async function seen(check: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(check()).toBe(true), { timeout: 3000 });
  await tick();
}
async function press(key: string, target: Element = document.body): Promise<void> {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  await tick();
}
const text = (selector: string) => document.querySelector(selector)?.textContent ?? "";
async function openFirst(kind: string): Promise<void> {
  await press("j");
  await press("Enter");
  await seen(() => document.querySelector(`#tab-${kind}`) !== null);
  document.querySelector<HTMLElement>(`#tab-${kind}`)!.click();
  await tick();
}

it("moves through a list and stops at its ends", () => {
  expect(moved(-1, 3, moveOf("j")!)).toBe(0);
  expect(moved(2, 3, moveOf("ArrowDown")!)).toBe(2);
  expect(moved(0, 3, moveOf("k")!)).toBe(0);
  expect(moved(1, 3, moveOf("End")!)).toBe(2);
  expect(moved(0, 0, "next")).toBe(-1);
  expect(moveOf("x")).toBeNull();
});

it("opens a document by keyboard, runs fields, walks its lines and keeps a verdict", async () => {
  await openFirst("fields");
  await seen(() => document.querySelector<HTMLButtonElement>("[data-run]")?.disabled === false);
  document.querySelector<HTMLButtonElement>("[data-run]")!.click();
  await seen(() => document.querySelectorAll("[data-claim]").length === 5);
  await press("j");
  await press("j");
  expect(document.querySelector("[data-claim='2']")?.getAttribute("aria-selected")).toBe("true");
  await seen(() => document.querySelector("[data-highlight=active]") !== null);
  expect(text("[data-highlight=active]")).toBe("lasts for three years from the date first written above");
  await press("a");
  await seen(() => calls.some(([c]) => c === "review"));
  expect(calls.find(([c]) => c === "review")?.[1]).toMatchObject({ claim: 2, review: { verdict: "accepted" } });
  expect(text("[data-claim='2']")).toContain("Accepted");
  expect(text("[data-claim='5']")).toContain("Not found");
  expect(text("[data-claim='5']")).toContain("“destroy”");
  expect(text("[data-lines]")).toContain("A located quote proves presence, not support.");
});

it("edits a line without the letters moving the selection", async () => {
  await openFirst("fields");
  await seen(() => document.querySelector<HTMLButtonElement>("[data-run]")?.disabled === false);
  if (document.querySelectorAll("[data-claim]").length === 0) document.querySelector<HTMLButtonElement>("[data-run]")!.click();
  await seen(() => document.querySelectorAll("[data-claim]").length === 5);
  await press("j");
  await press("e");
  const area = document.querySelector<HTMLTextAreaElement>("[data-claim='1'] textarea")!;
  await press("j", area);
  expect(document.querySelector("[data-claim='1']")?.getAttribute("aria-selected")).toBe("true");
  area.value = "<img src=x onerror=alert(1)>";
  area.dispatchEvent(new Event("input", { bubbles: true }));
  await press("Enter", area);
  await seen(() => text("[data-claim='1']").includes("Edited"));
  expect(text("[data-claim='1']")).toContain("<img src=x");
  expect(document.querySelector("[data-claim='1'] img")).toBeNull();
});

it("asks before a long document is cut, and passes the choice on", async () => {
  document.querySelector<HTMLElement>("[data-document='3'] button")!.click();
  await seen(() => document.querySelector<HTMLButtonElement>("[data-run]")?.disabled === false);
  document.querySelector<HTMLButtonElement>("[data-run]")!.click();
  await seen(() => text("dialog").includes("31,000"));
  const parts = [...document.querySelectorAll<HTMLButtonElement>("dialog button")].find((b) => b.textContent?.includes("Read in parts"));
  parts!.click();
  await seen(() => calls.some(([c, a]) => c === "start_task" && (a as { tooLong: string | null }).tooLong === "parts"));
});

it("searches the library and opens the document at the passage", async () => {
  await press("/");
  const search = document.querySelector<HTMLInputElement>("[data-search]")!;
  expect(document.activeElement).toBe(search);
  search.value = "governed";
  search.dispatchEvent(new Event("input", { bubbles: true }));
  await seen(() => document.querySelector("[data-hit] mark") !== null);
  expect(text("[data-hit] mark")).toBe("governed");
  await press("Enter", search);
  await seen(() => document.querySelector("[data-highlight=active]") !== null);
  expect(text("[data-highlight=active]")).toBe("governed");
});

it("an encrypted document asks for its password instead of opening empty", async () => {
  document.querySelector<HTMLElement>("[data-document='5'] button")!.click();
  await seen(() => text("dialog").includes("encrypted"));
  expect(document.querySelector("dialog input[type=password]")).not.toBeNull();
});
