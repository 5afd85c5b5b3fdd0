//! The order of attempts per kind of failure, and what is known before.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const UNREACHABLE: Failure = Failure::Unreachable(SendErrorKind::Connect);

fn turns(list: &[(usize, usize, usize)]) -> Vec<PlannedChannel> {
    turns_for(0, list)
}

fn turns_for(model: usize, list: &[(usize, usize, usize)]) -> Vec<PlannedChannel> {
    list.iter()
        .map(|&(channel, count, start)| PlannedChannel {
            model,
            channel,
            keys: KeyOrder::Rotation { count, start },
        })
        .collect()
}

fn ready(_: Candidate) -> Phase {
    Phase::Ready
}

fn cooling(until: u64, has_retry_after: bool) -> Phase {
    Phase::Cooling {
        until: Timestamp(until),
        has_retry_after,
    }
}

/// The pairs in the order of a request in which every attempt fails as `failure` says.
fn order(
    list: &[(usize, usize, usize)],
    phase: impl Fn((usize, usize)) -> Phase,
    mut failure: impl FnMut(Candidate) -> Failure,
) -> Vec<(usize, usize)> {
    let mut plan = Plan::new(turns(list), 100);
    let mut pairs = Vec::new();
    while let Some(next) = plan.next(|candidate| phase((candidate.channel, candidate.key))) {
        pairs.push((next.candidate.channel, next.candidate.key));
        plan.failed(next.candidate, failure(next.candidate));
    }
    pairs
}

fn order_of_ready(
    list: &[(usize, usize, usize)],
    failure: impl FnMut(Candidate) -> Failure,
) -> Vec<(usize, usize)> {
    order(list, |_| Phase::Ready, failure)
}

#[test]
fn a_broken_key_goes_on_with_the_next_key_then_the_next_channel() {
    for failure in [
        Failure::ServerError,
        Failure::Throttled,
        Failure::KeyRefused,
    ] {
        assert_eq!(
            order_of_ready(&[(7, 3, 2), (4, 1, 9)], |_| failure),
            [(7, 2), (7, 0), (7, 1), (4, 0)]
        );
    }
}

#[test]
fn keys_in_a_fixed_order_are_taken_in_it() {
    let turn = PlannedChannel {
        model: 0,
        channel: 1,
        keys: KeyOrder::Fixed(vec![2, 0, 1]),
    };
    let mut plan = Plan::new([turn], 100);
    let keys: Vec<usize> = std::iter::from_fn(|| plan.next(ready))
        .map(|next| next.candidate.key)
        .collect();
    assert_eq!(keys, [2, 0, 1]);
}

#[test]
fn an_unreachable_channel_keeps_its_other_keys_for_last() {
    assert_eq!(
        order_of_ready(&[(0, 3, 0), (1, 2, 1)], |_| UNREACHABLE),
        [(0, 0), (1, 1), (0, 1), (1, 0), (0, 2)]
    );
    let mixed = |candidate: Candidate| {
        if candidate.channel == 0 {
            UNREACHABLE
        } else {
            Failure::ServerError
        }
    };
    assert_eq!(
        order_of_ready(&[(0, 2, 0), (1, 2, 0)], mixed),
        [(0, 0), (1, 0), (1, 1), (0, 1)]
    );
}

#[test]
fn an_unknown_model_leaves_the_channel_for_good() {
    assert_eq!(
        order_of_ready(&[(0, 3, 0), (1, 1, 0)], |_| Failure::ModelUnknown),
        [(0, 0), (1, 0)]
    );
}

#[test]
fn a_refused_request_or_one_whose_client_left_ends_it() {
    let client_gone = Failure::Unreachable(SendErrorKind::ClientGone);
    for failure in [Failure::RequestRefused, client_gone] {
        assert_eq!(
            order_of_ready(&[(0, 3, 0), (1, 1, 0)], |_| failure),
            [(0, 0)]
        );
    }
}

#[test]
fn attempts_are_bounded() {
    let mut plan = Plan::new(turns(&[(0, 50, 0)]), 3);
    let count = std::iter::from_fn(|| plan.next(ready)).count();
    assert_eq!(count, 3);
}

#[test]
fn what_cools_comes_after_all_others_and_the_first_to_end_first() {
    let phase = |pair| match pair {
        (0, 0) => cooling(50, false),
        (0, 1) => cooling(20, false),
        (1, 0) => cooling(90, false),
        _ => Phase::Ready,
    };
    assert_eq!(
        order(&[(0, 3, 0), (1, 2, 0)], phase, |_| Failure::ServerError),
        [(0, 2), (1, 1), (0, 1), (0, 0), (1, 0)]
    );
}

