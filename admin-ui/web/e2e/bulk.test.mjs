//! Many rows at once: chosen by pointer and keyboard, changed, deleted and brought back.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Api } from "./api.mjs";
import { GATEWAY_URL, launch, logIn, withPage } from "./browser.mjs";

const KEYS = 700;
const CHANNELS = 12;
const SIZE = { viewport: { width: 1440, height: 900 } };

let browser;
let api;

before(async () => {
  api = await Api.logIn();
  browser = await launch();
});

beforeEach(async () => {
  await api.replaceEverything({
    channels: Array.from({ length: CHANNELS }, (_, number) => ({
      id: `ch_${number}`,
      name: `Channel ${String.fromCharCode(65 + number)}`,
      base_url: `https://upstream-${number}.example/v1`,
      keys: [`sk-upstream-key-of-channel-${number}`],
      models: ["gpt-4o", ...(number === 3 ? [] : [`model-${number}`])],
      priority: number % 2,
      weight: CHANNELS - number,
      tags: [number % 2 === 0 ? "eu" : "us"],
    })),
    keys: Array.from({ length: KEYS }, (_, number) => ({
      id: `ck_${number}`,
      name: `Key ${String(number).padStart(4, "0")}`,
      hint: `sk-${String(number).padStart(4, "0")}…wxyz`,
      hash: number.toString(16).padStart(64, "0"),
      tags: [`team-${number % 2}`],
      limits: {},
    })),
  });
});

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
});

const check = (page, name) => page.getByRole("checkbox", { name: `Select ${name}`, exact: true });
const bar = (page) => page.getByRole("toolbar", { name: "Selection" });
const act = (page, name) => bar(page).getByRole("button", { name, exact: true }).click();
const toast = (page, text) => page.getByRole("region", { name: text });

async function visit(page, path) {
  await page.goto(`${GATEWAY_URL}/admin/${path}`);
  await page.locator("tr[data-row]").first().waitFor();
}

