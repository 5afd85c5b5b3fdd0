//! Access rights: what the hosts write is for their own user. Owns the modes, and what is done about files that others may
//! read; must not know what is in them.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::{fs::Mode, process::umask};

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
/// What group and others may do.
const OF_OTHERS: u32 = 0o077;
/// The bit of folders, such as `/tmp`, in which everybody has files.
const STICKY: u32 = 0o1000;

/// Files that this process makes from now on are for its own user, also those that SQLite makes.
pub fn restrict_new_files() {
    umask(Mode::from_raw_mode(OF_OTHERS));
}

/// Makes a folder private. One that others may read and that has folders, but nothing of `own`, is refused: it may
/// not have been meant for this.
///
/// # Errors
/// The message names the command that mends it.
pub fn secure_folder(path: &Path, own: &[&str]) -> Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & OF_OTHERS == 0 {
        return Ok(());
    }
    if mode & STICKY == 0 && is_own(path, own)? && set_mode(path, FOLDER).is_ok() {
        return Ok(());
    }
    bail!(
        "others may use {} (its mode is {:o}): run `chmod 700 {}` as its owner, or name a folder that is not there yet",
        path.display(),
        mode & 0o7777,
        path.display()
    )
}

/// Makes these files private, if they are there.
///
/// # Errors
/// The message names the command that mends it.
pub fn secure_files(paths: impl IntoIterator<Item = PathBuf>) -> Result<()> {
    for path in paths {
        let (mode, is_folder) = match fs::metadata(&path) {
            Ok(data) => (data.permissions().mode(), data.is_dir()),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let wanted = if is_folder { FOLDER } else { FILE };
        if mode & OF_OTHERS != 0 {
            set_mode(&path, wanted).with_context(|| {
                format!(
                    "others may read {}: run `chmod {wanted:o} {}` as its owner",
                    path.display(),
                    path.display()
                )
            })?;
        }
    }
    Ok(())
}

/// Whether a folder was made for this: others, such as a home or `/srv`, have folders in them.
fn is_own(folder: &Path, own: &[&str]) -> Result<bool> {
    if own.iter().any(|name| folder.join(name).exists()) {
        return Ok(true);
    }
    for entry in fs::read_dir(folder)? {
        if entry?.file_type()?.is_dir() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn folder(mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), mode).unwrap();
        folder
    }

    #[test]
    fn an_empty_folder_and_an_own_one_are_made_private() {
        let empty = folder(0o755);
        secure_folder(empty.path(), &["mine"]).unwrap();
        assert_eq!(mode(empty.path()), 0o700);
        let used = folder(0o750);
        fs::write(used.path().join("mine"), "").unwrap();
        secure_folder(used.path(), &["mine"]).unwrap();
        assert_eq!(mode(used.path()), 0o700);
    }

    #[test]
    fn a_folder_of_others_is_refused_with_the_command_and_stays_as_it_is() {
        for (bits, name) in [(0o755, "something"), (0o1777, "mine")] {
            let shared = folder(bits);
            fs::create_dir(shared.path().join(name)).unwrap();
            let message = secure_folder(shared.path(), &["mine"]).unwrap_err();
            let command = format!("chmod 700 {}", shared.path().display());
            assert!(message.to_string().contains(&command), "{message}");
            assert_eq!(mode(shared.path()), bits);
        }
    }

    #[test]
    fn files_are_made_private_and_missing_ones_are_no_error() {
        let folder = folder(0o700);
        let at = |name: &str| folder.path().join(name);
        fs::write(at("data"), "").unwrap();
        set_mode(&at("data"), 0o644).unwrap();
        fs::create_dir(at("cache")).unwrap();
        secure_files(["data", "cache", "missing"].map(at)).unwrap();
        assert_eq!((mode(&at("data")), mode(&at("cache"))), (0o600, 0o700));
    }
}
