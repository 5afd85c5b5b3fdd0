//! The ledger of one instance. Owns its queue, when it is written (at once after a quiet time, else in batches, so that
//! neither an instance that lives for one request nor a busy one loses much), how much of log and sums is kept, and the
//! counter of records that were lost. No request waits for a write.

use std::cell::{Cell, OnceCell, RefCell};
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::LedgerEngine;
use super::batch::{self, Batch};
use super::port::Ledger as _;
use super::queue::BatchQueue;
use super::record::RequestRecord;
use crate::config::model::Settings;
use crate::config::snapshot::Snapshot;
use crate::flusher::{self, Flush, Lease};
use crate::limits::calendar;
use crate::ports::{ProxyPorts, StoreKey};
use crate::store::{self, RecordEdit, RetryLimits};
use crate::units::{DAY_MS, HOUR_MS, Timestamp};

/// From one write of an instance to the next: a record is in the database within a second of its response.
const INTERVAL_MS: u64 = 500;
/// How long one batch may take. A host waits up to 5 s for a database that is locked.
const TIME_LIMIT: Duration = Duration::from_secs(6);
/// Records after which the log is pruned.
const PRUNE_AFTER: u64 = 500;
/// An instance that lives for few records prunes the log after one write in so many.
const PRUNE_CHANCE: u64 = 100;
/// How long it is tried to add to the counter of lost records.
const COUNT_RETRIES: RetryLimits = RetryLimits {
    attempts: 5,
    time: TIME_LIMIT,
};

/// How much is kept of the request log, and for how long of all else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Retention {
    rows: u64,
    days: u64,
    kept_days: u64,
    /// 0: for good.
    usage_days: u64,
}

/// What an instance has to write.
#[derive(Debug)]
pub struct LedgerService<P> {
    ports: P,
    engine: LedgerEngine<P>,
    queue: RefCell<BatchQueue>,
    /// Records that were lost, since the database did not answer.
    dropped: Cell<u64>,
    lease: Lease,
    /// Whether the last write failed.
    is_failing: Cell<bool>,
    /// When the last write began.
    wrote: Cell<Timestamp>,
    written_since_pruning: Cell<u64>,
    retention: Cell<Retention>,
    watcher: OnceCell<Watcher>,
}

/// What is called when a request has ended.
struct Watcher(Box<Watch>);
type Watch = dyn Fn(&Rc<Snapshot>);

impl fmt::Debug for Watcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Watcher")
    }
}

impl<P: ProxyPorts> LedgerService<P> {
    /// A ledger with an empty queue.
    pub fn new(ports: P) -> Self {
        Self {
            engine: LedgerEngine::new(ports.clone(), TIME_LIMIT),
            ports,
            queue: RefCell::default(),
            dropped: Cell::default(),
            lease: Lease::default(),
            is_failing: Cell::default(),
            wrote: Cell::default(),
            written_since_pruning: Cell::default(),
            retention: Cell::default(),
            watcher: OnceCell::new(),
        }
    }

    /// The host.
    pub const fn ports(&self) -> &P {
        &self.ports
    }

    /// Has `watcher` called whenever a request has ended, recorded or not, with the configuration that it began with.
    pub fn watch(&self, watcher: impl Fn(&Rc<Snapshot>) + 'static) {
        // The first one stays; there is only one.
        let _ = self.watcher.set(Watcher(Box::new(watcher)));
    }

    /// A request has ended.
    pub fn ended(&self, snapshot: &Rc<Snapshot>) {
        if let Some(Watcher(watcher)) = self.watcher.get() {
            watcher(snapshot);
        }
    }

    /// Appends a finished request's record, beside the requests. Returns at once.
    pub fn record(self: &Rc<Self>, record: &RequestRecord, settings: &Settings) {
        self.retention.set(Retention {
            rows: settings.request_log_rows,
            days: settings.request_log_days,
            kept_days: settings.response_record_days,
            usage_days: settings.usage_days,
        });
        if !self.queue.borrow_mut().push(record) {
            self.drop_records(1);
        }
        flusher::start(&self.ports, LedgerFlush(Rc::clone(self)));
    }

    /// Waits a moment if the database takes records, but more slowly than requests end: so none is lost. For one that takes
    /// none, no request waits.
    pub async fn keep_pace(&self) {
        let delay = self.queue.borrow().delay();
        if !delay.is_zero() && !self.is_failing.get() {
            self.ports.sleep(delay).await;
        }
    }

    fn drop_records(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.dropped.set(self.dropped.get().saturating_add(count));
    }

