//! The state directory: made private, and held by one process at a time. Must not know its content.

use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError, metadata},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{private, sqlite_file};

/// The key-value database, under the name that Spin gives it.
pub const KEY_VALUE: &str = "sqlite_key_value.db";
/// The SQLite database of components, under the name that Spin gives it.
pub const SQLITE: &str = "sqlite_db.db";
const LOCK: &str = "lock";
/// What `cargo xtask up` writes before it starts a host.
const PASSWORD: &str = "admin-password";
const CACHE: &str = "cache";

/// The directory, held until this value is dropped or the process ends.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    lock: File,
}

impl StateDir {
    /// Creates the directory if it is missing, takes its lock, and makes it and its files private: modes 0700 and 0600.
    ///
    /// # Errors
    /// The directory cannot be made, written or made private, or another process holds it; the message names that process.
    pub fn open(path: &Path) -> Result<Self> {
        let context = || {
            format!(
                "the state directory {}: name another with --state",
                path.display()
            )
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(context)?;
        private::secure_folder(path, &[LOCK, PASSWORD, CACHE, KEY_VALUE, SQLITE])?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK))
            .with_context(context)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder).with_context(context)?;
                bail!(
                    "the state directory {} is in use by process {}: stop it, or name another directory with --state",
                    path.display(),
                    holder.trim()
                );
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
        let databases = [KEY_VALUE, SQLITE]
            .into_iter()
            .flat_map(|name| sqlite_file::with_logs(&path.join(name)).collect::<Vec<_>>());
        let others = [LOCK, PASSWORD, CACHE].map(|name| path.join(name));
        private::secure_files(databases.chain(others))?;
        Self::held(path, lock).with_context(context)
    }

    /// The same directory as another process, which has passed its lock on.
    ///
    /// # Errors
    /// It is the lock of another directory, or cannot be written.
    pub fn inherit(path: &Path, lock: File) -> Result<Self> {
        let identity = |data: Metadata| (data.dev(), data.ino());
        let context = || format!("the state directory {}", path.display());
        let expected = metadata(path.join(LOCK)).with_context(context)?;
        ensure!(
            identity(lock.metadata()?) == identity(expected),
            "{} is not the one whose lock was passed on",
            context()
        );
        Self::held(path, lock).with_context(context)
    }

    fn held(path: &Path, mut lock: File) -> Result<Self> {
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self {
            path: path.to_owned(),
            lock,
        })
    }

    /// The lock, to be passed on: it is held until all copies are closed.
    ///
    /// # Errors
    /// No more files can be opened.
    pub fn lock(&self) -> Result<File> {
        Ok(self.lock.try_clone()?)
    }

    /// The key-value database.
    pub fn database(&self) -> PathBuf {
        self.path.join(KEY_VALUE)
    }

    /// The SQLite database of components.
    pub fn sqlite(&self) -> PathBuf {
        self.path.join(SQLITE)
    }

    /// The directory itself.
    pub fn folder(&self) -> &Path {
        &self.path
    }

    /// The folder of compiled components.
    pub fn cache(&self) -> PathBuf {
        self.path.join(CACHE)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_directory_is_private_and_held_once() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/state");
        let first = StateDir::open(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let message = StateDir::open(&path).unwrap_err().to_string();
        assert!(
            message.contains(&format!("process {}", std::process::id())),
            "{message}"
        );
        drop(first);
        assert!(StateDir::open(&path).is_ok());
    }

    #[test]
    fn what_others_may_read_is_made_private() {
        let parent = tempfile::tempdir().unwrap();
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(parent.path(), 0o755);
        let names = [KEY_VALUE, "sqlite_db.db-wal", PASSWORD];
        for name in names {
            std::fs::write(parent.path().join(name), "").unwrap();
            set(&parent.path().join(name), 0o644);
        }
        let _held = StateDir::open(parent.path()).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(parent.path()), 0o700);
        for name in names {
            assert_eq!(mode(&parent.path().join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_lock_that_is_passed_on_is_held_by_its_copy() {
        let parent = tempfile::tempdir().unwrap();
        let (path, other) = (parent.path().join("state"), parent.path().join("other"));
        let first = StateDir::open(&path).unwrap();
        let _other = StateDir::open(&other).unwrap();
        assert!(StateDir::inherit(&other, first.lock().unwrap()).is_err());
        let second = StateDir::inherit(&path, first.lock().unwrap()).unwrap();
        drop(first);
        assert!(StateDir::open(&path).is_err());
        drop(second);
        assert!(StateDir::open(&path).is_ok());
    }

    #[test]
    fn a_path_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = format!("{:#}", StateDir::open(&file.path().join("x")).unwrap_err());
        assert!(message.contains("--state"), "{message}");
    }
}
