//! `GET requests/{id}`: one request of the log, and what is said of why it failed. Owns the views of that; a request's other
//! members are [`super::requests`]'s.

use http::StatusCode;
use serde::Serialize;

use super::ledger_queries;
use super::requests::{RequestView, names_in};
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::error::{ErrorCode, GatewayError};
use crate::ledger::exceeded::ExceededLimit;
use crate::ledger::port::Ledger as _;
use crate::ledger::stored::StoredRequest;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::time_text;

/// A limit of a client key that a request exceeded.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ExceededLimit")
)]
pub struct ExceededLimitView {
    /// As the limits of a client key are named: `requests_per_minute`, `tokens_per_minute`, `tokens_per_day`,
    /// `daily_budget_micro_usd` or `monthly_budget_micro_usd`.
    name: &'static str,
    /// What it counts in: `minute`, or a UTC `day` or `month`.
    window: &'static str,
    /// How much there was, in requests, tokens or millionths of a dollar.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    limit: u64,
    /// How much of it was used.
    used: u64,
    /// When one more request was within it again.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    free_at: String,
}

impl ExceededLimitView {
    /// As it is shown.
    pub fn new(exceeded: &ExceededLimit) -> Self {
        Self {
            name: exceeded.name,
            window: exceeded.window,
            limit: exceeded.limit,
            used: exceeded.used,
            free_at: time_text::format(exceeded.free_at),
        }
    }
}

/// What was said of why a request has no whole answer: by the gateway where it refused the request, else in the last
/// attempt that failed.
pub fn of(request: &StoredRequest) -> Option<&str> {
    request.reason.as_ref()?;
    let attempts = request.attempts.iter().rev();
    let of_attempts = attempts.filter_map(|attempt| attempt.detail.as_deref());
    request
        .detail
        .as_deref()
        .or_else(|| of_attempts.into_iter().next())
}

/// Answers the call.
pub async fn show<P: AdminPorts>(ports: &P, id: &str) -> Result<Reply, GatewayError> {
    let found = ledger_queries::ledger(ports).query_request(id).await;
    let found = found.map_err(|error| ledger_queries::unavailable(ports, &error))?;
    let request = found.ok_or_else(|| {
        ErrorCode::NotFound.error(format!(
            "There is no request {id} in the log. It may have been removed since, or not be written yet."
        ))
    })?;
    let requests = [request];
    let names = names_in(ports, &requests).await?;
    let [request] = &requests;
    Ok(reply::json(
        StatusCode::OK,
        &RequestView::new(request, &names),
    ))
}
