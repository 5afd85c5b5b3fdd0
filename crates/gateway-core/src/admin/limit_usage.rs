//! What a client key has used of its limits: shown, and forgotten with the key. Owns how it looks from outside; the rules
//! are [`crate::limits`]'s.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::document;
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::database;
use crate::error::{ErrorCode, GatewayError};
use crate::limits::statements;
use crate::limits::usage::{LimitStatus, Measure};
use crate::ports::{AdminPorts, SqlTarget};
use crate::reply::{self, Reply};
use crate::sql::{SqlError, SqlErrorKind, SqlRow, Statement};
use crate::time_text;

/// How long an answer waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a client key has used; null where it has no limit.
#[derive(Default, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Allowance")
)]
pub struct AllowanceView {
    /// Of its requests per minute.
    requests_per_minute: Option<StandingView>,
    /// Of its tokens per minute.
    tokens_per_minute: Option<StandingView>,
    /// Of its tokens per UTC day.
    tokens_per_day: Option<StandingView>,
    /// Of its budget per UTC day, in millionths of a dollar.
    daily_budget_micro_usd: Option<StandingView>,
    /// Of its budget per UTC month, in millionths of a dollar.
    monthly_budget_micro_usd: Option<StandingView>,
}

/// How much a client key has used of one of its limits, in the limit's unit.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Standing")
)]
pub struct StandingView {
    /// How much there is.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    limit: u64,
    /// How much of it is used; more than there is when the last requests took more than was left.
    used: u64,
    /// When nothing of it counts as used any more, if nothing else is used until then.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    resets_at: String,
}

impl AllowanceView {
    fn place(&mut self, measure: Measure) -> &mut Option<StandingView> {
        match measure {
            Measure::RequestsPerMinute => &mut self.requests_per_minute,
            Measure::TokensPerMinute => &mut self.tokens_per_minute,
            Measure::TokensPerDay => &mut self.tokens_per_day,
            Measure::DailyBudget => &mut self.daily_budget_micro_usd,
            Measure::MonthlyBudget => &mut self.monthly_budget_micro_usd,
        }
    }
}

impl From<LimitStatus> for StandingView {
    fn from(status: LimitStatus) -> Self {
        Self {
            limit: status.limit,
            used: status.used,
            resets_at: time_text::format(status.resets_at),
        }
    }
}

/// `GET keys/{id}/allowance`.
pub async fn show<P: AdminPorts>(ports: &P, id: &str) -> Result<Reply, GatewayError> {
    let document = document::load(ports).await?;
    let key = document.keys.iter().find(|key| key.id == id);
    let key =
        key.ok_or_else(|| ErrorCode::NotFound.error("There is no client key with this id."))?;
    let mut view = AllowanceView::default();
    if !key.limits.is_empty() {
        let rows = run(ports, id, statements::read(id))
            .await
            .map_err(|error| {
                ports.line(format_args!("admin: {error}"));
                ErrorCode::StoreUnavailable
                    .error("The database does not answer as it should; see the gateway's log.")
            })?;
        let now = ports.now();
        for status in statements::answer(&rows, now).statuses(&key.limits, now) {
            *view.place(status.measure) = Some(status.into());
        }
    }
    Ok(reply::json(StatusCode::OK, &view))
}

/// Forgets what a key has used that is gone. Its requests that are still under way may leave a row behind, which
/// nobody reads.
pub async fn forget<P: AdminPorts>(ports: &P, id: &str) {
    if let Err(error) = run(ports, id, statements::forget(id)).await {
        ports.line(format_args!(
            "admin: what client key {id} has used is not forgotten: {error}"
        ));
    }
}

/// The statement's rows; none where nothing was ever counted.
async fn run<P: AdminPorts>(
    ports: &P,
    id: &str,
    statement: Statement,
) -> Result<Vec<SqlRow>, SqlError> {
    match database::query(ports, SqlTarget::Allowance(id), statement, PATIENCE).await {
        Err(error) if error.kind == SqlErrorKind::NoTable => Ok(Vec::new()),
        outcome => outcome,
    }
}
