//! What rules are evaluated on: figures from the database and the store. Owns how long each is waited for, and that what is
//! not known changes nothing; what they mean is [`super::observe`]'s.

use std::collections::BTreeMap;
use std::time::Duration;

use super::observe::{self, RequestCounts};
use super::reading::{AlertKind, AlertReading, Observed};
use super::state::{AlertState, SpentBefore};
use crate::config::alerts::AlertRules;
use crate::config::model::ClientKey;
use crate::config::snapshot::Snapshot;
use crate::database::DatabaseError;
use crate::health::record::Health;
use crate::ledger::LedgerEngine;
use crate::ledger::batch;
use crate::ledger::key_use::LastUses;
use crate::ledger::port::Ledger as _;
use crate::limits::LimitsEngine;
use crate::limits::calendar;
use crate::limits::port::Limits as _;
use crate::limits::usage::LimitUsage;
use crate::ports::{Clock, Log, ReadStore, Sql, StoreKey};
use crate::store::bounded_call;
use crate::units::{DAY_MS, HOUR_MS, Timestamp};

/// How long each question may take.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// Client keys that were used before are not read again: a request may be recorded so long after it began.
const RECORDED_WITHIN_MS: u64 = HOUR_MS;

/// The ports that figures come from.
pub trait SourcePorts: Clock + Log + ReadStore + Sql + Clone {}

impl<T: Clock + Log + ReadStore + Sql + Clone> SourcePorts for T {}

/// One evaluation's questions.
pub struct Sources<'a, P> {
    ports: &'a P,
    snapshot: &'a Snapshot,
    ledger: LedgerEngine<P>,
    now: Timestamp,
}

impl<'a, P: SourcePorts> Sources<'a, P> {
    /// Questions at `now`.
    pub fn new(ports: &'a P, snapshot: &'a Snapshot, now: Timestamp) -> Self {
        Self {
            ports,
            snapshot,
            ledger: LedgerEngine::new(ports.clone(), TIME_LIMIT),
            now,
        }
    }

    const fn rules(&self) -> &AlertRules {
        &self.snapshot.alerts.rules
    }

    /// What all rules find.
    pub async fn observe(&self, state: &mut AlertState) -> Vec<(AlertKind, Observed)> {
        let budgets = self.budgets(state).await;
        let (channels, keys) = self.channels().await;
        let errors = self.error_rate().await;
        let lost = self.lost_records(state).await;
        vec![
            (AlertKind::Budget, budgets),
            (AlertKind::Channel, channels),
            (AlertKind::KeyRejected, keys),
            (AlertKind::ErrorRate, errors),
            (AlertKind::RecordsLost, lost),
        ]
    }

    fn known(&self, found: Result<Vec<AlertReading>, DatabaseError>) -> Observed {
        match found {
            Ok(readings) => Observed::Known(readings),
            Err(error) => {
                self.ports.line(format_args!("alerts: {error}"));
                Observed::Unknown
            }
        }
    }

    async fn budgets(&self, state: &mut AlertState) -> Observed {
        let rules = self.rules();
        if rules.budget_near_percent.is_none() && !rules.budget_over {
            return Observed::Off;
        }
        if let Err(error) = self.snapshot.load_all_keys(self.ports).await {
            let error = error.into_store_error();
            self.ports.line(format_args!("alerts: {error}"));
            return Observed::Unknown;
        }
        let keys = self.key_budgets(state).await;
        let gateway = self.gateway_budgets(state).await;
        self.known(keys.and_then(|mut readings| {
            readings.extend(gateway?);
            Ok(readings)
        }))
    }

    /// The budgets of client keys that were used lately, or that an alert is about: nothing has changed with others.
    async fn key_budgets(&self, state: &AlertState) -> Result<Vec<AlertReading>, DatabaseError> {
        let has_budget = |key: &&ClientKey| {
            let limits = &key.limits;
            limits.daily_budget_micro_usd.is_some() || limits.monthly_budget_micro_usd.is_some()
        };
        let keys = self.snapshot.client_keys().filter(has_budget);
        let mut keys: Vec<&ClientKey> = keys.collect();
        if self.snapshot.settings.ledger && !keys.is_empty() {
            let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
            let uses = self.ledger.query_last_uses(&ids).await?;
            let since = state.checked_at.0.saturating_sub(RECORDED_WITHIN_MS);
            keys.retain(|key| {
                let is_used = uses.get(&key.id).is_some_and(|used| *used >= since);
                let prefix = observe::budget_subject(&key.id);
                is_used || state.episodes.iter().any(|(it, _)| it.starts_with(&prefix))
            });
        }
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        let limits = LimitsEngine::new(self.ports.clone(), TIME_LIMIT);
        let usages = limits.read_all(&ids, self.now).await?;
        let fresh = || LimitUsage::fresh(self.now);
        let used = keys
            .iter()
            .map(|key| (*key, usages.get(&key.id).copied().unwrap_or_else(fresh)));
        Ok(observe::key_budgets(used, self.rules(), self.now))
    }

