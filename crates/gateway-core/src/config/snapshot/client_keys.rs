//! Client keys by the hash that a request presents. Owns which key has a hash; whether it is accepted is decided
//! where the caller is authenticated.

use std::collections::HashMap;

use crate::config::model::ClientKey;
use crate::ids;
use crate::units::Timestamp;

/// All client keys, by the hashes of those that are current and of those that they have replaced.
#[derive(Debug, Default)]
pub struct ClientKeys {
    keys: Vec<ClientKey>,
    by_hash: HashMap<[u8; 32], HashedKey>,
}

/// The key that has a hash.
#[derive(Clone, Copy, Debug)]
struct HashedKey {
    index: usize,
    /// Of a key that was replaced: when it stops being accepted.
    valid_until: Option<Timestamp>,
}

impl ClientKeys {
    /// Those of a document.
    pub fn new(keys: Vec<ClientKey>) -> Self {
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
        Self { keys, by_hash }
    }

    /// All of them, in the order of the document.
    pub fn all(&self) -> &[ClientKey] {
        &self.keys
    }

    /// The key with this hash; for the hash of a replaced one, also when that stops being accepted.
    pub fn find(&self, hash: &[u8; 32]) -> Option<(&ClientKey, Option<Timestamp>)> {
        let HashedKey { index, valid_until } = *self.by_hash.get(hash)?;
        Some((self.keys.get(index)?, valid_until))
    }
}
