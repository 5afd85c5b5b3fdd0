//! The SQLite database of ledger and limits: one thread that writes, and a few that read beside it. Owns which thread runs
//! a transaction and how; knows no statement of the core's.
//!
//! SQLite has one writer at a time. A thread of its own for all writers keeps them in order without any lock being waited
//! for, and its connection keeps every statement prepared.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use gateway_core::sql::{SqlError, SqlErrorKind, SqlRow, SqlValue, Statement};
use host_io::fault::Fault;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};
use tokio::sync::oneshot;

/// Threads that read.
const READERS: usize = 2;
/// How long a transaction waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that a connection keeps prepared.
const PREPARED: usize = 64;
/// Largest result of one statement, in bytes.
const MAX_RESULT_BYTES: usize = 32 << 20;

/// The rows of each statement.
type Outcome = Result<Vec<Vec<SqlRow>>, SqlError>;

struct Job {
    statements: Vec<Statement>,
    done: oneshot::Sender<Outcome>,
}

/// The database. Clones are the same one.
#[derive(Clone)]
pub struct Database {
    writer: mpsc::Sender<Job>,
    readers: mpsc::Sender<Job>,
    fault: Option<Arc<Fault>>,
}

impl Database {
    /// Starts the threads for the database at `path`, which need not exist yet. They end with the last clone.
    pub fn start(path: &Path, fault: Option<Fault>) -> Result<Self> {
        let (writer, jobs) = mpsc::channel();
        spawn(
            "sqlite-writer",
            path,
            Mode::Write,
            Arc::new(Mutex::new(jobs)),
        )?;
        let (readers, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..READERS {
            spawn("sqlite-reader", path, Mode::Read, Arc::clone(&jobs))?;
        }
        let fault = fault.map(Arc::new);
        Ok(Self {
            writer,
            readers,
            fault,
        })
    }

    /// Runs the statements in order, in one transaction: to its end once it has begun, and not at all if the caller no longer
    /// waits by then.
    pub async fn transact(&self, statements: Vec<Statement>) -> Outcome {
        if let Some(fault) = &self.fault {
            fault
                .meet()
                .await
                .map_err(|refused| failed(refused.to_string()))?;
        }
        let is_read = statements.iter().all(reads);
        let (done, outcome) = oneshot::channel();
        let threads = if is_read { &self.readers } else { &self.writer };
        threads
            .send(Job { statements, done })
            .map_err(|_| failed("the database has been closed"))?;
        outcome
            .await
            .unwrap_or_else(|_| Err(failed("the database has been closed")))
    }
}

/// Whether a statement only reads. One that does and is not recognised runs with the writers, and one that is taken for
/// reading and writes is refused by its connection.
fn reads(statement: &Statement) -> bool {
    statement.text.trim_start().starts_with("SELECT")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Read,
    Write,
}

fn spawn(name: &str, path: &Path, mode: Mode, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) -> Result<()> {
    let mut file = DatabaseFile {
        path: path.to_owned(),
        mode,
        open: None,
    };
    let run = move || {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Job { statements, done }) = job else {
                return;
            };
            // While another process holds the lock, callers that gave up must not keep the others waiting.
            if !done.is_closed() {
                let _ = done.send(file.transact(&statements));
            }
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(run)?;
    Ok(())
}

/// Device and number of a file: the path may lead to another one later.
type Identity = (u64, u64);

/// The file, with the thread's connection to it.
struct DatabaseFile {
    path: PathBuf,
    mode: Mode,
    open: Option<(Connection, Identity)>,
}

impl DatabaseFile {
    fn transact(&mut self, statements: &[Statement]) -> Outcome {
        let mode = self.mode;
        let outcome = run(self.connection()?, statements, mode);
        match &outcome {
            // A database that fails may have been moved away or damaged; a new connection meets what is there.
            Err(error) if error.kind == SqlErrorKind::Failed => self.open = None,
            _ => {}
        }
        outcome
    }

    fn connection(&mut self) -> Result<&mut Connection, SqlError> {
        // A file that was moved away must not be written any more.
        let current = identity(&self.path);
        if self.open.as_ref().map(|(_, file)| *file) != current {
            self.open = None;
        }
        let opened = if let Some(opened) = self.open.take() {
            opened
        } else {
            let connection = open(&self.path, self.mode).map_err(|error| sql_error(&error))?;
            let file = identity(&self.path).unwrap_or_default();
            (connection, file)
        };
        Ok(&mut self.open.insert(opened).0)
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let data = fs::metadata(path).ok()?;
    Some((data.dev(), data.ino()))
}

fn open(path: &Path, mode: Mode) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    match connection.execute_batch("PRAGMA journal_mode=WAL") {
        // Another connection is changing to the log at this moment.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
        outcome => outcome?,
    }
    // With the log, NORMAL loses at most the last commits when the machine (not the process) dies.
    connection.execute_batch("PRAGMA synchronous=NORMAL")?;
    if mode == Mode::Read {
        connection.pragma_update(None, "query_only", true)?;
    }
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

fn run(connection: &mut Connection, statements: &[Statement], mode: Mode) -> Outcome {
    if let [alone] = statements {
        return Ok(vec![rows(connection, alone)?]);
    }
    let begin = match mode {
        // Takes the write lock at once: a lock requested in the middle can be denied without waiting.
        Mode::Write => "BEGIN IMMEDIATE",
        Mode::Read => "BEGIN",
    };
    execute(connection, begin)?;
    let outcome = statements
        .iter()
        .map(|statement| rows(connection, statement))
        .collect::<Result<Vec<_>, _>>()
        .and_then(|answers| execute(connection, "COMMIT").map(|()| answers));
    if outcome.is_err() && !connection.is_autocommit() {
        // Closing the connection would roll back as well.
        execute(connection, "ROLLBACK")?;
    }
    outcome
}

fn execute(connection: &Connection, text: &str) -> Result<(), SqlError> {
    let run = || connection.prepare_cached(text)?.raw_execute().map(drop);
    run().map_err(|error: rusqlite::Error| sql_error(&error))
}

fn rows(connection: &Connection, statement: &Statement) -> Result<Vec<SqlRow>, SqlError> {
    let read = || -> rusqlite::Result<Option<Vec<SqlRow>>> {
        let mut prepared = connection.prepare_cached(&statement.text)?;
        let columns = prepared.column_count();
        let parameters = statement.parameters.iter().map(Parameter);
        let mut found = prepared.query(params_from_iter(parameters))?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(row) = found.next()? {
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                let value = row.get_ref(column)?;
                bytes += size(&value);
                values.push(value_of(value)?);
            }
            if bytes > MAX_RESULT_BYTES {
                return Ok(None);
            }
            rows.push(values);
        }
        Ok(Some(rows))
    };
    match read().map_err(|error| sql_error(&error))? {
        Some(rows) => Ok(rows),
        None => Err(failed(format!(
            "the result is larger than {MAX_RESULT_BYTES} bytes"
        ))),
    }
}

fn size(value: &ValueRef<'_>) -> usize {
    let beside = match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 0,
    };
    size_of::<SqlValue>() + beside
}

