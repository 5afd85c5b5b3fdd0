//! The reading of shards. Owns how many are read at a time, and what a shard that is gone or damaged means; what is read
//! is kept by its callers.

use std::collections::BTreeSet;

use futures_util::future;

use super::shard::KeyShard;
use super::{ShardName, ShardTable, StoredClientKeys, shard_of_hash, shard_of_id};
use crate::config::model::{ClientKey, Document};
use crate::config::stored;
use crate::ids;
use crate::ports::{ReadStore, StoreError, StoreKey};

/// Records that are read at the same time.
const AT_ONCE: usize = 16;
/// How often the configuration is read again because a shard that it names is gone.
pub const MAX_REREADS: usize = 4;

/// Why a shard cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardError {
    /// It was replaced long ago and removed: the configuration that names it is old.
    Gone,
    /// The store failed, or it is damaged.
    Store(StoreError),
}

impl ShardError {
    /// The error where the configuration was read over and over.
    pub fn into_store_error(self) -> StoreError {
        match self {
            Self::Gone => StoreError("a record with client keys is missing".to_owned()),
            Self::Store(error) => error,
        }
    }
}

/// Reads a shard.
pub async fn shard(ports: &impl ReadStore, name: ShardName) -> Result<KeyShard, ShardError> {
    let Some(record) = name.record() else {
        return Ok(KeyShard::default());
    };
    let stored = ports.read(record).await.map_err(ShardError::Store)?;
    let stored = stored.ok_or(ShardError::Gone)?;
    // The message of serde_json could hold a part of a key.
    serde_json::from_slice(&stored).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ShardError::Store(StoreError(format!(
            "{} is damaged at line {line}, column {column}",
            record.key()
        )))
    })
}

/// Reads several, in the order of their names.
pub async fn shards(
    ports: &impl ReadStore,
    names: &[ShardName],
) -> Result<Vec<KeyShard>, ShardError> {
    let mut read = Vec::with_capacity(names.len());
    for part in names.chunks(AT_ONCE) {
        let part = part.iter().map(|name| shard(ports, *name));
        read.extend(future::try_join_all(part).await?);
    }
    Ok(read)
}

/// All client keys, in the order of their creation.
pub async fn all(
    ports: &impl ReadStore,
    keys: StoredClientKeys,
) -> Result<Vec<ClientKey>, ShardError> {
    let table = match keys {
        StoredClientKeys::Inline(keys) => return Ok(keys),
        StoredClientKeys::Sharded(table) => table,
    };
    let shards = shards(ports, &table.shards).await?;
    let mut all = Vec::with_capacity(table.total);
    for shard in shards {
        all.extend(shard.into_keys());
    }
    Ok(in_order(all))
}

/// The client keys of two states of the configuration, without those of shards that both have.
pub async fn differing(
    ports: &impl ReadStore,
    before: StoredClientKeys,
    after: StoredClientKeys,
) -> Result<(Vec<ClientKey>, Vec<ClientKey>), ShardError> {
    let names = |keys: &StoredClientKeys| match keys {
        StoredClientKeys::Inline(_) => Vec::new(),
        StoredClientKeys::Sharded(table) => table.shards.clone(),
    };
    let (old, new) = (names(&before), names(&after));
    let without = |keys: StoredClientKeys, shared: &[ShardName]| match keys {
        StoredClientKeys::Sharded(mut table) => {
            table.shards.retain(|name| !shared.contains(name));
            StoredClientKeys::Sharded(table)
        }
        keys @ StoredClientKeys::Inline(_) => keys,
    };
    let before = all(ports, without(before, &new)).await?;
    Ok((before, all(ports, without(after, &old)).await?))
}

/// The client key with an id.
pub async fn one(
    ports: &impl ReadStore,
    keys: StoredClientKeys,
    id: &str,
) -> Result<Option<ClientKey>, ShardError> {
    match keys {
        StoredClientKeys::Inline(keys) => Ok(keys.into_iter().find(|key| key.id == id)),
        StoredClientKeys::Sharded(table) => {
            let shard = shard(ports, name_at(&table, shard_of_id(id, table.shards.len()))).await?;
            Ok(shard.key(id).cloned())
        }
    }
}

/// The client keys with these ids, in the order of their creation.
pub async fn some(
    ports: &impl ReadStore,
    keys: StoredClientKeys,
    ids: &BTreeSet<&str>,
) -> Result<Vec<ClientKey>, ShardError> {
    let mut keys = match keys {
        StoredClientKeys::Inline(keys) => keys,
        StoredClientKeys::Sharded(table) => {
            let count = table.shards.len();
            let indexes: BTreeSet<usize> = ids.iter().map(|id| shard_of_id(id, count)).collect();
            let names = indexes.into_iter().map(|index| name_at(&table, index));
            let names: Vec<ShardName> = names.collect();
            let shards = shards(ports, &names).await?;
            in_order(shards.into_iter().flat_map(KeyShard::into_keys).collect())
        }
    };
    keys.retain(|key| ids.contains(key.id.as_str()));
    Ok(keys)
}

/// The client key whose current value has this hash.
pub async fn one_with_hash(
    ports: &impl ReadStore,
    keys: StoredClientKeys,
    hash: &[u8; 32],
) -> Result<Option<ClientKey>, ShardError> {
    let has_it = |key: &ClientKey| ids::parse_hash(&key.hash).as_ref() == Some(hash);
    let table = match keys {
        StoredClientKeys::Inline(keys) => return Ok(keys.into_iter().find(has_it)),
        StoredClientKeys::Sharded(table) => table,
    };
    let count = table.shards.len();
    let of_hash = shard(ports, name_at(&table, shard_of_hash(hash, count))).await?;
    for id in of_hash.owners(hash) {
        let of_id = shard(ports, name_at(&table, shard_of_id(id, count))).await?;
        if let Some(key) = of_id.key(id).filter(|key| has_it(key)) {
            return Ok(Some(key.clone()));
        }
    }
    Ok(None)
}

/// The name of the shard at an index.
pub fn name_at(table: &ShardTable, index: usize) -> ShardName {
    table.shards.get(index).copied().unwrap_or_default()
}

/// The keys in the order of their creation.
pub fn in_order(mut keys: Vec<ClientKey>) -> Vec<ClientKey> {
    keys.sort_by(|one, other| {
        let order = one.created_at.cmp(&other.created_at);
        order.then_with(|| one.id.cmp(&other.id))
    });
    keys
}

/// The configuration's record, its bytes, and what `read` makes of the client keys that it names. Read again when a shard
/// is gone meanwhile.
pub async fn with_keys<P: ReadStore, T>(
    ports: &P,
    read: impl AsyncFn(&P, StoredClientKeys) -> Result<T, ShardError>,
) -> Result<(Document<T>, Option<Vec<u8>>), StoreError> {
    for _ in 0..MAX_REREADS {
        let raw = ports.read(StoreKey::Config).await?;
        let document = stored::parse(raw.as_deref());
        let document = document.map_err(|error| StoreError(error.to_string()))?;
        let (rest, keys) = document.replace_keys(());
        match read(ports, keys).await {
            Ok(keys) => return Ok((rest.replace_keys(keys).0, raw)),
            Err(ShardError::Gone) => {}
            Err(ShardError::Store(error)) => return Err(error),
        }
    }
    Err(ShardError::Gone.into_store_error())
}
