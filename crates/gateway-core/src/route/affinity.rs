//! Keeps a session where it was: weighted rendezvous hashing ("highest random weight", Thaler and Ravishankar 1996; the
//! weights after Schindelhauer and Schomaker 2005). Owns the hash. Stateless, so that all instances agree, and adding
//! or removing a channel moves only that channel's sessions.

use std::cmp::Ordering;

use sha2::{Digest as _, Sha256};

use super::WeightedChannel;
use crate::sorting;

/// Puts `entries` into the order of a session: by priority, and within one priority by the session's own draw with
/// the weights as chances; entries of weight 0 come after the others of their priority.
pub fn sort<'a>(entries: &mut [WeightedChannel], session: &str, id: impl Fn(usize) -> &'a str) {
    let session = SessionHash::of(session);
    sorting::sort_by_cached_key(entries, |entry| {
        Rank(
            entry.priority,
            entry.weight == 0,
            session.distance(id(entry.index), entry.weight.max(1)),
        )
    });
}

/// The indexes of `ids` in the order of a session, all with the same chance.
pub fn order<'a>(session: &str, ids: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let session = SessionHash::of(session);
    let mut places: Vec<(usize, f64)> = ids.map(|id| session.distance(id, 1)).enumerate().collect();
    sorting::sort_by(&mut places, |one, other| one.1.total_cmp(&other.1));
    places.into_iter().map(|(index, _)| index).collect()
}

/// A session's hash: its name comes from the client and may be long.
struct SessionHash([u8; 32]);

impl SessionHash {
    fn of(name: &str) -> Self {
        Self(Sha256::digest(name.as_bytes()).into())
    }

    /// An exponentially distributed number with the weight as its rate, so that the chance to be the smallest is the
    /// share of the weight.
    fn distance(&self, id: &str, weight: u16) -> f64 {
        let mut hash = Sha256::new_with_prefix(self.0);
        hash.update(id.as_bytes());
        let digest = hash.finalize();
        let mut bits = [0_u8; 4];
        bits.copy_from_slice(digest.get(..4).unwrap_or(&[0; 4]));
        // 32 bits, and never 0, whose logarithm is infinite.
        let uniform = (f64::from(u32::from_le_bytes(bits)) + 0.5) / (f64::from(u32::MAX) + 1.0);
        -uniform.ln() / f64::from(weight)
    }
}

struct Rank(u16, bool, f64);

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0, self.1)
            .cmp(&(other.0, other.1))
            .then(self.2.total_cmp(&other.2))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rank {}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 5] = ["ch_a", "ch_b", "ch_c", "ch_d", "ch_e"];

    fn first(weights: &[(usize, u16)], session: &str) -> usize {
        let mut entries: Vec<WeightedChannel> = weights
            .iter()
            .map(|&(index, weight)| WeightedChannel {
                index,
                priority: 0,
                weight,
            })
            .collect();
        sort(&mut entries, session, |index| IDS[index]);
        entries[0].index
    }

    #[test]
    fn sessions_are_shared_out_by_weight() {
        let weights = [(0, 1), (1, 2), (2, 3), (3, 4)];
        let mut counts = [0_u32; 4];
        for session in 0..20_000 {
            counts[first(&weights, &format!("session-{session}"))] += 1;
        }
        for (count, weight) in counts.iter().zip(1_u32..) {
            let share = f64::from(*count) / 20_000.0;
            let expected = f64::from(weight) / 10.0;
            assert!(
                (share - expected).abs() < 0.015,
                "weight {weight}: {share} instead of {expected}"
            );
        }
    }

    #[test]
    fn a_channel_that_comes_or_goes_moves_only_its_own_sessions() {
        let (before, after) = (
            [(0, 1), (1, 1), (2, 1), (3, 1)],
            [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)],
        );
        let mut moved = 0_u32;
        for session in 0..10_000 {
            let session = format!("session-{session}");
            let (old, new) = (first(&before, &session), first(&after, &session));
            if old != new {
                assert_eq!(new, 4, "{session} moved between channels that stayed");
                moved += 1;
            }
        }
        assert!((1_800..2_200).contains(&moved), "{moved} of 10000 moved");
    }

    #[test]
    fn priorities_and_weight_zero_keep_their_places() {
        for session in 0..100 {
            let entry = |index, priority, weight| WeightedChannel {
                index,
                priority,
                weight,
            };
            let mut entries = [
                entry(0, 1, 9),
                entry(1, 0, 0),
                entry(2, 0, 1),
                entry(3, 0, 5),
            ];
            sort(&mut entries, &session.to_string(), |index| IDS[index]);
            let order: Vec<usize> = entries.iter().map(|entry| entry.index).collect();
            assert_eq!(order[2..], [1, 0]);
        }
    }

    #[test]
    fn every_key_once_and_always_the_same() {
        let order_of = |session| order(session, IDS.iter().copied());
        let mut seen = order_of("s");
        assert_eq!(seen, order_of("s"));
        assert_ne!(order_of("s"), order_of("t"));
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }
}
