//! Messages that wait to be sent, by destination. Owns when one is sent, when a failed one is retried, and when it is given
//! up. Pure: the time is an argument.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::episodes::AlertEvent;
use crate::units::Timestamp;

/// Attempts before a message is given up: with the pauses between them, about an hour.
const MAX_ATTEMPTS: u32 = 8;
/// The pause after the first failed attempt; each further one doubles it.
const FIRST_PAUSE_MS: u64 = 30_000;
/// The longest pause.
const MAX_PAUSE_MS: u64 = 30 * 60_000;
/// Events that wait for one destination; older ones are only counted.
const MAX_EVENTS: usize = 100;

/// What waits for one destination: it becomes one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitingAlerts {
    /// What the message is about, the oldest first.
    pub events: Vec<AlertEvent>,
    /// Older events that there was no room for.
    pub left_out: u64,
    /// Attempts that have begun.
    attempts: u32,
    /// When the next one may begin.
    next_at: Timestamp,
}

/// How the last attempt at a destination ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendResult {
    /// When it was.
    pub at: Timestamp,
    /// Why it failed; `None`: it did not.
    pub error: Option<String>,
}

/// What waits, and how the last attempts ended, by the destination's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outbox {
    waiting: BTreeMap<String, WaitingAlerts>,
    results: BTreeMap<String, SendResult>,
}

impl Outbox {
    /// Adds events for each of the destinations, and forgets all others.
    pub fn add(&mut self, events: &[AlertEvent], destinations: &[&str]) {
        self.waiting
            .retain(|id, _| destinations.contains(&id.as_str()));
        self.results
            .retain(|id, _| destinations.contains(&id.as_str()));
        if events.is_empty() {
            return;
        }
        for id in destinations {
            let waiting = self.waiting.entry((*id).to_owned()).or_default();
            waiting.events.extend_from_slice(events);
            let excess = waiting.events.len().saturating_sub(MAX_EVENTS);
            waiting.events.drain(..excess);
            waiting.left_out += u64::try_from(excess).unwrap_or_default();
        }
    }

    /// What is sent now. Counted as attempts at once: if the instance ends before it is known how they ended, they are
    /// made again after the pause, as if they had failed.
    pub fn begin(&mut self, now: Timestamp) -> Vec<(String, WaitingAlerts)> {
        let mut due = Vec::new();
        for (id, waiting) in &mut self.waiting {
            let is_of_another_clock = waiting.next_at.since_ms(now) > MAX_PAUSE_MS;
            if waiting.next_at > now && !is_of_another_clock {
                continue;
            }
            waiting.attempts += 1;
            let doublings = waiting.attempts.saturating_sub(1).min(16);
            let pause_ms = (FIRST_PAUSE_MS << doublings).min(MAX_PAUSE_MS);
            waiting.next_at = now.plus_ms(pause_ms);
            due.push((id.clone(), waiting.clone()));
        }
        due
    }

    /// Records how an attempt ended; whether the message is given up.
    pub fn end(&mut self, id: &str, outcome: Result<(), String>, now: Timestamp) -> bool {
        let error = outcome.err();
        let attempts = self.waiting.get(id).map(|waiting| waiting.attempts);
        let is_last = attempts.is_some_and(|attempts| attempts >= MAX_ATTEMPTS);
        let is_given_up = error.is_some() && is_last;
        if error.is_none() || is_given_up {
            self.waiting.remove(id);
        }
        let result = SendResult { at: now, error };
        self.results.insert(id.to_owned(), result);
        is_given_up
    }

    /// Whether a message waits for a destination.
    pub fn is_waiting(&self, id: &str) -> bool {
        self.waiting.contains_key(id)
    }

    /// How the last attempt at a destination ended.
    pub fn result(&self, id: &str) -> Option<&SendResult> {
        self.results.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::episodes::AlertChange;
    use super::super::reading::{AlertKind, AlertLevel};
    use super::*;

    fn event(subject: &str) -> AlertEvent {
        AlertEvent {
            change: AlertChange::Fired,
            kind: AlertKind::Budget,
            level: AlertLevel::Warning,
            subject: subject.to_owned(),
            text: String::new(),
            since: Timestamp(0),
        }
    }

    fn ids(due: &[(String, WaitingAlerts)]) -> Vec<&str> {
        due.iter().map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn every_destination_gets_each_event_once() {
        let (mut outbox, now) = (Outbox::default(), Timestamp(1_000_000));
        outbox.add(&[event("a")], &["ad_1", "ad_2"]);
        assert_eq!(ids(&outbox.begin(now)), ["ad_1", "ad_2"]);
        assert!(outbox.begin(now).is_empty(), "they are under way");
        assert!(!outbox.end("ad_1", Ok(()), now));
        assert!(!outbox.end("ad_2", Ok(()), now));
        assert!(outbox.begin(now.plus_ms(MAX_PAUSE_MS)).is_empty());
        assert_eq!(outbox.result("ad_1").unwrap().error, None);
    }

    #[test]
    fn failures_are_retried_with_growing_pauses_until_they_are_given_up() {
        let (mut outbox, mut now) = (Outbox::default(), Timestamp(1_000_000));
        outbox.add(&[event("a")], &["ad_1"]);
        let mut pauses = Vec::new();
        for attempt in 1..=MAX_ATTEMPTS {
            assert_eq!(ids(&outbox.begin(now)), ["ad_1"], "attempt {attempt}");
            let is_given_up = outbox.end("ad_1", Err("no".to_owned()), now);
            assert_eq!(is_given_up, attempt == MAX_ATTEMPTS);
            let next = outbox.waiting.get("ad_1").map(|waiting| waiting.next_at);
            if let Some(next) = next {
                assert!(outbox.begin(Timestamp(next.0 - 1)).is_empty());
                pauses.push(next.since_ms(now) / 1000);
                now = next;
            }
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1_800]);
        assert!(!outbox.is_waiting("ad_1"));
        assert_eq!(outbox.result("ad_1").unwrap().error.as_deref(), Some("no"));
    }

    #[test]
    fn what_comes_while_a_message_waits_is_sent_with_it_and_is_bounded() {
        let (mut outbox, now) = (Outbox::default(), Timestamp(1_000_000));
        outbox.add(&[event("a")], &["ad_1"]);
        outbox.begin(now);
        outbox.end("ad_1", Err("no".to_owned()), now);
        outbox.add(&[event("b")], &["ad_1"]);
        let due = outbox.begin(now.plus_ms(FIRST_PAUSE_MS));
        let subjects: Vec<&str> = due[0]
            .1
            .events
            .iter()
            .map(|it| it.subject.as_str())
            .collect();
        assert_eq!(subjects, ["a", "b"]);
        outbox.add(&vec![event("c"); 2 * MAX_EVENTS], &["ad_1"]);
        let waiting = &outbox.waiting["ad_1"];
        assert_eq!(
            (waiting.events.len(), waiting.left_out),
            (MAX_EVENTS, 2 + MAX_EVENTS as u64)
        );
    }

    #[test]
    fn destinations_that_are_gone_are_forgotten() {
        let (mut outbox, now) = (Outbox::default(), Timestamp(1_000_000));
        outbox.add(&[event("a")], &["ad_1", "ad_2"]);
        outbox.begin(now);
        outbox.end("ad_1", Err("no".to_owned()), now);
        outbox.add(&[], &["ad_2"]);
        assert_eq!(ids(&outbox.begin(now.plus_ms(FIRST_PAUSE_MS))), ["ad_2"]);
        assert!(outbox.result("ad_1").is_none());
    }
}
