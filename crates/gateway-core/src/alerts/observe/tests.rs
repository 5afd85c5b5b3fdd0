//! Readings of figures and of channels by hand.

use super::*;
use crate::config::model::{ChannelConfig, Document, KeyLimits, StoredSecret, UpstreamKey};
use crate::config::snapshot::Snapshot;
use crate::health::cooldown::FailureSample;
use crate::health::record::{HealthEvent, Target};
use crate::ledger::key_use::LastUse;
use crate::secret::Secret;
use crate::upstream::failure::Failure;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn levels(readings: &[AlertReading]) -> Vec<(&str, Option<AlertLevel>)> {
    readings
        .iter()
        .map(|it| (it.subject.as_str(), it.level))
        .collect()
}

fn key(daily: Option<u64>, monthly: Option<u64>) -> ClientKey {
    ClientKey {
        id: "ck_1".to_owned(),
        name: "laptop".to_owned(),
        hash: String::new(),
        hint: String::new(),
        tags: Vec::new(),
        previous: None,
        enabled: true,
        models: Vec::new(),
        expires_at: None,
        limits: KeyLimits {
            daily_budget_micro_usd: daily,
            monthly_budget_micro_usd: monthly,
            requests_per_minute: Some(1),
            ..KeyLimits::default()
        },
        created_at: Timestamp(0),
    }
}

fn used(day_cost: u64, month_cost: u64) -> LimitUsage {
    LimitUsage {
        day_cost,
        month_cost,
        ..LimitUsage::fresh(NOW)
    }
}

#[test]
fn budgets_are_near_from_the_percent_on_and_over_when_nothing_is_left() {
    let rules = AlertRules::default();
    let both = key(Some(1_000_000), Some(2_500_000));
    for (day, month, expected) in [
        (799_999, 1_999_999, [None, None]),
        (800_000, 2_000_000, [Some(AlertLevel::Warning); 2]),
        (
            999_999,
            2_500_000,
            [Some(AlertLevel::Warning), Some(AlertLevel::Critical)],
        ),
        (u64::MAX, 0, [Some(AlertLevel::Critical), None]),
    ] {
        let readings = key_budgets([(&both, used(day, month))].into_iter(), &rules, NOW);
        let expected = [
            ("budget/ck_1/daily", expected[0]),
            ("budget/ck_1/monthly", expected[1]),
        ];
        assert_eq!(levels(&readings), expected, "{day} {month}");
    }
    let readings = key_budgets([(&both, used(850_000, 0))].into_iter(), &rules, NOW);
    assert_eq!(
        readings[0].text,
        "Client key \"laptop\" has used 85 % of its daily budget: $0.85 of $1.00."
    );
}

#[test]
fn each_of_the_two_budget_rules_can_be_off() {
    let one = key(Some(1_000_000), None);
    let level = |rules: &AlertRules, day| {
        key_budgets([(&one, used(day, 0))].into_iter(), rules, NOW)[0].level
    };
    let only_over = AlertRules {
        budget_near_percent: None,
        ..AlertRules::default()
    };
    assert_eq!(level(&only_over, 999_999), None);
    assert_eq!(level(&only_over, 1_000_000), Some(AlertLevel::Critical));
    let only_near = AlertRules {
        budget_over: false,
        ..AlertRules::default()
    };
    assert_eq!(level(&only_near, 2_000_000), Some(AlertLevel::Warning));
}

#[test]
fn the_gateway_has_the_budgets_that_are_set() {
    let rules = AlertRules {
        gateway_monthly_budget_micro_usd: Some(10_000_000),
        ..AlertRules::default()
    };
    let readings = gateway_budgets(&rules, 9_000_000, 9_000_000);
    assert_eq!(
        levels(&readings),
        [("budget/gateway/monthly", Some(AlertLevel::Warning))]
    );
    assert!(gateway_budgets(&AlertRules::default(), 1, 1).is_empty());
}

fn snapshot(keys: usize) -> Snapshot {
    let key = |number: usize| UpstreamKey {
        id: format!("uk_{number}"),
        secret: StoredSecret::Clear(Secret::new(format!("sk-0123456789abcdef-{number}"))),
        hint: String::new(),
        enabled: true,
    };
    let channel = ChannelConfig {
        id: "ch_a".to_owned(),
        name: "A".to_owned(),
        base_url: "http://a.example/v1".to_owned(),
        keys: (1..=keys).map(key).collect(),
        ..ChannelConfig::blank(NOW)
    };
    let off = ChannelConfig {
        id: "ch_off".to_owned(),
        enabled: false,
        ..channel.clone()
    };
    let document = Document {
        channels: vec![channel, off],
        ..Document::default()
    };
    Snapshot::build(document, None, || 0)
}

fn failed(key: &str, failure: Failure, reason: CooldownReason) -> HealthEvent {
    HealthEvent::Failed {
        target: Target {
            channel: "ch_a".to_owned(),
            key: key.to_owned(),
            model: "m".to_owned(),
        },
        failure,
        sample: FailureSample {
            reason,
            began: NOW,
            at: NOW,
            wait_ms: None,
            status: Some(401),
            message: "SECRET PROMPT".to_owned(),
        },
    }
}

fn read(
    keys: usize,
    events: &[HealthEvent],
    uses: &BTreeMap<String, LastUses>,
    now: Timestamp,
) -> ChannelReadings {
    let mut health = Health::default();
    for event in events {
        health.apply(event);
    }
    let snapshot = snapshot(keys);
    let all = snapshot.channels().iter().map(AsRef::as_ref);
    channels(all, &health, uses, now)
}

