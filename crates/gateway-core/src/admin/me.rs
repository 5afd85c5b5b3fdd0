//! What a client key sees of itself after logging in with it: its requests here, its limits and usage by way of the files
//! that have them. Owns what is left out of a request: everything of channels, of upstreams and of other keys.

use http::{StatusCode, Uri};
use serde::Serialize;

use super::ledger_queries;
#[cfg(feature = "schema")]
use super::openapi::schemas::{ReasonCode, RequestEnd};
use super::query::{invalid, read};
use super::requests::{DEFAULT_LIMIT, MAX_LIMIT};
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::error::GatewayError;
use crate::ledger::port::Ledger as _;
use crate::ledger::queries::requests::RequestQuery;
use crate::ledger::stored::StoredRequest;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::time_text;

/// One page of the client key's own requests.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "OwnRequestPage")
)]
pub struct OwnPageView<'a> {
    /// Newest first.
    data: Vec<OwnRequestView<'a>>,
    /// The `cursor` of the next page; null on the last one.
    next: Option<&'a str>,
}

/// A request as the holder of the client key sees it.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "OwnRequest")
)]
pub struct OwnRequestView<'a> {
    /// As the client got it in `x-request-id`.
    id: &'a str,
    /// When the request came.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    time: String,
    /// As the client asked; empty when it named none.
    model: &'a str,
    /// The path, such as `/v1/chat/completions`.
    endpoint: &'a str,
    /// Whether a stream was requested.
    stream: bool,
    /// 499 when the client left before there was one.
    status: u64,
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
    /// Of the completion tokens.
    reasoning_tokens: u64,
    /// Whether the tokens are the gateway's estimate.
    estimated: bool,
    /// How it ended.
    #[cfg_attr(feature = "schema", schemars(with = "RequestEnd"))]
    end: &'a str,
    /// Why the request has no whole answer; null when it has one, or when the client left before.
    #[cfg_attr(feature = "schema", schemars(with = "Option<ReasonCode>"))]
    reason: Option<&'a str>,
    /// In millionths of a dollar.
    cost_micro_usd: u64,
}

impl<'a> OwnRequestView<'a> {
    fn new(request: &'a StoredRequest) -> Self {
        Self {
            id: &request.id,
            time: time_text::format(request.time),
            model: &request.model,
            endpoint: &request.endpoint,
            stream: request.stream,
            status: request.status,
            first_byte_ms: request.first_byte_ms,
            total_ms: request.total_ms,
            prompt_tokens: request.usage.prompt_tokens,
            completion_tokens: request.usage.completion_tokens,
            cached_tokens: request.usage.cached_tokens,
            reasoning_tokens: request.usage.reasoning_tokens,
            estimated: request.estimated,
            end: &request.end,
            reason: request.reason.as_deref(),
            cost_micro_usd: request.cost_micro_usd,
        }
    }
}

/// `GET me/requests`.
pub async fn requests<P: AdminPorts>(
    ports: &P,
    uri: &Uri,
    key: &str,
) -> Result<Reply, GatewayError> {
    let [limit, cursor] = read(uri, ["limit", "cursor"])?;
    let limit = match limit.as_deref().map(str::parse) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => limit,
        Some(_) => {
            let range = format!("must be a whole number from 1 to {MAX_LIMIT}");
            return Err(invalid("limit", &range));
        }
    };
    let query = RequestQuery {
        limit,
        before: cursor,
        key: Some(key.to_owned()),
        ..RequestQuery::default()
    };
    let ledger = ledger_queries::ledger(ports);
    let page = ledger.query_requests(&query).await;
    let page = page.map_err(|error| ledger_queries::unavailable(ports, &error))?;
    let page = page.ok_or_else(|| {
        invalid(
            "cursor",
            "is not the id of a request in the log; it may have been removed since. Begin again without it",
        )
    })?;
    let last = page.requests.last().filter(|_| page.has_more);
    let view = OwnPageView {
        data: page.requests.iter().map(OwnRequestView::new).collect(),
        next: last.map(|request| request.id.as_str()),
    };
    Ok(reply::json(StatusCode::OK, &view))
}
