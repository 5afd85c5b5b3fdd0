//! `SHA256SUMS`: the digests of the files of a folder, in the form that `sha256sum --check` reads.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::archive::read;
use crate::digest::sha256;

/// How the file is named.
pub const NAME: &str = "SHA256SUMS";

/// Writes the digests of all files directly in a folder.
pub fn write(folder: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().context("a file name is not UTF-8")?;
        if entry.file_type()?.is_file() && name != NAME {
            names.push(name.to_owned());
        }
    }
    names.sort();
    let mut text = String::new();
    for name in names {
        let digest = sha256(&read(&folder.join(&name))?);
        writeln!(text, "{digest}  {name}")?;
    }
    fs::write(folder.join(NAME), text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn sha256sum_agrees() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        for name in ["b", "a"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        write(folder.path()).unwrap();
        // A second time does not count the first one's result.
        write(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(NAME)).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().next().unwrap().ends_with("  a"));
        let check = || {
            let mut command = Command::new("sha256sum");
            command
                .args(["--check", "--strict", NAME])
                .current_dir(&folder);
            command.output().unwrap().status.success()
        };
        assert!(check());
        fs::write(folder.path().join("a"), "other").unwrap();
        assert!(!check());
    }
}
