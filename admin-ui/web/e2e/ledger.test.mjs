//! What the ledger knows, as a person sees it: the overview, the log of requests, limits and prices.
//! Real requests through the gateway, to an upstream of our own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAs } from "./api.mjs";
import { GATEWAY_URL, logIn, tabTo, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();

/** A channel that works behind one that fails, and a key. */
async function stage() {
  await api.createChannel({
    name: "Failing",
    base_url: upstream.url,
    keys: ["sk-a-0123456789-failing"],
    models: ["alpha"],
  });
  await api.createChannel({
    name: "Working",
    base_url: upstream.url,
    keys: ["sk-b-0123456789-works"],
    models: ["alpha", "beta"],
    priority: 1,
  });
  const made = await api.createKey({ name: "traced" });
  return { key: made.key, id: made.id };
}

const addressOf = (page) => page.evaluate(() => location.pathname + location.search);

test("a request is in the log with its attempts, tokens and time, by keyboard alone", async () => {
  const { key, id } = await stage();
  await chatAs(key, "alpha", 200);
  await api.recorded(1, { key: id });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Requests");
    const row = page.getByRole("row").filter({ hasText: "traced" }).first();
    await row.getByText("200 complete").waitFor();
    const open = row.getByRole("button");
    await tabTo(page, open);
    assert.equal(await open.getAttribute("aria-expanded"), "false");
    await page.keyboard.press("Enter");
    assert.equal(await open.getAttribute("aria-expanded"), "true");
    const attempts = page.getByRole("table", { name: "Attempts" }).getByRole("row");
    await attempts.filter({ hasText: "Failing" }).getByText("500 · server error").waitFor();
    await attempts.filter({ hasText: "Working" }).getByText("200 · answered").waitFor();
    const facts = page.locator(".detail .facts");
    for (const text of ["/v1/chat/completions", "11", "7", "the upstream"]) {
      await facts.getByText(text, { exact: true }).first().waitFor();
    }
    await page.keyboard.press("Enter");
    await page.locator(".waterfall").waitFor({ state: "detached" });
  });
});

test("filters are in the address and outlive a reload; older requests come when asked for", async () => {
  const { key, id } = await stage();
  for (let turn = 0; turn < 55; turn += 1) {
    await chatAs(key, "beta", 200);
  }
  await chatAs(key, "unknown-model", 404);
  await api.recorded(1, { key: id, status: "404" });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Requests");
    await page.getByLabel("Client key", { exact: true }).selectOption("traced");
    const rows = page.locator(".log__row");
    await page.getByText("50 shown").waitFor();
    await page.getByRole("button", { name: "Load older" }).click();
    await page.getByText("56 shown").waitFor();
    assert.equal(await rows.count(), 56);
    assert.equal(await page.getByRole("button", { name: "Load older" }).count(), 0);

    await page.getByLabel("Status").selectOption("error");
    await page.getByText("1 shown").waitFor();
    await rows.getByText("404 unknown model").waitFor();
    assert.equal(await addressOf(page), `/admin/requests?key=${id}&status=error`);
    await page.reload();
    await page.getByText("1 shown").waitFor();

    await page.getByLabel("Status").selectOption("");
    await page.getByLabel("Model", { exact: true }).fill("nothing-like-it");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "No request matches" }).waitFor();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await rows.first().waitFor();
    assert.equal(await addressOf(page), "/admin/requests");
  });
});

test("the log goes on by itself while it is looked at", async () => {
  const { key, id } = await stage();
  await chatAs(key, "beta", 200);
  await api.recorded(1, { key: id });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Requests");
    await page.getByLabel("Client key", { exact: true }).selectOption("traced");
    await page.getByText("1 shown").waitFor();
    await page.locator(".log__open").click();
    await page.locator(".waterfall").waitFor();
    await chatAs(key, "beta", 200);
    await page.getByText("2 shown").waitFor();
    assert.equal(await page.locator(".waterfall").count(), 1, "what is open stays open");
  });
});

