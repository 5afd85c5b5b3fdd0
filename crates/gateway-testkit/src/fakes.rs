//! Fake ports for tests of the core: a clock that is moved by hand, seeded randomness, a store in memory with real
//! compare-and-swap, a database, an upstream that follows a script. Owns no assertion. Everything is single-threaded and
//! deterministic: the same test gives the same bytes in every run.

mod client_key;
mod database;
mod store;
mod upstream;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read as _};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::logging::LogPolicy;
use gateway_core::ports::{
    Background, Clock, Log, Random, ReadStore, SendError, Sql, SqlTarget, StoreDistance,
    StoreError, StoreKey, Swap, Timeouts, Upstream, WriteStore,
};
use gateway_core::reply::{BrokenBody, Reply};
use gateway_core::sql::{SqlError, SqlRow, Statement};
use gateway_core::units::Timestamp;
use http_body_util::BodyExt as _;

pub use client_key::client_key;
pub use database::{DatabaseFault, MemoryDatabase};
pub use store::{MemoryStore, Misreport};
pub use upstream::{FakeBody, FakeReply, FakeUpstream, Recorded};

/// When every test begins: 2026-11-22T00:00:00Z.
pub const START: Timestamp = Timestamp(1_795_305_600_000);
/// Polls after which a future counts as hanging; a test that waits forever must fail, not block.
const MAX_POLLS: usize = 1_000_000;

/// More turns than any work of these fakes needs.
const TURNS_BEFORE_SLEEP: usize = 200;

/// All ports in one. Clones share everything.
#[derive(Clone)]
pub struct FakePorts {
    inner: Rc<Inner>,
}

struct Inner {
    now: Cell<Timestamp>,
    random: Cell<u64>,
    secrets: RefCell<Option<File>>,
    log: RefCell<Vec<String>>,
    log_policy: Cell<LogPolicy>,
    background: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
    store: MemoryStore,
    distance: Cell<StoreDistance>,
    charges_for_rows: Cell<bool>,
    database: MemoryDatabase,
    upstream: FakeUpstream,
}

impl Default for FakePorts {
    fn default() -> Self {
        Self::seeded(1)
    }
}

impl FakePorts {
    /// Ports with an empty store, at [`START`], whose randomness follows from `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self {
            inner: Rc::new(Inner {
                now: Cell::new(START),
                random: Cell::new(seed),
                secrets: RefCell::default(),
                log: RefCell::default(),
                log_policy: Cell::new(LogPolicy::ALL),
                background: RefCell::default(),
                store: MemoryStore::default(),
                distance: Cell::default(),
                charges_for_rows: Cell::default(),
                database: MemoryDatabase::default(),
                upstream: FakeUpstream::default(),
            }),
        }
    }

    /// Takes keys and secrets from the machine's randomness instead of the seed, for what outlives a test.
    pub fn use_machine_randomness(&self) -> io::Result<()> {
        *self.inner.secrets.borrow_mut() = Some(File::open("/dev/urandom")?);
        Ok(())
    }

    /// Moves the clock forward.
    pub fn advance_ms(&self, milliseconds: u64) {
        self.inner
            .now
            .set(self.inner.now.get().plus_ms(milliseconds));
    }

    /// Sets the clock, backwards too.
    pub fn set_now(&self, now: Timestamp) {
        self.inner.now.set(now);
    }

    /// The store behind the ports, for inspection and faults.
    pub fn store(&self) -> &MemoryStore {
        &self.inner.store
    }

    /// Has the store be far away, for instances that are made from now on.
    pub fn use_far_store(&self) {
        self.inner.distance.set(StoreDistance::Far);
    }

    /// Has the database charge for rows that are written, before the first one is.
    pub fn charge_for_rows(&self) {
        self.inner.charges_for_rows.set(true);
    }

    /// The database behind the ports, for inspection and faults.
    pub fn database(&self) -> &MemoryDatabase {
        &self.inner.database
    }

    /// The upstream behind the ports, for scripts and inspection.
    pub fn upstream(&self) -> &FakeUpstream {
        &self.inner.upstream
    }

    /// The lines that were logged so far.
    pub fn log_lines(&self) -> Vec<String> {
        self.inner.log.borrow().clone()
    }

    /// Runs all background work to its end, and what it spawns; returns how many pieces that were.
    pub fn run_background(&self) -> usize {
        let mut count = 0;
        loop {
            let Some(work) = self.inner.background.borrow_mut().pop() else {
                return count;
            };
            block_on(work);
            count += 1;
        }
    }

    /// Runs the background work that there is now, all pieces beside each other, to its end.
    pub fn run_background_together(&self) {
        let mut pieces = self.inner.background.take();
        block_on(poll_fn(|context| {
            pieces.retain_mut(|work| work.as_mut().poll(context).is_pending());
            if pieces.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
    }

    /// Polls each piece of background work this many times and then drops it, as a host does when a request takes too
    /// long.
    pub fn abort_background(&self, polls: usize) {
        let pieces = self.inner.background.take();
        let mut context = Context::from_waker(Waker::noop());
        for mut work in pieces {
            for _ in 0..polls {
                if work.as_mut().poll(&mut context).is_ready() {
                    break;
                }
            }
        }
    }
}

impl fmt::Debug for FakePorts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FakePorts")
            .field("now", &self.inner.now.get())
            .finish_non_exhaustive()
    }
}

