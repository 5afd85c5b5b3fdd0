//! The steps of `cargo xtask test`, in CI's order: cheap ones first, slow ones last.
//!
//! Owns what is checked and by which command. Each step brings up to date what it needs, so that any one of them can be
//! run alone; what is already up to date costs next to nothing.

use std::process::Command;

use anyhow::Result;

use crate::browser;
use crate::build;
use crate::conform;
use crate::differential;
use crate::dist;
use crate::fuzz;
use crate::instructions;
use crate::job::Progress;
use crate::panel;
use crate::tools;
use crate::worker;
use crate::workspace::{COMPONENTS, WASM_TARGET, Workspace};

/// One step.
pub struct Step {
    /// How `--only` and the summary name it.
    pub name: &'static str,
    /// What it checks.
    pub about: &'static str,
    /// Checks it.
    pub run: fn(&Workspace, &Progress) -> Result<()>,
}

/// Every step.
pub const ALL: &[Step] = &[
    Step {
        name: "format",
        about: "rustfmt finds nothing to change",
        run: format,
    },
    Step {
        name: "build",
        about: "the panel, the components and the local host build",
        run: build_all,
    },
    Step {
        name: "panel",
        about: "the panel's types, lints and unit tests",
        run: panel_checks,
    },
    Step {
        name: "clippy",
        about: "clippy reports nothing for the native crates",
        run: clippy,
    },
    Step {
        name: "clippy-wasm",
        about: "clippy reports nothing for the components",
        run: clippy_wasm,
    },
    Step {
        name: "deny",
        about: "licences, sources and duplicates of dependencies",
        run: deny,
    },
    Step {
        name: "core",
        about: "unit and property tests of the core, the testkit, the conformance suite, packaging and xtask",
        run: core,
    },
    Step {
        name: "instructions",
        about: "instruction counts of the micro-benchmarks are those of the baseline",
        run: instructions::check,
    },
    Step {
        name: "fuzz",
        about: "fuzz programs: the corpus, then new inputs for some seconds",
        run: fuzz::run,
    },
    Step {
        name: "differential",
        about: "the gateway reads requests as parsers of Python, Node.js and Go do",
        run: differential::run,
    },
    Step {
        name: "tidy",
        about: "the repository: sizes, headers, arrows, manifests, documentation",
        run: tidy,
    },
    Step {
        name: "admin-ui",
        about: "unit tests of the static-file component",
        run: admin_ui,
    },
    Step {
        name: "local-host",
        about: "tests of the local host",
        run: local_host,
    },
    Step {
        name: "native",
        about: "the native host: its tests, restarts under load, its state on the local host, and e2e on it",
        run: native,
    },
    Step {
        name: "worker",
        about: "the Cloudflare Worker: lints, unit tests, and what would be uploaded",
        run: worker::check,
    },
    Step {
        name: "dist",
        about: "what is distributed: twice the same files, and the static program in an empty root without rights",
        run: dist::check,
    },
    Step {
        name: "e2e",
        about: "the shipped components on the local host, from outside",
        run: e2e,
    },
    Step {
        name: "demo",
        about: "`cargo xtask up --demo` starts with traffic, serves a chat, and leaves nothing running",
        run: demo,
    },
    Step {
        name: "e2e-single",
        about: "the same with one request per instance",
        run: e2e_single,
    },
    Step {
        name: "conformance",
        about: "one suite of cases on every host: fakes, local host, workerd, native host",
        run: conformance,
    },
    Step {
        name: "conform",
        about: "the public conformance suite, nothing unsupported: fakes, local host, workerd, native host",
        run: conform::check,
    },
    Step {
        name: "sdk",
        about: "the official OpenAI packages for Python and Node.js",
        run: sdk,
    },
    Step {
        name: "sdk-suite",
        about: "the own tests of OpenAI's and Anthropic's Python SDKs, directly and through the gateway",
        run: sdk_suite,
    },
    Step {
        name: "clients",
        about: "Claude Code, Codex and opencode repair a project, one failover in the middle",
        run: clients,
    },
    Step {
        name: "browser",
        about: "the panel in Chromium, against the running gateway",
        run: browser::run,
    },
];

/// Packages that are built for this machine; the components' libraries exist for wasm only.
const NATIVE: [&str; 11] = [
    "gateway-core",
    "gateway-testkit",
    "host-io",
    "local-host",
    "native-host",
    "gateway-packaging",
    "xtask",
    "gateway-tests",
    "gateway-conformance",
    "gateway-bench",
    "gateway-micro",
];

fn format(workspace: &Workspace, progress: &Progress) -> Result<()> {
    progress.run(workspace.cargo(&["fmt", "--all", "--check"]))?;
    for other in ["fuzz/Cargo.toml", "cloudflare-worker/Cargo.toml"] {
        progress.run(workspace.cargo(&["fmt", "--manifest-path", other, "--check"]))?;
    }
    Ok(())
}

fn build_all(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build::everything(workspace, progress)?;
    build::components(workspace, progress, build::FAST, &["passthrough-component"])
}

fn panel_checks(workspace: &Workspace, progress: &Progress) -> Result<()> {
    panel::packages(workspace, progress)?;
    for script in ["typecheck", "lint", "test"] {
        progress.run(workspace.npm(&["run", script]))?;
    }
    Ok(())
}

