//! What people come for, from the first login to a streamed answer, against the running gateway and
//! an upstream of our own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAs } from "./api.mjs";
import { logIn, tabTo, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();

test("a newcomer gets from the first login to a streamed answer", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    await page.getByRole("heading", { name: "Three steps to the first answer" }).waitFor();
    await page.getByRole("link", { name: "Add a channel" }).click();
    await page.getByRole("button", { name: "Groq" }).click();
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "Groq");
    const base = page.getByLabel("Base URL");
    assert.equal(await base.inputValue(), "https://api.groq.com/openai/v1");
    await base.fill(upstream.url);
    await page
      .getByLabel("API keys")
      .fill("sk-first-0123456789-works\nsk-second-0123456789-works\n");
    await page.getByRole("button", { name: "Fetch models" }).click();
    await page.getByLabel("beta").check();
    await page.getByRole("button", { name: "Use selected" }).click();
    await page.getByRole("button", { name: "Create channel" }).click();

    await page.getByText("Channel created").waitFor();
    assert.equal(await page.getByRole("switch", { name: "is enabled", exact: false }).count(), 2);
    await page.getByRole("button", { name: "Fetch models" }).click();
    await page.getByLabel("beta").waitFor();
    assert.ok(await page.getByLabel("beta").isChecked());
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await page.getByRole("button", { name: "Run test" }).click();
    await page.getByText("Test passed").waitFor();
    await page.getByRole("dialog").getByText("First token").waitFor();
    await page.keyboard.press("Escape");

    await page.getByRole("link", { name: "Client keys" }).click();
    await page.getByRole("button", { name: "Create key" }).click();
    await page.getByLabel("Name").fill("laptop");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const key = await page.getByLabel("Client key", { exact: true }).inputValue();
    assert.match(key, /^sk-/);
    for (const name of ["Environment", "curl", "Python", "Node.js", "Open WebUI", "aider"]) {
      await page.getByRole("button", { name, exact: true }).click();
      const text = await page.getByLabel(name, { exact: true }).inputValue();
      assert.ok(text.includes(key) && text.includes("/v1"), text);
    }
    await page.getByRole("button", { name: "Done" }).click();
    assert.ok(!(await page.content()).includes(key), "the key is still in the page");

    await chatAs(key, "beta", 200);
    await page.getByRole("link", { name: "Playground" }).click();
    await page.getByLabel("Client key").fill(key);
    await page.waitForFunction(() => document.querySelectorAll("#play-models option").length === 1);
    assert.equal(await page.getByLabel("Model", { exact: true }).inputValue(), "beta");
    await page.getByLabel("Message").fill("Are you there?");
    await page.keyboard.press("Enter");
    await page.getByText(upstream.state.answer, { exact: true }).waitFor();
    const facts = page.locator(".facts");
    for (const text of ["Groq", "First token", "11 in, 7 out"]) {
      await facts.getByText(text, { exact: true }).waitFor();
    }

    await page.getByRole("link", { name: "Overview", exact: true }).click();
    await page.getByRole("region", { name: "Channels" }).getByText("Healthy").waitFor();
    await page.getByRole("link", { name: "Requests", exact: true }).click();
    await page.locator(".log__row").filter({ hasText: "laptop" }).first().waitFor();
  });
});

test("the playground has its own key and stops on request", async () => {
  await api.createChannel({ name: "One", base_url: upstream.url, keys: [], models: ["slow"] });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Playground");
    await page.waitForFunction(() => document.querySelectorAll("#play-models option").length === 1);
    await page.getByLabel("Message").fill("Never stop");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText(upstream.state.answer).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("Stopped.").waitFor();
    await page.getByRole("button", { name: "Send" }).waitFor();
  });
  assert.deepEqual(await api.keys(), []);
  const [key] = await api.keys("playground");
  assert.ok(Date.parse(key.expires_at) < Date.now() + 3_600_000);
});

test("the keyboard alone creates a channel", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page);
    await tabTo(page, page.getByRole("link", { name: "Channels", exact: true }), "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "No channels yet" }).waitFor();
    const type = async (label, text) => {
      await tabTo(page, page.getByLabel(label, { exact: true }));
      await page.keyboard.type(text);
    };
    await tabTo(page, page.getByRole("link", { name: "Add channel" }));
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "New channel" }).waitFor();
    await type("Name", "By keyboard");
    await type("Base URL", upstream.url);
    await type("API keys", "sk-keyboard-0123456789-works");
    await tabTo(page, page.getByRole("textbox", { name: "Models it serves" }));
    await page.keyboard.type("alpha");
    await page.keyboard.press("Enter");
    await type("Weight", "5");
    await tabTo(page, page.getByRole("button", { name: "Create channel" }));
    await page.keyboard.press("Enter");
    await page.getByText("Channel created").waitFor();
  });
  const [channel] = await api.channels();
  assert.equal(channel.name, "By keyboard");
  assert.deepEqual([channel.models, channel.weight, channel.keys.length], [["alpha"], 5, 1]);
});

