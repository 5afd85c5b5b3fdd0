//! Which channels may answer a request, in which order. Owns the step from the models that are tried to a [`Plan`]; the
//! order itself is `route`'s, what comes after a failure is `attempt`'s.

use std::rc::Rc;

use super::channel_dialect::upstream_operation;
use super::{Gateway, models, operation};
use crate::attempt::plan::{Candidate, KeyOrder, Plan, PlannedChannel};
use crate::config::snapshot::{Channel, Key, Snapshot};
use crate::error::{ErrorCode, GatewayError, printable};
use crate::health::cooldown::Phase;
use crate::ports::ProxyPorts;
use crate::route::least_busy::{self, LoadedChannel, Readiness};
use crate::route::{self, Balance, WeightedChannel, affinity};
use crate::sorting;
use crate::units::Timestamp;

/// What the order of channels depends on beside the model.
pub struct Choice<'a, P: ProxyPorts> {
    /// The instance.
    pub gateway: &'a Gateway<P>,
    /// The configuration.
    pub snapshot: &'a Snapshot,
    /// The operation's path.
    pub path: &'static str,
    /// The session that the request names.
    pub session: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
}

impl<P: ProxyPorts> Choice<'_, P> {
    /// The candidates for a request that names `model`, in order; `chain` are the models that are tried for it.
    pub fn plan(&self, model: &str, chain: &[String]) -> Result<Plan, GatewayError> {
        let snapshot = self.snapshot;
        let mut turns = Vec::new();
        for (place, model) in chain.iter().enumerate() {
            let entries = self.ordered(model);
            turns.extend(entries.iter().filter_map(|entry| {
                let channel = snapshot.channel(entry.index)?;
                Some(PlannedChannel {
                    model: place,
                    channel: entry.index,
                    keys: key_order(channel, self.session),
                })
            }));
        }
        if turns.is_empty() {
            return Err(no_candidate(snapshot, model, chain));
        }
        Ok(Plan::new(turns, snapshot.settings.max_attempts))
    }

    /// The channels that may answer for one model, in order. Within a priority, those that can answer only in another dialect
    /// come after those that speak the client's own.
    fn ordered(&self, model: &str) -> Vec<WeightedChannel> {
        let snapshot = self.snapshot;
        let mut entries = snapshot.entries(model);
        if model.is_empty() {
            let takes_none = |channel: &Rc<Channel>| channel.endpoint.kind().is_model_optional();
            entries.retain(|entry| snapshot.channel(entry.index).is_some_and(takes_none));
        }
        match self.session {
            None => route::shuffle(&mut entries, || self.gateway.ports.next_u64()),
            Some(session) => affinity::sort(&mut entries, session, |index| {
                snapshot
                    .channel(index)
                    .map_or("", |channel| channel.id.as_str())
            }),
        }
        // The order of equals stays, and so do the shares of the channels.
        let rank = |entry: &WeightedChannel| {
            let channel = snapshot.channel(entry.index);
            let is_translated = channel.is_some_and(|channel| self.is_translated(channel, model));
            (entry.priority, entry.weight == 0, is_translated)
        };
        sorting::sort_by_cached_key(&mut entries, rank);
        let is_by_load = |entry: &WeightedChannel| {
            let channel = snapshot.channel(entry.index);
            channel.is_some_and(|channel| channel.balance == Balance::LeastBusy)
        };
        if entries.iter().any(is_by_load) {
            let same = |one: &WeightedChannel, other: &WeightedChannel| rank(one) == rank(other);
            let groups = entries.chunk_by_mut(same);
            for group in groups.filter(|group| group.len() > 1 && group.iter().all(is_by_load)) {
                self.sort_by_load(group, model);
            }
        }
        entries
    }

    /// Puts channels of the same rank into the order of their load. A session stays with its channel, unless that has far more
    /// to do than others.
    fn sort_by_load(&self, group: &mut [WeightedChannel], model: &str) {
        let loaded = |entry: &WeightedChannel| {
            let channel = self.snapshot.channel(entry.index)?;
            Some(LoadedChannel {
                channel: *entry,
                load: self.gateway.loads.of(&channel.id),
                readiness: self.readiness(channel, model),
            })
        };
        let mut loaded: Vec<_> = group.iter().filter_map(loaded).collect();
        if self.session.is_some() {
            least_busy::bound(&mut loaded);
        } else {
            least_busy::sort(&mut loaded, self.now);
        }
        for (place, one) in group.iter_mut().zip(&loaded) {
            *place = one.channel;
        }
    }

    /// Whether the channel can answer the request in another dialect only.
    fn is_translated(&self, channel: &Channel, model: &str) -> bool {
        let model = channel.upstream_model(model);
        upstream_operation(self.gateway, self.path, channel, &model, self.now) != self.path
    }

    /// Whether some key of the channel may be called.
    fn readiness(&self, channel: &Channel, model: &str) -> Readiness {
        let (health, now) = (&self.gateway.health, self.now);
        if !health.has_failures(&channel.id) {
            return Readiness::Ready;
        }
        let model = channel.upstream_model(model);
        let operation = upstream_operation(self.gateway, self.path, channel, &model, now);
        let name = operation::health_name(operation, model);
        let of_key = |key: &Rc<Key>| match health.phase(&channel.id, &key.id, || &*name, now) {
            Phase::Ready => Readiness::Ready,
            Phase::HalfOpen => Readiness::Recovering,
            Phase::Cooling { .. } => Readiness::Cooling,
        };
        let keys = channel.keys.iter().map(of_key);
        keys.min().unwrap_or(Readiness::Ready)
    }
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
