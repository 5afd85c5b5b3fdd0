//! One shard of the client keys: the keys whose ids are placed in it, and the ids of keys whose hashes are. Owns the form
//! in which it is stored; reads and writes no store.

use serde::{Deserialize, Serialize};

use super::{shard_of_hash, shard_of_id};
use crate::config::model::ClientKey;
use crate::ids;

/// A shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyShard {
    /// Sorted by their ids.
    keys: Vec<ClientKey>,
    /// Sorted.
    hashes: Vec<HashOwner>,
}

/// The beginning of a hash, and the id of the key that has it. Several keys may have one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct HashOwner(u64, String);

impl HashOwner {
    fn new(hash: &[u8; 32], id: &str) -> Self {
        Self(beginning(hash), id.to_owned())
    }
}

fn beginning(hash: &[u8; 32]) -> u64 {
    let first = hash.iter().take(8);
    first.fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The hashes by which a request is authenticated as this key.
fn hashes(key: &ClientKey) -> impl Iterator<Item = [u8; 32]> {
    let previous = key.previous.as_ref().map(|previous| &previous.hash);
    let own = [&key.hash].into_iter().chain(previous);
    own.filter_map(|hash| ids::parse_hash(hash))
}

impl KeyShard {
    /// The keys placed here, sorted by their ids.
    pub fn keys(&self) -> &[ClientKey] {
        &self.keys
    }

    /// The same, taken out.
    pub fn into_keys(self) -> Vec<ClientKey> {
        self.keys
    }

    /// The key with this id.
    pub fn key(&self, id: &str) -> Option<&ClientKey> {
        let place = self.keys.binary_search_by(|key| (*key.id).cmp(id)).ok()?;
        self.keys.get(place)
    }

    /// The ids of the keys that may have this hash: the shard has its first 64 bits.
    pub fn owners(&self, hash: &[u8; 32]) -> impl Iterator<Item = &str> {
        let wanted = beginning(hash);
        let from = self.hashes.partition_point(|owner| owner.0 < wanted);
        let rest = self.hashes.get(from..).unwrap_or_default().iter();
        rest.take_while(move |owner| owner.0 == wanted)
            .map(|owner| owner.1.as_str())
    }

    /// Whether nothing is here.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.hashes.is_empty()
    }

    fn insert(&mut self, key: ClientKey) {
        match self.keys.binary_search_by(|other| other.id.cmp(&key.id)) {
            Ok(place) => self.keys[place] = key,
            Err(place) => self.keys.insert(place, key),
        }
    }

    fn remove(&mut self, id: &str) {
        self.keys.retain(|key| key.id != id);
    }

    fn insert_owner(&mut self, owner: HashOwner) {
        if let Err(place) = self.hashes.binary_search(&owner) {
            self.hashes.insert(place, owner);
        }
    }

    fn remove_owner(&mut self, owner: &HashOwner) {
        self.hashes.retain(|other| other != owner);
    }
}

/// All keys, divided into `count` shards.
pub fn divided(keys: Vec<ClientKey>, count: usize) -> Vec<KeyShard> {
    let mut shards = vec![KeyShard::default(); count];
    for key in keys {
        for hash in hashes(&key) {
            if let Some(shard) = shards.get_mut(shard_of_hash(&hash, count)) {
                shard.hashes.push(HashOwner::new(&hash, &key.id));
            }
        }
        if let Some(shard) = shards.get_mut(shard_of_id(&key.id, count)) {
            shard.keys.push(key);
        }
    }
    for shard in &mut shards {
        shard
            .keys
            .sort_unstable_by(|one, other| one.id.cmp(&other.id));
        shard.hashes.sort_unstable();
        shard.hashes.dedup();
    }
    shards
}

/// One step of a change: what becomes of one shard.
pub enum ShardStep<'a> {
    /// The key is there, in the place of one with the same id.
    Insert(&'a ClientKey),
    /// No key has this id.
    Remove(&'a str),
    /// The key with this id has this hash.
    Own([u8; 32], &'a str),
    /// It has it no more.
    Disown([u8; 32], &'a str),
}

impl ShardStep<'_> {
    /// The shard that it is about.
    pub fn index(&self, count: usize) -> usize {
        match self {
            Self::Insert(key) => shard_of_id(&key.id, count),
            Self::Remove(id) => shard_of_id(id, count),
            Self::Own(hash, _) | Self::Disown(hash, _) => shard_of_hash(hash, count),
        }
    }

    /// Takes the step.
    pub fn apply(&self, shard: &mut KeyShard) {
        match self {
            Self::Insert(key) => shard.insert((*key).clone()),
            Self::Remove(id) => shard.remove(id),
            Self::Own(hash, id) => shard.insert_owner(HashOwner::new(hash, id)),
            Self::Disown(hash, id) => shard.remove_owner(&HashOwner::new(hash, id)),
        }
    }
}

/// The steps from a key before a change, if there was one, to what it is after it, if it is.
pub fn steps<'a>(
    before: Option<&'a ClientKey>,
    after: Option<&'a ClientKey>,
) -> Vec<ShardStep<'a>> {
    let mut steps = Vec::new();
    if before == after {
        return steps;
    }
    let of = |key: Option<&ClientKey>| key.map_or_else(Vec::new, |key| hashes(key).collect());
    let (old, new): (Vec<[u8; 32]>, Vec<[u8; 32]>) = (of(before), of(after));
    if let Some(key) = before {
        let gone = old.iter().filter(|hash| !new.contains(hash));
        steps.extend(gone.map(|hash| ShardStep::Disown(*hash, &key.id)));
    }
    match (before, after) {
        (_, Some(key)) => {
            let added = new.iter().filter(|hash| !old.contains(hash));
            steps.extend(added.map(|hash| ShardStep::Own(*hash, &key.id)));
            steps.push(ShardStep::Insert(key));
        }
        (Some(key), None) => steps.push(ShardStep::Remove(&key.id)),
        (None, None) => {}
    }
    steps
}
