//! The rows of the log that are on the screen, and how one request's time went. Pure.
import type { RequestPage, RequestRow } from "../api/ledger";

export interface Log {
  rows: RequestRow[];
  hasMore: boolean;
}

/** What is on the screen with a newer first page. Where the two do not meet, more has come than a page
 * holds: then the page replaces the rows, rather than leaving a hidden gap. */
export function refreshed(log: Log | null, page: RequestPage): Log {
  const fresh = { rows: page.data, hasMore: page.has_more };
  if (log === null) {
    return fresh;
  }
  const last = page.data.at(-1);
  const meeting = last === undefined ? -1 : log.rows.findIndex(({ id }) => id === last.id);
  return meeting === -1
    ? fresh
    : { rows: [...page.data, ...log.rows.slice(meeting + 1)], hasMore: log.hasMore };
}

export function extended(log: Log, older: RequestPage): Log {
  const known = new Set(log.rows.map(({ id }) => id));
  return {
    rows: [...log.rows, ...older.data.filter(({ id }) => !known.has(id))],
    hasMore: older.has_more,
  };
}

/** A part of a request's time, as parts of the whole. */
export interface Span {
  kind: "attempt" | "stream";
  /** Which attempt. */
  index: number;
  start: number;
  length: number;
}

/** One attempt after the other, then the answer's stream. Attempts that ran beside each other (hedged)
 * add up to more than there was time; they are drawn ending no later than the whole. */
export function spansOf(row: RequestRow): Span[] {
  const attempts = row.attempts.reduce((sum, { ms }) => sum + ms, 0);
  const whole = Math.max(row.total_ms, row.first_byte_ms ?? 0, 1);
  const scale = attempts > whole ? whole / attempts : 1;
  const spans: Span[] = [];
  let at = 0;
  for (const [index, { ms }] of row.attempts.entries()) {
    spans.push({ kind: "attempt", index, start: at / whole, length: (ms * scale) / whole });
    at += ms * scale;
  }
  if (row.attempts.length > 0 && at < whole && row.first_byte_ms !== null) {
    const index = row.attempts.length - 1;
    spans.push({ kind: "stream", index, start: at / whole, length: (whole - at) / whole });
  }
  return spans;
}

/** How a request went, for an icon and a word. */
export type Verdict = "good" | "alert" | "bad" | "off";

export function toneOf({ status, end }: Pick<RequestRow, "status" | "end">): Verdict {
  if (end === "client_gone") {
    return "off";
  }
  if (status >= 500 || end === "upstream_broke") {
    return "bad";
  }
  return status >= 400 || end === "refused" ? "alert" : "good";
}
