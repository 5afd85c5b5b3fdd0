//! What is said of why a request failed. Owns the views of that; a request's other members are [`super::requests`]'s.

use serde::Serialize;

#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::ledger::exceeded::ExceededLimit;
use crate::ledger::stored::StoredRequest;
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
