//! The times of one subject: how they grow, what ends them, and clocks that were set back.

use super::*;

const START: u64 = 1_000_000;

fn sample(reason: CooldownReason, began: u64, at: u64, wait_ms: Option<u64>) -> FailureSample {
    FailureSample {
        reason,
        began: Timestamp(began),
        at: Timestamp(at),
        wait_ms,
        status: Some(500),
        message: "why".to_owned(),
    }
}

fn at(reason: CooldownReason, at: u64) -> FailureSample {
    sample(reason, at - 10, at, None)
}

fn cooling(until: u64, has_retry_after: bool) -> Phase {
    Phase::Cooling {
        until: Timestamp(until),
        has_retry_after,
    }
}

#[test]
fn a_stated_wait_is_kept_to_the_millisecond() {
    let cooldown = Cooldown::new(&sample(
        CooldownReason::Throttled,
        START,
        START,
        Some(1_234),
    ));
    assert_eq!(
        cooldown.phase(Timestamp(START + 1_233)),
        cooling(START + 1_234, true)
    );
    assert_eq!(cooldown.phase(Timestamp(START + 1_234)), Phase::HalfOpen);
}

#[test]
fn cooldowns_grow_with_failed_probes_up_to_the_cap() {
    let reasons = [
        CooldownReason::Throttled,
        CooldownReason::Refused,
        CooldownReason::Unreachable,
        CooldownReason::ModelUnknown,
    ];
    for reason in reasons {
        let mut now = START;
        let mut cooldown = Cooldown::new(&at(reason, now));
        let mut periods = Vec::new();
        for _ in 0..40 {
            let Phase::Cooling { until, .. } = cooldown.phase(Timestamp(now)) else {
                panic!("{reason:?} does not cool");
            };
            periods.push(until.0 - now);
            now = until.0 + 5;
            assert_eq!(cooldown.phase(Timestamp(now)), Phase::HalfOpen);
            assert!(cooldown.fail(&sample(reason, now, now, None)));
        }
        assert_eq!(periods[0], reason.first_ms());
        assert_eq!(periods[1], (2 * reason.first_ms()).min(reason.cap_ms()));
        assert_eq!(periods[39], reason.cap_ms());
        assert!(periods.is_sorted());
    }
}

#[test]
fn failures_during_a_cooldown_extend_it_but_do_not_make_it_grow() {
    let mut cooldown = Cooldown::new(&at(CooldownReason::Throttled, START));
    assert!(
        !cooldown.fail(&at(CooldownReason::Throttled, START + 100)),
        "a little more is no news"
    );
    assert!(cooldown.fail(&at(CooldownReason::Throttled, START + 3_000)));
    assert_eq!(
        cooldown.phase(Timestamp(START + 3_000)),
        cooling(START + 8_000, false)
    );
    assert_eq!(cooldown.strikes, 1);
}

#[test]
fn a_later_signal_extends_and_never_shortens() {
    let mut cooldown = Cooldown::new(&sample(
        CooldownReason::Throttled,
        START,
        START,
        Some(60_000),
    ));
    assert!(!cooldown.fail(&sample(
        CooldownReason::Throttled,
        START,
        START + 1,
        Some(1_000)
    )));
    assert!(!cooldown.fail(&at(CooldownReason::Refused, START + 20)));
    assert_eq!(
        cooldown.phase(Timestamp(START + 2)),
        cooling(START + 60_000, true)
    );
    assert!(cooldown.fail(&sample(
        CooldownReason::Throttled,
        START,
        START + 10_000,
        Some(60_000)
    )));
    assert_eq!(
        cooldown.phase(Timestamp(START + 2)),
        cooling(START + 70_000, true)
    );
    // Beyond what the upstream requested, it is our own caution.
    let mut cooldown = Cooldown::new(&sample(CooldownReason::Throttled, START, START, Some(100)));
    cooldown.fail(&sample(CooldownReason::Throttled, START, START + 50, None));
    assert_eq!(
        cooldown.phase(Timestamp(START + 99)),
        cooling(START + 5_050, true)
    );
    assert_eq!(
        cooldown.phase(Timestamp(START + 100)),
        cooling(START + 5_050, false)
    );
}

