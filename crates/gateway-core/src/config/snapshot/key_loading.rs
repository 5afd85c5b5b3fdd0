//! The client keys of a snapshot that are read when they are needed. Owns the order of the reads; the keys are
//! [`super::client_keys`]'s.

use std::rc::Rc;

use super::Snapshot;
use super::client_keys::ClientKeys;
use crate::config::key_shards::StoredClientKeys;
use crate::config::key_shards::read::{self, ShardError};
use crate::config::model::{ClientKey, Document};
use crate::config::seal::MasterKey;
use crate::ports::ReadStore;
use crate::units::Timestamp;

impl Snapshot {
    /// Prepares a stored document. `random` gives each channel's rotation its start. A channel that cannot
    /// be prepared takes no requests; [`Self::problems`] says why.
    pub fn build<K: Into<StoredClientKeys>>(
        document: Document<K>,
        master: Option<&MasterKey>,
        mut random: impl FnMut() -> u64,
    ) -> Self {
        let (document, keys) = document.replace_keys(Vec::new());
        let mut snapshot = Self::of_channels(document, master, &mut random);
        snapshot.client_keys = ClientKeys::new(keys.into());
        snapshot
    }

    /// The client key with this hash; for the hash of a key that it has replaced, also when that stops being accepted.
    /// For keys that are read when they are needed, after [`Snapshot::load_keys`].
    pub fn client_key(&self, hash: &[u8; 32]) -> Option<(&ClientKey, Option<Timestamp>)> {
        self.client_keys.find(hash)
    }

    /// All client keys that are in memory: after [`Snapshot::load_all_keys`] all that there are.
    pub fn client_keys(&self) -> impl Iterator<Item = &ClientKey> {
        self.client_keys.all()
    }

    /// Whether it is known already which client key has one of these hashes.
    pub fn knows_keys(&self, hashes: &[[u8; 32]]) -> bool {
        let mut missing = hashes.iter().map(|hash| self.client_keys.missing(hash));
        missing.all(|missing| missing.is_none())
    }

    /// Whether client keys are read when they are needed.
    pub const fn reads_keys(&self) -> bool {
        self.client_keys.is_divided()
    }

    /// Reads what is needed to know which client key has one of these hashes.
    pub async fn load_keys(
        &self,
        ports: &impl ReadStore,
        hashes: &[[u8; 32]],
    ) -> Result<(), ShardError> {
        for hash in hashes {
            while let Some(index) = self.client_keys.missing(hash) {
                self.load_shards(ports, &[index]).await?;
            }
        }
        Ok(())
    }

    /// Reads all client keys.
    pub async fn load_all_keys(&self, ports: &impl ReadStore) -> Result<(), ShardError> {
        let indexes = self.client_keys.unread();
        self.load_shards(ports, &indexes).await
    }

    /// Takes over the client keys that an older snapshot has read, and reads what has changed of them, so that no request
    /// waits for it.
    pub async fn adopt_keys(&self, ports: &impl ReadStore, older: &Self) -> Result<(), ShardError> {
        let changed = self.client_keys.adopt(&older.client_keys);
        self.load_shards(ports, &changed).await
    }

    async fn load_shards(
        &self,
        ports: &impl ReadStore,
        indexes: &[usize],
    ) -> Result<(), ShardError> {
        let names = self.client_keys.names(indexes);
        let shards = read::shards(ports, &names).await?;
        for (index, shard) in indexes.iter().zip(shards) {
            self.client_keys.hold(*index, Rc::new(shard));
        }
        Ok(())
    }
}
