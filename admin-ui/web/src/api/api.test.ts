import { describe, expect, it } from "vitest";
import { fieldProblems, parseRefusal, parseRetryAfter } from "./failure";
import { ShapeError } from "./read";
import { parseChannels, parseSession, servedModels } from "./types";

const NOW = Date.parse("2026-11-22T12:00:00Z");

describe("parseRetryAfter", () => {
  it.each([
    ["30", 30],
    [" 5 ", 5],
    ["0", 1],
    ["Sun, 22 Nov 2026 12:01:30 GMT", 90],
    ["Sun, 22 Nov 2026 11:00:00 GMT", 1],
    ["soon", null],
    ["", null],
    [null, null],
  ])("reads %j as %j", (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected);
  });
});

describe("parseRefusal", () => {
  it("takes the gateway's code and sentence", () => {
    const body = { error: { message: "Set it.", type: "x", param: null, code: "admin_disabled" } };
    expect(parseRefusal(503, null, body)).toMatchObject({
      code: "admin_disabled",
      message: "Set it.",
    });
  });

  it.each([
    undefined,
    null,
    "text",
    {},
    { error: null },
    { error: "text" },
    { error: { code: 1 } },
  ])("stays readable without the envelope: %j", (body) => {
    expect(parseRefusal(502, 3, body)).toEqual({
      kind: "refused",
      status: 502,
      code: null,
      message: "HTTP 502",
      retryAfter: 3,
    });
  });
});

describe("parseChannels", () => {
  const channel = {
    id: "ch_1",
    name: "One",
    enabled: true,
    provider: "openai",
    base_url: "https://one.test/v1",
    keys: [{ id: "uk_1", hint: "sk-a…z", enabled: true, status: "cooling", until: "2026-11-22" }],
    models: ["a"],
    priority: 0,
    weight: 1,
    a_newer_field: {},
  };

  it("reads a list and ignores fields it does not know", () => {
    const [one] = parseChannels({ data: [channel] });
    expect(one).toMatchObject({
      name: "One",
      base_url: "https://one.test/v1",
      hedge_after_ms: null,
    });
    expect(one?.keys[0]).toEqual(channel.keys[0]);
  });

  it.each([
    [{ models: [] }, []],
    [{ models: [], model_map: { x: "y" } }, []],
    [{ models: ["a"], model_map: { x: "a", a: "b" } }, ["a", "x"]],
    [{ models: [], azure: { api_version: null, deployments: { g: "prod" } } }, ["g"]],
  ])("counts what is served by %j", (change, expected) => {
    const all = parseChannels({ data: [{ ...channel, ...change }] });
    expect(all.flatMap(servedModels)).toEqual(expected);
  });

  it("reads a key without a status as one that works", () => {
    const [one] = parseChannels({ data: [{ ...channel, keys: [{ id: "uk_1", hint: "…" }] }] });
    expect(one?.keys[0]).toMatchObject({ enabled: true, status: "ok", until: null });
  });

  it.each([
    undefined,
    [],
    { data: {} },
    { data: [null] },
    { data: [{ ...channel, name: 1 }] },
    { data: [{ ...channel, keys: "none" }] },
    { data: [{ ...channel, models: [1] }] },
  ])("refuses another shape: %j", (body) => {
    expect(() => parseChannels(body)).toThrow(ShapeError);
  });
});

describe("parseSession", () => {
  it("tells keys in clear from encrypted ones and from a wrong master key", () => {
    const clear = { expires_at: "x", upstream_keys_encrypted: false };
    expect(parseSession(clear)).toEqual({ ...clear, master_key_error: null });
    expect(parseSession({ ...clear, master_key_error: "short" }).master_key_error).toBe("short");
    expect(() => parseSession({})).toThrow(ShapeError);
  });
});

describe("fieldProblems", () => {
  const refused = (message: string, status = 400) =>
    ({ kind: "refused", status, code: "invalid_value", message, retryAfter: null }) as const;

  it("finds the field of every sentence", () => {
    const told =
      "The channel is not valid: `name` is required; `keys[1]` is empty; or blank; `model_map.a` must be text.";
    expect(fieldProblems(refused(told))).toEqual({
      name: ["is required"],
      keys: ["keys[1] is empty; or blank"],
      model_map: ["model_map.a must be text"],
    });
  });

  it("finds what is wrong inside the settings", () => {
    const told =
      "The configuration is not valid: `settings.default_models.moderations` must not be empty; `settings.trusted_proxies[1]` must be an IP address.";
    expect(fieldProblems(refused(told))).toEqual({
      settings: [
        "settings.default_models.moderations must not be empty",
        "settings.trusted_proxies[1] must be an IP address",
      ],
    });
  });

  it.each([
    null,
    { kind: "network" as const },
    refused("Something else."),
    refused("The channel is not valid: it must be an object."),
    refused("The channel is not valid: `name` is required.", 502),
  ])("finds none in %j", (failure) => {
    expect(fieldProblems(failure)).toEqual({});
  });
});
