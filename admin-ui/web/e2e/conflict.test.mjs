//! Two tabs, or two admins, who change the same thing: nothing is lost, and the second is asked. Also what is pasted
//! into the channel form.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Api } from "./api.mjs";
import { findings, GATEWAY_URL, launch, logIn, tabTo, withPage } from "./browser.mjs";

let browser;
let api;

before(async () => {
  api = await Api.logIn();
  browser = await launch();
});

beforeEach(async () => {
  await api.deleteAccounts();
  await api.deleteEverything();
});

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
  await api?.deleteAccounts();
});

const KEYS = ["nvapi-second-0123456789", "nvapi-third-0123456789", "nvapi-fourth-0123456789"];

function channel(change = {}) {
  return api.createChannel({
    name: "NVIDIA NIM",
    base_url: "https://up.invalid/v1",
    keys: ["nvapi-first-0123456789"],
    models: ["m"],
    ...change,
  });
}

async function openChannel(page, id) {
  await page.goto(`${GATEWAY_URL}/admin/channels/${id}`);
  await page.getByLabel("Weight", { exact: true }).waitFor();
}

const dialogOf = (page, name) =>
  page.getByRole("dialog", { name: `${name} was changed meanwhile` });

test("tab A adds three keys, tab B changes the weight, and nothing is lost", async () => {
  const { id } = await channel();
  await withPage(browser, { refused: [412] }, async (tabB) => {
    await logIn(tabB);
    await openChannel(tabB, id);
    const tabA = await tabB.context().newPage();
    await openChannel(tabA, id);
    await tabA.getByLabel("Add keys").fill(KEYS.join("\n"));
    await tabA.getByRole("button", { name: "Save", exact: true }).click();
    await tabA.getByText("Saved. 3 added.").waitFor();

    await tabB.getByLabel("Weight", { exact: true }).fill("7");
    await tabB.getByRole("button", { name: "Save", exact: true }).click();
    const dialog = dialogOf(tabB, "NVIDIA NIM");
    await dialog.waitFor();
    const weight = dialog.getByRole("row").filter({ hasText: "weight" });
    assert.deepEqual(await weight.getByRole("cell").allTextContents(), ["1", "unchanged", "7"]);
    const keys = dialog.getByRole("row").filter({ hasText: "keys" });
    assert.match((await keys.getByRole("cell").allTextContents())[1], /nvap…6789(, nvap…6789){3}/);
    assert.deepEqual(await findings(tabB), []);
    if (process.env.SCREENSHOTS) {
      await tabB.screenshot({ path: `${process.env.SCREENSHOTS}/conflict.png` });
      await tabB.setViewportSize({ width: 390, height: 800 });
      await tabB.screenshot({ path: `${process.env.SCREENSHOTS}/conflict-phone.png` });
      await tabB.setViewportSize({ width: 1280, height: 720 });
    }
    // Escape goes on editing; nothing was saved, nothing typed is lost.
    await tabB.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal(await tabB.getByLabel("Weight", { exact: true }).inputValue(), "7");
    assert.equal((await api.channels())[0].weight, 1);
    // Also from the keyboard.
    await tabTo(tabB, tabB.getByRole("button", { name: "Save", exact: true }));
    await tabB.keyboard.press("Enter");
    await dialog.waitFor();
    await tabTo(tabB, dialog.getByRole("button", { name: "Overwrite" }));
    await tabB.keyboard.press("Enter");
    await tabB.getByText("Saved.", { exact: false }).waitFor();
    assert.equal(await tabB.getByRole("button", { name: "Remove nvap…6789" }).count(), 4);
  });
  const [stored] = await api.channels();
  assert.equal(stored.weight, 7);
  assert.equal(stored.keys.length, 4);
});

test("reloading gives up what was typed for what is stored", async () => {
  const { id } = await channel();
  await withPage(browser, { refused: [412] }, async (page) => {
    await logIn(page);
    await openChannel(page, id);
    await api.changeChannel(id, { weight: 5 });
    await page.getByLabel("Weight", { exact: true }).fill("7");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await dialogOf(page, "NVIDIA NIM").getByRole("button", { name: "Reload" }).click();
    await page.waitForFunction(() =>
      [...document.querySelectorAll("input")].some((input) => input.value === "5"),
    );
    await page.getByLabel("Weight", { exact: true }).fill("6");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved.").waitFor();
  });
  assert.equal((await api.channels())[0].weight, 6);
});