/** Asks until it holds, which takes a moment after the panel says so. */
async function until(what, holds) {
  const deadline = Date.now() + 5_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const disabled = (list) => list.filter(({ enabled }) => !enabled).map(({ id }) => id);

test("a range of channels is disabled, and enabled again by undo", async () => {
  await withPage(browser, SIZE, async (page) => {
    await logIn(page);
    await visit(page, "channels");
    await check(page, "Channel A").check();
    // Those of the first priority come first: A, C, E.
    await check(page, "Channel E").click({ modifiers: ["Shift"] });
    await bar(page).getByText("3 selected").waitFor();
    await act(page, "Disable");
    await toast(page, "3 channels disabled.").getByRole("button", { name: "Undo" }).waitFor();
    assert.deepEqual(disabled(await api.channels()), ["ch_0", "ch_2", "ch_4"]);
    await toast(page, "3 channels disabled.").getByRole("button", { name: "Undo" }).click();
    await until("undone", async () => disabled(await api.channels()).length === 0);
    // The panel hears of it a moment after the gateway has done it.
    await page.getByText("3 channels disabled.").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Clear selection" }).click();
    assert.equal(await bar(page).count(), 0);
  });
});

test("an undo does not overwrite what others have changed meanwhile without asking", async () => {
  await withPage(browser, { ...SIZE, refused: [412] }, async (page) => {
    await logIn(page);
    await visit(page, "channels");
    await check(page, "Channel A").check();
    await act(page, "Disable");
    const undo = toast(page, "1 channel disabled.");
    await undo.getByRole("button", { name: "Undo" }).hover();
    await api.changeChannel("ch_0", { weight: 99 });
    await undo.getByRole("button", { name: "Undo" }).click();
    await page.getByText("Some of them were changed meanwhile").waitFor();
    assert.deepEqual(disabled(await api.channels()), ["ch_0"]);
    await page.getByRole("button", { name: "Undo anyway" }).click();
    await until("undone", async () => disabled(await api.channels()).length === 0);
    const [first] = await api.channels();
    assert.equal(first.weight, 99);
  });
});

test("tags, priority, weight and models of several channels are set with the keyboard", async () => {
  await withPage(browser, { ...SIZE, refused: [400] }, async (page) => {
    await logIn(page);
    await visit(page, "channels?tag=us");
    await page.getByRole("checkbox", { name: "Select all" }).focus();
    await page.keyboard.press("Space");
    await bar(page).getByText("6 selected").waitFor();

    await act(page, "Tags…");
    const tags = page.getByRole("dialog", { name: "Tags of 6 channels" });
    await tags.getByLabel("Add tags").fill("prod");
    await page.keyboard.press("Enter");
    await tags.getByRole("button", { name: "Apply to 6 channels" }).click();
    await toast(page, "6 channels changed.").waitFor();
    const tagged = (await api.channels()).filter((one) => one.tags.includes("prod"));
    assert.deepEqual(
      tagged.map(({ tags: all }) => all),
      Array(6).fill(["us", "prod"]),
    );

    await act(page, "Priority, weight…");
    const rank = page.getByRole("dialog", { name: "Priority and weight of 6 channels" });
    await rank.getByLabel("Priority").fill("5000");
    await rank.getByRole("button", { name: "Apply to 6 channels" }).click();
    await rank.getByText("must be a whole number from 0 to 1000").first().waitFor();
    await rank.getByLabel("Priority").fill("7");
    await rank.getByRole("button", { name: "Apply to 6 channels" }).click();
    await page.getByText("Priority 7").waitFor();
    const ranked = (await api.channels()).filter(({ priority }) => priority === 7);
    assert.deepEqual(
      ranked.map(({ weight }) => weight),
      [11, 9, 7, 5, 3, 1],
    );

    await act(page, "Models…");
    const models = page.getByRole("dialog", { name: "Models of 6 channels" });
    await models.getByRole("button", { name: "Remove", exact: true }).click();
    await models.getByRole("textbox", { name: "Models" }).fill("gpt-4o");
    await page.keyboard.press("Enter");
    await models.getByRole("button", { name: "Apply to 6 channels" }).click();
    // The only model of this one: nothing is changed.
    await models.getByText("Channel D models").waitFor();
    await models.getByRole("button", { name: "Add", exact: true }).click();
    await models.getByRole("textbox", { name: "Models" }).fill("new-model");
    await page.keyboard.press("Enter");
    await models.getByRole("button", { name: "Apply to 6 channels" }).click();
    await models.waitFor({ state: "detached" });
    const channel = (await api.channels()).find(({ id }) => id === "ch_3");
    assert.deepEqual(channel.models, ["gpt-4o", "new-model"]);
  });
});

test("all keys that a tag finds are chosen, loaded or not, deleted and brought back", async () => {
  await withPage(browser, SIZE, async (page) => {
    await logIn(page);
    await visit(page, "keys?tag=team-1&sort=name");
    await page.getByRole("checkbox", { name: "Select all" }).click();
    await bar(page).getByText("350 selected").waitFor();
    await check(page, "Key 0001").uncheck();
    await bar(page).getByText("349 selected").waitFor();

    await act(page, "Delete…");
    const question = page.getByRole("dialog", { name: "Delete 349 keys?" });
    await question.getByRole("button", { name: "Delete (349)" }).click();
    await toast(page, "Deleting 349 keys.").waitFor();
    await check(page, "Key 0003").waitFor({ state: "detached" });
    await check(page, "Key 0001").waitFor();
    await toast(page, "Deleting 349 keys.").getByRole("button", { name: "Undo" }).click();
    await check(page, "Key 0003").waitFor();
    assert.equal((await api.keys()).length, KEYS);

    await check(page, "Key 0003").check();
    await check(page, "Key 0007").click({ modifiers: ["Shift"] });
    await act(page, "Delete…");
    await page.getByRole("button", { name: "Delete (3)" }).click();
    await toast(page, "Deleting 3 keys.").waitFor();
    await page.mouse.move(0, 0);
    await toast(page, "Deleting 3 keys.").waitFor({ state: "detached", timeout: 20_000 });
    const left = new Set((await api.keys()).map(({ id }) => id));
    assert.equal(left.size, KEYS - 3);
    assert.ok(["ck_3", "ck_5", "ck_7"].every((id) => !left.has(id)));
    await page.getByText(`${KEYS / 2 - 3} keys`).waitFor();
  });
});

test("another search gives the selection up", async () => {
  await withPage(browser, SIZE, async (page) => {
    await logIn(page);
    await visit(page, "keys?sort=name");
    await check(page, "Key 0001").check();
    await bar(page).getByText("1 selected").waitFor();
    await bar(page)
      .getByRole("button", { name: `Select all ${KEYS}` })
      .click();
    await bar(page).getByText(`${KEYS} selected`).waitFor();
    await page.getByRole("searchbox", { name: "Search" }).fill("0002");
    await bar(page).waitFor({ state: "detached" });
  });
});

test("channels are sorted by their columns", async () => {
  await withPage(browser, SIZE, async (page) => {
    await logIn(page);
    await visit(page, "channels");
    const names = () =>
      page.locator("tr[data-row] .table__link").evaluateAll((links) => links.map((a) => a.text));
    const head = (name) => page.getByRole("columnheader", { name, exact: true });
    assert.equal(await head("Share").getAttribute("aria-sort"), "none");
    await head("Share").getByRole("button").click();
    await until("sorted by weight", async () =>
      (await names()).join().startsWith("Channel A,Channel B"),
    );
    assert.equal(await head("Share").getAttribute("aria-sort"), "descending");
    assert.match(page.url(), /sort=weight/);
    assert.equal(await page.locator(".table__group").count(), 0);
    await head("Share").getByRole("button").click();
    await until("the other way round", async () => (await names())[0] === "Channel L");
    await head("Share").getByRole("button").click();
    await page.locator(".table__group").first().waitFor();
    assert.equal((await names())[1], "Channel C");
  });
});

test("it fits a phone, in the dark", async () => {
  const phone = { viewport: { width: 390, height: 844 }, colorScheme: "dark" };
  await withPage(browser, phone, async (page) => {
    await logIn(page);
    await visit(page, "channels");
    await check(page, "Channel A").check();
    await bar(page).getByRole("button", { name: "Select all 12" }).click();
    await bar(page).getByText("12 selected").waitFor();
    const { scrollWidth, innerWidth } = await page.evaluate(() => ({
      scrollWidth: document.documentElement.scrollWidth,
      innerWidth,
    }));
    assert.ok(scrollWidth <= innerWidth, `${scrollWidth} > ${innerWidth}`);
  });
});
