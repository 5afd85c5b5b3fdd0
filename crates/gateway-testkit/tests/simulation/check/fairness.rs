//! The rule that what has recovered is used again, where only chance and rotation decide: no working upstream is passed
//! over so often that it cannot be chance.

use std::collections::BTreeMap;

use super::sweep::is_long_fine;
use super::{Rule, Violation, broken};
use crate::history::{Call, History, Meant};
use crate::world::{Candidate, World};

/// A key of three is passed over so often once in 10^14 times, where each request draws anew.
const MAX_PASSED_KEY: u32 = 80;
/// A channel of weight 1 among four of weight 4 is passed over so often once in 10^16 times.
const MAX_PASSED_CHANNEL: u32 = 500;

pub fn check(world: &World, history: &History) -> Result<(), Violation> {
    let mut keys: BTreeMap<Candidate, u32> = BTreeMap::new();
    let mut channels: BTreeMap<usize, u32> = BTreeMap::new();
    let mut last_request = None;
    for call in &history.calls {
        keys.insert(call.who, 0);
        channels.insert(call.who.channel, 0);
        if call.meant == Meant::Good {
            for other in siblings(world, call) {
                let is_passed =
                    is_long_fine(world, history, other, call.model, call.began, call.began);
                count(&mut keys, other, is_passed, MAX_PASSED_KEY, call)?;
            }
        }
        let is_first = last_request.replace(call.request) != Some(call.request);
        if is_first {
            for (other, who) in peers(world, call) {
                let is_passed = who.iter().any(|who| {
                    is_long_fine(world, history, *who, call.model, call.began, call.began)
                });
                count(&mut channels, other, is_passed, MAX_PASSED_CHANNEL, call)?;
            }
        }
    }
    Ok(())
}

fn count<T: Ord + Copy + std::fmt::Debug>(
    passed: &mut BTreeMap<T, u32>,
    who: T,
    is_passed: bool,
    limit: u32,
    call: &Call,
) -> Result<(), Violation> {
    let times = passed.entry(who).or_insert(0);
    *times = if is_passed { *times + 1 } else { 0 };
    if *times > limit {
        let text = format!("{who:?} has been fine for long and was passed over {times} times");
        return broken(Rule::NotUsedAgain, call.began, text);
    }
    Ok(())
}

/// The other keys of the channel that was called.
fn siblings(world: &World, call: &Call) -> impl Iterator<Item = Candidate> {
    world
        .serving(call.model)
        .filter(|other| other.channel == call.who.channel && *other != call.who)
}

/// The other channels that might have come first just as well, with their keys.
fn peers(world: &World, call: &Call) -> impl Iterator<Item = (usize, Vec<Candidate>)> {
    let priority = world.channels[call.who.channel].priority;
    let channels = world.channels.iter().enumerate();
    channels
        .filter(move |(number, channel)| {
            *number != call.who.channel && channel.priority == priority && channel.weight > 0
        })
        .map(|(number, _)| {
            let keys = world
                .serving(call.model)
                .filter(|who| who.channel == number);
            (number, keys.collect::<Vec<_>>())
        })
        .filter(|(_, keys)| !keys.is_empty())
}
