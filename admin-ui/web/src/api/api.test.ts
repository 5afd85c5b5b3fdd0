import { describe, expect, it } from "vitest";
import { textOf } from "../i18n/problem-texts";
import { problemsEn } from "../i18n/problems.en";
import { problemsZh } from "../i18n/problems.zh";
import { type Problem, parseRefusal, parseRetryAfter, problemsOf } from "./failure";
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
      problems: [],
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
    created_at: "2026-11-22T12:00:00Z",
    updated_at: "2026-11-22T12:00:00Z",
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
    [{ models: ["a"], model_map: { x: "a", a: "b", "y-*": "b" } }, ["a", "x"]],
    [{ models: [], azure: { api_version: null, deployments: { g: "prod" } } }, ["g"]],
  ])("counts what is served by %j", (change, expected) => {
    const all = parseChannels({ data: [{ ...channel, ...change }] });
    expect(all.flatMap(servedModels)).toEqual(expected);
  });

  it("reads a key without a status as one that requests call", () => {
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
  it("distinguishes keys in clear from encrypted ones and from a wrong master key", () => {
    const clear = {
      expires_at: "x",
      id: "admin",
      name: "admin",
      role: "owner",
      has_account: false,
      has_totp: false,
      is_oidc_user: false,
      upstream_keys_encrypted: false,
    };
    expect(parseSession(clear)).toEqual({ ...clear, master_key_error: null });
    expect(parseSession({ ...clear, master_key_error: "short" }).master_key_error).toBe("short");
    expect(() => parseSession({})).toThrow(ShapeError);
  });
});

describe("problemsOf", () => {
  const refused = (...details: unknown[]) =>
    parseRefusal(400, null, { error: { message: "No.", code: "invalid_value", details } });
  const required = (path: string): Problem => ({ path, code: "required", message: "is required" });

  it("finds the field of every problem", () => {
    const problems = [required("name"), required("keys[1]"), required("model_map.a")];
    expect(problemsOf(refused(...problems))).toEqual({
      name: [problems[0]],
      keys: [problems[1]],
      model_map: [problems[2]],
    });
  });

  it("finds what is wrong inside the settings", () => {
    const [models, proxies] = [
      required("settings.default_models.moderations"),
      required("settings.trusted_proxies[1]"),
    ];
    const failure = refused(models, proxies, required("settings"), required("settings_x.y"));
    expect(problemsOf(failure, "settings")).toEqual({
      default_models: [models],
      trusted_proxies: [proxies],
    });
  });

  it.each([
    null,
    { kind: "network" as const },
    refused(),
    refused(required("")),
    refused(null, 1, { path: "name" }, { path: 1, code: "required", message: "" }),
    parseRefusal(502, null, { error: { details: "name" } }),
  ])("finds none in %j", (failure) => {
    expect(problemsOf(failure)).toEqual({});
  });

  it("are said in the reader's language, with their values", () => {
    const problem: Problem = {
      path: "weight",
      code: "out_of_range",
      values: { min: 0, max: 1000, nullable: false },
      message: "must be a whole number from 0 to 1000",
    };
    expect(textOf(problemsEn, problem)).toBe("must be a whole number from 0 to 1000");
    expect(textOf(problemsZh, problem)).toBe("必须是 0 到 1000 的整数");
    const url: Problem = {
      path: "base_url",
      code: "invalid_url",
      values: { reason: "too_long", max: 2048, suggestion: "https://h/v1" },
      message: "…",
    };
    expect(textOf(problemsEn, url)).toBe("must have at most 2048 bytes; use https://h/v1");
    const newer = { ...problem, code: "from_the_future" } as unknown as Problem;
    expect(textOf(problemsZh, newer)).toBe(problem.message);
  });
});
