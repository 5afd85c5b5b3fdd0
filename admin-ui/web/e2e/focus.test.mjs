//! Where the focus is when a dialog opens: on its first field, else on what it is for, and never on what deletes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { GATEWAY_URL, logIn, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();

/** What has the focus, and whether it is in the dialog. */
const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const label = element?.labels?.[0]?.textContent ?? element?.getAttribute("aria-label");
    return {
      name: (label ?? element?.textContent ?? "").trim(),
      isInside: element?.closest("dialog") !== null,
      isDangerous: element?.classList.contains("button--danger") ?? false,
    };
  });

async function opens(page, button, name) {
  await button.click();
  await page.getByRole("dialog").waitFor();
  const found = await focused(page);
  assert.deepEqual(found, { name, isInside: true, isDangerous: false });
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

test("dialogs open on their first field or their main action", async () => {
  await api.createKey({ name: "laptop" });
  const base = { base_url: upstream.url, keys: [], models: ["alpha"] };
  await api.createChannel({ ...base, name: "One" });
  await api.createChannel({ ...base, name: "Two" });
  await withPage(browser, { viewport: { width: 1440, height: 900 } }, async (page) => {
    const button = (name) => page.getByRole("button", { name, exact: true });
    await logIn(page, "Client keys");
    await opens(page, button("Create key"), "Name");
    await opens(page, button("Edit laptop"), "Name");
    await opens(page, button("Rotate laptop"), "Old key stays valid for");
    await opens(page, button("Delete laptop"), "Cancel");

    await page.goto(`${GATEWAY_URL}/admin/channels`);
    await opens(page, button("Test One"), "Model");
    await opens(page, button("Test all"), "Start");

    await page.goto(`${GATEWAY_URL}/admin/accounts`);
    await opens(page, button("Add account"), "Name");
  });
});

test("a new key is marked when it is shown, ready to be copied", async () => {
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Client keys");
    await page.getByRole("button", { name: "Create key" }).click();
    await page.keyboard.type("laptop");
    await page.keyboard.press("Enter");
    const field = page.getByRole("dialog").getByLabel("Client key", { exact: true });
    const key = await field.inputValue();
    const marked = await field.evaluate((element) =>
      element.value.slice(element.selectionStart, element.selectionEnd),
    );
    assert.equal(marked, key);
    await page.getByRole("button", { name: "Done" }).click();
  });
});