    /// What was spent today is what was ever spent without what was spent before today: two numbers, instead of a sum over
    /// all hours of a month each time.
    async fn gateway_budgets(
        &self,
        state: &mut AlertState,
    ) -> Result<Vec<AlertReading>, DatabaseError> {
        let rules = self.rules();
        if rules.gateway_daily_budget_micro_usd.is_none()
            && rules.gateway_monthly_budget_micro_usd.is_none()
        {
            state.spent = SpentBefore::default();
            return Ok(Vec::new());
        }
        let total = self.ledger.query_cost(None).await?;
        if !state.spent.is_of(self.now) {
            let (day, month) = (calendar::day(self.now), calendar::month(self.now));
            let month_began = calendar::month_end(month.saturating_sub(1));
            let since = async |start: u64| self.ledger.query_cost(Some(start / HOUR_MS)).await;
            state.spent = SpentBefore {
                day,
                before_day: total.saturating_sub(since(day * DAY_MS).await?),
                month,
                before_month: total.saturating_sub(since(month_began.0).await?),
            };
        }
        let SpentBefore {
            before_day,
            before_month,
            ..
        } = state.spent;
        let (day, month) = (
            total.saturating_sub(before_day),
            total.saturating_sub(before_month),
        );
        Ok(observe::gateway_budgets(rules, day, month))
    }

    async fn channels(&self) -> (Observed, Observed) {
        let rules = self.rules();
        let (is_on, is_key_on) = (rules.channel_down_minutes.is_some(), rules.key_rejected);
        if !is_on && !is_key_on {
            return (Observed::Off, Observed::Off);
        }
        let health = self.health().await;
        let found = match self.key_uses().await {
            Ok(uses) => health.map(|health| {
                let channels = self.snapshot.channels().iter().map(AsRef::as_ref);
                observe::channels(channels, &health, &uses, self.now)
            }),
            Err(error) => Err(error),
        };
        let (channels, keys) = match found {
            Ok(found) => (Ok(found.channels), Ok(found.keys)),
            Err(error) => (Err(error.clone()), Err(error)),
        };
        let observed = |is_on: bool, found| {
            if is_on {
                self.known(found)
            } else {
                Observed::Off
            }
        };
        (observed(is_on, channels), observed(is_key_on, keys))
    }

    async fn health(&self) -> Result<Health, DatabaseError> {
        let read = self.ports.read(StoreKey::Health);
        let raw = bounded_call(self.ports, TIME_LIMIT, read).await;
        let raw = raw.map_err(|error| DatabaseError(error.to_string()))?;
        Health::parse(raw.as_deref()).map_err(|error| DatabaseError(error.to_string()))
    }

    /// The last uses of keys. Without a ledger only tests are recorded, which may be long ago.
    async fn key_uses(&self) -> Result<BTreeMap<String, LastUses>, DatabaseError> {
        if !self.snapshot.settings.ledger {
            return Ok(BTreeMap::new());
        }
        let channels = self.snapshot.channels().iter();
        let ids: Vec<&str> = channels
            .flat_map(|channel| {
                let ids = channel.keys.iter().map(|key| key.id.as_str());
                ids.map(|id| {
                    if id.is_empty() {
                        channel.id.as_str()
                    } else {
                        id
                    }
                })
            })
            .collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.ledger.query_key_uses(&ids).await
    }

    async fn error_rate(&self) -> Observed {
        let rules = self.rules();
        if rules.error_rate_percent.is_none() || !self.snapshot.settings.ledger {
            return Observed::Off;
        }
        let since = self.now.0.saturating_sub(rules.error_rate_minutes * 60_000);
        let counts = self.ledger.query_errors(Timestamp(since)).await;
        self.known(counts.map(|(requests, errors)| {
            observe::error_rate(rules, RequestCounts { requests, errors })
        }))
    }

    async fn lost_records(&self, state: &mut AlertState) -> Observed {
        if !self.rules().records_lost {
            return Observed::Off;
        }
        let read = self.ports.read(StoreKey::DroppedRecords);
        match bounded_call(self.ports, TIME_LIMIT, read).await {
            Ok(raw) => {
                let count = batch::dropped(raw.as_deref());
                Observed::Known(observe::lost_records(&mut state.lost, count, self.now))
            }
            Err(error) => self.known(Err(DatabaseError(error.to_string()))),
        }
    }
}
