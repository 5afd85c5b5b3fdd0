//! SQLite databases of components: one file per label that exists, as many connections as components open. Owns which
//! connection has the turn and where the work runs; knows no WIT. How a statement runs is in `session`, what it may do
//! in `guard`, faults for tests in `host_io::fault`.
//!
//! A statement may take milliseconds (a commit that folds the log into the file) or seconds (another process holds the
//! lock), so all of it runs on threads that may block, a bounded number of them.
//!
//! SQLite has one writer at a time, and its own way of waiting is to sleep and try again. So connections of this
//! process take turns before they use it: first come, first served, without a thread, and the one that has the turn
//! never waits for a thread behind those waiting for it.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Result;
use rusqlite::types::Value;
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

mod guard;
mod session;

use host_io::{fault::Fault, sqlite_file, state_dir::SQLITE};
use session::{Flags, Idle, Run, Session, Wish};

/// The only label that exists, as in Spin without a runtime configuration.
const LABEL: &str = "default";
/// How long a statement waits for its turn to write, and for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that run at once, of all instances; more wait without a thread.
const MAX_RUNNING: usize = 64;
/// Connections that one instance may have open.
pub const MAX_OPEN: usize = 64;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No database has this label.
    NoSuchDatabase,
    /// The disk or the file's limit is full.
    Full,
    /// Anything else, with SQLite's message.
    Io(String),
}

/// The result of a statement.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// Names of the columns; none when the statement cannot return rows.
    pub columns: Vec<String>,
    /// All rows.
    pub rows: Vec<Vec<Value>>,
}

/// The databases of an application. Clones are the same databases.
#[derive(Clone)]
pub struct Databases {
    idle: Arc<Idle>,
    fault: Option<Arc<Fault>>,
    /// One permit: the turn to write.
    turns: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// One connection. Dropped, it is closed: what runs on it is interrupted, and an open transaction rolled back.
pub struct Connection {
    databases: Databases,
    /// `None` only while it is dropped.
    inner: Option<Arc<Mutex<Session>>>,
    flags: Arc<Flags>,
    _slot: OwnedSemaphorePermit,
}

impl Databases {
    /// The databases in `folder`, with the file name that Spin uses. Touches no file.
    pub fn new(folder: &Path, fault: Option<Fault>) -> Self {
        Self {
            idle: Idle::new(folder.join(SQLITE)),
            fault: fault.map(Arc::new),
            turns: Arc::new(Semaphore::new(1)),
            running: Arc::new(Semaphore::new(MAX_RUNNING)),
        }
    }

    /// Opens a connection, which keeps `slot` for as long as it lives.
    pub async fn open(&self, label: &str, slot: OwnedSemaphorePermit) -> Result<Connection, Error> {
        if label != LABEL {
            return Err(Error::NoSuchDatabase);
        }
        let idle = Arc::clone(&self.idle);
        let session = self.work(move || idle.session()).await??;
        Ok(Connection {
            databases: self.clone(),
            flags: session.flags(),
            inner: Some(Arc::new(Mutex::new(session))),
            _slot: slot,
        })
    }

    /// Moves the log's content into the file, so that the file alone is a whole copy.
    pub fn checkpoint(&self) -> Result<()> {
        sqlite_file::checkpoint(self.idle.path())
    }

    /// Runs `job` on a thread that may block. It continues when the caller no longer waits.
    async fn work<R: Send + 'static>(
        &self,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Error> {
        if let Some(fault) = &self.fault {
            fault.meet().await.map_err(|e| Error::Io(e.to_string()))?;
        }
        let permit = Arc::clone(&self.running).acquire_owned().await;
        let job = spawn_blocking(move || {
            let _permit = permit;
            job()
        });
        job.await.map_err(|error| Error::Io(error.to_string()))
    }
}

impl Connection {
    /// Runs one statement to its end.
    pub async fn execute(
        &self,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<Answer, Error> {
        let mut wish = Wish {
            statement,
            parameters,
        };
        let mut session = self.lock().await?;
        let turns = &self.databases.turns;
        let mut turn = None;
        loop {
            let free = Arc::clone(turns);
            let run = self.databases.work(move || {
                let run = session.run(wish, turn, free);
                (session, run)
            });
            match run.await? {
                (_, Run::Done(outcome)) => return outcome,
                (back, Run::NeedsTurn(again)) => (session, wish) = (back, again),
            }
            let wanted = Arc::clone(turns).acquire_owned();
            turn = match tokio::time::timeout(BUSY_TIMEOUT, wanted).await {
                Ok(turn) => turn.ok(),
                Err(_) => return Err(Error::Io("database is locked".to_owned())),
            };
        }
    }

    /// The row id of the last insert that succeeded.
    pub async fn last_insert_rowid(&self) -> Result<i64, Error> {
        let session = self.lock().await?;
        let ask = move || session.last_insert_rowid();
        self.databases.work(ask).await
    }

    /// Rows changed by the last statement that could change any.
    pub async fn changes(&self) -> Result<u64, Error> {
        let session = self.lock().await?;
        let ask = move || session.changes();
        self.databases.work(ask).await
    }

    /// One after the other, and none holds a thread while waiting.
    async fn lock(&self) -> Result<OwnedMutexGuard<Session>, Error> {
        match &self.inner {
            Some(inner) => Ok(Arc::clone(inner).lock_owned().await),
            None => Err(Error::Io("the connection is closed".to_owned())),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.flags.is_closed.store(true, Ordering::Relaxed);
        let inner = self.inner.take();
        // Closing may write. Without the executor the process is about to end.
        if let Ok(executor) = Handle::try_current() {
            executor.spawn_blocking(move || drop(inner));
        }
    }
}

#[cfg(test)]
mod tests;
