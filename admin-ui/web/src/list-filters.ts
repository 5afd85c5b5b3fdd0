//! Filters of a log as they are in the address, and the question to the API that they make. Pure.
import type { Query } from "./router";

export const TIMES = ["1h", "24h", "7d"] as const;
const HOUR_MS = 3_600_000;
const TIMES_MS = { "1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 7 * 24 * HOUR_MS };

const chosen = (query: Query, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]])),
  );

/** `same`: the filters that the API has under the same names. */
export function filtersOf(same: readonly string[]) {
  const all = [...same, "time"];
  return {
    /** The filters that are set, as they are in the address. */
    setOf: (query: Query): Query => chosen(query, all),
    /** A query without any of them. */
    none: Object.fromEntries(all.map((name) => [name, ""])) as Query,
    /** The filters under the API's names. The address keeps "the last hour", the API requires a time. */
    questionOf(query: Query, nowMs: number): Record<string, string> {
      const question = chosen(query, [...same, "sort", "order"]);
      const time = TIMES.find((one) => one === query["time"]);
      if (time !== undefined) {
        question["from"] = new Date(nowMs - TIMES_MS[time]).toISOString();
      }
      return question;
    },
  };
}
