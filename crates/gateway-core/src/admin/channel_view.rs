//! A channel as the API shows it, in lists and by itself. Owns what is said of it beside its configuration.

use serde::Serialize;

use crate::config::model::ChannelConfig;
#[cfg(feature = "schema")]
use crate::config::shapes::never_null;
use crate::config::stored::object_revision;
use crate::time_text::TimeText;

/// A channel: one upstream service with its keys, which are seen as `K`.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Channel", transform = never_null)
)]
pub struct ChannelView<K> {
    #[serde(flatten)]
    channel: ChannelConfig<K, TimeText>,
    /// Only in lists: names this state of the object, as the `ETag` of its `GET` does, for `If-Match`.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    /// How many new keys were left out since the channel has them; only with `duplicate_keys=skip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_keys: Option<usize>,
}

/// A name for the state of a channel, in which its keys are what everybody may see of them.
pub fn revision(channel: &ChannelConfig) -> String {
    let keys = channel.keys.iter();
    let keys = keys.map(|key| (&key.id, &key.hint, key.enabled)).collect();
    object_revision(&channel.with_keys(keys, TimeText::from))
}

impl<K> ChannelView<K> {
    pub fn new(channel: &ChannelConfig, keys: Vec<K>) -> Self {
        Self {
            channel: channel.with_keys(keys, TimeText::from),
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
