//! The next state of the client keys: which shards a change needs, and the records that it writes. Owns the order of
//! reads and writes; the change is complete when the configuration's record names the new records, which is its caller's.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{self, ShardError};
use super::shard::{self, KeyShard, ShardStep};
use super::{RetiredShard, ShardName, ShardTable, StoredClientKeys, shard_count, shard_of_id};
use crate::config::model::ClientKey;
use crate::ports::{Clock, Random, StoreError, WriteStore};
use crate::units::Timestamp;

/// For how long a record that was replaced can be read still: longer than an instance serves an old configuration.
const RETIRED_FOR_MS: u64 = 5 * 60 * 1000;
/// Old records that one change removes. Each change leaves fewer, on average.
const MAX_REMOVED: usize = 32;

/// Which client keys a change is about. Others are not in the document that it is given, and stay as they are, except
/// while all keys are in the configuration's record: then all are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScope<'a> {
    /// All.
    All,
    /// Those with these ids, that may not exist yet.
    Ids(&'a [&'a str]),
    /// None.
    None,
}

/// The client keys of a change, and what is known of all of them.
#[derive(Debug)]
pub struct ShardEdit {
    /// `None`: they are in the configuration's record.
    table: Option<ShardTable>,
    shards: BTreeMap<usize, KeyShard>,
    before: BTreeMap<String, ClientKey>,
}

/// The result of a change: what the configuration's record says, and the records that were written for it.
#[derive(Debug)]
pub struct EditedKeys {
    /// For the configuration's record.
    pub keys: StoredClientKeys,
    /// New records. Nothing refers to them if the configuration's record is not written.
    pub written: Vec<ShardName>,
}

impl ShardEdit {
    /// Reads what a change is about.
    pub async fn begin(
        ports: &impl WriteStore,
        keys: StoredClientKeys,
        scope: KeyScope<'_>,
    ) -> Result<(Self, Vec<ClientKey>), ShardError> {
        let table = match keys {
            StoredClientKeys::Inline(keys) => {
                let edit = Self {
                    table: None,
                    shards: BTreeMap::new(),
                    before: BTreeMap::new(),
                };
                return Ok((edit, keys));
            }
            StoredClientKeys::Sharded(table) => table,
        };
        let count = table.shards.len();
        let indexes: BTreeSet<usize> = match scope {
            KeyScope::All => (0..count).collect(),
            KeyScope::Ids(ids) => ids.iter().map(|id| shard_of_id(id, count)).collect(),
            KeyScope::None => BTreeSet::new(),
        };
        let mut edit = Self {
            table: Some(table),
            shards: BTreeMap::new(),
            before: BTreeMap::new(),
        };
        edit.load(ports, indexes).await?;
        let is_wanted = |key: &&ClientKey| match scope {
            KeyScope::All => true,
            KeyScope::Ids(ids) => ids.contains(&key.id.as_str()),
            KeyScope::None => false,
        };
        let keys = edit.shards.values().flat_map(KeyShard::keys);
        let keys: Vec<ClientKey> = keys.filter(is_wanted).cloned().collect();
        edit.before = keys
            .iter()
            .map(|key| (key.id.clone(), key.clone()))
            .collect();
        Ok((edit, read::in_order(keys)))
    }

    /// How many client keys there are that the change is not about.
    pub fn others(&self) -> usize {
        let total = self.table.as_ref().map_or(0, |table| table.total);
        total.saturating_sub(self.before.len())
    }

    /// Writes new records for what has become of the keys. Nothing refers to these yet.
    pub async fn finish(
        mut self,
        ports: &(impl WriteStore + Clock + Random),
        after: Vec<ClientKey>,
    ) -> Result<EditedKeys, ShardError> {
        let total = self.others() + after.len();
        let now = self.table.as_ref().map_or(0, |table| table.shards.len());
        let count = shard_count(total, now);
        if count == 0 {
            return Ok(EditedKeys {
                keys: StoredClientKeys::Inline(after),
                written: Vec::new(),
            });
        }
        let new = if count == now {
            self.changed(ports, &after).await?
        } else {
            let all = self.all(ports, after).await?;
            shard::divided(all, count).into_iter().enumerate().collect()
        };
        let mut table = self.table.take().unwrap_or_default();
        table.total = total;
        let former = table.shards.clone();
        table.shards.resize(count, ShardName::EMPTY);
        if count != now {
            table.shards.fill(ShardName::EMPTY);
        }
        remove_retired(ports, &mut table.retired).await;
        let mut written = Vec::new();
        for (index, shard) in new {
            let name = write(ports, &shard).await.map_err(ShardError::Store)?;
            if name != ShardName::EMPTY {
                written.push(name);
            }
            if let Some(place) = table.shards.get_mut(index) {
                *place = name;
            }
        }
        let at = ports.now();
        let gone = former.into_iter().filter(|name| {
            *name != ShardName::EMPTY && (count != now || !table.shards.contains(name))
        });
        let gone: Vec<RetiredShard> = gone.map(|name| RetiredShard { name, at }).collect();
        table.retired.extend(gone);
        Ok(EditedKeys {
            keys: StoredClientKeys::Sharded(table),
            written,
        })
    }

