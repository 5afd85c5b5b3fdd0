//! The record that all instances share: which alerts there are, what waits to be sent, and what figures are compared with.
//! Owns its shape. Pure.

use serde::{Deserialize, Serialize};

use super::episodes::{AlertEpisodes, AlertEvent};
use super::outbox::Outbox;
use super::reading::{AlertKind, Observed};
use crate::config::alerts::AlertRules;
use crate::limits::calendar;
use crate::units::Timestamp;

/// Everything that lasts from one evaluation to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertState {
    /// The alerts.
    pub episodes: AlertEpisodes,
    /// What waits to be sent.
    pub outbox: Outbox,
    /// What the gateway had spent when the day and the month began.
    pub spent: SpentBefore,
    /// Records of requests that were lost.
    pub lost: LostRecords,
    /// When the rules were last evaluated.
    pub checked_at: Timestamp,
}

/// The cost of all requests ever, as it was when a day and a month began, in millionths of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpentBefore {
    /// The day.
    pub day: u64,
    /// Before it.
    pub before_day: u64,
    /// The month.
    pub month: u64,
    /// Before it.
    pub before_month: u64,
}

impl SpentBefore {
    /// Whether it is about this day and this month.
    pub fn is_of(&self, now: Timestamp) -> bool {
        self.day == calendar::day(now) && self.month == calendar::month(now)
    }
}

/// The count of lost records when it last grew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LostRecords {
    /// The count; `None`: it was never read.
    pub count: Option<u64>,
    /// How much it grew by in the present alert.
    pub lost: u64,
    /// When it last grew.
    pub at: Timestamp,
}

impl AlertState {
    /// The record as it is stored; a new one where it is empty or damaged.
    pub fn parse(stored: &str) -> Self {
        serde_json::from_slice(stored.as_bytes()).unwrap_or_default()
    }

    /// What is stored.
    pub fn encode(&self) -> String {
        // Maps with text for keys can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Applies what the rules find, and lets the messages about it wait for the destinations; gives how many alerts
    /// begin, last or end.
    pub fn observe(
        &mut self,
        observed: &[(AlertKind, Observed)],
        rules: &AlertRules,
        destinations: &[&str],
        now: Timestamp,
    ) -> Vec<AlertEvent> {
        let mut events = Vec::new();
        for (kind, observed) in observed {
            events.extend(self.episodes.observe(*kind, observed, rules, now));
        }
        self.outbox.add(&events, destinations);
        self.checked_at = now;
        events
    }
}
