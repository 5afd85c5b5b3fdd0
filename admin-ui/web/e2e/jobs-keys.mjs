//! Jobs with client keys.
import assert from "node:assert/strict";
import { chatAs } from "./api.mjs";
import { until } from "./jobs.mjs";

const rowOf = (page, name) => page.getByRole("row").filter({ hasText: name });
const PRICE = { prompt: 10_000_000_000, cached: null, completion: 0 };

async function channel({ api, upstream }) {
  await api.createChannel({ name: "One", base_url: upstream.url, keys: [], models: ["alpha"] });
  await api.changeSettings({ prices: { alpha: PRICE } });
}

export const KEY_JOBS = [
  {
    name: "find a leaked client key and revoke it",
    most: 2,
    async stage(world) {
      await channel(world);
      await world.api.createKey({ name: "tablet" });
      const { key, id } = await world.api.createKey({ name: "laptop" });
      await world.api.createKey({ name: "server" });
      await chatAs(key, "alpha", 200);
      return { key, id };
    },
    async run(hand, { api, stage: { key, id } }) {
      const { page } = hand;
      await hand.go("Client keys");
      await hand.type(page.getByRole("searchbox", { name: "Search" }), key);
      await rowOf(page, "tablet").waitFor({ state: "detached" });
      await hand.click(rowOf(page, "laptop").getByRole("switch"));
      await rowOf(page, "laptop").getByText("Disabled", { exact: true }).waitFor();
      const stored = (await api.keys()).filter(({ enabled }) => !enabled);
      assert.deepEqual(
        stored.map((one) => one.id),
        [id],
      );
      await chatAs(key, "alpha", 401);
    },
  },
  {
    name: "rotate a key with a grace time",
    most: 6,
    async stage(world) {
      await channel(world);
      return world.api.createKey({ name: "laptop" });
    },
    async run(hand, { stage: { key: old } }) {
      const { page } = hand;
      await hand.go("Client keys");
      await hand.click(page.getByRole("button", { name: "Rotate laptop" }));
      await hand.choose(page.getByLabel("Old key stays valid for"), "7 days");
      await hand.click(page.getByRole("button", { name: "Rotate key" }));
      const dialog = page.getByRole("dialog", { name: "Key for laptop" });
      const key = await dialog.getByLabel("Client key", { exact: true }).inputValue();
      await hand.click(dialog.getByRole("button", { name: "Done" }));
      await rowOf(page, "laptop").getByText("Old key").waitFor();
      await chatAs(key, "alpha", 200);
      await chatAs(old, "alpha", 200);
    },
  },
  {
    name: "limit a key to a budget a month",
    most: 4,
    stage: ({ api }) => api.createKey({ name: "intern" }),
    async run(hand, { api }) {
      const { page } = hand;
      await hand.go("Client keys");
      await hand.click(page.getByRole("button", { name: "Edit intern" }));
      await hand.type(page.getByLabel("$ / month"), "25");
      await hand.enter();
      await rowOf(page, "intern").getByText("of $25.00").waitFor();
      const [{ limits }] = await api.keys();
      assert.equal(limits.monthly_budget_micro_usd, 25_000_000);
    },
  },
  {
    name: "see what is left of a key's limits",
    most: 1,
    async stage(world) {
      await channel(world);
      const limits = { requests_per_minute: 10, monthly_budget_micro_usd: 1_000_000 };
      const { key, id } = await world.api.createKey({ name: "bounded", limits });
      await chatAs(key, "alpha", 200);
      await chatAs(key, "alpha", 200);
      await world.api.recorded(2, { key: id });
    },
    async run(hand) {
      await hand.go("Client keys");
      const row = rowOf(hand.page, "bounded");
      await row.getByText("2 of 10").waitFor();
      // 2 × 11 tokens at a cent each.
      await row.getByText("$0.22 of $1.00").waitFor();
    },
  },
  {
    name: "delete all expired keys, and undo it",
    most: 7,
    async stage({ api }) {
      const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString();
      for (let number = 1; number <= 3; number += 1) {
        await api.createKey({ name: `old ${number}`, expires_at: inDays(-number) });
      }
      await api.createKey({ name: "soon", expires_at: inDays(3) });
      await api.createKey({ name: "stays" });
    },
    async run(hand, { api }) {
      const { page } = hand;
      await hand.go("Client keys");
      await hand.click(page.getByRole("columnheader", { name: "Expires" }).getByRole("button"));
      const names = page.locator("tr[data-row] .table__link");
      await until("those that expired come first", async () =>
        (await names.allTextContents()).join().startsWith("old 3,old 2,old 1,soon"),
      );
      const check = (name) => page.getByRole("checkbox", { name: `Select ${name}`, exact: true });
      await hand.click(check("old 3"));
      await hand.click(check("old 1"), { modifiers: ["Shift"] });
      const bar = page.getByRole("toolbar", { name: "Selection" });
      await hand.click(bar.getByRole("button", { name: "Delete…", exact: true }));
      await hand.click(page.getByRole("button", { name: "Delete (3)" }));
      await check("old 1").waitFor({ state: "detached" });
      const toast = page.getByRole("region", { name: "Deleting 3 keys." });
      await hand.click(toast.getByRole("button", { name: "Undo" }));
      await check("old 1").waitFor();
      assert.equal((await api.keys()).length, 5);
    },
  },
  {
    name: "export the requests of one key as CSV",
    most: 3,
    async stage(world) {
      await channel(world);
      const { key: other } = await world.api.createKey({ name: "other" });
      const { key, id } = await world.api.createKey({ name: "audited" });
      await chatAs(other, "alpha", 200);
      await chatAs(key, "alpha", 200);
      await chatAs(key, "alpha", 200);
      await world.api.recorded(2, { key: id });
      return { id };
    },
    async run(hand, { stage: { id } }) {
      const { page } = hand;
      await hand.go("Client keys");
      await hand.click(page.getByRole("link", { name: "Requests of audited" }));
      const text = await hand.download(page.getByRole("link", { name: "Export CSV" }));
      const [head, ...rows] = text.trimEnd().split("\r\n");
      assert.match(head, /^id,time,key,/);
      assert.equal(rows.length, 2);
      assert.ok(
        rows.every((row) => row.split(",")[2] === id),
        text,
      );
    },
  },
];
