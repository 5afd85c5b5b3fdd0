//! Fuzzing: arbitrary bytes for everything that reads bytes from outside. Owns how the programs of `fuzz/` are built
//! and run; what they check is defined there.
//!
//! They are libFuzzer programs, built with the stable toolchain: counting branches needs flags of the compiler, but
//! neither a nightly nor `cargo-fuzz`. No sanitizer: the code has no `unsafe`, so a panic is the worst case.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::job::Progress;
use crate::tools;
use crate::workspace::Workspace;

/// The programs, each with a corpus of its name.
const TARGETS: [&str; 14] = [
    "sse",
    "coding",
    "shapes",
    "members",
    "multipart",
    "error_shape",
    "health",
    "requests",
    "streams",
    "answers",
    "price_list",
    "gemini_schema",
    "id_token",
    "moving",
];

/// How long each searches for new inputs, in seconds. Run it for longer after changing a parser.
const SECONDS: u32 = 5;

/// What `cargo fuzz` would pass as well, so that libFuzzer sees branches and comparisons.
const FLAGS: &str = "-Dwarnings --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Replays every corpus, then lets each program run for some seconds.
pub fn run(workspace: &Workspace, progress: &Progress) -> Result<()> {
    // libFuzzer itself is compiled from its source.
    tools::debian(workspace, progress, &["c++", "g++", "clang++"], "g++")?;
    let host = host(workspace)?;
    progress.run(build(workspace, &host))?;
    let built = folder(workspace).join(&host).join("release");
    for target in TARGETS {
        let corpus = workspace.path("fuzz/corpus").join(target);
        let mut replay = program(workspace, &built, target)?;
        replay.arg("-runs=0").arg(&corpus);
        progress.run(replay)?;
        // What one run finds is not part of the next: a result must not depend on earlier runs.
        let found = folder(workspace).join("found").join(target);
        let _ = std::fs::remove_dir_all(&found);
        std::fs::create_dir_all(&found)?;
        let mut search = program(workspace, &built, target)?;
        search.arg(format!("-max_total_time={SECONDS}"));
        search.arg(&found).arg(&corpus);
        progress.run(search)?;
    }
    Ok(())
}

/// A separate target folder: other flags would rebuild everything else.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("fuzz")
}

fn build(workspace: &Workspace, host: &str) -> Command {
    // A named target, even though it is this machine: build scripts and macros are then built without the flags.
    let mut command = workspace.cargo(&[
        "build",
        "--locked",
        "--release",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--target",
        host,
    ]);
    command.env("CARGO_TARGET_DIR", folder(workspace));
    command.env("RUSTFLAGS", FLAGS);
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// A fuzzing program; the input that it fails on is kept, and named in its output.
fn program(workspace: &Workspace, built: &Path, target: &str) -> Result<Command> {
    let kept = folder(workspace).join("failed");
    std::fs::create_dir_all(&kept)?;
    let mut command = workspace.command(built.join(target));
    command.args(["-max_len=8192", "-timeout=10", "-rss_limit_mb=1024"]);
    command.arg(format!("-artifact_prefix={}/{target}-", kept.display()));
    Ok(command)
}

/// This machine, as the compiler calls it.
fn host(workspace: &Workspace) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = workspace
        .command(rustc)
        .arg("-vV")
        .output()
        .context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc does not say what machine this is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_runs_and_has_a_corpus() {
        let workspace = Workspace::locate().unwrap();
        let names = |folder: &str| {
            let files = std::fs::read_dir(workspace.path(folder)).unwrap();
            let mut names: Vec<String> = files
                .map(|file| file.unwrap().path())
                .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        let mut targets = TARGETS.map(str::to_owned);
        targets.sort();
        assert_eq!(names("fuzz/targets"), targets);
        assert_eq!(names("fuzz/corpus"), targets);
        for target in TARGETS {
            assert!(
                names(&format!("fuzz/corpus/{target}")).len() >= 10,
                "{target}"
            );
        }
    }

    #[test]
    fn the_machine_has_a_name() {
        let host = host(&Workspace::locate().unwrap()).unwrap();
        assert!(host.split('-').count() >= 3, "{host}");
    }
}
