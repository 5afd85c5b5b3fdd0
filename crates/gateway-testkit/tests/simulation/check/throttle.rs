//! The rule about keys whose upstream said how long they will be rejected: they are not used, except as a last resort.

use std::collections::{BTreeMap, BTreeSet};

use super::{KEY_CAP_MS, Rule, Violation, broken, is_known};
use crate::history::{Call, History, Scope};
use crate::world::{Candidate, World};

/// A wait that an upstream requested.
#[derive(Clone, Copy)]
struct Wait {
    instance: usize,
    learned: u64,
    until: u64,
}

/// Ends of waits that are this close to each other count as the same: instances read their clocks at different times.
const SAME_MS: u64 = 1_500;

/// Checks every call; how many were last resorts.
pub fn check(
    world: &World,
    history: &History,
    calls_of: &[Vec<usize>],
) -> Result<usize, Violation> {
    let mut waits: BTreeMap<Candidate, Vec<Wait>> = BTreeMap::new();
    for call in &history.calls {
        if let (Some(_), Some(until)) = (call.known_trouble(history), call.stated_until()) {
            waits.entry(call.who).or_default().push(Wait {
                instance: call.instance,
                learned: call.ended,
                until,
            });
        }
    }
    let mut last_resorts = 0;
    for calls in calls_of {
        let mut is_used = false;
        for (place, number) in calls.iter().enumerate() {
            let call = &history.calls[*number];
            let Some(until) = known_until(world, history, &waits, call.who, call) else {
                continue;
            };
            last_resorts += 1;
            let before: Vec<&Call> = calls[..place]
                .iter()
                .map(|number| &history.calls[*number])
                .collect();
            let why = if is_used {
                Some("after another one of which the same was known".to_owned())
            } else {
                better_one(world, history, &waits, call, &before, until)
            };
            if let Some(why) = why {
                let text = format!(
                    "request {} calls {:?}, which had asked not to be called until {until}, {why}",
                    call.request, call.who
                );
                return broken(Rule::CalledInsideRetryAfter, call.began, text);
            }
            is_used = true;
        }
    }
    Ok(last_resorts)
}

/// The end of the wait inside which `who` is at the beginning of `call`, as far as the calling instance must know.
fn known_until(
    world: &World,
    history: &History,
    waits: &BTreeMap<Candidate, Vec<Wait>>,
    who: Candidate,
    call: &Call,
) -> Option<u64> {
    let waits = waits.get(&who)?;
    // Ends grow with time but for a little, and most calls come long after the last wait.
    let known = waits.iter().rev().filter(|wait| {
        wait.until > call.began
            && wait.learned < call.began
            && is_known(
                world,
                history,
                (wait.instance, wait.learned),
                call.request,
                call.began,
            )
    });
    known.map(|wait| wait.until).max()
}

/// Whether nothing but what a key's upstream had requested can speak against it: no trouble of its channel or model for long.
fn is_kept_by_key_only(world: &World, who: Candidate, call: &Call) -> bool {
    let since = call.began.saturating_sub(KEY_CAP_MS);
    let channel = &world.channels[who.channel];
    channel.trouble.is_fine(since, call.began)
        && channel.models[&call.model].is_fine(since, call.began)
}

/// Why the last resort was not the last: a candidate that was not tried yet and had requested no wait, or a shorter
/// one.
fn better_one(
    world: &World,
    history: &History,
    waits: &BTreeMap<Candidate, Vec<Wait>>,
    call: &Call,
    before: &[&Call],
    until: u64,
) -> Option<String> {
    let tried: BTreeSet<Candidate> = before.iter().map(|call| call.who).collect();
    let without_model: BTreeSet<usize> = before
        .iter()
        .filter(|call| {
            call.trouble()
                .is_some_and(|trouble| trouble.scope == Scope::Model)
        })
        .map(|call| call.who.channel)
        .collect();
    for other in world.serving(call.model) {
        if other == call.who || tried.contains(&other) || without_model.contains(&other.channel) {
            continue;
        }
        // This instance may know of later ends than it must.
        let latest = waits.get(&other).and_then(|waits| {
            let said = waits.iter().filter(|wait| wait.learned <= call.began);
            said.map(|wait| wait.until).max()
        });
        let latest = latest.filter(|latest| *latest > call.began);
        match (known_until(world, history, waits, other, call), latest) {
            (Some(_), Some(latest))
                if latest + SAME_MS < until && is_kept_by_key_only(world, other, call) =>
            {
                return Some(format!(
                    "though {other:?} had requested less, until {latest}"
                ));
            }
            (None, None) => {
                return Some(format!(
                    "though {other:?} was left and had requested nothing"
                ));
            }
            _ => {}
        }
    }
    None
}
