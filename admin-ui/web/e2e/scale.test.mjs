//! The panel with 2,000 client keys and 300 channels: how long it takes, how much stays in the document, and what it
//! polls. The figures are printed; what is asserted leaves room for slow machines.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Api } from "./api.mjs";
import { GATEWAY_URL, launch, logIn, withPage } from "./browser.mjs";

const KEYS = 2_000;
const CHANNELS = 300;
/** What is aimed at, times this, is what fails. */
const MARGIN = Number(process.env.SCALE_MARGIN ?? 4);
const FIRST_ROWS_MS = 1_000;
const LONG_TASK_MS = 100;
const KEY_MS = 50;
const DIALOG_MS = 200;
const POLLED_BYTES = 100_000;
/** Rows in the document, whatever the length of the list. */
const MOST_ROWS = 120;

let browser;
let api;

before(async () => {
  api = await Api.logIn();
  browser = await launch();
  await api.replaceEverything({
    channels: Array.from({ length: CHANNELS }, (_, number) => ({
      id: `ch_${number}`,
      name: `Channel ${number}`,
      base_url: `https://upstream-${number}.example/v1`,
      keys: [`sk-upstream-key-of-channel-${number}`],
      models: ["gpt-4o", `model-${number}`],
      priority: number % 3,
      tags: [number % 2 === 0 ? "eu" : "us"],
    })),
    keys: Array.from({ length: KEYS }, (_, number) => ({
      id: `ck_${number}`,
      name: `Key ${String(number).padStart(4, "0")}`,
      hint: `sk-${String(number).padStart(4, "0")}…wxyz`,
      hash: number.toString(16).padStart(64, "0"),
      tags: [`team-${number % 20}`],
      limits: { requests_per_minute: 60, tokens_per_day: 100_000 },
    })),
  });
});

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
});

/** Notes when the first row comes, and every task and event that takes long. */
function observe() {
  window.seen = { rows: null, tasks: [], events: [] };
  new MutationObserver((_, observer) => {
    if (document.querySelector("tr[data-row]") !== null) {
      window.seen.rows = performance.now();
      observer.disconnect();
    }
  }).observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => {
    window.seen.tasks.push(...list.getEntries().map(({ duration }) => duration));
  }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) {
      window.seen.events.push({ name, duration });
    }
  }).observe({ type: "event", durationThreshold: 16 });
}

const rowsOf = (page) => page.locator("tr[data-row]");
const longest = (page) => page.evaluate(() => Math.max(0, ...window.seen.tasks));

/** The longest of these events, from the input to the next frame. */
function slowest(page, names) {
  return page.evaluate(
    (wanted) =>
      Math.max(
        0,
        ...window.seen.events
          .filter(({ name }) => wanted.includes(name))
          .map(({ duration }) => duration),
      ),
    names,
  );
}

/** Bytes over the wire per minute, heads included, measured over some seconds. */
async function polled(page, seconds) {
  const session = await page.context().newCDPSession(page);
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await session.send("Network.enable");
  await page.waitForTimeout(seconds * 1_000);
  await session.detach();
  return Math.round((bytes * 60) / seconds);
}

function judge(what, measured, aim, unit = "ms") {
  console.log(`${what}: ${Math.round(measured)} ${unit} (aim: ${aim})`);
  assert.ok(measured <= aim * MARGIN, `${what}: ${measured} ${unit}`);
}

async function visit(page, path) {
  await page.addInitScript(observe);
  await page.goto(`${GATEWAY_URL}/admin/${path}`);
  await rowsOf(page).first().waitFor();
  return page.evaluate(() => window.seen.rows);
}

test("two thousand keys are shown, searched, sorted and walked through", async () => {
  await withPage(browser, { viewport: { width: 1440, height: 900 } }, async (page) => {
    await logIn(page);
    judge("keys: first rows", await visit(page, "keys"), FIRST_ROWS_MS);
    await page.getByText(`${KEYS} keys`).waitFor();
    assert.ok((await rowsOf(page).count()) <= MOST_ROWS);

    const search = page.getByRole("searchbox", { name: "Search" });
    await search.pressSequentially("wxyz 1234", { delay: 60 });
    await page.getByText("1 key", { exact: true }).waitFor();
    assert.equal(await rowsOf(page).count(), 1);
    judge("keys: a key in the search", await slowest(page, ["keydown", "input"]), KEY_MS);
    assert.match(page.url(), /q=wxyz\+1234/);

    await page.getByRole("button", { name: "Edit Key 1234" }).click();
    await page.getByRole("dialog").waitFor();
    judge("keys: a dialog", await slowest(page, ["click", "pointerup", "mouseup"]), DIALOG_MS);
    await page.getByRole("button", { name: "Cancel" }).click();

    await search.fill("");
    await page.getByText(`${KEYS} keys`).waitFor();
    await page.getByRole("button", { name: "team-7", exact: true }).first().click();
    await page.getByText(`${KEYS / 20} keys`).waitFor();
    await page.getByRole("button", { name: "Remove team-7" }).click();
    await page.getByText(`${KEYS} keys`).waitFor();

    const name = page.getByRole("columnheader", { name: "Name" });
    await name.getByRole("button").click();
    await page.locator("tr[data-row=ck_0]").waitFor();
    await name.getByRole("button").click();
    await page.locator(`tr[data-row=ck_${KEYS - 1}]`).waitFor();
    assert.equal(await name.getAttribute("aria-sort"), "descending");

    const last = page.locator("tr[data-row=ck_0]");
    const deadline = Date.now() + 60_000;
    while ((await last.count()) === 0) {
      assert.ok(Date.now() < deadline, "the end of the list is never reached");
      await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
      await page.waitForTimeout(50);
      assert.ok((await rowsOf(page).count()) <= MOST_ROWS);
    }
    judge("keys: the longest task", await longest(page), LONG_TASK_MS);
    await page.evaluate(() => scrollTo(0, 0));
    judge("keys: polled per minute", await polled(page, 20), POLLED_BYTES, "bytes");
  });
});

test("three hundred channels are shown and searched", async () => {
  await withPage(browser, { viewport: { width: 1440, height: 900 } }, async (page) => {
    await logIn(page);
    judge("channels: first rows", await visit(page, "channels"), FIRST_ROWS_MS);
    await page.getByText(`${CHANNELS} channels`).waitFor();
    assert.ok((await rowsOf(page).count()) <= MOST_ROWS);
    const search = page.getByRole("searchbox", { name: "Search" });
    await search.pressSequentially("upstream-123.", { delay: 60 });
    await page.locator("tr[data-row=ch_122]").waitFor({ state: "detached" });
    await page.locator("tr[data-row=ch_123]").waitFor();
    // Its group's head and itself.
    assert.equal(await rowsOf(page).count(), 2);
    judge("channels: a key in the search", await slowest(page, ["keydown", "input"]), KEY_MS);
    await search.fill("");
    await page.locator("tr[data-row=ch_0]").waitFor();
    judge("channels: the longest task", await longest(page), LONG_TASK_MS);
    judge("channels: polled per minute", await polled(page, 13), POLLED_BYTES, "bytes");
  });
});

test("the overview polls little, however much there is", async () => {
  await withPage(browser, { viewport: { width: 1440, height: 900 } }, async (page) => {
    await page.addInitScript(observe);
    await logIn(page);
    await page.getByRole("region", { name: "Channels" }).waitFor();
    judge("overview: the longest task", await longest(page), LONG_TASK_MS);
    judge("overview: polled per minute", await polled(page, 16), POLLED_BYTES, "bytes");
  });
});
