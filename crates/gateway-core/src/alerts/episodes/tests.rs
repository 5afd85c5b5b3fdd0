//! Episodes over readings by hand, and the promise about messages over readings by chance.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SECOND_MS: u64 = 1_000;

fn reading(subject: &str, level: Option<AlertLevel>) -> AlertReading {
    AlertReading {
        subject: subject.to_owned(),
        level,
        text: "text".to_owned(),
    }
}

/// One subject of a kind, read at times in seconds.
struct Subject {
    episodes: AlertEpisodes,
    kind: AlertKind,
    rules: AlertRules,
}

impl Subject {
    fn new(kind: AlertKind, rules: AlertRules) -> Self {
        Self {
            episodes: AlertEpisodes::default(),
            kind,
            rules,
        }
    }

    fn at(&mut self, second: u64, level: Option<AlertLevel>) -> Option<(AlertChange, AlertLevel)> {
        let now = Timestamp(1_000_000 + second * SECOND_MS);
        let observed = Observed::Known(vec![reading("s", level)]);
        let mut events = self
            .episodes
            .observe(self.kind, &observed, &self.rules, now);
        assert!(events.len() <= 1);
        events.pop().map(|event| (event.change, event.level))
    }
}

const WARNING: Option<AlertLevel> = Some(AlertLevel::Warning);
const CRITICAL: Option<AlertLevel> = Some(AlertLevel::Critical);

#[test]
fn a_budget_is_announced_once_per_level_and_its_end_once() {
    let mut budget = Subject::new(AlertKind::Budget, AlertRules::default());
    assert_eq!(budget.at(0, None), None);
    assert_eq!(
        budget.at(30, WARNING),
        Some((AlertChange::Fired, AlertLevel::Warning))
    );
    assert_eq!(budget.at(60, WARNING), None);
    assert_eq!(
        budget.at(90, CRITICAL),
        Some((AlertChange::Fired, AlertLevel::Critical))
    );
    assert_eq!(budget.at(120, CRITICAL), None);
    // Better, and worse again: still the same alert.
    assert_eq!(budget.at(150, WARNING), None);
    assert_eq!(budget.at(180, CRITICAL), None);
    assert_eq!(budget.at(210, None), None);
    assert_eq!(
        budget.at(270, None),
        Some((AlertChange::Recovered, AlertLevel::Critical))
    );
    assert_eq!(budget.at(300, None), None);
    assert!(!budget.episodes.contains("s"));
}

#[test]
fn a_channel_must_be_down_for_the_whole_time() {
    let rules = AlertRules {
        channel_down_minutes: Some(2),
        ..AlertRules::default()
    };
    let mut channel = Subject::new(AlertKind::Channel, rules);
    assert_eq!(channel.at(0, CRITICAL), None);
    assert_eq!(channel.at(60, None), None);
    // It worked meanwhile, so that the time begins anew.
    assert_eq!(channel.at(90, CRITICAL), None);
    assert_eq!(channel.at(180, CRITICAL), None);
    assert_eq!(
        channel.at(210, CRITICAL),
        Some((AlertChange::Fired, AlertLevel::Critical))
    );
    // It works for a moment: not over.
    assert_eq!(channel.at(240, None), None);
    assert_eq!(channel.at(270, CRITICAL), None);
    assert_eq!(channel.at(300, None), None);
    assert_eq!(
        channel.at(360, None),
        Some((AlertChange::Recovered, AlertLevel::Critical))
    );
}

#[test]
fn a_degraded_channel_that_goes_down_is_announced_as_down_after_its_time() {
    let rules = AlertRules {
        channel_down_minutes: Some(1),
        ..AlertRules::default()
    };
    let mut channel = Subject::new(AlertKind::Channel, rules);
    assert_eq!(channel.at(0, WARNING), None);
    assert_eq!(
        channel.at(60, CRITICAL),
        Some((AlertChange::Fired, AlertLevel::Warning))
    );
    assert_eq!(channel.at(90, CRITICAL), None);
    assert_eq!(
        channel.at(120, CRITICAL),
        Some((AlertChange::Fired, AlertLevel::Critical))
    );
}

#[test]
fn an_alert_is_repeated_after_the_settable_time_or_never() {
    let every_hour = AlertRules {
        repeat_minutes: Some(60),
        ..AlertRules::default()
    };
    let mut rejected = Subject::new(AlertKind::KeyRejected, every_hour);
    let fired = Some((AlertChange::Fired, AlertLevel::Warning));
    let repeated = Some((AlertChange::Repeated, AlertLevel::Warning));
    assert_eq!(rejected.at(0, WARNING), fired);
    assert_eq!(rejected.at(3_599, WARNING), None);
    assert_eq!(rejected.at(3_600, WARNING), repeated);
    assert_eq!(rejected.at(3_630, WARNING), None);
    assert_eq!(rejected.at(7_200, WARNING), repeated);
    let never = AlertRules {
        repeat_minutes: None,
        ..AlertRules::default()
    };
    let mut rejected = Subject::new(AlertKind::KeyRejected, never);
    assert_eq!(rejected.at(0, WARNING), fired);
    assert_eq!(rejected.at(100_000_000, WARNING), None);
}

