//! What is said of a key, by what the proxies share, what the ledger has, and whether it is kept.

use super::*;
use crate::health::cooldown::FailureSample;
use crate::health::findings::About;

const T: u64 = 1_700_000_000_000;

fn cooldown(reason: CooldownReason, at: u64) -> Cooldown {
    Cooldown::new(&FailureSample {
        reason,
        began: Timestamp(at),
        at: Timestamp(at),
        wait_ms: Some(7_000),
        status: Some(429),
        message: "slow down".to_owned(),
    })
}

fn last(at: u64, outcome: AttemptOutcome, status: u16) -> LastUse {
    LastUse {
        at: Timestamp(at),
        is_test: false,
        outcome: outcome.word().to_owned(),
        status: Some(status),
        detail: None,
    }
}

fn records(uses: LastUses) -> KeyRecords {
    KeyRecords {
        uses: BTreeMap::from([("k".to_owned(), uses)]),
        is_complete: true,
    }
}

fn time(at: u64) -> String {
    time_text::format(Timestamp(at))
}

fn of(cooldown: Option<&Cooldown>, records: &KeyRecords) -> LastCall {
    LastCall::of("k", cooldown, records)
}

#[test]
fn the_later_of_success_and_failure_decides() {
    let answered = |at| Some(last(at, AttemptOutcome::Answered, 200));
    let failed = |at| Some(last(at, AttemptOutcome::KeyRefused, 401));
    for (success, failure, expected) in [
        (2, 1, CallStatus::Ok),
        (1, 2, CallStatus::Failed),
        // Nothing says that it worked after it failed.
        (2, 2, CallStatus::Failed),
    ] {
        let found = of(
            None,
            &records(LastUses {
                answered: answered(T + success),
                failed: failed(T + failure),
                rejected: None,
            }),
        );
        assert_eq!(found.status, expected);
        assert_eq!(found.since, Some(time(T + success.max(failure))));
        assert_eq!(found.last_success_at, Some(time(T + success)));
        let is_failed = expected == CallStatus::Failed;
        assert_eq!(found.outcome.is_some(), is_failed);
        let detail = found.complete(Finding::of(About::Key, None, Timestamp(T + 9)));
        let expected = is_failed.then_some("401: the key was rejected");
        assert_eq!(detail.detail.as_deref(), expected);
    }
}

#[test]
fn a_key_without_calls_is_unused_only_if_calls_would_be_known() {
    let mut nothing = KeyRecords {
        is_complete: true,
        ..KeyRecords::default()
    };
    assert_eq!(of(None, &nothing).status, CallStatus::Unused);
    nothing.is_complete = false;
    assert_eq!(of(None, &nothing).status, CallStatus::Unknown);
    // It was called, but only with requests that were at fault.
    let rejected = LastUses {
        rejected: Some(last(T, AttemptOutcome::RequestRefused, 400)),
        ..LastUses::default()
    };
    assert_eq!(of(None, &records(rejected)).status, CallStatus::Unknown);
}

#[test]
fn a_failure_that_the_proxies_share_comes_first_and_stays_after_its_cooldown() {
    let throttled = cooldown(CooldownReason::Throttled, T + 5);
    let uses = LastUses {
        answered: Some(last(T, AttemptOutcome::Answered, 200)),
        failed: Some(last(T + 4, AttemptOutcome::KeyRefused, 401)),
        rejected: None,
    };
    let found = of(Some(&throttled), &records(uses));
    assert_eq!(found.status, CallStatus::Failed);
    assert_eq!(found.since, Some(time(T + 5)));
    assert_eq!(found.outcome.as_deref(), Some("throttled"));
    assert_eq!(found.detail.as_deref(), Some("429: slow down"));
    let later = LastUses {
        failed: Some(last(T + 6, AttemptOutcome::Timeout, 504)),
        ..LastUses::default()
    };
    let found = of(Some(&throttled), &records(later));
    assert_eq!(found.outcome.as_deref(), Some("timeout"));
    assert_eq!(found.detail.as_deref(), Some("504: no answer in time"));
}

#[test]
fn without_a_ledger_only_tests_and_shared_failures_count() {
    let test = |outcome, status| LastUse {
        detail: None,
        is_test: true,
        ..last(T, outcome, status)
    };
    let without = |uses| KeyRecords {
        is_complete: false,
        ..records(uses)
    };
    let request = LastUses {
        answered: Some(last(T, AttemptOutcome::Answered, 200)),
        ..LastUses::default()
    };
    let found = of(None, &without(request));
    assert_eq!(
        found.status,
        CallStatus::Unknown,
        "it may have failed since"
    );
    assert_eq!(found.last_success_at, Some(time(T)));
    let passed = LastUses {
        answered: Some(test(AttemptOutcome::Answered, 200)),
        ..LastUses::default()
    };
    assert_eq!(of(None, &without(passed.clone())).status, CallStatus::Ok);
    let throttled = cooldown(CooldownReason::Throttled, T + 5);
    let found = of(Some(&throttled), &without(passed));
    assert_eq!(found.status, CallStatus::Failed);
    let failed = LastUses {
        failed: Some(test(AttemptOutcome::KeyRefused, 403)),
        ..LastUses::default()
    };
    assert_eq!(of(None, &without(failed)).status, CallStatus::Failed);
}

#[test]
fn failures_that_are_only_counted_are_no_failures() {
    let counted = cooldown(CooldownReason::ServerError, T);
    let nothing = KeyRecords {
        is_complete: true,
        ..KeyRecords::default()
    };
    assert_eq!(of(Some(&counted), &nothing).status, CallStatus::Unused);
}

#[test]
fn a_channel_works_if_one_of_its_keys_does() {
    let at = |status, at: u64| LastCall {
        since: Some(time(at)),
        ..LastCall::without_call(status)
    };
    let (ok, late) = (at(CallStatus::Ok, T), at(CallStatus::Failed, T + 2));
    let early = at(CallStatus::Failed, T + 1);
    let unused = LastCall::without_call(CallStatus::Unused);
    let of = |keys: &[&LastCall]| LastCall::of_keys(keys);
    assert_eq!(of(&[&late, &ok]), ok);
    assert_eq!(of(&[&late, &unused]), unused);
    assert_eq!(of(&[&late, &early]), late);
    assert_eq!(of(&[]).status, CallStatus::Unknown);
    let down = cooldown(CooldownReason::Unreachable, T + 1);
    assert_eq!(ok.clone().with_cooldown(None), ok);
    let failed = ok.with_cooldown(Some(&down));
    assert_eq!(failed.status, CallStatus::Failed);
    assert_eq!(failed.since, Some(time(T + 1)));
    let later = at(CallStatus::Ok, T + 2);
    assert_eq!(later.clone().with_cooldown(Some(&down)), later);
}
