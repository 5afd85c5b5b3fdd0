//! The columns of `usage_hour` that add up: sums, and histograms of latencies.

use crate::ledger::histogram::BUCKETS;
use crate::ledger::record::RequestRecord;

/// A column of `usage_hour` that adds up, histograms apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// All requests.
    Requests,
    /// Requests without a whole answer.
    Errors,
    /// Requests that another channel or key than the first answered.
    Failovers,
    /// Requests whose tokens are estimated.
    Estimated,
    /// Tokens of prompts.
    PromptTokens,
    /// Tokens of answers.
    CompletionTokens,
    /// Tokens of prompts that came from the upstream's cache.
    CachedTokens,
    /// Tokens of answers that were reasoning.
    ReasoningTokens,
    /// Cost, in millionths of a dollar.
    CostMicroUsd,
    /// Tokens of prompts that were written into the upstream's cache.
    CacheWriteTokens,
}

/// The column of a sum.
pub struct SumColumn {
    /// Which one.
    pub sum: Sum,
    /// Its name.
    pub name: &'static str,
    /// The version of the schema that added it. Those of version 1 are before the histograms, later ones after them.
    pub since: u64,
    /// What a request adds to it.
    pub added: fn(&RequestRecord) -> u64,
}

const fn sum(sum: Sum, name: &'static str, added: fn(&RequestRecord) -> u64) -> SumColumn {
    SumColumn {
        sum,
        name,
        since: 1,
        added,
    }
}

/// The sums in the order of their columns.
pub static SUMS: [SumColumn; 10] = [
    sum(Sum::Requests, "requests", |_| 1),
    sum(Sum::Errors, "errors", |record| record.is_error().into()),
    sum(Sum::Failovers, "failovers", |record| {
        record.is_failover().into()
    }),
    sum(Sum::Estimated, "estimated", |record| {
        record.estimated.into()
    }),
    sum(Sum::PromptTokens, "prompt_tokens", |record| {
        record.usage.prompt_tokens
    }),
    sum(Sum::CompletionTokens, "completion_tokens", |record| {
        record.usage.completion_tokens
    }),
    sum(Sum::CachedTokens, "cached_tokens", |record| {
        record.usage.cached_tokens
    }),
    sum(Sum::ReasoningTokens, "reasoning_tokens", |record| {
        record.usage.reasoning_tokens
    }),
    sum(Sum::CostMicroUsd, "cost_micro_usd", |record| {
        record.cost_micro_usd
    }),
    SumColumn {
        since: 4,
        ..sum(Sum::CacheWriteTokens, "cache_write_tokens", |record| {
            record.usage.cache_write_tokens
        })
    },
];

/// A histogram of `usage_hour`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// To the answer's end.
    Total,
    /// To the answer's first byte.
    FirstByte,
}

/// The columns of a histogram: `total_0`, `total_1`, … and `total_sum_ms`.
pub struct HistogramColumns {
    /// Which one.
    pub latency: Latency,
    /// What their names begin with.
    pub prefix: &'static str,
    /// What a request adds to it, in milliseconds.
    pub added: fn(&RequestRecord) -> Option<u64>,
}

/// The histograms in the order of their columns.
pub static HISTOGRAMS: [HistogramColumns; 2] = [
    HistogramColumns {
        latency: Latency::Total,
        prefix: "total",
        added: |record| Some(record.total_ms),
    },
    HistogramColumns {
        latency: Latency::FirstByte,
        prefix: "first_byte",
        added: |record| record.first_byte_ms,
    },
];

/// Every column of `usage_hour` that adds up.
pub fn summed() -> impl Iterator<Item = String> {
    first_summed().chain(later_sums().map(|column| column.name.to_owned()))
}

/// Those of them that version 1 of the schema has.
pub fn first_summed() -> impl Iterator<Item = String> {
    let histograms = HISTOGRAMS
        .iter()
        .flat_map(|HistogramColumns { prefix, .. }| {
            let buckets = (0..BUCKETS).map(move |bucket| bucket_column(prefix, bucket));
            buckets.chain([format!("{prefix}_sum_ms")])
        });
    first_sums()
        .map(|column| column.name.to_owned())
        .chain(histograms)
}

/// The sums before the histograms.
pub fn first_sums() -> impl Iterator<Item = &'static SumColumn> {
    SUMS.iter().filter(|column| column.since == 1)
}

/// The sums after the histograms.
pub fn later_sums() -> impl Iterator<Item = &'static SumColumn> {
    SUMS.iter().filter(|column| column.since > 1)
}

/// The column of a histogram's bucket.
pub fn bucket_column(prefix: &str, bucket: usize) -> String {
    format!("{prefix}_{bucket}")
}