test("the overview draws usage, shows whose it is, and has the same as a table", async () => {
  const { key, id } = await stage();
  await api.changeSettings({
    prices: { beta: { prompt: 1_000_000_000_000, cached: null, completion: 0 } },
  });
  for (let turn = 0; turn < 3; turn += 1) {
    await chatAs(key, "beta", 200);
  }
  await api.recorded(3, { key: id });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    await page.getByRole("link", { name: "Usage of traced" }).click();
    await page.getByRole("button", { name: "Client key: traced" }).waitFor();
    const chart = page.getByRole("region", { name: "Requests", exact: true });
    await chart.getByText("3", { exact: true }).waitFor();
    const canvas = chart.locator("canvas");
    await canvas.waitFor();
    const isDrawn = await canvas.evaluate((element) => {
      const { data } = element.getContext("2d").getImageData(0, 0, element.width, element.height);
      return data.some((value) => value !== 0);
    });
    assert.ok(isDrawn, "the chart is blank");
    // 3 × 11 tokens at a dollar each.
    await page.getByRole("region", { name: "Cost" }).getByText("$33.00", { exact: true }).waitFor();

    const table = page.getByRole("table", { name: "By model" });
    await table.getByRole("rowheader", { name: "beta" }).waitFor();
    await page.getByRole("button", { name: "By channel", exact: true }).click();
    await page
      .getByRole("table", { name: "By channel", exact: true })
      .getByRole("rowheader", { name: "Working" })
      .waitFor();
    await page.getByText("As a table").click();
    const hours = page.getByRole("table", { name: "As a table" }).getByRole("row");
    assert.equal(await hours.count(), 2);
    await hours.nth(1).getByText("$33.00").waitFor();

    await page.getByRole("button", { name: "30 days" }).click();
    await page.waitForFunction(() => location.search.includes("range=30d"));
    await chart.getByText("3", { exact: true }).waitFor();
    await page.getByRole("rowheader", { name: "Working" }).getByRole("link").click();
    await page.getByText("3 shown").waitFor();
  });
});

test("errors are grouped by their reasons, which lead to the requests", async () => {
  const { key, id } = await stage();
  await chatAs(key, "beta", 200);
  await chatAs(key, "unknown-model", 404);
  await api.recorded(1, { key: id, reason: "model_not_found" });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    await page.getByRole("link", { name: "Usage of traced" }).click();
    await page.getByRole("button", { name: "By reason" }).click();
    const table = page.getByRole("table", { name: "By reason" });
    const row = table.getByRole("row").filter({ hasText: "unknown model" });
    await row.waitFor();
    assert.deepEqual(await row.getByRole("cell").allTextContents(), ["1"]);
    await row.getByRole("link").click();
    await page.getByText("1 shown").waitFor();
    assert.equal(await page.getByLabel("Reason", { exact: true }).inputValue(), "model_not_found");
    assert.equal(await addressOf(page), `/admin/requests?key=${id}&reason=model_not_found`);

    await page.goto(`${GATEWAY_URL}/admin/overview?channel=ch_1&group=reason`);
    await page.getByRole("button", { name: "By model" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "By reason" }).count(), 0);
  });
});

test("what needs attention is on the first page, with why and for how long", async () => {
  await api.createChannel({
    name: "Tired",
    base_url: upstream.url,
    keys: ["sk-a-0123456789-throttled", "sk-b-0123456789-refused"],
    models: ["alpha"],
  });
  await api.createChannel({ name: "Spare", base_url: upstream.url, keys: [], priority: 1 });
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const { key } = await api.createKey({ name: "ending", expires_at: soon });
  for (let turn = 0; turn < 3; turn += 1) {
    await chatAs(key, "alpha", 200);
  }
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    const attention = page.getByRole("region", { name: "Needs attention" });
    const tired = attention.getByRole("listitem").filter({ hasText: "Tired" });
    await tired.getByText(/for (1 min )?\d+ s/).waitFor();
    await attention.getByRole("listitem").filter({ hasText: "ending" }).waitFor();
    await attention.getByText("Unencrypted keys").waitFor();
    const fleet = page.getByRole("region", { name: "Channels" }).getByRole("listitem");
    await fleet.filter({ hasText: "Spare" }).getByText("Healthy").waitFor();
    await tired.getByRole("link", { name: "Tired" }).click();
    await page.getByRole("heading", { name: "Tired" }).waitFor();
  });
});

test("a key shows what is used of its limits and when it was used last", async () => {
  await api.createChannel({ name: "One", base_url: upstream.url, keys: [], models: ["alpha"] });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    await page.getByRole("button", { name: "Create key" }).click();
    await page.getByLabel("Name").fill("bounded");
    await page.getByLabel("Requests / minute").fill("30");
    await page.getByLabel("Tokens / day").fill("20");
    await page.getByLabel("$ / month").fill("12.5");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const key = await page.getByLabel("Client key", { exact: true }).inputValue();
    await page.getByRole("button", { name: "Done" }).click();
    const row = page.getByRole("row").filter({ hasText: "bounded" });
    await row.getByText("not used yet").waitFor();
    await chatAs(key, "alpha", 200);
    const [{ id, limits }] = await api.keys();
    assert.equal(limits.monthly_budget_micro_usd, 12_500_000);
    await api.recorded(1, { key: id });
    await page.reload();
    await row.getByText("1 of 30").waitFor();
    await row.getByText("18 of 20").waitFor();
    await row.getByText("$0.00 of $12.50").waitFor();
    assert.equal(await row.getByText("not used yet").count(), 0);

    await page.getByRole("link", { name: "Overview", exact: true }).click();
    const attention = page.getByRole("region", { name: "Needs attention" });
    await attention.getByRole("listitem").filter({ hasText: "bounded" }).waitFor();
  });
});