test("what the gateway refuses is said at its field, and nothing typed is lost", async () => {
  await withPage(browser, { refused: [400] }, async (page) => {
    await logIn(page, "Channels");
    await page.getByRole("link", { name: "Add channel" }).click();
    await page.getByLabel("Name", { exact: true }).fill("Wrong");
    await page.getByLabel("Base URL").fill("ftp://nowhere");
    await page.getByLabel("Weight").fill("heavy");
    await page.locator("summary").click();
    await page.getByLabel("Idle timeout (ms)").fill("-1");
    await page.locator("summary").click();
    await page.getByRole("button", { name: "Create channel" }).click();
    await page.getByText("Not saved").waitFor();
    for (const label of ["Base URL", "Weight", "Idle timeout (ms)"]) {
      const field = page.getByLabel(label);
      assert.equal(await field.getAttribute("aria-invalid"), "true", label);
      assert.ok(await field.isVisible(), `${label} is out of sight`);
    }
    assert.equal(await page.getByLabel("Weight").inputValue(), "heavy");
    await page.getByLabel("Base URL").fill(upstream.url);
    await page.getByLabel("Weight").fill("2");
    await page.getByLabel("Idle timeout (ms)").fill("9000");
    await page.getByRole("button", { name: "Create channel" }).click();
    await page.getByText("Channel created").waitFor();
  });
});

test("leaving with unsaved changes asks first, whichever way", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Channels");
    await page.getByRole("link", { name: "Add channel" }).click();
    const name = page.getByLabel("Name", { exact: true });
    await name.fill("Unsaved");
    const question = page.getByRole("dialog", { name: "Leave without saving?" });
    await page.getByRole("link", { name: "Client keys" }).click();
    await question.getByRole("button", { name: "Keep editing" }).click();
    assert.equal(await name.inputValue(), "Unsaved");
    await page.evaluate(() => history.back());
    await question.waitFor();
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => location.pathname === "/admin/channels/new");
    assert.equal(await name.inputValue(), "Unsaved");
    await page.getByRole("link", { name: "Client keys" }).click();
    await question.getByRole("button", { name: "Discard changes" }).click();
    await page.getByRole("heading", { name: "Client keys", exact: true }).waitFor();
  });
});

test("a channel is switched off, copied, and deleted with second thoughts", async () => {
  await api.createChannel({
    name: "First",
    base_url: upstream.url,
    keys: ["sk-a-0123456789-works"],
  });
  const names = async () => (await api.channels()).map(({ name }) => name);
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Channels");
    const enabled = page.getByRole("switch", { name: "First is enabled" });
    await enabled.click();
    await page.getByRole("row").filter({ hasText: "First" }).getByText("Disabled").waitFor();
    assert.equal(await enabled.getAttribute("aria-checked"), "false");

    await page.getByRole("button", { name: "Duplicate First" }).click();
    await page.getByText("Everything is copied but the keys").waitFor();
    await page.getByRole("button", { name: "Create channel" }).click();
    await page.getByText("Channel created").waitFor();
    assert.deepEqual(await names(), ["First", "First (copy)"]);

    await page.getByRole("link", { name: "Channels", exact: true }).click();
    const row = page.getByRole("link", { name: "First (copy)" });
    const remove = page.getByRole("button", { name: "Delete First (copy)" });
    await remove.click();
    await row.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Undo" }).click();
    await row.waitFor();
    assert.deepEqual(await names(), ["First", "First (copy)"]);
    await remove.click();
    await row.waitFor({ state: "detached" });
    // Whoever leaves has no more second thoughts.
    await page.goto("about:blank");
    const deadline = Date.now() + 5_000;
    while ((await names()).length > 1 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(await names(), ["First"]);
  });
});

