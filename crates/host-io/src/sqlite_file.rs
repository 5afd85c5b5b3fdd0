//! A SQLite file as a whole: whether it is sound, how it is set aside and copied. Must not know what is in it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    backup::{Backup, StepResult},
};

/// How long a call waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;
/// The files that SQLite keeps beside a database.
const ENDINGS: [&str; 2] = ["-wal", "-shm"];

/// What there is at a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Missing,
    /// A database, as far as it was looked at.
    Sound,
    /// Something else than a whole database; the text says why.
    Damaged(String),
}

/// Looks through the database at `path`, for `at_most` this long. Others may use it meanwhile.
pub fn examine(path: &Path, at_most: Duration) -> Result<Condition> {
    let context = || format!("cannot examine the database {}", path.display());
    let data = match fs::metadata(path) {
        Ok(data) => data,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Condition::Missing),
        Err(error) => return Err(error).with_context(context),
    };
    ensure!(data.is_file(), "{} is no file", path.display());
    if data.len() == 0 {
        return Ok(Condition::Damaged("it is empty".to_owned()));
    }
    match check(path, at_most) {
        Ok(text) if text == "ok" => Ok(Condition::Sound),
        Ok(text) => Ok(Condition::Damaged(text.replace('\n', " "))),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Ok(Condition::Damaged(error.to_string()))
            }
            // There was no time for the rest.
            Some(ErrorCode::OperationInterrupted) => Ok(Condition::Sound),
            _ => Err(error).with_context(context),
        },
    }
}

fn check(path: &Path, at_most: Duration) -> rusqlite::Result<String> {
    let connection = open_existing(path)?;
    let end = Instant::now() + at_most;
    connection.progress_handler(STEPS, Some(move || Instant::now() > end))?;
    connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
}

/// A connection to a database that is there. It can write, which reading a write-ahead log needs.
pub fn open_existing(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Renames the database and its log to `NAME.WORD-TIME.db` in the same folder; returns the database's new path.
pub fn set_aside(path: &Path, word: &str) -> Result<PathBuf> {
    let context = || format!("cannot set {} aside", path.display());
    let time = time_now().with_context(context)?;
    let aside = (0..100_u32)
        .map(|number| {
            let number = if number == 0 {
                String::new()
            } else {
                format!("-{number}")
            };
            path.with_extension(format!("{word}-{time}{number}.db"))
        })
        .find(|aside| !aside.exists())
        .with_context(context)?;
    // The database comes last: a log without its database could be taken for that of the next one.
    for ending in ENDINGS {
        rename_if_there(&beside(path, ending), &beside(&aside, ending)).with_context(context)?;
    }
    rename_if_there(path, &aside).with_context(context)?;
    sync_folder_of(path).with_context(context)?;
    Ok(aside)
}

/// The time in UTC as a part of a file's name. SQLite knows the calendar.
fn time_now() -> rusqlite::Result<String> {
    Connection::open_in_memory()?.query_row(
        "SELECT strftime('%Y-%m-%dT%H%M%SZ', 'now')",
        [],
        |row| row.get(0),
    )
}

/// The file that SQLite keeps beside a database.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// The database at `path` and the files that SQLite keeps beside it, whether or not they are there.
pub fn with_logs(path: &Path) -> impl Iterator<Item = PathBuf> {
    ["", ENDINGS[0], ENDINGS[1]]
        .into_iter()
        .map(|ending| beside(path, ending))
}

/// Removes a draft that an earlier process has left.
pub fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn rename_if_there(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// Copies the database at `from`, as it is at this moment, to a file that appears at `to` when it is whole and on the disk.
/// Others may go on writing to `from`; with a write-ahead log nobody waits.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("cannot copy {} to {}", from.display(), to.display());
    let draft = beside(to, ".unfinished");
    let outcome = copy_to_draft(from, &draft)
        .and_then(|()| Ok(fs::rename(&draft, to)?))
        .and_then(|()| Ok(sync_folder_of(to)?));
    if outcome.is_err() {
        // The first error counts.
        let _ = fs::remove_file(&draft);
    }
    outcome.with_context(context)
}

fn copy_to_draft(from: &Path, draft: &Path) -> Result<()> {
    remove_if_there(draft)?;
    let source = open_existing(from)?;
    let mut target = Connection::open(draft)?;
    {
        let backup = Backup::new(&source, &mut target)?;
        // All pages in one step are those of one moment; a copy in several would begin again with each write of others.
        let end = Instant::now() + BUSY_TIMEOUT;
        loop {
            match backup.step(-1)? {
                StepResult::Done => break,
                _ if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
                _ => bail!("another process keeps it locked"),
            }
        }
    }
    // The copy is one file: its log is not needed any more.
    target.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))?;
    let text: String = target.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    ensure!(text == "ok", "it is damaged: {text}");
    drop(target);
    File::open(draft)?.sync_all()?;
    Ok(())
}

/// Makes renames in the folder of `path` last.
pub fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Moves the log's content into the file, so that the file alone is a whole copy. Nothing happens if there is none.
pub fn checkpoint(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let fold = || -> rusqlite::Result<()> {
        let connection = open_existing(path)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    };
    fold().with_context(|| format!("cannot close the database {}", path.display()))
}
