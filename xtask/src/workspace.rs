//! The paths of the workspace, and how its own `cargo` is started. Owns paths; builds nothing.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The three components, by package; the panel's is built after the panel.
pub const COMPONENTS: [&str; 3] = ["proxy-component", "admin-component", "admin-ui"];

/// The target that the components are built for.
pub const WASM_TARGET: &str = "wasm32-wasip2";

/// The checkout that the command works on.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    /// Whether what is built must not depend on where it is built.
    is_for_distribution: bool,
}

impl Workspace {
    /// The workspace that this program was built from.
    pub fn locate() -> Result<Self> {
        // cargo names the crate's folder at run time too, which stays right when a checkout is moved.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().context("xtask lies in no workspace")?;
        Ok(Self {
            root: root.to_owned(),
            is_for_distribution: false,
        })
    }

    /// The same checkout, for builds whose bytes depend on the sources alone: no path of this machine is in them.
    ///
    /// They have a target folder of their own, since their flags would invalidate the other builds.
    #[must_use]
    pub fn for_distribution(&self) -> Self {
        Self {
            root: self.root.clone(),
            is_for_distribution: true,
        }
    }

    /// A path below the root.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The root itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo puts its results, regardless of the caller's environment: `spin.toml` looks for them there.
    pub fn target(&self) -> PathBuf {
        self.root.join(if self.is_for_distribution {
            "target/dist-build"
        } else {
            "target"
        })
    }

    /// What the commands themselves keep, whatever is built: tools, stamps.
    pub fn shared(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }

    /// Folders of this machine with the names that stand for them in what is distributed.
    pub fn renamed_folders(&self) -> Vec<(PathBuf, &'static str)> {
        if !self.is_for_distribution {
            return Vec::new();
        }
        let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"));
        let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home);
        let cargo = cargo.map(|folder| (folder, "/cargo"));
        let root = (self.root.clone(), "/ai-gateway");
        // The last one that fits counts, and the registry may lie below the root.
        [Some(root), cargo].into_iter().flatten().collect()
    }

    /// A program of the release profile.
    pub fn program(&self, name: &str) -> PathBuf {
        self.target().join("release").join(name)
    }

    /// A command that runs in the root, without what cargo added to the environment for this program alone.
    ///
    /// Build scripts watch some of those variables: with them a build started from here and the same one started by
    /// hand would invalidate each other's results.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// The `cargo` that started this program, with these words.
    pub fn cargo(&self, words: &[&str]) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(words);
        command.env("CARGO_TARGET_DIR", self.target());
        command.env_remove("CARGO_BUILD_TARGET");
        if self.is_for_distribution {
            command.env("CARGO_ENCODED_RUSTFLAGS", self.rust_flags());
        }
        command
    }

    /// As cargo splits them: a path may contain blanks.
    fn rust_flags(&self) -> OsString {
        let mut flags = OsString::new();
        for (folder, name) in self.renamed_folders() {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push("--remap-path-prefix=");
            flags.push(folder);
            flags.push("=");
            flags.push(name);
        }
        flags
    }

    /// `npm` on the panel's folder, with these words.
    pub fn npm(&self, words: &[&str]) -> Command {
        self.npm_in("admin-ui/web", words)
    }

    /// `npm` on a folder of the workspace, with these words.
    pub fn npm_in(&self, folder: &str, words: &[&str]) -> Command {
        let mut command = self.command("npm");
        command.args(["--prefix", folder]).args(words);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_distributed_has_a_folder_and_flags_of_its_own() {
        let workspace = Workspace::locate().unwrap();
        let flags = |workspace: &Workspace| {
            let command = workspace.cargo(&["build"]);
            let mut variables = command.get_envs();
            variables
                .find(|(name, _)| *name == "CARGO_ENCODED_RUSTFLAGS")
                .and_then(|(_, value)| Some(value?.to_string_lossy().into_owned()))
        };
        assert_eq!(flags(&workspace), None);
        assert_eq!(workspace.renamed_folders(), []);
        let distribution = workspace.for_distribution();
        let text = flags(&distribution).unwrap();
        let root = workspace.root().display();
        assert!(text.contains(&format!("--remap-path-prefix={root}=/ai-gateway")));
        assert!(text.contains("=/cargo"), "{text}");
        assert!(distribution.target().starts_with(workspace.target()));
        assert_eq!(distribution.shared("tools"), workspace.shared("tools"));
    }
}
