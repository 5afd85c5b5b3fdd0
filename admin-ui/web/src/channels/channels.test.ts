import { describe, expect, it } from "vitest";
import { type ChannelStatus, parseChannels } from "../api/types";
import { addedTo, mapOf } from "../components/pairs";
import { bodyOf, copyOf, draftOf, emptyDraft, withPreset } from "./draft";
import { groupsOf, healthOf, shareOf } from "./health";
import { PRESETS } from "./presets";

function channel(change: Record<string, unknown> = {}) {
  const [one] = parseChannels({
    data: [
      {
        id: "ch_1",
        name: "One",
        enabled: true,
        provider: "openai",
        base_url: "https://one.test/v1",
        keys: [
          { id: "uk_1", hint: "a…b", enabled: true, status: "ok", until: null },
          { id: "uk_2", hint: "c…d", enabled: true, status: "rejected", until: null },
        ],
        models: ["m"],
        model_map: { x: "m" },
        priority: 2,
        weight: 7,
        headers: { "x-a": "1" },
        drop_params: ["seed"],
        rename_params: { max_tokens: "max_completion_tokens" },
        default_params: { temperature: 0.5, effort: "high" },
        dialects: ["chat", "responses"],
        quirks: { thinking: "none", late_system: true, max_stop_sequences: 2 },
        hedge_after_ms: 900,
        created_at: "2026-11-22T12:00:00Z",
        updated_at: "2026-11-22T12:00:00Z",
        prices: { m: { prompt: 2_500_000, completion: 10_000_000 } },
        ...change,
      },
    ],
  });
  if (one === undefined) {
    throw new Error("no channel");
  }
  return one;
}

describe("a draft", () => {
  it("sends back what it was made from", () => {
    expect(bodyOf(draftOf(channel()))).toEqual({
      name: "One",
      tags: [],
      enabled: true,
      provider: "openai",
      base_url: "https://one.test/v1",
      keys: [
        { id: "uk_1", enabled: true },
        { id: "uk_2", enabled: true },
      ],
      models: ["m"],
      model_map: { x: "m" },
      priority: 2,
      weight: 7,
      headers: { "x-a": "1" },
      drop_params: ["seed"],
      rename_params: { max_tokens: "max_completion_tokens" },
      default_params: { temperature: 0.5, effort: "high" },
      stream_usage: true,
      dialects: ["chat", "responses"],
      quirks: { thinking: "none", late_system: true, max_stop_sequences: 2 },
      connect_timeout_ms: 5000,
      first_byte_timeout_ms: 60000,
      idle_timeout_ms: 60000,
      hedge_after_ms: 900,
      prices: { m: { prompt: 2_500_000, cached: null, completion: 10_000_000 } },
      azure: null,
    });
  });

  it("names the preset of a server that its host does not identify, and no other", () => {
    const draft = { ...emptyDraft(), quirks: draftOf(channel()).quirks };
    const sent = (id: string) => {
      const preset = PRESETS.find((one) => one.id === id);
      return preset && bodyOf(withPreset(draft, preset))["quirks"];
    };
    expect(sent("vllm")).toMatchObject({ preset: "vllm", thinking: "none" });
    expect(sent("groq")).not.toHaveProperty("preset");
    expect(bodyOf(emptyDraft())["quirks"]).toBeNull();
  });

  it("keeps, removes and adds keys, each once", () => {
    const draft = draftOf(channel());
    const keys = draft.keys.map((key) => ({ ...key, removed: key.id === "uk_1" }));
    expect(bodyOf({ ...draft, keys, newKeys: " new-1\r\n\nnew-2\nnew-1\n" })["keys"]).toEqual([
      { id: "uk_2", enabled: true },
      "new-1",
      "new-2",
    ]);
    expect(copyOf(channel(), "Two")).toMatchObject({ name: "Two", keys: [], weight: "7" });
  });

  it("leaves the judgement of numbers to the gateway", () => {
    const body = bodyOf({ ...emptyDraft(), weight: "many", priority: " 3 ", hedge_after_ms: " " });
    expect(body).toMatchObject({ weight: "many", priority: 3, hedge_after_ms: null });
  });

  it("names Azure's members only for Azure", () => {
    const draft = { ...draftOf(channel({ azure: null })), provider: "azure" as const };
    expect(bodyOf(draft)["azure"]).toEqual({ api_version: null, deployments: {} });
  });

  it("applies a preset but keeps a name that the user chose", () => {
    const [first, second] = PRESETS;
    if (first === undefined || second === undefined) {
      throw new Error("no presets");
    }
    const draft = withPreset(withPreset(emptyDraft(), first), second);
    expect(draft).toMatchObject({ name: second.name, base_url: second.baseUrl });
    expect(withPreset({ ...draft, name: "Mine" }, first).name).toBe("Mine");
  });
});

