//! Packs what has been built into the files of a release: archives, the Spin application as an OCI image layout, bills of
//! materials, checksums. `cargo xtask dist` builds and calls it.
//!
//! Owns the files' names and contents; builds nothing. The same input gives the same bytes.
#![forbid(unsafe_code)]

mod archive;
mod digest;
mod elf;
mod oci;
mod sbom;
mod spin_app;
mod sums;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::archive::{Archive, Mode, read};

/// The version of everything.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What goes beside the program.
const BESIDE: [&str; 3] = [
    "LICENSE",
    "packaging/systemd/ai-gateway.service",
    "packaging/systemd/ai-gateway.socket",
];

/// What a new state directory of the container contains.
const STATE: &str =
    "The state of the AI gateway: key-value data, the database, the admin password.\n";

/// Targets with the names that containers have for their processors.
const PROCESSORS: [(&str, &str); 2] = [
    ("x86_64-unknown-linux-musl", "amd64"),
    ("aarch64-unknown-linux-musl", "arm64"),
];

fn main() -> ExitCode {
    let outcome = Arguments::read(std::env::args().skip(1)).and_then(|arguments| run(&arguments));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway-packaging: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    /// The workspace.
    root: PathBuf,
    /// Where the files go.
    into: PathBuf,
    /// The folder that stands for `target/` in `spin.toml`; none: only bills of materials.
    built: Option<PathBuf>,
    /// Static programs with their targets.
    programs: Vec<(String, PathBuf)>,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let (mut root, mut into, mut built, mut programs) = (None, None, None, Vec::new());
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("{word} needs a value"))
            };
            match word.as_str() {
                "--root" => root = Some(value()?.into()),
                "--into" => into = Some(value()?.into()),
                "--built" => built = Some(value()?.into()),
                "--program" => {
                    let value = value()?;
                    let (target, file) = value.split_once('=').context("TARGET=FILE")?;
                    programs.push((target.to_owned(), file.into()));
                }
                other => bail!("unknown option {other:?}; start this with `cargo xtask dist`"),
            }
        }
        Ok(Self {
            root: root.context("--root is missing")?,
            into: into.context("--into is missing")?,
            built,
            programs,
        })
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let into = &arguments.into;
    fs::create_dir_all(into)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for subject in &sbom::SUBJECTS {
        let document = sbom::document(subject, &arguments.root, Path::new(&cargo), VERSION)
            .with_context(|| format!("bill of materials: {}", subject.name))?;
        let name = format!("ai-gateway-{}-{VERSION}.cdx.json", subject.name);
        write(&into.join(name), &serde_json::to_vec_pretty(&document)?)?;
    }
    if let Some(built) = &arguments.built {
        for (target, program) in &arguments.programs {
            native(&arguments.root, target, program, into)?;
        }
        spin(&arguments.root, built, into)?;
        worker(&arguments.root, into)?;
    }
    sums::write(into)
}

/// The program, once in an archive and once as the `Containerfile` wants it.
fn native(root: &Path, target: &str, program: &Path, into: &Path) -> Result<()> {
    let folder = format!("ai-gateway-{VERSION}-{target}");
    let bytes = read(program)?;
    elf::check_static(&bytes).with_context(|| program.display().to_string())?;
    let mut archive = Archive::default();
    archive.add(format!("{folder}/ai-gateway"), bytes, Mode::Program);
    for file in BESIDE {
        let name = file.rsplit('/').next().unwrap_or(file);
        archive.add_file(format!("{folder}/{name}"), &root.join(file), Mode::Plain)?;
    }
    write(&into.join(format!("{folder}.tar.gz")), &archive.tar_gz()?)?;
    let known = PROCESSORS.iter().find(|(known, _)| *known == target);
    let (_, processor) = known.with_context(|| format!("the target {target} is unknown"))?;
    let folder = into.join("bin").join(processor);
    fs::create_dir_all(&folder)?;
    // A copy keeps the rights to execute it.
    fs::copy(program, folder.join("ai-gateway")).context("cannot copy the program")?;
    // The image's folder for the state is made from it: empty folders are lost in many archives.
    fs::create_dir_all(into.join("state"))?;
    write(&into.join("state/README"), STATE.as_bytes())
}

/// The Spin application, as a folder and as one file.
fn spin(root: &Path, built: &Path, into: &Path) -> Result<()> {
    let layout = spin_app::layout(&root.join("spin.toml"), built)?;
    let folder = into.join("spin");
    layout.write(&folder)?;
    spin_app::check_layout(&folder).context("the Spin application")?;
    let file = format!("ai-gateway-spin-{VERSION}.oci.tar");
    write(&into.join(file), &layout.tar()?)
}

/// What `wrangler deploy` needs: the module, the panel, the manifest, and wrangler's own version.
fn worker(root: &Path, into: &Path) -> Result<()> {
    let from = root.join("cloudflare-worker");
    let folder = format!("ai-gateway-worker-{VERSION}");
    let mut archive = Archive::default();
    archive.add_folder(&format!("{folder}/build"), &from.join("build"))?;
    for name in ["wrangler.toml", "package.json", "package-lock.json"] {
        archive.add_file(format!("{folder}/{name}"), &from.join(name), Mode::Plain)?;
    }
    archive.add(
        format!("{folder}/LICENSE"),
        read(&root.join("LICENSE"))?,
        Mode::Plain,
    );
    write(&into.join(format!("{folder}.tar.gz")), &archive.tar_gz()?)
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}
