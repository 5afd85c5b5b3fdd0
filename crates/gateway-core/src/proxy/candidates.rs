//! Which channels may answer a request, in which order. Owns the step from the models that are tried to a [`Plan`]; the
//! order itself is `route`'s, what comes after a failure is `attempt`'s.

use std::rc::Rc;

use super::models;
use crate::attempt::plan::{Candidate, KeyOrder, Plan, PlannedChannel};
use crate::config::snapshot::{Channel, Key, Snapshot};
use crate::error::{ErrorCode, GatewayError, printable};
use crate::route::{self, WeightedChannel, affinity};
use crate::sorting;

/// The candidates for a request that names `model`, in order; `chain` are the models that are tried for it. `is_translated`:
/// whether a channel can answer the request for a model in another dialect only; within a priority, such channels come
/// after those that speak the client's own.
pub fn plan(
    snapshot: &Snapshot,
    model: &str,
    chain: &[String],
    session: Option<&str>,
    is_translated: impl Fn(&Channel, &str) -> bool,
    mut random: impl FnMut() -> u64,
) -> Result<Plan, GatewayError> {
    let mut turns = Vec::new();
    for (place, model) in chain.iter().enumerate() {
        let entries = ordered(
            snapshot,
            model,
            session,
            |channel| is_translated(channel, model),
            &mut random,
        );
        turns.extend(entries.iter().filter_map(|entry| {
            let channel = snapshot.channel(entry.index)?;
            Some(PlannedChannel {
                model: place,
                channel: entry.index,
                keys: key_order(channel, session),
            })
        }));
    }
    if turns.is_empty() {
        return Err(no_candidate(snapshot, model, chain));
    }
    Ok(Plan::new(turns, snapshot.settings.max_attempts))
}

/// The channels that may answer for one model, in order.
fn ordered(
    snapshot: &Snapshot,
    model: &str,
    session: Option<&str>,
    is_translated: impl Fn(&Channel) -> bool,
    random: impl FnMut() -> u64,
) -> Vec<WeightedChannel> {
    let mut entries = snapshot.entries(model);
    if model.is_empty() {
        let takes_none = |channel: &Rc<Channel>| channel.endpoint.kind().is_model_optional();
        entries.retain(|entry| snapshot.channel(entry.index).is_some_and(takes_none));
    }
    match session {
        None => route::shuffle(&mut entries, random),
        Some(session) => affinity::sort(&mut entries, session, |index| {
            snapshot
                .channel(index)
                .map_or("", |channel| channel.id.as_str())
        }),
    }
    // The order of equals stays, and so do the shares of the channels.
    sorting::sort_by_cached_key(&mut entries, |entry| {
        let channel = snapshot.channel(entry.index);
        let is_translated = channel.is_some_and(|channel| is_translated(channel));
        (entry.priority, entry.weight == 0, is_translated)
    });
    entries
}

/// Why there is no candidate.
fn no_candidate(snapshot: &Snapshot, model: &str, chain: &[String]) -> GatewayError {
    let is_served = |model: &String| snapshot.serving(model).next().is_some();
    if !chain.iter().any(is_served) {
        return models::not_found(model);
    }
    if model.is_empty() {
        return ErrorCode::NoChannelAvailable.error(
            "The body names no model, and no channel that serves every model is enabled. An admin can enable one in the panel.",
        );
    }
    ErrorCode::NoChannelAvailable.error(format!(
        "Only disabled channels serve the model `{}`. An admin can enable one in the panel.",
        printable(model)
    ))
}

/// A session stays with a key as well: providers keep their caches per account.
fn key_order(channel: &Channel, session: Option<&str>) -> KeyOrder {
    match session {
        Some(session) if channel.keys.len() > 1 => KeyOrder::Fixed(affinity::order(
            session,
            channel.keys.iter().map(|key| key.id.as_str()),
        )),
        _ => KeyOrder::Rotation {
            count: channel.keys.len(),
            start: channel.next_rotation(),
        },
    }
}

/// The channel and the key of a candidate.
pub fn resolve(snapshot: &Snapshot, candidate: Candidate) -> Option<(&Rc<Channel>, &Rc<Key>)> {
    let channel = snapshot.channel(candidate.channel)?;
    Some((channel, channel.keys.get(candidate.key)?))
}
