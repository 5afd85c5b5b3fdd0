//! `cargo xtask dist` and `sbom`: builds what is distributed and packs it into `target/dist`.
//!
//! Owns the order of the builds and their profiles. What a file of the release contains is decided by `packaging`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::build;
use crate::job::Progress;
use crate::musl::{self, Processor};
use crate::panel;
use crate::worker;
use crate::workspace::Workspace;

/// The profile of programs that are distributed.
pub const PROFILE: &str = "dist";

/// Builds everything that is distributed, and packs it.
pub fn run(workspace: &Workspace) -> Result<()> {
    let progress = Progress::new(false);
    let building = workspace.for_distribution();
    progress.side_by_side(vec![(
        "panel",
        Box::new(|| panel::build(workspace, &progress)),
    )])?;
    let here = musl::here()?;
    let mut programs = Vec::new();
    let mut left_out = None;
    progress.side_by_side(vec![
        (
            "programs",
            Box::new(|| {
                programs.push(program(&building, &progress, here, PROFILE)?);
                for other in musl::PROCESSORS.into_iter().filter(|one| *one != here) {
                    // Another processor's compiler may be missing; what fails with it there is an error.
                    match musl::environment(&building, &progress, other) {
                        Ok(_) => programs.push(program(&building, &progress, other, PROFILE)?),
                        Err(error) => left_out = Some((other.target(), error)),
                    }
                }
                Ok(())
            }),
        ),
        (
            "components",
            Box::new(|| build::all_components(&building, &progress)),
        ),
        ("worker", Box::new(|| worker::build(&building, &progress))),
    ])?;
    let into = workspace.shared("dist");
    emptied(&into)?;
    progress.side_by_side(vec![(
        "packing",
        Box::new(|| pack(workspace, &progress, &building.target(), &programs, &into)),
    )])?;
    if let Some((target, error)) = left_out {
        println!("There is no program for {target}: {error:#}");
    }
    println!("{} is ready:", into.display());
    print!("{}", fs::read_to_string(into.join("SHA256SUMS"))?);
    Ok(())
}

/// Writes the bills of materials alone.
pub fn sbom(workspace: &Workspace) -> Result<()> {
    let progress = Progress::new(false);
    let into = workspace.shared("sbom");
    emptied(&into)?;
    progress.side_by_side(vec![(
        "bills of materials",
        Box::new(|| progress.run(packaging(workspace, &into))),
    )])?;
    print!("{}", fs::read_to_string(into.join("SHA256SUMS"))?);
    println!("in {}", into.display());
    Ok(())
}

/// The step: packs twice and compares, and runs the static program in an empty root directory.
///
/// The program is built with the profile `release`, which takes a fraction of the time.
pub fn check(workspace: &Workspace, progress: &Progress) -> Result<()> {
    panel::build(workspace, progress)?;
    let program = program(workspace, progress, musl::here()?, "release")?;
    build::all_components(workspace, progress)?;
    worker::build(workspace, progress)?;
    let root = workspace.shared("dist-check");
    emptied(&root)?;
    let programs = [program];
    let mut sums = Vec::new();
    for name in ["once", "twice"] {
        let into = root.join(name);
        pack(workspace, progress, &workspace.target(), &programs, &into)?;
        sums.push(fs::read_to_string(into.join("SHA256SUMS"))?);
    }
    ensure!(
        sums[0] == sums[1],
        "two packings differ:\n{}\n{}",
        sums[0],
        sums[1]
    );
    let mut test = workspace.cargo(&["run", "--locked", "--release", "-p", "gateway-tests"]);
    test.args(["--bin", "container", "--"]).arg(&programs[0].1);
    // What it could not check on this machine is said also on success.
    progress.run_for_table(test)
}

/// A static program, with its target.
type Program = (String, PathBuf);

fn program(
    workspace: &Workspace,
    progress: &Progress,
    processor: Processor,
    profile: &str,
) -> Result<Program> {
    let target = processor.target();
    let mut command = workspace.cargo(&["build", "--locked", "--profile", profile]);
    command.args(["--target", &target, "-p", "native-host"]);
    command.envs(musl::environment(workspace, progress, processor)?);
    progress.run(command)?;
    let folder = workspace.target().join(&target).join(profile);
    Ok((target, folder.join("ai-gateway")))
}

fn pack(
    workspace: &Workspace,
    progress: &Progress,
    built: &Path,
    programs: &[Program],
    into: &Path,
) -> Result<()> {
    let mut command = packaging(workspace, into);
    command.arg("--built").arg(built);
    for (target, program) in programs {
        command.arg("--program");
        command.arg(format!("{target}={}", program.display()));
    }
    progress.run(command)
}

/// The program that packs, with what it always needs.
fn packaging(workspace: &Workspace, into: &Path) -> Command {
    let mut command = workspace.cargo(&["run", "--locked", "--release"]);
    command.args(["-p", "gateway-packaging", "--", "--root"]);
    command.arg(workspace.root()).arg("--into").arg(into);
    command
}

/// Nothing of an earlier run may be distributed.
fn emptied(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}
