//! The two databases of a state directory when a host starts: what is missing, damaged or new. Owns what becomes of each
//! case; the tables in them are their users', except Spin's.
//!
//! The key-value file has what cannot be made again, so that a host does not start without it: nothing is taken for an empty
//! configuration. The other database has records of the past, and the host starts with a new one in place of a damaged one.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rusqlite::Connection;

use crate::{
    sqlite_file::{self, Condition},
    state_dir::StateDir,
    store::{self, Database},
};

/// How long a start looks through the key-value file. It is small.
const LOOK_AT_STORE: Duration = Duration::from_secs(10);
/// How long a start looks through the other database, which may have gigabytes.
const LOOK_AT_DATABASE: Duration = Duration::from_millis(500);

/// Where a database says that it began in place of another one. Programs that use the database may read it.
const REPLACED: &str =
    "CREATE TABLE replaced_database (at_ms INTEGER NOT NULL, file TEXT NOT NULL)";

/// The databases of a state directory.
#[derive(Clone)]
pub struct Data {
    /// The key-value stores.
    pub store: Database,
    /// The database that was set aside, if that of the directory was damaged.
    pub set_aside: Option<SetAside>,
}

/// A damaged database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its path now.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for SetAside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the database was damaged ({}): it is kept as {}, and a new one begins",
            self.reason,
            self.file.display()
        )
    }
}

/// Opens the key-value file, or creates it in a new directory, and sees to it that the other database can be opened.
///
/// # Errors
/// The key-value file is missing beside a database, damaged, or has no table; the message says what to do.
pub fn open(state: &StateDir) -> Result<Data> {
    let (path, database) = (state.database(), state.sqlite());
    let problem = match sqlite_file::examine(&path, LOOK_AT_STORE)? {
        Condition::Missing if database.exists() => Some(format!(
            "is missing, although there is {}",
            database.display()
        )),
        Condition::Missing => {
            store::create(&path)?;
            None
        }
        Condition::Damaged(reason) => Some(format!("is damaged ({reason})")),
        Condition::Sound if store::has_table(&path)? => None,
        Condition::Sound => Some("is damaged (the table spin_key_value is missing)".to_owned()),
    };
    if let Some(problem) = problem {
        bail!(
            "the key-value database {} {problem}. It has the configuration, so nothing is started without it. Put a backup in \
             its place with the command `restore FOLDER --state {}`; or, to begin with an empty configuration, move both \
             databases out of that directory",
            path.display(),
            state.folder().display(),
        );
    }
    Ok(Data {
        store: Database::open(&path)?,
        set_aside: replace_if_damaged(&database)?,
    })
}

fn replace_if_damaged(path: &Path) -> Result<Option<SetAside>> {
    let Condition::Damaged(reason) = sqlite_file::examine(path, LOOK_AT_DATABASE)? else {
        return Ok(None);
    };
    let file = sqlite_file::set_aside(path, "damaged")?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let begin = || -> Result<()> {
        // Complete under another name first: an empty file would count as damaged again.
        let draft = sqlite_file::beside(path, ".new");
        sqlite_file::remove_if_there(&draft)?;
        let connection = Connection::open(&draft)?;
        connection.execute_batch(REPLACED)?;
        connection.execute(
            "INSERT INTO replaced_database VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), ?1)",
            [&name],
        )?;
        drop(connection);
        fs::rename(&draft, path)?;
        Ok(sqlite_file::sync_folder_of(path)?)
    };
    begin().with_context(|| format!("cannot create the database {}", path.display()))?;
    Ok(Some(SetAside { file, reason }))
}

#[cfg(test)]
mod tests;