impl Clock for FakePorts {
    fn now(&self) -> Timestamp {
        self.inner.now.get()
    }

    /// Moves the clock instead of waiting, after everything that is polled beside it had its turns, so that it
    /// overtakes only what waits for the time.
    async fn sleep(&self, duration: Duration) {
        for _ in 0..TURNS_BEFORE_SLEEP {
            yield_once().await;
        }
        self.advance_ms(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    }
}

impl Random for FakePorts {
    /// `SplitMix64`: well distributed from any seed, in four lines.
    fn next_u64(&self) -> u64 {
        let state = self.inner.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.inner.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    #[expect(
        clippy::expect_used,
        reason = "secrets that can be guessed are worse than none"
    )]
    fn fill_secure(&self, bytes: &mut [u8]) {
        if let Some(source) = &mut *self.inner.secrets.borrow_mut() {
            return source.read_exact(bytes).expect("/dev/urandom can be read");
        }
        for chunk in bytes.chunks_mut(8) {
            let random = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

impl Log for FakePorts {
    fn finished_line(&self, text: fmt::Arguments<'_>) {
        self.inner.log.borrow_mut().push(text.to_string());
    }

    fn policy(&self) -> LogPolicy {
        self.inner.log_policy.get()
    }

    fn set_policy(&self, policy: LogPolicy) {
        self.inner.log_policy.set(policy);
    }
}

impl Background for FakePorts {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.inner.background.borrow_mut().push(Box::pin(work));
    }
}

impl ReadStore for FakePorts {
    fn distance(&self) -> StoreDistance {
        self.inner.distance.get()
    }

    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        yield_once().await;
        self.inner.store.read(record)
    }
}

impl WriteStore for FakePorts {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        yield_once().await;
        self.inner.store.swap(record, expected, new)
    }

    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        yield_once().await;
        self.inner.store.write(record, value)
    }

    async fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        yield_once().await;
        self.inner.store.remove(record)
    }
}

impl Sql for FakePorts {
    fn charges_for_rows(&self) -> bool {
        self.inner.charges_for_rows.get()
    }

    async fn transact(
        &self,
        _: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        yield_once().await;
        let database = &self.inner.database;
        let broken = || SqlError::from_words("the database is broken for this test");
        match database.begin(&statements) {
            DatabaseFault::None => database.run(&statements),
            DatabaseFault::Refuse => Err(broken()),
            DatabaseFault::FailAfterCommit => database.run(&statements).and(Err(broken())),
            DatabaseFault::Hang => std::future::pending().await,
        }
    }
}

impl Upstream for FakePorts {
    type Body = FakeBody;

    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<http::Response<FakeBody>, SendError> {
        yield_once().await;
        let (after_ms, outcome) = self.inner.upstream.answer(request, timeouts);
        self.advance_ms(after_ms);
        outcome
    }
}

/// Lets every other future that is polled beside this one go first, as real I/O would.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs a future to its end on this thread.
///
/// # Panics
/// When the future is still pending after a million polls, since nothing in these fakes ever takes that long.
#[expect(clippy::panic, reason = "a test that hangs must fail with a reason")]
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..MAX_POLLS {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future waits for something that never happens");
}

/// The whole body of a reply.
pub async fn read_body(reply: Reply) -> Result<Bytes, BrokenBody> {
    reply
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
}
