import { defineConfig, type Plugin } from "vite";

/**
 * The parser of Markdown without what makes HTML of it, a fifth of its weight: the panel draws the tokens itself. The package
 * is one file that cannot be split otherwise; another version of it may stop the build here.
 */
const markdownLexerOnly: Plugin = {
  name: "markdown-lexer-only",
  apply: "build",
  transform(code, id) {
    if (!id.endsWith("/marked/lib/marked.esm.js")) {
      return null;
    }
    const renderer = code.search(/var \w+=class\{options;parser;/);
    const lexer = /[{,](\w+) as Lexer\b/.exec(code)?.[1];
    if (renderer < 0 || lexer === undefined || code.search(/\bLexer\b/) < renderer) {
      this.error("marked has another form than expected: see vite.config.ts");
    }
    return { code: `${code.slice(0, renderer)}export{${lexer} as Lexer};`, map: null };
  },
};

export default defineConfig({
  base: "/admin/",
  plugins: [markdownLexerOnly],
  build: {
    target: "es2022",
    // The first that know light-dark().
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // The page's content security policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // Three files instead of dozens, which would compress worse and cost a request each: what the first view needs, what
        // the other lists and pages about them need, and below them the pages that few open. What a module of a group
        // imports belongs to the group, unless an earlier one has it.
        codeSplitting: {
          groups: [
            { name: "first", test: /\/src\/main\.tsx$/ },
            {
              name: "lists",
              test: /\/src\/(pages\/(requests?|channels?|keys?|routing|member|audit)|bulk\/bar)\.tsx$/,
            },
          ],
        },
      },
    },
    // Source maps would double the component; `npm run dev` has them.
    sourcemap: false,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: {
    host: "127.0.0.1",
    proxy: { "/admin/api": "http://127.0.0.1:3000" },
  },
});
