//! The records of stored responses. Owns their queue of one instance, when it is written, how long records are kept, and
//! the search for one. Requests wait for a search only when they name a response, and never for a write.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::LedgerEngine;
use super::port::Ledger as _;
use super::response_record::{MAX_ROWS, ResponseRecord};
use crate::config::model::Settings;
use crate::database::DatabaseError;
use crate::flusher::{self, Flush, Lease};
use crate::ports::ProxyPorts;
use crate::units::{DAY_MS, Timestamp};

/// From one write of an instance to the next. Short, since the next request of a conversation may reach another instance.
const INTERVAL_MS: u64 = 100;
/// How long one write may take.
const WRITE_LIMIT: Duration = Duration::from_secs(6);
/// How long a request waits for one search.
const SEARCH_LIMIT: Duration = Duration::from_secs(2);
/// Another instance may be about to write a record that is not found; then it is searched for once more.
const SEARCH_AGAIN: Duration = Duration::from_millis(250);
/// Records that an instance remembers beside the database.
const MAX_RECENT: usize = 200;
/// Records that wait at most. More come only when the database does not answer.
const MAX_QUEUED: usize = 5_000;
/// Records after which old ones are removed.
const PRUNE_AFTER: u64 = 500;
/// An instance that lives for few records removes old ones after one write in so many.
const PRUNE_CHANCE: u64 = 100;

/// The records of one instance.
#[derive(Debug)]
pub struct ResponseRecords<P> {
    ports: P,
    writer: LedgerEngine<P>,
    reader: LedgerEngine<P>,
    /// Not written yet.
    queue: RefCell<VecDeque<ResponseRecord>>,
    /// The latest, the newest last, written or not.
    recent: RefCell<VecDeque<ResponseRecord>>,
    lease: Lease,
    /// When the last write began.
    wrote: Cell<Timestamp>,
    written_since_pruning: Cell<u64>,
    days: Cell<u64>,
}

impl<P: ProxyPorts> ResponseRecords<P> {
    /// Without a record.
    pub fn new(ports: P) -> Self {
        Self {
            writer: LedgerEngine::new(ports.clone(), WRITE_LIMIT),
            reader: LedgerEngine::new(ports.clone(), SEARCH_LIMIT),
            ports,
            queue: RefCell::default(),
            recent: RefCell::default(),
            lease: Lease::default(),
            wrote: Cell::default(),
            written_since_pruning: Cell::default(),
            days: Cell::default(),
        }
    }

    /// Writes a record beside the requests. Returns at once.
    pub fn record(self: &Rc<Self>, record: ResponseRecord, settings: &Settings) {
        self.days.set(settings.response_record_days);
        let mut recent = self.recent.borrow_mut();
        if recent.len() >= MAX_RECENT {
            recent.pop_front();
        }
        recent.push_back(record.clone());
        let mut queue = self.queue.borrow_mut();
        if queue.len() >= MAX_QUEUED {
            self.lost(1);
            return;
        }
        queue.push_back(record);
        flusher::start(&self.ports, ResponseFlush(Rc::clone(self)));
    }

    /// The record of a response that this client key made.
    pub async fn find(
        &self,
        owner: &str,
        id: &str,
        settings: &Settings,
    ) -> Result<Option<ResponseRecord>, DatabaseError> {
        if let Some(recent) = self.recent(owner, id) {
            return Ok(Some(recent));
        }
        let kept_ms = settings.response_record_days * DAY_MS;
        let since_ms = self.ports.now().0.saturating_sub(kept_ms);
        if let Some(found) = self.reader.find_response(owner, id, since_ms).await? {
            return Ok(Some(found));
        }
        self.ports.sleep(SEARCH_AGAIN).await;
        self.reader.find_response(owner, id, since_ms).await
    }

    fn recent(&self, owner: &str, id: &str) -> Option<ResponseRecord> {
        let recent = self.recent.borrow();
        let mut latest = recent.iter().rev();
        latest.find(|it| it.owner == owner && it.id == id).cloned()
    }

    /// Whether the usage of a response is to be counted now: `true` once for each that is unsettled. While the database
    /// does not answer it is not counted, and stays so for the next request.
    pub async fn settle(&self, record: &ResponseRecord) -> bool {
        match self.writer.settle_response(&record.owner, &record.id).await {
            Ok(is_due) => {
                self.recent
                    .borrow_mut()
                    .iter_mut()
                    .filter(|it| is_same(it, record))
                    .for_each(|it| it.is_unsettled = false);
                is_due
            }
            Err(error) => {
                self.ports.line(format_args!(
                    "the usage of a response is not counted yet: {error}"
                ));
                false
            }
        }
    }

