//! SQLite databases of components: one file per label that exists, as many connections as components open. Owns the
//! connections and where their work runs; knows no WIT. What a statement may do is in `guard`, faults for tests in `fault`.
//!
//! A statement may take milliseconds (a commit that folds the log into the file) or seconds (somebody else holds the
//! lock), so that all of it runs on threads that may block, a bounded number of them.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use rusqlite::{ErrorCode, params_from_iter, types::Value};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

mod fault;
mod guard;

pub use fault::Fault;

/// The only label that exists, as in Spin without a runtime configuration.
const LABEL: &str = "default";
/// How long a statement waits for a lock that somebody else holds.
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
    running: Arc<Semaphore>,
}

/// One connection. Dropped, it is closed: what runs on it is interrupted, and an open transaction rolled back.
pub struct Connection {
    databases: Databases,
    /// `None` only while it is dropped.
    inner: Option<Arc<Mutex<rusqlite::Connection>>>,
    is_closed: Arc<AtomicBool>,
    _slot: OwnedSemaphorePermit,
}

impl Databases {
    /// The databases in `folder`, with the file name that Spin uses. Touches no file.
    pub fn new(folder: &Path, fault: Option<Fault>) -> Self {
        Self {
            file: folder.join("sqlite_db.db"),
            fault: fault.map(Arc::new),
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
            inner: Some(Arc::new(Mutex::new(connection))),
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
        self.work(move |connection| run(connection, &statement, parameters))
            .await?
    }

    /// The row id of the last insert that succeeded.
    pub async fn last_insert_rowid(&self) -> Result<i64, Error> {
        self.work(rusqlite::Connection::last_insert_rowid).await
    }

    /// Rows that the last statement changed which could change any.
    pub async fn changes(&self) -> Result<u64, Error> {
        self.work(rusqlite::Connection::changes).await
    }

    async fn work<R: Send + 'static>(
        &self,
        job: impl FnOnce(&rusqlite::Connection) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let Some(inner) = &self.inner else {
            return Err(Error::Io("the connection is closed".to_owned()));
        };
        // One after the other, and nobody holds a thread while waiting.
        let connection = Arc::clone(inner).lock_owned().await;
        self.databases.work(move || job(&connection)).await
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
        // With the log, NORMAL loses at most the last commits when the machine (not the process) dies.
        connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        guard::restrict(&connection, is_closed)?;
        Ok(connection)
    };
    connect().map_err(|error| failure(&error))
}

fn run(
    connection: &rusqlite::Connection,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Answer, Error> {
    let mut statement = connection
        .prepare_cached(statement)
        .map_err(|error| failure(&error))?;
    let columns: Vec<String> = statement
        .column_names()
        .into_iter()
        .map(ToOwned::to_owned)
        .collect();
    let mut answer = Answer {
        rows: Vec::new(),
        columns,
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