fn value_of(value: ValueRef<'_>) -> rusqlite::Result<SqlValue> {
    Ok(match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Integer(number),
        ValueRef::Real(number) => SqlValue::Real(number),
        ValueRef::Text(_) => SqlValue::Text(value.as_str()?.to_owned()),
        // The gateway writes none.
        ValueRef::Blob(_) => return Err(rusqlite::Error::InvalidQuery),
    })
}

struct Parameter<'a>(&'a SqlValue);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            SqlValue::Null => ToSqlOutput::Owned(Value::Null),
            SqlValue::Integer(number) => (*number).into(),
            SqlValue::Real(number) => (*number).into(),
            SqlValue::Text(text) => text.as_str().into(),
        })
    }
}

fn sql_error(error: &rusqlite::Error) -> SqlError {
    SqlError::from_words(error.to_string())
}

fn failed(detail: impl Into<String>) -> SqlError {
    SqlError {
        kind: SqlErrorKind::Failed,
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        runtime.block_on(work)
    }

    fn database() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::start(&folder.path().join("sqlite_db.db"), None).unwrap();
        (folder, database)
    }

    fn ask(database: &Database, statements: &[&'static str]) -> Outcome {
        let statements = statements.iter().map(|text| Statement::new(*text));
        block(database.transact(statements.collect()))
    }

    #[test]
    fn a_transaction_takes_effect_whole_or_not_at_all() {
        let (_folder, database) = database();
        ask(&database, &["CREATE TABLE t (a INTEGER UNIQUE)"]).unwrap();
        ask(
            &database,
            &["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"],
        )
        .unwrap();
        let error = ask(
            &database,
            &["INSERT INTO t VALUES (3)", "INSERT INTO t VALUES (2)"],
        )
        .unwrap_err();
        assert_eq!(error.kind, SqlErrorKind::Duplicate);
        let answer = ask(&database, &["SELECT count(*), max(a) FROM t"]).unwrap();
        assert_eq!(answer, [[vec![SqlValue::Integer(2), SqlValue::Integer(2)]]]);
    }

    #[test]
    fn what_is_missing_has_its_kind() {
        let (_folder, database) = database();
        let kind = |statements: &[&'static str]| ask(&database, statements).unwrap_err().kind;
        assert_eq!(kind(&["SELECT 1 FROM t"]), SqlErrorKind::NoTable);
        ask(&database, &["CREATE TABLE t (a)"]).unwrap();
        assert_eq!(kind(&["SELECT b FROM t"]), SqlErrorKind::NoColumn);
        assert_eq!(kind(&["nonsense"]), SqlErrorKind::Failed);
    }

    #[test]
    fn parameters_of_every_type_come_back() {
        let (_folder, database) = database();
        let values = vec![
            SqlValue::Null,
            SqlValue::Integer(i64::MIN),
            SqlValue::Real(0.5),
            SqlValue::Text("ä".to_owned()),
        ];
        let statement = Statement {
            parameters: values.clone(),
            ..Statement::new("SELECT ?1, ?2, ?3, ?4")
        };
        assert_eq!(
            block(database.transact(vec![statement])),
            Ok(vec![vec![values]])
        );
    }

    #[test]
    fn a_file_that_was_moved_away_is_not_written_any_more() {
        let (folder, database) = database();
        ask(&database, &["CREATE TABLE t (a)"]).unwrap();
        for ending in ["", "-wal", "-shm"] {
            let name = format!("sqlite_db.db{ending}");
            let _ = fs::rename(
                folder.path().join(&name),
                folder.path().join(format!("old{name}")),
            );
        }
        assert_eq!(
            ask(&database, &["INSERT INTO t VALUES (1)"])
                .unwrap_err()
                .kind,
            SqlErrorKind::NoTable
        );
    }

    #[test]
    fn a_reader_cannot_write() {
        let (_folder, database) = database();
        let (done, outcome) = oneshot::channel();
        let statements = vec![Statement::new("CREATE TABLE t (a)")];
        database.readers.send(Job { statements, done }).unwrap();
        assert!(block(outcome).unwrap().is_err());
    }
}
