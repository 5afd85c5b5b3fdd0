//! Finding things: a client key by the whole key, without the key getting into any address; keys by their state; usage by
//! a tag; what is left of a limit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAs } from "./api.mjs";
import { findings, GATEWAY_URL, logIn, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();

const rowOf = (page, name) => page.getByRole("row").filter({ hasText: name });
const search = (page) => page.getByRole("searchbox", { name: "Search" });

/** Types as one pastes. */
async function paste(page, field, text) {
  await field.focus();
  await page.keyboard.insertText(text);
}

test("a pasted key is found, and is in no address, no request and no history", async () => {
  const { key, id } = await api.createKey({ name: "leaked" });
  await api.createKey({ name: "other" });
  await api.createChannel({ name: "One", base_url: upstream.url, keys: [], models: ["alpha"] });
  await chatAs(key, "alpha", 200);
  await api.recorded(1, { key: id });
  const secret = key.slice(8, -4);
  const hint = `${key.slice(0, 4)}…${key.slice(-4)}`;
  await withPage(browser, {}, async (page) => {
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await logIn(page, "Client keys");
    await rowOf(page, "other").waitFor();
    await paste(page, search(page), key);
    await rowOf(page, "other").waitFor({ state: "detached" });
    await rowOf(page, "leaked").waitFor();
    assert.equal(await search(page).inputValue(), hint);
    assert.equal(new URL(page.url()).searchParams.get("q"), hint);
    assert.equal(await page.getByRole("rowheader").count(), 1);
    await page.reload();
    await rowOf(page, "leaked").waitFor();

    await page.getByRole("link", { name: "Requests", exact: true }).first().click();
    await search(page).waitFor();
    await paste(page, search(page), `Bearer ${key}`);
    await page.waitForURL((url) => url.searchParams.get("q") === `Bearer ${hint}`);
    await search(page).fill("");
    await paste(page, search(page), key);
    await page.waitForURL((url) => url.searchParams.get("q") === hint);
    await page.locator(".log__row").first().waitFor();
    assert.equal(await page.locator(".log__row").count(), 1);
    const model = page.getByLabel("Model", { exact: true });
    await model.fill(key);
    await model.press("Enter");
    await page.waitForURL((url) => url.searchParams.get("model") === hint);

    await page.getByRole("link", { name: "Audit log" }).click();
    await paste(page, search(page), key);
    await page.waitForURL((url) => url.searchParams.get("q") === hint);

    await page.goto(`${GATEWAY_URL}/admin/keys?q=${hint}`);
    await rowOf(page, "leaked").waitFor();
    const addresses = asked.map((url) => decodeURIComponent(url)).join("\n");
    assert.ok(!addresses.includes(secret), addresses);
    assert.ok(!decodeURIComponent(page.url()).includes(secret));
    const state = await page.evaluate(() => JSON.stringify([history.state, { ...localStorage }]));
    assert.ok(!state.includes(secret), state);
  });
});

test("keys are listed by their state", async () => {
  const yesterday = new Date(Date.now() - 86_400_000).toISOString();
  await api.createChannel({ name: "One", base_url: upstream.url, keys: [], models: ["alpha"] });
  const { key } = await api.createKey({ name: "busy", limits: { tokens_per_day: 1 } });
  await api.createKey({ name: "plain" });
  await api.createKey({ name: "off", enabled: false });
  await api.createKey({ name: "old", expires_at: yesterday });
  await chatAs(key, "alpha", 200);
  await chatAs(key, "alpha", 429);
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    await rowOf(page, "plain").waitFor();
    const names = page.locator("tr[data-row] .table__link");
    const choice = page.getByRole("combobox", { name: "State" });
    for (const [state, word, expected] of [
      ["Over a limit", "limited", ["busy"]],
      ["Disabled", "disabled", ["off"]],
      ["Expired", "expired", ["old"]],
      ["Active", "active", ["busy", "plain"]],
    ]) {
      await choice.selectOption(state);
      await page.waitForFunction((wanted) => {
        const links = [...document.querySelectorAll("tr[data-row] .table__link")];
        return `${links.map((link) => link.textContent).sort()}` === `${wanted}`;
      }, expected);
      assert.equal(new URL(page.url()).searchParams.get("state"), word);
    }
    await page.reload();
    await rowOf(page, "plain").waitFor();
    assert.equal(await names.count(), 2);
    assert.deepEqual(await findings(page), []);
    await search(page).fill("nothing of this name");
    await page.getByRole("heading", { name: "Nothing matches" }).waitFor();
    await choice.selectOption("State: any");
    await search(page).fill("");
    await rowOf(page, "off").waitFor();
  });
});

test("a tag in the usage limits it to that tag, and the address keeps it", async () => {
  await api.createChannel({
    name: "One",
    base_url: upstream.url,
    keys: [],
    models: ["alpha"],
    tags: ["eu"],
  });
  const { key } = await api.createKey({ name: "blue key", tags: ["blue"] });
  const { key: other, id } = await api.createKey({ name: "red key", tags: ["red"] });
  await chatAs(key, "alpha", 200);
  await chatAs(other, "alpha", 200);
  await api.recorded(1, { key: id });
  await withPage(browser, { viewport: { width: 1440, height: 900 } }, async (page) => {
    await logIn(page);
    for (const [group, tag] of [
      ["By tag", "blue"],
      ["By channel tag", "eu"],
    ]) {
      await page.getByRole("button", { name: group, exact: true }).click();
      const members = page.getByRole("table", { name: group });
      await members.getByRole("link", { name: tag, exact: true }).click();
      await page.waitForURL((url) => url.searchParams.get("tag") === tag);
      assert.equal(new URL(page.url()).searchParams.get("group"), null);
      await page.reload();
      const filter = page.getByRole("button", { name: `Tag: ${tag}` });
      await filter.waitFor();
      await page.getByRole("button", { name: "By key", exact: true }).click();
      const keys = page.getByRole("table", { name: "By key" });
      await keys.getByRole("link", { name: "blue key" }).waitFor();
      const reds = await keys.getByRole("link", { name: "red key" }).count();
      assert.equal(reds, tag === "eu" ? 1 : 0);
      await filter.click();
      await page.waitForURL((url) => url.searchParams.get("tag") === null);
    }
  });
});

test("a limit says what is used and what is left", async () => {
  await api.createChannel({ name: "One", base_url: upstream.url, keys: [], models: ["alpha"] });
  const { key } = await api.createKey({ name: "bounded", limits: { requests_per_minute: 10 } });
  await chatAs(key, "alpha", 200);
  await chatAs(key, "alpha", 200);
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    await rowOf(page, "bounded").getByText("2 of 10 · 8 left").waitFor();
  });
});
