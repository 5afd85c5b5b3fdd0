//! The filters of the request log as they are in the address, and the query to the API. Pure.
import type { Query } from "../router";

export const TIMES = ["1h", "24h", "7d"] as const;
const TIMES_MS = { "1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000 };

export const STATUSES = ["2xx", "error", "4xx", "5xx", "429"] as const;
export const ENDS = ["complete", "client_gone", "upstream_broke", "refused"] as const;

const SAME = ["q", "tag", "status", "model", "key", "channel", "end", "reason"] as const;
export const FILTERS = [...SAME, "time"] as const;
export type FilterName = (typeof FILTERS)[number];

/** The filters under the API's names. The address keeps "the last hour", the API requires a time. */
export function questionOf(query: Query, nowMs: number): Record<string, string> {
  const question: Record<string, string> = {};
  for (const name of [...SAME, "sort", "order"]) {
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

/** The filters that are set, as a key of the query. */
export function setOf(query: Query): Query {
  return Object.fromEntries(
    FILTERS.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]])),
  );
}
