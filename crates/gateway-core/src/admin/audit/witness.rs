//! The ports of an admin request, with a memory of how it changed the configuration. Owns which writes count as made; what
//! they changed is read from them afterwards.
//!
//! Every write is seen here, whichever handler made it, so that no handler can forget the audit log.

use std::cell::RefCell;

use crate::config::key_shards::{StoredClientKeys, read};
use crate::config::model::Document;
use crate::config::stored::{self, StoredError};
use crate::ports::delegation::delegate_ports;
use crate::ports::{Log, ReadStore, StoreDistance, StoreError, StoreKey, Swap, WriteStore};

/// Ports that remember writes of the configuration.
#[derive(Debug)]
pub struct Witness<'a, P: Log> {
    ports: &'a P,
    writes: RefCell<Vec<ConfigWrite>>,
    /// The configuration as it was read last, after a write of which it is not known whether it was made.
    reread: RefCell<Option<Vec<u8>>>,
}

#[derive(Debug)]
struct ConfigWrite {
    before: Option<Vec<u8>>,
    after: Vec<u8>,
    is_confirmed: bool,
}

/// The configuration before and after a write. Client keys that were not touched may be in neither.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentChange {
    /// How many client keys there were, and are.
    pub totals: [usize; 2],
    /// Before.
    pub before: Document,
    /// After.
    pub after: Document,
}

impl<'a, P: Log> Witness<'a, P> {
    /// Has seen nothing.
    pub const fn new(ports: &'a P) -> Self {
        Self {
            ports,
            writes: RefCell::new(Vec::new()),
            reread: RefCell::new(None),
        }
    }

    fn has_doubts(&self) -> bool {
        self.writes.borrow().iter().any(|write| !write.is_confirmed)
    }
}

impl<P: ReadStore + Log> Witness<'_, P> {
    /// The changes that were made since this was asked last, oldest first. Client keys that are in records of their own
    /// are read again: those before the change are kept for some minutes.
    ///
    /// A store may report failure of a write that it made. Then the id of the change, which is in the document, shows in
    /// what was read afterwards; see [`crate::config::changes`].
    pub async fn take_changes(&self) -> Vec<DocumentChange> {
        let reread = self.reread.take();
        let reread = reread.and_then(|bytes| stored::parse(Some(&bytes)).ok());
        let mut changes = Vec::new();
        for write in self.writes.take() {
            let before = match stored::parse(write.before.as_deref()) {
                // An import has replaced it.
                Err(StoredError::Damaged { .. }) => Ok(stored::salvage(write.before.as_deref())),
                before => before,
            };
            let after = stored::parse(Some(&write.after));
            let (Ok(before), Ok(after)) = (before, after) else {
                continue;
            };
            let is_in = |document: &Document<StoredClientKeys>| {
                let id = after.recent_changes.last();
                id.is_some_and(|id| document.recent_changes.contains(id))
            };
            if write.is_confirmed || reread.as_ref().is_some_and(is_in) {
                changes.push(self.change(before, after).await);
            }
        }
        changes
    }

    async fn change(
        &self,
        before: Document<StoredClientKeys>,
        after: Document<StoredClientKeys>,
    ) -> DocumentChange {
        let (before, old) = before.replace_keys(());
        let (after, new) = after.replace_keys(());
        let totals = [old.total(), new.total()];
        let (old, new) = match read::differing(self.ports, old, new).await {
            Ok(keys) => keys,
            Err(error) => {
                let error = error.into_store_error();
                self.ports.line(format_args!(
                    "admin: audit: what has changed of the client keys is not in the audit log: {error}"
                ));
                (Vec::new(), Vec::new())
            }
        };
        DocumentChange {
            before: before.replace_keys(old).0,
            after: after.replace_keys(new).0,
            totals,
        }
    }
}

/// A request may be dropped between its write and the audit log, when its client has gone.
impl<P: Log> Drop for Witness<'_, P> {
    fn drop(&mut self) {
        let writes = self.writes.get_mut();
        if writes.iter().any(|write| write.is_confirmed) {
            self.ports.line(format_args!(
                "admin: audit: a change is not in the audit log, since its request was cancelled"
            ));
        }
    }
}

impl<P: ReadStore + Log> ReadStore for Witness<'_, P> {
    fn distance(&self) -> StoreDistance {
        self.ports.distance()
    }

    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        let outcome = self.ports.read(record).await;
        if record == StoreKey::Config && self.has_doubts() {
            self.reread.replace(outcome.clone().ok().flatten());
        }
        outcome
    }
}

impl<P: WriteStore + Log> WriteStore for Witness<'_, P> {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        let outcome = self.ports.swap(record, expected, new).await;
        if record == StoreKey::Config {
            self.writes.borrow_mut().push(ConfigWrite {
                before: expected.map(<[u8]>::to_vec),
                after: new.to_vec(),
                is_confirmed: outcome == Ok(Swap::Done),
            });
        }
        outcome
    }

    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        self.ports.put(record, value).await
    }

    async fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        self.ports.remove(record).await
    }
}

delegate_ports!(Witness.ports, [+ Log]: Clock, Random, Log, Sql, Upstream);
