//! A connection of SQLite and its state. Owns how one is opened, how a statement runs on it, and which ones are kept
//! for the next instance: an instance may live for one request, and opening reads the schema and loses every prepared
//! statement.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{ErrorCode, Statement, params_from_iter, types::Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Answer, BUSY_TIMEOUT, Error, guard};

/// Statements that a connection keeps prepared.
const PREPARED: usize = 64;
/// Largest result of one statement, in bytes of memory.
const MAX_RESULT_BYTES: usize = 32 << 20;
/// Idle connections that are kept.
const MAX_IDLE: usize = 32;

/// What a statement needs to run.
pub struct Wish {
    /// Its text.
    pub statement: String,
    /// The values of its placeholders.
    pub parameters: Vec<Value>,
}

/// The result of an attempt to run a statement.
pub enum Run {
    /// It ran.
    Done(Result<Answer, Error>),
    /// It writes, and another connection has the turn.
    NeedsTurn(Wish),
}

/// The flags of a connection while a statement runs on it.
#[derive(Default)]
pub struct Flags {
    /// The statement's caller is gone.
    pub is_closed: AtomicBool,
    /// A statement may have changed the connection itself, for instance by a temporary table.
    pub is_altered: AtomicBool,
}

/// The file behind a path, which may be another one later.
type Identity = (u64, u64);

/// Idle connections to one database.
pub struct Idle {
    path: PathBuf,
    kept: Mutex<Vec<Bare>>,
}

/// A connection, and which file it is to.
struct Bare {
    sqlite: rusqlite::Connection,
    file: Identity,
    flags: Arc<Flags>,
}

/// A connection in use. Dropped, it is kept for others if it is in its initial state, and closed otherwise, which rolls
/// back.
pub struct Session {
    /// `None` only while it is dropped.
    bare: Option<Bare>,
    idle: Arc<Idle>,
    /// Whether its user has written: earlier writes do not concern this user.
    has_written: bool,
    /// The turn to write, kept until the transaction ends. Dropped after the connection.
    turn: Option<OwnedSemaphorePermit>,
}

impl Idle {
    /// No connections yet to the database at `path`.
    pub fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            path,
            kept: Mutex::default(),
        })
    }

    /// The database's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A connection that was kept, or a new one.
    pub fn session(self: Arc<Self>) -> Result<Session, Error> {
        let bare = match self.take() {
            Some(bare) => bare,
            None => connect(&self.path)?,
        };
        Ok(Session {
            bare: Some(bare),
            idle: self,
            has_written: false,
            turn: None,
        })
    }

    fn take(&self) -> Option<Bare> {
        let file = identity(&self.path)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that was moved away must not be written any more.
        kept.retain(|bare| bare.file == file);
        kept.pop()
    }

    /// How many are kept.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    fn keep(&self, bare: Bare) {
        let is_as_new =
            bare.sqlite.is_autocommit() && !bare.flags.is_altered.load(Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if is_as_new && kept.len() < MAX_IDLE {
            bare.flags.is_closed.store(false, Ordering::Relaxed);
            kept.push(bare);
        }
    }
}

impl Session {
    /// The state shared by its user and its statements.
    pub fn flags(&self) -> Arc<Flags> {
        self.bare
            .as_ref()
            .map(|bare| Arc::clone(&bare.flags))
            .unwrap_or_default()
    }

    /// Runs a statement, unless it writes and there is no `turn` for it, none from before and none `free`.
    pub fn run(
        &mut self,
        wish: Wish,
        turn: Option<OwnedSemaphorePermit>,
        free: Arc<Semaphore>,
    ) -> Run {
        if self.turn.is_none() {
            self.turn = turn;
        }
        let run = self.try_run(wish, free);
        if self
            .bare
            .as_ref()
            .is_some_and(|bare| bare.sqlite.is_autocommit())
        {
            self.turn = None;
        }
        run
    }

    fn try_run(&mut self, wish: Wish, free: Arc<Semaphore>) -> Run {
        let Some(bare) = &self.bare else {
            return Run::Done(Err(Error::Io("the connection is closed".to_owned())));
        };
        let mut statement = match bare.sqlite.prepare_cached(&wish.statement) {
            Ok(statement) => statement,
            Err(error) => return Run::Done(Err(failure(&error))),
        };
        if !statement.readonly() {
            if self.turn.is_none() {
                self.turn = free.try_acquire_owned().ok();
            }
            if self.turn.is_none() {
                drop(statement);
                return Run::NeedsTurn(wish);
            }
            self.has_written = true;
        }
        Run::Done(answer(&mut statement, wish.parameters))
    }

    /// The row id of its user's last insert.
    pub fn last_insert_rowid(&self) -> i64 {
        let written = self.bare.as_ref().filter(|_| self.has_written);
        written.map_or(0, |bare| bare.sqlite.last_insert_rowid())
    }

    /// Rows affected by its user's last change.
    pub fn changes(&self) -> u64 {
        let written = self.bare.as_ref().filter(|_| self.has_written);
        written.map_or(0, |bare| bare.sqlite.changes())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(bare) = self.bare.take() {
            self.idle.keep(bare);
        }
    }
}

fn connect(path: &Path) -> Result<Bare, Error> {
    let flags = Arc::<Flags>::default();
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
        guard::restrict(&connection, Arc::clone(&flags))?;
        Ok(connection)
    };
    let sqlite = connect().map_err(|error| failure(&error))?;
    let file = identity(path).unwrap_or_default();
    Ok(Bare {
        sqlite,
        file,
        flags,
    })
}

fn identity(path: &Path) -> Option<Identity> {
    let data = fs::metadata(path).ok()?;
    Some((data.dev(), data.ino()))
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
