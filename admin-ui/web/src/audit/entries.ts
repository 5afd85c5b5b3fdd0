//! The audit log as it is asked for and shown: filters in the address, and what a row says of its changes. Pure.
import type { AuditChange, AuditEntry } from "../api/ledger";
import { shown } from "../conflict/changes";
import type { Query } from "../router";

export const TIMES = ["1h", "24h", "7d"] as const;
const DAY_MS = 86_400_000;
const TIMES_MS = { "1h": 3_600_000, "24h": DAY_MS, "7d": 7 * DAY_MS };

const SAME = ["q", "who", "action", "kind", "object"] as const;
export const FILTERS = [...SAME, "time"] as const;
/** What the gateway has in place of a text that may be a secret. */
export const HIDDEN = "[hidden]";
/** Paths that a row names. */
const NAMED = 3;

/** The filters that are set, as they are in the address. */
export function setOf(query: Query): Query {
  return Object.fromEntries(
    FILTERS.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]])),
  );
}

/** The filters under the API's names. The address keeps "the last 7 days", the API requires a time. */
export function questionOf(query: Query, nowMs: number): Record<string, string> {
  const question: Record<string, string> = {};
  for (const name of SAME) {
    if (query[name] !== undefined) {
      question[name] = query[name];
    }
  }
  const time = TIMES.find((one) => one === query["time"]);
  if (time !== undefined) {
    question["from"] = new Date(nowMs - TIMES_MS[time]).toISOString();
  }
  return question;
}

/** The first members that changed, and how many more there are. */
export function summaryOf({ changes, omitted }: AuditEntry): { paths: string; more: number } {
  return {
    paths: changes
      .slice(0, NAMED)
      .map(({ path }) => path)
      .join(", "),
    more: Math.max(0, changes.length - NAMED) + omitted,
  };
}

/** The two values of a change as texts; `null`: there is none. */
export function valuesOf({ before, after }: AuditChange): [string | null, string | null] {
  const text = (value: unknown) => (value === null || value === undefined ? null : shown(value));
  return [text(before), text(after)];
}

/** Where the object can be looked at: only where it may still be. */
export function pageOf({ kind, object, action }: AuditEntry): "channels" | "keys" | null {
  if (object === null || action === "delete") {
    return null;
  }
  return kind === "channel" ? "channels" : kind === "key" ? "keys" : null;
}
