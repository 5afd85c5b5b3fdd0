//! A row of usage in which nothing happened but what a test says.
import type { UsageRow } from "../api/ledger";

const NONE = { p50: null, p95: null, p99: null };

export function usageRow(change: Partial<UsageRow>): UsageRow {
  return {
    bucket: "2026-11-23T10:00:00Z",
    model: null,
    channel: null,
    key: null,
    reason: null,
    tag: null,
    other: null,
    requests: 1,
    errors: 0,
    failovers: 0,
    estimated: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
    cached_tokens: 0,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
    cost_micro_usd: 0,
    total_ms: NONE,
    first_byte_ms: NONE,
    ...change,
  };
}
