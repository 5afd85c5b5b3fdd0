//! The paths of the workspace, and how its own `cargo` is started. Owns paths; builds nothing.

use std::env;
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
        })
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
        self.root.join("target")
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
        command
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
