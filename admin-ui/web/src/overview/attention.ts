//! What needs a person's attention, the worst first. Pure.
import type { KeyAllowance, LimitName, UsageRow } from "../api/ledger";
import { LIMITS } from "../api/ledger";
import type { Channel, ChannelStatus, ClientKey, SessionInfo } from "../api/types";
import { type Health, healthOf } from "../channels/health";
import { SOON_MS } from "../keys/expiry";
import { errorRate, membersOf } from "./figures";

export type Concern =
  /** Part of the configuration cannot be used; the gateway's own sentence. */
  | { kind: "problem"; text: string }
  | { kind: "masterKey"; text: string }
  | { kind: "dropped"; count: number }
  /** The ledger began anew, since its database was damaged. */
  | { kind: "replacedLedger"; at: string; file: string }
  | { kind: "channel"; id: string; name: string; health: Health }
  | { kind: "errors"; id: string; name: string; rate: number; requests: number }
  | {
      kind: "limit";
      id: string;
      name: string;
      limit: LimitName;
      used: number;
      most: number;
      resetsAt: string | null;
    }
  | { kind: "expiry"; id: string; name: string; at: string; isOver: boolean }
  | { kind: "inClear" };

export interface Known {
  channels: readonly Channel[];
  status: readonly ChannelStatus[];
  problems: readonly string[];
  /** Those that expire first. */
  keys: readonly ClientKey[];
  /** Those that have used most of a limit. */
  nearLimit: readonly KeyAllowance[];
  /** Usage by channel in the last hours. */
  recent: readonly UsageRow[];
  session: SessionInfo | null;
  dropped: number;
  replacedLedger: { at: string; file: string } | null;
  nowMs: number;
}

/** From this share of its requests on, a channel's errors are shown. */
const ERROR_RATE = 0.1;
/** Fewer requests say nothing. */
const ENOUGH_REQUESTS = 10;
/** From this share of a limit on, its use is shown. */
const NEAR_LIMIT = 0.8;

export function concernsOf(known: Known): Concern[] {
  const { session, channels } = known;
  const concerns: Concern[] = known.problems.map((text) => ({ kind: "problem", text }));
  if (session !== null && session.master_key_error !== null) {
    concerns.push({ kind: "masterKey", text: session.master_key_error });
  }
  concerns.push(...ofChannels(known), ...ofErrors(known.recent), ...ofKeys(known));
  if (known.dropped > 0) {
    concerns.push({ kind: "dropped", count: known.dropped });
  }
  if (known.replacedLedger !== null) {
    concerns.push({ kind: "replacedLedger", ...known.replacedLedger });
  }
  const hasKeys = channels.some(({ keys }) => keys.length > 0);
  if (session !== null && !session.upstream_keys_encrypted && hasKeys) {
    concerns.push({ kind: "inClear" });
  }
  return concerns.sort((a, b) => rankOf(a) - rankOf(b));
}

/** What stops requests, then what may, then what only should be known. */
function rankOf(concern: Concern): number {
  const isNews = ["expiry", "dropped", "replacedLedger", "inClear"].includes(concern.kind);
  return isNews ? 2 : toneOf(concern) === "bad" ? 0 : 1;
}

export function toneOf(concern: Concern): "bad" | "warn" | "alert" {
  switch (concern.kind) {
    case "problem":
    case "masterKey":
      return "bad";
    case "channel":
      return concern.health.tone === "bad" ||
        (concern.health.usable === 0 && concern.health.keys > 0)
        ? "bad"
        : "warn";
    case "limit":
      return concern.used >= concern.most ? "bad" : "alert";
    default:
      return "alert";
  }
}

function ofChannels({ channels, status }: Known): Concern[] {
  return channels.flatMap((channel) => {
    const health = healthOf(channel, status.find(({ id }) => id === channel.id) ?? null);
    const isFine = ["ok", "disabled", "unused", "unknown"].includes(health.verdict);
    return isFine ? [] : [{ kind: "channel" as const, id: channel.id, name: channel.name, health }];
  });
}

function ofErrors(recent: readonly UsageRow[]): Concern[] {
  return membersOf(recent, "channel").flatMap(({ id, name, sums }) => {
    const rate = errorRate(sums);
    return id !== null && sums.requests >= ENOUGH_REQUESTS && rate >= ERROR_RATE
      ? [{ kind: "errors" as const, id, name: name ?? id, rate, requests: sums.requests }]
      : [];
  });
}

function ofKeys({ keys, nearLimit, nowMs }: Known): Concern[] {
  const concerns: Concern[] = [];
  const over = new Set<string>();
  for (const { id, name, enabled, expires_at: at } of keys) {
    const left = at === null ? Number.NaN : Date.parse(at) - nowMs;
    if (left <= 0) {
      over.add(id);
    }
    // What ended long ago no longer needs attention.
    if (enabled && at !== null && left < SOON_MS && left > -SOON_MS) {
      concerns.push({ kind: "expiry", id, name, at, isOver: left <= 0 });
    }
  }
  for (const key of nearLimit) {
    const { id, name } = key;
    for (const limit of LIMITS) {
      const use = key[limit];
      if (key.enabled && !over.has(id) && use !== null && use.used >= use.limit * NEAR_LIMIT) {
        const { used, limit: most, resets_at: resetsAt } = use;
        concerns.push({ kind: "limit", id, name, limit, used, most, resetsAt });
      }
    }
  }
  return concerns;
}
