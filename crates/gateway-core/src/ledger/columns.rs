//! The columns of the ledger's tables: the one place where a column is declared. From it the schema makes tables and
//! trigger, a batch its rows, and a query its list and its reader.
//!
//! The order is part of the format: databases keep a trigger that takes a batch's rows by position. A new column comes last,
//! in a new version of the schema with a new trigger.

use std::borrow::Cow;

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::attempts::{self, StoredAttempts};
use super::histogram::{BUCKETS, Histogram};
use super::reason::Reason;
use super::record::{Actor, RequestRecord};
use super::stored::StoredRequest;
use super::totals::UsageTotals;
use crate::sql::SqlValue;
use crate::sql::rows::NamedRow;

/// A value in a row of a batch.
#[derive(Serialize)]
#[serde(untagged)]
pub enum ColumnValue<'a> {
    /// `NULL`, or a text.
    Text(Option<Cow<'a, str>>),
    /// `NULL`, or a number.
    Count(Option<u64>),
    /// A number that may be negative.
    Integer(i64),
    /// A list in a list, which the database keeps as its text.
    Attempts(StoredAttempts<'a>),
}

impl<'a> From<&'a str> for ColumnValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'a> From<Option<&'a String>> for ColumnValue<'a> {
    fn from(text: Option<&'a String>) -> Self {
        Self::Text(text.map(|text| Cow::Borrowed(text.as_str())))
    }
}

impl From<u64> for ColumnValue<'_> {
    fn from(count: u64) -> Self {
        Self::Count(Some(count))
    }
}

/// A column of the request log.
pub struct RequestColumn {
    /// Its name.
    pub name: &'static str,
    /// Its type and constraints.
    pub definition: &'static str,
    /// The version of the schema that added it.
    pub since: u64,
    /// What a batch writes into it.
    value: for<'a> fn(&'a RequestRecord) -> ColumnValue<'a>,
    /// Where a query puts what it reads from it.
    read: fn(&mut StoredRequest, &SqlValue),
}

const fn column(
    name: &'static str,
    definition: &'static str,
    value: for<'a> fn(&'a RequestRecord) -> ColumnValue<'a>,
    read: fn(&mut StoredRequest, &SqlValue),
) -> RequestColumn {
    RequestColumn {
        name,
        definition,
        since: 1,
        value,
        read,
    }
}

const TEXT: &str = "TEXT";
const TEXT_NOT_NULL: &str = "TEXT NOT NULL";
const INTEGER: &str = "INTEGER";
const INTEGER_NOT_NULL: &str = "INTEGER NOT NULL";

/// The request log, `seq` apart.
pub static REQUEST: [RequestColumn; 21] = [
    column(
        "id",
        "TEXT NOT NULL UNIQUE",
        |record| record.id.as_str().into(),
        |row, value| row.id = text(value),
    ),
    column(
        "time_ms",
        INTEGER_NOT_NULL,
        |record| record.time.0.into(),
        |row, value| row.time.0 = value.count(),
    ),
    column(
        "key",
        TEXT_NOT_NULL,
        |record| record.key.id.as_str().into(),
        |row, value| row.key = text(value),
    ),
    column(
        "channel",
        TEXT,
        |record| record.channel.as_ref().map(|channel| &channel.id).into(),
        |row, value| row.channel = text_or_null(value),
    ),
    column(
        "upstream_key",
        TEXT,
        |record| record.upstream_key.as_ref().into(),
        |row, value| row.upstream_key = text_or_null(value),
    ),
    column(
        "model",
        TEXT_NOT_NULL,
        |record| record.model.as_str().into(),
        |row, value| row.model = text(value),
    ),
    column(
        "upstream_model",
        TEXT,
        |record| record.upstream_model.as_ref().into(),
        |row, value| row.upstream_model = text_or_null(value),
    ),
    column(
        "endpoint",
        TEXT_NOT_NULL,
        |record| (&*record.endpoint).into(),
        |row, value| row.endpoint = text(value),
    ),
    column(
        "stream",
        INTEGER_NOT_NULL,
        |record| u64::from(record.stream).into(),
        |row, value| row.stream = value.count() != 0,
    ),
    column(
        "status",
        INTEGER_NOT_NULL,
        |record| u64::from(record.status).into(),
        |row, value| row.status = value.count(),
    ),
    column(
        "attempts",
        TEXT_NOT_NULL,
        |record| ColumnValue::Attempts(StoredAttempts(record)),
        |row, value| row.attempts = attempts::parse(value.text().unwrap_or_default()),
    ),
    column(
        "first_byte_ms",
        INTEGER,
        |record| ColumnValue::Count(record.first_byte_ms),
        |row, value| row.first_byte_ms = count_or_null(value),
    ),
    column(
        "total_ms",
        INTEGER_NOT_NULL,
        |record| record.total_ms.into(),
        |row, value| row.total_ms = value.count(),
    ),
    column(
        "prompt_tokens",
        INTEGER_NOT_NULL,
        |record| record.usage.prompt_tokens.into(),
        |row, value| row.usage.prompt_tokens = value.count(),
    ),
    column(
        "completion_tokens",
        INTEGER_NOT_NULL,
        |record| record.usage.completion_tokens.into(),
        |row, value| row.usage.completion_tokens = value.count(),
    ),
    column(
        "cached_tokens",
        INTEGER_NOT_NULL,
        |record| record.usage.cached_tokens.into(),
        |row, value| row.usage.cached_tokens = value.count(),
    ),
    column(
        "reasoning_tokens",
        INTEGER_NOT_NULL,
        |record| record.usage.reasoning_tokens.into(),
        |row, value| row.usage.reasoning_tokens = value.count(),
    ),
    column(
        "estimated",
        INTEGER_NOT_NULL,
        |record| u64::from(record.estimated).into(),
        |row, value| row.estimated = value.count() != 0,
    ),
    column(
        "ended",
        TEXT_NOT_NULL,
        |record| record.end.word().into(),
        |row, value| row.end = text(value),
    ),
    column(
        "cost_micro_usd",
        INTEGER_NOT_NULL,
        |record| record.cost_micro_usd.into(),
        |row, value| row.cost_micro_usd = value.count(),
    ),
    RequestColumn {
        since: 3,
        ..column(
            "reason",
            TEXT,
            |record| ColumnValue::Text(record.reason.map(|reason| Reason::word(reason).into())),
            |row, value| row.reason = text_or_null(value),
        )
    },
];

