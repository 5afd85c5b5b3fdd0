//! Compilers for static programs of Linux: musl's headers and a C compiler for each processor, from Debian.
//!
//! Owns which of them a target needs and how cargo is told; builds nothing.

use std::env::consts::{ARCH, OS};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::job::Progress;
use crate::tools;
use crate::workspace::Workspace;

/// A processor by the names that its tools have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processor {
    /// In Rust's targets and GCC's.
    name: &'static str,
    /// In Debian's packages.
    debian: &'static str,
    /// Debian's cross compiler for it.
    compiler: &'static str,
}

/// Those that programs are built for.
pub const PROCESSORS: [Processor; 2] = [
    Processor {
        name: "x86_64",
        debian: "amd64",
        compiler: "gcc-x86-64-linux-gnu",
    },
    Processor {
        name: "aarch64",
        debian: "arm64",
        compiler: "gcc-aarch64-linux-gnu",
    },
];

impl Processor {
    /// The target of static programs.
    pub fn target(self) -> String {
        format!("{}-unknown-linux-musl", self.name)
    }

    /// Whether this machine has it.
    pub fn is_here(self) -> bool {
        self.name == ARCH
    }
}

/// This machine's processor.
pub fn here() -> Result<Processor> {
    ensure!(OS == "linux", "static programs are built on Linux only");
    let found = PROCESSORS.into_iter().find(|processor| processor.is_here());
    found.with_context(|| format!("no static programs are built on {ARCH}"))
}

/// Installs what a processor's programs are compiled with, and returns what cargo needs in its environment.
pub fn environment(
    workspace: &Workspace,
    progress: &Progress,
    processor: Processor,
) -> Result<Vec<(String, OsString)>> {
    let target = processor.target();
    tools::rust_target(workspace, progress, &target)?;
    let name = target.replace('-', "_");
    let mut flags = Vec::new();
    let mut variables = Vec::new();
    if processor.is_here() {
        let compiler = tools::debian(workspace, progress, &["musl-gcc"], "musl-tools")?;
        variables.push((format!("CC_{name}"), compiler.into()));
    } else {
        let program = format!("{}-linux-gnu-gcc", processor.name);
        let compiler = tools::debian(workspace, progress, &[&program], processor.compiler)?;
        // The compiler's own headers are for any C library, Debian's others are for glibc.
        let own = said(workspace.command(&compiler).arg("-print-file-name=include"))?;
        let musl = headers(workspace, progress, processor)?;
        flags.push("-nostdinc".to_owned());
        for folder in [Path::new(&own), &musl] {
            flags.extend(["-isystem".to_owned(), word(folder)?]);
        }
        let linker = format!("CARGO_TARGET_{}_LINKER", name.to_uppercase());
        variables.push((linker, compiler.clone().into()));
        variables.push((format!("CC_{name}"), compiler.into()));
    }
    for (folder, renamed) in workspace.renamed_folders() {
        flags.push(format!("-ffile-prefix-map={}={renamed}", word(&folder)?));
    }
    if !flags.is_empty() {
        variables.push((format!("CFLAGS_{name}"), flags.join(" ").into()));
    }
    Ok(variables)
}

/// A path within flags that are split at blanks.
fn word(path: &Path) -> Result<String> {
    let text = path.to_str().context("a path is not UTF-8")?;
    ensure!(
        !text.contains(char::is_whitespace),
        "{text} contains blanks, which flags of C compilers cannot have"
    );
    Ok(text.to_owned())
}

/// musl's headers for another processor, from its Debian package, which is unpacked and not installed.
fn headers(workspace: &Workspace, progress: &Progress, processor: Processor) -> Result<PathBuf> {
    let root = workspace
        .shared("tools")
        .join(format!("musl-{}", processor.debian));
    let headers = root
        .join("unpacked/usr/include")
        .join(format!("{}-linux-musl", processor.name));
    if headers.join("stdio.h").is_file() {
        return Ok(headers);
    }
    for program in ["apt-get", "dpkg-deb"] {
        if tools::on_path(program).is_none() {
            bail!(
                "musl's headers for {} come from Debian, and {program} is missing",
                processor.name
            );
        }
    }
    for folder in ["state/lists/partial", "cache/archives/partial", "package"] {
        fs::create_dir_all(root.join(folder))?;
    }
    // With lists of its own: the system's packages and processors are left as they are.
    let apt = |words: &[&str]| {
        let mut command = workspace.command("apt-get");
        command.current_dir(root.join("package"));
        for setting in [
            format!("APT::Architecture={}", processor.debian),
            format!("APT::Architectures={}", processor.debian),
            format!("Dir::State={}", root.join("state").display()),
            format!("Dir::Cache={}", root.join("cache").display()),
            "Dir::State::status=/dev/null".to_owned(),
            // The user for downloads may not write into this folder.
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.args(["-o", &setting]);
        }
        command.args(words);
        progress.run(command)
    };
    apt(&["update"])?;
    apt(&["download", "musl-dev"])?;
    let package = fs::read_dir(root.join("package"))?.next();
    let package = package.context("apt-get has downloaded nothing")??.path();
    let mut unpack = workspace.command("dpkg-deb");
    unpack.arg("-x").arg(package).arg(root.join("unpacked"));
    progress.run(unpack)?;
    ensure!(
        headers.join("stdio.h").is_file(),
        "musl's headers are not in {}",
        headers.display()
    );
    Ok(headers)
}

/// What a program prints.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "the C compiler does not run");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_blank_is_no_flag() {
        assert_eq!(word(Path::new("/a/b")).unwrap(), "/a/b");
        assert!(word(Path::new("/a b")).is_err());
    }

    #[test]
    fn targets_are_rust_s() {
        let targets = PROCESSORS.map(Processor::target);
        assert_eq!(
            targets,
            ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]
        );
    }
}