    /// Prunes the log from time to time, by more than what came since, but never by much at once.
    async fn prune(&self, written: usize) {
        let written = self.written_since_pruning.get() + u64::try_from(written).unwrap_or(0);
        self.written_since_pruning.set(written);
        if written < PRUNE_AFTER && !self.ports.next_u64().is_multiple_of(PRUNE_CHANCE) {
            return;
        }
        self.written_since_pruning.set(0);
        let retention = self.retention.get();
        let before = |days| self.ports.now().0.saturating_sub(days * DAY_MS);
        let most = 2 * written + 2 * PRUNE_CHANCE;
        let rows = retention.rows;
        if let Err(error) = self.engine.prune(rows, before(retention.days), most).await {
            self.ports
                .line(format_args!("the request log was not shortened: {error}"));
        }
        if retention.usage_days > 0 {
            // What was spent in this month is asked for by its hours.
            let month = calendar::month_begin(calendar::month(self.ports.now()));
            let hour = before(retention.usage_days).min(month.0) / HOUR_MS;
            if let Err(error) = self.engine.prune_sums(hour, most).await {
                self.ports
                    .line(format_args!("old sums of usage are not removed: {error}"));
            }
        }
        // Here, since what is kept must go also after the setting was switched off. A response may have several parts.
        let oldest = before(retention.kept_days);
        if let Err(error) = self.engine.prune_kept(oldest, 2 * most).await {
            self.ports
                .line(format_args!("old kept responses are not removed: {error}"));
        }
    }

    /// Adds lost records to the counter of all instances. It is in the store, not in the database that did not answer.
    async fn count_dropped(&self) {
        let mut uncounted = Uncounted {
            dropped: &self.dropped,
            count: self.dropped.take(),
        };
        let dropped = uncounted.count;
        if dropped == 0 {
            return;
        }
        self.ports.line(format_args!(
            "{dropped} records of requests are lost: the database did not take them"
        ));
        let counted = store::update(
            &self.ports,
            StoreKey::DroppedRecords,
            COUNT_RETRIES,
            |stored| {
                let sum = batch::dropped(stored).saturating_add(dropped);
                Ok::<_, Infallible>(RecordEdit::Replace(sum.to_string().into_bytes(), ()))
            },
        );
        if counted.await.is_ok() {
            uncounted.count = 0;
        }
    }
}

/// Lost records that are not counted yet: if the store fails as well, or the task ends meanwhile, the next write counts them.
struct Uncounted<'a> {
    dropped: &'a Cell<u64>,
    count: u64,
}

impl Drop for Uncounted<'_> {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + self.count);
    }
}

/// The queue on its way into the database.
struct LedgerFlush<P>(Rc<LedgerService<P>>);

impl<P: ProxyPorts> Flush for LedgerFlush<P> {
    type Batch = Batch;

    /// After them the batch's records are lost: they are counted, and the log says so.
    const RETRY_DELAYS: &'static [Duration] = &[
        Duration::from_millis(250),
        Duration::from_secs(2),
        Duration::from_secs(10),
    ];

    fn lease(&self) -> &Lease {
        &self.0.lease
    }

    /// Not at all after a time without requests, or when a whole batch waits.
    async fn wait(&self) {
        let Self(service) = self;
        if service.queue.borrow().has_whole_batch() {
            return;
        }
        let since = service.ports.now().since_ms(service.wrote.get());
        let left = INTERVAL_MS.saturating_sub(since);
        if left > 0 {
            service.ports.sleep(Duration::from_millis(left)).await;
        }
    }

    fn take(&self) -> Option<Batch> {
        let Self(service) = self;
        service.wrote.set(service.ports.now());
        service.queue.borrow_mut().pop()
    }

    async fn write(&self, batch: &Batch) -> bool {
        let Self(service) = self;
        let outcome = service.engine.append(batch).await;
        service.is_failing.set(outcome.is_err());
        if let Err(error) = &outcome {
            service.ports.line(format_args!(
                "{} records of requests are not written yet: {error}",
                batch.len()
            ));
        }
        outcome.is_ok()
    }

    async fn finish(&self, batch: Batch, is_written: bool) -> bool {
        let Self(service) = self;
        if is_written {
            service.prune(batch.len()).await;
        } else {
            service.drop_records(batch.len());
        }
        service.count_dropped().await;
        true
    }

    fn put_back(&self, batch: Batch) {
        self.0.queue.borrow_mut().put_back(batch);
    }
}