#[test]
fn server_errors_count_only_in_a_row() {
    let mut cooldown = Cooldown::new(&at(CooldownReason::ServerError, START));
    assert!(cooldown.fail(&at(CooldownReason::ServerError, START + 1_000)));
    assert_eq!(cooldown.phase(Timestamp(START + 1_000)), Phase::Ready);
    assert!(
        !cooldown.fail(&at(CooldownReason::ServerError, START + 1_000)),
        "the same failure twice is one"
    );
    assert!(cooldown.fail(&at(CooldownReason::ServerError, START + 2_000)));
    assert_eq!(
        cooldown.phase(Timestamp(START + 2_000)),
        cooling(START + 7_000, false)
    );
    // Far apart, each is the first.
    let mut cooldown = Cooldown::new(&at(CooldownReason::ServerError, START));
    for minutes in 1..10 {
        let now = START + minutes * (ROW_GAP_MS + 1);
        assert!(cooldown.fail(&at(CooldownReason::ServerError, now)));
        assert_eq!(cooldown.phase(Timestamp(now)), Phase::Ready);
    }
}

#[test]
fn an_answer_cures_only_what_it_comes_after() {
    let counted = Cooldown::new(&at(CooldownReason::ServerError, START));
    assert!(counted.is_cured_by(Timestamp(START + 1), true));
    assert!(!counted.is_cured_by(Timestamp(START + 1), false));
    assert!(!counted.is_cured_by(Timestamp(START - 1), true));
    let cooling = Cooldown::new(&at(CooldownReason::Throttled, START));
    assert!(cooling.is_cured_by(Timestamp(START + 1), false));
    assert!(!cooling.is_cured_by(Timestamp(START - 1), true));
}

#[test]
fn a_lease_keeps_others_away_and_runs_out() {
    let mut cooldown = Cooldown::new(&at(CooldownReason::Unreachable, START));
    let end = START + 5_000;
    cooldown.lease = Some(Timestamp(end + 700));
    assert_eq!(
        cooldown.phase(Timestamp(end + 699)),
        cooling(end + 700, false)
    );
    assert_eq!(cooldown.phase(Timestamp(end + 700)), Phase::HalfOpen);
    assert!(cooldown.fail(&sample(
        CooldownReason::Unreachable,
        end + 1,
        end + 50,
        None
    )));
    assert_eq!(cooldown.lease, None);
    assert_eq!(
        cooldown.phase(Timestamp(end + 50)),
        cooling(end + 10_050, false)
    );
}

#[test]
fn what_has_no_requests_starts_over() {
    let mut cooldown = Cooldown::new(&at(CooldownReason::Unreachable, START));
    let end = START + 5_000;
    cooldown.fail(&sample(CooldownReason::Unreachable, end, end, None));
    assert_eq!(cooldown.strikes, 2);
    let later = end + 10_000 + CooldownReason::Unreachable.cap_ms() + 1;
    assert!(cooldown.is_forgotten(Timestamp(later)));
    cooldown.fail(&at(CooldownReason::Unreachable, later));
    assert_eq!(cooldown.strikes, 1);
}

#[test]
fn a_channels_own_wait_is_bounded_by_ours() {
    let cooldown = Cooldown::new(&sample(
        CooldownReason::Unreachable,
        START,
        START,
        Some(86_400_000),
    ));
    assert_eq!(
        cooldown.phase(Timestamp(START)),
        cooling(START + CooldownReason::Unreachable.cap_ms(), false)
    );
}

#[test]
fn the_longest_accepted_wait_is_kept_to_its_end() {
    for wait_ms in [retry_after::MAX_MS - 1, retry_after::MAX_MS] {
        // Not on a whole second, so that the end is rounded up.
        let now = START + 123;
        let mut cooldown =
            Cooldown::new(&sample(CooldownReason::Throttled, now, now, Some(wait_ms)));
        let end = (now + wait_ms).next_multiple_of(1_000);
        // An instance whose clock is behind sees the end even further away.
        for at in [now - 30_000, now, now + 1, end - 1] {
            assert_eq!(
                cooldown.phase(Timestamp(at)),
                cooling(end, true),
                "{wait_ms} at {at}"
            );
        }
        assert_eq!(cooldown.phase(Timestamp(end)), Phase::HalfOpen);
        // The only key is asked all the same, and says it again.
        assert!(!cooldown.fail(&sample(
            CooldownReason::Throttled,
            now + 5,
            now + 10,
            Some(wait_ms)
        )));
        assert_eq!(cooldown.strikes, 1, "that was no probe");
    }
}

#[test]
fn a_clock_that_was_set_back_disables_nothing() {
    let cooldown = Cooldown::new(&at(
        CooldownReason::Refused,
        START + 10 * retry_after::MAX_MS,
    ));
    assert_eq!(cooldown.phase(Timestamp(START)), Phase::HalfOpen);

    let mut cooldown = Cooldown::new(&at(CooldownReason::Refused, START));
    let later = cooldown.until;
    cooldown.lease = Some(later.plus_ms(10 * retry_after::MAX_MS));
    assert_eq!(cooldown.phase(later), Phase::HalfOpen, "a probe's lease");
}