test("prices are typed in dollars and kept to the micro-dollar; the ledger can be switched off", async () => {
  await withPage(browser, { refused: [400, 412] }, async (page) => {
    await logIn(page, "Settings");
    const prices = page.getByRole("form", { name: "Prices" });
    await prices.getByRole("button", { name: "Add model" }).click();
    await prices.getByLabel("Model").fill("gpt-4o");
    await prices.getByLabel("In", { exact: true }).fill("cheap");
    await prices.getByLabel("Out").fill("0.1");
    await prices.getByRole("button", { name: "Save" }).click();
    await prices.getByText("Not saved").waitFor();
    assert.equal(await prices.getByLabel("In", { exact: true }).inputValue(), "cheap");
    await prices.getByLabel("In", { exact: true }).fill("2.5");
    await prices.getByRole("button", { name: "Save" }).click();
    await prices.getByText("Saved.").waitFor();

    const ledger = page.getByRole("form", { name: "Ledger" });
    await ledger.getByRole("switch", { name: "Record requests" }).click();
    await ledger.getByRole("switch", { name: "Keep conversations" }).click();
    await ledger.getByText("Prompts and answers are then kept").waitFor();
    await ledger.getByLabel("Days kept").fill("7");
    await ledger.getByRole("button", { name: "Save" }).click();
    await ledger.getByText("Saved.").waitFor();
  });
  const settings = await api.settings();
  const { prompt, completion } = settings.prices["gpt-4o"];
  assert.deepEqual([prompt, completion], [2_500_000, 100_000]);
  const { ledger, request_log_days, responses_store } = settings;
  assert.deepEqual([ledger, request_log_days, responses_store], [false, 7, true]);
});

test("default models and trusted proxies are set in the settings", async () => {
  await withPage(browser, { refused: [400, 412] }, async (page) => {
    await logIn(page, "Settings");
    const models = page.getByRole("form", { name: "Default models" });
    await models.getByRole("button", { name: "Add row" }).click();
    await models.getByLabel("Operation").selectOption("moderations");
    await models.getByRole("button", { name: "Save" }).click();
    await models.locator(".field__error").getByText("default_models.moderations").waitFor();
    await models.getByLabel("Model", { exact: true }).fill("omni");
    await models.getByRole("button", { name: "Save" }).click();
    await models.getByText("Saved.").waitFor();
    await models.getByRole("button", { name: "Add row" }).click();
    const second = models.getByLabel("Operation").nth(1);
    assert.ok(!(await second.locator("option").allTextContents()).includes("moderations"));

    const proxies = page.getByRole("form", { name: "Reverse proxies" });
    const networks = proxies.getByLabel("Trusted proxies");
    await networks.fill("10.1.2.3/8\nlocalhost");
    await proxies.getByRole("button", { name: "Save" }).click();
    await proxies.locator(".field__error").getByText("trusted_proxies[1] must be").waitFor();
    assert.equal(await networks.getAttribute("aria-invalid"), "true");
    await networks.fill(" 10.1.2.3/8\n\nfd00::/8 ");
    await proxies.getByRole("button", { name: "Save" }).click();
    await proxies.getByText("Saved.").waitFor();
    // As the gateway writes them; what is typed elsewhere stays.
    assert.equal(await networks.inputValue(), "10.0.0.0/8\nfd00::/8");
    assert.equal(await models.getByLabel("Operation").count(), 2);
  });
  const { default_models, trusted_proxies } = await api.settings();
  assert.deepEqual(default_models, { moderations: "omni" });
  assert.deepEqual(trusted_proxies, ["10.0.0.0/8", "fd00::/8"]);
});

test("a channel's own prices are kept with it", async () => {
  const { id } = await api.createChannel({ name: "One", base_url: upstream.url, keys: [] });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Channels");
    await page.getByRole("link", { name: "One", exact: true }).click();
    await page.locator("summary").click();
    await page.getByRole("button", { name: "Add model" }).click();
    const prices = page.getByRole("group", { name: "Prices" });
    await prices.getByLabel("Model").fill("alpha");
    await prices.getByLabel("In", { exact: true }).fill("0.15");
    await prices.getByLabel("Cached").fill("0.075");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
  });
  const channel = (await api.channels()).find((one) => one.id === id);
  assert.deepEqual(channel.prices, { alpha: { prompt: 150_000, cached: 75_000, completion: 0 } });
});
