//! Every form of the panel, and every way to leave it: what was typed is not lost without a question.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Api } from "./api.mjs";
import { findings, GATEWAY_URL, launch, logIn, withPage } from "./browser.mjs";
import { startUpstream } from "./upstream.mjs";

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
});

after(async () => {
  await browser?.close();
  await api?.deleteEverything();
  await api?.deleteAccounts();
  await upstream?.close();
});

const BOB = "a password of bob";

/** Two channels, a key and an account, and the addresses of the first channel and the key. */
async function stage() {
  const base = { base_url: upstream.url, keys: [], models: ["beta"] };
  const { id: channel } = await api.createChannel({ ...base, name: "One" });
  await api.createChannel({ ...base, name: "Two" });
  const { id: key } = await api.createKey({ name: "laptop" });
  await api.createAccount({ name: "Bob", role: "viewer", password: BOB });
  return { channel: `channels/${channel}`, key: `keys/${key}` };
}

const question = (page) => page.getByRole("dialog", { name: "Leave without saving?" });
/** Within the document, so that the browser's back button does not leave it. */
const at = async (page, path, ready) => {
  await page.evaluate((address) => {
    history.pushState(null, "", address);
    dispatchEvent(new PopStateEvent("popstate"));
  }, `/admin/${path}`);
  await ready.waitFor();
};

async function keep(page) {
  await question(page).getByRole("button", { name: "Keep editing" }).click();
  await question(page).waitFor({ state: "detached" });
}

/** A reload asks in the browser's own words; the answer is to stay. */
async function reloadIsStopped(page) {
  const asked = page.waitForEvent("dialog");
  await page.evaluate(() => void setTimeout(() => location.reload()));
  const dialog = await asked;
  assert.equal(dialog.type(), "beforeunload");
  await dialog.dismiss();
}

/** Whatever leads away from this document; `value` says what must still be there. */
async function survivesLeaving(page, value) {
  const [typed, address] = [await value(), page.url()];
  await page.evaluate(() => history.back());
  await question(page).waitFor();
  await page.keyboard.press("Escape");
  await question(page).waitFor({ state: "detached" });
  assert.equal(page.url(), address);
  assert.equal(await value(), typed);
  await reloadIsStopped(page);
  assert.equal(await value(), typed);
}

const field = (locator) => () => locator.inputValue();

/** What to fill in on each page: where, its field, and what is typed. */
function pages({ channel }) {
  const inForm = (name, label) => (page) =>
    page.getByRole("form", { name, exact: true }).getByLabel(label, { exact: true });
  const named = (label) => (page) => page.getByLabel(label, { exact: true });
  return [
    ["channels/new", named("Name"), "Three"],
    [channel, named("Weight"), "7"],
    [channel, named("API keys"), "sk-new-0123456789"],
    ["alerts", inForm("Alerts", "Error rate, in percent"), "3"],
    ["settings", inForm("Gateway", "Attempts per request"), "3"],
    ["settings", inForm("Reverse proxies", "Trusted proxies"), "10.0.0.0/8"],
    ["settings", inForm("Ledger", "Days kept"), "7"],
    ["settings", named("Or pasted"), '{"version":1}'],
  ];
}

test("a page with unsaved work asks before every way out", async () => {
  const places = await stage();
  for (const [path, of, text] of pages(places)) {
    await withPage(browser, {}, async (page) => {
      await logIn(page, "Routing");
      const input = of(page);
      await at(page, path, input);
      await input.fill(text);
      await survivesLeaving(page, field(input));
      await page.getByRole("link", { name: "Requests", exact: true }).click();
      await question(page).waitFor();
      if (path === "channels/new") {
        assert.deepEqual(await findings(page), []);
      }
      await keep(page);
      assert.equal(await input.inputValue(), text, path);
      await page.getByRole("button", { name: "Log out" }).click();
      await keep(page);
      await page.getByRole("link", { name: "Requests", exact: true }).click();
      await question(page).getByRole("button", { name: "Discard changes" }).click();
      await page.getByRole("heading", { name: "Requests", level: 1 }).waitFor();
      // What was given up is not asked about again.
      await page.getByRole("link", { name: "Routing", exact: true }).click();
      await page.getByRole("heading", { name: "Routing", exact: true, level: 1 }).waitFor();
    });
  }
});

