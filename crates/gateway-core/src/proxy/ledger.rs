//! Records on their way from requests to the database. Owns the instance's queue and the task that writes it: at once
//! when the instance was quiet, else in batches, so that neither an instance that lives for one request nor a busy one
//! loses much. No request ever waits for it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::Gateway;
use crate::config::model::Settings;
use crate::database;
use crate::ledger::batch::{self, Batch};
use crate::ledger::record::RequestRecord;
use crate::ports::{
    ProxyPorts, ReadStore as _, SqlTarget, StoreKey as StoreRecord, Swap, WriteStore as _,
};
use crate::sql::{SqlError, SqlErrorKind};
use crate::store::BoundedStore;
use crate::units::Timestamp;

/// From one write of an instance to the next: a record is in the database within a second of its response.
const INTERVAL_MS: u64 = 500;
/// How long one batch may take. A host waits up to 5 s for a database that somebody else has locked.
const PATIENCE: Duration = Duration::from_secs(6);
/// Pauses before a batch is tried again. After them its records are lost: they are counted and the log says so.
const RETRIES: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_secs(2),
    Duration::from_secs(10),
];
/// Records that wait at most; about 4 MB. More come only when the database does not answer.
const MAX_WAITING: usize = 5_000;
/// Records after which the log is shortened.
const PRUNE_AFTER: u64 = 500;
/// An instance that lives for few records shortens the log after one write in so many.
const PRUNE_CHANCE: u64 = 100;
/// After so long another request's task takes over the writing; the least that a host lets a request take is 30 s.
const DUTY_MS: u64 = 5_000;
/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// Tries to add to the counter of lost records against other writers.
const COUNT_TRIES: usize = 5;

/// How much of the request log is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Retention {
    rows: u64,
    days: u64,
}

/// Batches in the order of their records; the last one grows.
#[derive(Debug, Default)]
struct PendingBatches {
    batches: VecDeque<Batch>,
    /// In all of them.
    records: usize,
}

/// What an instance has to write.
#[derive(Debug, Default)]
pub struct Ledger {
    waiting: RefCell<PendingBatches>,
    /// Records that found no place, since the database did not answer.
    dropped: Cell<u64>,
    /// The task that writes, if there is one, by its number, and when it began.
    writer: Cell<Option<(u64, Timestamp)>>,
    /// Numbers of writers so far.
    writers: Cell<u64>,
    /// When the last write began.
    wrote: Cell<Timestamp>,
    /// Whether the schema is known to be there.
    is_ready: Cell<bool>,
    written_since_pruning: Cell<u64>,
    retention: Cell<Retention>,
}

/// The duty to write, of which an instance has one. It ends with its task, however that ends.
struct Writer<P: ProxyPorts> {
    gateway: Rc<Gateway<P>>,
    number: u64,
}

impl<P: ProxyPorts> Writer<P> {
    /// Whether nobody has taken over.
    fn is_on_duty(&self) -> bool {
        let writer = self.gateway.ledger.writer.get();
        writer.is_some_and(|(number, _)| number == self.number)
    }
}

impl<P: ProxyPorts> Drop for Writer<P> {
    fn drop(&mut self) {
        if self.is_on_duty() {
            self.gateway.ledger.writer.set(None);
        }
    }
}

impl<P: ProxyPorts> Gateway<P> {
    /// Takes a finished request's record. Returns at once.
    pub fn record(self: &Rc<Self>, record: &RequestRecord, settings: &Settings) {
        let ledger = &self.ledger;
        ledger.retention.set(Retention {
            rows: settings.request_log_rows,
            days: settings.request_log_days,
        });
        if !ledger.waiting.borrow_mut().add(record) {
            ledger.dropped.set(ledger.dropped.get() + 1);
        }
        // Work after a response belongs to that request, and hosts end requests that take too long: in a busy instance
        // a later request's task takes over.
        let now = self.ports.now();
        if let Some((_, began)) = ledger.writer.get()
            && now.since_ms(began) < DUTY_MS
        {
            return;
        }
        let number = ledger.writers.get() + 1;
        ledger.writers.set(number);
        ledger.writer.set(Some((number, now)));
        let writer = Writer {
            gateway: Rc::clone(self),
            number,
        };
        self.ports.spawn(async move { write_all(&writer).await });
    }

    /// Waits until the next batch is due; not at all after a time without requests, or when a whole batch waits.
    async fn pause(&self) {
        if self.ledger.waiting.borrow().has_whole_batch() {
            return;
        }
        let since = self.ports.now().since_ms(self.ledger.wrote.get());
        let left = INTERVAL_MS.saturating_sub(since);
        if left > 0 {
            self.ports.sleep(Duration::from_millis(left)).await;
        }
    }

