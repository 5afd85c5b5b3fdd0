//! The ports of the served core: store, database and log are the fakes', time is real. Owns where randomness comes from.

use std::cell::{Cell, RefCell};
use std::env::VarError;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read as _};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gateway_core::logging::LogPolicy;
use gateway_core::ports::{
    Background, Clock, Log, Random, ReadStore, Sql, SqlTarget, StoreError, StoreKey, Swap,
    Variable, VariableError, Variables, WriteStore,
};
use gateway_core::sql::{SqlError, SqlRow, Statement};
use gateway_core::units::Timestamp;
use tokio::task::spawn_local;

use crate::fakes::FakePorts;

/// Ports over the fakes and the machine. Clones share everything.
#[derive(Clone)]
pub struct ServedPorts {
    fakes: FakePorts,
    random: Rc<RefCell<File>>,
    policy: Rc<Cell<LogPolicy>>,
}

impl ServedPorts {
    /// Ports with an empty store.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            fakes: FakePorts::default(),
            policy: Rc::default(),
            random: Rc::new(RefCell::new(File::open("/dev/urandom")?)),
        })
    }
}

impl Clock for ServedPorts {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Random for ServedPorts {
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_secure(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    #[expect(
        clippy::expect_used,
        reason = "a machine without randomness runs no tests"
    )]
    fn fill_secure(&self, bytes: &mut [u8]) {
        let mut source = self.random.borrow_mut();
        source.read_exact(bytes).expect("/dev/urandom can be read");
    }
}

impl Log for ServedPorts {
    fn finished_line(&self, text: fmt::Arguments<'_>) {
        eprintln!("{text}");
    }

    fn policy(&self) -> LogPolicy {
        self.policy.get()
    }

    fn set_policy(&self, policy: LogPolicy) {
        self.policy.set(policy);
    }
}

impl Background for ServedPorts {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        spawn_local(work);
    }
}

impl ReadStore for ServedPorts {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.fakes.read(record).await
    }
}

impl WriteStore for ServedPorts {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        self.fakes.swap(record, expected, new).await
    }

    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        self.fakes.put(record, value).await
    }

    async fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        self.fakes.remove(record).await
    }
}

impl Sql for ServedPorts {
    async fn transact(
        &self,
        place: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        self.fakes.transact(place, statements).await
    }
}

/// The variables of the process, under their names in capitals.
pub struct Environment;

impl Variables for Environment {
    async fn get(&self, variable: Variable) -> Result<Option<String>, VariableError> {
        match std::env::var(variable.upper_name()) {
            Ok(value) => Ok(Some(value)),
            Err(VarError::NotPresent) => Ok(None),
            Err(error) => Err(VariableError(error.to_string())),
        }
    }
}
