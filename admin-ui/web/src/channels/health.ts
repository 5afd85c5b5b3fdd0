//! What the list says of a channel: one verdict, and what it rests on. Pure.
import type { Channel, ChannelStatus } from "../api/types";
import type { Tone } from "../components/status";

export type Verdict =
  | "disabled"
  | "noKeys"
  | "cooling"
  | "probing"
  | "keysRejected"
  | "keysCooling"
  | "degraded"
  | "ok";

/** Something that is not well. */
export interface Trouble {
  id: string;
  /** A key's hint or a model's name; `null`: the channel itself. */
  name: string | null;
  state: string;
  until: string | null;
  detail: string | null;
}

export interface Health {
  verdict: Verdict;
  tone: Tone;
  troubles: Trouble[];
  /** Keys that may be used now, and all. */
  usable: number;
  keys: number;
}

/** `status` is `null` as long as it has not come: then the keys' own states must do. */
export function healthOf(channel: Channel, status: ChannelStatus | null): Health {
  const keys =
    status?.keys ??
    channel.keys.map((key) => ({ ...key, state: key.status, reason: null, detail: null }));
  const enabled = keys.filter((key) => key.enabled);
  const bad = enabled.filter((key) => isBad(key.state));
  const troubles: Trouble[] = [
    ...(status !== null && isBad(status.state) ? [{ ...status, name: null }] : []),
    ...bad.map((key) => ({ ...key, name: key.hint })),
    ...(status?.models ?? []).map((model) => ({ ...model, id: model.model, name: model.model })),
  ];
  const counts = { troubles, usable: enabled.length - bad.length, keys: keys.length };
  const as = (verdict: Verdict, tone: Tone): Health => ({ verdict, tone, ...counts });
  if (!channel.enabled) {
    return as("disabled", "off");
  }
  if (keys.length > 0 && enabled.length === 0) {
    return as("noKeys", "off");
  }
  if (status !== null && status.state === "cooling") {
    return as("cooling", "warn");
  }
  if (enabled.length > 0 && bad.length === enabled.length) {
    return bad.every((key) => key.state === "rejected")
      ? as("keysRejected", "bad")
      : as("keysCooling", "warn");
  }
  if (status !== null && status.state === "probing") {
    return as("probing", "warn");
  }
  return troubles.length > 0 ? as("degraded", "warn") : as("ok", "good");
}

function isBad(state: string): boolean {
  return state !== "ok" && state !== "ready" && state !== "probing";
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
 * switched on serve the model. Weight 0 counts only when there is no other, and then as equals. */
export function shareOf(channel: Channel, group: Channel[]): number {
  const taking = group.filter(
    (one) => one.enabled && (one.keys.length === 0 || one.keys.some((key) => key.enabled)),
  );
  if (!taking.includes(channel)) {
    return 0;
  }
  const sum = taking.reduce((total, one) => total + one.weight, 0);
  return sum === 0 ? 1 / taking.length : channel.weight / sum;
}
