//! The audit log as an admin reads it: who changed an object, what it was before, and the same as a file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Api } from "./api.mjs";
import { findings, GATEWAY_URL, launch, logIn, withPage } from "./browser.mjs";

/** Names of this run: the log keeps what earlier ones did. */
const RUN = Date.now().toString(36);
const SECRET = "sk-audited-0123456789-middle-of-it-wxyz";

let browser;
let api;
let channel;

before(async () => {
  api = await Api.logIn();
  await api.deleteEverything();
  channel = await api.createChannel({
    name: `Audited ${RUN}`,
    base_url: "https://audited.example/v1",
    keys: [SECRET],
    models: ["alpha"],
    headers: { "x-team": "secret-of-the-team" },
  });
  await api.changeChannel(channel.id, { weight: 7, headers: { "x-team": "another-secret" } });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
});

const rows = (page) => page.locator(".log__row");

test("a channel leads to its history, which shows each member before and after", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Channels");
    await page.goto(`${GATEWAY_URL}/admin/channels/${channel.id}`);
    await page.getByRole("link", { name: "Change history" }).click();
    await page.getByRole("heading", { name: "Audit log", exact: true, level: 1 }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get("object"), channel.id);
    await rows(page).nth(1).waitFor();
    assert.equal(await rows(page).count(), 2);
    const newest = rows(page).first();
    await newest.getByText("Changed").waitFor();
    await newest.getByText("admin", { exact: true }).waitFor();
    await newest.getByText("headers.x-team, weight").waitFor();
    await newest.getByRole("button").click();
    const changes = page.getByRole("table", { name: "Changes" });
    const weight = changes.getByRole("row").filter({ hasText: "weight" });
    assert.deepEqual(await weight.getByRole("cell").allInnerTexts(), ["1", "7"]);
    const header = changes.getByRole("row").filter({ hasText: "headers.x-team" });
    assert.deepEqual(await header.getByRole("cell").allInnerTexts(), ["hidden", "hidden"]);
    // Nothing secret, also where all of the channel is shown.
    await rows(page).nth(1).getByRole("button").click();
    await page.getByText("sk-a…wxyz").waitFor();
    const text = await page.locator("main").innerText();
    assert.ok(!text.includes("middle-of-it") && !text.includes("of-the-team"), text);
    assert.deepEqual(await findings(page), []);
    // The way back to all entries, and to the channel.
    await page.getByRole("button", { name: `Remove ${channel.id}` }).click();
    await page.getByRole("button", { name: `Remove ${channel.id}` }).waitFor({ state: "detached" });
    await rows(page).nth(2).waitFor();
  });
});

test("entries are found by a search and by filters that are in the address", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Audit log");
    await page.getByRole("searchbox").fill(RUN);
    await page.waitForFunction(() => document.querySelectorAll(".log__row").length === 2);
    await page.getByLabel("Action").selectOption("create");
    await page.waitForFunction(() => document.querySelectorAll(".log__row").length === 1);
    await rows(page).getByText("Created").waitFor();
    await page.reload();
    await rows(page).getByText("Created").waitFor();
    assert.equal(await rows(page).count(), 1);
    await page.getByLabel("Action").selectOption("logout");
    await page.getByText("No entries match").waitFor();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await rows(page).nth(2).waitFor();
    assert.equal(new URL(page.url()).search, "");
  });
});

test("what is shown can be saved as a file", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Audit log");
    await page.goto(`${GATEWAY_URL}/admin/audit?object=${channel.id}&action=change`);
    await rows(page).first().waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export CSV" }).click();
    const file = await download;
    assert.match(file.suggestedFilename(), /^audit-\d{4}-\d\d-\d\d\.csv$/);
    const lines = readFileSync(await file.path(), "utf8")
      .trimEnd()
      .split("\r\n");
    assert.equal(lines.length, 3);
    assert.ok(lines[0].startsWith("id,time,who,address,action,"), lines[0]);
    assert.ok(lines[2].endsWith(`,Audited ${RUN},weight,1,7`), lines[2]);
  });
});

test("on a phone nothing is wider than the screen", async () => {
  await withPage(browser, { viewport: { width: 360, height: 740 } }, async (page) => {
    await logIn(page);
    await page.goto(`${GATEWAY_URL}/admin/audit?object=${channel.id}`);
    await rows(page).first().getByRole("button").click();
    await page.getByRole("table", { name: "Changes" }).waitFor();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${width} px`);
    assert.deepEqual(await findings(page), []);
  });
});
