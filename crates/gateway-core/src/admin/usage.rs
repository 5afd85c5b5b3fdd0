//! `GET usage`: what was used in a span of time, by hour or day and by model, channel or client key. Owns the call's
//! parameters and rows; the sums are the ledger's.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use http::{StatusCode, Uri};
use serde::Serialize;

use super::ledger_queries::{self, DisplayNames};
#[cfg(feature = "schema")]
use super::openapi::ReasonCode;
use super::{document, query};
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::error::GatewayError;
use crate::ledger::batch::HOUR_MS;
use crate::ledger::histogram::{BUCKETS, Histogram};
use crate::ledger::schema;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::sql::{SqlRow, SqlValue, Statement};
use crate::time_text;
use crate::units::Timestamp;

const DAY_MS: u64 = 24 * HOUR_MS;
/// Rows of one answer; about 4 MB. A month by the hour and by ten models has 7,440.
const MAX_ROWS: usize = 10_000;

/// What the rows are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Model,
    Channel,
    Key,
    /// Requests without an answer, by why they have none.
    Reason,
    /// Everything together.
    None,
}

impl Group {
    /// The column, or what stands for it.
    const fn column(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Channel => "channel",
            Self::Key => "key",
            Self::Reason => "word",
            Self::None => "''",
        }
    }
}

/// What is asked.
struct UsageQuery {
    /// In hours since 1970, inclusive.
    from: u64,
    /// In hours since 1970, exclusive.
    to: u64,
    /// Hours of a bucket.
    bucket: u64,
    group: Group,
    /// Columns and the values that they must have.
    filters: [(&'static str, Option<String>); 3],
}

/// Usage by bucket and subject.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Usage")
)]
pub struct UsageView<'a> {
    /// Rows by bucket and subject.
    data: Vec<UsageRowView<'a>>,
    /// The beginning of the first hour.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    from: String,
    /// The end of the last hour.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    to: String,
}

/// Has one of `model`, `channel`, `key` and `reason`, as asked; none of them for `group=none`.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "UsageRow")
)]
pub struct UsageRowView<'a> {
    /// Its beginning.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    bucket: String,
    #[serde(flatten)]
    subject: UsageSubject<'a>,
    /// All requests.
    requests: u64,
    /// Requests that were refused or broke off.
    errors: u64,
    /// Requests that were answered after another attempt.
    failovers: u64,
    /// Requests whose tokens are the gateway's estimate.
    estimated: u64,
    /// Tokens that were read.
    prompt_tokens: u64,
    /// Tokens that were written.
    completion_tokens: u64,
    /// Of the prompt tokens.
    cached_tokens: u64,
    /// Of the completion tokens.
    reasoning_tokens: u64,
    /// In millionths of a dollar.
    cost_micro_usd: u64,
    /// To the end of the answer.
    total_ms: Quantiles,
    /// To the first byte of the answer.
    first_byte_ms: Quantiles,
}

/// One of these members, or none.
#[derive(Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageSubject<'a> {
    /// By the client's name; empty for all models that no channel serves. Requests that were rejected before any upstream was asked are under `group=reason` unless a channel names their model.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    /// The channel that answered or was tried last; null when none was asked.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Named<'_>>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<AskedGroup<'a>>,
    /// The client key.
    #[cfg_attr(feature = "schema", schemars(with = "Named<'_>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Named<'a>>,
    /// Why the requests have no answer.
    #[cfg_attr(feature = "schema", schemars(with = "ReasonCode"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// The channel, or `null` when none was asked.
#[derive(Serialize)]
#[serde(transparent)]
struct AskedGroup<'a>(Option<Named<'a>>);

/// A channel or a client key.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Named<'a> {
    /// Its id.
    id: &'a str,
    /// The last one that is known; the id where none is.
    name: &'a str,
}

/// Milliseconds that so many percent of the requests did not exceed, estimated within fixed buckets; null without any.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quantiles {
    /// 50 %.
    p50: Option<u64>,
    /// 95 %.
    p95: Option<u64>,
    /// 99 %.
    p99: Option<u64>,
}

/// Answers the call.
pub async fn show<P: AdminPorts>(ports: &P, uri: &Uri) -> Result<Reply, GatewayError> {
    let question = UsageQuery::read(uri, ports.now())?;
    let document = document::load(ports).await?;
    let rows = ledger_queries::rows(ports, question.statement()).await?;
    if rows.len() > MAX_ROWS {
        return Err(query::invalid(
            "from",
            &format!(
                "asks for more than {MAX_ROWS} rows: take a shorter time, `bucket=day`, or another group"
            ),
        ));
    }
    let subjects: BTreeSet<&str> = match question.group {
        Group::Channel | Group::Key => rows.iter().map(subject).collect(),
        Group::Model | Group::Reason | Group::None => BTreeSet::new(),
    };
    let names = DisplayNames::of(ports, &document, subjects).await?;
    let view = UsageView {
        data: rows.iter().map(|row| question.view(row, &names)).collect(),
        from: hour_text(question.from),
        to: hour_text(question.to),
    };
    Ok(reply::json(StatusCode::OK, &view))
}

