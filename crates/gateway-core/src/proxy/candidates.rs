//! Which channels may answer a request, in which order. Owns the step from a model's name to a [`Plan`]; the order
//! itself is `route`'s, what comes after a failure is `attempt`'s.

use std::rc::Rc;

use super::models;
use crate::attempt::plan::{Candidate, KeyOrder, Plan, PlannedChannel};
use crate::config::snapshot::{Channel, Key, Snapshot};
use crate::error::{ErrorCode, GatewayError, printable};
use crate::route::{self, affinity};

/// The candidates for `model`, in order. `is_translated`: whether a channel can answer the request in another dialect
/// only; within a priority, such channels come after those that speak the client's own.
pub fn plan(
    snapshot: &Snapshot,
    model: &str,
    session: Option<&str>,
    is_translated: impl Fn(&Channel) -> bool,
    random: impl FnMut() -> u64,
) -> Result<Plan, GatewayError> {
    let mut entries = snapshot.entries(model);
    if model.is_empty() {
        let takes_none = |channel: &Rc<Channel>| channel.endpoint.kind().is_model_optional();
        entries.retain(|entry| snapshot.channel(entry.index).is_some_and(takes_none));
    }
    if snapshot.serving(model).next().is_none() {
        return Err(models::not_found(model));
    }
    if entries.is_empty() {
        if model.is_empty() {
            return Err(ErrorCode::NoChannelAvailable.error(
                "The body names no model, and no channel that serves every model is enabled. An admin can enable one in the panel.",
            ));
        }
        return Err(ErrorCode::NoChannelAvailable.error(format!(
            "Only disabled channels serve the model `{}`. An admin can enable one in the panel.",
            printable(model)
        )));
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
    entries.sort_by_cached_key(|entry| {
        let channel = snapshot.channel(entry.index);
        let is_translated = channel.is_some_and(|channel| is_translated(channel));
        (entry.priority, entry.weight == 0, is_translated)
    });
    let turns = entries.iter().filter_map(|entry| {
        let channel = snapshot.channel(entry.index)?;
        Some(PlannedChannel {
            channel: entry.index,
            keys: key_order(channel, session),
        })
    });
    Ok(Plan::new(turns, snapshot.settings.max_attempts))
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