#[test]
fn a_failure_of_the_future_is_forgotten() {
    let future = START + 2 * retry_after::MAX_MS;
    let mut cooldown = Cooldown::new(&at(CooldownReason::Unreachable, future));
    assert!(cooldown.is_forgotten(Timestamp(START)));
    assert!(!cooldown.is_forgotten(Timestamp(future - 60_000)));
    assert!(cooldown.fail(&at(CooldownReason::Unreachable, START)));
    assert_eq!(cooldown.until, Timestamp(START + 5_000));
}

#[test]
fn long_waits_end_with_a_whole_second_and_short_ones_exactly() {
    let now = START + 123;
    let until = |wait_ms| {
        let reason = CooldownReason::Throttled;
        Cooldown::new(&sample(reason, now, now, Some(wait_ms))).until
    };
    assert_eq!(until(9_999), Timestamp(now + 9_999));
    assert_eq!(until(10_000), Timestamp(START + 11_000));
}

#[test]
fn a_clock_that_is_behind_by_a_minute_is_accepted() {
    let cooldown = Cooldown::new(&at(CooldownReason::Refused, START));
    let behind = |ms| cooldown.phase(Timestamp(START - ms));
    assert_eq!(behind(60_000), cooling(START + 30_000, false));
    assert_eq!(behind(60_001), Phase::HalfOpen);
}

#[test]
fn a_success_that_began_with_the_failure_counts() {
    let cooldown = Cooldown::new(&at(CooldownReason::Refused, START));
    assert!(cooldown.is_cured_by(Timestamp(START), false));
    assert!(!cooldown.is_cured_by(Timestamp(START - 1), true));
}

#[test]
fn a_cooldown_is_kept_for_its_longest_period() {
    let cooldown = Cooldown::new(&at(CooldownReason::Refused, START));
    let last = START + 30_000 + CooldownReason::Refused.cap_ms();
    assert!(!cooldown.is_forgotten(Timestamp(last)));
    assert!(cooldown.is_forgotten(Timestamp(last + 1)));
}

#[test]
fn a_retry_after_of_zero_is_a_second_that_the_upstream_asked_for() {
    let reason = CooldownReason::Throttled;
    let cooldown = Cooldown::new(&sample(reason, START, START, Some(0)));
    assert_eq!(
        cooldown.phase(Timestamp(START)),
        cooling(START + 1_000, true)
    );
}

#[test]
fn failures_beside_a_cooldown_extend_it_by_an_eighth_or_not_at_all() {
    let mut cooldown = Cooldown::new(&at(CooldownReason::Unreachable, START));
    assert!(!cooldown.fail(&at(CooldownReason::Unreachable, START + 625)));
    assert_eq!(cooldown.until, Timestamp(START + 5_000));
    assert!(cooldown.fail(&at(CooldownReason::Unreachable, START + 626)));
    assert_eq!(cooldown.until, Timestamp(START + 5_626));
    assert_eq!(cooldown.at, Timestamp(START + 626), "the latest failure");
}

#[test]
fn the_caps_are_minutes() {
    for (reason, minutes) in [
        (CooldownReason::Unreachable, 1),
        (CooldownReason::ServerError, 1),
        (CooldownReason::Throttled, 5),
        (CooldownReason::ModelUnknown, 5),
        (CooldownReason::Refused, 10),
    ] {
        assert_eq!(reason.cap_ms(), minutes * 60_000, "{reason:?}");
    }
}

#[test]
fn the_last_failure_is_the_one_that_is_described() {
    let mut cooldown = Cooldown::new(&at(CooldownReason::Throttled, START));
    let mut later = sample(
        CooldownReason::Throttled,
        START + 6_000,
        START + 6_010,
        None,
    );
    later.status = Some(429);
    later.message = "slow down".to_owned();
    assert!(cooldown.fail(&later));
    assert_eq!(cooldown.status, Some(429));
    assert_eq!(cooldown.message, "slow down");
}

#[test]
fn a_time_is_of_another_clock_beyond_the_longest_wait_a_second_and_the_skew() {
    let now = Timestamp(START);
    let longest = now.plus_ms(retry_after::MAX_MS + 61_000);
    assert!(!is_of_another_clock(longest, now));
    assert!(is_of_another_clock(longest.plus_ms(1), now));
}
