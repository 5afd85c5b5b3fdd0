//! What a viewer is offered: everything to look at, and no button that the gateway would refuse.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Api, chatAs } from "./api.mjs";
import { findings, GATEWAY_URL, launch, overflowsSideways, withPage } from "./browser.mjs";
import { startUpstream } from "./upstream.mjs";

const PASSWORD = "a password of bob";

let browser;
let api;
let upstream;

before(async () => {
  api = await Api.logIn();
  upstream = await startUpstream();
  browser = await launch();
});

beforeEach(async () => {
  await api.deleteAccounts();
  await api.deleteEverything();
  await api.createAccount({ name: "Bob", role: "viewer", password: PASSWORD });
});

after(async () => {
  await browser?.close();
  await api?.deleteAccounts();
  await api?.changeAlerts({ destinations: [] });
  await api?.deleteEverything();
  await upstream?.close();
});

async function logInAsBob(page) {
  await page.goto(`${GATEWAY_URL}/admin/`);
  await page.getByLabel("Name", { exact: true }).fill("Bob");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByText("Your role cannot change anything.", { exact: false }).waitFor();
}

/** All of these are there, cannot be pressed, and say why. */
async function areDenied(page, path, controls) {
  await page.goto(`${GATEWAY_URL}/admin/${path}`);
  for (const [role, name] of controls) {
    const control = page.getByRole(role, { name, exact: true }).first();
    await control.waitFor();
    assert.equal(await control.isDisabled(), true, `${name} of ${path}`);
    assert.equal(await control.getAttribute("title"), "Your role (Viewer) cannot do this.", name);
  }
  assert.deepEqual(await findings(page), [], path);
  assert.equal(await overflowsSideways(page), false, path);
}

test("a viewer cannot press what the gateway would refuse", async () => {
  const base = { base_url: upstream.url, keys: [], models: ["alpha"] };
  await api.createChannel({ ...base, name: "One" });
  await api.createChannel({ ...base, name: "Two" });
  const { id } = await api.createKey({ name: "laptop" });
  await api.rotateKey(id);
  const url = "https://alerts.invalid/services/T0/B0/secret";
  const destination = { enabled: false, kind: "json", name: "On call", url, secret: "token" };
  await api.changeAlerts({ destinations: [destination] });
  await withPage(browser, {}, async (page) => {
    await logInAsBob(page);
    await areDenied(page, "alerts", [
      ["button", "Save"],
      ["button", "Send test"],
      ["button", "Remove the stored secret"],
      ["button", "Remove On call"],
      ["button", "Add destination"],
    ]);
    await areDenied(page, "settings?section=prices", [["button", "Review prices"]]);
    await areDenied(page, `keys/${id}`, [
      ["button", "Edit"],
      ["button", "End now laptop"],
    ]);
    await areDenied(page, "channels", [
      ["button", "Arrange traffic"],
      ["checkbox", "Select One"],
    ]);
  });
});

test("a viewer is not sent to pages where nothing can be done", async () => {
  await withPage(browser, {}, async (page) => {
    await logInAsBob(page);
    const steps = page.getByRole("region", { name: "Three steps to the first answer" });
    await steps.waitFor();
    assert.equal(await steps.getByRole("link").count(), 0);
    assert.equal(await page.getByRole("main").getByRole("link").count(), 0);

    await api.createChannel({ name: "One", base_url: upstream.url, keys: [], models: ["alpha"] });
    const { key, id } = await api.createKey({ name: "laptop" });
    await chatAs(key, "alpha", 200);
    await api.recorded(1, { key: id });
    await page.goto(`${GATEWAY_URL}/admin/overview?key=${id}`);
    await page.getByText("none of these models has a price", { exact: false }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Set prices" }).count(), 0);
  });
});
