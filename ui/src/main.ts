// Starts the page. In a build for looking (`--mode mock`) the engine is played by src/mocks.ts.
import { mount } from "svelte";
import "./app.css";

if (import.meta.env.MODE === "mock") {
  (await import("./mocks")).install();
}
const { default: App } = await import("./App.svelte");
const target = document.getElementById("app");
if (target) mount(App, { target });
