//! Signing in with a real OIDC provider: there, back, and what the login page says when it fails.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findings, launch, overflowsSideways } from "./browser.mjs";
import { startOidc } from "./oidc-stage.mjs";

let browser;
let oidc;

before(async () => {
  oidc = await startOidc();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await oidc?.close();
});

/** A page in a fresh profile; fails for uncaught errors, and for requests to anything but the two servers. */
async function withPage(options, body) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  context.setDefaultTimeout(10_000);
  const complaints = [];
  // The provider's own pages ask for a font.
  await context.route(
    (url) => ![oidc.url, oidc.issuer].includes(url.origin),
    (route) => {
      if (!route.request().frame().url().startsWith(oidc.issuer)) {
        complaints.push(`foreign request: ${route.request().url()}`);
      }
      return route.abort();
    },
  );
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && page.url().startsWith(oidc.url) && !text.includes("401")) {
      complaints.push(`console: ${text}`);
    }
  });
  try {
    await page.goto(`${oidc.url}/admin/`);
    await body(page, context);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

const link = (page) => page.getByRole("link", { name: "Sign in with Example ID" });

/** Logs in at the provider, and agrees to what the gateway wants to know. */
async function signIn(page, name) {
  await link(page).click();
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill("anything");
  await page.locator("button[type=submit]").click();
  await page.getByRole("button", { name: "Continue" }).click();
}

for (const [width, height] of [
  [1440, 900],
  [390, 844],
]) {
  test(`a user of the provider works with the role of a group (${width})`, async () => {
    await withPage({ viewport: { width, height } }, async (page) => {
      await link(page).waitFor();
      assert.deepEqual(await findings(page), []);
      assert.equal(await overflowsSideways(page), false);
      await signIn(page, "anna");
      await page.locator(".nav").waitFor({ state: "attached" });
      assert.match(page.url(), /\/admin\/(overview)?$/);
      await page.locator(".side__who", { hasText: "anna@example.com" }).waitFor({
        state: "attached",
      });
      assert.equal(await overflowsSideways(page), false);
      await page.goto(`${oidc.url}/admin/accounts`);
      await page.getByText("You have signed in with your organisation's account.").waitFor();
      assert.deepEqual(await findings(page), []);
      await page.goto(`${oidc.url}/admin/audit`);
      await page.getByText("anna@example.com (OIDC)").first().waitFor();
    });
  });
}

test("who has no role is told so, once", async () => {
  await withPage({}, async (page) => {
    await signIn(page, "vera");
    const text = "Your account has no role in this gateway. Ask its owner for access.";
    await page.getByRole("alert").getByText(text).waitFor();
    assert.ok(!page.url().includes("sign_in"), page.url());
    assert.deepEqual(await findings(page), []);
    await page.reload();
    await link(page).waitFor();
    assert.equal(await page.getByText(text).count(), 0);
  });
});

test("a sign-in that is cancelled at the provider is said", async () => {
  await withPage({}, async (page) => {
    await link(page).click();
    await page.getByRole("link", { name: "Cancel" }).click();
    await page.getByText("The sign-in was cancelled or denied.").waitFor();
    await page.getByLabel("Password").fill("browser-test-password");
    await page.keyboard.press("Enter");
    await page.locator(".nav").waitFor({ state: "attached" });
  });
});

test("in Chinese as well, and nothing that an address says is shown", async () => {
  await withPage({ locale: "zh-CN" }, async (page) => {
    await page.goto(`${oidc.url}/admin/?sign_in=no_role`);
    await page.getByText("您的账户在此网关中没有角色，请联系网关所有者开通。").waitFor();
    await page.getByRole("link", { name: "使用 Example ID 登录" }).waitFor();
    await page.goto(`${oidc.url}/admin/?sign_in=Call%20555`);
    await page.getByRole("link", { name: "使用 Example ID 登录" }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
  });
});

test("a session that is over is renewed in another tab, and typed text stays", async () => {
  await withPage({}, async (page, context) => {
    await signIn(page, "olga");
    await page.locator(".nav").waitFor({ state: "attached" });
    await page.goto(`${oidc.url}/admin/keys`);
    await page.getByRole("button", { name: "Create key" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill("typed before");
    await page.evaluate(() =>
      fetch("/admin/api/logout", {
        method: "POST",
        headers: { "content-type": "application/json" },
      }),
    );
    await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
    await page.getByText("Your session has ended").waitFor();
    const opened = context.waitForEvent("page");
    await link(page).click();
    const other = await opened;
    await other.locator(".nav").waitFor({ state: "attached" });
    await other.close();
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    await page.getByText("Your session has ended").waitFor({ state: "detached" });
    await page.getByText("typed before").first().waitFor();
  });
});
