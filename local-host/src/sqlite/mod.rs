//! SQLite databases of components: one file per label that exists, as many connections as components open. Owns the
//! connections and where their work runs; knows no WIT. What a statement may do is in `guard`, faults for tests in `fault`.
//!
//! A statement may take milliseconds (a commit that folds the log into the file) or seconds (somebody else holds the
//! lock), so that all of it runs on threads that may block, a bounded number of them.
//!
//! SQLite has one writer at a time, and its own way of waiting is to sleep and try again. So connections of this process
//! take turns before they ask it: first come, first served, without a thread, and whoever has the turn never waits for a
//! thread behind those who want it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use rusqlite::{ErrorCode, Statement, params_from_iter, types::Value};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

mod fault;
mod guard;

pub use fault::Fault;

/// The only label that exists, as in Spin without a runtime configuration.
const LABEL: &str = "default";
/// How long a statement waits for its turn to write, and for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that run at once, of all instances; more wait without a thread.
const MAX_RUNNING: usize = 64;
/// Connections that one instance may have open.
pub const MAX_OPEN: usize = 64;
/// Statements that a connection keeps prepared.
const PREPARED: usize = 64;
/// Largest result of one statement, in bytes of memory.
const MAX_RESULT_BYTES: usize = 32 << 20;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No database has this label.
    NoSuchDatabase,
    /// The disk or the file's limit is full.
    Full,
    /// Anything else, in SQLite's words.
    Io(String),
}

/// What a statement gives.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// Names of the columns; none when the statement cannot give rows.
    pub columns: Vec<String>,
    /// All rows.
    pub rows: Vec<Vec<Value>>,
}

