//! The audit log as it is asked for and shown: its filters, and what a row says of its changes. Pure.
import type { AuditChange, AuditEntry } from "../api/ledger";
import { shown } from "../conflict/changes";
import { filtersOf } from "../list-filters";

export const { setOf, questionOf, none } = filtersOf(["q", "who", "action", "kind", "object"]);

/** What the gateway has in place of a text that may be a secret. */
export const HIDDEN = "[hidden]";
/** Paths that a row names. */
const NAMED = 3;

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