describe("editors", () => {
  it("cut what was pasted at lines, commas and blanks", () => {
    expect(addedTo(["a"], "b,c\nd  a;e")).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("ignore rows with nothing in them", () => {
    const rows = [
      { row: 1, name: " a ", value: " b " },
      { row: 2, name: "", value: " " },
    ];
    expect(mapOf(rows)).toEqual({ a: "b" });
  });
});

describe("health", () => {
  const AT = "2026-11-22T12:00:00.000Z";
  const ready = {
    state: "ready",
    until: null,
    about: null,
    reason: null,
    detail: null,
    failed_at: null,
    status: "ok",
    since: AT,
    outcome: null,
    last_success_at: AT,
  };
  const failed = { ...ready, status: "failed", outcome: "server_error", detail: "503: down" };
  const unused = { ...ready, status: "unused", since: null, last_success_at: null };
  const cooling = { ...failed, state: "cooling", detail: "429: slow down" };
  const rejected = { ...failed, state: "rejected" };
  const keys = (first: object, second: object) => [
    { id: "uk_1", hint: "a…b", enabled: true, ...ready, ...first },
    { id: "uk_2", hint: "c…d", enabled: true, ...ready, ...second },
  ];
  const status = (change: object) => ({
    id: "ch_1",
    name: "One",
    enabled: true,
    ...ready,
    keys: keys({}, {}),
    models: [],
    ...change,
  });
  const off = { enabled: false };

  it.each([
    [{}, status({}), "ok"],
    [{}, null, "degraded"],
    [{ enabled: false }, status(cooling), "disabled"],
    [{}, status(cooling), "cooling"],
    [{}, status({ keys: keys(cooling, ready) }), "degraded"],
    [{}, status({ keys: keys(cooling, rejected) }), "keysCooling"],
    [{}, status({ keys: keys(rejected, rejected) }), "keysRejected"],
    [{}, status({ keys: keys(off, rejected) }), "keysRejected"],
    [{}, status({ models: [{ model: "m", ...cooling }] }), "degraded"],
    [{ keys: [] }, status({ keys: [] }), "ok"],
    // A cooldown that is over makes nothing healthy.
    [{}, status({ ...failed, state: "probing" }), "failed"],
    [{}, status({ keys: keys(failed, ready) }), "degraded"],
    [{}, status({ keys: keys(failed, { ...failed, state: "probing" }) }), "failed"],
    [{}, status({ keys: keys(failed, cooling) }), "failed"],
    [{ keys: [] }, status({ ...failed, keys: [] }), "failed"],
    [{}, status({ ...unused, keys: keys(unused, unused) }), "unused"],
    [{}, status({ ...unused, status: "unknown" }), "unknown"],
    [{ keys: [] }, status({ ...unused, status: "not_ready", keys: [] }), "notReady"],
  ])("of %j with %j is %s", (change, known, verdict) => {
    expect(healthOf(channel(change), known).verdict).toBe(verdict);
  });

  it("says that every key is switched off", () => {
    expect(healthOf(channel(), status({ keys: keys(off, off) })).verdict).toBe("noKeys");
  });

  it("names the last success of any key, and when and why one failed", () => {
    const later = "2026-11-22T13:00:00.000Z";
    const known = status({ keys: keys(failed, { last_success_at: later }) });
    const health = healthOf(channel(), known);
    expect(health.workedAt).toBe(later);
    expect(health.troubles).toMatchObject([
      { name: "a…b", state: "failed", since: AT, detail: "503: down" },
    ]);
    // It is called all the same.
    expect(health.usable).toBe(2);
  });
});

describe("shares", () => {
  const of = (weight: number, change: object = {}) => channel({ weight, keys: [], ...change });

  it.each([
    [
      [3, 1],
      [0.75, 0.25],
    ],
    [
      [0, 0],
      [0.5, 0.5],
    ],
    [
      [0, 5],
      [0, 1],
    ],
  ])("of weights %j are %j", (weights, expected) => {
    const group = weights.map((weight) => of(weight));
    expect(group.map((one) => shareOf(one, group))).toEqual(expected);
  });

  it("go to channels that are switched on and have a key that is", () => {
    const off = of(9, { enabled: false });
    const keyless = of(9, { keys: [{ id: "uk_1", hint: "…", enabled: false }] });
    const on = of(1);
    expect([off, keyless, on].map((one) => shareOf(one, [off, keyless, on]))).toEqual([0, 0, 1]);
  });

  it("do not go to one that lacks its key", () => {
    const lacking = of(9, { id: "ch_2" });
    const on = of(1);
    const known = [{ id: "ch_2", status: "not_ready" }] as ChannelStatus[];
    expect([lacking, on].map((one) => shareOf(one, [lacking, on], known))).toEqual([0, 1]);
  });

  it("are counted per priority, lowest first", () => {
    const [a, b, c] = [of(1), of(1, { priority: 0 }), of(1)];
    expect(groupsOf([a, b, c])).toEqual([
      { priority: 0, channels: [b] },
      { priority: 2, channels: [a, c] },
    ]);
  });
});
