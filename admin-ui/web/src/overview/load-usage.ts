//! Usage of a range of time, whole and by member, as the charts and tables show it.
import { usage } from "../api/client";
import type { Result } from "../api/failure";
import type { Grouping } from "../api/ledger";
import type { Query } from "../router";
import { COLOURED, type RangeName, rangeOf } from "./figures";
import type { Shown } from "./usage";

/** Members with rows of their own in the table; the charts have fewer. */
const LISTED = 20;

export async function loadUsage(
  rangeName: RangeName,
  group: Grouping,
  filters: Query,
): Promise<Result<Shown>> {
  const range = rangeOf(rangeName, Date.now());
  const { from, to, bucket } = range;
  const question = { from, to, bucket, ...filters };
  const topOf = (count: number) => (group === "reason" ? {} : { top: String(count) });
  const [whole, parts, members] = await Promise.all([
    usage({ ...question, group: "none" }),
    usage({ ...question, group, ...topOf(COLOURED) }),
    usage({ ...question, group, bucket: "total", ...topOf(LISTED) }),
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
  return {
    ok: true,
    value: { range, group, whole: whole.value, parts: parts.value, members: members.value },
  };
}
