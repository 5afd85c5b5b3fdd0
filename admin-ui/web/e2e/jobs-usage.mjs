//! Jobs of finding out: who spends, what failed, what a team uses, and what it costs.
import assert from "node:assert/strict";
import { chatAs } from "./api.mjs";

/** Names of this run: what was used stays in the ledger. */
const RUN = Date.now().toString(36);
const rowOf = (page, name) => page.getByRole("row").filter({ hasText: name });

function channel({ api, upstream }, more = {}) {
  return api.createChannel({
    name: "One",
    base_url: upstream.url,
    keys: [],
    models: ["alpha", "beta"],
    ...more,
  });
}

/** As LiteLLM lists prices, in dollars per token. */
const price = (input) => ({
  input_cost_per_token: input,
  output_cost_per_token: input,
  litellm_provider: "openai",
});

export const USAGE_JOBS = [
  {
    name: "find out who spent most this week",
    most: 3,
    async stage(world) {
      const { api, upstream } = world;
      await channel(world);
      const dear = { prompt: 100_000_000, cached: null, completion: 0 };
      await api.changeSettings({ prices: { beta: dear } });
      // More than other tests and earlier runs spend, which share the ledger: some $18,000, and more every ten seconds.
      const usage = (prompt_tokens) => ({ prompt_tokens, completion_tokens: 1 });
      const tokens = Math.floor(Date.now() / 10_000);
      upstream.state.usage = ({ model }) => usage(model === "beta" ? tokens : 5);
      const { key: frugal } = await api.createKey({ name: "frugal" });
      const { key: lavish, id } = await api.createKey({ name: `lavish ${RUN}` });
      await chatAs(frugal, "alpha", 200);
      await chatAs(frugal, "alpha", 200);
      await chatAs(lavish, "beta", 200);
      await api.recorded(1, { key: id });
    },
    async run(hand) {
      const { page } = hand;
      await hand.click(page.getByRole("button", { name: "By key" }));
      await hand.click(page.getByRole("button", { name: "7 days" }));
      const table = page.getByRole("table", { name: "By key" });
      await hand.click(table.getByRole("columnheader", { name: "Cost" }).getByRole("button"));
      const first = table.locator("tbody").getByRole("row").first();
      await first.getByText(`lavish ${RUN}`).waitFor();
      await first.getByText(/^\$\d\d,\d{3}\.\d\d$/).waitFor();
    },
  },
  {
    name: "find out why a request failed, by its id",
    most: 2,
    async stage(world) {
      const keys = ["sk-a-0123456789-failing"];
      await channel(world, { keys });
      const { key, id } = await world.api.createKey({ name: "traced" });
      await chatAs(key, "alpha", 502);
      const [row] = await world.api.recorded(1, { key: id });
      return row;
    },
    async run(hand, { stage: { id } }) {
      const { page } = hand;
      await hand.go("Requests");
      await hand.type(page.getByLabel("Find by id"), id);
      await hand.enter();
      await page.getByRole("region", { name: "Why" }).getByText("Every upstream failed.").waitFor();
      await page.getByText("The model server is restarting.").first().waitFor();
    },
  },
  {
    name: "tag all keys of a team, and see what it used",
    most: 9,
    async stage(world) {
      await channel(world);
      const first = await world.api.createKey({ name: "research laptop" });
      await world.api.createKey({ name: "research server" });
      await world.api.createKey({ name: "research batch" });
      await world.api.createKey({ name: "sales" });
      return first;
    },
    async run(hand, { api, stage }) {
      const { page } = hand;
      const tag = `team-${RUN}`;
      await hand.go("Client keys");
      await hand.type(page.getByRole("searchbox", { name: "Search" }), "research");
      await rowOf(page, "sales").waitFor({ state: "detached" });
      await hand.click(page.getByRole("checkbox", { name: "Select all" }));
      const bar = page.getByRole("toolbar", { name: "Selection" });
      await hand.click(bar.getByRole("button", { name: "Tags…", exact: true }));
      const dialog = page.getByRole("dialog", { name: "Tags of 3 keys" });
      await hand.type(dialog.getByLabel("Add tags"), tag);
      await hand.enter();
      await hand.click(dialog.getByRole("button", { name: "Apply to 3 keys" }));
      await page.getByRole("region", { name: "3 keys changed." }).waitFor();
      assert.equal((await api.keys(tag)).length, 3);
      await usedWithTag(api, stage, tag);
      await hand.go("Overview");
      await hand.click(page.getByRole("button", { name: "By tag", exact: true }));
      const row = page.getByRole("table", { name: "By tag", exact: true }).getByRole("row");
      await hand.click(row.getByRole("link", { name: tag }));
      await page.getByRole("button", { name: `Tag: ${tag}` }).waitFor();
      await hand.click(page.getByRole("button", { name: "By key", exact: true }));
      const keys = page.getByRole("table", { name: "By key", exact: true });
      await keys.getByRole("link", { name: "research laptop" }).waitFor();
    },
  },
  {
    name: "import prices and see what requests cost",
    most: 7,
    async stage(world) {
      await channel(world);
      return world.api.createKey({ name: `priced ${RUN}` });
    },
    async run(hand, { api, stage: { key, id } }) {
      const { page } = hand;
      const list = { alpha: price(0.01), beta: price(0.02), other: price(1) };
      await hand.go("Settings");
      const prices = page.getByRole("region", { name: "Import prices" });
      const text = JSON.stringify(list);
      await hand.pick(prices.getByLabel("Price list"), "prices.json", "application/json", text);
      await hand.click(prices.getByRole("button", { name: "Review prices" }));
      const dialog = page.getByRole("dialog");
      await dialog.getByText("alpha").waitFor();
      assert.equal(await dialog.getByRole("listitem").count(), 2, "only models that are served");
      await hand.click(dialog.getByRole("button", { name: "Save prices" }));
      await prices.getByText("Prices saved.").waitFor();
      await spent(api, { key, id });
      await hand.go("Client keys");
      await hand.click(page.getByRole("link", { name: `Usage of priced ${RUN}` }));
      // 11 tokens in and 7 out at a cent each, as often as it was asked.
      const cost = page.getByRole("region", { name: "Cost" });
      await cost
        .getByText(/^\$\d+\.\d\d$/)
        .first()
        .waitFor();
    },
  },
];

/** A request that has a cost; settings are in force on every instance within two seconds. */
async function spent(api, { key, id }) {
  const hasCost = (row) => row.cost_micro_usd > 0;
  for (let turn = 0; turn < 50; turn += 1) {
    await chatAs(key, "alpha", 200);
    const rows = await api.recorded(turn + 1, { key: id });
    if (rows.some(hasCost)) {
      return;
    }
  }
  assert.fail("no request has a cost");
}

/** A request that is counted for the tag, which the gateway knows within two seconds. */
async function usedWithTag(api, { key }, tag) {
  for (let turn = 0; turn < 50; turn += 1) {
    await chatAs(key, "alpha", 200);
    await new Promise((resolve) => setTimeout(resolve, 200));
    if ((await api.requests({ tag })).length > 0) {
      return;
    }
  }
  assert.fail("no request has the tag");
}
