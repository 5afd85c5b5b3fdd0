//! `GET usage`: what was used in a span of time, by hour or day and by model, channel, client key or tag. Owns the call's
//! parameters and views; the query is the ledger's.

use std::collections::BTreeSet;

use http::{StatusCode, Uri};
use serde::Serialize;

use super::document;
use super::ledger_queries::{self, DisplayNames};
use super::members;
#[cfg(feature = "schema")]
use super::openapi::schemas::ReasonCode;
use super::query::{invalid, read, time};
use crate::config::model::Document;
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::error::GatewayError;
use crate::ledger::columns::usage::{Latency, Sum};
use crate::ledger::histogram::Histogram;
use crate::ledger::port::Ledger as _;
use crate::ledger::queries::usage::{UsageGroup, UsageQuery, UsageRank, UsageSlice};
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::time_text;
use crate::units::{DAY_MS, HOUR_MS, Timestamp};

/// Rows of one answer; about 4 MB. A month by the hour and by ten models has 7,440.
const MAX_ROWS: usize = 10_000;
/// The most subjects with rows of their own, where the others are summed.
pub const MAX_TOP: u64 = 100;

const PARAMETERS: [&str; 10] = [
    "from", "to", "bucket", "group", "top", "by", "tag", "model", "channel", "key",
];

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

/// Has one of `model`, `channel`, `key`, `tag` and `reason`, as asked; none of them for `group=none` and where `other` is
/// there.
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
    /// Only with `top`, and true: the sum of all that are not among the first.
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    other: bool,
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
    /// Of the prompt tokens: those that were written into the provider's cache.
    cache_write_tokens: u64,
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
    /// The tag; empty for requests without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
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

/// `GET me/usage`: of one client key, and by model or in total only.
pub async fn show_own<P: AdminPorts>(
    ports: &P,
    uri: &Uri,
    key: &str,
) -> Result<Reply, GatewayError> {
    let asked = read(uri, ["from", "to", "bucket", "group"])?;
    if !matches!(asked[3].as_deref(), None | Some("model" | "none")) {
        return Err(invalid("group", "must be model or none"));
    }
    let query = UsageQuery {
        key: Some(key.to_owned()),
        ..span(asked, ports.now())?
    };
    answer(ports, query, None).await
}

/// Answers the call.
pub async fn show<P: AdminPorts>(ports: &P, uri: &Uri) -> Result<Reply, GatewayError> {
    let (query, tag) = parse(uri, ports.now())?;
    answer(ports, query, tag).await
}

