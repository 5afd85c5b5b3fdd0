//! The rule about writes: each has its reason in something that failed, was tried again or was given back.

use std::collections::BTreeSet;

use super::{Rule, SHARED_MS, Violation, broken};
use crate::history::{End, History};
use crate::world::{HOUR_MS, SECOND_MS, World};
use gateway_testkit::sim::CallEnd;

/// A write follows from what happened so shortly before: a failure that is only counted is cured within a minute.
const AFTER_MS: u64 = 65 * SECOND_MS;
/// A claim is written so shortly before its call.
const BEFORE_MS: u64 = 2 * SECOND_MS;

pub fn check(world: &World, history: &History, is_suspect: &[bool]) -> Result<(), Violation> {
    // Times at which a write may have its reason, each with the time until which it may follow.
    let mut reasons: Vec<(u64, u64)> = Vec::new();
    for (call, is_suspect) in history.calls.iter().zip(is_suspect) {
        // The hedge beside it may have been claimed and not called, since the answer came first.
        let hedge_after_ms = world.channels[call.who.channel].hedge_after_ms;
        let is_hedged = hedge_after_ms.is_some_and(|after_ms| call.began + after_ms <= call.ended);
        if call.trouble().is_some() || *is_suspect || is_hedged {
            // What a request gives back is only written with the instance's next check of the store.
            let follows_ms = if call.end == CallEnd::Dropped || is_hedged {
                HOUR_MS
            } else {
                AFTER_MS
            };
            let over = call.ended.max(history.requests[call.request].over());
            reasons.push((call.began.saturating_sub(BEFORE_MS), over + follows_ms));
        }
    }
    // A client that leaves between the claim of a probe and its call leaves no call behind.
    let has_calls: BTreeSet<usize> = history.calls.iter().map(|call| call.request).collect();
    for (number, request) in history.requests.iter().enumerate() {
        if let End::Left { at } = request.end
            && !has_calls.contains(&number)
        {
            reasons.push((request.arrived, at + HOUR_MS));
        }
    }
    let allowed = 4 * reasons.len();
    for episode in world.store.episodes() {
        reasons.push((episode.from, episode.to + HOUR_MS));
    }
    reasons.sort_unstable();
    let (mut next, mut until) = (0, 0);
    for write in &history.health_writes {
        while let Some((_, end)) = reasons.get(next).filter(|(from, _)| from <= write) {
            until = until.max(*end);
            next += 1;
        }
        if *write > until + SHARED_MS {
            let text = "the health record is written though nothing had happened".to_owned();
            return broken(Rule::WrittenForNothing, *write, text);
        }
    }
    if history.other_writes > 0 {
        let text = format!("{} writes of other records", history.other_writes);
        return broken(Rule::WrittenForNothing, u64::MAX, text);
    }
    let is_store_fine = world.store.episodes().next().is_none();
    if is_store_fine && history.health_writes.len() > allowed {
        let text = format!(
            "{} writes for {} calls that had a reason",
            history.health_writes.len(),
            reasons.len()
        );
        return broken(Rule::WrittenForNothing, u64::MAX, text);
    }
    Ok(())
}
