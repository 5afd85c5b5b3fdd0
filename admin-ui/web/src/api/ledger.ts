//! What the admin API has recorded: usage per hour or day, the log of requests, what is used of a key's limits.
import * as readers from "../../generated/readers";
import { data } from "./types";

export type {
  Allowance,
  ExceededLimit,
  Quantiles,
  RequestAttempt as Attempt,
  RequestPage,
  RequestRow,
  Standing as Used,
  UsageRow,
} from "../../generated/readers";

export const parseUsage = data(readers.Usage);

/** What usage can be limited to, and grouped by. */
export const SUBJECTS = ["model", "channel", "key"] as const;
export const GROUPS = [...SUBJECTS, "reason"] as const;
export type Grouping = (typeof GROUPS)[number];

export interface UsageQuestion {
  from: string;
  to: string;
  bucket: "hour" | "day";
  group: Grouping | "none";
  model?: string;
  channel?: string;
  key?: string;
}

export const parseRequests = (value: unknown): readers.RequestPage =>
  readers.RequestPage(value, "requests");

export const parseRequest = (value: unknown): readers.RequestRow =>
  readers.RequestRow(value, "request");

/** In the order in which they are shown. */
export const LIMITS = [
  "requests_per_minute",
  "tokens_per_minute",
  "tokens_per_day",
  "daily_budget_micro_usd",
  "monthly_budget_micro_usd",
] as const satisfies (keyof readers.Limits)[];
export type LimitName = (typeof LIMITS)[number];

/** What is used of each limit; `null` where there is none. */
export const parseAllowance = (value: unknown): readers.Allowance =>
  readers.Allowance(value, "allowance");
