//! Key-value stores in one SQLite file, in the table layout of Spin's own SQLite store. Knows no WIT and no component.
//!
//! Calls are short (microseconds from the page cache; a commit appends to the write-ahead log without an fsync), so they
//! run on the calling thread; writes announce themselves to the executor because a checkpoint may take milliseconds.
//!
//! Records are still written when the disk is full, such as the count of failed logins without which nobody may log in: the
//! space for the log is reserved, and the file has free pages.

use std::{
    fs::{self, File},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use rustix::fs::{FallocateFlags, fallocate};

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{
    fault::{Fault, Refused},
    sqlite_file,
};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key))";

const GET: &str = "SELECT value FROM spin_key_value WHERE store=?1 AND key=?2";
const SET: &str = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3) \
                   ON CONFLICT(store, key) DO UPDATE SET value=?3";
const INSERT_IF_ABSENT: &str =
    "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const UPDATE_IF_EQUAL: &str =
    "UPDATE spin_key_value SET value=?3 WHERE store=?1 AND key=?2 AND value=?4";
const DELETE: &str = "DELETE FROM spin_key_value WHERE store=?1 AND key=?2";

/// How long a call waits for another program that has locked the file. Calls of components block all requests of their
/// instance, so it is short: writers retry later, and requests need no write.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// Space on the disk that the log is given in advance. SQLite writes to it from its beginning again after some 4 MiB.
const RESERVED_LOG_BYTES: u64 = 8 << 20;
/// Free pages of the file for records that grow.
const RESERVED_BYTES: i64 = 256 << 10;

/// All stores of an application. Clones share the connections.
#[derive(Clone)]
pub struct Database {
    /// Readers do not wait for writers: the log keeps them apart.
    read: Arc<Mutex<Connection>>,
    write: Arc<Mutex<Connection>>,
    fault: Option<Arc<Fault>>,
}

/// One store of the database.
#[derive(Clone)]
pub struct Store {
    database: Database,
    label: Arc<str>,
}

/// Why an increment failed.
#[derive(Debug)]
pub enum IncrementError {
    /// The value is not the eight little-endian bytes of a counter, or the sum does not fit.
    NotACounter,
    /// SQLite's error.
    Sqlite(rusqlite::Error),
}

