//! `GET requests`: the request log, newest first. Owns the call's parameters and views; the query is the ledger's. Metadata
//! is all there is.

use std::collections::BTreeSet;

use http::{StatusCode, Uri};
use serde::Serialize;

use super::document;
use super::ledger_queries::{self, DisplayNames};
use super::list::{self, SearchWords};
use super::members;
#[cfg(feature = "schema")]
use super::openapi::schemas::{AttemptEnd, ReasonCode, RequestEnd};
use super::query::{invalid, read, time};
use super::request_failure::{self, ExceededLimitView};
use crate::config::model::Document;
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::error::GatewayError;
use crate::ledger::attempts::StoredAttempt;
#[cfg(feature = "schema")]
use crate::ledger::detail::MAX_DETAIL_CHARS;
use crate::ledger::port::Ledger as _;
use crate::ledger::queries::requests::{RequestQuery, RequestSearch, RequestSort, StatusFilter};
use crate::ledger::reason::Reason;
use crate::ledger::record::End;
use crate::ledger::stored::StoredRequest;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::time_text;
use crate::units::Timestamp;
use crate::wire::usage::ServiceTier;

/// What selects requests, on a page and in an export.
pub(super) const FILTERS: [&str; 10] = [
    "q", "tag", "status", "model", "key", "channel", "end", "reason", "from", "to",
];
const PARAMETERS: [&str; 15] = [
    "limit", "before", "cursor", "sort", "order", "q", "tag", "status", "model", "key", "channel",
    "end", "reason", "from", "to",
];
/// Rows of a page unless a number is requested.
pub const DEFAULT_LIMIT: u64 = 50;
/// The most rows of a page.
pub const MAX_LIMIT: u64 = 200;

/// One page of the request log.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RequestPage")
)]
pub struct PageView<'a> {
    /// Newest first unless `sort` and `order` say otherwise.
    data: Vec<RequestView<'a>>,
    /// Whether there is another page.
    has_more: bool,
    #[serde(flatten)]
    position: Option<LogPosition<'a>>,
}

/// Where the page is in the whole; in every answer to a call with a parameter.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct LogPosition<'a> {
    /// The `cursor` of the next page; null on the last one.
    next: Option<&'a str>,
    /// How many requests there are on all pages; null when there are more than 1,000.
    total: Option<u64>,
}

/// A request.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RequestRow")
)]
pub struct RequestView<'a> {
    /// As the client got it in `x-request-id`.
    id: &'a str,
    /// When the request came.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    time: String,
    /// The client key's id.
    key: &'a str,
    /// The last name of the client key that is known.
    key_name: &'a str,
    /// The id of the channel that answered or was tried last; null when none was.
    channel: Option<&'a str>,
    /// Its last name that is known.
    channel_name: Option<&'a str>,
    /// The id of the channel's key.
    upstream_key: Option<&'a str>,
    /// As the client asked; empty when it named none.
    model: &'a str,
    /// The upstream's name for it.
    upstream_model: Option<&'a str>,
    /// The path, such as `/v1/chat/completions`; shortened where the gateway has no such path.
    endpoint: &'a str,
    /// Whether a stream was requested.
    stream: bool,
    /// 499 when the client left before there was one.
    status: u64,
    /// In the order in which they began.
    attempts: Vec<AttemptView<'a>>,
    /// To the first byte of the answer; null when there was none.
    first_byte_ms: Option<u64>,
    /// To the end of the answer.
    total_ms: u64,
    /// Tokens that were read.
    prompt_tokens: u64,
    /// Tokens that were written.
    completion_tokens: u64,
    /// Of the prompt tokens.
    cached_tokens: u64,
    /// Of the prompt tokens: those that were written into the provider's cache.
    cache_write_tokens: u64,
    /// Those of them that it keeps for an hour.
    cache_write_1h_tokens: u64,
    /// Of the completion tokens.
    reasoning_tokens: u64,
    /// Images of the answer.
    images: u64,
    /// Milliseconds of audio or video.
    media_ms: u64,
    /// The service tier that the provider states; null: its standard one.
    service_tier: Option<ServiceTier>,
    /// Whether the tokens are the gateway's estimate.
    estimated: bool,
    /// How it ended.
    #[cfg_attr(feature = "schema", schemars(with = "RequestEnd"))]
    end: &'a str,
    /// Why the request has no whole answer; null when it has one, or when the client left before.
    #[cfg_attr(feature = "schema", schemars(with = "Option<ReasonCode>"))]
    reason: Option<&'a str>,
    /// The limit of the client key that was exceeded, if that is the reason.
    limit: Option<ExceededLimitView>,
    /// For a person: the beginning of what the upstream's error said, or the gateway's own where it refused the request.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_DETAIL_CHARS)))]
    detail: Option<&'a str>,
    /// In millionths of a dollar.
    cost_micro_usd: u64,
}

