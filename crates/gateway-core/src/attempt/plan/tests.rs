//! The order of attempts per kind of failure.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::ports::SendErrorKind;

const UNREACHABLE: Failure = Failure::Unreachable(SendErrorKind::Connect);

fn turns(list: &[(usize, usize, usize)]) -> Vec<Turn> {
    list.iter()
        .map(|&(channel, keys, start)| Turn {
            channel,
            keys,
            start,
        })
        .collect()
}

/// The pairs in the order of a request in which every attempt fails as `failure` says.
fn order(
    list: &[(usize, usize, usize)],
    mut failure: impl FnMut(Candidate) -> Failure,
) -> Vec<(usize, usize)> {
    let mut plan = Plan::new(turns(list), 100);
    let mut pairs = Vec::new();
    while let Some(candidate) = plan.next_candidate() {
        pairs.push((candidate.channel, candidate.key));
        plan.failed(failure(candidate));
    }
    pairs
}

#[test]
fn a_broken_key_goes_on_with_the_next_key_then_the_next_channel() {
    for failure in [
        Failure::ServerError,
        Failure::Throttled,
        Failure::KeyRefused,
    ] {
        assert_eq!(
            order(&[(7, 3, 2), (4, 1, 9)], |_| failure),
            [(7, 2), (7, 0), (7, 1), (4, 0)]
        );
    }
}

#[test]
fn an_unreachable_channel_keeps_its_other_keys_for_last() {
    assert_eq!(
        order(&[(0, 3, 0), (1, 2, 1)], |_| UNREACHABLE),
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
        order(&[(0, 2, 0), (1, 2, 0)], mixed),
        [(0, 0), (1, 0), (1, 1), (0, 1)]
    );
}

#[test]
fn an_unknown_model_leaves_the_channel_for_good() {
    assert_eq!(
        order(&[(0, 3, 0), (1, 1, 0)], |_| Failure::ModelUnknown),
        [(0, 0), (1, 0)]
    );
}

#[test]
fn a_refused_request_ends_it() {
    assert_eq!(
        order(&[(0, 3, 0), (1, 1, 0)], |_| Failure::RequestRefused),
        [(0, 0)]
    );
}

#[test]
fn attempts_are_bounded() {
    let mut plan = Plan::new(turns(&[(0, 50, 0)]), 3);
    let count = std::iter::from_fn(|| plan.next_candidate()).count();
    assert_eq!(count, 3);
}

fn any_failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::ServerError),
        Just(Failure::Throttled),
        Just(Failure::KeyRefused),
        Just(Failure::ModelUnknown),
        Just(UNREACHABLE),
    ]
}

proptest! {
    #[test]
    fn no_pair_twice_and_none_forgotten(
        sizes in prop::collection::vec((0_usize..5, any::<usize>()), 0..6),
        failures in prop::collection::vec(any_failure(), 40),
    ) {
        let list: Vec<(usize, usize, usize)> =
            sizes.iter().enumerate().map(|(channel, &(keys, start))| (channel, keys, start)).collect();
        let mut given = failures.iter().copied();
        let mut gone = HashSet::new();
        let pairs = order(&list, |candidate| {
            let failure = given.next().unwrap_or(Failure::ServerError);
            if failure == Failure::ModelUnknown {
                gone.insert(candidate.channel);
            }
            failure
        });
        let unique: HashSet<_> = pairs.iter().copied().collect();
        prop_assert_eq!(unique.len(), pairs.len(), "no pair twice");
        for (channel, keys, _) in list {
            let tried = pairs.iter().filter(|pair| pair.0 == channel).count();
            if gone.contains(&channel) {
                prop_assert!(tried <= keys);
            } else {
                prop_assert_eq!(tried, keys, "every key of a channel that knows the model");
            }
        }
    }
}
