//! The panel as a person uses it, in a real Chromium, against a running gateway whose channels this
//! test owns: it deletes all of them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Api } from "./api.mjs";
import {
  ADMIN_PASSWORD,
  GATEWAY_URL,
  launch,
  logIn,
  overflowsSideways,
  withPage,
} from "./browser.mjs";

const PHONE = { viewport: { width: 360, height: 740 } };
/** What a change may take until every instance of the gateway knows it. */
const IN_FORCE_MS = 5_000;
const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

let browser;
let api;

before(async () => {
  api = await Api.logIn();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await api?.deleteAllChannels();
});

/** Presses Reload until the list shows what `locator` looks for. */
async function reloadUntil(page, locator) {
  const deadline = Date.now() + IN_FORCE_MS;
  for (;;) {
    try {
      await locator.waitFor({ timeout: 500 });
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
    }
    await page.getByRole("button", { name: "Reload" }).click();
  }
}

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
    await page.getByRole("heading", { name: "Channels", exact: true }).waitFor();
  });
});

test("the keyboard alone logs in and out", async () => {
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
    await page.getByRole("heading", { name: "Channels", exact: true }).waitFor();
    const logout = page.getByRole("button", { name: "Log out" });
    // The new page has the focus on its title; going backwards from there leads to the frame.
    for (let step = 0; step < 10; step += 1) {
      if (await logout.evaluate((button) => button === document.activeElement)) {
        break;
      }
      await page.keyboard.press("Shift+Tab");
    }
    await page.keyboard.press("Enter");
    await page.getByLabel("Password").waitFor();
  });
});

test("without channels the list says what to do", async () => {
  await api.deleteAllChannels();
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    await reloadUntil(page, page.getByRole("heading", { name: "No channels yet" }));
    await page.getByText("0 channels").waitFor();
  });
});

test("a new channel appears, and a hostile name stays text", async () => {
  await api.deleteAllChannels();
  const key = "sk-e2e-0123456789abcdefghijklmnopqrstuvwxyz";
  await api.createChannel({
    name: "First upstream",
    base_url: "https://upstream.test/v1",
    keys: [key],
    models: ["model-a", "model-b"],
    priority: 3,
    weight: 7,
  });
  await api.createChannel({
    name: HOSTILE,
    base_url: "https://hostile.test/v1",
    keys: ["sk-e2e-hostile-0123456789abcdefghijkl"],
    enabled: false,
  });
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    const row = page.getByRole("row").filter({ hasText: "First upstream" });
    await reloadUntil(page, row);
    for (const text of ["https://upstream.test/v1", "openai", "OK", "Enabled"]) {
      await row.getByText(text, { exact: true }).waitFor();
    }
    const cells = await row.getByRole("cell").allTextContents();
    assert.deepEqual([cells[2], cells[4], cells[5]], ["2", "3", "7"]);
    assert.ok(!(await page.content()).includes(key), "a whole key is in the page");
    // The gateway of this test has no master key.
    await page.getByText("Upstream keys are stored in clear").waitFor();

    const hostile = page.getByRole("row").filter({ hasText: "https://hostile.test/v1" });
    await reloadUntil(page, hostile);
    assert.equal(await hostile.getByRole("rowheader").textContent(), HOSTILE);
    await hostile.getByText("Disabled", { exact: true }).waitFor();
    assert.equal(await page.locator("#app img[src=x]").count(), 0);
    assert.equal(await page.title(), "Channels · AI Gateway");
  });
});

test("on a phone nothing scrolls sideways, in both languages and both themes", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await withPage(browser, { ...PHONE, colorScheme }, async (page) => {
      await page.goto(`${GATEWAY_URL}/admin/`);
      await page.getByLabel("Password").waitFor();
      assert.equal(await overflowsSideways(page), false, "login");
      await logIn(page);
      await reloadUntil(page, page.getByText("https://upstream.test/v1"));
      assert.equal(await overflowsSideways(page), false, "channels in English");
      await page.getByLabel("Language").selectOption("zh");
      await page.getByRole("heading", { name: "渠道", exact: true }).waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-Hans");
      assert.equal(await overflowsSideways(page), false, "channels in Chinese");
    });
  }
});

test("a link into the panel can be reloaded, and choices outlive it", async () => {
  await withPage(browser, { colorScheme: "light" }, async (page) => {
    await logIn(page);
    await page.goto(`${GATEWAY_URL}/admin/channels`);
    await page.getByRole("heading", { name: "Channels", exact: true }).waitFor();
    await page.getByLabel("Theme").selectOption("dark");
    await page.reload();
    await page.getByRole("heading", { name: "Channels", exact: true }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    assert.deepEqual(JSON.parse(kept), { "ai-gateway.theme": "dark" });
    assert.equal(
      await page.evaluate(() => document.cookie),
      "",
      "the session is readable by scripts",
    );
  });
});

test("logging out ends the session, also after going back", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Password").waitFor();
    await page.reload();
    await page.getByLabel("Password").waitFor();
    await page.goto(`${GATEWAY_URL}/admin/channels`);
    await page.getByLabel("Password").waitFor();
  });
});
