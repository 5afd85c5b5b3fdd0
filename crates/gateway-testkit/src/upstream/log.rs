//! The record of the upstream's requests. Owns the entries; decides nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::Serialize;

use super::Shared;

/// One request and how it ended. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Counts up from 0 for the life of the server.
    pub id: u64,
    /// When the whole request had arrived.
    pub at_us: u64,
    /// The method.
    pub method: String,
    /// The path with its query, as it came.
    pub path: String,
    /// The headers in order, names in lower case; bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body's bytes; in JSON as text, with replacements.
    #[serde(serialize_with = "as_text")]
    pub body: Bytes,
    /// The API key, from the bearer token or the header `api-key`.
    pub key: Option<String>,
    /// The body's `model`, or the deployment's name in an Azure path.
    pub model: Option<String>,
    /// When the last byte of the response was handed to the connection, or the script broke it off.
    pub ended_at_us: Option<u64>,
    /// When the client was found to have disconnected before the response was complete.
    pub client_gone_at_us: Option<u64>,
}

impl Record {
    /// The value of the first header with this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

fn as_text<S: serde::Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// All records.
#[derive(Default)]
pub(super) struct Log {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    next_id: u64,
    records: Vec<Record>,
}

impl Log {
    /// Adds a record and assigns its id.
    pub(super) fn push(&self, mut record: Record) -> u64 {
        let mut entries = self.lock();
        let id = entries.next_id;
        entries.next_id += 1;
        record.id = id;
        entries.records.push(record);
        id
    }

    pub(super) fn clear(&self) {
        self.lock().records.clear();
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.lock().records.clone()
    }

    fn update(&self, id: u64, change: impl FnOnce(&mut Record)) {
        // The newest are the likeliest to end.
        if let Some(record) = self
            .lock()
            .records
            .iter_mut()
            .rev()
            .find(|record| record.id == id)
        {
            change(record);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request that is being answered. Dropped before its end, it records that the client disconnected: hyper then
/// drops the response.
pub(super) struct Exchange {
    open: Option<(Arc<Shared>, u64)>,
}

impl Exchange {
    /// An exchange whose record is in the log; `None`: it is not recorded.
    pub(super) fn new(shared: &Arc<Shared>, id: Option<u64>) -> Self {
        Self {
            open: id.map(|id| (Arc::clone(shared), id)),
        }
    }

    /// The response is complete, or the script breaks it off.
    pub(super) fn end(&mut self) {
        if let Some((shared, id)) = self.open.take() {
            shared
                .log
                .update(id, |record| record.ended_at_us = Some(now_us()));
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some((shared, id)) = self.open.take() {
            shared
                .log
                .update(id, |record| record.client_gone_at_us = Some(now_us()));
        }
    }
}

/// Microseconds since the Unix epoch.
pub(super) fn now_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
