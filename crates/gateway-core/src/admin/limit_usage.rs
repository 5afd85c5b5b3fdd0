//! What a client key has used of its limits: shown, and forgotten with the key. Owns the view; the rules and counts are
//! [`crate::limits`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{StatusCode, Uri};
use serde::Serialize;

use super::document;
use super::query::{invalid, read};
use crate::config::model::ClientKey;
#[cfg(feature = "schema")]
use crate::config::shapes::{Id, Time};
use crate::database::DatabaseError;
use crate::error::{ErrorCode, GatewayError};
use crate::limits::LimitsEngine;
use crate::limits::port::Limits as _;
use crate::limits::usage::{LimitStatus, LimitUsage, Measure};
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::time_text;
use crate::units::Timestamp;

/// How long an answer waits for the database.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// Deleted keys whose use is forgotten at the same time.
const FORGOTTEN_AT_ONCE: usize = 16;

/// What a client key has used; null where it has no limit.
#[derive(Default, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Allowance")
)]
pub struct LimitUsageView {
    /// Of its requests per minute.
    requests_per_minute: Option<LimitStatusView>,
    /// Of its tokens per minute.
    tokens_per_minute: Option<LimitStatusView>,
    /// Of its tokens per UTC day.
    tokens_per_day: Option<LimitStatusView>,
    /// Of its budget per UTC day, in millionths of a dollar.
    daily_budget_micro_usd: Option<LimitStatusView>,
    /// Of its budget per UTC month, in millionths of a dollar.
    monthly_budget_micro_usd: Option<LimitStatusView>,
}

/// How much a client key has used of one of its limits, in the limit's unit.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Standing")
)]
pub struct LimitStatusView {
    /// How much there is.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    limit: u64,
    /// How much of it is used; more than there is when the last requests took more than was left.
    used: u64,
    /// How much of it requests in progress may use besides, by estimate; they count when they have ended.
    reserved: u64,
    /// When nothing of it counts as used any more, if nothing else is used until then.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    resets_at: String,
}

impl LimitUsageView {
    fn limit(&mut self, measure: Measure) -> &mut Option<LimitStatusView> {
        match measure {
            Measure::RequestsPerMinute => &mut self.requests_per_minute,
            Measure::TokensPerMinute => &mut self.tokens_per_minute,
            Measure::TokensPerDay => &mut self.tokens_per_day,
            Measure::DailyBudget => &mut self.daily_budget_micro_usd,
            Measure::MonthlyBudget => &mut self.monthly_budget_micro_usd,
        }
    }
}

impl LimitUsageView {
    /// Whether so much of one of the limits is used.
    fn is_used(&self, percent: u64) -> bool {
        let limits = [
            &self.requests_per_minute,
            &self.tokens_per_minute,
            &self.tokens_per_day,
            &self.daily_budget_micro_usd,
            &self.monthly_budget_micro_usd,
        ];
        let mut limits = limits.into_iter().flatten();
        limits.any(|it| u128::from(it.used) * 100 >= u128::from(it.limit) * u128::from(percent))
    }
}

impl From<LimitStatus> for LimitStatusView {
    fn from(status: LimitStatus) -> Self {
        Self {
            limit: status.limit,
            used: status.used,
            reserved: status.reserved,
            resets_at: time_text::format(status.resets_at),
        }
    }
}

/// `GET keys/{id}/allowance`.
pub async fn show<P: AdminPorts>(ports: &P, id: &str) -> Result<Reply, GatewayError> {
    let key = document::load_key(ports, id).await?;
    let key =
        key.ok_or_else(|| ErrorCode::NotFound.error("There is no client key with this id."))?;
    let mut view = LimitUsageView::default();
    if !key.limits.is_empty() {
        let now = ports.now();
        let engine = LimitsEngine::new(ports, TIME_LIMIT);
        let usage = engine.read(id, now).await;
        view = limits_of(
            usage.map_err(|error| unavailable(ports, &error))?,
            &key,
            now,
        );
    }
    Ok(reply::json(StatusCode::OK, &view))
}

/// What client keys have used.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Allowances")
)]
pub struct LimitUsagesView<'a> {
    /// In the order of the configuration; keys without limits are left out.
    data: Vec<KeyLimitUsageView<'a>>,
}

/// What a client key has used.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "KeyAllowance")
)]
pub struct KeyLimitUsageView<'a> {
    /// `ck_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// Its display name.
    name: &'a str,
    /// Whether it is accepted.
    enabled: bool,
    #[serde(flatten)]
    limits: LimitUsageView,
}