test("a switch in a list that is out of date asks first", async () => {
  const { id } = await channel();
  await withPage(browser, { refused: [412] }, async (page) => {
    await logIn(page, "Channels");
    const toggle = page.getByRole("switch", { name: "NVIDIA NIM is enabled" });
    await toggle.waitFor();
    const old = { data: await api.channels() };
    await page.route("**/admin/api/channels", (route) => route.fulfill({ json: old }));
    await api.changeChannel(id, { weight: 5, enabled: true });
    await toggle.click();
    await dialogOf(page, "NVIDIA NIM").getByRole("button", { name: "Overwrite" }).click();
    await dialogOf(page, "NVIDIA NIM").waitFor({ state: "detached" });
  });
  const [stored] = await api.channels();
  assert.deepEqual([stored.enabled, stored.weight], [false, 5]);
});

test("weights that are arranged on an old list ask first", async () => {
  const { id } = await channel();
  await channel({ name: "Other" });
  await withPage(browser, { refused: [412] }, async (page) => {
    await logIn(page, "Channels");
    await page.getByRole("button", { name: "Arrange traffic" }).click();
    await api.changeChannel(id, { weight: 5 });
    await page.getByRole("textbox", { name: "Weight of NVIDIA NIM", exact: true }).fill("9");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    const dialog = dialogOf(page, "NVIDIA NIM");
    await dialog.waitFor();
    const weight = dialog.getByRole("row").filter({ hasText: "weight" });
    assert.deepEqual(await weight.getByRole("cell").allTextContents(), ["1", "5", "9"]);
    await dialog.getByRole("button", { name: "Overwrite" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
  const weights = (await api.channels()).map(({ weight }) => weight);
  assert.deepEqual(weights, [9, 1]);
});

test("a client key's new name keeps the budget that was set meanwhile", async () => {
  const { id } = await api.createKey({ name: "laptop" });
  await withPage(browser, { refused: [412], locale: "zh-CN" }, async (page) => {
    await page.goto(`${GATEWAY_URL}/admin/`);
    await page.locator("input[type=password]").fill(process.env.ADMIN_PASSWORD);
    await page.keyboard.press("Enter");
    await page.locator(".nav").waitFor({ state: "attached" });
    await page.goto(`${GATEWAY_URL}/admin/keys`);
    await page.getByRole("button", { name: "编辑 laptop" }).click();
    await api.changeKey(id, { limits: { daily_budget_micro_usd: 2_000_000 } });
    await page.getByRole("dialog").getByLabel("名称").fill("phone");
    await page.getByRole("dialog").getByRole("button", { name: "保存" }).click();
    const dialog = page.getByRole("dialog", { name: "laptop 已被修改" });
    await dialog.getByText("limits.daily_budget_micro_usd").waitFor();
    assert.deepEqual(await findings(page), []);
    await dialog.getByRole("button", { name: "覆盖" }).click();
    await page.locator(".key-name").getByText("phone").waitFor();
  });
  const [stored] = await api.keys();
  assert.equal(stored.name, "phone");
  assert.equal(stored.limits.daily_budget_micro_usd, 2_000_000);
});

test("an account that another owner has changed asks first", async () => {
  const { id } = await api.createAccount({
    name: "Bob",
    role: "viewer",
    password: "a password of bob",
  });
  await withPage(browser, { refused: [412] }, async (page) => {
    await logIn(page, "Accounts");
    const form = page.getByRole("dialog", { name: "Account Bob" });
    await page.getByRole("button", { name: "Edit Bob" }).click();
    await api.changeAccount(id, { role: "admin" });
    await form.getByLabel("Name").fill("Robert");
    await form.getByLabel("New password").fill("another password");
    await form.getByRole("button", { name: "Save" }).click();
    const dialog = dialogOf(page, "Bob");
    await dialog.waitFor();
    const cells = (member) =>
      dialog.getByRole("row").filter({ hasText: member }).getByRole("cell").allTextContents();
    assert.deepEqual(await cells("name"), ["Bob", "unchanged", "Robert"]);
    assert.deepEqual(await cells("role"), ["viewer", "admin", "unchanged"]);
    assert.deepEqual(await cells("password"), ["•••", "unchanged", "New password"]);
    assert.ok(!(await dialog.textContent()).includes("another password"));
    assert.deepEqual(await findings(page), []);
    await dialog.getByRole("button", { name: "Reload" }).click();
    await form.getByLabel("Role").waitFor();
    assert.equal(await form.getByLabel("Role").inputValue(), "admin");
    assert.equal(await form.getByLabel("Name").inputValue(), "Bob");
    await api.changeAccount(id, { role: "owner" });
    await form.getByLabel("Name").fill("Robert");
    await form.getByRole("button", { name: "Save" }).click();
    await dialog.getByRole("button", { name: "Overwrite" }).click();
    await page.getByRole("rowheader", { name: "Robert" }).waitFor();
    assert.equal(await page.getByRole("dialog").count(), 0);
  });
  const [{ name, role }] = await api.accounts();
  assert.deepEqual([name, role], ["Robert", "owner"]);
});

test("settings that another tab has changed ask first, those of others are left alone", async () => {
  await withPage(browser, { refused: [412] }, async (page) => {
    await logIn(page, "Settings");
    const attempts = page.getByLabel("Attempts per request");
    await attempts.waitFor();
    await channel();
    await api.changeSettings({ request_log_days: 7 });
    const form = page.getByRole("form", { name: "Gateway" });
    await attempts.fill("3");
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText("Saved.").waitFor();
    assert.equal((await api.settings()).request_log_days, 7);
    await api.changeSettings({ max_attempts: 20 });
    await attempts.fill("4");
    await form.getByRole("button", { name: "Save" }).click();
    const dialog = dialogOf(page, "Settings");
    await dialog.waitFor();
    const row = dialog.getByRole("row").filter({ hasText: "max_attempts" });
    assert.deepEqual(await row.getByRole("cell").allTextContents(), ["3", "20", "4"]);
    await dialog.getByRole("button", { name: "Reload" }).click();
    await page.waitForFunction(() =>
      [...document.querySelectorAll("input")].some((input) => input.value === "20"),
    );
  });
  const { max_attempts, request_log_days } = await api.settings();
  assert.deepEqual([max_attempts, request_log_days], [20, 7]);
  assert.equal((await api.channels()).length, 1);
});

test("a base URL and keys are taken as they are pasted", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    await page.goto(`${GATEWAY_URL}/admin/channels/new`);
    await page.getByLabel("Name", { exact: true }).fill("NIM");
    await page.getByLabel("Base URL").fill("integrate.api.nvidia.com/v1/chat/completions?x=1");
    await page
      .getByRole("button", { name: "Use https://integrate.api.nvidia.com/v1", exact: true })
      .click();
    assert.equal(
      await page.getByLabel("Base URL").inputValue(),
      "https://integrate.api.nvidia.com/v1",
    );
    const pasted = [`"${KEYS[0]}", ${KEYS[1]}; NVIDIA_API_KEY=${KEYS[2]}`, KEYS[0], "密钥"];
    await page.getByLabel("API keys").fill(pasted.join("\n"));
    await page.getByText("3 keys, 1 duplicate, 1 not a key").waitFor();
    await page.getByRole("button", { name: "Create channel" }).click();
    await page.getByText("3 added, 1 duplicate, 1 not a key.").waitFor();
    // One of them again: the gateway finds it among those that it has.
    await page.getByLabel("Add keys").fill(`${KEYS[1]}\nBearer nvapi-fifth-0123456789`);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved. 1 added, 1 duplicate.").waitFor();
  });
  const [stored] = await api.channels();
  assert.equal(stored.base_url, "https://integrate.api.nvidia.com/v1");
  assert.equal(stored.keys.length, 4);
});
