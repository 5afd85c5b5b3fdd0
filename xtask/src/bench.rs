//! `cargo xtask bench`: builds what is compared and starts the benchmark program, which is `bench/load`.
//!
//! Owns the preparation only, so that `cargo xtask up` need not compile an HTTP client.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::build;
use crate::dist;
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
    if options.growth {
        return growth(workspace, &progress, options.quick);
    }
    let mut command = workspace.command(workspace.program("gateway-bench"));
    if options.worker {
        worker::build(workspace, &progress)?;
        worker::packages(workspace, &progress)?;
    } else {
        let nginx = tools::debian(workspace, &progress, &["nginx"], "nginx-light")?;
        command.arg("--nginx").arg(nginx);
        build::everything(workspace, &progress)?;
        build::native_host(workspace, &progress)?;
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
        .arg(programs(workspace, &progress, options)?)
        .arg("--root")
        .arg(workspace.root());
    if options.quick {
        command.arg("--quick");
    }
    let status = command.status()?;
    anyhow::ensure!(status.success(), "the benchmark failed: {status}");
    Ok(())
}

/// What the core costs as a gateway grows, in memory.
fn growth(workspace: &Workspace, progress: &Progress, is_quick: bool) -> Result<()> {
    build::on_fakes(workspace, progress, "growth")?;
    let mut command = workspace.command(workspace.program("growth"));
    if is_quick {
        command.arg("--quick");
    }
    let status = command.status()?;
    anyhow::ensure!(status.success(), "the benchmark failed: {status}");
    Ok(())
}

/// The programs that the benchmark starts, in one folder. Hosts are built as they are distributed.
fn programs(workspace: &Workspace, progress: &Progress, options: &Bench) -> Result<PathBuf> {
    let release = workspace.target().join("release");
    // A look while working does not wait for link-time optimization of wasmtime.
    if options.quick || options.worker {
        return Ok(release);
    }
    let building = workspace.for_distribution();
    let mut command = building.cargo(&["build", "--locked", "--profile", dist::PROFILE]);
    command.args(["-p", "local-host", "-p", "native-host"]);
    progress.run(command)?;
    let into = workspace.shared("bench");
    fs::create_dir_all(&into)?;
    let hosts = building.target().join(dist::PROFILE);
    for (from, name) in [
        (&release, "scripted-upstream"),
        (&hosts, "local-host"),
        (&hosts, "ai-gateway"),
    ] {
        fs::copy(from.join(name), into.join(name))
            .with_context(|| format!("cannot copy {name} to {}", into.display()))?;
    }
    Ok(into)
}