/// In the release profile: it shares the build scripts and macros of what is served.
fn clippy(workspace: &Workspace, progress: &Progress) -> Result<()> {
    panel::build(workspace, progress)?;
    let mut command = workspace.cargo(&["clippy", "--locked", "--release", "--all-targets"]);
    for package in NATIVE.iter().chain(&["admin-ui"]) {
        command.args(["-p", package]);
    }
    command.args(["--", "-D", "warnings"]);
    progress.run(command)
}

fn clippy_wasm(workspace: &Workspace, progress: &Progress) -> Result<()> {
    tools::wasm_target(workspace, progress)?;
    panel::build(workspace, progress)?;
    let mut command = workspace.cargo(&[
        "clippy",
        "--locked",
        "--profile",
        "component",
        "--target",
        WASM_TARGET,
    ]);
    for package in
        COMPONENTS
            .iter()
            .chain(&["gateway-spin", "local-host-probe", "passthrough-component"])
    {
        command.args(["-p", package]);
    }
    command.args(["--", "-D", "warnings"]);
    progress.run(command)
}

/// Without the network: advisories are checked elsewhere, a build must not fail because of a new advisory.
fn deny(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let program = tools::cargo_deny(workspace, progress)?;
    // It needs the sources of every dependency, also of those not compiled on this machine.
    progress.run(workspace.cargo(&["fetch", "--locked"]))?;
    let mut command = workspace.command(program);
    command.args([
        "--offline",
        "--locked",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    progress.run(command)
}

fn core(workspace: &Workspace, progress: &Progress) -> Result<()> {
    progress.run(workspace.cargo(&[
        "test",
        "--locked",
        "-p",
        "gateway-core",
        "-p",
        "gateway-testkit",
        "-p",
        "gateway-conformance",
        "-p",
        "gateway-packaging",
        "-p",
        "gateway-micro",
        "-p",
        "xtask",
    ]))
}

fn tidy(workspace: &Workspace, progress: &Progress) -> Result<()> {
    progress.run(workspace.cargo(&[
        "test",
        "--locked",
        "--release",
        "-p",
        "gateway-tests",
        "--test",
        "tidy",
    ]))
}

fn admin_ui(workspace: &Workspace, progress: &Progress) -> Result<()> {
    panel::build(workspace, progress)?;
    progress.run(workspace.cargo(&["test", "--locked", "-p", "admin-ui"]))
}

fn local_host(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build_all(workspace, progress)?;
    progress.run(workspace.cargo(&["test", "--locked", "--release", "-p", "local-host"]))
}

fn native(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build_all(workspace, progress)?;
    build::native_host(workspace, progress)?;
    let mut command = workspace.cargo(&["test", "--locked", "--release"]);
    command.args(["-p", "native-host", "-p", "host-io"]);
    progress.run(command)?;
    let mut command = workspace.cargo(&["test", "--locked", "--release", "-p", "gateway-tests"]);
    command.args(["--test", "native"]);
    progress.run(command)?;
    let mut command = tests(workspace);
    command.env("GATEWAY_TEST_HOST", "native");
    progress.run(command)
}

fn e2e(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build_all(workspace, progress)?;
    progress.run(tests(workspace))
}

fn e2e_single(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build_all(workspace, progress)?;
    let mut command = tests(workspace);
    command.env("GATEWAY_TEST_REUSE", "1");
    progress.run(command)
}

fn demo(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build_all(workspace, progress)?;
    build::demo(workspace, progress)?;
    let mut command = tests_program(workspace, "demo_check");
    // The command itself, as a user runs it: this program.
    command.arg("--").arg(std::env::current_exe()?);
    progress.run(command)
}

fn tests(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo(&["test", "--locked", "--release", "-p", "gateway-tests"]);
    command.args(["--lib", "--bins", "--test", "e2e"]);
    command.env_remove("GATEWAY_TEST_REUSE");
    command.env_remove("GATEWAY_TEST_HOST");
    command
}

/// Its table of hosts and cases is shown also on success.
fn conformance(workspace: &Workspace, progress: &Progress) -> Result<()> {
    build_all(workspace, progress)?;
    worker::build(workspace, progress)?;
    worker::packages(workspace, progress)?;
    build::native_host(workspace, progress)?;
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
    ]))?;
    let mut command = workspace.cargo(&["test", "--locked", "--release", "-p", "gateway-tests"]);
    command.args(["--test", "conformance"]);
    command.env_remove("GATEWAY_TEST_HOST");
    progress.run_for_table(command)
}

fn sdk(workspace: &Workspace, progress: &Progress) -> Result<()> {
    packages(workspace, progress, "sdk")
}

fn sdk_suite(workspace: &Workspace, progress: &Progress) -> Result<()> {
    packages(workspace, progress, "sdk_suite")
}

/// Its table of client programs and upstreams is shown also on success.
fn clients(workspace: &Workspace, progress: &Progress) -> Result<()> {
    tools::node(workspace)?;
    build_all(workspace, progress)?;
    progress.run_for_table(tests_program(workspace, "clients"))
}

/// Runs a program of the tests that installs packages of Python and Node.js, and drives the gateway with them.
fn packages(workspace: &Workspace, progress: &Progress, program: &str) -> Result<()> {
    tools::node(workspace)?;
    build_all(workspace, progress)?;
    progress.run(tests_program(workspace, program))
}

fn tests_program(workspace: &Workspace, program: &str) -> Command {
    let mut command = workspace.cargo(&["run", "--locked", "--release", "-p", "gateway-tests"]);
    command.args(["--bin", program]);
    command
}
