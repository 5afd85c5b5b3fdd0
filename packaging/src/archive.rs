//! Tar archives whose bytes depend on names and contents alone: no times, no owners, entries in alphabetical order.
//!
//! Owns the format (ustar); must not decide what is packed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, GzBuilder};

const BLOCK: usize = 512;

/// Files by their paths in the archive, with slashes.
#[derive(Debug, Default)]
pub struct Archive {
    files: BTreeMap<String, (Vec<u8>, Mode)>,
}

/// What may be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Read by everyone.
    Plain,
    /// Executed by everyone.
    Program,
}

impl Archive {
    /// Adds a file.
    pub fn add(&mut self, path: impl Into<String>, contents: Vec<u8>, mode: Mode) {
        self.files.insert(path.into(), (contents, mode));
    }

    /// Adds a file of the disk.
    pub fn add_file(&mut self, path: impl Into<String>, file: &Path, mode: Mode) -> Result<()> {
        self.add(path, read(file)?, mode);
        Ok(())
    }

    /// Adds all files below a folder of the disk.
    pub fn add_folder(&mut self, path: &str, folder: &Path) -> Result<()> {
        let entries = fs::read_dir(folder)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().context("a file name is not UTF-8")?;
            let inner = format!("{path}/{name}");
            if entry.file_type()?.is_dir() {
                self.add_folder(&inner, &entry.path())?;
            } else {
                self.add_file(inner, &entry.path(), Mode::Plain)?;
            }
        }
        Ok(())
    }

    /// The archive, uncompressed.
    pub fn tar(&self) -> Result<Vec<u8>> {
        let mut tar = Vec::new();
        for (path, (contents, mode)) in &self.files {
            tar.extend_from_slice(&header(path, contents.len(), *mode)?);
            tar.extend_from_slice(contents);
            tar.resize(tar.len().next_multiple_of(BLOCK), 0);
        }
        // Two empty blocks are the end.
        tar.resize(tar.len() + 2 * BLOCK, 0);
        Ok(tar)
    }

    /// The archive, compressed.
    pub fn tar_gz(&self) -> Result<Vec<u8>> {
        // No name, no time, and the same system everywhere.
        let mut encoder = GzBuilder::new()
            .operating_system(255)
            .write(Vec::new(), Compression::best());
        encoder.write_all(&self.tar()?)?;
        Ok(encoder.finish()?)
    }
}

/// A file's contents; an error names it.
pub fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn header(path: &str, length: usize, mode: Mode) -> Result<[u8; BLOCK]> {
    let mut header = [0; BLOCK];
    let (prefix, name) = split(path).with_context(|| format!("the path {path} is too long"))?;
    let mode = match mode {
        Mode::Plain => "0000644",
        Mode::Program => "0000755",
    };
    let length = format!("{length:011o}");
    ensure!(length.len() == 11, "{path} is too large");
    for (at, text) in [
        (0, name),
        (100, mode),
        (108, "0000000"),
        (116, "0000000"),
        (124, &length),
        (136, "00000000000"),
        // The checksum is counted with blanks in its place.
        (148, "        "),
        (156, "0"),
        (257, "ustar\x0000"),
        (345, prefix),
    ] {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

/// A path as ustar has it: up to 155 bytes of folders, up to 100 of the rest.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let slashes = path.match_indices('/').map(|(at, _)| at);
    let mut fitting = slashes.filter(|at| *at <= 155 && path.len() - at - 1 <= 100);
    let at = fitting.next()?;
    Some((&path[..at], &path[at + 1..]))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn sample() -> Archive {
        let mut archive = Archive::default();
        archive.add("b/two", vec![b'x'; 700], Mode::Program);
        archive.add("a-first", Vec::new(), Mode::Plain);
        let long = format!("{}/{}", "folder/".repeat(16), "n".repeat(90));
        archive.add(long, b"deep".to_vec(), Mode::Plain);
        archive
    }

    #[test]
    fn tar_itself_lists_what_was_packed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sample.tar.gz");
        fs::write(&file, sample().tar_gz().unwrap()).unwrap();
        let output = Command::new("tar")
            .arg("-tvzf")
            .arg(&file)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].starts_with("-rw-r--r--") && lines[0].ends_with("a-first"));
        assert!(lines[1].starts_with("-rwxr-xr-x") && lines[1].contains(" 700 "));
        assert!(lines[2].ends_with(&"n".repeat(90)), "{text}");
    }

    #[test]
    fn the_bytes_depend_on_names_and_contents_alone() {
        assert_eq!(sample().tar_gz().unwrap(), sample().tar_gz().unwrap());
        let mut other = sample();
        other.add("a-first", b"more".to_vec(), Mode::Plain);
        assert_ne!(sample().tar().unwrap(), other.tar().unwrap());
    }

    #[test]
    fn a_path_that_no_header_can_hold_is_an_error() {
        let mut archive = Archive::default();
        archive.add("n".repeat(101), Vec::new(), Mode::Plain);
        assert!(archive.tar().is_err());
    }
}
