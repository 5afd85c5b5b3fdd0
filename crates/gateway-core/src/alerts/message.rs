//! What a message says: a title and lines of plain text. Owns the wording; names and figures come from the readings.

use super::episodes::{AlertChange, AlertEvent};
use super::reading::AlertLevel;
use crate::units::Timestamp;

/// Lines of one message; the others are counted.
const MAX_LINES: usize = 20;

/// A message about any number of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertMessage {
    /// One line.
    pub title: String,
    /// One line per alert.
    pub lines: Vec<String>,
    /// The alerts, for programs; none in a test.
    pub events: Vec<AlertEvent>,
    /// When it was written.
    pub time: Timestamp,
}

impl AlertMessage {
    /// The message about `events`, of which `left_out` earlier ones are not known any more.
    pub fn of(events: &[AlertEvent], left_out: u64, time: Timestamp) -> Self {
        let mut lines: Vec<String> = events.iter().take(MAX_LINES).map(line).collect();
        let more = u64::try_from(events.len().saturating_sub(MAX_LINES)).unwrap_or_default();
        if more + left_out > 0 {
            lines.push(format!("And {} more.", more + left_out));
        }
        Self {
            title: title(events),
            lines,
            events: events.to_vec(),
            time,
        }
    }

    /// The message that a test sends.
    pub fn test(time: Timestamp) -> Self {
        Self {
            title: "AI gateway: test".to_owned(),
            lines: vec!["This is a test message. Alerts will be sent here.".to_owned()],
            events: Vec::new(),
            time,
        }
    }

    /// Title and lines.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.title, self.lines.join("\n"))
    }
}

fn title(events: &[AlertEvent]) -> String {
    let over = events
        .iter()
        .filter(|it| it.change == AlertChange::Recovered)
        .count();
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let parts = [
        counted(events.len() - over, "alert", "alerts"),
        counted(over, "recovered", "recovered"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("AI gateway: {}", parts.join(", "))
}

fn line(event: &AlertEvent) -> String {
    let word = match (event.change, event.level) {
        (AlertChange::Recovered, _) => "Recovered",
        (AlertChange::Repeated, _) => "Still",
        (AlertChange::Fired, AlertLevel::Warning) => "Warning",
        (AlertChange::Fired, AlertLevel::Critical) => "Critical",
    };
    format!("{word}: {}", event.text)
}

#[cfg(test)]
mod tests {
    use super::super::reading::AlertKind;
    use super::*;

    fn event(change: AlertChange, level: AlertLevel, text: &str) -> AlertEvent {
        AlertEvent {
            change,
            kind: AlertKind::Channel,
            level,
            subject: "channel/ch_1".to_owned(),
            text: text.to_owned(),
            since: Timestamp(0),
        }
    }

    #[test]
    fn a_message_counts_its_alerts_and_has_a_line_for_each() {
        let events = [
            event(AlertChange::Fired, AlertLevel::Critical, "A is down."),
            event(AlertChange::Fired, AlertLevel::Warning, "B is degraded."),
            event(AlertChange::Repeated, AlertLevel::Warning, "C is degraded."),
            event(AlertChange::Recovered, AlertLevel::Critical, "D works."),
        ];
        let message = AlertMessage::of(&events, 0, Timestamp(0));
        let expected = "AI gateway: 3 alerts, 1 recovered\nCritical: A is down.\nWarning: B is degraded.\n\
                        Still: C is degraded.\nRecovered: D works.";
        assert_eq!(message.text(), expected);
        let message = AlertMessage::of(&events[..1], 0, Timestamp(0));
        assert_eq!(message.title, "AI gateway: 1 alert");
    }

    #[test]
    fn long_messages_are_cut_and_say_by_how_much() {
        let events = vec![event(AlertChange::Fired, AlertLevel::Warning, "x"); MAX_LINES + 5];
        let message = AlertMessage::of(&events, 2, Timestamp(0));
        assert_eq!(message.lines.len(), MAX_LINES + 1);
        assert_eq!(message.lines.last().unwrap(), "And 7 more.");
    }
}
