//! The filters of the request log. Pure.
import { filtersOf } from "../list-filters";

export const STATUSES = ["2xx", "error", "4xx", "5xx", "429"] as const;
export const ENDS = ["complete", "client_gone", "upstream_broke", "refused"] as const;

export const { setOf, questionOf, none } = filtersOf([
  "q",
  "tag",
  "status",
  "model",
  "key",
  "channel",
  "end",
  "reason",
]);
