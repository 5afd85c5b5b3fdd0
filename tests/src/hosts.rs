//! How each host is started: its program, arguments and environment. Starts nothing itself.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::gateway::{Host, Setup};
use crate::workspace_root;

/// Options of the local host that limit instances of components, which the native host does not have.
const OF_INSTANCES: &str = "--max-";

/// Passes standard input on as the first socket of systemd's protocol, and becomes the program.
const SYSTEMD: &str = r#"exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" "$@""#;

/// The command that starts a gateway with this setup.
pub fn command(setup: &Setup, state: &Path) -> Result<Command> {
    let mut command = match setup.host {
        Host::Local => local_host(setup, state)?,
        Host::Workerd => workerd(setup, state)?,
        Host::Fakes => fakes(setup)?,
        Host::Native => native(setup, state)?,
    };
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// The worker as `cargo xtask worker` builds it. It ends when its standard input is closed.
fn workerd(setup: &Setup, state: &Path) -> Result<Command> {
    let folder = workspace_root().join("cloudflare-worker");
    for made in ["build/worker.mjs", "node_modules/miniflare"] {
        ensure!(
            folder.join(made).exists(),
            "cloudflare-worker/{made} is missing; `cargo xtask test --only conformance` makes it"
        );
    }
    let mut command = Command::new("node");
    command
        .arg(folder.join("serve.mjs"))
        .arg("--state")
        .arg(state);
    command.stdin(Stdio::piped());
    for (name, value) in &setup.variables {
        command.env(name.to_uppercase(), value);
    }
    Ok(command)
}

fn fakes(setup: &Setup) -> Result<Command> {
    let binary = workspace_root().join("target/release/core-host");
    ensure!(
        binary.is_file(),
        "{} is missing; `cargo xtask test --only conformance` makes it",
        binary.display()
    );
    let mut command = Command::new(binary);
    command.stdin(Stdio::null());
    for (name, value) in &setup.variables {
        command.env(name.to_uppercase(), value);
    }
    Ok(command)
}

fn local_host(setup: &Setup, state: &Path) -> Result<Command> {
    let root = workspace_root();
    let mut command = Command::new(built("LOCAL_HOST_BIN", "local-host")?);
    command.arg("--manifest").arg(root.join("spin.toml"));
    command.args(&setup.options).stdin(Stdio::null());
    // The suite runs once as hosts usually do, and once with every instance living for one request.
    if let Some(count) = std::env::var_os("GATEWAY_TEST_REUSE") {
        command.arg("--max-instance-reuse-count").arg(count);
    }
    with_state_and_variables(&mut command, setup, state);
    Ok(command)
}

/// With two threads, whose instances share nothing but the state, also on a machine with one core. Tests that are written for
/// the local host get one: they expect that the next request knows what the last one has learnt.
fn native(setup: &Setup, state: &Path) -> Result<Command> {
    let program = match &setup.program {
        Some(program) => program.clone(),
        None => native_program()?,
    };
    let mut command = if let Some(socket) = &setup.socket {
        let mut command = Command::new("sh");
        command.args(["-c", SYSTEMD]).arg(program);
        command.stdin(Stdio::from(OwnedFd::from(socket.try_clone()?)));
        command
    } else {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        command
    };
    let threads = if Host::chosen() == Host::Native {
        "1"
    } else {
        "2"
    };
    command.args(["--threads", threads]);
    for option in setup.options.chunks(2) {
        if !option.iter().any(|word| word.starts_with(OF_INSTANCES)) {
            command.args(option);
        }
    }
    with_state_and_variables(&mut command, setup, state);
    Ok(command)
}

/// The native host as it was built.
pub fn native_program() -> Result<PathBuf> {
    built("AI_GATEWAY_BIN", "ai-gateway")
}

fn built(variable: &str, name: &str) -> Result<PathBuf> {
    let program = std::env::var_os(variable).map_or_else(
        || workspace_root().join("target/release").join(name),
        PathBuf::from,
    );
    ensure!(
        program.is_file(),
        "{} is missing; `cargo xtask test` builds it and runs these tests",
        program.display()
    );
    Ok(program)
}

fn with_state_and_variables(command: &mut Command, setup: &Setup, state: &Path) {
    command.args(["--listen", "127.0.0.1:0", "--ready-message", "ready {addr}"]);
    command.arg("--state").arg(state);
    for (name, value) in &setup.variables {
        command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
    }
}
