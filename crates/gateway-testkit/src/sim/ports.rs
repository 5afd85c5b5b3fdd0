//! The ports of simulated instances. Owns what an instance has for itself; what they share is in its own modules.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use gateway_core::logging::LogPolicy;
use gateway_core::ports::{
    Background, Clock, Log, Random, ReadStore, SendError, Sql, SqlTarget, StoreError, StoreKey,
    Swap, Timeouts, Upstream, WriteStore,
};
use gateway_core::sql::{SqlError, SqlRow, Statement};
use gateway_core::units::Timestamp;

use super::chance::Chance;
use super::executor::Executor;
use super::store::SimStore;
use super::upstream::{SimBody, SimUpstream};
use crate::fakes::MemoryDatabase;

/// The newest lines of the log that are kept; a day with many failures writes more than can be read.
const MAX_LOG_LINES: usize = 2_000;

/// One world: its time, its store, its upstreams. Clones are the same world.
#[derive(Clone)]
pub struct Sim {
    shared: Rc<Shared>,
}

struct Shared {
    executor: Executor,
    store: SimStore,
    database: MemoryDatabase,
    upstream: SimUpstream,
    log: RefCell<VecDeque<String>>,
    instances: Chance,
}

impl Sim {
    /// A world with an empty store at [`crate::fakes::START`], in which everything follows from `seed`.
    pub fn seeded(seed: u64) -> Self {
        let chance = Chance::seeded(seed);
        let executor = Executor::starting_at(crate::fakes::START);
        Self {
            shared: Rc::new(Shared {
                store: SimStore::new(executor.clone(), chance.fork()),
                database: MemoryDatabase::default(),
                upstream: SimUpstream::new(executor.clone()),
                executor,
                log: RefCell::default(),
                instances: chance.fork(),
            }),
        }
    }

    /// The ports of a further instance, with its own randomness. `number` names it in the records; several may share
    /// one number.
    pub fn instance(&self, number: usize) -> SimPorts {
        SimPorts {
            instance: Rc::new(Instance {
                number,
                chance: self.shared.instances.fork(),
            }),
            sim: self.clone(),
        }
    }

    /// The time and the tasks.
    pub fn executor(&self) -> &Executor {
        &self.shared.executor
    }

    /// The store that all instances share.
    pub fn store(&self) -> &SimStore {
        &self.shared.store
    }

    /// What all instances call.
    pub fn upstream(&self) -> &SimUpstream {
        &self.shared.upstream
    }

    /// The newest lines that instances logged, each after its time and its instance's number.
    pub fn log_lines(&self) -> Vec<String> {
        self.shared.log.borrow().iter().cloned().collect()
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sim")
            .field("executor", self.executor())
            .finish_non_exhaustive()
    }
}

/// All ports in one, for one instance. Clones are the same instance.
#[derive(Clone, Debug)]
pub struct SimPorts {
    sim: Sim,
    instance: Rc<Instance>,
}

#[derive(Debug)]
struct Instance {
    number: usize,
    chance: Chance,
}

impl SimPorts {
    /// The world that the instance is in.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }
}

impl Clock for SimPorts {
    fn now(&self) -> Timestamp {
        self.sim.executor().now()
    }

    async fn sleep(&self, duration: Duration) {
        // Timers never fire early, so a part of a millisecond counts as a whole one.
        let milliseconds = u64::try_from(duration.as_nanos().div_ceil(1_000_000));
        let executor = self.sim.executor();
        executor.sleep_ms(milliseconds.unwrap_or(u64::MAX)).await;
    }
}

impl Random for SimPorts {
    fn next_u64(&self) -> u64 {
        self.instance.chance.next_u64()
    }

    fn fill_secure(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

impl Log for SimPorts {
    fn finished_line(&self, text: fmt::Arguments<'_>) {
        let mut log = self.sim.shared.log.borrow_mut();
        if log.len() == MAX_LOG_LINES {
            log.pop_front();
        }
        log.push_back(format!("{} #{} {text}", self.now().0, self.instance.number));
    }

    fn policy(&self) -> LogPolicy {
        LogPolicy::ALL
    }

    /// The simulation looks at every line.
    fn set_policy(&self, _: LogPolicy) {}
}

impl Background for SimPorts {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.sim.executor().spawn(work);
    }
}

impl ReadStore for SimPorts {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.sim.store().read(record).await
    }
}

impl WriteStore for SimPorts {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        let store = self.sim.store();
        store
            .swap(self.instance.number, record, expected, new)
            .await
    }

    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        self.sim.store().write(record, Some(value)).await
    }

    async fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        self.sim.store().write(record, None).await
    }
}

impl Sql for SimPorts {
    /// Takes no time.
    async fn transact(
        &self,
        _: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        self.sim.shared.database.run(&statements)
    }
}

impl Upstream for SimPorts {
    type Body = SimBody;

    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<http::Response<SimBody>, SendError> {
        let upstream = self.sim.upstream();
        upstream.send(self.instance.number, request, timeouts).await
    }
}
