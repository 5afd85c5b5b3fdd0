//! Files that are watched: when one of them has changed.
//!
//! They are looked at every two seconds instead of through inotify: a certificate or a configuration is usually replaced by
//! swapping a symbolic link or a mounted folder (certbot, Kubernetes), of which a watch on the file itself notices nothing, and
//! network file systems report no changes at all. Two calls of `stat` cost nothing.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What differs when a file has changed: device, number, size, and time of modification.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// Files with their state when they were last read.
pub struct Watched {
    paths: Vec<PathBuf>,
    seen: Vec<Stamp>,
}

impl Watched {
    /// These files, as they are now.
    pub fn new(paths: &[&Path]) -> Self {
        Self {
            seen: paths.iter().map(|path| stamp(path)).collect(),
            paths: paths.iter().map(|path| path.to_path_buf()).collect(),
        }
    }

    /// Whether one of them has changed since the last call. A file that is missing for a moment has not.
    pub fn have_changed(&mut self) -> bool {
        let now: Vec<Stamp> = self.paths.iter().map(|path| stamp(path)).collect();
        if now.contains(&None) || now == self.seen {
            return false;
        }
        self.seen = now;
        true
    }
}

fn stamp(path: &Path) -> Stamp {
    let data = fs::metadata(path).ok()?;
    Some((
        data.dev(),
        data.ino(),
        data.size(),
        data.mtime(),
        data.mtime_nsec(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_noticed_once_also_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("one"), "1").unwrap();
        fs::write(at("two"), "2").unwrap();
        std::os::unix::fs::symlink(at("one"), at("link")).unwrap();
        let mut watched = Watched::new(&[&at("link")]);
        assert!(!watched.have_changed());
        fs::remove_file(at("link")).unwrap();
        assert!(!watched.have_changed(), "it is missing for a moment");
        std::os::unix::fs::symlink(at("two"), at("link")).unwrap();
        assert!(watched.have_changed());
        assert!(!watched.have_changed());
        fs::write(at("two"), "longer").unwrap();
        assert!(watched.have_changed());
    }
}
