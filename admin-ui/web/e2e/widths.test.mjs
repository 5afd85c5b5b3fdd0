//! Every page and every dialog that one click opens, from a small phone to a wide screen: nothing lies outside of what
//! contains it, no column is cut off, and text that is shortened can be read in full.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Api } from "./api.mjs";
import { GATEWAY_URL, launch, logIn, withPage } from "./browser.mjs";
import { fill } from "./stage.mjs";
import { startUpstream } from "./upstream.mjs";
import { FAULTS } from "./width-faults.mjs";

const WIDTHS = [360, 390, 640, 768, 1024, 1280, 1440, 2560];
/** The width at which buttons are tried out. */
const TRIED_AT = 1280;
/** Buttons that change, send or save something. */
const ACTS =
  /^(delete|remove|duplicate|copy|clear|stop|send|start|run|download|log out|create a key|create channel|show order|save|add row|add model|reload|undo|plain text|markdown)/i;

let api;
let browser;
let upstream;

before(async () => {
  api = await Api.logIn();
  upstream = await startUpstream();
  browser = await launch();
  // Durations of three digits, as real services have them.
  upstream.state.paceMs = 120;
  await fill(api, upstream);
  await makeLong();
});

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
  await upstream?.close();
});

/** Names as long as people give them, and as many limits as there are. */
async function makeLong() {
  await api.createChannel({
    name: "A channel whose name says what it is for and who pays for it (finance, until June)",
    base_url: "https://a-resource-with-a-long-name.region-one.inference.example.com/openai/v1",
    keys: ["sk-0123456789012345678901234567890123456789-works"],
    models: ["an-organisation/a-model-with-a-very-long-name-and-version-2026-11-30-preview"],
    tags: ["production", "finance and controlling", "paid-until-june-2027"],
  });
  await api.createKey({
    name: "the-nightly-evaluation-pipeline-of-the-search-and-ranking-group",
    tags: ["search-and-ranking", "evaluation", "owner:somebody.with.a.long.name@example.com"],
    models: [
      "an-organisation/a-model-with-a-very-long-name-and-version-2026-11-30-preview",
      "gpt-4o",
    ],
    expires_at: "2031-12-24T18:00:00Z",
    limits: {
      requests_per_minute: 1_200,
      tokens_per_minute: 2_000_000,
      tokens_per_day: 500_000_000,
      daily_budget_micro_usd: 250_000_000,
      monthly_budget_micro_usd: 5_000_000_000,
    },
  });
}

/** The pages that the router knows. */
function pages() {
  const source = readFileSync(new URL("../src/router.ts", import.meta.url), "utf8");
  const list = /export const PAGES = \[([^\]]*)\]/.exec(source)?.[1] ?? "";
  const names = [...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name);
  assert.ok(names.length >= 7, "the router's list of pages was not found");
  return names;
}

async function show(page, path) {
  await page.goto(`${GATEWAY_URL}/admin/${path}`);
  await page.locator("main h1").first().waitFor();
  await page.waitForLoadState("networkidle");
}

/** Pages, and one of each kind of item that they link to. */
async function places(page) {
  const [failed] = await api.requests({ status: "error", limit: "1" });
  const found = new Map(pages().map((name) => [name, name]));
  found.set("requests/one", `requests/${failed.id}`);
  for (const name of pages()) {
    await show(page, name);
    const links = await page
      .locator("main a[href^='/admin/']")
      .evaluateAll((all) => all.map((link) => link.pathname.slice("/admin/".length)));
    for (const link of links) {
      const [first, item] = link.split("/");
      if (item !== undefined && found.has(first)) {
        found.set(`${first}/${item === "new" ? "new" : "one"}`, link);
      }
    }
  }
  return [...found.values()];
}

/** Clicks one button of each kind, and looks at the dialogs that this opens; returns how many these are. */
async function checkDialogs(page, path, found) {
  const buttons = await page.locator("main button").evaluateAll((all) =>
    all.map((button, index) => ({
      index,
      name: button.innerText.trim() || button.title || button.textContent.trim(),
      kind: `${button.className} ${button.firstChild?.textContent ?? ""}`,
      isPlain:
        button.checkVisibility() &&
        button.type === "button" &&
        !["role", "aria-pressed", "aria-expanded"].some((name) => button.hasAttribute(name)) &&
        !button.disabled &&
        button.ariaDisabled !== "true" &&
        !button.className.includes("danger"),
    })),
  );
  const kinds = new Set();
  let dialogs = 0;
  for (const { index, name, kind, isPlain } of buttons) {
    if (!isPlain || ACTS.test(name) || kinds.has(kind)) {
      continue;
    }
    kinds.add(kind);
    await page.locator("main button").nth(index).click({ timeout: 2_000 });
    const isOpen = await page
      .locator("dialog[open]")
      .waitFor({ timeout: 400 })
      .then(
        () => true,
        () => false,
      );
    if (isOpen) {
      dialogs += 1;
      await page.waitForLoadState("networkidle");
      await check(page, `${path}, ${name}`, found);
    }
    await show(page, path);
  }
  return dialogs;
}

/** Looks at what is shown at every width. */
async function check(page, where, found) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
    for (const fault of await page.evaluate(FAULTS)) {
      found.add(`${where} at ${width}: ${fault}`);
    }
  }
  await page.setViewportSize({ width: TRIED_AT, height: 900 });
}

test("nothing is cut off at any width", { timeout: 400_000 }, async () => {
  const found = new Set();
  await withPage(browser, { viewport: { width: TRIED_AT, height: 900 } }, async (page) => {
    // What a click has put into a form may go.
    page.on("dialog", (question) => question.accept());
    await logIn(page);
    const all = await places(page);
    assert.ok(all.length >= pages().length + 4, `${all}`);
    let dialogs = 0;
    for (const path of all) {
      await show(page, path);
      dialogs += await checkDialogs(page, path, found);
      // Folded parts belong to the page.
      await page.locator("main details").evaluateAll((parts) => {
        for (const part of parts) {
          part.open = true;
        }
      });
      const folded = page.locator("main [aria-expanded='false']");
      if ((await folded.count()) > 0) {
        await folded.first().click();
      }
      await check(page, path, found);
    }
    assert.ok(dialogs >= 6, `${dialogs} dialogs were found`);
  });
  assert.deepEqual([...found].join("\n"), "");
});