#[test]
fn of_the_keys_that_must_wait_only_the_first_to_end_is_called() {
    let phase = |(_, key)| match key {
        0 => cooling(700, true),
        1 => cooling(300, true),
        2 => cooling(500, false),
        _ => cooling(900, true),
    };
    let mut plan = Plan::new(turns(&[(0, 4, 0)]), 100);
    let mut keys = Vec::new();
    while let Some(next) = plan.next(|candidate| phase((candidate.channel, candidate.key))) {
        keys.push(next.candidate.key);
        plan.failed(next.candidate, Failure::Throttled);
    }
    assert_eq!(keys, [2, 1]);
    assert_eq!(plan.retry_at(), Some(Timestamp(700)));
}

#[test]
fn nothing_that_cools_is_started_beside_another() {
    let phase = |candidate: Candidate| {
        if candidate.key == 0 {
            cooling(9, true)
        } else {
            Phase::Ready
        }
    };
    let mut plan = Plan::new(turns(&[(0, 3, 1)]), 100);
    let mut keys = Vec::new();
    while let Some(next) = plan.next_beside(phase) {
        keys.push(next.candidate.key);
    }
    assert_eq!(keys, [1, 2]);
    assert_eq!(plan.next(phase).unwrap().candidate.key, 0, "it is not lost");
}

#[test]
fn keys_that_are_left_are_used_evenly() {
    let phase = |candidate: Candidate| {
        if candidate.key < 2 {
            cooling(9, false)
        } else {
            Phase::Ready
        }
    };
    let mut first = [0_u32; 5];
    for start in 1_000..4_000 {
        let mut plan = Plan::new(turns(&[(0, 5, start)]), 100);
        first[plan.next(phase).unwrap().candidate.key] += 1;
    }
    assert_eq!(first, [0, 0, 1_000, 1_000, 1_000]);
}

#[test]
fn what_another_request_learns_meanwhile_counts() {
    let mut plan = Plan::new(turns(&[(0, 3, 0)]), 100);
    let first = plan.next(ready).unwrap();
    assert_eq!(first.candidate.key, 0);
    // Now another request gets key 1 throttled.
    let phase = |candidate: Candidate| {
        if candidate.key == 1 {
            cooling(9, true)
        } else {
            Phase::Ready
        }
    };
    assert_eq!(plan.next(phase).unwrap().candidate.key, 2);
    assert_eq!(plan.next(phase).unwrap().candidate.key, 1);
}

#[test]
fn a_probe_that_another_request_has_is_tried_last_and_not_asked_for_again() {
    let mut plan = Plan::new(turns(&[(0, 2, 0)]), 2);
    let phase = |candidate: Candidate| {
        if candidate.key == 0 {
            Phase::HalfOpen
        } else {
            Phase::Ready
        }
    };
    let first = plan.next(phase).unwrap();
    assert!(first.is_probe);
    plan.postpone(first.candidate);
    let second = plan.next(phase).unwrap();
    assert_eq!((second.candidate.key, second.is_probe), (1, false));
    let third = plan.next(phase).unwrap();
    assert_eq!((third.candidate.key, third.is_probe), (0, false));
    assert_eq!(plan.next(phase), None);
}

/// What a request tries for two models that channels 0 and 1 serve, with two keys each.
fn order_of_two_models(
    phase: impl Fn(Candidate) -> Phase,
    mut failure: impl FnMut(Candidate) -> Failure,
) -> Vec<(usize, usize, usize)> {
    let list = [(0, 2, 0), (1, 2, 0)];
    let mut plan = Plan::new([turns_for(0, &list), turns_for(1, &list)].concat(), 100);
    let mut tried = Vec::new();
    while let Some(Next { candidate, .. }) = plan.next(&phase) {
        tried.push((candidate.model, candidate.channel, candidate.key));
        plan.failed(candidate, failure(candidate));
    }
    tried
}

#[test]
fn the_next_model_comes_after_all_channels_of_the_one_before() {
    assert_eq!(
        order_of_two_models(ready, |_| Failure::ServerError),
        [
            (0, 0, 0),
            (0, 0, 1),
            (0, 1, 0),
            (0, 1, 1),
            (1, 0, 0),
            (1, 0, 1),
            (1, 1, 0),
            (1, 1, 1)
        ]
    );
    assert_eq!(
        order_of_two_models(ready, |_| Failure::RequestRefused),
        [(0, 0, 0)]
    );
}

