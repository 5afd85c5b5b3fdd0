//! The frame of the panel as a person uses it, in a real Chromium: logging in and out, the session,
//! addresses and preferences. The tests own the gateway: they delete everything on it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Api } from "./api.mjs";
import { ADMIN_PASSWORD, GATEWAY_URL, launch, logIn, tabTo, withPage } from "./browser.mjs";

let browser;
let api;

before(async () => {
  api = await Api.logIn();
  await api.deleteEverything();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
});

const overview = (page) => page.getByRole("heading", { name: "Overview", exact: true });

test("a wrong password is refused and says so; the field can be corrected at once", async () => {
  await withPage(browser, {}, async (page) => {
    await page.goto(`${GATEWAY_URL}/admin/`);
    const field = page.getByLabel("Password");
    await field.fill(`${ADMIN_PASSWORD}-wrong`);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").filter({ hasText: "The password is wrong." }).waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    await field.fill(ADMIN_PASSWORD);
    await field.press("Enter");
    await overview(page).waitFor();
  });
});

test("the keyboard alone logs in and out, and skips the navigation", async () => {
  await withPage(browser, {}, async (page) => {
    await page.goto(`${GATEWAY_URL}/admin/`);
    await page.getByLabel("Password").waitFor();
    assert.equal(
      await page.evaluate(() => document.activeElement?.getAttribute("name")),
      "password",
    );
    await page.keyboard.type(ADMIN_PASSWORD);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Log in");
    await page.keyboard.press("Enter");
    await overview(page).waitFor();
    // The new page has the focus on its title; going backwards from there leads to the frame.
    await tabTo(page, page.getByRole("link", { name: "Skip to content" }), "Shift+Tab");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "content");
    await tabTo(page, page.getByRole("button", { name: "Log out" }), "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.getByLabel("Password").waitFor();
  });
});

test("every page has an address, a title and its mark in the navigation", async () => {
  const pages = [
    "Overview",
    "Channels",
    "Client keys",
    "Requests",
    "Playground",
    "Routing",
    "Alerts",
    "Audit log",
    "Accounts",
    "Settings",
  ];
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    for (const name of pages) {
      await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
      await page.reload();
      await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
      await page.waitForFunction((title) => document.title === title, `${name} · AI Gateway`);
      const marked = await page.locator("[aria-current=page]").allTextContents();
      assert.deepEqual(marked, [name]);
    }
    await page.goBack();
    await page.getByRole("heading", { name: "Accounts", exact: true }).waitFor();
    await page.goto(`${GATEWAY_URL}/admin/nothing/here`);
    await page.getByRole("heading", { name: "Page not found" }).waitFor();
  });
});

test("on a phone the menu opens, leads on and closes", async () => {
  await withPage(browser, { viewport: { width: 360, height: 740 } }, async (page) => {
    await logIn(page);
    const menu = page.getByRole("button", { name: "Menu" });
    assert.equal(await menu.getAttribute("aria-expanded"), "false");
    await menu.click();
    await page.getByRole("link", { name: "Settings", exact: true }).click();
    await page.getByRole("heading", { name: "Settings", exact: true }).waitFor();
    assert.equal(await menu.getAttribute("aria-expanded"), "false");
  });
});

test("choices outlive a reload, and nothing else is kept", async () => {
  await withPage(browser, { colorScheme: "light" }, async (page) => {
    await logIn(page);
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByLabel("Theme").selectOption("dark");
    await page.getByLabel("Language").selectOption("zh");
    await page.getByRole("heading", { name: "概览", exact: true }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "概览", exact: true }).waitFor();
    assert.notEqual(await ground(), light);
    assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-Hans");
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    assert.deepEqual(JSON.parse(kept), {
      "ai-gateway.theme": "dark",
      "ai-gateway.language": "zh",
    });
    assert.equal(
      await page.evaluate(() => document.cookie),
      "",
      "the session is readable by scripts",
    );
  });
});

test("a session that ends asks for the password and goes on with what was typed", async () => {
  await withPage(browser, { refused: [401] }, async (page) => {
    await logIn(page);
    await page.goto(`${GATEWAY_URL}/admin/channels/new`);
    await page.getByLabel("Name", { exact: true }).fill("Typed before");
    await page.getByLabel("Base URL").fill("https://typed.test/v1");
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Create channel" }).click();
    const dialog = page.getByRole("dialog", { name: "Your session has ended" });
    await dialog.getByLabel("Password").fill(ADMIN_PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByText("Channel created").waitFor();
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Typed before");
  });
  const names = (await api.channels()).map(({ name }) => name);
  assert.deepEqual(names, ["Typed before"]);
});

test("logging out ends the session, also after going back", async () => {
  // Calls that were under way when the session ended are refused.
  await withPage(browser, { refused: [401] }, async (page) => {
    await logIn(page);
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Password").waitFor();
    await page.reload();
    await page.getByLabel("Password").waitFor();
    await page.goto(`${GATEWAY_URL}/admin/channels`);
    await page.getByLabel("Password").waitFor();
  });
});