fn text(value: &SqlValue) -> String {
    value.text().unwrap_or_default().to_owned()
}

fn text_or_null(value: &SqlValue) -> Option<String> {
    value.text().map(str::to_owned)
}

fn count_or_null(value: &SqlValue) -> Option<u64> {
    value.integer().and_then(|count| u64::try_from(count).ok())
}

/// A row of the request log in a batch.
pub struct RequestRow<'a>(pub &'a RequestRecord);

impl Serialize for RequestRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(REQUEST.iter().map(|column| (column.value)(self.0)))
    }
}

/// A row of the request log as a query gives it.
pub fn read_request(row: &NamedRow<'_>) -> StoredRequest {
    let mut request = StoredRequest::default();
    for column in &REQUEST {
        (column.read)(&mut request, row.get(column.name));
    }
    request
}

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
}

/// The sums in the order of their columns: which one, its column, and what a request adds to it.
pub static SUMS: [(Sum, &str, fn(&RequestRecord) -> u64); 9] = [
    (Sum::Requests, "requests", |_| 1),
    (Sum::Errors, "errors", |record| record.is_error().into()),
    (Sum::Failovers, "failovers", |record| {
        record.is_failover().into()
    }),
    (Sum::Estimated, "estimated", |record| {
        record.estimated.into()
    }),
    (Sum::PromptTokens, "prompt_tokens", |record| {
        record.usage.prompt_tokens
    }),
    (Sum::CompletionTokens, "completion_tokens", |record| {
        record.usage.completion_tokens
    }),
    (Sum::CachedTokens, "cached_tokens", |record| {
        record.usage.cached_tokens
    }),
    (Sum::ReasoningTokens, "reasoning_tokens", |record| {
        record.usage.reasoning_tokens
    }),
    (Sum::CostMicroUsd, "cost_micro_usd", |record| {
        record.cost_micro_usd
    }),
];

/// A histogram of `usage_hour`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// To the answer's end.
    Total,
    /// To the answer's first byte.
    FirstByte,
}

/// The histograms in the order of their columns: which one, the prefix of its columns (`total_0`, `total_1`, … and
/// `total_sum_ms`), and what a request adds to it.
pub static HISTOGRAMS: [(Latency, &str, fn(&RequestRecord) -> Option<u64>); 2] = [
    (Latency::Total, "total", |record| Some(record.total_ms)),
    (Latency::FirstByte, "first_byte", |record| {
        record.first_byte_ms
    }),
];

/// Every column of `usage_hour` that adds up.
pub fn summed() -> impl Iterator<Item = String> {
    let histograms = HISTOGRAMS.iter().flat_map(|(_, prefix, _)| {
        let buckets = (0..BUCKETS).map(move |bucket| bucket_column(prefix, bucket));
        buckets.chain([format!("{prefix}_sum_ms")])
    });
    let sums = SUMS.iter().map(|(_, name, _)| (*name).to_owned());
    sums.chain(histograms)
}

