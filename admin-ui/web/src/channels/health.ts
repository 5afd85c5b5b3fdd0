//! What the list says of a channel: one verdict, and what it rests on. Pure.
import type { Channel, ChannelStatus } from "../api/types";
import type { Tone } from "../components/status";

export type Verdict =
  | "disabled"
  | "notReady"
  | "noKeys"
  | "cooling"
  | "keysRejected"
  | "keysCooling"
  | "failed"
  | "degraded"
  | "unused"
  | "unknown"
  | "ok";

/** Something that is not well. */
export interface Trouble {
  id: string;
  /** A key's hint or a model's name; `null`: the channel itself. */
  name: string | null;
  state: string;
  until: string | null;
  detail: string | null;
  /** When it failed. */
  since: string | null;
}

export interface Health {
  verdict: Verdict;
  tone: Tone;
  troubles: Trouble[];
  /** When a call last succeeded. */
  workedAt: string | null;
  /** Keys that are called now, and all. */
  usable: number;
  keys: number;
}

interface KnownKey {
  id: string;
  hint: string;
  enabled: boolean;
  state: string;
  status: string;
  until: string | null;
  since: string | null;
  detail: string | null;
}

/** `status` is `null` as long as it has not come: then the keys' own states must do. */
export function healthOf(channel: Channel, status: ChannelStatus | null): Health {
  const keys: KnownKey[] =
    status?.keys ??
    channel.keys.map((key) => ({
      ...key,
      state: key.status,
      status: "unknown",
      since: null,
      detail: null,
    }));
  const enabled = keys.filter((key) => key.enabled);
  const left = enabled.filter((key) => isLeftAlone(key.state));
  const bad = enabled.filter((key) => isLeftAlone(key.state) || key.status === "failed");
  const isChannelBad = status !== null && isLeftAlone(status.state);
  const hasFailed =
    status !== null &&
    (status.state === "probing" || (keys.length === 0 && status.status === "failed"));
  const troubles: Trouble[] = [
    ...(status !== null && (isChannelBad || hasFailed)
      ? [{ ...status, name: null, since: status.failed_at }]
      : []),
    ...bad.map((key) => ({
      ...key,
      state: isLeftAlone(key.state) ? key.state : "failed",
      name: key.hint,
    })),
    ...(status?.models ?? []).map((model) => ({
      ...model,
      id: model.model,
      name: model.model,
      since: model.failed_at,
    })),
  ];
  const counts = {
    troubles,
    workedAt: latest(keys.length === 0 ? [status] : (status?.keys ?? [])),
    usable: enabled.length - left.length,
    keys: keys.length,
  };
  const as = (verdict: Verdict, tone: Tone): Health => ({ verdict, tone, ...counts });
  if (!channel.enabled) {
    return as("disabled", "off");
  }
  if (status?.status === "not_ready") {
    return as("notReady", "bad");
  }
  if (keys.length > 0 && enabled.length === 0) {
    return as("noKeys", "off");
  }
  if (isChannelBad) {
    return as("cooling", "warn");
  }
  if (enabled.length > 0 && left.length === enabled.length) {
    return left.every((key) => key.state === "rejected")
      ? as("keysRejected", "bad")
      : as("keysCooling", "warn");
  }
  if (hasFailed || (enabled.length > 0 && bad.length === enabled.length)) {
    return as("failed", "bad");
  }
  if (troubles.length > 0) {
    return as("degraded", "warn");
  }
  const word = status?.status ?? "unknown";
  return word === "ok" ? as("ok", "good") : as(word === "unused" ? "unused" : "unknown", "off");
}

function latest(of: readonly ({ last_success_at: string | null } | null)[]): string | null {
  const times = of.flatMap((one) => one?.last_success_at ?? []);
  return times.sort().at(-1) ?? null;
}

/** Not called while there are others. */
function isLeftAlone(state: string): boolean {
  return state === "cooling" || state === "rejected";
}

export interface Group {
  priority: number;
  channels: Channel[];
}

/** By priority, lowest first; inside in the given order. */
export function groupsOf(channels: Channel[]): Group[] {
  const priorities = [...new Set(channels.map((channel) => channel.priority))].sort(
    (a, b) => a - b,
  );
  return priorities.map((priority) => ({
    priority,
    channels: channels.filter((channel) => channel.priority === priority),
  }));
}

/** The part of its group's requests that a channel gets, from 0 to 1, when all channels that are
 * switched on serve the model. One without the key that it needs gets none. Weight 0 counts only when there is no other, and then as equals. */
export function shareOf(
  channel: Channel,
  group: Channel[],
  status: readonly ChannelStatus[] = [],
): number {
  const notReady = new Set(status.filter((one) => one.status === "not_ready").map((one) => one.id));
  const taking = group.filter(
    (one) =>
      one.enabled &&
      !notReady.has(one.id) &&
      (one.keys.length === 0 || one.keys.some((key) => key.enabled)),
  );
  if (!taking.includes(channel)) {
    return 0;
  }
  const sum = taking.reduce((total, one) => total + one.weight, 0);
  return sum === 0 ? 1 / taking.length : channel.weight / sum;
}