/// An attempt of a request.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RequestAttempt")
)]
pub struct AttemptView<'a> {
    /// The channel's id.
    channel: &'a str,
    /// Its last name that is known.
    channel_name: &'a str,
    /// The upstream key's id; empty for a channel without keys.
    key: &'a str,
    /// What became of it.
    #[cfg_attr(feature = "schema", schemars(with = "AttemptEnd"))]
    outcome: &'a str,
    /// The upstream's; null without a response.
    status: Option<u16>,
    /// From its beginning until it was answered or had failed.
    ms: u64,
    /// For a person: the beginning of what the upstream's error said, or how the call failed.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_DETAIL_CHARS)))]
    detail: Option<&'a str>,
}

/// Answers the call.
pub async fn list<P: AdminPorts>(ports: &P, uri: &Uri) -> Result<Reply, GatewayError> {
    let (mut query, filters) = parse(uri)?;
    let document = filters.document(ports).await?;
    let is_by_cursor = filters.is_by_cursor;
    filters.apply(&document, &mut query);
    let ledger = ledger_queries::ledger(ports);
    let page = ledger.query_requests(&query).await;
    let page = page.map_err(|error| ledger_queries::unavailable(ports, &error))?;
    let page = page.ok_or_else(|| {
        invalid(
            if is_by_cursor { "cursor" } else { "before" },
            "is not the id of a request in the log; it may have been removed since. Begin again without it",
        )
    })?;
    let names = names_of(ports, &document, &page.requests).await?;
    let view = PageView {
        data: page
            .requests
            .iter()
            .map(|request| RequestView::new(request, &names))
            .collect(),
        has_more: page.has_more,
        position: query.is_counted.then(|| LogPosition {
            next: match page.requests.last() {
                Some(last) if page.has_more => Some(&last.id),
                _ => None,
            },
            total: page.total,
        }),
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// The names of all channels and client keys in these requests.
pub(super) async fn names_in<P: AdminPorts>(
    ports: &P,
    requests: &[StoredRequest],
) -> Result<DisplayNames, GatewayError> {
    let document = document::load_without_keys(ports).await?;
    names_of(ports, &document, requests).await
}

/// The same with the configuration at hand.
pub(super) async fn names_of<P: AdminPorts>(
    ports: &P,
    document: &Document,
    requests: &[StoredRequest],
) -> Result<DisplayNames, GatewayError> {
    let mut actors = BTreeSet::new();
    for request in requests {
        actors.insert(request.key.as_str());
        actors.extend(request.channel.as_deref());
        let attempts = request.attempts.iter();
        actors.extend(attempts.filter_map(|attempt| attempt.channel.as_deref()));
    }
    DisplayNames::of(ports, document, actors).await
}

/// Filters whose meaning depends on the configuration.
pub(super) struct MemberFilters {
    tag: Option<String>,
    /// What `q` says, whole and as words.
    text: Option<String>,
    words: SearchWords,
    is_by_cursor: bool,
}

impl MemberFilters {
    /// The configuration, with all client keys if the filters depend on them.
    pub(super) async fn document<P: AdminPorts>(
        &self,
        ports: &P,
    ) -> Result<Document, GatewayError> {
        if self.tag.is_some() || self.text.is_some() {
            document::load(ports).await
        } else {
            document::load_without_keys(ports).await
        }
    }

    /// Adds them to the question.
    pub(super) fn apply(self, document: &Document, query: &mut RequestQuery) {
        query.members = self.tag.map(|tag| members::tagged(document, &tag));
        query.search = self.text.map(|text| RequestSearch {
            members: members::found(document, &self.words),
            text,
        });
    }
}

fn parse(uri: &Uri) -> Result<(RequestQuery, MemberFilters), GatewayError> {
    let [
        limit,
        before,
        cursor,
        sort,
        order,
        q,
        tag,
        status,
        model,
        key,
        channel,
        end,
        reason,
        from,
        to,
    ] = read(uri, PARAMETERS)?;
    let limit = limit_of(limit.as_deref(), MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    if before.is_some() && cursor.is_some() {
        return Err(invalid("cursor", "cannot be combined with `before`"));
    }
    let is_by_cursor = cursor.is_some();
    let values = [q, tag, status, model, key, channel, end, reason, from, to];
    let (query, filters) = filters_of(values)?;
    let query = RequestQuery {
        limit,
        is_counted: uri.query().is_some_and(|query| !query.is_empty()),
        before: before.or(cursor),
        sort: sort_of(sort.as_deref())?,
        is_ascending: !list::is_descending(order.as_deref(), true)?,
        ..query
    };
    Ok((
        query,
        MemberFilters {
            is_by_cursor,
            ..filters
        },
    ))
}

/// The parameter `limit`.
pub(super) fn limit_of(limit: Option<&str>, most: u64) -> Result<Option<u64>, GatewayError> {
    match limit.map(str::parse) {
        None => Ok(None),
        Some(Ok(limit)) if (1..=most).contains(&limit) => Ok(Some(limit)),
        Some(_) => {
            let range = format!("must be a whole number from 1 to {most}");
            Err(invalid("limit", &range))
        }
    }
}

/// The question with the filters of these values, in the order of [`FILTERS`].
pub(super) fn filters_of(
    values: [Option<String>; FILTERS.len()],
) -> Result<(RequestQuery, MemberFilters), GatewayError> {
    let [q, tag, status, model, key, channel, end, reason, from, to] = values;
    if end.as_ref().is_some_and(|end| !is_end(end)) {
        let words = End::ALL.map(End::word).join(", ");
        return Err(invalid("end", &format!("must be one of {words}")));
    }
    if reason.as_ref().is_some_and(|reason| !is_reason(reason)) {
        let words = Reason::ALL.map(Reason::word).join(", ");
        return Err(invalid("reason", &format!("must be one of {words}")));
    }
    let from = time("from", from.as_deref())?;
    let to = time("to", to.as_deref())?;
    let filters = MemberFilters {
        tag: tag.filter(|tag| !tag.is_empty()),
        words: SearchWords::read(q.as_deref())?,
        text: q.map(|q| q.trim().to_owned()).filter(|q| !q.is_empty()),
        is_by_cursor: false,
    };
    let query = RequestQuery {
        status: status_of(status.as_deref())?,
        model,
        key,
        channel,
        end,
        reason,
        from: from.map(|Timestamp(from)| from),
        to: to.map(|Timestamp(to)| to),
        ..RequestQuery::default()
    };
    Ok((query, filters))
}

fn status_of(status: Option<&str>) -> Result<Option<StatusFilter>, GatewayError> {
    Ok(Some(match status {
        None => return Ok(None),
        Some("2xx") => StatusFilter::Class(2),
        Some("4xx") => StatusFilter::Class(4),
        Some("5xx") => StatusFilter::Class(5),
        Some("error") => StatusFilter::Error,
        Some(text) => match text.parse() {
            Ok(status) if (100..600).contains(&status) => StatusFilter::Exactly(status),
            _ => {
                return Err(invalid(
                    "status",
                    "must be a status such as 429, or one of 2xx, 4xx, 5xx, error",
                ));
            }
        },
    }))
}

fn sort_of(sort: Option<&str>) -> Result<RequestSort, GatewayError> {
    match sort {
        None | Some("time") => Ok(RequestSort::Time),
        Some("total_ms") => Ok(RequestSort::TotalMs),
        Some("tokens") => Ok(RequestSort::Tokens),
        Some("cost") => Ok(RequestSort::Cost),
        Some(_) => Err(invalid("sort", "must be time, total_ms, tokens or cost")),
    }
}

fn is_end(word: &str) -> bool {
    End::ALL.iter().any(|end| end.word() == word)
}

fn is_reason(word: &str) -> bool {
    Reason::ALL.iter().any(|reason| reason.word() == word)
}

impl<'a> RequestView<'a> {
    /// As it is shown.
    pub(super) fn new(request: &'a StoredRequest, names: &'a DisplayNames) -> Self {
        let channel = request.channel.as_deref();
        Self {
            id: &request.id,
            time: time_text::format(request.time),
            key: &request.key,
            key_name: names.get(&request.key),
            channel,
            channel_name: channel.map(|id| names.get(id)),
            upstream_key: request.upstream_key.as_deref(),
            model: &request.model,
            upstream_model: request.upstream_model.as_deref(),
            endpoint: &request.endpoint,
            stream: request.stream,
            status: request.status,
            attempts: request
                .attempts
                .iter()
                .map(|attempt| AttemptView::new(attempt, request, names))
                .collect(),
            first_byte_ms: request.first_byte_ms,
            total_ms: request.total_ms,
            prompt_tokens: request.usage.prompt_tokens,
            completion_tokens: request.usage.completion_tokens,
            cached_tokens: request.usage.cached_tokens,
            cache_write_tokens: request.usage.cache_write_tokens,
            cache_write_1h_tokens: request.usage.cache_write_1h_tokens,
            reasoning_tokens: request.usage.reasoning_tokens,
            images: request.usage.images,
            media_ms: request.usage.media_ms,
            service_tier: request.usage.service_tier,
            estimated: request.estimated,
            end: &request.end,
            reason: request.reason.as_deref(),
            limit: request.exceeded.as_ref().map(ExceededLimitView::new),
            detail: request_failure::of(request),
            cost_micro_usd: request.cost_micro_usd,
        }
    }
}

impl<'a> AttemptView<'a> {
    fn new(
        attempt: &'a StoredAttempt,
        request: &'a StoredRequest,
        names: &'a DisplayNames,
    ) -> Self {
        let own_channel = request.channel.as_deref().unwrap_or_default();
        let own_key = request.upstream_key.as_deref().unwrap_or_default();
        let (channel, key) = match (&attempt.channel, &attempt.key) {
            (Some(channel), Some(key)) => (channel.as_str(), key.as_str()),
            _ => (own_channel, own_key),
        };
        Self {
            channel,
            channel_name: names.get(channel),
            key,
            outcome: &attempt.outcome,
            status: attempt.status,
            ms: attempt.ms,
            detail: attempt.detail.as_deref(),
        }
    }
}
