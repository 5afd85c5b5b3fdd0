//! The order in which channels are tried: priorities first, then weighted chance, or load where a priority says so. Pure:
//! randomness and time are arguments. Knows nothing of keys, cooldowns or requests.

use crate::sorting;

pub mod affinity;
pub mod least_busy;
pub mod load;

use serde::{Deserialize, Serialize};

/// How the channels of one priority share their requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Balance {
    /// By chance, in proportion to their weights.
    #[default]
    Weight,
    /// The less busy one of two that are drawn by their weights.
    LeastBusy,
}

impl Balance {
    /// All of them, by their names.
    pub const ALL: [(&'static str, Self); 2] =
        [("weight", Self::Weight), ("least_busy", Self::LeastBusy)];

    /// The one with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| *known == name).map(|(_, one)| *one)
    }
}

/// What decides a channel's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightedChannel {
    /// The channel's index in its snapshot.
    pub index: usize,
    /// 0 comes first.
    pub priority: u16,
    /// Share of first places within its priority; 0: after all others of its priority.
    pub weight: u16,
}

/// Puts `entries` into the order of a request: by priority, and within one priority weighted random
/// without replacement. The chance to come first is weight by sum of weights.
pub fn shuffle(entries: &mut [WeightedChannel], mut random: impl FnMut() -> u64) {
    sorting::sort_by_key(entries, |entry| (entry.priority, entry.weight == 0));
    let mut start = 0;
    while let Some(first) = entries.get(start) {
        let (priority, idle) = (first.priority, first.weight == 0);
        let length = entries
            .iter()
            .skip(start)
            .take_while(|entry| entry.priority == priority && (entry.weight == 0) == idle)
            .count();
        if let Some(group) = entries.get_mut(start..start + length) {
            shuffle_group(group, &mut random);
        }
        start += length;
    }
}

/// Draws one after the other; entries of weight 0 are among themselves here and count as equals.
fn shuffle_group(group: &mut [WeightedChannel], random: &mut impl FnMut() -> u64) {
    for place in 0..group.len().saturating_sub(1) {
        let rest = group.get_mut(place..).unwrap_or_default();
        let total: u64 = rest
            .iter()
            .map(|entry| u64::from(entry.weight.max(1)))
            .sum();
        let mut ticket = below(total, random());
        let chosen = rest.iter().position(|entry| {
            let weight = u64::from(entry.weight.max(1));
            if ticket < weight {
                return true;
            }
            ticket -= weight;
            false
        });
        rest.swap(0, chosen.unwrap_or(0));
    }
}

/// Maps a random number onto `0..limit` by multiplication: its bias is below 2^-48 for our limits.
fn below(limit: u64, random: u64) -> u64 {
    let product = u128::from(random) * u128::from(limit);
    u64::try_from(product >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests;
