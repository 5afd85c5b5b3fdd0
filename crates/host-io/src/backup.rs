//! Copies of a state directory's databases into a folder, also while a host uses them, and back. Owns the commands `backup`
//! and `restore` of the hosts.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    private,
    sqlite_file::{self, Condition},
    state_dir::{KEY_VALUE, SQLITE, StateDir},
    store,
};

/// A backup is looked through as a whole.
const WHOLE: Duration = Duration::from_hours(1);

/// Copies the databases of the state directory `state` into `folder`, which is made. Each copy is its database as of one
/// moment, with everything that was committed before the command began.
///
/// # Errors
/// There is no key-value file, a database is damaged, or the folder has one already.
pub fn back_up(state: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    private::restrict_new_files();
    let store = state.join(KEY_VALUE);
    ensure!(
        store.exists(),
        "there is nothing to back up: {} does not exist; name the state directory with --state",
        store.display()
    );
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    private::secure_folder(folder, &[])?;
    for name in [KEY_VALUE, SQLITE] {
        ensure!(
            !folder.join(name).exists(),
            "{} has a backup already: name another folder",
            folder.display()
        );
    }
    let mut made = Vec::new();
    for name in [SQLITE, KEY_VALUE] {
        let (from, to) = (state.join(name), folder.join(name));
        if from.exists() {
            sqlite_file::copy(&from, &to)?;
            made.push(to);
        }
    }
    Ok(made)
}

/// Puts the databases in `folder` into the state directory `state`, which no host may be using. What was there is kept under
/// another name; a database that the backup does not have stays. Returns the files that were replaced, under their new names.
///
/// # Errors
/// The backup has no key-value file or is damaged, or a host uses the directory; nothing was changed then.
pub fn restore(state: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    private::restrict_new_files();
    let names: Vec<&str> = [SQLITE, KEY_VALUE]
        .into_iter()
        .filter(|name| folder.join(name).exists())
        .collect();
    for name in &names {
        let file = folder.join(name);
        if let Condition::Damaged(reason) = sqlite_file::examine(&file, WHOLE)? {
            bail!("{} is damaged ({reason})", file.display());
        }
    }
    let store = folder.join(KEY_VALUE);
    ensure!(
        names.contains(&KEY_VALUE) && store::has_table(&store)?,
        "{} is no backup: it has no {KEY_VALUE} with a table spin_key_value",
        folder.display()
    );
    let state = StateDir::open(state)?;
    let draft = |name: &str| state.folder().join(format!("{name}.restored"));
    for name in &names {
        sqlite_file::copy(&folder.join(name), &draft(name))?;
    }
    let mut replaced = Vec::new();
    for name in names {
        let path = state.folder().join(name);
        if path.exists() {
            // So that the log is not needed any more; one that cannot be read is kept as it is.
            let _ = sqlite_file::checkpoint(&path);
        }
        // Also without a database: the log of another one must not be there when the backup is.
        let aside = sqlite_file::set_aside(&path, "replaced")?;
        if aside.exists() {
            replaced.push(aside);
        }
        fs::rename(draft(name), &path)?;
        sqlite_file::sync_folder_of(&path)?;
    }
    Ok(replaced)
}

#[cfg(test)]
mod tests;
