//! Order and shares.

use proptest::prelude::*;

use super::*;

/// `SplitMix64` (Steele, Lea, Flood 2014): a seeded stream of numbers.
fn seeded(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn entries(list: &[(u16, u16)]) -> Vec<WeightedChannel> {
    let entry = |(index, (priority, weight)): (usize, &(u16, u16))| WeightedChannel {
        index,
        priority: *priority,
        weight: *weight,
    };
    list.iter().enumerate().map(entry).collect()
}

#[test]
fn first_places_follow_the_weights() {
    const DRAWS: u32 = 100_000;
    let weights = [1_u16, 2, 3, 10, 1000];
    let list: Vec<(u16, u16)> = weights.iter().map(|weight| (5, *weight)).collect();
    let mut random = seeded(42);
    let mut first = [0_u32; 5];
    for _ in 0..DRAWS {
        let mut order = entries(&list);
        shuffle(&mut order, &mut random);
        first[order[0].index] += 1;
    }
    for (count, weight) in first.iter().zip(weights) {
        let share = f64::from(*count) / f64::from(DRAWS);
        let expected = f64::from(weight) / 1016.0;
        assert!(
            (share - expected).abs() < 0.003,
            "weight {weight}: {share} instead of {expected}"
        );
    }
}

proptest! {
    #[test]
    fn every_entry_once_by_priority_and_idle_ones_last(
        list in prop::collection::vec((0_u16..4, 0_u16..4), 0..12),
        seed: u64,
    ) {
        let mut order = entries(&list);
        shuffle(&mut order, seeded(seed));
        let mut seen: Vec<usize> = order.iter().map(|entry| entry.index).collect();
        for pair in order.windows(2) {
            prop_assert!((pair[0].priority, pair[0].weight == 0) <= (pair[1].priority, pair[1].weight == 0));
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..list.len()).collect::<Vec<_>>());
    }

    #[test]
    fn tickets_stay_below_their_limit(limit in 1_u64..2_000_000, random: u64) {
        prop_assert!(below(limit, random) < limit);
    }
}
