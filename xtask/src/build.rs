//! Builds what is served: the panel, the components, the local host. Owns the order; cargo and npm do the work.

use std::process::Command;

use anyhow::Result;

use crate::job::Progress;
use crate::panel;
use crate::tools;
use crate::workspace::{COMPONENTS, WASM_TARGET, Workspace};

/// The profile of components.
pub const FAST: &str = "component";

/// The setting for those that are not on the request path. Not a profile: cargo would build all macros again for it.
const SMALL: &str = "profile.component.opt-level=\"s\"";

/// Brings everything up to date that the gateway is served from, the slow parts in parallel.
pub fn everything(workspace: &Workspace, progress: &Progress) -> Result<()> {
    tools::wasm_target(workspace, progress)?;
    let [proxy, admin, panel_component] = COMPONENTS;
    progress.side_by_side(vec![
        (
            "local host",
            Box::new(|| release(workspace, progress, &["local-host"])),
        ),
        (
            "components",
            Box::new(|| {
                components(workspace, progress, FAST, &[proxy])?;
                small_component(workspace, progress, admin)
            }),
        ),
        (
            "panel",
            Box::new(|| {
                panel::build(workspace, progress)?;
                // Its build embeds the panel's files, so it has to wait for them, but for nothing else.
                components(workspace, progress, FAST, &[panel_component])
            }),
        ),
    ])
}

/// Builds the three components, whose panel has been built.
pub fn all_components(workspace: &Workspace, progress: &Progress) -> Result<()> {
    tools::wasm_target(workspace, progress)?;
    let [proxy, admin, panel_component] = COMPONENTS;
    components(workspace, progress, FAST, &[proxy, panel_component])?;
    small_component(workspace, progress, admin)
}

fn small_component(workspace: &Workspace, progress: &Progress, package: &str) -> Result<()> {
    let mut command = component_build(workspace, FAST);
    command.args(["--config", SMALL, "-p", package]);
    progress.run(command)
}

/// Builds components for the wasm target.
pub fn components(
    workspace: &Workspace,
    progress: &Progress,
    profile: &str,
    packages: &[&str],
) -> Result<()> {
    let mut command = component_build(workspace, profile);
    for package in packages {
        command.args(["-p", package]);
    }
    progress.run(command)
}

fn component_build(workspace: &Workspace, profile: &str) -> Command {
    workspace.cargo(&[
        "build",
        "--locked",
        "--profile",
        profile,
        "--target",
        WASM_TARGET,
    ])
}

/// Builds programs of this machine.
pub fn release(workspace: &Workspace, progress: &Progress, packages: &[&str]) -> Result<()> {
    let mut command = workspace.cargo(&["build", "--locked", "--release"]);
    for package in packages {
        command.args(["-p", package]);
    }
    progress.run(command)
}

/// Builds the native host, which embeds the panel.
pub fn native_host(workspace: &Workspace, progress: &Progress) -> Result<()> {
    panel::build(workspace, progress)?;
    release(workspace, progress, &["native-host"])
}

/// Builds the program that prepares the demo and serves its services.
pub fn demo(workspace: &Workspace, progress: &Progress) -> Result<()> {
    on_fakes(workspace, progress, "demo")
}

/// Builds a program of the testkit that has the core on fake ports.
pub fn on_fakes(workspace: &Workspace, progress: &Progress, program: &str) -> Result<()> {
    let mut command = workspace.cargo(&["build", "--locked", "--release"]);
    command.args([
        "-p",
        "gateway-testkit",
        "--features",
        "fakes",
        "--bin",
        program,
    ]);
    progress.run(command)
}
