//! Tests of many channels, a few at a time, and what is done with keys that were rejected. Knows no page.
import { changeChannel, showChannel, testKeys } from "../api/client";
import type { Failure, Result } from "../api/failure";
import type { Channel, KeyTrial } from "../api/types";

/** Channels that are tested at once. */
const AT_ONCE = 3;

export interface ChannelRun {
  id: string;
  name: string;
  state: "waiting" | "running" | "done" | "stopped";
  results: KeyTrial[];
  /** The test could not be made. */
  failure: Failure | null;
}

export function begin(channels: readonly Channel[]): ChannelRun[] {
  return channels.map(({ id, name }) => ({
    id,
    name,
    state: "waiting",
    results: [],
    failure: null,
  }));
}

type Test = (id: string, signal: AbortSignal) => Promise<Result<KeyTrial[]>>;

/** Tests the channels of `runs` and tells of each change. Once `signal` is aborted no further test begins. */
export async function runAll(
  runs: readonly ChannelRun[],
  onChange: (run: ChannelRun) => void,
  signal: AbortSignal,
  test: Test = testKeys,
): Promise<void> {
  const waiting = [...runs];
  async function work() {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (signal.aborted) {
        onChange({ ...next, state: "stopped" });
        continue;
      }
      onChange({ ...next, state: "running" });
      const answer = await test(next.id, signal);
      if (answer.ok) {
        onChange({ ...next, state: "done", results: answer.value });
      } else if (signal.aborted) {
        onChange({ ...next, state: "stopped" });
      } else {
        onChange({ ...next, state: "done", failure: answer.failure });
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

export interface Sums {
  /** Channels that are through. */
  done: number;
  /** Keys. */
  passed: number;
  failed: number;
}

export function sumsOf(runs: readonly ChannelRun[]): Sums {
  const results = runs.flatMap((run) => run.results);
  const passed = results.filter(({ ok }) => ok).length;
  const notMade = runs.filter(({ failure }) => failure !== null).length;
  return {
    done: runs.filter(({ state }) => state === "done").length,
    passed,
    failed: results.length - passed + notMade,
  };
}

/** The ids of keys whose credential the upstream rejected, by the channel's id. */
export type KeysByChannel = ReadonlyMap<string, string[]>;

export function rejectedOf(runs: readonly ChannelRun[]): KeysByChannel {
  const found = runs.map(({ id, results }): [string, string[]] => [
    id,
    results.flatMap((one) => (isRejected(one) && one.key !== null ? [one.key] : [])),
  ]);
  return new Map(found.filter(([, keys]) => keys.length > 0));
}

function isRejected({ outcome, status }: KeyTrial): boolean {
  // 402: it is right, but without credit.
  return outcome === "key_refused" && status !== 402;
}

/** Switches keys on or off, channel by channel, on top of what is stored now. Gives those that were changed, which leaves
 * out keys that were so before, and the first failure. */
export async function switchKeys(
  wanted: KeysByChannel,
  enabled: boolean,
): Promise<{ changed: KeysByChannel; failure: Failure | null }> {
  const changed = new Map<string, string[]>();
  let failure: Failure | null = null;
  for (const [id, keys] of wanted) {
    const stored = await showChannel(id);
    if (!stored.ok) {
      failure ??= stored.failure;
      continue;
    }
    const other = stored.value.keys.filter(
      (key) => keys.includes(key.id) && key.enabled !== enabled,
    );
    const ids = other.map((key) => key.id);
    if (ids.length === 0) {
      continue;
    }
    const all = stored.value.keys.map((key) => ({
      id: key.id,
      enabled: ids.includes(key.id) ? enabled : key.enabled,
    }));
    const result = await changeChannel(id, { keys: all }, stored.value.revision);
    if (result.ok) {
      changed.set(id, ids);
    } else {
      failure ??= result.failure;
    }
  }
  return { changed, failure };
}

export function countOf(keys: KeysByChannel): number {
  return [...keys.values()].reduce((sum, ids) => sum + ids.length, 0);
}