#[test]
fn a_model_whose_channels_all_cool_is_tried_after_the_next_one() {
    let phase = |candidate: Candidate| match candidate.model {
        0 => cooling(9, false),
        _ => Phase::Ready,
    };
    let order = order_of_two_models(phase, |_| Failure::ServerError);
    let models: Vec<usize> = order.iter().map(|(model, ..)| *model).collect();
    assert_eq!(models, [1, 1, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn an_unknown_model_leaves_its_channel_for_the_other_models() {
    let failure = |candidate: Candidate| match (candidate.model, candidate.channel) {
        (0, 0) => Failure::ModelUnknown,
        _ => Failure::KeyRefused,
    };
    assert_eq!(
        order_of_two_models(ready, failure),
        [
            (0, 0, 0),
            (0, 1, 0),
            (0, 1, 1),
            (1, 0, 0),
            (1, 0, 1),
            (1, 1, 0),
            (1, 1, 1)
        ]
    );
}

#[test]
fn an_unreachable_channel_comes_last_for_every_model() {
    let failure = |candidate: Candidate| match candidate.channel {
        0 => UNREACHABLE,
        _ => Failure::ServerError,
    };
    assert_eq!(
        order_of_two_models(ready, failure),
        [
            (0, 0, 0),
            (0, 1, 0),
            (0, 1, 1),
            (1, 1, 0),
            (1, 1, 1),
            (0, 0, 1),
            (1, 0, 0),
            (1, 0, 1)
        ]
    );
}

#[test]
fn of_the_keys_that_must_wait_one_is_called_for_each_model() {
    let phase = |candidate: Candidate| cooling(if candidate.key == 0 { 300 } else { 700 }, true);
    assert_eq!(
        order_of_two_models(phase, |_| Failure::Throttled),
        [(0, 0, 0), (1, 0, 0)]
    );
}

fn any_failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::ServerError),
        Just(Failure::Throttled),
        Just(Failure::KeyRefused),
        Just(Failure::ModelUnknown),
        Just(Failure::OperationUnsupported),
        Just(UNREACHABLE),
    ]
}

fn any_phase() -> impl Strategy<Value = Phase> {
    prop_oneof![
        3 => Just(Phase::Ready),
        1 => Just(Phase::HalfOpen),
        1 => (0..1_000_u64).prop_map(|until| cooling(until, false)),
        1 => (0..1_000_u64).prop_map(|until| cooling(until, true)),
    ]
}

proptest! {
    #[test]
    fn no_pair_twice_and_none_forgotten(
        chain in prop::collection::vec(prop::collection::btree_map(0_usize..6, (0_usize..5, any::<usize>()), 0..6), 1..4),
        failures in prop::collection::vec(any_failure(), 40),
        phases in prop::collection::vec(any_phase(), 77),
    ) {
        let lists: Vec<Vec<(usize, usize, usize)>> = chain
            .iter()
            .map(|sizes| sizes.iter().map(|(&channel, &(keys, start))| (channel, keys, start)).collect())
            .collect();
        let place = |one: Candidate| (one.model * 30 + one.channel * 5 + one.key) % phases.len();
        let phase = |candidate: Candidate| phases[place(candidate)];
        let has_retry_after = |candidate| matches!(phase(candidate), Phase::Cooling { has_retry_after: true, .. });
        let mut given = failures.iter().copied();
        let mut gone = HashSet::new();
        let turns = lists.iter().enumerate().flat_map(|(model, list)| turns_for(model, list));
        let mut plan = Plan::new(turns, 100);
        let mut tried = Vec::new();
        while let Some(next) = plan.next(phase) {
            let failure = given.next().unwrap_or(Failure::ServerError);
            if matches!(failure, Failure::ModelUnknown | Failure::OperationUnsupported) {
                gone.insert((next.candidate.model, next.candidate.channel));
            }
            tried.push(next.candidate);
            plan.failed(next.candidate, failure);
        }
        let unique: HashSet<_> = tried.iter().copied().collect();
        prop_assert_eq!(unique.len(), tried.len(), "no pair twice");
        let stated = tried.iter().filter(|candidate| has_retry_after(**candidate));
        let stated: Vec<usize> = stated.map(|candidate| candidate.model).collect();
        let once: HashSet<&usize> = stated.iter().collect();
        prop_assert_eq!(once.len(), stated.len(), "one for each model");
        for (model, list) in lists.iter().enumerate() {
            for &(channel, keys, _) in list {
                for key in 0..keys {
                    let candidate = Candidate { model, channel, key };
                    prop_assert!(
                        unique.contains(&candidate)
                            || gone.contains(&(model, channel))
                            || has_retry_after(candidate),
                        "{candidate:?} was forgotten"
                    );
                }
            }
        }
        // No cooling candidate comes before one that is not, unless that one was put last by a failure.
        if !failures.contains(&UNREACHABLE) {
            let places: Vec<bool> = tried.iter().map(|candidate| matches!(phase(*candidate), Phase::Cooling { .. })).collect();
            prop_assert!(places.is_sorted());
            let models = tried.iter().zip(&places).filter(|(_, cools)| !**cools).map(|(one, _)| one.model);
            prop_assert!(models.is_sorted(), "a later model came first");
        }
    }
}
