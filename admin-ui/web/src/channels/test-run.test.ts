import { describe, expect, it, vi } from "vitest";
import type { Channel, KeyTrial } from "../api/types";
import { begin, type ChannelRun, countOf, rejectedOf, runAll, sumsOf } from "./test-run";

const trial = (change: Partial<KeyTrial> = {}): KeyTrial => ({
  key: "uk_1",
  hint: "a…b",
  ok: true,
  outcome: "answered",
  status: 200,
  latency_ms: 5,
  first_token_ms: null,
  error: null,
  ...change,
});
const rejected = (status: number, key = "uk_2") =>
  trial({ key, ok: false, outcome: "key_refused", status, error: "wrong key" });

function runsOf(count: number): ChannelRun[] {
  const channels = Array.from({ length: count }, (_, at) => ({ id: `ch_${at}`, name: `${at}` }));
  return begin(channels as Channel[]);
}

describe("a run", () => {
  it("tests every channel, a few at once, and tells of each", async () => {
    const known = new Map<string, ChannelRun>();
    let [running, most] = [0, 0];
    const test = vi.fn(async (id: string) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return id === "ch_1"
        ? { ok: false as const, failure: { kind: "network" as const } }
        : { ok: true as const, value: [trial(), rejected(401)] };
    });
    const signal = new AbortController().signal;
    await runAll(runsOf(8), (run) => known.set(run.id, run), signal, test);
    expect(test).toHaveBeenCalledTimes(8);
    expect(most).toBe(3);
    const runs = [...known.values()];
    expect(runs.every(({ state }) => state === "done")).toBe(true);
    expect(sumsOf(runs)).toEqual({ done: 8, passed: 7, failed: 8 });
  });

  it("begins no further test once it is stopped", async () => {
    const stopper = new AbortController();
    const known = new Map<string, ChannelRun>();
    const test = vi.fn(async () => {
      stopper.abort();
      return { ok: false as const, failure: { kind: "network" as const } };
    });
    await runAll(runsOf(9), (run) => known.set(run.id, run), stopper.signal, test);
    expect(test.mock.calls.length).toBeLessThanOrEqual(3);
    const states = [...known.values()].map(({ state }) => state);
    expect(states).toEqual(Array(9).fill("stopped"));
    expect(sumsOf([...known.values()]).failed).toBe(0);
  });
});

describe("rejected keys", () => {
  it("are those whose credential was rejected, not those without credit or in trouble", () => {
    const [one, two] = runsOf(2) as [ChannelRun, ChannelRun];
    const found = rejectedOf([
      {
        ...one,
        results: [
          trial(),
          rejected(401, "uk_a"),
          rejected(403, "uk_b"),
          rejected(402, "uk_c"),
          trial({ key: "uk_d", ok: false, outcome: "throttled", status: 429 }),
          trial({ key: "uk_e", ok: false, outcome: "model_unknown", status: 404 }),
        ],
      },
      { ...two, results: [trial({ key: null, ok: false, outcome: "key_refused", status: 401 })] },
    ]);
    expect([...found]).toEqual([["ch_0", ["uk_a", "uk_b"]]]);
    expect(countOf(found)).toBe(2);
  });
});
