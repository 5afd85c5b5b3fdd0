import { describe, expect, it } from "vitest";
import type { KeyAllowance } from "../api/ledger";
import type { Channel, ChannelStatus, ClientKey } from "../api/types";
import { type Concern, concernsOf, type Known, toneOf } from "./attention";
import {
  COLOURED,
  errorRate,
  latest,
  lineOf,
  membersOf,
  RANGES,
  rangeOf,
  seriesOf,
  sumsOf,
} from "./figures";
import { usageRow as row } from "./usage-row";

const NOW = Date.parse("2026-11-23T10:20:30Z");
const WHO = {
  id: "admin",
  name: "admin",
  role: "owner",
  has_account: false,
  has_totp: false,
  is_oidc_user: false,
};

describe("rangeOf", () => {
  it("ends with the bucket that runs and begins so many before", () => {
    const day = rangeOf("24h", NOW);
    expect([day.from, day.to]).toEqual(["2026-11-22T11:00:00.000Z", "2026-11-23T11:00:00.000Z"]);
    const month = rangeOf("30d", NOW);
    expect([month.from, month.to]).toEqual([
      "2026-10-25T00:00:00.000Z",
      "2026-11-24T00:00:00.000Z",
    ]);
  });

  it.each(RANGES)("%s has a time for each bucket of its length", (name) => {
    const { times, stepS, from, to } = rangeOf(name, NOW);
    const length = (Date.parse(to) - Date.parse(from)) / 1000;
    expect(times).toHaveLength(length / stepS);
    expect(times[0]).toBe(Date.parse(from) / 1000);
    expect(times.every((time, index) => time === (times[0] ?? 0) + index * stepS)).toBe(true);
  });
});

describe("membersOf", () => {
  it("adds up by member, the busiest first; usage without a member is one entry", () => {
    const rows = [
      row({ model: "a", requests: 2, prompt_tokens: 5 }),
      row({ model: "b", requests: 9, errors: 3 }),
      row({ model: "a", requests: 3, prompt_tokens: 7, bucket: "2026-11-23T09:00:00Z" }),
      row({ model: "", requests: 1 }),
    ];
    const members = membersOf(rows, "model");
    expect(members.map(({ id, sums }) => [id, sums.requests])).toEqual([
      ["b", 9],
      ["a", 5],
      [null, 1],
    ]);
    expect(members[1]?.sums.prompt).toBe(12);
    expect(sumsOf(rows).requests).toBe(15);
    expect(errorRate(sumsOf(rows))).toBe(0.2);
    expect(errorRate({ requests: 0, errors: 0 })).toBe(0);
  });

  it("takes reasons by their codes", () => {
    const rows = [
      row({ reason: "budget_daily", errors: 1 }),
      row({ reason: "unknown_path", requests: 2, errors: 2 }),
      row({ reason: "budget_daily", requests: 4, errors: 4, bucket: "2026-11-23T09:00:00Z" }),
    ];
    const members = membersOf(rows, "reason");
    expect(members.map(({ id, sums }) => [id, sums.errors])).toEqual([
      ["budget_daily", 5],
      ["unknown_path", 2],
    ]);
  });

  it("distinguishes channels and keys of the same name by their ids", () => {
    const rows = [
      row({ channel: { id: "ch_1", name: "same" } }),
      row({ channel: { id: "ch_2", name: "same" } }),
    ];
    expect(membersOf(rows, "channel").map(({ id }) => id)).toEqual(["ch_1", "ch_2"]);
  });
});

describe("seriesOf", () => {
  const times = [
    Date.parse("2026-11-23T09:00:00Z") / 1000,
    Date.parse("2026-11-23T10:00:00Z") / 1000,
  ];

  it("has a number for every bucket, zero where nothing was", () => {
    const members = membersOf([row({ model: "a", requests: 4 })], "model");
    expect(seriesOf(members, times, ({ requests }) => requests)).toEqual([[0, 4]]);
  });

  it("groups members without their own colour, so that the sum stays", () => {
    const rows = Array.from({ length: COLOURED + 3 }, (_, index) =>
      row({ model: `m${index}`, requests: 10 + index }),
    );
    const series = seriesOf(membersOf(rows, "model"), times, ({ requests }) => requests);
    expect(series).toHaveLength(COLOURED + 1);
    const sum = series.reduce((total, line) => total + (line[1] ?? 0), 0);
    expect(sum).toBe(sumsOf(rows).requests);
  });

  it("a line has gaps where there is no value, and a latest one", () => {
    const rows = [
      row({ total_ms: { p50: 12, p95: null, p99: null }, bucket: "2026-11-23T09:00:00Z" }),
    ];
    const line = lineOf(rows, times, (one) => one.total_ms.p50);
    expect(line).toEqual([12, null]);
    expect(latest(line)).toBe(12);
    expect(latest([null])).toBeNull();
  });
});