    /// Writes one batch, again and again until it is known to be written or lost.
    async fn write_batch(&self, batch: &Batch) {
        let mut pauses = RETRIES.iter();
        loop {
            let problem = match self.try_batch(batch).await {
                Ok(()) => return self.prune_log(batch.len()).await,
                Err(problem) => problem,
            };
            self.ports.line(format_args!(
                "{} records of requests are not written yet: {problem}",
                batch.len()
            ));
            let Some(pause) = pauses.next() else {
                let lost = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                self.ledger.dropped.set(self.ledger.dropped.get() + lost);
                return;
            };
            self.ports.sleep(*pause).await;
        }
    }

    async fn try_batch(&self, batch: &Batch) -> Result<(), SqlError> {
        if !self.ledger.is_ready.get() {
            database::ready(&self.ports, PATIENCE).await?;
            self.ledger.is_ready.set(true);
        }
        let statement = batch.statement();
        match database::query(&self.ports, SqlTarget::Ledger, statement, PATIENCE).await {
            Ok(_) => Ok(()),
            // An earlier try took place, although nobody said so.
            Err(error) if error.kind == SqlErrorKind::Duplicate => Ok(()),
            Err(error) => {
                // Perhaps somebody has moved the database away.
                self.ledger.is_ready.set(false);
                Err(error)
            }
        }
    }

    /// Shortens the log from time to time, by more than what came since, but never by much at once.
    async fn prune_log(&self, written: usize) {
        let ledger = &self.ledger;
        let written = ledger.written_since_pruning.get() + u64::try_from(written).unwrap_or(0);
        ledger.written_since_pruning.set(written);
        if written < PRUNE_AFTER && !self.ports.next_u64().is_multiple_of(PRUNE_CHANCE) {
            return;
        }
        ledger.written_since_pruning.set(0);
        let Retention { rows, days } = ledger.retention.get();
        let oldest = self.ports.now().0.saturating_sub(days * DAY_MS);
        let most = 2 * written + 2 * PRUNE_CHANCE;
        let statement = batch::prune(rows, oldest, most);
        let outcome =
            database::transact(&self.ports, SqlTarget::Ledger, vec![statement], PATIENCE).await;
        if let Err(error) = outcome {
            self.ports
                .line(format_args!("the request log was not shortened: {error}"));
        }
    }

    /// Adds lost records to the counter of all instances. It is in the store, not in the database that did not answer.
    async fn count_dropped(&self) {
        let dropped = self.ledger.dropped.take();
        if dropped == 0 {
            return;
        }
        self.ports.line(format_args!(
            "{dropped} records of requests are lost: the database did not take them"
        ));
        let store = BoundedStore::new(&self.ports, PATIENCE);
        for _ in 0..COUNT_TRIES {
            let Ok(known) = store.read(StoreRecord::DroppedRecords).await else {
                break;
            };
            let sum = batch::dropped(known.as_deref()).saturating_add(dropped);
            let (counter, sum) = (StoreRecord::DroppedRecords, sum.to_string());
            let swap = store.swap(counter, known.as_deref(), sum.as_bytes());
            match swap.await {
                Ok(Swap::Done) => return,
                Ok(Swap::Conflict) => {}
                Err(_) => break,
            }
        }
        // The store fails as well: the next write says it.
        self.ledger.dropped.set(self.ledger.dropped.get() + dropped);
    }
}

/// Writes until nothing waits any more, or somebody else does so.
async fn write_all<P: ProxyPorts>(writer: &Writer<P>) {
    let gateway = &writer.gateway;
    loop {
        gateway.pause().await;
        if !writer.is_on_duty() {
            return;
        }
        gateway.ledger.wrote.set(gateway.ports.now());
        let Some(batch) = gateway.ledger.take() else {
            return;
        };
        gateway.write_batch(&batch).await;
        gateway.count_dropped().await;
    }
}

impl Ledger {
    /// The next batch.
    fn take(&self) -> Option<Batch> {
        let mut waiting = self.waiting.borrow_mut();
        let batch = waiting.batches.pop_front()?;
        waiting.records -= batch.len();
        Some(batch)
    }
}

impl PendingBatches {
    /// Whether there was a place for the record.
    fn add(&mut self, record: &RequestRecord) -> bool {
        if self.records >= MAX_WAITING {
            return false;
        }
        let last = self.batches.back_mut();
        if let Some(batch) = last.filter(|batch| batch.has_room_for(record)) {
            batch.add(record);
        } else {
            let mut batch = Batch::default();
            batch.add(record);
            self.batches.push_back(batch);
        }
        self.records += 1;
        true
    }

    /// Whether nothing is gained by waiting for more records.
    fn has_whole_batch(&self) -> bool {
        let first = self.batches.front();
        self.batches.len() > 1 || first.is_some_and(|batch| batch.len() >= batch::MAX_RECORDS)
    }
}
