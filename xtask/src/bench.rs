//! `cargo xtask bench`: builds what is compared and starts the benchmark program, which is `bench/load`.
//!
//! Owns the preparation only, so that `cargo xtask up` need not compile an HTTP client.

use anyhow::Result;

use crate::build;
use crate::instructions;
use crate::job::Progress;
use crate::options::{Bench, MicroBench};
use crate::tools;
use crate::worker;
use crate::workspace::Workspace;

/// Builds, measures, prints the table on stdout.
pub fn run(workspace: &Workspace, options: &Bench) -> Result<()> {
    if let Some(micro) = &options.micro {
        return instructions::run(workspace, *micro == MicroBench::Update);
    }
    let progress = Progress::new(false);
    let mut command = workspace.command(workspace.program("gateway-bench"));
    if options.worker {
        worker::build(workspace, &progress)?;
        worker::packages(workspace, &progress)?;
    } else {
        let nginx = tools::debian(workspace, &progress, &["nginx"], "nginx-light")?;
        command.arg("--nginx").arg(nginx);
        build::everything(workspace, &progress)?;
        build::components(
            workspace,
            &progress,
            build::FAST,
            &["passthrough-component"],
        )?;
    }
    build::release(workspace, &progress, &["gateway-testkit", "gateway-bench"])?;
    command
        .arg("--programs")
        .arg(workspace.target().join("release"))
        .arg("--root")
        .arg(workspace.root());
    if options.quick {
        command.arg("--quick");
    }
    let status = command.status()?;
    anyhow::ensure!(status.success(), "the benchmark failed: {status}");
    Ok(())
}