    /// The shards that differ after the change.
    async fn changed(
        &mut self,
        ports: &impl WriteStore,
        after: &[ClientKey],
    ) -> Result<BTreeMap<usize, KeyShard>, ShardError> {
        let count = self.table.as_ref().map_or(0, |table| table.shards.len());
        let before = std::mem::take(&mut self.before);
        let kept: BTreeSet<&str> = after.iter().map(|key| key.id.as_str()).collect();
        let gone = before.values().filter(|key| !kept.contains(&*key.id));
        let mut steps: Vec<ShardStep<'_>> =
            gone.flat_map(|key| shard::steps(Some(key), None)).collect();
        for key in after {
            steps.extend(shard::steps(before.get(&key.id), Some(key)));
        }
        let indexes = steps.iter().map(|step| step.index(count)).collect();
        self.load(ports, indexes).await?;
        let mut changed = BTreeMap::new();
        for step in &steps {
            let index = step.index(count);
            let shard = changed
                .entry(index)
                .or_insert_with(|| self.shards.get(&index).cloned().unwrap_or_default());
            step.apply(shard);
        }
        changed.retain(|index, shard| self.shards.get(index) != Some(shard));
        Ok(changed)
    }

    /// All keys after the change, also those that it is not about.
    async fn all(
        &mut self,
        ports: &impl WriteStore,
        mut after: Vec<ClientKey>,
    ) -> Result<Vec<ClientKey>, ShardError> {
        let count = self.table.as_ref().map_or(0, |table| table.shards.len());
        self.load(ports, (0..count).collect()).await?;
        for shard in std::mem::take(&mut self.shards).into_values() {
            let keys = shard.into_keys().into_iter();
            after.extend(keys.filter(|key| !self.before.contains_key(&key.id)));
        }
        Ok(after)
    }

    /// Reads the shards at these indexes, where they are not known yet.
    async fn load(
        &mut self,
        ports: &impl WriteStore,
        mut indexes: BTreeSet<usize>,
    ) -> Result<(), ShardError> {
        let Some(table) = &self.table else {
            return Ok(());
        };
        indexes.retain(|index| !self.shards.contains_key(index));
        let names = indexes.iter().map(|index| read::name_at(table, *index));
        let names: Vec<ShardName> = names.collect();
        let shards = read::shards(ports, &names).await?;
        self.shards.extend(indexes.into_iter().zip(shards));
        Ok(())
    }
}

async fn write(
    ports: &(impl WriteStore + Random),
    shard: &KeyShard,
) -> Result<ShardName, StoreError> {
    if shard.is_empty() {
        return Ok(ShardName::EMPTY);
    }
    let bytes = serde_json::to_vec(shard)
        .map_err(|error| StoreError(format!("client keys cannot be written as JSON: {error}")))?;
    let name = ShardName::new(ports);
    if let Some(record) = name.record() {
        ports.put(record, &bytes).await?;
    }
    Ok(name)
}

/// Removes records that were replaced long ago. One that cannot be removed is tried again with the next change.
async fn remove_retired(ports: &(impl WriteStore + Clock), retired: &mut Vec<RetiredShard>) {
    let now = ports.now();
    let is_old = |at: Timestamp| now.since_ms(at) > RETIRED_FOR_MS;
    let old = retired.iter().filter(|shard| is_old(shard.at));
    let old: Vec<ShardName> = old.map(|shard| shard.name).take(MAX_REMOVED).collect();
    for name in old {
        if let Some(record) = name.record()
            && ports.remove(record).await.is_ok()
        {
            retired.retain(|shard| shard.name != name);
        }
    }
}

/// Removes records of a change that did not take place.
pub async fn discard(ports: &impl WriteStore, written: Vec<ShardName>) {
    for record in written.into_iter().filter_map(ShardName::record) {
        // One that stays takes up room, and nothing else.
        let _ = ports.remove(record).await;
    }
}