test("a client key is edited and deleted, once asked", async () => {
  await api.createKey({ name: "old name", models: ["alpha"] });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    await page.getByRole("button", { name: "Edit old name" }).click();
    await page.getByLabel("Name", { exact: true }).fill("new name");
    await page.getByLabel("Requests / minute").fill("30");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("row").filter({ hasText: "new name" }).getByText("of 30").waitFor();
    const [key] = await api.keys();
    assert.deepEqual([key.name, key.models], ["new name", ["alpha"]]);
    await page.getByRole("button", { name: "Delete new name" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    assert.equal((await api.keys()).length, 1);
    await page.getByRole("button", { name: "Delete new name" }).click();
    await page.getByRole("button", { name: "Delete key", exact: true }).last().click();
    await page.getByRole("heading", { name: "No client keys yet" }).waitFor();
    assert.equal((await api.keys()).length, 0);
  });
});

test("what cools counts down, and the dry run says who goes first", async () => {
  const keys = ["sk-a-0123456789-throttled"];
  await api.createChannel({ name: "Tired", base_url: upstream.url, keys, models: ["alpha"] });
  await api.createChannel({
    name: "Spare",
    base_url: upstream.url,
    keys: [],
    models: ["alpha"],
    priority: 1,
  });
  await api.createChannel({ name: "Other", base_url: upstream.url, keys: [], models: ["beta"] });
  const { key } = await api.createKey({ name: "k" });
  await chatAs(key, "alpha", 200);
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Channels");
    const row = page.getByRole("row").filter({ hasText: "Tired" });
    await row.getByText("All keys cooling").waitFor();
    const until = row.locator(".until");
    const first = await until.textContent();
    assert.match(first, /^for (1 min )?\d+ s$/);
    await page.waitForFunction(
      (before) => document.querySelector(".until")?.textContent !== before,
      first,
    );
    await page.getByRole("link", { name: "Routing" }).click();
    await page.getByLabel("Model", { exact: true }).fill("alpha");
    await page.getByRole("button", { name: "Show order" }).click();
    const order = page.getByRole("table").getByRole("rowheader");
    await order.first().waitFor();
    assert.deepEqual(await order.allTextContents(), ["Spare", "Tired"]);
    await page.getByText("It does not serve this model.").waitFor();
  });
});

test("the gateway's settings are changed, and nothing else with them", async () => {
  await api.createChannel({
    name: "Kept",
    base_url: upstream.url,
    keys: ["sk-a-0123456789-works"],
  });
  await withPage(browser, { refused: [400] }, async (page) => {
    await logIn(page, "Settings");
    const form = page.getByRole("form", { name: "Gateway" });
    const attempts = page.getByLabel("Attempts per request");
    await attempts.fill("0");
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText("Not saved").waitFor();
    assert.equal(await attempts.getAttribute("aria-invalid"), "true");
    await attempts.fill("7");
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText("Saved.").waitFor();
    await page.reload();
    await attempts.waitFor();
    assert.equal(await attempts.inputValue(), "7");
    await attempts.fill("10");
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText("Saved.").waitFor();
  });
  const [channel] = await api.channels();
  assert.deepEqual([channel.name, channel.keys.length], ["Kept", 1]);
});

test("a configuration is exported, its import shows what changes, and replaces it", async () => {
  await api.createChannel({
    name: "Kept",
    base_url: upstream.url,
    keys: ["sk-a-0123456789-works"],
  });
  await api.createChannel({ name: "Dropped", base_url: upstream.url, keys: [] });
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Settings");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download" }).click(),
    ]);
    const pieces = [];
    for await (const piece of await download.createReadStream()) {
      pieces.push(piece);
    }
    const text = Buffer.concat(pieces).toString();
    assert.ok(!text.includes("sk-a-0123456789-works"));
    const document = JSON.parse(text);
    document.channels = document.channels.filter(({ name }) => name === "Kept");
    document.channels[0].weight = 9;
    await page.getByLabel("Or pasted").fill(JSON.stringify(document));
    await page.getByRole("button", { name: "Review changes" }).click();
    const changes = page.getByRole("dialog").getByRole("listitem");
    await changes.first().waitFor();
    assert.equal(await changes.count(), 2);
    await changes.filter({ hasText: "removed" }).getByText("Dropped").waitFor();
    await changes.filter({ hasText: "changed" }).getByText("weight").waitFor();
    assert.equal((await api.channels()).length, 2, "nothing is applied before it is asked for");
    await page.getByRole("button", { name: "Replace configuration" }).click();
    await page.getByText("Imported.").waitFor();
  });
  const [channel, ...others] = await api.channels();
  assert.deepEqual([channel.name, channel.weight, channel.keys.length], ["Kept", 9, 1]);
  assert.equal(others.length, 0);
});
