//! Requests as the gateway reads them, and as servers in Python, Node.js and Go do. Owns the readers' installation and
//! the start; the comparison is the testkit's, the readers and the requests written by hand are in
//! `tests/differential`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::job::Progress;
use crate::tools;
use crate::workspace::Workspace;

/// The step's folder.
const FOLDER: &str = "tests/differential";
/// Generated requests besides those of the corpus.
const MADE_UP: &str = "20000";

/// Installs the readers and lets them read.
pub fn run(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let readers = [
        python(workspace, progress)?,
        node(workspace, progress)?,
        go(workspace, progress)?,
    ];
    let mut command = workspace.cargo(&[
        "run",
        "--locked",
        "-p",
        "gateway-testkit",
        "--features",
        "fakes",
        "--bin",
        "differential",
        "--",
    ]);
    command.arg(format!("{FOLDER}/corpus.jsonl")).arg(MADE_UP);
    command.args(readers);
    progress.run(command)
}

/// Where installed and built files are.
fn made(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("differential");
    fs::create_dir_all(&folder).context("making target/differential")?;
    Ok(folder)
}

/// Python's own parsers, and those that its servers use, in a virtual environment.
fn python(workspace: &Workspace, progress: &Progress) -> Result<String> {
    let list = workspace.path(format!("{FOLDER}/python/requirements.txt"));
    let venv = made(workspace)?.join("venv");
    let interpreter = venv.join("bin/python");
    once(&list, &venv.join("installed.txt"), || {
        let mut make = workspace.command("python3");
        make.args(["-m", "venv", "--clear"]).arg(&venv);
        progress
            .run(make)
            .context("Python is missing. Install it: sudo apt-get install python3-venv")?;
        let mut install = workspace.command(&interpreter);
        install
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&list);
        progress.run(install)
    })?;
    let reader = workspace.path(format!("{FOLDER}/python/reader.py"));
    Ok(format!("{} {}", interpreter.display(), reader.display()))
}

/// Node's own parsers, and the one that its servers use.
fn node(workspace: &Workspace, progress: &Progress) -> Result<String> {
    tools::node(workspace)?;
    let folder = format!("{FOLDER}/node");
    let list = workspace.path(format!("{folder}/package-lock.json"));
    let stamp = workspace.path(format!("{folder}/node_modules/installed.txt"));
    once(&list, &stamp, || {
        progress.run(workspace.npm_in(&folder, &["ci", "--no-audit", "--no-fund"]))
    })?;
    let reader = workspace.path(format!("{folder}/reader.mjs"));
    Ok(format!("node {}", reader.display()))
}

/// Go's own parsers; they need no packages.
fn go(workspace: &Workspace, progress: &Progress) -> Result<String> {
    let go = tools::debian(workspace, progress, &["go"], "golang-go")?;
    let made = made(workspace)?;
    let program = made.join("go-reader");
    let mut build = workspace.command(go);
    build
        .env("GO111MODULE", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOCACHE", made.join("go-cache"))
        .args(["build", "-o"])
        .arg(&program)
        .arg(workspace.path(format!("{FOLDER}/go/main.go")));
    progress.run(build)?;
    Ok(program.display().to_string())
}

/// Installs unless that was done for the same list: `stamp` is a copy of it.
fn once(list: &Path, stamp: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = fs::read(list).with_context(|| list.display().to_string())?;
    if fs::read(stamp).is_ok_and(|known| known == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(stamp, wanted)?;
    Ok(())
}
