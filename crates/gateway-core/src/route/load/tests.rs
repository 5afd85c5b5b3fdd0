//! The estimate of a channel's load.

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A channel that has answered after so many milliseconds, at `now`.
fn answered(took_ms: u64, now: Timestamp) -> ChannelLoad {
    let load = ChannelLoad::default();
    call(&load, took_ms, now, Measured::Answered);
    load
}

/// A whole call that ends at `now`.
fn call(load: &ChannelLoad, took_ms: u64, now: Timestamp, measured: Measured) {
    let began = Timestamp(now.0 - took_ms);
    load.begin(began);
    load.measure(began, now, Some(measured));
    load.end();
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.001
}

#[test]
fn the_average_follows_the_calls() {
    let load = answered(100, NOW);
    assert_eq!(load.known_ms(NOW), Some(100.0));
    call(&load, 600, NOW, Measured::Answered);
    assert_eq!(load.known_ms(NOW), Some(200.0));
    for _ in 0..20 {
        call(&load, 1_000, NOW, Measured::Answered);
    }
    assert!(load.known_ms(NOW).is_some_and(|known| known > 980.0));
}

#[test]
fn what_is_old_fades_and_is_forgotten() {
    let load = answered(900, NOW);
    assert_eq!(load.known_ms(NOW.plus_ms(20_000)), Some(450.0));
    assert_eq!(load.known_ms(NOW.plus_ms(40_000)), Some(300.0));
    assert_eq!(load.known_ms(NOW.plus_ms(FORGET_MS)), None);
    // A clock that was set back is no reason to fail.
    assert_eq!(load.known_ms(Timestamp(0)), Some(900.0));
}

#[test]
fn a_failure_counts_as_slow_however_fast_it_comes() {
    let load = answered(100, NOW);
    call(&load, 1, NOW, Measured::Failed);
    let known = load.known_ms(NOW).unwrap_or_default();
    assert!(close(known, 100.0 + (5_001.0 - 100.0) * 0.2), "{known}");
}

#[test]
fn a_call_that_was_given_up_is_a_lower_bound() {
    let load = answered(100, NOW);
    call(&load, 50, NOW, Measured::Abandoned);
    assert_eq!(load.known_ms(NOW), Some(100.0));
    call(&load, 1_100, NOW, Measured::Abandoned);
    assert_eq!(load.known_ms(NOW), Some(300.0));
    let new = ChannelLoad::default();
    call(&new, 1_100, NOW, Measured::Abandoned);
    assert_eq!(new.known_ms(NOW), Some(1_100.0));
}

#[test]
fn a_channel_that_is_back_begins_anew() {
    let load = answered(100, NOW);
    for _ in 0..10 {
        call(&load, 60_000, NOW, Measured::Failed);
    }
    call(&load, 120, NOW, Measured::Recovered);
    assert_eq!(load.known_ms(NOW), Some(120.0));
}

#[test]
fn calls_without_an_answer_raise_the_cost_by_their_age() {
    let load = answered(100, NOW);
    assert!(close(load.cost(1.0, NOW), 100.0));
    load.begin(NOW);
    load.begin(NOW.plus_ms(200));
    // 3 calls; those that wait have been waiting for 900 and 700 ms.
    let later = NOW.plus_ms(900);
    assert!(close(load.waiting_ms(later), 800.0));
    assert!(close(load.cost(1.0, later), 3.0 * 800.0));
    load.measure(NOW, later, None);
    assert!(close(load.waiting_ms(later), 700.0));
    assert_eq!(load.in_flight(), 2);
}

#[test]
fn loads_are_kept_by_channel_and_do_not_grow_for_ever() {
    let loads = Loads::default();
    loads.of("ch_a").begin(NOW);
    assert_eq!(loads.of("ch_a").in_flight(), 1);
    let held = loads.of("ch_held");
    held.begin(NOW);
    for number in 0..3 * MAX_CHANNELS {
        loads.of(&number.to_string());
    }
    assert!(loads.channels.borrow().len() <= MAX_CHANNELS);
    assert_eq!(loads.of("ch_held").in_flight(), 1);
}

proptest! {
    /// However calls begin, answer, fail and end, nothing is in flight when all are over.
    #[test]
    fn every_call_is_counted_once(
        calls in prop::collection::vec((0_u64..100_000, 0_u64..100_000, 0_usize..5), 0..60),
    ) {
        let load = ChannelLoad::default();
        for (began, _, _) in &calls {
            load.begin(NOW.plus_ms(*began));
        }
        prop_assert_eq!(load.in_flight() as usize, calls.len());
        for (began, took, outcome) in &calls {
            let measured = [
                Some(Measured::Answered),
                Some(Measured::Recovered),
                Some(Measured::Failed),
                Some(Measured::Abandoned),
                None,
            ][*outcome];
            let began = NOW.plus_ms(*began);
            load.measure(began, began.plus_ms(*took), measured);
            load.end();
        }
        let end = NOW.plus_ms(200_000);
        prop_assert_eq!((load.in_flight(), load.waiting.get(), load.waiting_since_ms.get()), (0, 0, 0));
        prop_assert!(load.cost(1.0, end).is_finite() && load.cost(1.0, end) >= 1.0);
    }
}
