//! Which alerts begin, last and end: a state machine over readings. Owns that an alert gets one message when it begins, one
//! when it gets worse, one after each settable time, and one when it is over. Pure: the time is an argument.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reading::{AlertKind, AlertLevel, AlertReading, Observed};
use crate::config::alerts::AlertRules;
use crate::units::Timestamp;

/// An alert is over when nothing was wrong for so long: what fails every other minute is one alert.
pub const RECOVERY_MS: u64 = 60_000;
/// Alerts that are remembered at the same time: the record is read and written as a whole.
const MAX_EPISODES: usize = 500;
const MINUTE_MS: u64 = 60_000;

/// One subject from the first reading that something is wrong to the end of the alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertEpisode {
    /// What it is about.
    pub kind: AlertKind,
    /// What was found last.
    pub text: String,
    /// Since when something is wrong.
    pub since: Timestamp,
    /// Since when it is critical; `None`: it is not.
    pub critical_since: Option<Timestamp>,
    /// The alert; `None`: it has not lasted long enough.
    pub fired: Option<FiredAlert>,
    /// Since when nothing is wrong any more.
    pub clear_since: Option<Timestamp>,
}

/// An alert about which there was a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiredAlert {
    /// The worst that there was a message about.
    pub level: AlertLevel,
    /// When the last message was.
    pub sent_at: Timestamp,
}

/// What a message says of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertChange {
    /// It begins, or gets worse.
    Fired,
    /// It lasts.
    Repeated,
    /// It is over.
    Recovered,
}

/// Something about which a message is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// What happens.
    pub change: AlertChange,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad it is, or was.
    pub level: AlertLevel,
    /// Its subject.
    pub subject: String,
    /// What was found.
    pub text: String,
    /// When it began.
    pub since: Timestamp,
}

/// All alerts, by subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertEpisodes(BTreeMap<String, AlertEpisode>);

impl AlertEpisodes {
    /// All of them, by subject.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &AlertEpisode)> {
        self.0.iter()
    }

    /// Whether one is about this subject.
    pub fn contains(&self, subject: &str) -> bool {
        self.0.contains_key(subject)
    }

    /// Applies what the rule `kind` finds; gives what messages are sent about.
    pub fn observe(
        &mut self,
        kind: AlertKind,
        observed: &Observed,
        rules: &AlertRules,
        now: Timestamp,
    ) -> Vec<AlertEvent> {
        let readings = match observed {
            Observed::Off => &[],
            Observed::Unknown => return Vec::new(),
            Observed::Known(readings) => readings.as_slice(),
        };
        let is_read = |subject: &String| readings.iter().any(|it| it.subject == *subject);
        // Few: an episode is an alert that has begun.
        self.0
            .retain(|subject, episode| episode.kind != kind || is_read(subject));
        let events = readings.iter().filter_map(|reading| {
            self.take(kind, reading, rules, now)
                .map(|(change, level, since)| AlertEvent {
                    change,
                    kind,
                    level,
                    subject: reading.subject.clone(),
                    text: reading.text.clone(),
                    since,
                })
        });
        events.collect()
    }

    /// Applies one reading.
    fn take(
        &mut self,
        kind: AlertKind,
        reading: &AlertReading,
        rules: &AlertRules,
        now: Timestamp,
    ) -> Option<(AlertChange, AlertLevel, Timestamp)> {
        let Some(level) = reading.level else {
            let episode = self.0.get_mut(&reading.subject)?;
            let since = episode.since;
            let is_over = episode.is_over(now);
            let fired = episode.fired;
            if is_over {
                self.0.remove(&reading.subject);
            }
            let level = fired.filter(|_| is_over)?.level;
            return Some((AlertChange::Recovered, level, since));
        };
        if !self.0.contains_key(&reading.subject) && self.0.len() >= MAX_EPISODES {
            return None;
        }
        let episode = self
            .0
            .entry(reading.subject.clone())
            .or_insert_with(|| AlertEpisode::new(kind, now));
        episode.text.clone_from(&reading.text);
        let (change, level) = episode.lasts(level, rules, now)?;
        Some((change, level, episode.since))
    }
}

/// How long something must be wrong before there is an alert.
fn hold_ms(kind: AlertKind, rules: &AlertRules) -> u64 {
    match kind {
        AlertKind::Channel => rules.channel_down_minutes.unwrap_or_default() * MINUTE_MS,
        _ => 0,
    }
}

impl AlertEpisode {
    const fn new(kind: AlertKind, now: Timestamp) -> Self {
        Self {
            kind,
            text: String::new(),
            since: now,
            critical_since: None,
            fired: None,
            clear_since: None,
        }
    }

    /// Nothing is wrong at `now`; whether the episode is over.
    fn is_over(&mut self, now: Timestamp) -> bool {
        self.critical_since = None;
        let clear_since = *self.clear_since.get_or_insert(now);
        self.fired.is_none() || now.since_ms(clear_since) >= RECOVERY_MS
    }

    /// Something is wrong at `now`; what a message is sent about.
    fn lasts(
        &mut self,
        level: AlertLevel,
        rules: &AlertRules,
        now: Timestamp,
    ) -> Option<(AlertChange, AlertLevel)> {
        self.clear_since = None;
        self.critical_since = match level {
            AlertLevel::Critical => self.critical_since.or(Some(now)),
            AlertLevel::Warning => None,
        };
        let hold_ms = hold_ms(self.kind, rules);
        let is_held = |since: Timestamp| now.since_ms(since) >= hold_ms;
        let level = if self.critical_since.is_some_and(is_held) {
            AlertLevel::Critical
        } else if is_held(self.since) {
            AlertLevel::Warning
        } else {
            return None;
        };
        let repeat_ms = rules.repeat_minutes.map(|minutes| minutes * MINUTE_MS);
        let (change, worst) = match self.fired {
            None => (AlertChange::Fired, level),
            Some(fired) if level > fired.level => (AlertChange::Fired, level),
            Some(fired) if repeat_ms.is_some_and(|ms| now.since_ms(fired.sent_at) >= ms) => {
                (AlertChange::Repeated, fired.level)
            }
            Some(_) => return None,
        };
        self.fired = Some(FiredAlert {
            level: worst,
            sent_at: now,
        });
        Some((change, level))
    }
}

#[cfg(test)]
mod tests;
