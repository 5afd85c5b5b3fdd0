//! The public conformance suite against gateways that run, and against the hosts of this repository.
//!
//! Owns the starts of hosts and suite; the suite reads its own options. Other gateways are `peers`'.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::build;
use crate::job::Progress;
use crate::peers;
use crate::served::{Served, free_port};
use crate::workspace::Workspace;

/// The client key of every gateway that is started here.
pub const KEY: &str = "sk-conformance";

/// Builds the suite and runs it with these words; `--peers` compares gateways.
pub fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    if let Some((_, rest)) = words.split_first().filter(|(first, _)| *first == "--peers") {
        return peers::run(workspace, rest);
    }
    let mut command = workspace.cargo(&[
        "run",
        "--locked",
        "--quiet",
        "-p",
        "gateway-conformance",
        "--",
    ]);
    let status = command.args(words).status().context("starting cargo")?;
    if !status.success() {
        bail!("the suite did not pass");
    }
    Ok(())
}

/// The step: every case holds on the core with fakes and on the local host.
pub fn check(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build::everything(workspace, progress)?;
    suite_program(workspace, progress)?;
    core_program(workspace, progress)?;
    for start in [core_host, local_host] {
        let port = free_port()?;
        let served = start(workspace, port)?;
        let mut suite = suite(workspace);
        suite.args(["--url", &served.url, "--key", KEY, "--strict", "--quiet"]);
        suite.args(["--upstream-port", &port.to_string()]);
        progress.run(suite)?;
    }
    Ok(())
}

/// Builds the suite.
pub fn suite_program(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build::release(workspace, progress, &["gateway-conformance"])
}

/// Builds the core on fakes.
pub fn core_program(workspace: &Workspace, progress: &Progress) -> Result<()> {
    progress.run(workspace.cargo(&[
        "build",
        "--locked",
        "--release",
        "-p",
        "gateway-testkit",
        "--features",
        "fakes",
        "--bin",
        "core-host",
    ]))
}

/// The suite's program.
pub fn suite(workspace: &Workspace) -> Command {
    workspace.command(workspace.program("conformance"))
}

/// Where logs and results lie.
pub fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("peers")
}

/// The core with fakes, for upstreams on a port.
pub fn core_host(workspace: &Workspace, port: u16) -> Result<Served> {
    let mut command = workspace.command(workspace.program("core-host"));
    command.env("CONFIG", configuration(workspace, "gateway", port)?);
    command.env("ADMIN_PASSWORD", "correct-horse");
    Served::that_says_ready(command, &folder(workspace).join("core-host.log"))
}

/// The shipped components on the local host, for upstreams on a port.
fn local_host(workspace: &Workspace, port: u16) -> Result<Served> {
    let state = folder(workspace).join("local-host-state");
    match std::fs::remove_dir_all(&state) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listen = free_port()?;
    let mut command = workspace.command(workspace.program("local-host"));
    command.arg("--manifest").arg(workspace.path("spin.toml"));
    command.args(["--listen", &format!("127.0.0.1:{listen}"), "--state"]);
    command.arg(state);
    let config = configuration(workspace, "gateway", port)?;
    command.env("SPIN_VARIABLE_CONFIG", config);
    command.env("SPIN_VARIABLE_ADMIN_PASSWORD", "correct-horse");
    Served::on_port(command, listen, &folder(workspace).join("local-host.log"))
}

/// A gateway's configuration, from the suite.
pub fn configuration(workspace: &Workspace, name: &str, port: u16) -> Result<String> {
    let mut command = suite(workspace);
    command.args(["config", "--for", name, "--key", KEY, "--upstream-port"]);
    let output = command.arg(port.to_string()).output()?;
    if !output.status.success() {
        bail!("the suite has no configuration for {name}");
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
