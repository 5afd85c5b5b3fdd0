//! What the admin API has recorded: usage per hour or day, the log of requests, what is used of a key's limits.
import * as readers from "../../generated/readers";
import { data } from "./types";

export type {
  Allowance,
  ExceededLimit,
  KeyAllowance,
  OwnRequest,
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
/** What else it can be limited to. */
export const LIMITING = [...SUBJECTS, "tag"] as const;
export const GROUPS = [...LIMITING, "channel_tag", "reason"] as const;
export type Grouping = (typeof GROUPS)[number];

export interface UsageQuestion {
  from: string;
  to: string;
  bucket: "hour" | "day" | "total";
  group: Grouping | "none";
  model?: string;
  channel?: string;
  key?: string;
  /** As many members have rows of their own; the rest is summed. */
  top?: string;
  by?: "requests" | "errors" | "tokens" | "cost";
  tag?: string;
}

export const parseRequests = (value: unknown): readers.RequestPage =>
  readers.RequestPage(value, "requests");

export const parseOwnRequests = (value: unknown): readers.OwnRequestPage =>
  readers.OwnRequestPage(value, "requests");

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

export type { AuditChange, AuditEntry, AuditList } from "../../generated/readers";

export const parseAudit = (value: unknown): readers.AuditList => readers.AuditList(value, "audit");

export const parseAllowance = (value: unknown): readers.Allowance =>
  readers.Allowance(value, "allowance");
/** What is used of each limit, by key; `null` where there is none. */
export const parseAllowances = data(readers.Allowances);