    /// Marks the usage of a response as counted, beside the requests.
    pub fn settled(self: &Rc<Self>, record: ResponseRecord) {
        for list in [&self.queue, &self.recent] {
            let mut list = list.borrow_mut();
            let same = list.iter_mut().filter(|it| is_same(it, &record));
            same.for_each(|it| it.is_unsettled = false);
        }
        let records = Rc::clone(self);
        self.ports.spawn(async move {
            records.settle(&record).await;
        });
    }

    /// Removes the record of a response that is deleted, beside the requests.
    pub fn remove(self: &Rc<Self>, record: &ResponseRecord) {
        for list in [&self.queue, &self.recent] {
            list.borrow_mut().retain(|it| !is_same(it, record));
        }
        let (records, record) = (Rc::clone(self), record.clone());
        self.ports.spawn(async move {
            let removed = records
                .writer
                .remove_response(&record.owner, &record.id)
                .await;
            if let Err(error) = removed {
                records.ports.line(format_args!(
                    "the record of a deleted response is not removed: {error}"
                ));
            }
        });
    }

    fn lost(&self, count: usize) {
        self.ports.line(format_args!(
            "{count} records of stored responses are lost: the database did not take them"
        ));
    }

    /// Removes old records from time to time, by more than what came since, but never by much at once.
    async fn prune(&self, written: usize) {
        let written = self.written_since_pruning.get() + u64::try_from(written).unwrap_or(0);
        self.written_since_pruning.set(written);
        if written < PRUNE_AFTER && !self.ports.next_u64().is_multiple_of(PRUNE_CHANCE) {
            return;
        }
        self.written_since_pruning.set(0);
        let since_ms = self.ports.now().0.saturating_sub(self.days.get() * DAY_MS);
        let most = 2 * written + 2 * PRUNE_CHANCE;
        if let Err(error) = self.writer.prune_responses(since_ms, most).await {
            self.ports.line(format_args!(
                "old records of stored responses are not removed: {error}"
            ));
        }
    }
}

fn is_same(one: &ResponseRecord, other: &ResponseRecord) -> bool {
    one.owner == other.owner && one.id == other.id
}

/// The queue on its way into the database.
struct ResponseFlush<P>(Rc<ResponseRecords<P>>);

impl<P: ProxyPorts> Flush for ResponseFlush<P> {
    type Batch = Vec<ResponseRecord>;

    const RETRY_DELAYS: &'static [Duration] = &[
        Duration::from_millis(250),
        Duration::from_secs(2),
        Duration::from_secs(10),
    ];

    fn lease(&self) -> &Lease {
        &self.0.lease
    }

    /// Not at all after a time without stored responses.
    async fn wait(&self) {
        let Self(records) = self;
        let since = records.ports.now().since_ms(records.wrote.get());
        let left = INTERVAL_MS.saturating_sub(since);
        if left > 0 && records.queue.borrow().len() < MAX_ROWS {
            records.ports.sleep(Duration::from_millis(left)).await;
        }
    }

    fn take(&self) -> Option<Self::Batch> {
        let Self(records) = self;
        records.wrote.set(records.ports.now());
        let mut queue = records.queue.borrow_mut();
        let count = queue.len().min(MAX_ROWS);
        let batch: Vec<_> = queue.drain(..count).collect();
        (!batch.is_empty()).then_some(batch)
    }

    async fn write(&self, batch: &Self::Batch) -> bool {
        let Self(records) = self;
        let outcome = records.writer.append_responses(batch).await;
        if let Err(error) = &outcome {
            records.ports.line(format_args!(
                "{} records of stored responses are not written yet: {error}",
                batch.len()
            ));
        }
        outcome.is_ok()
    }

    async fn finish(&self, batch: Self::Batch, is_written: bool) -> bool {
        let Self(records) = self;
        if is_written {
            records.prune(batch.len()).await;
        } else {
            records.lost(batch.len());
        }
        true
    }

    fn put_back(&self, batch: Self::Batch) {
        let mut queue = self.0.queue.borrow_mut();
        for record in batch.into_iter().rev() {
            queue.push_front(record);
        }
    }
}
