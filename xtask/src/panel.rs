//! Builds the panel's web files with npm, unless nothing changed since the last time.
//!
//! Owns the decision whether to build. The build itself is defined in `admin-ui/web/package.json`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::job::Progress;
use crate::tools;
use crate::workspace::Workspace;

/// What npm makes or tests leave behind: no source.
const MADE: [&str; 6] = [
    "generated",
    "node_modules",
    "dist",
    "test-results",
    "playwright-report",
    "coverage",
];

/// Brings `admin-ui/web/dist` up to date.
pub fn build(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let web = workspace.path("admin-ui/web");
    let stamp = Stamp::of(workspace, "panel", sources(&web)?)?;
    if stamp.is_current() && web.join("dist/index.html").is_file() {
        return Ok(());
    }
    packages(workspace, progress)?;
    progress.run(workspace.npm(&["run", "build"]))?;
    stamp.set()
}

/// Brings `admin-ui/web/node_modules` up to date with the lockfile.
pub fn packages(workspace: &Workspace, progress: &Progress) -> Result<()> {
    locked_packages(workspace, progress, "admin-ui/web")
}

/// Brings `node_modules` of a folder up to date with the lockfile beside it.
pub fn locked_packages(workspace: &Workspace, progress: &Progress, folder: &str) -> Result<()> {
    tools::node(workspace)?;
    let path = workspace.path(folder);
    let files = ["package.json", "package-lock.json"].map(|name| path.join(name));
    let stamp_name = format!("packages-{}", folder.replace('/', "-"));
    let stamp = Stamp::of(workspace, &stamp_name, files.into())?;
    if stamp.is_current() && path.join("node_modules/.package-lock.json").is_file() {
        return Ok(());
    }
    progress.run(workspace.npm_in(folder, &["ci", "--no-audit", "--no-fund"]))?;
    stamp.set()
}

/// Remembers the contents of files for which a step was done.
struct Stamp {
    file: PathBuf,
    hash: String,
}

impl Stamp {
    fn of(workspace: &Workspace, name: &str, mut files: Vec<PathBuf>) -> Result<Self> {
        files.sort();
        let mut hash = Fnv::default();
        for file in files {
            let contents =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            hash.add(file.as_os_str().as_encoded_bytes());
            hash.add(&contents);
        }
        Ok(Self {
            file: workspace.target().join(format!("xtask/{name}.stamp")),
            hash: format!("{:016x}", hash.0),
        })
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|text| text == self.hash)
    }

    fn set(&self) -> Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.file, &self.hash)
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if MADE.iter().any(|made| entry.file_name() == *made) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            found.extend(sources(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// FNV-1a. It need only notice edits; std's hasher may change with the toolchain.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        // The length keeps the end of one part from counting as the start of the next.
        for byte in bytes.len().to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(parts: &[&str]) -> u64 {
        let mut hash = Fnv::default();
        for part in parts {
            hash.add(part.as_bytes());
        }
        hash.0
    }

    #[test]
    fn every_edit_and_every_move_between_files_is_noticed() {
        let original = hash(&["a.ts", "one", "b.ts", "two"]);
        assert_eq!(original, hash(&["a.ts", "one", "b.ts", "two"]));
        for edited in [
            ["a.ts", "onE", "b.ts", "two"],
            ["a.ts", "one", "c.ts", "two"],
            ["a.ts", "onet", "b.ts", "wo"],
        ] {
            assert_ne!(original, hash(&edited), "{edited:?}");
        }
    }
}