test("the maps and tables of the settings are unsaved work, until they are as before", async () => {
  await stage();
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Settings");
    for (const [name, add, type] of [
      ["Default models", "Add row", (form) => form.getByLabel("Models").last().fill("m")],
      ["Aliases", "Add row", (form) => form.getByLabel("Alias").last().fill("fast")],
      ["Prices", "Add model", (form) => form.getByLabel("Model", { exact: true }).last().fill("m")],
    ]) {
      const form = page.getByRole("form", { name, exact: true });
      await form.getByRole("button", { name: add }).click();
      if (name !== "Default models") {
        await type(form);
      } else {
        await form.locator("select").last().selectOption({ index: 1 });
        await form.locator("input").last().fill("m");
      }
      await page.getByRole("link", { name: "Requests", exact: true }).click();
      await keep(page);
      // Nothing was saved; the same page again is another way out, and begins anew.
      await page.getByRole("link", { name: "Settings", exact: true }).click();
      await question(page).getByRole("button", { name: "Discard changes" }).click();
      await page.waitForFunction(() => !document.querySelector("dialog"));
    }
    // What is half typed into a list is not in it yet.
    await page.getByRole("textbox", { name: "Headers that name a session" }).fill("x-half-typed");
    await reloadIsStopped(page);
    await page.getByRole("textbox", { name: "Headers that name a session" }).fill("");
    const attempts = page.getByLabel("Attempts per request");
    const before = await attempts.inputValue();
    await attempts.fill("3");
    await attempts.fill(before);
    await page.getByRole("link", { name: "Requests", exact: true }).click();
    await page.getByRole("heading", { name: "Requests", level: 1 }).waitFor();
  });
});

test("a new password of one's own is unsaved work", async () => {
  await stage();
  await withPage(browser, {}, async (page) => {
    await page.goto(`${GATEWAY_URL}/admin/`);
    await page.getByLabel("Name", { exact: true }).fill("Bob");
    await page.getByLabel("Password").fill(BOB);
    await page.keyboard.press("Enter");
    for (const name of ["Routing", "Accounts"]) {
      await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
    }
    const input = page.getByLabel("New password");
    await input.fill("another password");
    await survivesLeaving(page, field(input));
    await page.getByRole("link", { name: "Requests", exact: true }).click();
    await keep(page);
    await page.getByLabel("Present password").first().fill(BOB);
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByText("Your password is changed.", { exact: false }).waitFor();
    await page.getByRole("link", { name: "Requests", exact: true }).click();
    await page.getByRole("heading", { name: "Requests", level: 1 }).waitFor();
  });
});

test("a price list that was chosen and not stored is unsaved work", async () => {
  await stage();
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Settings");
    const list = { m: { input_cost_per_token: 0.000001, litellm_provider: "x" } };
    await page.getByLabel("Price list").setInputFiles({
      name: "prices.json",
      mimeType: "application/json",
      buffer: Buffer.from(JSON.stringify(list)),
    });
    await page.getByRole("link", { name: "Requests", exact: true }).click();
    await keep(page);
  });
});

/** Each dialog: how it is opened, and what is done in it. */
function dialogs({ channel, key }) {
  const inKeys =
    (name, exact = true) =>
    async (page) => {
      await at(page, "keys", page.locator(".key-name"));
      await page.getByRole("button", { name, exact }).click();
    };
  const rename = async (dialog) => {
    await dialog.getByLabel("Name", { exact: true }).fill("renamed");
    return field(dialog.getByLabel("Name", { exact: true }));
  };
  const inBar = (name) => async (page) => {
    await at(page, "channels", page.locator("td.table__check input").first());
    await page.getByRole("checkbox", { name: "Select One" }).check();
    await page.getByRole("toolbar", { name: "Selection" }).getByRole("button", { name }).click();
  };
  const inAccounts = (name) => async (page) => {
    const button = page.getByRole("button", { name, exact: true });
    await at(page, "accounts", button);
    await button.click();
  };
  const add = (label) => async (dialog) => {
    await dialog.getByRole("textbox", { name: label }).fill("new");
    await dialog.page().keyboard.press("Enter");
    const added = dialog.getByRole("button", { name: "Remove new" });
    await added.waitFor();
    return () => added.count();
  };
  const rotate = async (dialog) => {
    await dialog.getByLabel("Old key stays valid for").selectOption("0");
    return field(dialog.getByLabel("Old key stays valid for"));
  };
  return {
    "New client key": [inKeys("Create key"), rename],
    "Edit client key": [inKeys("Edit laptop"), rename],
    "Rotate laptop?": [inKeys("Rotate laptop"), rotate],
    "Arrange traffic": [
      async (page) => {
        const open = page.getByRole("button", { name: "Arrange traffic" });
        await at(page, "channels", open);
        await open.click();
      },
      async (dialog) => {
        const weight = dialog.getByLabel("Weight of One", { exact: true });
        await weight.fill("9");
        return field(weight);
      },
    ],
    "Pick models": [
      async (page) => {
        const open = page.getByRole("button", { name: "Fetch models" });
        await at(page, channel, open);
        await open.click();
      },
      async (dialog) => {
        const box = dialog.getByLabel("gamma", { exact: true });
        await box.check();
        return () => box.isChecked();
      },
    ],
    "New account": [inAccounts("Add account"), rename],
    "Account Bob": [inAccounts("Edit Bob"), rename],
    "Tags of 1 channel": [inBar("Tags…"), add("Add tags")],
    "Models of 1 channel": [inBar("Models…"), add("Models")],
    "Priority and weight of 1 channel": [
      inBar("Priority, weight…"),
      async (dialog) => {
        await dialog.getByLabel("Weight").fill("4");
        return field(dialog.getByLabel("Weight"));
      },
    ],
    "Edit client key, on its page": [
      async (page) => {
        const open = page.getByRole("button", { name: "Edit", exact: true });
        await at(page, key, open);
        await open.click();
      },
      rename,
    ],
  };
}

