//! What the panel says of channels and keys: how their last calls ended, with when and why; tests of all of them, and keys
//! that are disabled when they were rejected.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAs } from "./api.mjs";
import { findings, logIn, overflowsSideways, withPage } from "./browser.mjs";
import { api, browser, setUp, upstream } from "./stage.mjs";

setUp();

const rowOf = (page, name) => page.getByRole("row").filter({ hasText: name });

async function picture(page, name) {
  if (process.env.SCREENSHOTS) {
    for (const [colorScheme, width] of [
      ["light", 1440],
      ["dark", 1440],
      ["light", 390],
      ["dark", 390],
    ]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({
        path: `${process.env.SCREENSHOTS}/${name}-${width}-${colorScheme}.png`,
      });
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 1280, height: 720 });
  }
}

test("nothing is healthy before it has worked, and a failure stays until it works again", async () => {
  await api.createChannel({
    name: "Good",
    base_url: upstream.url,
    keys: ["sk-good-0123456789-works"],
    models: ["alpha"],
  });
  await api.createChannel({
    name: "Bad",
    base_url: upstream.url,
    keys: ["sk-bad-0123456789-failing"],
    models: ["beta"],
  });
  await api.createChannel({ name: "Idle", base_url: upstream.url, keys: [], models: ["gamma"] });
  await api.createChannel({
    name: "Bare",
    base_url: "https://api.openai.com/v1",
    keys: [],
    models: ["alpha"],
  });
  const { key } = await api.createKey({ name: "laptop" });
  await chatAs(key, "alpha", 200);
  await chatAs(key, "beta", 502);
  await api.recorded(2);
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Channels");
    await rowOf(page, "Good").getByText("Healthy").waitFor();
    await rowOf(page, "Good")
      .getByText(/Last success \S/)
      .waitFor();
    await rowOf(page, "Bad").getByText("Last call failed").first().waitFor();
    await rowOf(page, "Bad")
      .getByText(/Failed .+ · 500: /)
      .waitFor();
    await rowOf(page, "Idle").getByText("Not used yet").waitFor();
    await rowOf(page, "Bare").getByText("Needs a key").waitFor();
    const shares = page.locator(".share__text");
    assert.deepEqual(await shares.allTextContents(), ["33%", "33%", "33%", "0%"]);
    assert.deepEqual(await findings(page), []);
    await picture(page, "health-channels");

    await page.getByRole("link", { name: "Overview", exact: true }).click();
    const attention = page.getByRole("region", { name: "Needs attention" });
    const bad = attention.getByRole("listitem").filter({ hasText: "Bad" });
    await bad.getByText(/500: /).waitFor();
    const bare = attention.getByRole("listitem").filter({ hasText: "Bare" });
    await bare.getByText("Needs a key").waitFor();
    const fleet = page.getByRole("region", { name: "Channels" }).getByRole("listitem");
    await fleet.filter({ hasText: "Idle" }).getByText("Not used yet").waitFor();
    assert.equal(await fleet.getByText("Healthy").count(), 1);
    await picture(page, "health-overview");

    await page.getByRole("link", { name: "Routing", exact: true }).click();
    await page.getByLabel("Model", { exact: true }).fill("alpha");
    await page.getByRole("button", { name: "Show", exact: false }).click();
    await page.getByText("It has no key, and its provider requires one.").waitFor();
  });
});

test("all channels are tested key by key, and rejected keys are disabled and enabled again", async () => {
  const keys = [
    "sk-one-0123456789-works",
    "sk-two-0123456789-refused",
    "sk-six-0123456789-throttled",
  ];
  await api.createChannel({ name: "Mixed", base_url: upstream.url, keys, models: ["alpha"] });
  await api.createChannel({ name: "Plain", base_url: upstream.url, keys: [], models: ["alpha"] });
  const enabled = async () => (await api.channels())[0].keys.map((one) => one.enabled);
  await withPage(browser, {}, async (page) => {
    await logIn(page, "Channels");
    await page.getByRole("button", { name: "Test all", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "Test all channels" });
    await dialog.getByRole("button", { name: "Start" }).click();
    await dialog.getByText("2 of 2 channels tested").waitFor();
    await dialog.getByText("2 passed, 2 failed").waitFor();
    await dialog.getByText("Incorrect API key provided.").waitFor();
    assert.deepEqual(await findings(page), []);
    await picture(page, "health-test-all");
    await page.setViewportSize({ width: 390, height: 800 });
    assert.equal(await overflowsSideways(page), false);
    await page.setViewportSize({ width: 1280, height: 720 });

    await dialog.getByRole("button", { name: "Disable 1 rejected key" }).click();
    await dialog.getByText("1 key is disabled.").waitFor();
    assert.deepEqual(await enabled(), [true, false, true]);
    await dialog.getByRole("button", { name: "Undo" }).click();
    await dialog.getByRole("button", { name: "Disable 1 rejected key" }).waitFor();
    assert.deepEqual(await enabled(), [true, true, true]);
    await dialog.getByRole("button", { name: "Close" }).last().click();
    // A test is a use.
    await rowOf(page, "Mixed").getByText("Degraded").waitFor();
    await rowOf(page, "Plain").getByText("Healthy").waitFor();
    await rowOf(page, "Mixed").getByRole("link", { name: "Mixed" }).click();
    await page.getByText("Last call failed").first().waitFor();
    const states = page.locator(".kept__state");
    await page.waitForFunction(() =>
      document.querySelectorAll(".kept__state")[1]?.getAttribute("title")?.includes("401: "),
    );
    assert.match(await states.nth(0).getAttribute("title"), /^Last success /);
    await picture(page, "health-form");
  });
});

test("a run of tests can be stopped", async () => {
  upstream.state.paceMs = 1_500;
  try {
    for (let number = 0; number < 6; number += 1) {
      await api.createChannel({
        name: `Slow ${number}`,
        base_url: upstream.url,
        keys: [],
        models: ["alpha"],
      });
    }
    await withPage(browser, {}, async (page) => {
      await logIn(page, "Channels");
      await page.getByRole("button", { name: "Test all", exact: true }).click();
      const dialog = page.getByRole("dialog", { name: "Test all channels" });
      await dialog.getByRole("button", { name: "Start" }).click();
      await dialog.getByText("Testing…").first().waitFor();
      await dialog.getByRole("button", { name: "Stop" }).click();
      await dialog.getByRole("button", { name: "Test again" }).waitFor();
      assert.equal(await dialog.getByText("Not tested").count(), 6);
    });
  } finally {
    upstream.state.paceMs = 0;
  }
});