/// `GET keys/allowances`: of all keys, or of those that `ids` names, at once.
pub async fn list<P: AdminPorts>(ports: &P, uri: &Uri) -> Result<Reply, GatewayError> {
    let [ids, percent] = read(uri, ["ids", "used_percent"])?;
    let percent = percent_of(percent.as_deref())?;
    let wanted: Option<BTreeSet<&str>> = ids.as_deref().map(|ids| ids.split(',').collect());
    let keys = match &wanted {
        Some(ids) => document::load_keys(ports, ids).await?,
        None => document::load(ports).await?.keys,
    };
    let keys = keys.iter().filter(|key| !key.limits.is_empty());
    let keys: Vec<&ClientKey> = keys.collect();
    let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    let now = ports.now();
    let usages = if ids.is_empty() {
        BTreeMap::new()
    } else {
        let engine = LimitsEngine::new(ports, TIME_LIMIT);
        let usages = engine.read_all(&ids, now).await;
        usages.map_err(|error| unavailable(ports, &error))?
    };
    let view = |key: &&'_ ClientKey| {
        let usage = usages.get(&key.id).copied();
        limits_of(usage.unwrap_or_else(|| LimitUsage::fresh(now)), key, now)
    };
    let data = keys.iter().map(|key| KeyLimitUsageView {
        id: &key.id,
        name: &key.name,
        enabled: key.enabled,
        limits: view(key),
    });
    let data = data.filter(|key| key.limits.is_used(percent)).collect();
    Ok(reply::json(StatusCode::OK, &LimitUsagesView { data }))
}

/// Those of the keys that are over one of their limits now.
pub async fn exceeding<'k, P: AdminPorts>(
    ports: &P,
    mut keys: Vec<&'k ClientKey>,
    now: Timestamp,
) -> Result<Vec<&'k ClientKey>, GatewayError> {
    if keys.is_empty() {
        return Ok(keys);
    }
    let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    let engine = LimitsEngine::new(ports, TIME_LIMIT);
    let usages = engine.read_all(&ids, now).await;
    let usages = usages.map_err(|error| unavailable(ports, &error))?;
    keys.retain(|key| {
        let usage = usages.get(&key.id);
        usage.is_some_and(|usage| usage.exceeded_limit(&key.limits, now).is_some())
    });
    Ok(keys)
}

fn percent_of(percent: Option<&str>) -> Result<u64, GatewayError> {
    match percent.map(str::parse) {
        None => Ok(0),
        Some(Ok(percent)) if (0..=100).contains(&percent) => Ok(percent),
        Some(_) => Err(invalid(
            "used_percent",
            "must be a whole number from 0 to 100",
        )),
    }
}

fn limits_of(usage: LimitUsage, key: &ClientKey, now: Timestamp) -> LimitUsageView {
    let mut view = LimitUsageView::default();
    for status in usage.statuses(&key.limits, now) {
        *view.limit(status.measure) = Some(status.into());
    }
    view
}

fn unavailable<P: AdminPorts>(ports: &P, error: &DatabaseError) -> GatewayError {
    ports.line(format_args!("admin: {error}"));
    ErrorCode::StoreUnavailable
        .error("The database does not answer as it should; see the gateway's log.")
}

/// Forgets what a key has used that is gone. Its requests that are still under way may leave a row behind, which
/// is never read.
pub async fn forget<P: AdminPorts>(ports: &P, id: &str) {
    let engine = LimitsEngine::new(ports, TIME_LIMIT);
    if let Err(error) = engine.forget(id).await {
        ports.line(format_args!(
            "admin: what client key {id} has used is not forgotten: {error}"
        ));
    }
}

/// The same for many keys, some of them at once. The first failure ends it: a database that does not answer is not waited
/// for a thousand times.
pub async fn forget_all<P: AdminPorts>(ports: &P, ids: &[&str]) {
    let engine = &LimitsEngine::new(ports, TIME_LIMIT);
    let calls = stream::iter(ids).map(|id| async move { engine.forget(id).await });
    let calls = calls.buffer_unordered(FORGOTTEN_AT_ONCE);
    if let Err(error) = calls.try_collect::<()>().await {
        ports.line(format_args!(
            "admin: what deleted client keys have used is not forgotten: {error}"
        ));
    }
}
