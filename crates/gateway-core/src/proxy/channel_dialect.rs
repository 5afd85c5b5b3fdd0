//! The dialect that a channel is called in, with what its answers have shown. Owns the names under which that is recorded
//! in the health of upstreams; the choice itself is [`choice`]'s.

use super::{Gateway, operation};
use crate::config::snapshot::Channel;
use crate::dialect::choice;
use crate::ports::ProxyPorts;
use crate::units::Timestamp;
use crate::wire::dialect::Dialect;

/// Whether a channel has answered that it does not have the operation of a dialect for a model, by the upstream's name.
pub fn lacks<P: ProxyPorts>(
    gateway: &Gateway<P>,
    channel: &Channel,
    model: &str,
    dialect: Dialect,
    now: Timestamp,
) -> bool {
    let name = || operation::health_name(dialect.operation(), model);
    gateway.health.lacks(&channel.id, name, now)
}

/// The operation that a channel is called with for a model, by the upstream's name.
pub fn upstream_operation<P: ProxyPorts>(
    gateway: &Gateway<P>,
    path: &'static str,
    channel: &Channel,
    model: &str,
    now: Timestamp,
) -> &'static str {
    let Some(own) = Dialect::of(path) else {
        return path;
    };
    let lacks = |dialect| lacks(gateway, channel, model, dialect, now);
    choice::choose(own, channel, lacks).operation()
}
