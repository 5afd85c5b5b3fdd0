//! What tests begin with: a browser, an upstream of our own and an empty gateway; or a gateway with something on it, as its
//! owner would see it, for the looks of every page.
import { after, before, beforeEach } from "node:test";
import { Api, chatAs } from "./api.mjs";
import { launch } from "./browser.mjs";
import { startUpstream } from "./upstream.mjs";

/** Those of the tests of this file; there before the first of them. */
export let api;
export let browser;
export let upstream;

/** Each test of the file begins with nothing on the gateway, and nothing is left of the last one. */
export function setUp() {
  before(async () => {
    api = await Api.logIn();
    upstream = await startUpstream();
    browser = await launch();
  });
  beforeEach(() => api.deleteEverything());
  after(async () => {
    await browser?.close();
    await api?.deleteEverything();
    await upstream?.close();
  });
}

/** Fills the gateway; the upstream's answers decide how its channels fare. */
export async function fill(api, upstream) {
  await api.deleteEverything();
  const { url } = upstream;
  const models = ["gpt-4o", "gpt-4o-mini", "o3-mini"];
  await api.createChannel({
    name: "OpenAI",
    base_url: url,
    keys: ["sk-proj-4f2a91c07de34b-works", "sk-proj-8c1b22d9aa0451-throttled"],
    models,
    weight: 3,
  });
  await api.createChannel({
    name: "Azure Sweden",
    base_url: url,
    keys: ["5d1f0a77c2e94c9b8a36-works"],
    models,
    weight: 1,
  });
  await api.createChannel({
    name: "NVIDIA NIM",
    base_url: url,
    keys: ["nvapi-Pq81mZt4-works", "nvapi-Xk29sLq0-refused", "nvapi-Rr55aWb7-works"],
    models: ["meta/llama-3.3-70b-instruct", "nvidia/nemotron-4-340b"],
    model_map: { "gpt-4o": "meta/llama-3.3-70b-instruct" },
    priority: 1,
    weight: 1,
    hedge_after_ms: 1500,
  });
  await api.createChannel({
    name: "Ollama",
    base_url: "http://127.0.0.1:11434/v1",
    keys: [],
    models: ["qwen3:8b"],
    priority: 2,
    enabled: false,
  });
  const { key } = await api.createKey({ name: "laptop" });
  const { key: pipeline } = await api.createKey({
    name: "ci pipeline",
    models: ["gpt-4o-mini"],
    limits: {
      requests_per_minute: 60,
      tokens_per_day: 25_000,
      daily_budget_micro_usd: 2_000_000,
    },
  });
  await api.createKey({
    name: "workshop",
    expires_at: new Date(Date.now() - 86_400_000).toISOString(),
  });
  await api.changeSettings({ prices: PRICES });
  await traffic(key, pipeline);
  await api.recorded(1);
  return key;
}

/** Enough requests that every key had its turn, the bad ones are known, and the log has of everything. */
async function traffic(key, pipeline) {
  for (let turn = 0; turn < 12; turn += 1) {
    await chatAs(pipeline, "gpt-4o-mini", 200, { stream: turn % 3 === 0 });
    if (turn % 3 === 0) {
      await chatAs(key, "o3-mini", 200);
    }
    if (turn % 2 === 0) {
      await chatAs(key, "gpt-4o", 200, { stream: true });
    }
  }
  await chatAs(key, "gpt-4o", 400, { max_tokens: -1 });
  await chatAs(key, "gpt-5-typo", 404);
  // Three turns reach every key of the channel, the one that is refused among them.
  for (let turn = 0; turn < 3; turn += 1) {
    await chatAs(key, "meta/llama-3.3-70b-instruct", 200, { stream: true });
  }
  await chatAs(key, "nvidia/nemotron-4-340b", 200);
  await chatAs(key, "gpt-4o", 200, { stream: true });
}

/** Micro-dollars per million tokens. */
const PRICES = {
  "gpt-4o": { prompt: 2_500_000, cached: 1_250_000, completion: 10_000_000 },
  "gpt-4o-mini": { prompt: 150_000, cached: 75_000, completion: 600_000 },
  "o3-mini": { prompt: 1_100_000, cached: 550_000, completion: 4_400_000 },
  "meta/llama-3.3-70b-instruct": { prompt: 120_000, cached: null, completion: 300_000 },
};
