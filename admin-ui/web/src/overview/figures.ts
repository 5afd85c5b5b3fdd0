//! From rows of usage to what the charts and tables show. Pure.
import type { Grouping, UsageRow } from "../api/ledger";
import type { Query } from "../router";

export const RANGES = ["24h", "7d", "30d"] as const;
export type RangeName = (typeof RANGES)[number];

export interface Range {
  bucket: "hour" | "day";
  /** The beginnings of all buckets, in Unix seconds. */
  times: number[];
  stepS: number;
  from: string;
  /** Exclusive: the end of the bucket that is running. */
  to: string;
  /** The beginning of the period before, which is as long and ends where this one begins. */
  formerFrom: string;
}

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const SIZES = {
  "24h": { bucket: "hour", stepS: HOUR_S, count: 24 },
  "7d": { bucket: "hour", stepS: HOUR_S, count: 7 * 24 },
  "30d": { bucket: "day", stepS: DAY_S, count: 30 },
} as const;

export function rangeOf(name: RangeName, nowMs: number): Range {
  const { bucket, stepS, count } = SIZES[name];
  const end = (Math.floor(nowMs / 1000 / stepS) + 1) * stepS;
  const times = Array.from({ length: count }, (_, index) => end - (count - index) * stepS);
  const rfc3339 = (seconds: number) => new Date(seconds * 1000).toISOString();
  const from = end - count * stepS;
  return {
    bucket,
    stepS,
    times,
    from: rfc3339(from),
    to: rfc3339(end),
    formerFrom: rfc3339(from - count * stepS),
  };
}

/** What is added up. */
export interface Sums {
  requests: number;
  errors: number;
  prompt: number;
  completion: number;
  cached: number;
  costMicroUsd: number;
}

export function sumsOf(rows: readonly UsageRow[]): Sums {
  const sums = { requests: 0, errors: 0, prompt: 0, completion: 0, cached: 0, costMicroUsd: 0 };
  for (const row of rows) {
    sums.requests += row.requests;
    sums.errors += row.errors;
    sums.prompt += row.prompt_tokens;
    sums.completion += row.completion_tokens;
    sums.cached += row.cached_tokens;
    sums.costMicroUsd += row.cost_micro_usd;
  }
  return sums;
}

/** What members can be sorted by: the columns of their table, and the name. */
export const SORTS = ["requests", "errors", "tokensIn", "tokensOut", "cost", "name"] as const;
export type Sort = (typeof SORTS)[number];

/** The order of the members: who comes first in the charts, too. */
export interface Order {
  sort: Sort;
  isAscending: boolean;
}

/** What is asked for in the address, as lists have it. */
export function orderOf(asked: Query): Order {
  const sort = SORTS.find((one) => one === asked["sort"]) ?? "requests";
  return { sort, isAscending: asked["order"] === "asc" };
}

/** What the gateway selects the first members by, for each column. */
export const MEASURES = {
  requests: "requests",
  errors: "errors",
  tokensIn: "tokens",
  tokensOut: "tokens",
  cost: "cost",
  name: "requests",
} as const;
export type Measure = (typeof MEASURES)[Sort];

const VALUES: Record<Exclude<Sort, "name"> | "tokens", (sums: Sums) => number> = {
  requests: ({ requests }) => requests,
  errors: ({ errors }) => errors,
  tokens: ({ prompt, completion }) => prompt + completion,
  tokensIn: ({ prompt }) => prompt,
  tokensOut: ({ completion }) => completion,
  cost: ({ costMicroUsd }) => costMicroUsd,
};

/** A model, channel, key or reason with its rows. `id` is `null` for what has none: no channel was asked, or
 * no channel serves the model. The rest is what the gateway has summed of all that are not among the first. */
export interface Member {
  id: string | null;
  name: string | null;
  isRest: boolean;
  rows: UsageRow[];
  sums: Sums;
}

