// Tasks over all documents: what was cut off is carried on with, a long document asks, a cancelled task leaves no error.
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { afterEach, expect, it } from "vitest";
import { atWork, carryOn, tasksOf } from "../src/state/tasks.svelte";

afterEach(() => clearMocks());
const run = (id: number, task: string) => ({ id, task, claims: [] });

it("carries on with unfinished tasks one after the other", async () => {
  const running: number[] = [];
  mockIPC(async (command, args) => {
    if (command === "unfinished") return [{ id: 8, document: 31, task: "summary" }, { id: 9, document: 32, task: "fields" }];
    await new Promise((r) => setTimeout(r, 5));
    running.push(atWork.length);
    return run((args as { job: number }).job, (args as { job: number }).job === 8 ? "summary" : "fields");
  });
  await carryOn();
  expect(running).toEqual([1, 1]);
  expect(atWork).toHaveLength(0);
  expect(tasksOf(31).of("summary").map((r) => r.id)).toEqual([8]);
  expect(tasksOf(32).of("fields").map((r) => r.id)).toEqual([9]);
});

it("a failure is shown as one, never as a result; a cancelled task is neither", async () => {
  const answers = [{ code: "failed", message: "No." }, { code: "cancelled", message: "Stopped." }, { code: "too_long", message: "Long." }];
  mockIPC(async () => {
    throw answers.shift();
  });
  const tasks = tasksOf(33);
  await tasks.start({ task: "summary", rules_only: false });
  expect(tasks.failed.summary?.message).toBe("No.");
  await tasks.start({ task: "summary", rules_only: false });
  expect(tasks.failed.summary).toBeUndefined();
  expect(tasks.asking).toBeNull();
  await tasks.start({ task: "summary", rules_only: false });
  expect(tasks.asking?.message).toBe("Long.");
  expect(tasks.runs).toHaveLength(0);
});
