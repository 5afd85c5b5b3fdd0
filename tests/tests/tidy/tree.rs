//! The files of the tree, read once per check. Owns what counts as a source file.

use std::fs;
use std::path::Path;

use gateway_tests::workspace_root;

/// Folders that hold what was made or fetched, not written.
pub const MADE: [&str; 8] = [
    "target",
    "generated",
    "node_modules",
    "dist",
    "build",
    "test-results",
    "playwright-report",
    "__pycache__",
];

/// Folders that begin with a dot and are written by hand anyway.
const DOTTED: [&str; 3] = [".cargo", ".ci", ".github"];

/// A text file of the tree.
#[derive(Debug)]
pub struct SourceFile {
    /// From the root, with slashes.
    pub path: String,
    /// Its contents.
    pub text: String,
}

impl SourceFile {
    /// Whether its name ends like this, the dot left out.
    pub fn is(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|other| other == extension)
    }

    /// Its last part.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Rust, or the languages of the panel.
    pub fn is_code(&self) -> bool {
        ["rs", "ts", "tsx", "js", "mjs", "py", "css"]
            .iter()
            .any(|extension| self.is(extension))
    }
}

/// A made-up file for the tests of a check.
#[cfg(test)]
pub fn sample(path: &str, text: impl Into<String>) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.into(),
    }
}

/// Every text file of the tree.
pub fn files() -> Vec<SourceFile> {
    let root = workspace_root();
    // What is no UTF-8 is no text: images, fonts.
    let read = |path: String| {
        let text = fs::read_to_string(root.join(&path)).ok()?;
        Some(SourceFile { path, text })
    };
    paths().into_iter().filter_map(read).collect()
}

/// The path of every file that was written by hand, images included; in alphabetical order.
pub fn paths() -> Vec<String> {
    let mut found = Vec::new();
    collect(&workspace_root(), "", &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let entry = entry.expect("the entry can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type().expect("the entry has a type").is_dir() {
            let is_hidden = name.starts_with('.') && !DOTTED.contains(&name.as_str());
            if !is_hidden && !MADE.contains(&name.as_str()) {
                collect(&entry.path(), &format!("{path}/"), found);
            }
        } else if name != ".git" {
            // In a worktree `.git` is a file.
            found.push(path);
        }
    }
}

#[test]
fn the_tree_holds_what_was_written_and_nothing_that_was_made() {
    let files = files();
    for expected in [
        "Cargo.toml",
        ".cargo/config.toml",
        "tests/tests/tidy/tree.rs",
    ] {
        assert!(files.iter().any(|file| file.path == expected), "{expected}");
    }
    let made = ["target/", ".git/", "admin-ui/web/node_modules/"];
    assert!(
        files
            .iter()
            .all(|file| made.iter().all(|folder| !file.path.starts_with(folder)))
    );
}
