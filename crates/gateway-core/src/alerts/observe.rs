//! What the rules find: readings of budgets, channels, keys and requests. Owns thresholds and sentences. Pure: all figures
//! are arguments, and no sentence holds what an upstream or a client said.

use std::collections::BTreeMap;

use super::reading::{AlertLevel, AlertReading};
use super::state::LostRecords;
use crate::config::alerts::AlertRules;
use crate::config::model::ClientKey;
use crate::config::snapshot::{Channel, Key};
use crate::health::cooldown::{Cooldown, CooldownReason, Phase};
use crate::health::record::Health;
use crate::ledger::key_use::LastUses;
use crate::ledger::record::AttemptOutcome;
use crate::limits::usage::{LimitUsage, Measure};
use crate::units::Timestamp;

/// Lost records are an alert until none was lost for so long.
const LOST_MS: u64 = 10 * 60_000;
const DAILY: &str = "daily";
const MONTHLY: &str = "monthly";

/// What was spent of a budget.
struct SpentBudget<'a> {
    subject: String,
    owner: &'a str,
    period: &'static str,
    limit: u64,
    used: u64,
}

impl SpentBudget<'_> {
    fn reading(self, rules: &AlertRules) -> AlertReading {
        let percent = u128::from(self.used) * 100 / u128::from(self.limit.max(1));
        let is_near = |near: u64| percent >= u128::from(near);
        let level = if self.used >= self.limit && rules.budget_over {
            Some(AlertLevel::Critical)
        } else if rules.budget_near_percent.is_some_and(is_near) {
            Some(AlertLevel::Warning)
        } else {
            None
        };
        let (owner, period) = (self.owner, self.period);
        let (used, limit) = (dollars(self.used), dollars(self.limit));
        AlertReading {
            subject: self.subject,
            level,
            text: format!(
                "{owner} has used {percent} % of its {period} budget: {used} of {limit}."
            ),
        }
    }
}

/// An amount in millionths of a dollar, in cents.
fn dollars(micro_usd: u64) -> String {
    let cents = micro_usd / 10_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// The subject of a client key's budget begins with it.
pub fn budget_subject(id: &str) -> String {
    format!("budget/{id}/")
}

/// The budgets of client keys.
pub fn key_budgets<'a>(
    keys: impl Iterator<Item = (&'a ClientKey, LimitUsage)>,
    rules: &AlertRules,
    now: Timestamp,
) -> Vec<AlertReading> {
    let mut readings = Vec::new();
    for (key, usage) in keys {
        let owner = format!("Client key \"{}\"", key.name);
        for status in usage.statuses(&key.limits, now) {
            let period = match status.measure {
                Measure::DailyBudget => DAILY,
                Measure::MonthlyBudget => MONTHLY,
                _ => continue,
            };
            let budget = SpentBudget {
                subject: budget_subject(&key.id) + period,
                owner: &owner,
                period,
                limit: status.limit,
                used: status.used,
            };
            readings.push(budget.reading(rules));
        }
    }
    readings
}

/// The budgets of the gateway, of which so much is used today and this month.
pub fn gateway_budgets(rules: &AlertRules, day: u64, month: u64) -> Vec<AlertReading> {
    let budgets = [
        (DAILY, rules.gateway_daily_budget_micro_usd, day),
        (MONTHLY, rules.gateway_monthly_budget_micro_usd, month),
    ];
    let reading = |(period, limit, used): (&'static str, Option<u64>, u64)| {
        let budget = SpentBudget {
            subject: format!("budget/gateway/{period}"),
            owner: "The gateway",
            period,
            limit: limit?,
            used,
        };
        Some(budget.reading(rules))
    };
    budgets.into_iter().filter_map(reading).collect()
}

/// Whether a key works, by what happened last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyCondition {
    Works,
    Fails(&'static str),
    Rejected,
}

fn words(reason: CooldownReason) -> &'static str {
    match reason {
        CooldownReason::Throttled => "over the rate limit",
        CooldownReason::Refused => "rejected",
        CooldownReason::Unreachable => "no connection, or no answer in time",
        CooldownReason::ServerError => "server errors",
        CooldownReason::ModelUnknown => "model unknown",
    }
}

fn is_bad(cooldown: &Cooldown, now: Timestamp) -> bool {
    match cooldown.phase(now) {
        Phase::Ready => false,
        Phase::Cooling { .. } => true,
        // When a rate limit is over, the key works as far as is known.
        Phase::HalfOpen => cooldown.reason != CooldownReason::Throttled,
    }
}

fn condition(cooldown: Option<&Cooldown>, uses: Option<&LastUses>, now: Timestamp) -> KeyCondition {
    if let Some(cooldown) = cooldown.filter(|cooldown| is_bad(cooldown, now)) {
        return match cooldown.reason {
            CooldownReason::Refused => KeyCondition::Rejected,
            reason => KeyCondition::Fails(words(reason)),
        };
    }
    let Some(failed) = uses.and_then(|uses| uses.failed.as_ref()) else {
        return KeyCondition::Works;
    };
    let answered = uses.and_then(|uses| uses.answered.as_ref());
    if answered.is_some_and(|answered| answered.at > failed.at) {
        return KeyCondition::Works;
    }
    let known = AttemptOutcome::ALL
        .into_iter()
        .find(|outcome| outcome.word() == failed.outcome);
    match known {
        Some(AttemptOutcome::KeyRefused) => KeyCondition::Rejected,
        Some(AttemptOutcome::Unreachable) => KeyCondition::Fails("no connection"),
        Some(AttemptOutcome::Timeout) => KeyCondition::Fails("no answer in time"),
        Some(AttemptOutcome::ServerError) => KeyCondition::Fails("server errors"),
        _ => KeyCondition::Works,
    }
}

