//! `cargo xtask worker`: builds the Cloudflare Worker into `cloudflare-worker/build/`.
//!
//! Owns the order of the tools and the content of that folder: the module with its bindings, the entry, the panel's
//! files and the headers that the host sends with them. All tools come from registries, in the versions that lockfiles
//! name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::job::Progress;
use crate::panel;
use crate::tools;
use crate::workspace::Workspace;

/// The target of Workers.
const TARGET: &str = "wasm32-unknown-unknown";

/// The worker's own folder.
const FOLDER: &str = "cloudflare-worker";

/// Files that are copied unchanged.
const SCRIPTS: [&str; 3] = ["worker.mjs", "io.mjs", "objects.mjs"];

/// Builds it, as its own command.
pub fn run(workspace: &Workspace) -> Result<()> {
    let progress = Progress::new(false);
    progress.side_by_side(vec![("worker", Box::new(|| build(workspace, &progress)))])?;
    println!(
        "{} is ready. In cloudflare-worker: npm ci, then npx wrangler dev, or npx wrangler deploy",
        folder(workspace).join("build").display()
    );
    Ok(())
}

/// Brings `cloudflare-worker/build` up to date.
pub fn build(workspace: &Workspace, progress: &Progress) -> Result<()> {
    tools::rust_target(workspace, progress, TARGET)?;
    panel::build(workspace, progress)?;
    progress.run(cargo(
        workspace,
        &["build", "--release", "--target", TARGET],
    ))?;
    let bindgen = tools::wasm_bindgen(workspace, progress)?;
    let build = folder(workspace).join("build");
    remove(&build)?;
    let module = target(workspace)
        .join(TARGET)
        .join("release/cloudflare_worker.wasm");
    let mut command = workspace.command(bindgen);
    command.arg(module).arg("--out-dir").arg(&build).args([
        "--target",
        "module",
        "--out-name",
        "index",
        "--no-typescript",
        "--remove-name-section",
        "--remove-producers-section",
        // A panic ends one instance of the module; the next request gets a new one.
        "--experimental-reset-state-function",
        "--force-enable-abort-handler",
    ]);
    progress.run(command)?;
    // An import of a module's source is newer than what wrangler and workerd both support; a plain one is equivalent.
    let index = build.join("index.js");
    let text = fs::read_to_string(&index)?;
    fs::write(&index, text.replace("\nimport source ", "\nimport "))?;
    for script in SCRIPTS {
        copy(
            &folder(workspace).join("js").join(script),
            &build.join(script),
        )?;
    }
    panel_files(workspace, &build.join("panel"))
}

/// Lints it, runs its unit tests and looks at what would be uploaded.
pub fn check(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build(workspace, progress)?;
    let mut clippy = cargo(workspace, &["clippy", "--release", "--target", TARGET]);
    clippy.args(["--", "-D", "warnings"]);
    progress.run(clippy)?;
    progress.run(cargo(workspace, &["test"]))?;
    packages(workspace, progress)?;
    progress.run(workspace.npm_in(FOLDER, &["test"]))
}

/// Installs wrangler and miniflare, unless the lockfile's packages are there.
pub fn packages(workspace: &Workspace, progress: &Progress) -> Result<()> {
    panel::locked_packages(workspace, progress, FOLDER)
}

/// `cargo` on the worker's own workspace.
pub fn cargo(workspace: &Workspace, words: &[&str]) -> std::process::Command {
    let mut command = workspace.cargo(words);
    command
        .args(["--locked", "--manifest-path"])
        .arg(folder(workspace).join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", target(workspace));
    command
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.path(FOLDER)
}

/// A separate folder: another lockfile's builds would only evict the workspace's.
fn target(workspace: &Workspace) -> PathBuf {
    workspace.target().join("worker")
}

/// The panel as static assets, with the headers that its component sends.
fn panel_files(workspace: &Workspace, into: &Path) -> Result<()> {
    let dist = workspace.path("admin-ui/web/dist");
    copy_folder(&dist.join("assets"), &into.join("admin/assets"))?;
    let safety = workspace.path("admin-ui/safety.headers");
    let safety =
        fs::read_to_string(&safety).with_context(|| format!("cannot read {}", safety.display()))?;
    fs::write(into.join("_headers"), headers(&safety))?;
    Ok(())
}

/// Cloudflare's file of headers: a pattern, then its fields, indented.
fn headers(safety: &str) -> String {
    let mut text = "/admin/*\n".to_owned();
    for line in safety.lines() {
        text.push_str("  ");
        text.push_str(line);
        text.push('\n');
    }
    // Their names hold a hash of their contents.
    text + "/admin/assets/*\n  cache-control: public, max-age=31536000, immutable\n"
}

fn copy_folder(from: &Path, into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let target = into.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

/// Nothing of an earlier build may be uploaded.
fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_headers_has_every_field_below_its_pattern() {
        let text = headers("x-one: 1\nx-two: a, b\n");
        let expected = "/admin/*\n  x-one: 1\n  x-two: a, b\n/admin/assets/*\n  cache-control: ";
        assert!(text.starts_with(expected), "{text}");
    }
}
