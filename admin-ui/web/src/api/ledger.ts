//! What the admin API tells of the past: usage per hour or day, the log of requests, what is used of
//! a key's limits.
import { data, flag, list, nullable, number, or, type Read, record, text } from "./read";

const named = record({ id: text, name: text });
const quantiles = record({ p50: nullable(number), p95: nullable(number), p99: nullable(number) });
export type Quantiles = Read<typeof quantiles>;

const usageRow = record({
  /** RFC 3339; the beginning of the hour or day, in UTC. */
  bucket: text,
  /** One of these is there, as was asked; a model of `""` is a name that nobody serves. */
  model: nullable(text),
  channel: nullable(named),
  key: nullable(named),
  /** Why requests have no answer, as a code. */
  reason: nullable(text),
  requests: number,
  errors: number,
  prompt_tokens: number,
  completion_tokens: number,
  cached_tokens: number,
  cost_micro_usd: number,
  total_ms: quantiles,
  first_byte_ms: quantiles,
});
export type UsageRow = Read<typeof usageRow>;
export const parseUsage = data(usageRow);

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

const attempt = record({
  channel: text,
  channel_name: text,
  key: nullable(text),
  outcome: text,
  status: nullable(number),
  ms: number,
});
export type Attempt = Read<typeof attempt>;

const requestRow = record({
  id: text,
  time: text,
  key: text,
  key_name: text,
  channel: nullable(text),
  channel_name: nullable(text),
  upstream_key: nullable(text),
  model: text,
  upstream_model: nullable(text),
  endpoint: text,
  stream: flag,
  status: number,
  attempts: or(list(attempt), []),
  first_byte_ms: nullable(number),
  total_ms: number,
  prompt_tokens: number,
  completion_tokens: number,
  cached_tokens: number,
  reasoning_tokens: number,
  estimated: flag,
  end: text,
  /** Why there is no answer, as a code. */
  reason: nullable(text),
  cost_micro_usd: number,
});
export type RequestRow = Read<typeof requestRow>;

const requests = record({ data: list(requestRow), has_more: or(flag, false) });
export type RequestPage = Read<typeof requests>;
export const parseRequests = (value: unknown): RequestPage => requests(value, "requests");

export const LIMITS = [
  "requests_per_minute",
  "tokens_per_minute",
  "tokens_per_day",
  "daily_budget_micro_usd",
  "monthly_budget_micro_usd",
] as const;
export type LimitName = (typeof LIMITS)[number];

const used = nullable(record({ limit: number, used: number, resets_at: nullable(text) }));
export type Used = NonNullable<Read<typeof used>>;
const allowance = record({
  requests_per_minute: used,
  tokens_per_minute: used,
  tokens_per_day: used,
  daily_budget_micro_usd: used,
  monthly_budget_micro_usd: used,
});
/** What is used of each limit; `null` where there is none. */
export type Allowance = Read<typeof allowance>;
export const parseAllowance = (value: unknown): Allowance => allowance(value, "allowance");
