//! Client keys outside of the configuration's record, once there are many: a change of one then reads and writes a part of
//! them, and a request reads the part that it needs. Owns how they are divided, and what the record says of the parts,
//! which are called shards; [`shard`] is one of them, [`read`] reads them, [`edit`] makes their next state.
//!
//! A shard's record never changes: the next state of a shard is another record under a new name. The configuration's
//! record names those in force, so that one compare-and-swap of it is the whole change; see ADR 14.

pub mod edit;
pub mod read;
pub mod shard;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use super::model::{ClientKey, Document};
use crate::ports::{Random, StoreKey};
use crate::units::Timestamp;

/// More client keys than these are in shards: fewer are read with the configuration itself, at the cost of one record.
pub const MAX_INLINE_KEYS: usize = 256;
/// Shards are split when they have more keys than this, on average.
const MAX_SHARD_KEYS: usize = 256;
/// The average after a split: half of the maximum, so that the next one is far.
const SPLIT_KEYS: usize = MAX_SHARD_KEYS / 2;
/// The most shards; a power of two. With the most client keys each has about 200.
const MAX_SHARDS: usize = 512;

/// The client keys as the configuration's record has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum StoredClientKeys {
    /// The keys themselves, while they are few.
    Inline(Vec<ClientKey>),
    /// Where they are.
    Sharded(ShardTable),
}

/// The shards in force. As JSON it is an object where earlier versions expect a list, so that they report a damaged
/// configuration instead of one without keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardTable {
    /// The number of client keys.
    pub total: usize,
    /// The names of the shards' records; a power of two.
    pub shards: Vec<ShardName>,
    /// Records that are not in force any more, and have not been removed yet: instances whose copy of the configuration
    /// names them may still read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<RetiredShard>,
}

/// The name of a shard's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardName(u64);

/// A record that is not in force any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetiredShard {
    /// Its name.
    pub name: ShardName,
    /// When it was replaced.
    pub at: Timestamp,
}

impl Default for StoredClientKeys {
    fn default() -> Self {
        Self::Inline(Vec::new())
    }
}

impl From<Vec<ClientKey>> for StoredClientKeys {
    fn from(keys: Vec<ClientKey>) -> Self {
        Self::Inline(keys)
    }
}

impl<K> Document<K> {
    /// The document with other keys, and the ones that it had.
    pub fn replace_keys<L>(self, keys: L) -> (Document<L>, K) {
        let document = Document {
            version: self.version,
            channels: self.channels,
            keys,
            settings: self.settings,
            alerts: self.alerts,
            accounts: self.accounts,
            applied_variable: self.applied_variable,
            gateway_id: self.gateway_id,
            recent_changes: self.recent_changes,
        };
        (document, self.keys)
    }
}

impl StoredClientKeys {
    /// How many there are.
    pub const fn total(&self) -> usize {
        match self {
            Self::Inline(keys) => keys.len(),
            Self::Sharded(table) => table.total,
        }
    }
}

impl ShardName {
    /// An empty shard has no record.
    pub const EMPTY: Self = Self(0);

    /// A new one.
    pub fn new(random: &impl Random) -> Self {
        let mut bytes = [0_u8; 8];
        random.fill_secure(&mut bytes);
        Self(u64::from_be_bytes(bytes).max(1))
    }

    /// The record; `None`: the shard is empty.
    pub fn record(self) -> Option<StoreKey> {
        (self != Self::EMPTY).then_some(StoreKey::ClientKeys(self.0))
    }
}

/// How many shards `total` keys are divided into, where there are `now`; 0: they are in the configuration's record. Grows
/// only, except from nothing: a gateway at a threshold would otherwise write all of them again and again.
pub fn shard_count(total: usize, now: usize) -> usize {
    let is_full = total > now.saturating_mul(MAX_SHARD_KEYS);
    match now {
        0 if total <= MAX_INLINE_KEYS => 0,
        _ if is_full => total
            .div_ceil(SPLIT_KEYS)
            .next_power_of_two()
            .min(MAX_SHARDS)
            .max(now),
        _ => now,
    }
}

/// The index of the shard with the client key of this id, among `count`.
pub fn shard_of_id(id: &str, count: usize) -> usize {
    place(Sha256::digest(id.as_bytes()).as_slice(), count)
}

/// The index of the shard that knows the client key with this hash, among `count`.
pub fn shard_of_hash(hash: &[u8; 32], count: usize) -> usize {
    place(hash, count)
}

fn place(bytes: &[u8], count: usize) -> usize {
    let first = bytes.iter().take(2);
    let number = first.fold(0, |sum, byte| sum * 256 + usize::from(*byte));
    number % count.max(1)
}

impl<'de> Deserialize<'de> for StoredClientKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StoredClientKeysVisitor)
    }
}

struct StoredClientKeysVisitor;

impl<'de> Visitor<'de> for StoredClientKeysVisitor {
    type Value = StoredClientKeys;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("client keys, or where they are")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, keys: A) -> Result<StoredClientKeys, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(keys)).map(StoredClientKeys::Inline)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<StoredClientKeys, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(table)).map(StoredClientKeys::Sharded)
    }
}
