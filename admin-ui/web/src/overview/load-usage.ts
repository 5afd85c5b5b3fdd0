//! Usage of a range of time, whole and by member, as the charts and tables show it.
import { usage } from "../api/client";
import type { Result } from "../api/failure";
import type { Grouping } from "../api/ledger";
import type { Query } from "../router";
import { type RangeName, rangeOf } from "./figures";
import type { Shown } from "./usage";

export async function loadUsage(
  rangeName: RangeName,
  group: Grouping,
  filters: Query,
): Promise<Result<Shown>> {
  const range = rangeOf(rangeName, Date.now());
  const { from, to, bucket } = range;
  const question = { from, to, bucket, ...filters };
  const [whole, parts] = await Promise.all([
    usage({ ...question, group: "none" }),
    usage({ ...question, group }),
  ]);
  if (!whole.ok) {
    return whole;
  }
  if (!parts.ok) {
    return parts;
  }
  return { ok: true, value: { range, group, whole: whole.value, parts: parts.value } };
}
