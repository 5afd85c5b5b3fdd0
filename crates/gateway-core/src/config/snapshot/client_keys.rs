//! Client keys by the hash that a request presents. Owns which key has a hash, and which shards of the keys are in memory;
//! whether a key is accepted is decided where the caller is authenticated.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::config::key_shards::shard::KeyShard;
use crate::config::key_shards::{ShardName, StoredClientKeys, shard_of_hash, shard_of_id};
use crate::config::model::ClientKey;
use crate::ids;
use crate::units::Timestamp;

/// All client keys, by the hashes of those that are current and of those that they have replaced.
#[derive(Debug, Default)]
pub struct ClientKeys {
    keys: Vec<ClientKey>,
    by_hash: HashMap<[u8; 32], HashedKey>,
    shards: Vec<HeldShard>,
}

/// The key that has a hash.
#[derive(Clone, Copy, Debug)]
struct HashedKey {
    index: usize,
    /// Of a key that was replaced: when it stops being accepted.
    valid_until: Option<Timestamp>,
}

/// A shard, once it was needed.
#[derive(Debug)]
struct HeldShard {
    name: ShardName,
    shard: OnceCell<Rc<KeyShard>>,
}

impl ClientKeys {
    /// Those of a document.
    pub fn new(keys: StoredClientKeys) -> Self {
        match keys {
            StoredClientKeys::Inline(keys) => Self::inline(keys),
            StoredClientKeys::Sharded(table) => {
                let held = |name| HeldShard {
                    name,
                    shard: OnceCell::new(),
                };
                Self {
                    shards: table.shards.into_iter().map(held).collect(),
                    ..Self::default()
                }
            }
        }
    }

    fn inline(keys: Vec<ClientKey>) -> Self {
        let mut by_hash = HashMap::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            if let Some(previous) = &key.previous
                && let Some(hash) = ids::parse_hash(&previous.hash)
            {
                let valid_until = Some(previous.valid_until);
                // A current key comes before a replaced one.
                by_hash
                    .entry(hash)
                    .or_insert(HashedKey { index, valid_until });
            }
            if let Some(hash) = ids::parse_hash(&key.hash) {
                let valid_until = None;
                by_hash.insert(hash, HashedKey { index, valid_until });
            }
        }
        Self {
            keys,
            by_hash,
            shards: Vec::new(),
        }
    }

    /// Whether they are in shards.
    pub const fn is_divided(&self) -> bool {
        !self.shards.is_empty()
    }

    /// All of them that are in memory.
    pub fn all(&self) -> impl Iterator<Item = &ClientKey> {
        let held = self.shards.iter().filter_map(|held| held.shard.get());
        let sharded = held.flat_map(|shard| shard.keys());
        self.keys.iter().chain(sharded)
    }

    /// The key with this hash; for the hash of a replaced one, also when that stops being accepted. Whether there is one
    /// is known only if no shard is [missing](Self::missing).
    pub fn find(&self, hash: &[u8; 32]) -> Option<(&ClientKey, Option<Timestamp>)> {
        if self.shards.is_empty() {
            let HashedKey { index, valid_until } = *self.by_hash.get(hash)?;
            return Some((self.keys.get(index)?, valid_until));
        }
        let has = |stored: &str| ids::parse_hash(stored).as_ref() == Some(hash);
        let owners = || {
            let owners = self.owners(hash);
            owners.filter_map(|id| self.shard(self.index_of(id))?.key(id))
        };
        if let Some(key) = owners().find(|key| has(&key.hash)) {
            return Some((key, None));
        }
        owners().find_map(|key| {
            let previous = key.previous.as_ref()?;
            has(&previous.hash).then_some((key, Some(previous.valid_until)))
        })
    }

    /// A shard that must be in memory before it is known which key has this hash.
    pub fn missing(&self, hash: &[u8; 32]) -> Option<usize> {
        if self.shards.is_empty() {
            return None;
        }
        let of_hash = shard_of_hash(hash, self.shards.len());
        let of_ids = self.owners(hash).map(|id| self.index_of(id));
        let mut needed = std::iter::once(of_hash).chain(of_ids);
        needed.find(|index| self.shard(*index).is_none())
    }

    /// Those that are not in memory.
    pub fn unread(&self) -> Vec<usize> {
        let indexes = 0..self.shards.len();
        indexes
            .filter(|index| self.shard(*index).is_none())
            .collect()
    }

    /// The names of shards.
    pub fn names(&self, indexes: &[usize]) -> Vec<ShardName> {
        let held = indexes.iter().filter_map(|index| self.shards.get(*index));
        held.map(|held| held.name).collect()
    }

    /// Keeps a shard that was read.
    pub fn hold(&self, index: usize, shard: Rc<KeyShard>) {
        if let Some(held) = self.shards.get(index) {
            // Another request may have read it at the same time: the same bytes.
            let _ = held.shard.set(shard);
        }
    }

    /// Takes over from an older configuration what is the same, and gives the shards that it had and that differ here.
    pub fn adopt(&self, older: &Self) -> Vec<usize> {
        if self.shards.len() != older.shards.len() {
            return Vec::new();
        }
        let mut changed = Vec::new();
        let pairs = self.shards.iter().zip(&older.shards).enumerate();
        for (index, (held, old)) in pairs {
            match old.shard.get() {
                Some(shard) if held.name == old.name => self.hold(index, Rc::clone(shard)),
                Some(_) => changed.push(index),
                None => {}
            }
        }
        changed
    }

    fn owners(&self, hash: &[u8; 32]) -> impl Iterator<Item = &str> {
        let shard = self.shard(shard_of_hash(hash, self.shards.len()));
        shard.into_iter().flat_map(move |shard| shard.owners(hash))
    }

    fn index_of(&self, id: &str) -> usize {
        shard_of_id(id, self.shards.len())
    }

    fn shard(&self, index: usize) -> Option<&KeyShard> {
        Some(self.shards.get(index)?.shard.get()?)
    }
}
