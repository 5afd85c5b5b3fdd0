//! Jobs with channels, from the first one on.
import assert from "node:assert/strict";
import { chatAs } from "./api.mjs";
import { until } from "./jobs.mjs";

const MODELS = ["alpha"];

function channel({ api, upstream }, name, more = {}) {
  return api.createChannel({ name, base_url: upstream.url, keys: [], models: MODELS, ...more });
}

const rowOf = (page, name) => page.getByRole("row").filter({ hasText: name });

/** Whether the last of several requests were all answered by this channel. */
async function isAnsweredBy(api, key, id) {
  const before = (await api.requests({ channel: id })).length;
  for (let turn = 0; turn < 4; turn += 1) {
    await chatAs(key, "alpha", 200);
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  return (await api.requests({ channel: id })).length - before === 4;
}

export const CHANNEL_JOBS = [
  {
    name: "go from the first login to the first chat",
    most: 9,
    isFirst: true,
    hasOwnLogin: true,
    async run(hand, { upstream }) {
      const { page } = hand;
      await hand.logIn(null);
      await hand.click(page.getByRole("link", { name: "Add a channel" }));
      await hand.click(page.getByRole("button", { name: "OpenAI", exact: true }));
      await hand.type(page.getByLabel("Base URL"), upstream.url);
      await hand.type(page.getByLabel("API keys"), "sk-first-0123456789-works");
      await hand.click(page.getByRole("button", { name: "Create channel" }));
      await page.getByText("Channel created").waitFor();
      await hand.go("Playground");
      await hand.type(page.getByLabel("Model", { exact: true }), "alpha");
      await hand.type(page.getByLabel("Message"), "Are you there?");
      await hand.enter();
      await page.getByText(upstream.state.answer, { exact: true }).waitFor();
    },
  },
  {
    name: "test all channels and disable rejected keys",
    most: 4,
    async stage(world) {
      const keys = ["sk-one-0123456789-works", "sk-two-0123456789-refused"];
      await channel(world, "Mixed", { keys });
      await channel(world, "Dead", { keys: ["sk-three-0123456789-refused"] });
      await channel(world, "Plain");
    },
    async run(hand, { api }) {
      const { page } = hand;
      await hand.go("Channels");
      await hand.click(page.getByRole("button", { name: "Test all", exact: true }));
      const dialog = page.getByRole("dialog", { name: "Test all channels" });
      await hand.click(dialog.getByRole("button", { name: "Start" }));
      await hand.click(dialog.getByRole("button", { name: "Disable 2 rejected keys" }));
      await dialog.getByText("2 keys are disabled.").waitFor();
      const keys = (await api.channels()).map((one) => one.keys.map(({ enabled }) => enabled));
      assert.deepEqual(keys, [[true, false], [false], []]);
    },
  },
  {
    name: "send 90 % to one channel and 10 % to another",
    most: 3,
    async stage(world) {
      await channel(world, "Main");
      await channel(world, "Trial");
    },
    async run(hand, { api }) {
      const { page } = hand;
      await hand.go("Channels");
      await hand.click(page.getByRole("button", { name: "Arrange traffic" }));
      const dialog = page.getByRole("dialog", { name: "Arrange traffic" });
      await hand.type(dialog.getByLabel("Weight of Main", { exact: true }), "90");
      await hand.type(dialog.getByLabel("Weight of Trial", { exact: true }), "10");
      assert.deepEqual(await dialog.locator(".lane__share").allTextContents(), ["90%", "10%"]);
      await hand.click(dialog.getByRole("button", { name: "Save" }));
      await rowOf(page, "Main").getByText("90%").waitFor();
      await rowOf(page, "Trial").getByText("10%").waitFor();
      const weights = (await api.channels()).map(({ weight }) => weight);
      assert.deepEqual(weights, [90, 10]);
    },
  },
  {
    name: "add three upstream keys to a channel at once",
    most: 4,
    stage: (world) => channel(world, "Grows", { keys: ["sk-zero-0123456789-works"] }),
    async run(hand, { api }) {
      const { page } = hand;
      await hand.go("Channels");
      await hand.click(page.getByRole("link", { name: "Grows", exact: true }));
      const keys = ["one", "two", "three"].map((name) => `sk-${name}-0123456789-works`);
      await hand.type(page.getByLabel("Add keys"), keys.join("\n"));
      await page.getByText("3 keys").waitFor();
      await hand.click(page.getByRole("button", { name: "Save", exact: true }));
      await page.getByText("3 added").waitFor();
      assert.equal((await api.channels())[0].keys.length, 4);
    },
  },
  {
    name: "take a channel out of service and back",
    most: 3,
    async stage(world) {
      await channel(world, "Serviced");
      const { id: other } = await channel(world, "Other");
      return { other, ...(await world.api.createKey({ name: "laptop" })) };
    },
    async run(hand, { api, stage: { key, other } }) {
      const { page } = hand;
      const enabled = async () => (await api.channels())[0].enabled;
      await hand.go("Channels");
      const row = rowOf(page, "Serviced");
      await hand.click(row.getByRole("switch"));
      await row.getByText("Disabled", { exact: true }).waitFor();
      await rowOf(page, "Other").getByText("100%").waitFor();
      assert.equal(await enabled(), false);
      await until("the other channel takes the requests", () => isAnsweredBy(api, key, other));
      await hand.click(row.getByRole("switch"));
      await row.getByText("Disabled", { exact: true }).waitFor({ state: "detached" });
      await until("the channel is back", enabled);
    },
  },
];
