//! Moving channels between priorities, and what has to be sent for it. Pure.
import { ChannelChangeFields } from "../../generated/schema";
import type { Channel } from "../api/types";

/** A channel's place. */
export interface Slot {
  id: string;
  name: string;
  /** Whether it takes requests at all. */
  takes: boolean;
  priority: number;
  weight: number;
  /** The state of the channel that this is of. */
  revision: string | null;
}

export interface Lane {
  priority: number;
  slots: Slot[];
}

/** The API's largest priority and weight. */
export const MOST = ChannelChangeFields.weight.maximum;

export function slotsOf(channels: readonly Channel[]): Slot[] {
  return channels.map(({ id, name, enabled, keys, priority, weight, revision }) => ({
    id,
    name,
    takes: enabled && (keys.length === 0 || keys.some((key) => key.enabled)),
    priority,
    weight,
    revision,
  }));
}

export function lanesOf(slots: readonly Slot[]): Lane[] {
  const priorities = [...new Set(slots.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.map((priority) => ({
    priority,
    slots: slots.filter((slot) => slot.priority === priority),
  }));
}

/** The part of its lane's requests, from 0 to 1. Weight 0 counts only when there is no other. */
export function shareIn(lane: Lane, slot: Slot): number {
  const taking = lane.slots.filter(({ takes }) => takes);
  if (!slot.takes) {
    return 0;
  }
  const sum = taking.reduce((total, { weight }) => total + weight, 0);
  return sum === 0 ? 1 / taking.length : slot.weight / sum;
}

/** Into the lane with this priority. */
export function join(slots: readonly Slot[], id: string, priority: number): Slot[] {
  return slots.map((slot) => (slot.id === id ? { ...slot, priority } : slot));
}

/** Into a separate lane before the lane at `gap`, counted without the channel itself. Others keep
 * their priorities as far as there is room. */
export function isolate(slots: readonly Slot[], id: string, gap: number): Slot[] {
  const lanes = lanesOf(slots.filter((slot) => slot.id !== id));
  const before = lanes[gap - 1]?.priority ?? -1;
  const after = lanes[gap]?.priority;
  if (before >= MOST) {
    return join(slots, id, before);
  }
  const own = gap === 0 && after !== undefined && after > 0 ? after - 1 : before + 1;
  const moved = new Map<number, number>();
  let last = own;
  for (const { priority } of lanes.slice(gap)) {
    if (priority > last) {
      break;
    }
    last = Math.min(last + 1, MOST);
    moved.set(priority, last);
  }
  return slots.map((slot) =>
    slot.id === id
      ? { ...slot, priority: own }
      : { ...slot, priority: moved.get(slot.priority) ?? slot.priority },
  );
}

/** One step up or down: out of a shared lane into a separate one, out of a separate one into the next. */
export function step(slots: readonly Slot[], id: string, direction: -1 | 1): Slot[] {
  const lanes = lanesOf(slots);
  const at = lanes.findIndex((lane) => lane.slots.some((slot) => slot.id === id));
  const lane = lanes[at];
  if (lane === undefined) {
    return [...slots];
  }
  if (lane.slots.length > 1) {
    return isolate(slots, id, direction === -1 ? at : at + 1);
  }
  const next = lanes[at + direction];
  return next === undefined ? [...slots] : join(slots, id, next.priority);
}

export function weigh(slots: readonly Slot[], id: string, weight: number): Slot[] {
  const fitting = Math.min(MOST, Math.max(0, Math.round(weight)));
  return slots.map((slot) => (slot.id === id ? { ...slot, weight: fitting } : slot));
}

export interface Change {
  id: string;
  send: { priority?: number; weight?: number };
}

export function changesOf(before: readonly Slot[], after: readonly Slot[]): Change[] {
  return after.flatMap(({ id, priority, weight }) => {
    const old = before.find((slot) => slot.id === id);
    const send = {
      ...(old?.priority === priority ? {} : { priority }),
      ...(old?.weight === weight ? {} : { weight }),
    };
    return Object.keys(send).length === 0 ? [] : [{ id, send }];
  });
}