const CHANNEL = {
  id: "ch_1",
  name: "One",
  enabled: true,
  keys: [{ id: "uk_1", hint: "a…b", enabled: true, status: "ok", until: null }],
} as Channel;
const READY = {
  state: "ready",
  until: null,
  about: null,
  reason: null,
  detail: null,
  failed_at: null,
  status: "ok",
  since: "2026-11-23T10:00:00.000Z",
  outcome: null,
  last_success_at: "2026-11-23T10:00:00.000Z",
};
const STATUS: ChannelStatus = {
  id: "ch_1",
  name: "One",
  enabled: true,
  ...READY,
  keys: [{ id: "uk_1", hint: "a…b", enabled: true, ...READY }],
  models: [],
};
const KEY = {
  id: "ck_1",
  name: "laptop",
  enabled: true,
  expires_at: null,
} as ClientKey;
const UNUSED: KeyAllowance = {
  id: "ck_1",
  name: "laptop",
  enabled: true,
  requests_per_minute: null,
  tokens_per_minute: null,
  tokens_per_day: null,
  daily_budget_micro_usd: null,
  monthly_budget_micro_usd: null,
};

function concerns(change: Partial<Known>): Concern[] {
  return concernsOf({
    channels: [CHANNEL],
    status: [STATUS],
    problems: [],
    keys: [KEY],
    nearLimit: [],
    recent: [],
    session: { ...WHO, expires_at: "", upstream_keys_encrypted: true, master_key_error: null },
    dropped: 0,
    replacedLedger: null,
    nowMs: NOW,
    ...change,
  });
}

describe("concernsOf", () => {
  it("is silent while all is well", () => {
    expect(concerns({})).toEqual([]);
  });

  it("is silent about what is switched off", () => {
    const channels = [{ ...CHANNEL, enabled: false }];
    const keys = [{ ...KEY, enabled: false, expires_at: "2026-11-23T10:00:00Z" }];
    expect(concerns({ channels, keys })).toEqual([]);
  });

  it("puts a channel without a usable key above all that merely cools", () => {
    const cooling: ChannelStatus = { ...STATUS, id: "ch_2", state: "cooling" };
    const dead: ChannelStatus = {
      ...STATUS,
      keys: [{ id: "uk_1", hint: "a…b", enabled: true, ...READY, state: "rejected" }],
    };
    const found = concerns({
      channels: [{ ...CHANNEL, id: "ch_2", name: "Two" }, CHANNEL],
      status: [cooling, dead],
    });
    expect(found.map((one) => [one.kind, "name" in one ? one.name : "", toneOf(one)])).toEqual([
      ["channel", "One", "bad"],
      ["channel", "Two", "warn"],
    ]);
  });

  it("reports what failed last and what lacks its key, not what was never used", () => {
    const failed = { ...READY, status: "failed", outcome: "server_error", detail: "503: down" };
    const keys = [{ id: "uk_1", hint: "a…b", enabled: true, ...failed }];
    const verdicts = (status: ChannelStatus) =>
      concerns({ status: [status] }).map((one) => [
        "health" in one ? one.health.verdict : "",
        toneOf(one),
      ]);
    expect(verdicts({ ...STATUS, ...failed, keys })).toEqual([["failed", "bad"]]);
    expect(verdicts({ ...STATUS, status: "not_ready", keys: [] })).toEqual([["notReady", "bad"]]);
    expect(verdicts({ ...STATUS, status: "unused" })).toEqual([]);
    expect(verdicts({ ...STATUS, status: "unknown" })).toEqual([]);
  });

  it("reports errors only when there are enough requests", () => {
    const channel = { id: "ch_1", name: "One" };
    expect(concerns({ recent: [row({ channel, requests: 9, errors: 9 })] })).toEqual([]);
    expect(concerns({ recent: [row({ channel, requests: 100, errors: 9 })] })).toEqual([]);
    const [found] = concerns({ recent: [row({ channel, requests: 100, errors: 10 })] });
    expect(found).toMatchObject({ kind: "errors", id: "ch_1", rate: 0.1 });
  });

  it("reports limits from four fifths on, and when one is reached", () => {
    const used = (value: number) =>
      concerns({
        nearLimit: [
          {
            ...UNUSED,
            tokens_per_day: {
              limit: 100,
              used: value,
              reserved: 0,
              resets_at: "2026-11-24T00:00:00Z",
            },
          },
        ],
      });
    expect(used(79)).toEqual([]);
    expect(used(80).map(toneOf)).toEqual(["alert"]);
    expect(used(100).map(toneOf)).toEqual(["bad"]);
  });

  it("reports keys that expire soon or expired lately, not of those long gone", () => {
    const kinds = (expires_at: string) =>
      concerns({ keys: [{ ...KEY, expires_at }] }).map((one) => "isOver" in one && one.isOver);
    expect(kinds("2026-12-23T00:00:00Z")).toEqual([]);
    expect(kinds("2026-11-25T00:00:00Z")).toEqual([false]);
    expect(kinds("2026-11-22T00:00:00Z")).toEqual([true]);
    expect(kinds("2026-01-01T00:00:00Z")).toEqual([]);
  });

  it("begins with what the gateway itself complains about, and ends with keys in clear", () => {
    const found = concerns({
      problems: ["a key cannot be decrypted"],
      dropped: 3,
      replacedLedger: { at: "2026-11-30T00:00:00Z", file: "sqlite_db.damaged.db" },
      session: {
        ...WHO,
        expires_at: "",
        upstream_keys_encrypted: false,
        master_key_error: "too short",
      },
      keys: [{ ...KEY, expires_at: "2026-11-22T00:00:00Z" }],
    });
    expect(found.map(({ kind }) => kind)).toEqual([
      "problem",
      "masterKey",
      "expiry",
      "dropped",
      "replacedLedger",
      "inClear",
    ]);
  });
});