async fn answer<P: AdminPorts>(
    ports: &P,
    query: UsageQuery,
    tag: Option<String>,
) -> Result<Reply, GatewayError> {
    let document = document_for(ports, &query, tag.as_deref()).await?;
    let query = with_tags(query, tag.as_deref(), &document);
    let ledger = ledger_queries::ledger(ports);
    let rows = ledger.query_usage(&query).await;
    let rows = rows.map_err(|error| ledger_queries::unavailable(ports, &error))?;
    if rows.len() > MAX_ROWS {
        return Err(invalid(
            "from",
            &format!(
                "asks for more than {MAX_ROWS} rows: take a shorter time, `bucket=day`, `top`, or another group"
            ),
        ));
    }
    let names = names_of(ports, &document, &query, &rows).await?;
    let view = UsageView {
        data: rows
            .iter()
            .map(|row| UsageRowView::new(&query, row, &names))
            .collect(),
        from: hour_text(query.from),
        to: hour_text(query.to),
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// The configuration, with all client keys if the question depends on them.
pub(super) async fn document_for<P: AdminPorts>(
    ports: &P,
    query: &UsageQuery,
    tag: Option<&str>,
) -> Result<Document, GatewayError> {
    if tag.is_some() || query.group == UsageGroup::Tag {
        document::load(ports).await
    } else {
        document::load_without_keys(ports).await
    }
}

/// Adds what the configuration says of tags, and of the one whose members the question is about.
pub(super) fn with_tags(query: UsageQuery, tag: Option<&str>, document: &Document) -> UsageQuery {
    let tags = match query.group {
        UsageGroup::Tag => members::tags(document.keys.iter().map(|it| (&it.id, &it.tags))),
        UsageGroup::ChannelTag => {
            members::tags(document.channels.iter().map(|it| (&it.id, &it.tags)))
        }
        _ => Vec::new(),
    };
    UsageQuery {
        members: tag.map(|tag| members::tagged(document, tag)),
        tags,
        ..query
    }
}

/// The names of all channels or client keys in these rows.
pub(super) async fn names_of<P: AdminPorts>(
    ports: &P,
    document: &Document,
    query: &UsageQuery,
    rows: &[UsageSlice],
) -> Result<DisplayNames, GatewayError> {
    let subjects: BTreeSet<&str> = match query.group {
        UsageGroup::Channel | UsageGroup::Key => {
            rows.iter().map(|row| row.subject.as_str()).collect()
        }
        _ => BTreeSet::new(),
    };
    DisplayNames::of(ports, document, subjects).await
}

/// The question, and the tag whose members it is about.
pub(super) fn parse(
    uri: &Uri,
    now: Timestamp,
) -> Result<(UsageQuery, Option<String>), GatewayError> {
    let [from, to, bucket, group, top, by, tag, model, channel, key] = read(uri, PARAMETERS)?;
    let span = span([from, to, bucket, group], now)?;
    let group = span.group;
    if group == UsageGroup::None && top.is_some() {
        return Err(invalid("top", "needs a `group`"));
    }
    if group == UsageGroup::Reason {
        let filter = [
            ("model", &model),
            ("channel", &channel),
            ("tag", &tag),
            ("top", &top),
        ]
        .into_iter()
        .find(|(_, value)| value.is_some());
        if let Some((name, _)) = filter {
            return Err(invalid(name, "cannot be combined with `group=reason`"));
        }
    }
    let query = UsageQuery {
        top: top_of(top.as_deref())?,
        rank: rank_of(by.as_deref())?,
        model,
        channel,
        key,
        ..span
    };
    Ok((query, tag.filter(|tag| !tag.is_empty())))
}

/// The question without its filters: its time, and what is summed.
fn span(
    [from, to, bucket, group]: [Option<String>; 4],
    now: Timestamp,
) -> Result<UsageQuery, GatewayError> {
    let to = time("to", to.as_deref())?.unwrap_or(now);
    let from = time("from", from.as_deref())?.unwrap_or(Timestamp(to.0.saturating_sub(DAY_MS)));
    if from > to {
        return Err(invalid("from", "must not be later than `to`"));
    }
    let bucket = match bucket.as_deref() {
        None | Some("hour") => 1,
        Some("day") => 24,
        Some("total") => 0,
        Some(_) => return Err(invalid("bucket", "must be hour, day or total")),
    };
    let group = group_of(group.as_deref())?;
    // Sums are by the hour, so that the span is that of the hours which it touches.
    Ok(UsageQuery {
        from: from.0 / HOUR_MS,
        to: to.0.div_ceil(HOUR_MS),
        bucket,
        group,
        limit: MAX_ROWS + 1,
        ..UsageQuery::default()
    })
}

fn group_of(group: Option<&str>) -> Result<UsageGroup, GatewayError> {
    Ok(match group {
        None | Some("model") => UsageGroup::Model,
        Some("channel") => UsageGroup::Channel,
        Some("key") => UsageGroup::Key,
        Some("tag") => UsageGroup::Tag,
        Some("channel_tag") => UsageGroup::ChannelTag,
        Some("reason") => UsageGroup::Reason,
        Some("none") => UsageGroup::None,
        Some(_) => {
            let rule = "must be model, channel, key, tag, channel_tag, reason or none";
            return Err(invalid("group", rule));
        }
    })
}

fn top_of(top: Option<&str>) -> Result<Option<u64>, GatewayError> {
    match top.map(str::parse) {
        None => Ok(None),
        Some(Ok(top)) if (1..=MAX_TOP).contains(&top) => Ok(Some(top)),
        Some(_) => {
            let range = format!("must be a whole number from 1 to {MAX_TOP}");
            Err(invalid("top", &range))
        }
    }
}

fn rank_of(by: Option<&str>) -> Result<UsageRank, GatewayError> {
    match by {
        None | Some("requests") => Ok(UsageRank::Requests),
        Some("errors") => Ok(UsageRank::Errors),
        Some("tokens") => Ok(UsageRank::Tokens),
        Some("cost") => Ok(UsageRank::Cost),
        Some(_) => Err(invalid("by", "must be requests, errors, tokens or cost")),
    }
}

impl<'a> UsageRowView<'a> {
    fn new(query: &UsageQuery, row: &'a UsageSlice, names: &'a DisplayNames) -> Self {
        let id = row.subject.as_str();
        let with_name = || Named {
            id,
            name: names.get(id),
        };
        let mut subject = UsageSubject::default();
        match query.group {
            _ if row.is_rest => {}
            UsageGroup::Model => subject.model = Some(id),
            UsageGroup::Channel => {
                subject.channel = Some(AskedGroup((!id.is_empty()).then(with_name)));
            }
            UsageGroup::Key => subject.key = Some(with_name()),
            UsageGroup::Tag | UsageGroup::ChannelTag => subject.tag = Some(id),
            UsageGroup::Reason => subject.reason = Some(id),
            UsageGroup::None => {}
        }
        let totals = &row.totals;
        Self {
            bucket: bucket_text(query, row),
            subject,
            other: row.is_rest,
            requests: totals.sum(Sum::Requests),
            errors: totals.sum(Sum::Errors),
            failovers: totals.sum(Sum::Failovers),
            estimated: totals.sum(Sum::Estimated),
            prompt_tokens: totals.sum(Sum::PromptTokens),
            completion_tokens: totals.sum(Sum::CompletionTokens),
            cached_tokens: totals.sum(Sum::CachedTokens),
            cache_write_tokens: totals.sum(Sum::CacheWriteTokens),
            reasoning_tokens: totals.sum(Sum::ReasoningTokens),
            cost_micro_usd: totals.sum(Sum::CostMicroUsd),
            total_ms: Quantiles::of(totals.latency(Latency::Total)),
            first_byte_ms: Quantiles::of(totals.latency(Latency::FirstByte)),
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

/// The beginning of a row's bucket.
pub(super) fn bucket_text(query: &UsageQuery, row: &UsageSlice) -> String {
    hour_text(match query.bucket {
        0 => query.from,
        hours => row.bucket * hours,
    })
}

fn hour_text(hour: u64) -> String {
    time_text::format_second(Timestamp(hour.saturating_mul(HOUR_MS)))
}