/** Who is in the rows, those with most of the measure first, and the rest behind them. */
export function membersOf(
  rows: readonly UsageRow[],
  group: Grouping,
  measure: Measure = "requests",
): Member[] {
  const byId = new Map<string | null, { name: string | null; rows: UsageRow[] }>();
  const rest: UsageRow[] = [];
  for (const row of rows) {
    if (row.other === true) {
      rest.push(row);
      continue;
    }
    const { id, name } = identity(row, group);
    const known = byId.get(id);
    if (known === undefined) {
      byId.set(id, { name, rows: [row] });
    } else {
      known.rows.push(row);
    }
  }
  const members = [...byId]
    .map(([id, { name, rows: own }]) => ({ id, name, isRest: false, rows: own, sums: sumsOf(own) }))
    .sort((a, b) => VALUES[measure](b.sums) - VALUES[measure](a.sums));
  return rest.length === 0
    ? members
    : [...members, { id: null, name: null, isRest: true, rows: rest, sums: sumsOf(rest) }];
}

/** The same members in another order; the rest stays the last. */
export function sorted(members: readonly Member[], { sort, isAscending }: Order): Member[] {
  const sign = isAscending ? 1 : -1;
  const compare =
    sort === "name"
      ? (a: Member, b: Member) => (a.name ?? "").localeCompare(b.name ?? "")
      : (a: Member, b: Member) => VALUES[sort](a.sums) - VALUES[sort](b.sums);
  return members.toSorted((a, b) =>
    a.isRest === b.isRest ? sign * compare(a, b) : a.isRest ? 1 : -1,
  );
}

function identity(row: UsageRow, group: Grouping): { id: string | null; name: string | null } {
  if (group !== "channel" && group !== "key") {
    const value = row[group === "channel_tag" ? "tag" : group];
    const known = value === "" ? null : value;
    return { id: known, name: known };
  }
  return row[group] ?? { id: null, name: null };
}

/** Members beyond this many share one colour. */
export const COLOURED = 8;

/** The class that has the colour of a member's series. */
export function swatch(index: number): string {
  return index < COLOURED ? `series-${index + 1}` : "series-rest";
}

/** One line of numbers per coloured member, and one for all others if there are any. */
export function seriesOf(
  members: readonly Member[],
  times: readonly number[],
  value: (row: UsageRow) => number,
): number[][] {
  const rest = members.slice(COLOURED);
  const groups = members.slice(0, COLOURED).map(({ rows }) => rows);
  if (rest.length > 0) {
    groups.push(rest.flatMap(({ rows }) => rows));
  }
  return groups.map((rows) => {
    const at = new Map<number, number>();
    for (const row of rows) {
      const time = Date.parse(row.bucket) / 1000;
      at.set(time, (at.get(time) ?? 0) + value(row));
    }
    return times.map((time) => at.get(time) ?? 0);
  });
}

/** One number per bucket; `null` where there is none. */
export function lineOf(
  rows: readonly UsageRow[],
  times: readonly number[],
  value: (row: UsageRow) => number | null,
): (number | null)[] {
  const at = new Map(rows.map((row) => [Date.parse(row.bucket) / 1000, value(row)]));
  return times.map((time) => at.get(time) ?? null);
}

/** The rows of the period before, at the times of the buckets that they are compared with. */
export function moved(rows: readonly UsageRow[], { times, stepS }: Range): UsageRow[] {
  const shiftMs = times.length * stepS * 1000;
  return rows.map((row) => ({
    ...row,
    bucket: new Date(Date.parse(row.bucket) + shiftMs).toISOString(),
  }));
}

/** The change from `before` to `now`, as a share of `before`; `null` where there was nothing. */
export function change(now: number, before: number): number | null {
  return before === 0 ? null : (now - before) / before;
}

/** The last of a line that is a number. */
export function latest(line: readonly (number | null)[]): number | null {
  return line.findLast((value) => value !== null) ?? null;
}

export function errorRate({ requests, errors }: Pick<Sums, "requests" | "errors">): number {
  return requests === 0 ? 0 : errors / requests;
}