#[test]
fn a_channel_is_degraded_while_a_key_works_and_down_when_none_does() {
    let one = failed("uk_1", Failure::KeyRefused, CooldownReason::Refused);
    let other = failed("uk_2", Failure::KeyRefused, CooldownReason::Refused);
    let none = BTreeMap::new();
    let later = NOW.plus_ms(1_000);
    let found = read(2, &[], &none, later);
    assert_eq!(levels(&found.channels), [("channel/ch_a", None)]);
    assert_eq!(
        levels(&found.keys),
        [("key/uk_1", None), ("key/uk_2", None)]
    );
    let found = read(2, std::slice::from_ref(&one), &none, later);
    let expected = "Channel \"A\" is degraded: 1 of its 2 keys do not work (rejected).";
    assert_eq!(found.channels[0].text, expected);
    assert_eq!(found.channels[0].level, Some(AlertLevel::Warning));
    assert_eq!(
        found.keys[0].text,
        "Channel \"A\" rejects its key sk-0…ef-1."
    );
    let found = read(2, &[one, other], &none, later);
    assert_eq!(found.channels[0].level, Some(AlertLevel::Critical));
    let text = format!("{found:?}");
    assert!(
        !text.contains("PROMPT") && !text.contains("456789"),
        "{text}"
    );
}

#[test]
fn a_cooldown_of_the_channel_is_down_and_one_server_error_is_not() {
    let server_error = |at: u64| {
        let HealthEvent::Failed {
            target,
            failure,
            mut sample,
        } = failed("uk_1", Failure::ServerError, CooldownReason::ServerError)
        else {
            panic!("a failure");
        };
        sample.at = NOW.plus_ms(at);
        HealthEvent::Failed {
            target,
            failure,
            sample,
        }
    };
    let (none, later) = (BTreeMap::new(), NOW.plus_ms(1_000));
    let found = read(1, &[server_error(0)], &none, later);
    assert_eq!(found.channels[0].level, None);
    let three = [server_error(0), server_error(1), server_error(2)];
    let found = read(1, &three, &none, later);
    assert_eq!(
        found.channels[0].text,
        "Channel \"A\" is down: server errors."
    );
}

#[test]
fn a_rate_limit_counts_only_while_it_lasts() {
    let throttled = [failed(
        "uk_1",
        Failure::Throttled,
        CooldownReason::Throttled,
    )];
    let none = BTreeMap::new();
    let found = read(1, &throttled, &none, NOW.plus_ms(1_000));
    assert_eq!(found.channels[0].level, Some(AlertLevel::Critical));
    let found = read(1, &throttled, &none, NOW.plus_ms(60_000));
    assert_eq!(found.channels[0].level, None);
}

#[test]
fn without_a_cooldown_the_last_call_counts() {
    let last = |at: u64, outcome: AttemptOutcome| LastUse {
        at: NOW.plus_ms(at),
        is_test: false,
        outcome: outcome.word().to_owned(),
        detail: None,
        status: None,
    };
    let uses = |answered: Option<u64>, outcome| LastUses {
        answered: answered.map(|at| last(at, AttemptOutcome::Answered)),
        failed: Some(last(10, outcome)),
        rejected: None,
    };
    for (answered, outcome, level, is_rejected) in [
        (
            None,
            AttemptOutcome::Timeout,
            Some(AlertLevel::Critical),
            false,
        ),
        (
            Some(9),
            AttemptOutcome::KeyRefused,
            Some(AlertLevel::Critical),
            true,
        ),
        (Some(11), AttemptOutcome::KeyRefused, None, false),
        (None, AttemptOutcome::Throttled, None, false),
    ] {
        let known = BTreeMap::from([("uk_1".to_owned(), uses(answered, outcome))]);
        let found = read(1, &[], &known, NOW.plus_ms(DAY));
        assert_eq!(found.channels[0].level, level, "{outcome:?}");
        assert_eq!(found.keys[0].level.is_some(), is_rejected, "{outcome:?}");
    }
}

const DAY: u64 = 86_400_000;

#[test]
fn a_rate_of_errors_needs_enough_requests() {
    let rules = AlertRules {
        error_rate_percent: Some(25),
        error_rate_requests: 8,
        ..AlertRules::default()
    };
    let level = |requests, errors| error_rate(&rules, RequestCounts { requests, errors })[0].level;
    assert_eq!(level(7, 7), None);
    assert_eq!(level(8, 1), None);
    assert_eq!(level(8, 2), Some(AlertLevel::Critical));
    let off = AlertRules {
        error_rate_percent: None,
        ..rules
    };
    assert!(error_rate(&off, RequestCounts::default()).is_empty());
}

#[test]
fn lost_records_are_those_since_the_first_look_and_an_alert_for_ten_minutes() {
    let mut known = LostRecords::default();
    let mut level = |count, at: u64| lost_records(&mut known, count, NOW.plus_ms(at))[0].level;
    assert_eq!(level(1_000, 0), None, "lost before there was a rule");
    assert_eq!(level(1_003, 30_000), Some(AlertLevel::Warning));
    assert_eq!(level(1_003, 600_000), Some(AlertLevel::Warning));
    assert_eq!(level(1_005, 620_000), Some(AlertLevel::Warning));
    let text = lost_records(&mut known, 1_005, NOW.plus_ms(630_000))[0]
        .text
        .clone();
    assert_eq!(
        text,
        "5 records of requests are lost: the database did not take them."
    );
    let over = lost_records(&mut known, 1_005, NOW.plus_ms(1_220_000));
    assert_eq!(over[0].level, None);
}
