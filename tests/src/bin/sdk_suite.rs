//! Runs the SDKs' own tests through a separate gateway. Owns the gateway; what is run and what may fail is
//! defined in `sdk/own-tests/run.py`.
#![forbid(unsafe_code)]

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use gateway_tests::{Gateway, PASSWORD, Setup, workspace_root};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sdk_suite: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let script = workspace_root().join("tests/sdk/own-tests/run.py");
    let gateway = Gateway::start(&Setup::default())?;
    let status = Command::new("python3")
        .arg(script)
        .env("GATEWAY", gateway.url(""))
        .env("ADMIN_PASSWORD", PASSWORD)
        .status()
        .context("running python3")?;
    gateway.stop()?;
    ensure!(status.success(), "the suite failed");
    Ok(())
}
