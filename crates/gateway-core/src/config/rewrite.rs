//! The next state of the configuration's record. Owns what every change of it has in common: the client keys that it is
//! about, the gateway's id, the mark by which the change is found again; what is changed is its caller's.

use thiserror::Error;

use super::changes::ChangeId;
use super::identity;
use super::key_shards::ShardName;
use super::key_shards::edit::{self, KeyScope, ShardEdit};
use super::key_shards::read::{MAX_REREADS, ShardError};
use super::model::Document;
use super::stored::{self, StoredError};
use crate::ports::{Clock, Random, StoreError, WriteStore};
use crate::store::RecordEdit;

/// Why there is no next state.
#[derive(Debug, Error)]
pub enum RewriteError<E> {
    /// The record cannot be read.
    #[error("{0}")]
    Stored(StoredError),
    /// The store failed, or it has client keys that cannot be read.
    #[error("{0}")]
    Store(StoreError),
    /// The edit failed.
    #[error("{0}")]
    Edit(E),
}

/// One change of the record, which may take several attempts.
#[derive(Debug)]
pub struct Rewrite<'a, P> {
    ports: &'a P,
    scope: KeyScope<'a>,
    replaces_damaged: bool,
    id: ChangeId,
    /// Of the last attempt.
    written: Vec<ShardName>,
    rereads: usize,
}

impl<'a, P: WriteStore + Clock + Random> Rewrite<'a, P> {
    /// A change that is about some of the client keys.
    pub fn new(ports: &'a P, scope: KeyScope<'a>) -> Self {
        Self {
            ports,
            scope,
            replaces_damaged: false,
            id: ChangeId::new(ports),
            written: Vec::new(),
            rereads: 0,
        }
    }

    /// The same, also of a damaged record: its edit is given what can be [salvaged](stored::salvage) of it.
    #[must_use]
    pub fn replacing_damaged(self) -> Self {
        Self {
            replaces_damaged: true,
            ..self
        }
    }

    /// Whether a damaged record may be replaced.
    pub const fn replaces_damaged(&self) -> bool {
        self.replaces_damaged
    }

    /// The id that each attempt leaves in the record.
    pub fn id(&self) -> ChangeId {
        self.id.clone()
    }

    /// The next state after `stored`. `edit` is given the document and the number of client keys that are not in it.
    /// Attempts before this one did not take place.
    pub async fn attempt<T, E>(
        &mut self,
        stored: Option<&[u8]>,
        attempt: usize,
        edit: impl FnOnce(&mut Document, usize) -> Result<T, E>,
    ) -> Result<RecordEdit<T>, RewriteError<E>> {
        self.discard().await;
        let document = match stored::parse(stored) {
            Err(StoredError::Damaged { .. }) if self.replaces_damaged => stored::salvage(stored),
            parsed => parsed.map_err(RewriteError::Stored)?,
        };
        let (document, keys) = document.replace_keys(());
        let (keys, wanted) = match ShardEdit::begin(self.ports, keys, self.scope).await {
            Ok(begun) => begun,
            Err(error) => return self.reread(error),
        };
        let (mut document, ()) = document.replace_keys(wanted);
        let before = std::mem::take(&mut document.recent_changes);
        let result = edit(&mut document, keys.others()).map_err(RewriteError::Edit)?;
        identity::assign(&mut document, self.ports);
        self.id.record(&mut document, before, attempt);
        let (document, wanted) = document.replace_keys(());
        let edited = match keys.finish(self.ports, wanted).await {
            Ok(edited) => edited,
            Err(error) => return self.reread(error),
        };
        self.written = edited.written;
        let bytes = serde_json::to_vec(&document.replace_keys(edited.keys).0);
        let bytes = bytes.map_err(|error| {
            let reason = format!("the configuration cannot be written as JSON: {error}");
            RewriteError::Store(StoreError(reason))
        })?;
        Ok(RecordEdit::Replace(bytes, result))
    }

    /// Removes what the last attempt wrote, if it is certain that it did not take place.
    pub async fn discard(&mut self) {
        edit::discard(self.ports, std::mem::take(&mut self.written)).await;
    }

    /// A shard is gone when another writer has replaced it: then the record has changed as well.
    fn reread<T, E>(&mut self, error: ShardError) -> Result<RecordEdit<T>, RewriteError<E>> {
        self.rereads += 1;
        if error == ShardError::Gone && self.rereads < MAX_REREADS {
            return Ok(RecordEdit::Reread);
        }
        Err(RewriteError::Store(error.into_store_error()))
    }
}
