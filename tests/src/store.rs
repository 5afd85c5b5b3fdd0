//! The store of a gateway as Spin's own would read it: one table of a SQLite database below the state directory.
//! Owns finding and reading it; says nothing about what the values mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

/// The record of what is known of upstreams that failed.
pub const HEALTH: &str = "gateway/health";

/// One row: store, key, value.
pub type Row = (String, String, Vec<u8>);

/// The database below `directory`.
pub fn database(directory: &Path) -> Result<PathBuf> {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "db") {
                return Ok(path);
            }
        }
    }
    bail!("no database")
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
