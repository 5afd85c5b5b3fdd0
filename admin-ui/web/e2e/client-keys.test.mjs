//! A client key's life: made, used, rotated, its old key ended, its own page, its end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAs } from "./api.mjs";
import { findings, GATEWAY_URL, logIn, overflowsSideways, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();

const channel = () =>
  api.createChannel({ name: "Working", base_url: upstream.url, keys: [], models: ["beta"] });

const createdDialog = (page) => page.getByRole("dialog", { name: "Key for laptop" });

/** Pictures for people to look at, on demand. */
async function look(page, name) {
  const folder = process.env.SCREENSHOTS;
  if (!folder) {
    return;
  }
  for (const [width, suffix] of [
    [1440, ""],
    [390, "-phone"],
  ]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({
        path: `${folder}/${name}${suffix}-${colorScheme}.png`,
        fullPage: true,
      });
    }
  }
  await page.setViewportSize({ width: 1280, height: 720 });
}

test("the only view of a new key goes by its button alone", async () => {
  await channel();
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    await page.getByRole("button", { name: "Create key" }).click();
    await page.getByLabel("Name").fill("laptop");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const dialog = createdDialog(page);
    const key = await dialog.getByLabel("Client key", { exact: true }).inputValue();
    for (let turn = 0; turn < 3; turn += 1) {
      await page.keyboard.press("Escape");
    }
    await page.mouse.click(3, 3);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    assert.equal(await dialog.getByRole("button", { name: "Close" }).count(), 0);
    assert.ok(await dialog.isVisible());
    assert.equal(await dialog.getByLabel("Client key", { exact: true }).inputValue(), key);
    await page.evaluate(() => history.back());
    await page.getByRole("button", { name: "Keep editing" }).click();
    assert.equal(await dialog.getByLabel("Client key", { exact: true }).inputValue(), key);
    await dialog.getByRole("button", { name: "Done" }).click();
    await dialog.waitFor({ state: "detached" });
  });
});

test("a key is rotated: the old one works within the grace time, which can be ended", async () => {
  await channel();
  const { key: old, id } = await api.createKey({
    name: "laptop",
    limits: { requests_per_minute: 100 },
  });
  await chatAs(old, "beta", 200);
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    await page.getByRole("button", { name: "Rotate laptop" }).click();
    const rotation = page.getByRole("dialog", { name: "Rotate laptop?" });
    await rotation.getByLabel("Old key stays valid for").selectOption("1 hour");
    assert.deepEqual(await findings(page), []);
    await look(page, "rotate");
    await rotation.getByRole("button", { name: "Rotate key" }).click();
    const dialog = createdDialog(page);
    const key = await dialog.getByLabel("Client key", { exact: true }).inputValue();
    assert.notEqual(key, old);
    await dialog.getByText("is valid until").waitFor();
    await dialog.getByRole("button", { name: "Done" }).click();
    await chatAs(key, "beta", 200);
    await chatAs(old, "beta", 200);
    const row = page.getByRole("row").filter({ hasText: "laptop" });
    await row.getByText("Old key").waitFor();
    await look(page, "keys-rotated");

    await row.getByRole("button", { name: "End now laptop" }).click();
    await page.getByRole("button", { name: "Reject old key" }).click();
    await row.getByText("Old key").waitFor({ state: "detached" });
    await chatAs(old, "beta", 401);
    await chatAs(key, "beta", 200);
  });
  const [stored] = await api.keys();
  assert.equal(stored.id, id);
  assert.equal(stored.limits.requests_per_minute, 100);
});

test("a rotation that met another change asks first, and a second one ends the first", async () => {
  const { id } = await api.createKey({ name: "laptop" });
  await withPage(browser, { refused: [412] }, async (page) => {
    await logIn(page, "Client keys");
    await page.getByRole("button", { name: "Rotate laptop" }).click();
    await api.changeKey(id, { limits: { requests_per_minute: 5 } });
    await page.getByRole("button", { name: "Rotate key" }).click();
    const conflict = page.getByRole("dialog", { name: "laptop was changed meanwhile" });
    await conflict.getByText("limits.requests_per_minute").waitFor();
    await conflict.getByRole("button", { name: "Overwrite" }).click();
    await createdDialog(page).getByRole("button", { name: "Done" }).click();

    await page.getByRole("button", { name: "Rotate laptop" }).click();
    await page.getByText("only the newest two keys are valid").waitFor();
    await page.getByLabel("Old key stays valid for").selectOption("no time: rejected at once");
    await page.getByRole("button", { name: "Rotate key" }).click();
    await createdDialog(page).getByText("This is the only time").waitFor();
    await createdDialog(page).getByRole("button", { name: "Done" }).click();
  });
  const [stored] = await api.keys();
  assert.equal(stored.previous, undefined);
  assert.equal(stored.limits.requests_per_minute, 5);
});

