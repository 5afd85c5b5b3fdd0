//! The public conformance suite against a gateway that is running. Owns the start; the suite reads its own options.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;

/// Builds the suite and runs it with these words.
pub fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let status = command(workspace, words)
        .status()
        .context("starting cargo")?;
    if !status.success() {
        bail!("the suite did not pass");
    }
    Ok(())
}

fn command(workspace: &Workspace, words: &[String]) -> Command {
    let mut command = workspace.cargo(&[
        "run",
        "--locked",
        "--quiet",
        "-p",
        "gateway-conformance",
        "--",
    ]);
    command.args(words);
    command
}