impl Database {
    /// Opens or creates the file.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || -> rusqlite::Result<Self> {
            let write = connect(path)?;
            write.execute_batch("PRAGMA journal_mode=WAL")?;
            write.execute_batch(CREATE)?;
            let read = connect(path)?;
            reserve(path, &write);
            Ok(Self {
                read: Arc::new(Mutex::new(read)),
                write: Arc::new(Mutex::new(write)),
                fault: None,
            })
        };
        open().with_context(|| format!("cannot open the key-value database {}", path.display()))
    }

    /// The same with a fault, for tests.
    #[must_use]
    pub fn failing(self, fault: Option<Fault>) -> Self {
        Self {
            fault: fault.map(Arc::new),
            ..self
        }
    }

    /// The store with this label.
    pub fn store(&self, label: &str) -> Store {
        Store {
            database: self.clone(),
            label: label.into(),
        }
    }

    /// Moves the log's content into the file, so that the file alone is a whole copy.
    pub fn checkpoint(&self) -> Result<()> {
        lock(&self.write).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// Creates the file, which appears when it has the table: an empty one is the trace of a damage.
pub fn create(path: &Path) -> Result<()> {
    let create = || -> Result<()> {
        let draft = sqlite_file::beside(path, ".new");
        Connection::open(&draft)?.execute_batch(CREATE)?;
        fs::rename(draft, path)?;
        Ok(sqlite_file::sync_folder_of(path)?)
    };
    create().with_context(|| format!("cannot create the key-value database {}", path.display()))
}

/// Whether the database at `path` has the table.
pub fn has_table(path: &Path) -> Result<bool> {
    let look = || -> rusqlite::Result<bool> {
        sqlite_file::open_existing(path)?
            .prepare("SELECT 1 FROM sqlite_schema WHERE type='table' AND name='spin_key_value'")?
            .exists([])
    };
    look().with_context(|| format!("cannot read the key-value database {}", path.display()))
}

/// Reserves what writes need later. Where the disk is full now, or knows no reservations, there is none.
fn reserve(path: &Path, write: &Connection) {
    let fill = || -> rusqlite::Result<()> {
        let free: i64 = write.query_row(
            "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
            [],
            |row| row.get(0),
        )?;
        if free < RESERVED_BYTES {
            write.execute_batch(&format!(
                "BEGIN IMMEDIATE;
                 CREATE TABLE reserved AS SELECT zeroblob({RESERVED_BYTES});
                 DROP TABLE reserved;
                 COMMIT"
            ))?;
            // Only then do the pages have a place in the file.
            write.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        Ok(())
    };
    if fill().is_err() && !write.is_autocommit() {
        let _ = write.execute_batch("ROLLBACK");
    }
    // The log has no locks, which closing a file would release. Its content and its length stay as they are.
    let log = File::options()
        .write(true)
        .open(sqlite_file::beside(path, "-wal"));
    if let Ok(log) = log {
        let _ = fallocate(log, FallocateFlags::KEEP_SIZE, 0, RESERVED_LOG_BYTES);
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // With the log, NORMAL loses at most the last commits when the machine (not the process) dies, and never corrupts.
    connection.execute_batch("PRAGMA synchronous=NORMAL")?;
    Ok(connection)
}

/// A panic while a connection was held leaves no broken state in it: SQLite rolls the transaction back.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Applies the fault to a call: returns when the call may continue.
    pub async fn meet_fault(&self) -> Result<(), Refused> {
        match &self.database.fault {
            Some(fault) => fault.meet().await,
            None => Ok(()),
        }
    }

    fn read<R>(&self, run: impl FnOnce(&Connection) -> rusqlite::Result<R>) -> rusqlite::Result<R> {
        run(&lock(&self.database.read))
    }

    fn write<R>(&self, run: impl FnOnce(&mut Connection) -> R) -> R {
        let write = || run(&mut lock(&self.database.write));
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(write),
            // The caller has moved the call to a thread that may block.
            _ => write(),
        }
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        self.read(|c| {
            c.prepare_cached(GET)?
                .query_row(params![self.label, key], |row| row.get(0))
                .optional()
        })
    }

    /// Sets `key`, whether it exists or not.
    pub fn set(&self, key: &str, value: &[u8]) -> rusqlite::Result<()> {
        self.write(|c| {
            c.prepare_cached(SET)?
                .execute(params![self.label, key, value])
                .map(drop)
        })
    }

    /// Removes `key`; a missing one is not an error.
    pub fn delete(&self, key: &str) -> rusqlite::Result<()> {
        self.write(|c| {
            c.prepare_cached(DELETE)?
                .execute(params![self.label, key])
                .map(drop)
        })
    }

    /// Whether `key` is there.
    pub fn exists(&self, key: &str) -> rusqlite::Result<bool> {
        self.read(|c| {
            c.prepare_cached("SELECT 1 FROM spin_key_value WHERE store=?1 AND key=?2")?
                .exists(params![self.label, key])
        })
    }

    /// All keys, in order.
    pub fn keys(&self) -> rusqlite::Result<Vec<String>> {
        self.read(|c| {
            c.prepare_cached("SELECT key FROM spin_key_value WHERE store=?1 ORDER BY key")?
                .query_map([&self.label], |row| row.get(0))?
                .collect()
        })
    }

    /// The values of `keys` as of one moment, in the given order.
    pub fn get_many(&self, keys: Vec<String>) -> rusqlite::Result<Vec<(String, Option<Vec<u8>>)>> {
        self.read(|c| {
            let snapshot = c.unchecked_transaction()?;
            let mut get = snapshot.prepare_cached(GET)?;
            keys.into_iter()
                .map(|key| {
                    let value = get
                        .query_row(params![self.label, key], |row| row.get(0))
                        .optional()?;
                    Ok((key, value))
                })
                .collect()
        })
    }

    /// Sets all pairs or none.
    pub fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> rusqlite::Result<()> {
        self.write(|c| {
            let transaction = c.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (key, value) in pairs {
                transaction
                    .prepare_cached(SET)?
                    .execute(params![self.label, key, value])?;
            }
            transaction.commit()
        })
    }

    /// Removes all keys or none.
    pub fn delete_many(&self, keys: &[String]) -> rusqlite::Result<()> {
        self.write(|c| {
            let transaction = c.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for key in keys {
                transaction
                    .prepare_cached(DELETE)?
                    .execute(params![self.label, key])?;
            }
            transaction.commit()
        })
    }

    /// Adds `delta` to the counter at `key` (a missing one is 0) and returns the sum.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, IncrementError> {
        self.write(|c| {
            let transaction = c.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let old: Option<Vec<u8>> = transaction
                .prepare_cached(GET)?
                .query_row(params![self.label, key], |row| row.get(0))
                .optional()?;
            let old = match old {
                Some(bytes) => {
                    i64::from_le_bytes(bytes.try_into().map_err(|_| IncrementError::NotACounter)?)
                }
                None => 0,
            };
            let new = old.checked_add(delta).ok_or(IncrementError::NotACounter)?;
            transaction.prepare_cached(SET)?.execute(params![
                self.label,
                key,
                new.to_le_bytes()
            ])?;
            transaction.commit()?;
            Ok(new)
        })
    }

    /// Sets `key` to `new` if its value is still `old` (`None`: if it is still missing); returns whether it did.
    pub fn swap(&self, key: &str, old: Option<&[u8]>, new: &[u8]) -> rusqlite::Result<bool> {
        self.write(|c| {
            let changed = match old {
                Some(old) => c
                    .prepare_cached(UPDATE_IF_EQUAL)?
                    .execute(params![self.label, key, new, old])?,
                None => c
                    .prepare_cached(INSERT_IF_ABSENT)?
                    .execute(params![self.label, key, new])?,
            };
            Ok(changed == 1)
        })
    }
}

impl From<rusqlite::Error> for IncrementError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

#[cfg(test)]
mod tests;
