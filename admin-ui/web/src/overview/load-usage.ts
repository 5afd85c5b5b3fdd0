//! Usage of a range of time, whole and by member, as the charts and tables show it.
import { usage } from "../api/client";
import type { Result } from "../api/failure";
import type { Grouping } from "../api/ledger";
import type { Query } from "../router";
import { COLOURED, MEASURES, moved, type Order, type RangeName, rangeOf } from "./figures";
import type { Shown } from "./usage";

/** Members with rows of their own in the table; the charts have fewer. */
const LISTED = 20;

interface How {
  order: Order;
  /** Whether the period before is asked for as well. */
  isCompared?: boolean;
}

export async function loadUsage(
  rangeName: RangeName,
  group: Grouping,
  filters: Query,
  { order, isCompared = false }: How,
): Promise<Result<Shown>> {
  const range = rangeOf(rangeName, Date.now());
  const { from, to, bucket, formerFrom } = range;
  const question = { from, to, bucket, ...filters };
  const by = MEASURES[order.sort];
  const topOf = (count: number) => (group === "reason" ? {} : { top: String(count), by });
  const [whole, parts, members, former] = await Promise.all([
    usage({ ...question, group: "none" }),
    usage({ ...question, group, ...topOf(COLOURED) }),
    usage({ ...question, group, bucket: "total", ...topOf(LISTED) }),
    // A separate call: one query for both periods would cost as much, and this answer is 304 while it is refreshed.
    isCompared ? usage({ ...question, from: formerFrom, to: from, group: "none" }) : null,
  ]);
  if (!whole.ok) {
    return whole;
  }
  if (!parts.ok) {
    return parts;
  }
  if (!members.ok) {
    return members;
  }
  if (former !== null && !former.ok) {
    return former;
  }
  return {
    ok: true,
    value: {
      range,
      group,
      order,
      whole: whole.value,
      parts: parts.value,
      members: members.value,
      former: former === null ? null : moved(former.value, range),
    },
  };
}

interface Exported {
  range: RangeName;
  group: Grouping;
  filters: Query;
  order: Order;
}

/** What an export asks for: every member, by the bucket of the charts or in all. */
export function exportQuestion(
  { range, group, filters, order }: Exported,
  bucket?: "total",
): Record<string, string> {
  const { from, to, bucket: charted } = rangeOf(range, Date.now());
  return { from, to, bucket: bucket ?? charted, group, by: MEASURES[order.sort], ...filters };
}
