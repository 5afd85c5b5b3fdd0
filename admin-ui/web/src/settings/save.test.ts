import { afterEach, expect, it, vi } from "vitest";
import { loadSettings, saveSettings } from "./save";

afterEach(() => vi.unstubAllGlobals());

/** A gateway with settings and channels, whose state changes with every write. */
function gateway(settings: Record<string, unknown>) {
  const state = { revision: 1, channels: [] as unknown[], settings, writes: 0 };
  vi.stubGlobal("fetch", (_: string, { method, headers, body }: RequestInit) => {
    const tag = (headers as Record<string, string>)["if-match"];
    if (method === "PUT") {
      if (tag !== `"${state.revision}"`) {
        return Promise.resolve(new Response("{}", { status: 412 }));
      }
      const sent = JSON.parse(String(body));
      state.revision += 1;
      state.writes += 1;
      state.channels = sent.channels;
      state.settings = sent.settings;
    }
    const document = { version: 1, channels: state.channels, keys: [], settings: state.settings };
    const etag = `"${state.revision}"`;
    return Promise.resolve(new Response(JSON.stringify(document), { headers: { etag } }));
  });
  return state;
}

async function loaded() {
  const result = await loadSettings();
  if (!result.ok) {
    throw new Error("not loaded");
  }
  return result.value;
}

const SETTINGS = { max_attempts: 10, total_timeout_ms: 120_000, max_request_bytes: 1_000_000 };

it("takes over a channel that came in between, and other settings as well", async () => {
  const state = gateway(SETTINGS);
  const base = await loaded();
  Object.assign(state, {
    revision: 5,
    channels: [{ id: "ch_new" }],
    settings: { ...SETTINGS, total_timeout_ms: 60_000 },
  });
  const result = await saveSettings(base, { max_attempts: 3 });
  expect(result).toMatchObject({ ok: true, value: { kind: "saved" } });
  expect(state.channels).toEqual([{ id: "ch_new" }]);
  expect(state.settings).toEqual({ ...SETTINGS, total_timeout_ms: 60_000, max_attempts: 3 });
});

it("changes default models and trusted proxies, each without the other", async () => {
  const both = { default_models: { moderations: "omni" }, trusted_proxies: ["10.0.0.0/8"] };
  const state = gateway({ ...SETTINGS, ...both });
  const base = await loaded();
  expect(base.settings).toMatchObject(both);
  const change = { trusted_proxies: ["10.0.0.0/8", "::1"] };
  const result = await saveSettings(base, change);
  if (!result.ok || result.value.kind !== "saved") {
    throw new Error("not saved");
  }
  expect(state.settings).toEqual({ ...SETTINGS, ...both, ...change });
  expect(result.value.now.settings).toMatchObject({ ...both, ...change });
  await saveSettings(result.value.now, { default_models: {} });
  expect(state.settings).toEqual({ ...SETTINGS, default_models: {}, ...change });
});

it("asks when default models or trusted proxies were changed meanwhile", async () => {
  const state = gateway({ ...SETTINGS, default_models: {}, trusted_proxies: [] });
  const base = await loaded();
  const theirs = { default_models: { rerank: "r" }, trusted_proxies: ["::1"] };
  Object.assign(state, { revision: 5, settings: { ...SETTINGS, ...theirs } });
  for (const change of [{ default_models: { moderations: "m" } }, { trusted_proxies: ["::2"] }]) {
    const result = await saveSettings(base, change);
    expect(result).toMatchObject({ ok: true, value: { kind: "conflict" } });
  }
  expect(state.writes).toBe(0);
});

it("reads settings of a gateway without default models and trusted proxies", async () => {
  gateway(SETTINGS);
  expect((await loaded()).settings).toMatchObject({ default_models: {}, trusted_proxies: [] });
});

it("asks when the very member was changed meanwhile, and overwrites on request", async () => {
  const state = gateway(SETTINGS);
  const base = await loaded();
  Object.assign(state, { revision: 5, settings: { ...SETTINGS, max_attempts: 20 } });
  const result = await saveSettings(base, { max_attempts: 3 });
  if (!result.ok || result.value.kind !== "conflict") {
    throw new Error("no conflict");
  }
  expect(state.writes).toBe(0);
  expect(result.value.theirs.settings.max_attempts).toBe(20);
  const again = await saveSettings(base, { max_attempts: 3 }, result.value.theirs);
  expect(again).toMatchObject({ ok: true, value: { kind: "saved" } });
  expect(state.settings).toMatchObject({ max_attempts: 3 });
});
