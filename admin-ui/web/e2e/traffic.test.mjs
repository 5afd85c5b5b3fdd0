//! Who gets how much, and what is fetched before a channel exists: the work on channels that needs a
//! pointer, a keyboard or both.
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIn, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();

async function three() {
  const base = { base_url: upstream.url, keys: [] };
  await api.createChannel({ ...base, name: "One", weight: 3 });
  await api.createChannel({ ...base, name: "Two", weight: 1 });
  await api.createChannel({ ...base, name: "Three", priority: 1 });
}

async function places() {
  const all = await api.channels();
  return Object.fromEntries(all.map(({ name, priority, weight }) => [name, [priority, weight]]));
}

async function arrange(page) {
  await logIn(page, "Channels");
  await page.getByRole("button", { name: "Arrange traffic" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("region", { name: "Priority 0" }).waitFor();
  return dialog;
}

const grip = (dialog, name) => dialog.getByRole("button", { name: `Move ${name}:` });

test("a drag moves a channel to another priority; nothing is changed before it is saved", async () => {
  await three();
  await withPage(browser, {}, async (page) => {
    const dialog = await arrange(page);
    const from = await grip(dialog, "Two").boundingBox();
    const to = await dialog.getByRole("region", { name: "Priority 1" }).boundingBox();
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + 40, to.y + to.height + 20, { steps: 5 });
    // The places between the groups open while something is dragged.
    const target = await dialog.getByRole("region", { name: "Priority 1" }).boundingBox();
    await page.mouse.move(target.x + 40, target.y + target.height / 2, { steps: 3 });
    await page.mouse.up();
    const second = dialog.getByRole("region", { name: "Priority 1" }).getByRole("listitem");
    assert.equal(await second.count(), 2);
    await second.filter({ hasText: "Two" }).getByText("50%").waitFor();
    assert.deepEqual((await places()).Two, [0, 1]);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
  });
  assert.deepEqual(await places(), { One: [0, 3], Two: [1, 1], Three: [1, 1] });
});

test("a drag between two groups makes a separate group", async () => {
  await three();
  await withPage(browser, {}, async (page) => {
    const dialog = await arrange(page);
    const from = await grip(dialog, "Two").boundingBox();
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(from.x + 60, from.y + 10, { steps: 3 });
    const gap = await dialog.locator('[data-drop="gap:1"]').boundingBox();
    await page.mouse.move(gap.x + 60, gap.y + gap.height / 2, { steps: 5 });
    await page.mouse.up();
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
  });
  assert.deepEqual(await places(), { One: [0, 3], Two: [1, 1], Three: [2, 1] });
});

test("the keyboard does the same, and weights by slider and by number", async () => {
  await three();
  await withPage(browser, {}, async (page) => {
    const dialog = await arrange(page);
    await grip(dialog, "Two").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await dialog.getByRole("status").getByText("Two now has priority 2").waitFor();
    const focused = await page.evaluate(() => document.activeElement?.textContent);
    assert.match(focused, /^Move Two:/, "the focus went elsewhere");
    await dialog.getByLabel("Weight of One, as a slider").focus();
    await page.keyboard.press("ArrowRight");
    await dialog.getByLabel("Weight of Three", { exact: true }).fill("9");
    await dialog.getByRole("listitem").filter({ hasText: "Three" }).getByText("90%").waitFor();
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
  });
  assert.deepEqual(await places(), { One: [0, 4], Two: [2, 1], Three: [2, 9] });
});

test("leaving the arrangement changes nothing", async () => {
  await three();
  const before = await places();
  await withPage(browser, {}, async (page) => {
    const dialog = await arrange(page);
    await grip(dialog, "One").focus();
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Discard changes" }).click();
    await dialog.waitFor({ state: "detached" });
  });
  assert.deepEqual(await places(), before);
});
