// Build of the window's page. Everything pdf.js needs at run time is copied beside it: nothing comes from the network.
import { cpSync } from "node:fs";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const PDFJS_FOLDERS = ["cmaps", "standard_fonts", "wasm", "iccs"];

/** Character maps, fonts, colour profiles and decoders of pdf.js, under `pdfjs/`. */
function pdfjsFiles(): Plugin {
  let outDir = "dist";
  return {
    name: "pdfjs-files",
    apply: "build",
    configResolved(config) {
      outDir = config.build.outDir;
    },
    closeBundle() {
      for (const folder of PDFJS_FOLDERS) {
        cpSync(`node_modules/pdfjs-dist/${folder}`, `${outDir}/pdfjs/${folder}`, { recursive: true });
      }
      cpSync("node_modules/pdfjs-dist/LICENSE", `${outDir}/pdfjs/LICENSE`);
    },
  };
}

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), tailwindcss(), pdfjsFiles()],
  // Component tests need the browser's Svelte, not the server's.
  resolve: mode === "test" ? { conditions: ["browser"] } : {},
  build: { target: "safari16", sourcemap: false, chunkSizeWarningLimit: 1200 },
  server: { port: 5173, strictPort: true },
  worker: { format: "es" },
  test: { environment: "jsdom", include: ["tests/**/*.test.ts"] },
}));
