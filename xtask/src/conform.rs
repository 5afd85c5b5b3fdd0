//! The public conformance suite against gateways that run, and against the hosts of this repository.
//!
//! Owns the starts of hosts and suite; the suite reads its own options. Other gateways are `peers`'.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::build;
use crate::job::Progress;
use crate::peers;
use crate::served::{Served, free_port};
use crate::worker;
use crate::workspace::Workspace;

/// The client key of every gateway that is started here.
pub const KEY: &str = "sk-conformance";

/// A host of this repository.
struct Host {
    /// Its name on the command line.
    name: &'static str,
    /// Brings up to date what it is started from.
    build: fn(&Workspace, &Progress) -> Result<()>,
    /// Starts it, for upstreams on a port.
    start: fn(&Workspace, u16) -> Result<Served>,
}

/// Every host of this repository.
const HOSTS: [Host; 4] = [
    Host {
        name: "fakes",
        build: core_program,
        start: core_host,
    },
    Host {
        name: "local",
        build: build::everything,
        start: local_host,
    },
    Host {
        name: "workerd",
        build: worker_program,
        start: workerd,
    },
    Host {
        name: "native",
        build: build::native_host,
        start: native_host,
    },
];

/// Builds the suite and runs it with these words; `--host` starts a host for it, `--peers` compares gateways.
pub fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    match words {
        [first, rest @ ..] if first == "--peers" => peers::run(workspace, rest),
        [first, rest @ ..] if first == "--host" => against_host(workspace, rest),
        _ => against_url(workspace, words),
    }
}

/// A gateway that runs already.
fn against_url(workspace: &Workspace, words: &[String]) -> Result<()> {
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

/// One host, by its name; the suite gets all further words.
fn against_host(workspace: &Workspace, words: &[String]) -> Result<()> {
    let names = HOSTS.map(|host| host.name).join(", ");
    let (name, rest) = words
        .split_first()
        .with_context(|| format!("--host needs one of {names}"))?;
    let host = HOSTS.iter().find(|host| host.name == *name);
    let host = host.with_context(|| format!("--host is one of {names}, not {name:?}"))?;
    let progress = Progress::new(false);
    let build = || {
        suite_program(workspace, &progress)?;
        (host.build)(workspace, &progress)
    };
    progress.side_by_side(vec![(host.name, Box::new(build))])?;
    let (_served, mut suite) = started(workspace, host)?;
    let status = suite.args(rest).status().context("starting the suite")?;
    if !status.success() {
        bail!("the suite did not pass");
    }
    Ok(())
}

/// The step: every case holds on every host.
pub fn check(workspace: &Workspace, progress: &Progress) -> Result<()> {
    suite_program(workspace, progress)?;
    for host in &HOSTS {
        (host.build)(workspace, progress)?;
        let (_served, mut suite) = started(workspace, host)?;
        suite.args(["--strict", "--quiet"]);
        progress.run(suite)?;
    }
    Ok(())
}

/// A running host, and the suite's command line for it.
fn started(workspace: &Workspace, host: &Host) -> Result<(Served, Command)> {
    let port = free_port()?;
    let served = (host.start)(workspace, port)?;
    let mut suite = suite(workspace);
    suite.args(["--url", &served.url, "--key", KEY]);
    suite.args(["--upstream-port", &port.to_string()]);
    Ok((served, suite))
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

/// Builds the Worker, and installs what runs it.
fn worker_program(workspace: &Workspace, progress: &Progress) -> Result<()> {
    worker::build(workspace, progress)?;
    worker::packages(workspace, progress)
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
    let log = folder(workspace).join("core-host.log");
    Served::that_says_ready(command, Stdio::null(), &log)
}

/// The Worker in workerd, for upstreams on a port. It ends workerd when its input is closed.
fn workerd(workspace: &Workspace, port: u16) -> Result<Served> {
    let mut command = workspace.command("node");
    command.arg(workspace.path("cloudflare-worker/serve.mjs"));
    command.env("CONFIG", configuration(workspace, "gateway", port)?);
    command.env("ADMIN_PASSWORD", "correct-horse");
    let log = folder(workspace).join("workerd.log");
    Served::that_says_ready(command, Stdio::piped(), &log)
}

/// The shipped components on the local host, for upstreams on a port.
fn local_host(workspace: &Workspace, port: u16) -> Result<Served> {
    let mut command = workspace.command(workspace.program("local-host"));
    command.arg("--manifest").arg(workspace.path("spin.toml"));
    with_state(workspace, command, "local-host", port)
}

/// The native host, for upstreams on a port.
fn native_host(workspace: &Workspace, port: u16) -> Result<Served> {
    let command = workspace.command(workspace.program("ai-gateway"));
    with_state(workspace, command, "native-host", port)
}

/// A host with a state directory, new and empty.
fn with_state(
    workspace: &Workspace,
    mut command: Command,
    name: &str,
    port: u16,
) -> Result<Served> {
    let state = folder(workspace).join(format!("{name}-state"));
    match std::fs::remove_dir_all(&state) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listen = free_port()?;
    command.args(["--listen", &format!("127.0.0.1:{listen}"), "--state"]);
    command.arg(state);
    let config = configuration(workspace, "gateway", port)?;
    command.env("SPIN_VARIABLE_CONFIG", config);
    command.env("SPIN_VARIABLE_ADMIN_PASSWORD", "correct-horse");
    let log = folder(workspace).join(format!("{name}.log"));
    Served::on_port(command, listen, &log)
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
