//! The core's ports: time, randomness, log lines, work after the response, and variables here; store, database and calls to
//! upstreams in files of their own.

mod store;

pub use store::LABEL;

use std::cell::{Cell, RefCell};
use std::env;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gateway_core::logging::LogPolicy;
use gateway_core::ports::{
    Background, Clock, Log, Random, Sql, SqlTarget, Variable, VariableError, Variables,
};
use gateway_core::sql::{SqlError, SqlRow, Statement};
use gateway_core::units::Timestamp;
use host_io::store::Store;
use rand::Rng as _;
use rand::rngs::SmallRng;
use tokio::sync::watch;

use crate::database::Database;
use crate::upstream::Pool;

/// What all threads share.
#[derive(Clone)]
pub struct Shared {
    /// The records.
    pub store: Store,
    /// Ledger and limits.
    pub database: Database,
}

/// The ports of one thread. Clones share everything.
#[derive(Clone)]
pub struct NativePorts(Rc<Thread>);

struct Thread {
    shared: Shared,
    pool: Pool,
    random: RefCell<SmallRng>,
    policy: Cell<LogPolicy>,
    /// How much work goes on after responses.
    working: watch::Sender<usize>,
}

impl NativePorts {
    /// The ports of the current thread.
    pub fn new(shared: Shared, pool: Pool) -> Self {
        Self(Rc::new(Thread {
            shared,
            pool,
            random: RefCell::new(rand::make_rng()),
            policy: Cell::default(),
            working: watch::Sender::new(0),
        }))
    }

    /// The connections to upstreams.
    pub fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// Resolves when no work goes on after responses.
    pub async fn is_idle(&self) {
        let mut working = self.0.working.subscribe();
        // The sender lives as long as `self`.
        let _ = working.wait_for(|count| *count == 0).await;
    }
}

impl Clock for NativePorts {
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

impl Random for NativePorts {
    fn next_u64(&self) -> u64 {
        self.0.random.borrow_mut().next_u64()
    }

    fn fill_secure(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

impl Log for NativePorts {
    fn finished_line(&self, text: fmt::Arguments<'_>) {
        // One write, so that the lines of several threads do not mix.
        eprint!("{text}\n");
    }

    fn policy(&self) -> LogPolicy {
        self.0.policy.get()
    }

    fn set_policy(&self, policy: LogPolicy) {
        self.0.policy.set(policy);
    }
}

/// Counts a piece of work until it is dropped, also when it is cut off.
struct Counted(Rc<Thread>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.working.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Background for NativePorts {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.0.working.send_modify(|count| *count += 1);
        let counted = Counted(Rc::clone(&self.0));
        tokio::task::spawn_local(async move {
            let _counted = counted;
            work.await;
        });
    }
}

impl Sql for NativePorts {
    async fn transact(
        &self,
        _target: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        self.0.shared.database.transact(statements).await
    }
}

/// The variables of the process.
#[derive(Clone, Copy, Debug)]
pub struct Environment;

impl Variables for Environment {
    async fn get(&self, variable: Variable) -> Result<Option<String>, VariableError> {
        let name = variable.upper_name();
        for name in [format!("SPIN_VARIABLE_{name}"), name] {
            match env::var(&name) {
                Ok(value) => return Ok(Some(value)),
                Err(env::VarError::NotPresent) => {}
                Err(env::VarError::NotUnicode(_)) => {
                    return Err(VariableError(format!("{name} is not UTF-8")));
                }
            }
        }
        Ok(None)
    }
}
