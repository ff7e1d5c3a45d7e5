import react from "@vitejs/plugin-react";
import { VitePWA } from "vite-plugin-pwa";
import { defineConfig } from "vitest/config";
import { catalogues } from "./catalogues.ts";

const api = process.env.API || "http://127.0.0.1:7071";

export default defineConfig({
  plugins: [
    catalogues(),
    react(),
    VitePWA({
      registerType: "prompt",
      injectRegister: false,
      manifest: {
        name: "evcharging",
        short_name: "evcharging",
        start_url: "/",
        display: "standalone",
        theme_color: "#08382b",
        background_color: "#f5f2ea",
        icons: [{ src: "/icon.svg", sizes: "any", type: "image/svg+xml", purpose: "any" }],
      },
      workbox: {
        globPatterns: ["**/*.{js,css,html,svg,woff2}"],
        navigateFallbackDenylist: [/^\/api\//, /^\/dev/],
      },
    }),
  ],
  build: {
    target: "es2022",
    manifest: true,
    assetsInlineLimit: 0,
    // What every page loads comes as one file: many small ones compress worse.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "shell", test: /\/src\/(main|app\/.*)\.tsx$/ }] } } },
  },
  server: { port: 5150, strictPort: true, proxy: { "/api": { target: api, changeOrigin: false } } },
  test: { include: ["src/**/*.test.ts"], setupFiles: ["src/texts/english.setup.ts"], env: { TZ: "UTC" } },
});