/// What the rules about channels find, and those about keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelReadings {
    /// Of channels that are switched on.
    pub channels: Vec<AlertReading>,
    /// Of their keys that are switched on.
    pub keys: Vec<AlertReading>,
}

/// Reads all channels that can take requests.
pub fn channels<'a>(
    channels: impl Iterator<Item = &'a Channel>,
    health: &Health,
    uses: &BTreeMap<String, LastUses>,
    now: Timestamp,
) -> ChannelReadings {
    let mut readings = ChannelReadings::default();
    for channel in channels.filter(|channel| channel.enabled) {
        let known = health.channel(&channel.id);
        let of_key = |key: &Key| {
            let subject = if key.id.is_empty() {
                &channel.id
            } else {
                &key.id
            };
            let cooldown = known.and_then(|known| known.keys.get(&key.id));
            condition(cooldown, uses.get(subject), now)
        };
        let conditions: Vec<KeyCondition> = channel.keys.iter().map(|key| of_key(key)).collect();
        let cooldown = known.and_then(|known| known.channel.as_ref());
        let down = cooldown.filter(|cooldown| is_bad(cooldown, now));
        let down = down.map(|cooldown| words(cooldown.reason));
        readings
            .channels
            .push(of_channel(channel, &conditions, down));
        for (key, condition) in channel.keys.iter().zip(conditions) {
            if !key.id.is_empty() {
                readings
                    .keys
                    .push(of_key_rejection(channel, key, condition));
            }
        }
    }
    readings
}

/// A channel with the conditions of its keys, which is `down` as a whole for a reason.
fn of_channel(
    channel: &Channel,
    conditions: &[KeyCondition],
    down: Option<&'static str>,
) -> AlertReading {
    let cause = |condition: &KeyCondition| match condition {
        KeyCondition::Works => None,
        KeyCondition::Fails(why) => Some(*why),
        KeyCondition::Rejected => Some("rejected"),
    };
    let causes: Vec<&'static str> = conditions.iter().filter_map(cause).collect();
    let (name, keys) = (&channel.name, conditions.len());
    let (level, text) = match (down, causes.last()) {
        (Some(why), _) => (
            Some(AlertLevel::Critical),
            format!("Channel \"{name}\" is down: {why}."),
        ),
        (None, Some(why)) if causes.len() == keys => (
            Some(AlertLevel::Critical),
            match keys {
                1 => format!("Channel \"{name}\" is down: {why}."),
                _ => format!("Channel \"{name}\" is down: none of its {keys} keys works ({why})."),
            },
        ),
        (None, Some(why)) => (
            Some(AlertLevel::Warning),
            format!(
                "Channel \"{name}\" is degraded: {} of its {keys} keys do not work ({why}).",
                causes.len()
            ),
        ),
        (None, None) => (None, format!("Channel \"{name}\" works.")),
    };
    AlertReading {
        subject: format!("channel/{}", channel.id),
        level,
        text,
    }
}

fn of_key_rejection(channel: &Channel, key: &Key, condition: KeyCondition) -> AlertReading {
    let (hint, name) = (key.hint(), &channel.name);
    let is_rejected = condition == KeyCondition::Rejected;
    AlertReading {
        subject: format!("key/{}", key.id),
        level: is_rejected.then_some(AlertLevel::Warning),
        text: if is_rejected {
            format!("Channel \"{name}\" rejects its key {hint}.")
        } else {
            format!("Channel \"{name}\" does not reject its key {hint} any more.")
        },
    }
}

/// Requests of the last minutes, and how many of them got no whole answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// All.
    pub requests: u64,
    /// Those without a whole answer from an upstream.
    pub errors: u64,
}

/// The rate of errors, if the rule is on.
pub fn error_rate(rules: &AlertRules, counts: RequestCounts) -> Vec<AlertReading> {
    let Some(percent) = rules.error_rate_percent else {
        return Vec::new();
    };
    let RequestCounts { requests, errors } = counts;
    let is_high = u128::from(errors) * 100 >= u128::from(requests) * u128::from(percent);
    let is_alert = requests >= rules.error_rate_requests && requests > 0 && is_high;
    let minutes = rules.error_rate_minutes;
    vec![AlertReading {
        subject: "errors".to_owned(),
        level: is_alert.then_some(AlertLevel::Critical),
        text: format!(
            "{errors} of {requests} requests of the last {minutes} minutes got no whole answer from an upstream."
        ),
    }]
}

/// Lost records, by their count as it is now; what is known of it changes.
pub fn lost_records(known: &mut LostRecords, count: u64, now: Timestamp) -> Vec<AlertReading> {
    let grown = known.count.map_or(0, |before| count.saturating_sub(before));
    let was_alert = known.lost > 0 && now.since_ms(known.at) < LOST_MS;
    known.count = Some(count);
    if grown > 0 {
        known.lost = if was_alert { known.lost + grown } else { grown };
        known.at = now;
    }
    let is_alert = grown > 0 || was_alert;
    vec![AlertReading {
        subject: "records".to_owned(),
        level: is_alert.then_some(AlertLevel::Warning),
        text: if is_alert {
            let lost = known.lost;
            format!("{lost} records of requests are lost: the database did not take them.")
        } else {
            "No more records of requests are lost.".to_owned()
        },
    }]
}

#[cfg(test)]
mod tests;
