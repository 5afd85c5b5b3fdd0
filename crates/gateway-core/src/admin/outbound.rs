//! The channel and the key of a call that an admin asks for. Owns which key it is made with; the call itself is
//! [`upstream::call`](crate::upstream::call)'s.
//!
//! A channel that is switched off can be called all the same: it is best tried before it is switched on.

use std::rc::Rc;
use std::sync::Arc;

use http::HeaderValue;

use super::AdminSettings;
use crate::config::identity;
use crate::config::model::{ChannelConfig, Document};
use crate::config::snapshot::{Channel, Key, Snapshot};
use crate::error::{ErrorCode, GatewayError};
use crate::memory::Memory;
use crate::ports::AdminPorts;
use crate::units::MIB;
use crate::upstream::call::{CallBounds, UpstreamClient};

/// What the decoder of a compressed answer may take.
const DECODER_BYTES: usize = 20 * MIB;

/// A channel with the one key that is used.
#[derive(Debug)]
pub struct Outbound {
    channel: Rc<Channel>,
    key: Rc<Key>,
    via: Option<HeaderValue>,
    memory: Arc<Memory>,
}

impl Outbound {
    /// Prepares `channel` with the key `wanted`, or its first one that can be used. `document`: the configuration, whose
    /// identity calls carry.
    pub fn prepare(
        settings: &AdminSettings,
        document: &Document,
        channel: &ChannelConfig,
        wanted: Option<&str>,
    ) -> Result<Self, GatewayError> {
        let mut channel = channel.clone();
        let has_keys = !channel.keys.is_empty();
        match wanted {
            Some(id) => {
                channel.keys.retain(|key| key.id == id);
                channel.keys.iter_mut().for_each(|key| key.enabled = true);
                if channel.keys.is_empty() {
                    return Err(ErrorCode::InvalidValue
                        .error("`key` is not the id of a key of this channel.")
                        .with_param("key"));
                }
            }
            None => channel.keys.retain(|key| key.enabled),
        }
        if has_keys && channel.keys.is_empty() {
            return Err(ErrorCode::InvalidValue.error(
                "All keys of this channel are switched off. Switch one on, or say which one to use: `key`.",
            ).with_param("key"));
        }
        channel.enabled = true;
        let only = Document {
            channels: vec![channel],
            ..Document::default()
        };
        let snapshot = Snapshot::build(only, settings.master_key.as_ref(), || 0);
        let channel = snapshot.channel(0).cloned();
        let key = channel.as_ref().and_then(|it| it.keys.first()).cloned();
        let (Some(channel), Some(key)) = (channel, key) else {
            let reason = settings.master_key_error.as_ref().map_or_else(
                || {
                    let problems = snapshot.problems().iter().map(ToString::to_string);
                    problems.collect::<Vec<_>>().join("; ")
                },
                |reason| format!("the variable `master_key` cannot be used: {reason}"),
            );
            return Err(
                ErrorCode::Misconfigured.error(format!("The channel cannot be called: {reason}."))
            );
        };
        Ok(Self {
            channel,
            key,
            via: identity::via(document),
            memory: Memory::new(DECODER_BYTES),
        })
    }

    /// The calls of this channel with this key.
    pub fn caller<'a, P: AdminPorts>(
        &'a self,
        ports: &'a P,
        bounds: CallBounds,
    ) -> UpstreamClient<'a, P> {
        UpstreamClient {
            ports,
            channel: &self.channel,
            key: &self.key,
            via: self.via.as_ref(),
            memory: &self.memory,
            bounds,
        }
    }
}