test("a dialog with unsaved work asks before it is closed, and before the page is left", async () => {
  const places = await stage();
  for (const [title, [open, type]] of Object.entries(dialogs(places))) {
    await withPage(browser, {}, async (page) => {
      await logIn(page, "Routing");
      await open(page);
      const dialog = page.getByRole("dialog", { name: title.split(",")[0], exact: true });
      // Without anything typed it is closed at once.
      await dialog.waitFor();
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      await open(page);
      const value = await type(dialog);
      const typed = await value();
      // The first Escape asks; a second one answers the question with "keep editing".
      await page.keyboard.press("Escape");
      await question(page).waitFor();
      await page.keyboard.press("Escape");
      await question(page).waitFor({ state: "detached" });
      for (const name of ["Close", "Cancel"]) {
        await dialog.getByRole("button", { name, exact: true }).click();
        await keep(page);
      }
      // The backdrop closes nothing.
      await page.mouse.click(3, 3);
      assert.equal(await value(), typed, title);
      await page.keyboard.press("Escape");
      await keep(page);
      await survivesLeaving(page, value);
      await dialog.getByRole("button", { name: "Cancel", exact: true }).click();
      await question(page).getByRole("button", { name: "Discard changes" }).click();
      await dialog.waitFor({ state: "detached" });
      assert.equal(await page.locator("dialog").count(), 0, title);
    });
  }
  assert.deepEqual(
    (await api.keys()).map(({ name }) => name),
    ["laptop"],
  );
});

test("what is typed in one form of the settings outlives the saving of another", async () => {
  await stage();
  await withPage(browser, { refused: [412] }, async (page) => {
    await logIn(page, "Settings");
    const proxies = page.getByLabel("Trusted proxies");
    await proxies.fill("10.0.0.1");
    // Another tab changes both forms, so that saving the one begins it again.
    await api.changeSettings({ max_attempts: 20, request_log_days: 7 });
    const form = page.getByRole("form", { name: "Gateway" });
    await form.getByLabel("Attempts per request").fill("4");
    await form.getByRole("button", { name: "Save" }).click();
    const conflict = page.getByRole("dialog", { name: "Settings was changed meanwhile" });
    await conflict.getByRole("button", { name: "Reload" }).click();
    await page.waitForFunction(() =>
      [...document.querySelectorAll("input")].some((input) => input.value === "20"),
    );
    assert.equal(await proxies.inputValue(), "10.0.0.1");
    // A form in which nothing was typed shows what is stored now.
    assert.equal(await page.getByLabel("Days kept").inputValue(), "7");
  });
});

test("an import that met another change shows both, and is made only when confirmed again", async () => {
  await stage();
  await withPage(browser, { refused: [412] }, async (page) => {
    await logIn(page, "Settings");
    const document = { version: 1, channels: [], keys: [], settings: {} };
    await page.getByLabel("Or pasted").fill(JSON.stringify(document));
    await page.getByRole("button", { name: "Review changes" }).click();
    const review = page.getByRole("dialog", { name: "What the import changes" });
    await review.waitFor();
    await api.changeSettings({ max_attempts: 20 });
    await review.getByRole("button", { name: "Replace configuration" }).click();
    await review.getByText("so nothing was imported").waitFor();
    await review.getByRole("heading", { name: "Changed by others" }).waitFor();
    await review.getByText("20", { exact: true }).first().waitFor();
    assert.equal((await api.channels()).length, 2);
    await review.getByRole("button", { name: "Overwrite" }).click();
    await page.getByText("Imported.").waitFor();
  });
  assert.equal((await api.channels()).length, 0);
});
