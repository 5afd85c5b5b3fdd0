//! The databases of a gateway: the key-value store as Spin's own would read it, and the ledger. Both are SQLite files
//! below the state directory. Owns finding and reading them; says nothing about what the values mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

/// The record of what is known of upstreams that failed.
pub const HEALTH: &str = "gateway/health";

/// One row: store, key, value.
pub type Row = (String, String, Vec<u8>);

/// The key-value store's file.
const KEY_VALUE: &str = "sqlite_key_value.db";
/// The ledger's file.
const LEDGER: &str = "sqlite_db.db";

/// The key-value store below `directory`.
pub fn database(directory: &Path) -> Result<PathBuf> {
    find(directory, KEY_VALUE)
}

/// The file with this name below `directory`.
fn find(directory: &Path, name: &str) -> Result<PathBuf> {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|known| known == name) {
                return Ok(path);
            }
        }
    }
    bail!("no file {name}")
}

/// The ledger below `directory`, for reading and for locking it. A file that is not there yet is made: the gateway
/// makes it with its first record.
pub fn ledger(directory: &Path) -> Result<Connection> {
    let connection = Connection::open(directory.join(LEDGER))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

/// A connection that may write, and waits for its turn.
pub fn open(directory: &Path) -> Result<Connection> {
    let connection = Connection::open(database(directory)?)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

/// All rows, by key.
pub fn rows(directory: &Path) -> Result<Vec<Row>> {
    let connection = read_only(directory)?;
    // A value written by Spin may be stored as text or blob.
    let mut statement = connection
        .prepare("SELECT store, key, CAST(value AS BLOB) FROM spin_key_value ORDER BY key")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The value of one key; `None`: there is none.
pub fn value(directory: &Path, key: &str) -> Result<Option<Vec<u8>>> {
    let select = "SELECT CAST(value AS BLOB) FROM spin_key_value WHERE key = ?1";
    read_only(directory)?
        .query_row(select, [key], |row| row.get(0))
        .optional()
        .context("reading the store")
}

fn read_only(directory: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Ok(Connection::open_with_flags(database(directory)?, flags)?)
}
