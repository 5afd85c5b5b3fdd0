//! A channel as the API shows it, in lists and in the exported configuration: everything but its keys, of which each
//! of the two tells something else.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::model::{ChannelConfig, Prices};
use crate::config::stored::object_revision;
use crate::time_text;
use crate::upstream::provider::{Azure, Provider};

/// A channel with its keys seen as `K`.
#[derive(Serialize)]
pub struct ChannelView<'a, K> {
    id: &'a str,
    name: &'a str,
    enabled: bool,
    provider: Provider,
    base_url: &'a str,
    keys: Vec<K>,
    models: &'a [String],
    model_map: &'a BTreeMap<String, String>,
    priority: u16,
    weight: u16,
    headers: &'a BTreeMap<String, String>,
    drop_params: &'a [String],
    stream_usage: bool,
    connect_timeout_ms: u64,
    first_byte_timeout_ms: u64,
    idle_timeout_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hedge_after_ms: Option<u64>,
    azure: Option<&'a Azure>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    prices: &'a Prices,
    created_at: String,
    updated_at: String,
    /// Names this state of the channel, in lists; of a single one `ETag` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_keys: Option<usize>,
}

/// A name for the state of a channel, in which its keys are what everybody may see of them.
pub fn revision(channel: &ChannelConfig) -> String {
    let keys = channel.keys.iter();
    let keys = keys.map(|key| (&key.id, &key.hint, key.enabled)).collect();
    object_revision(&ChannelView::new(channel, keys))
}

impl<'a, K> ChannelView<'a, K> {
    pub fn new(channel: &'a ChannelConfig, keys: Vec<K>) -> Self {
        Self {
            id: &channel.id,
            name: &channel.name,
            enabled: channel.enabled,
            provider: channel.provider,
            base_url: &channel.base_url,
            keys,
            models: &channel.models,
            model_map: &channel.model_map,
            priority: channel.priority,
            weight: channel.weight,
            headers: &channel.headers,
            drop_params: &channel.drop_params,
            stream_usage: channel.stream_usage,
            connect_timeout_ms: channel.connect_timeout_ms,
            first_byte_timeout_ms: channel.first_byte_timeout_ms,
            idle_timeout_ms: channel.idle_timeout_ms,
            hedge_after_ms: channel.hedge_after_ms,
            azure: channel.azure.as_ref(),
            prices: &channel.prices,
            created_at: time_text::format(channel.created_at),
            updated_at: time_text::format(channel.updated_at),
            revision: None,
            duplicate_keys: None,
        }
    }

    /// With the name of this state of the channel.
    pub fn at(mut self, revision: String) -> Self {
        self.revision = Some(revision);
        self
    }

    /// With the number of new keys that were left out.
    pub const fn without_duplicates(mut self, duplicates: Option<usize>) -> Self {
        self.duplicate_keys = duplicates;
        self
    }
}