impl UsageQuery {
    fn read(uri: &Uri, now: Timestamp) -> Result<Self, GatewayError> {
        let known = ["from", "to", "bucket", "group", "model", "channel", "key"];
        let [from, to, bucket, group, model, channel, key] = query::read(uri, known)?;
        let to = query::time("to", to.as_deref())?.unwrap_or(now);
        let from =
            query::time("from", from.as_deref())?.unwrap_or(Timestamp(to.0.saturating_sub(DAY_MS)));
        if from > to {
            return Err(query::invalid("from", "must not be later than `to`"));
        }
        let bucket = match bucket.as_deref() {
            None | Some("hour") => 1,
            Some("day") => 24,
            Some(_) => return Err(query::invalid("bucket", "must be hour or day")),
        };
        let group = match group.as_deref() {
            None | Some("model") => Group::Model,
            Some("channel") => Group::Channel,
            Some("key") => Group::Key,
            Some("reason") => Group::Reason,
            Some("none") => Group::None,
            Some(_) => {
                return Err(query::invalid(
                    "group",
                    "must be model, channel, key, reason or none",
                ));
            }
        };
        if group == Group::Reason {
            let filter = [("model", &model), ("channel", &channel)]
                .into_iter()
                .find(|(_, value)| value.is_some());
            if let Some((name, _)) = filter {
                return Err(query::invalid(
                    name,
                    "cannot be combined with `group=reason`",
                ));
            }
        }
        // Sums are by the hour, so that the span is that of the hours which it touches.
        Ok(Self {
            from: from.0 / HOUR_MS,
            to: to.0.div_ceil(HOUR_MS),
            bucket,
            group,
            filters: [("model", model), ("channel", channel), ("key", key)],
        })
    }

    /// The statement for `group=reason`, whose counts are kept apart from the sums.
    fn statement_by_reason(&self) -> Statement {
        let [.., (_, key)] = &self.filters;
        let key_is_it = if key.is_some() {
            " AND channel = ?3"
        } else {
            ""
        };
        let statement = Statement::new(format!(
            "SELECT hour / {}, word, sum(count), sum(count) FROM tally_hour WHERE kind = '{}' AND hour >= ?1 \
             AND hour < ?2{key_is_it} GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {}",
            self.bucket,
            schema::REASON,
            MAX_ROWS + 1
        ));
        let statement = statement.with(self.from).with(self.to);
        match key {
            Some(key) => statement.with(key.as_str()),
            None => statement,
        }
    }

    fn statement(&self) -> Statement {
        if self.group == Group::Reason {
            return self.statement_by_reason();
        }
        // In the text, since some hosts know no integers as parameters, and only integers are divided so.
        let mut text = format!("SELECT hour / {}, {}", self.bucket, self.group.column());
        for column in schema::summed_columns() {
            let _ = write!(text, ", sum({column})");
        }
        text.push_str(" FROM usage_hour WHERE hour >= ?1 AND hour < ?2");
        let mut values = Vec::new();
        for (column, value) in &self.filters {
            if let Some(value) = value {
                values.push(value.as_str());
                let _ = write!(text, " AND {column} = ?{}", values.len() + 2);
            }
        }
        if self.group == Group::Model {
            // Those are of no model; `group=reason` has them.
            let _ = write!(text, " AND model <> '{}'", schema::REFUSED);
        }
        let _ = write!(text, " GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {}", MAX_ROWS + 1);
        let mut statement = Statement::new(text).with(self.from).with(self.to);
        for value in values {
            statement = statement.with(value);
        }
        statement
    }

    fn view<'a>(&self, row: &'a SqlRow, names: &'a DisplayNames) -> UsageRowView<'a> {
        let id = subject(row);
        let with_name = || Named {
            id,
            name: names.get(id),
        };
        let mut subject = UsageSubject::default();
        match self.group {
            Group::Model => subject.model = Some(id),
            Group::Channel => subject.channel = Some(AskedGroup((!id.is_empty()).then(with_name))),
            Group::Key => subject.key = Some(with_name()),
            Group::Reason => subject.reason = Some(id),
            Group::None => {}
        }
        let mut counts = row.iter().map(SqlValue::count);
        let bucket = hour_text(counts.next().unwrap_or_default() * self.bucket);
        // The subject is no number.
        let mut sums = counts.skip(1);
        let mut next = || sums.next().unwrap_or_default();
        UsageRowView {
            bucket,
            subject,
            requests: next(),
            errors: next(),
            failovers: next(),
            estimated: next(),
            prompt_tokens: next(),
            completion_tokens: next(),
            cached_tokens: next(),
            reasoning_tokens: next(),
            cost_micro_usd: next(),
            total_ms: Quantiles::of(&histogram(&mut next)),
            first_byte_ms: Quantiles::of(&histogram(&mut next)),
        }
    }
}

impl Quantiles {
    fn of(histogram: &Histogram) -> Self {
        Self {
            p50: histogram.quantile_ms(50),
            p95: histogram.quantile_ms(95),
            p99: histogram.quantile_ms(99),
        }
    }
}

/// The next columns of a row, in the order of [`schema::summed_columns`].
pub fn histogram(next: &mut impl FnMut() -> u64) -> Histogram {
    let mut buckets = [0; BUCKETS];
    buckets.fill_with(&mut *next);
    Histogram {
        buckets,
        sum_ms: next(),
    }
}

/// Whom the row is about.
fn subject(row: &SqlRow) -> &str {
    row.get(1).and_then(SqlValue::text).unwrap_or_default()
}

fn hour_text(hour: u64) -> String {
    time_text::format_second(Timestamp(hour.saturating_mul(HOUR_MS)))
}
