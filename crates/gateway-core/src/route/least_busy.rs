//! The order of channels that share their requests by load: the power of two choices (Mitzenmacher 2001), and for sessions
//! consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2016). Owns both rules; what a channel's load is,
//! is [`super::load`]'s.

use std::rc::Rc;

use super::WeightedChannel;
use super::load::ChannelLoad;
use crate::units::Timestamp;

/// A session leaves its channel when that has more than so many times its share of the calls in flight.
const MOST_SHARES: u64 = 2;
/// Fewer calls in flight never move a session: one client makes some at once, and a warm prompt cache is worth more.
const FEW_IN_FLIGHT: u64 = 4;

/// A channel that may be chosen.
#[derive(Clone, Debug)]
pub struct LoadedChannel {
    /// Its place and weight.
    pub channel: WeightedChannel,
    /// Its load.
    pub load: Rc<ChannelLoad>,
    /// Whether it may be called.
    pub readiness: Readiness,
}

/// Whether a channel may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// It was out of service; one request shall try it.
    Recovering,
    /// It may be called.
    Ready,
    /// Not while there are others.
    Cooling,
}

/// Puts channels of one priority, which are in the random order of their weights, into the order of a request: of each two
/// that follow each other, the less busy one comes first. The weight counts twice on purpose: it is the chance to be looked
/// at, and the part of the load that the channel can bear.
pub fn sort(group: &mut Vec<LoadedChannel>, now: Timestamp) {
    put_last(group, |one| one.readiness == Readiness::Cooling);
    let known = group.iter().filter_map(|one| one.load.known_ms(now));
    // A channel without a result counts as the fastest, so that it is tried; while its first calls wait for their answers,
    // their number and their age hold others back.
    let unknown_ms = known.reduce(f64::min).unwrap_or(1.0);
    for place in 1..group.len() {
        let [one, other] = [place - 1, place].map(|place| group.get(place));
        let (Some(one), Some(other)) = (one, other) else {
            break;
        };
        if cost(other, unknown_ms, now) < cost(one, unknown_ms, now) {
            group.swap(place - 1, place);
        }
    }
}

/// Puts the channels of one priority, which are in the order of a session, so that those that have too much to do come last.
pub fn bound(group: &mut Vec<LoadedChannel>) {
    let weight = |one: &LoadedChannel| u64::from(one.channel.weight.max(1));
    let in_flight = |one: &LoadedChannel| u64::from(one.load.in_flight());
    let all: u64 = group.iter().map(in_flight).sum();
    let weights: u64 = group.iter().map(weight).sum();
    put_last(group, |one| {
        let own = in_flight(one) + 1;
        own > FEW_IN_FLIGHT && own * weights > MOST_SHARES * (all + 1) * weight(one)
    });
}

/// Moves some to the end; the order of both parts stays.
fn put_last(group: &mut Vec<LoadedChannel>, is_last: impl Fn(&LoadedChannel) -> bool) {
    let last: Vec<LoadedChannel> = group.extract_if(.., |one| is_last(one)).collect();
    group.extend(last);
}

fn cost(one: &LoadedChannel, unknown_ms: f64, now: Timestamp) -> f64 {
    match one.readiness {
        // Only one of all requests gets the right to try it.
        Readiness::Recovering => 0.0,
        Readiness::Ready => one.load.cost(unknown_ms, now) / f64::from(one.channel.weight.max(1)),
        Readiness::Cooling => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests;