/// The databases of an application. Clones are the same databases.
#[derive(Clone)]
pub struct Databases {
    file: PathBuf,
    fault: Option<Arc<Fault>>,
    /// One permit: the turn to write.
    turns: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// One connection. Dropped, it is closed: what runs on it is interrupted, and an open transaction rolled back.
pub struct Connection {
    databases: Databases,
    /// `None` only while it is dropped.
    inner: Option<Arc<Mutex<Open>>>,
    is_closed: Arc<AtomicBool>,
    _slot: OwnedSemaphorePermit,
}

/// What only one statement at a time works with.
struct Open {
    connection: rusqlite::Connection,
    /// Kept until the transaction ends. Dropped after the connection, which rolls back.
    turn: Option<OwnedSemaphorePermit>,
}

/// What a statement needs to run.
struct Wish {
    statement: String,
    parameters: Vec<Value>,
}

/// How a try to run a statement ended.
enum Run {
    Done(Result<Answer, Error>),
    /// It writes, and somebody else has the turn.
    NeedsTurn(Wish),
}

impl Databases {
    /// The databases in `folder`, with the file name that Spin uses. Touches no file.
    pub fn new(folder: &Path, fault: Option<Fault>) -> Self {
        Self {
            file: folder.join("sqlite_db.db"),
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
        let is_closed = Arc::new(AtomicBool::new(false));
        let (path, closed) = (self.file.clone(), Arc::clone(&is_closed));
        let connection = self.work(move || connect(&path, closed)).await??;
        Ok(Connection {
            databases: self.clone(),
            inner: Some(Arc::new(Mutex::new(Open {
                connection,
                turn: None,
            }))),
            is_closed,
            _slot: slot,
        })
    }

    /// Moves the log's content into the file, so that the file alone is a whole copy.
    pub fn checkpoint(&self) -> Result<()> {
        if !self.file.exists() {
            return Ok(());
        }
        let fold = || -> rusqlite::Result<()> {
            let connection = rusqlite::Connection::open(&self.file)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        fold().with_context(|| format!("cannot close the database {}", self.file.display()))
    }

    /// Runs `job` on a thread that may block. It goes on when the caller no longer waits.
    async fn work<R: Send + 'static>(
        &self,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Error> {
        if let Some(fault) = &self.fault {
            fault.meet().await?;
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
        let mut open = self.lock().await?;
        let turns = &self.databases.turns;
        let mut turn = None;
        loop {
            let free = Arc::clone(turns);
            let run = self.databases.work(move || {
                let run = open.run(wish, turn, free);
                (open, run)
            });
            match run.await? {
                (_, Run::Done(outcome)) => return outcome,
                (back, Run::NeedsTurn(again)) => (open, wish) = (back, again),
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
        let open = self.lock().await?;
        let ask = move || open.connection.last_insert_rowid();
        self.databases.work(ask).await
    }

    /// Rows that the last statement changed which could change any.
    pub async fn changes(&self) -> Result<u64, Error> {
        let open = self.lock().await?;
        let ask = move || open.connection.changes();
        self.databases.work(ask).await
    }

    /// One after the other, and nobody holds a thread while waiting.
    async fn lock(&self) -> Result<OwnedMutexGuard<Open>, Error> {
        match &self.inner {
            Some(inner) => Ok(Arc::clone(inner).lock_owned().await),
            None => Err(Error::Io("the connection is closed".to_owned())),
        }
    }
}

impl Open {
    /// Runs a statement, unless it writes and there is no `turn` for it, none from before and none `free`.
    fn run(&mut self, wish: Wish, turn: Option<OwnedSemaphorePermit>, free: Arc<Semaphore>) -> Run {
        if self.turn.is_none() {
            self.turn = turn;
        }
        let run = self.try_run(wish, free);
        if self.connection.is_autocommit() {
            self.turn = None;
        }
        run
    }

    fn try_run(&mut self, wish: Wish, free: Arc<Semaphore>) -> Run {
        let mut statement = match self.connection.prepare_cached(&wish.statement) {
            Ok(statement) => statement,
            Err(error) => return Run::Done(Err(failure(&error))),
        };
        if self.turn.is_none() && !statement.readonly() {
            self.turn = free.try_acquire_owned().ok();
            if self.turn.is_none() {
                drop(statement);
                return Run::NeedsTurn(wish);
            }
        }
        Run::Done(answer(&mut statement, wish.parameters))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let inner = self.inner.take();
        // Closing may write. Without the executor the process is about to end.
        if let Ok(executor) = Handle::try_current() {
            executor.spawn_blocking(move || drop(inner));
        }
    }
}

fn connect(path: &Path, is_closed: Arc<AtomicBool>) -> Result<rusqlite::Connection, Error> {
    let connect = || -> rusqlite::Result<rusqlite::Connection> {
        let connection = rusqlite::Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        match connection.execute_batch("PRAGMA journal_mode=WAL") {
            // Another connection is changing to the log at this moment.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
            outcome => outcome?,
        }
        // With the log, NORMAL loses at most the last commits when the machine (not the process) dies.
        connection.execute_batch("PRAGMA synchronous=NORMAL")?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        guard::restrict(&connection, is_closed)?;
        Ok(connection)
    };
    connect().map_err(|error| failure(&error))
}

fn answer(statement: &mut Statement<'_>, parameters: Vec<Value>) -> Result<Answer, Error> {
    let columns = statement.column_names();
    let mut answer = Answer {
        columns: columns.into_iter().map(ToOwned::to_owned).collect(),
        rows: Vec::new(),
    };
    let mut bytes = 0;
    let mut rows = statement
        .query(params_from_iter(parameters))
        .map_err(|error| failure(&error))?;
    while let Some(row) = rows.next().map_err(|error| failure(&error))? {
        let values = (0..answer.columns.len())
            .map(|column| row.get::<_, Value>(column))
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(|error| failure(&error))?;
        bytes += values.iter().map(size).sum::<usize>();
        if bytes > MAX_RESULT_BYTES {
            return Err(Error::Io(format!(
                "the result is larger than {MAX_RESULT_BYTES} bytes"
            )));
        }
        answer.rows.push(values);
    }
    Ok(answer)
}

fn size(value: &Value) -> usize {
    let beside = match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => 0,
    };
    size_of::<Value>() + beside
}

fn failure(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full,
        _ => Error::Io(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
