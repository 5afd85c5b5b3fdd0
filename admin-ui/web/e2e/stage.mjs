//! A gateway with something on it, as its owner would see it: for the looks of every page.
import { chatAs } from "./api.mjs";

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
  await api.createKey({
    name: "ci pipeline",
    models: ["gpt-4o-mini"],
    limits: { requests_per_minute: 60, tokens_per_day: 2_000_000 },
  });
  await api.createKey({
    name: "workshop",
    expires_at: new Date(Date.now() - 86_400_000).toISOString(),
  });
  // Enough requests that every key had its turn and the bad ones are known.
  for (let turn = 0; turn < 6; turn += 1) {
    await chatAs(key, "gpt-4o", 200);
    await chatAs(key, "nvidia/nemotron-4-340b", 200);
  }
  return key;
}