test("a key has a page: figures, limits, last requests, models, and examples without the key", async () => {
  await channel();
  const { key, id } = await api.createKey({
    name: "laptop",
    models: ["beta"],
    limits: { requests_per_minute: 10 },
  });
  await chatAs(key, "beta", 200);
  await chatAs(key, "beta", 200);
  await chatAs(key, "unknown-model", 404);
  await api.recorded(3, { key: id });
  await withPage(browser, { refused: [404] }, async (page) => {
    await logIn(page, "Client keys");
    await page.getByRole("link", { name: "laptop", exact: true }).click();
    await page.getByRole("heading", { name: "laptop", level: 1 }).waitFor();
    assert.equal(new URL(page.url()).pathname, `/admin/keys/${id}`);
    await page.getByRole("region", { name: "Limits" }).getByText("3 of 10").waitFor();
    await page
      .getByRole("region", { name: "Requests", exact: true })
      .getByText("3", { exact: true })
      .waitFor();
    await page
      .getByRole("region", { name: "Models" })
      .getByRole("rowheader", { name: "beta" })
      .waitFor();
    const last = page.getByRole("region", { name: "Last requests" });
    assert.equal(await last.locator(".log__row").count(), 3);

    for (const [name, said] of [
      ["Environment", "ANTHROPIC_BASE_URL"],
      ["curl", "/v1/chat/completions"],
      ["curl (Anthropic)", "/v1/messages"],
      ["Python", "from openai"],
      ["Python (Anthropic)", "from anthropic"],
      ["Node.js", 'from "openai"'],
      ["Node.js (Anthropic)", "@anthropic-ai/sdk"],
      ["Claude Code", "ANTHROPIC_MODEL=beta"],
      ["Codex", 'model = "beta"'],
    ]) {
      await page.getByRole("button", { name, exact: true }).click();
      const text = await page.getByLabel(name, { exact: true }).inputValue();
      assert.ok(text.includes(said) && text.includes(GATEWAY_URL), text);
      assert.ok(text.includes("YOUR_KEY"), text);
    }
    // Without a price there is no chart of costs, but the way to set one.
    await page.locator(".chart__plot canvas").nth(4).waitFor();
    await page.getByRole("link", { name: "Set prices" }).waitFor();
    assert.deepEqual(await findings(page), []);
    await look(page, "key");
    await page.setViewportSize({ width: 390, height: 800 });
    assert.equal(await overflowsSideways(page), false);
    await page.setViewportSize({ width: 1280, height: 720 });

    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("tablet");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "tablet", level: 1 }).waitFor();
    await page.getByRole("button", { name: "Rotate", exact: true }).click();
    await page.getByRole("button", { name: "Rotate key" }).click();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByText("Old key", { exact: true }).waitFor();
    await page.getByRole("link", { name: "All requests of this key" }).click();
    await page.getByText("3 shown").waitFor();

    await page.goto(`${GATEWAY_URL}/admin/keys/ck_gone`);
    await page.getByRole("heading", { name: "There is no such client key" }).waitFor();
  });
});

test("keys that expire within a week, and those that have, are marked and on the overview", async () => {
  await channel();
  const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString();
  const { id } = await api.createKey({ name: "soon", expires_at: inDays(6) });
  await api.createKey({ name: "over", expires_at: inDays(-1) });
  await api.createKey({ name: "later", expires_at: inDays(8) });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    for (const [name, state] of [
      ["soon", "Expires soon"],
      ["over", "Expired"],
      ["later", "Active"],
    ]) {
      const row = page
        .getByRole("row")
        .filter({ has: page.getByRole("link", { name, exact: true }) });
      await row.getByText(state, { exact: true }).waitFor();
    }
    await page.getByRole("link", { name: "Overview", exact: true }).click();
    const attention = page.getByRole("region", { name: "Needs attention" });
    await attention.getByRole("link", { name: "over", exact: true }).waitFor();
    assert.equal(await attention.getByRole("link", { name: "later", exact: true }).count(), 0);
    await attention.getByRole("link", { name: "soon", exact: true }).click();
    await page.getByRole("heading", { name: "soon", level: 1 }).waitFor();
    assert.equal(new URL(page.url()).pathname, `/admin/keys/${id}`);
  });
});
