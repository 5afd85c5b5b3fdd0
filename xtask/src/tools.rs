//! What must be on the machine. Owns finding it, installing it where that is safe, and naming the command where not.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

use crate::job::Progress;
use crate::workspace::{WASM_TARGET, Workspace};

/// The oldest Node.js that the panel's tools run on.
const NODE: (u32, u32) = (20, 19);

/// CI's version; another one may have other lints.
const CARGO_DENY: &str = "0.20.2";

/// The version that the worker's lockfile has too: the tool reads only what its own version has written.
const WASM_BINDGEN: &str = "0.2.129";

/// Adds the components' target to the toolchain if it is missing.
pub fn wasm_target(workspace: &Workspace, progress: &Progress) -> Result<()> {
    rust_target(workspace, progress, WASM_TARGET)
}

/// Adds a target to the toolchain if it is missing.
pub fn rust_target(workspace: &Workspace, progress: &Progress, target: &str) -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = workspace
        .command(&rustc)
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Path::new(&folder).is_dir() {
        return Ok(());
    }
    if on_path("rustup").is_none() {
        bail!(
            "the Rust target {target} is missing, and so is rustup, which would add it: https://rustup.rs"
        );
    }
    let mut add = workspace.command("rustup");
    add.args(["target", "add", target]);
    progress.run(add)
}

/// Checks that Node.js and npm are there and new enough.
pub fn node(workspace: &Workspace) -> Result<()> {
    for program in ["node", "npm"] {
        if on_path(program).is_none() {
            bail!(
                "{program} is missing, and the panel is built with it. {}",
                node_advice()
            );
        }
    }
    let output = workspace.command("node").arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (major, minor) = NODE;
    anyhow::ensure!(
        version(&text).is_some_and(|version| version >= NODE),
        "Node.js {text} is too old for building the panel. Install {major}.{minor} or newer: https://nodejs.org"
    );
    Ok(())
}

/// Major and minor version of what `node --version` prints.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn node_advice() -> String {
    if on_path("apt-get").is_some() {
        "Install it: sudo apt-get install nodejs npm".to_owned()
    } else if on_path("brew").is_some() {
        "Install it: brew install node".to_owned()
    } else {
        "Install it: https://nodejs.org".to_owned()
    }
}

/// The path of cargo-deny; built into the target folder if it is missing.
pub fn cargo_deny(workspace: &Workspace, progress: &Progress) -> Result<PathBuf> {
    built(
        workspace,
        progress,
        "cargo-deny",
        CARGO_DENY,
        &["cargo-deny"],
    )
}

/// The path of wasm-bindgen; built into the target folder if it is missing.
pub fn wasm_bindgen(workspace: &Workspace, progress: &Progress) -> Result<PathBuf> {
    let words = [
        "wasm-bindgen-cli",
        "--no-default-features",
        "--bin",
        "wasm-bindgen",
    ];
    built(workspace, progress, "wasm-bindgen", WASM_BINDGEN, &words)
}

/// A program of a registry, in one version. `words`: its package, and further arguments of the installation.
fn built(
    workspace: &Workspace,
    progress: &Progress,
    name: &str,
    version: &str,
    words: &[&str],
) -> Result<PathBuf> {
    let root = workspace.shared("tools");
    let program = root.join("bin").join(name);
    let says = workspace.command(&program).arg("--version").output();
    if says.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(version)) {
        return Ok(program);
    }
    let mut install = workspace.cargo(&["install", "--locked", "--version", version]);
    install.args(words).arg("--root").arg(&root);
    // Both run for seconds: a fast build matters more than fast programs.
    for (setting, value) in [
        ("OPT_LEVEL", "0"),
        ("LTO", "off"),
        ("CODEGEN_UNITS", "64"),
        ("DEBUG", "0"),
    ] {
        install.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
    }
    progress.run(install)?;
    Ok(program)
}

/// A program of Debian's, installed if this is root on Debian, else named in the error.
///
/// `names`: what the program may be called; `package`: the Debian package that has it.
pub fn debian(
    workspace: &Workspace,
    progress: &Progress,
    names: &[&str],
    package: &str,
) -> Result<PathBuf> {
    let find = || names.iter().find_map(on_path);
    if let Some(program) = find() {
        return Ok(program);
    }
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if is_root && on_path("apt-get").is_some() {
        let apt = |words: &[&str]| {
            let mut command = workspace.command("apt-get");
            command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
            progress.run(command)
        };
        apt(&["update"])?;
        apt(&["install", "--yes", "--no-install-recommends", package])?;
    }
    find().with_context(|| {
        format!("{package} is missing. Install it: sudo apt-get install --no-install-recommends {package}")
    })
}

/// The first program of this name on the search path; administrators' folders are included, since PATH may lack them.
pub fn on_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let search = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&search)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name.as_ref()))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_as_numbers() {
        assert!(version("v20.19.2") >= Some(NODE));
        assert!(version("v24.0.0") >= Some(NODE));
        assert!(version("v20.9.0") < Some(NODE));
        assert_eq!(version(""), None);
    }

    #[test]
    fn a_program_that_is_nowhere_is_not_found() {
        assert!(on_path("sh").is_some());
        assert!(on_path("no-such-program-anywhere").is_none());
    }
}
