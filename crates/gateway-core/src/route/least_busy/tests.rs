//! Orders by load.

use proptest::prelude::*;

use super::super::load::Measured;
use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn entry(index: usize, weight: u16) -> LoadedChannel {
    LoadedChannel {
        channel: WeightedChannel {
            index,
            priority: 0,
            weight,
        },
        load: Rc::default(),
        readiness: Readiness::Ready,
    }
}

/// Channels with these weights, calls in flight and times to the first byte.
fn group(of: &[(u16, u32, u64)]) -> Vec<LoadedChannel> {
    let loaded = |(index, (weight, in_flight, first_byte_ms)): (usize, &(u16, u32, u64))| {
        let one = entry(index, *weight);
        for _ in 0..=*in_flight {
            let began = Timestamp(NOW.0 - first_byte_ms);
            one.load.begin(began);
            one.load.measure(began, NOW, Some(Measured::Answered));
        }
        one.load.end();
        one
    };
    of.iter().enumerate().map(loaded).collect()
}

fn order(group: &[LoadedChannel]) -> Vec<usize> {
    group.iter().map(|one| one.channel.index).collect()
}

fn sorted(mut group: Vec<LoadedChannel>) -> Vec<usize> {
    sort(&mut group, NOW);
    order(&group)
}

#[test]
fn of_two_the_one_with_less_to_do_comes_first() {
    // Fewer calls in flight.
    assert_eq!(sorted(group(&[(1, 3, 100), (1, 2, 100)])), [1, 0]);
    // Faster.
    assert_eq!(sorted(group(&[(1, 1, 900), (1, 2, 100)])), [1, 0]);
    // Three times the weight bears three times the load.
    assert_eq!(sorted(group(&[(1, 1, 100), (3, 4, 100)])), [1, 0]);
    assert_eq!(sorted(group(&[(1, 1, 100), (3, 6, 100)])), [0, 1]);
    // As busy as each other: the draw decides.
    assert_eq!(sorted(group(&[(2, 3, 100), (2, 3, 100)])), [0, 1]);
    // Weights of 0 are equals among themselves.
    assert_eq!(sorted(group(&[(0, 1, 100), (0, 0, 100)])), [1, 0]);
}

#[test]
fn only_two_are_compared_for_the_first_place() {
    let all = group(&[(1, 2, 100), (1, 1, 100), (1, 0, 100)]);
    assert_eq!(sorted(all), [1, 2, 0]);
}

#[test]
fn a_new_channel_is_tried_and_not_flooded() {
    let mut all = group(&[(1, 0, 100), (1, 0, 300)]);
    all.insert(0, entry(9, 1));
    assert_eq!(sorted(all.clone())[0], 9, "it counts as the fastest");
    // Its first call waits longer than the others take: it has to answer first.
    all[0].load.begin(Timestamp(NOW.0 - 60));
    assert_eq!(sorted(all)[0], 0);
}

#[test]
fn one_that_cools_comes_last_and_one_that_recovers_is_tried() {
    let mut all = group(&[(1, 0, 1), (1, 9, 900), (1, 9, 900)]);
    all[0].readiness = Readiness::Cooling;
    assert_eq!(sorted(all.clone()), [1, 2, 0]);
    all[2].readiness = Readiness::Recovering;
    assert_eq!(sorted(all), [2, 1, 0]);
}

#[test]
fn a_session_stays_unless_its_channel_has_far_more_than_its_share() {
    let bounded = |of: &[(u16, u32, u64)]| {
        let mut all = group(of);
        bound(&mut all);
        order(&all)
    };
    // Slow is no reason: the prompt cache is there.
    assert_eq!(bounded(&[(1, 0, 900), (1, 0, 100)]), [0, 1]);
    // Few calls are no reason.
    assert_eq!(bounded(&[(1, 3, 100), (1, 0, 100), (1, 0, 100)]), [0, 1, 2]);
    assert_eq!(bounded(&[(1, 4, 100), (1, 0, 100), (1, 0, 100)]), [1, 2, 0]);
    // Twice its share is allowed, more is not.
    assert_eq!(bounded(&[(1, 9, 100), (1, 5, 100), (1, 5, 100)]), [0, 1, 2]);
    assert_eq!(
        bounded(&[(1, 19, 100), (1, 4, 100), (1, 4, 100)]),
        [1, 2, 0]
    );
    // The share is that of the weight.
    assert_eq!(
        bounded(&[(9, 19, 100), (1, 4, 100), (1, 4, 100)]),
        [0, 1, 2]
    );
}

proptest! {
    #[test]
    fn every_channel_once(
        of in prop::collection::vec((0_u16..5, 0_u32..9, 1_u64..900, 0_usize..3), 0..9),
        is_session: bool,
    ) {
        let list: Vec<_> = of.iter().map(|(weight, calls, ms, _)| (*weight, *calls, *ms)).collect();
        let mut all = group(&list);
        for (one, (_, _, _, readiness)) in all.iter_mut().zip(&of) {
            one.readiness = [Readiness::Ready, Readiness::Recovering, Readiness::Cooling][*readiness];
        }
        if is_session {
            bound(&mut all);
        } else {
            sort(&mut all, NOW);
            let cools: Vec<bool> = all.iter().map(|one| one.readiness == Readiness::Cooling).collect();
            prop_assert!(cools.is_sorted());
        }
        let mut seen = order(&all);
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..of.len()).collect::<Vec<_>>());
    }
}
