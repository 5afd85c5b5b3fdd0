import { defineConfig } from "vite";

export default defineConfig({
  base: "/admin/",
  build: {
    target: "es2022",
    // The first that know light-dark().
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // The page's content security policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Source maps would double the component; `npm run dev` has them.
    sourcemap: false,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: {
    host: "127.0.0.1",
    proxy: { "/admin/api": "http://127.0.0.1:3000" },
  },
});