#[test]
fn what_is_not_known_changes_nothing_and_what_is_gone_is_forgotten_silently() {
    let (rules, now) = (AlertRules::default(), Timestamp(1_000_000));
    let mut episodes = AlertEpisodes::default();
    let both = Observed::Known(vec![reading("a", CRITICAL), reading("b", CRITICAL)]);
    assert_eq!(
        episodes
            .observe(AlertKind::Budget, &both, &rules, now)
            .len(),
        2
    );
    let other = Observed::Known(vec![reading("c", WARNING)]);
    assert_eq!(
        episodes
            .observe(AlertKind::KeyRejected, &other, &rules, now)
            .len(),
        1
    );
    let later = now.plus_ms(10 * RECOVERY_MS);
    let unknown = Observed::Unknown;
    assert!(
        episodes
            .observe(AlertKind::Budget, &unknown, &rules, later)
            .is_empty()
    );
    assert!(episodes.contains("a") && episodes.contains("b"));
    let one = Observed::Known(vec![reading("a", CRITICAL)]);
    assert!(
        episodes
            .observe(AlertKind::Budget, &one, &rules, later)
            .is_empty()
    );
    assert!(episodes.contains("a") && !episodes.contains("b"));
    assert!(
        episodes
            .observe(AlertKind::Budget, &Observed::Off, &rules, later)
            .is_empty()
    );
    assert!(!episodes.contains("a") && episodes.contains("c"));
}

#[test]
fn the_record_is_bounded() {
    let readings = (0..2 * MAX_EPISODES).map(|number| reading(&number.to_string(), CRITICAL));
    let observed = Observed::Known(readings.collect());
    let mut episodes = AlertEpisodes::default();
    let rules = AlertRules::default();
    let events = episodes.observe(AlertKind::KeyRejected, &observed, &rules, Timestamp(0));
    assert_eq!(events.len(), MAX_EPISODES);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Read([Option<AlertLevel>; 2]),
    Unknown,
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let level = || prop_oneof![2 => Just(None), 1 => Just(WARNING), 1 => Just(CRITICAL)];
    let step = prop_oneof![
        8 => (level(), level()).prop_map(|(a, b)| Step::Read([a, b])),
        1 => Just(Step::Unknown),
    ];
    (1_u64..200_000, step)
}

proptest! {
    /// Between two messages that an alert of a level begins, it was over or not that bad; what is over had begun; repeats
    /// keep their distance.
    #[test]
    fn never_two_messages_for_one_episode(
        steps in prop::collection::vec(step(), 1..120),
        minutes in 1_u64..5,
        repeat in prop::option::of(5_u64..20),
        is_channel in any::<bool>(),
    ) {
        let rules = AlertRules {
            channel_down_minutes: Some(minutes),
            repeat_minutes: repeat,
            ..AlertRules::default()
        };
        let kind = if is_channel { AlertKind::Channel } else { AlertKind::Budget };
        let (mut episodes, mut now) = (AlertEpisodes::default(), Timestamp(1_000_000));
        let mut open: BTreeMap<String, (AlertLevel, Timestamp)> = BTreeMap::new();
        for (pause, step) in steps {
            now = now.plus_ms(pause);
            let observed = match step {
                Step::Unknown => Observed::Unknown,
                Step::Read([a, b]) => Observed::Known(vec![reading("a", a), reading("b", b)]),
            };
            let events = episodes.observe(kind, &observed, &rules, now);
            if matches!(step, Step::Unknown) {
                prop_assert!(events.is_empty());
            }
            for event in events {
                let known = open.get(&event.subject).copied();
                match event.change {
                    AlertChange::Fired => {
                        prop_assert!(known.is_none_or(|(level, _)| event.level > level));
                        open.insert(event.subject, (event.level, now));
                    }
                    AlertChange::Repeated => {
                        let (level, sent_at) = known.unwrap();
                        prop_assert!(now.since_ms(sent_at) >= repeat.unwrap() * MINUTE_MS);
                        open.insert(event.subject, (level, now));
                    }
                    AlertChange::Recovered => {
                        prop_assert_eq!(known.unwrap().0, event.level);
                        open.remove(&event.subject);
                    }
                }
            }
        }
        for subject in open.keys() {
            prop_assert!(episodes.contains(subject));
        }
    }
}