fn bucket_column(prefix: &str, bucket: usize) -> String {
    format!("{prefix}_{bucket}")
}

/// The totals in a row that has all of [`summed`].
pub fn read_totals(row: &NamedRow<'_>) -> UsageTotals {
    let mut totals = UsageTotals::default();
    for (sum, name, _) in &SUMS {
        *totals.sum_mut(*sum) = row.count(name);
    }
    for (latency, prefix, _) in &HISTOGRAMS {
        let mut counts = row.from(&bucket_column(prefix, 0)).map(SqlValue::count);
        let mut histogram = Histogram::default();
        for bucket in &mut histogram.buckets {
            *bucket = counts.next().unwrap_or_default();
        }
        histogram.sum_ms = counts.next().unwrap_or_default();
        *totals.latency_mut(*latency) = histogram;
    }
    totals
}

/// A row of `usage_hour` in a batch.
#[derive(Default)]
pub struct UsageRow<'a> {
    /// The hour, or [`super::schema::ALL_HOURS`].
    pub hour: i64,
    /// The client key's id.
    pub key: &'a str,
    /// The channel's id.
    pub channel: &'a str,
    /// The model.
    pub model: &'a str,
    /// What is added.
    pub totals: Cow<'a, UsageTotals>,
}

/// A column's name, its definition, and its value in a row.
pub type Column<'a> = (&'static str, &'static str, ColumnValue<'a>);

impl<'a> UsageRow<'a> {
    /// What the sums are by. In a row, the mark whether the model is named comes behind them, before the sums.
    pub fn subject(&self) -> [Column<'a>; 4] {
        [
            ("hour", INTEGER_NOT_NULL, ColumnValue::Integer(self.hour)),
            ("key", TEXT_NOT_NULL, self.key.into()),
            ("channel", TEXT_NOT_NULL, self.channel.into()),
            ("model", TEXT_NOT_NULL, self.model.into()),
        ]
    }
}

impl Serialize for UsageRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(None)?;
        for (_, _, value) in self.subject() {
            row.serialize_element(&value)?;
        }
        row.serialize_element(&u8::from(self.totals.is_named))?;
        for (sum, _, _) in &SUMS {
            row.serialize_element(&self.totals.sum(*sum))?;
        }
        for (latency, _, _) in &HISTOGRAMS {
            let histogram = self.totals.latency(*latency);
            for count in histogram.buckets {
                row.serialize_element(&count)?;
            }
            row.serialize_element(&histogram.sum_ms)?;
        }
        row.end()
    }
}

/// A row of `tally_hour`: how often something happened, in an hour, with a channel.
#[derive(Default)]
pub struct TallyRow<'a> {
    /// The hour, or [`super::schema::ALL_HOURS`].
    pub hour: i64,
    /// What `word` is.
    pub kind: &'static str,
    /// The channel's id.
    pub channel: &'a str,
    /// What happened.
    pub word: Cow<'static, str>,
    /// How often.
    pub count: u64,
}

impl<'a> TallyRow<'a> {
    /// The columns, of which all but the last are the primary key.
    pub fn columns(&self) -> [Column<'a>; 5] {
        let word = ColumnValue::Text(Some(self.word.clone()));
        [
            ("hour", INTEGER_NOT_NULL, ColumnValue::Integer(self.hour)),
            ("kind", TEXT_NOT_NULL, self.kind.into()),
            ("channel", TEXT_NOT_NULL, self.channel.into()),
            ("word", TEXT_NOT_NULL, word),
            ("count", INTEGER_NOT_NULL, self.count.into()),
        ]
    }
}

impl Serialize for TallyRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.columns().map(|(_, _, value)| value))
    }
}

/// A row of `actor`: a client key or channel, which may be gone from the configuration.
pub struct ActorRow<'a> {
    /// Its id and its last known name.
    pub actor: Cow<'a, Actor>,
    /// When its last request came.
    pub last_used_ms: u64,
}

impl ActorRow<'_> {
    /// The columns.
    pub fn columns(&self) -> [Column<'_>; 3] {
        [
            ("id", "TEXT PRIMARY KEY", self.actor.id.as_str().into()),
            ("name", TEXT_NOT_NULL, self.actor.name.as_str().into()),
            ("last_used_ms", INTEGER_NOT_NULL, self.last_used_ms.into()),
        ]
    }
}

impl Serialize for ActorRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.columns().map(|(_, _, value)| value))
    }
}
