//! The state directory that the demo's gateway starts on. Owns its files as Spin and the local host lay them out, and its
//! lock while they are written; knows nothing of what is in the values.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use gateway_core::ports::StoreKey;
use rusqlite::{Connection, params};

use crate::fakes::FakePorts;

const KEY_VALUE: &str = "sqlite_key_value.db";
const LEDGER: &str = "sqlite_db.db";
/// What a gateway that starts on the directory needs. Secrets of sessions are not among it: it makes its own.
const KEPT: [StoreKey; 2] = [StoreKey::Config, StoreKey::Health];

/// A state directory, held until this is dropped.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    _lock: File,
}

impl State {
    /// Takes the directory, and makes it if it is missing.
    ///
    /// # Errors
    /// It cannot be written, or a gateway runs on it.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))?;
        lock.try_lock().map_err(|error| {
            let said = format!("the demo in {} is running already: {error}", path.display());
            io::Error::other(said)
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Replaces what a gateway has stored here by what the ports hold.
    pub fn replace(&self, ports: &FakePorts) -> io::Result<()> {
        for name in [KEY_VALUE, LEDGER] {
            for end in ["", "-wal", "-shm"] {
                match fs::remove_file(self.path.join(format!("{name}{end}"))) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        ports
            .database()
            .copy_to(&self.path.join(LEDGER))
            .and_then(|()| self.store(ports))
            .map_err(io::Error::other)
    }

    fn store(&self, ports: &FakePorts) -> rusqlite::Result<()> {
        let connection = Connection::open(self.path.join(KEY_VALUE))?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS spin_key_value (
                 store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key))",
        )?;
        for record in KEPT {
            if let Some(value) = ports.store().get(record) {
                connection.execute(
                    "INSERT INTO spin_key_value (store, key, value) VALUES ('default', ?1, ?2)",
                    params![&*record.key(), value],
                )?;
            }
        }
        Ok(())
    }
}
