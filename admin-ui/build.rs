//! Turns `web/dist` into a table of files that the component embeds. Owns compression and hashing;
//! must not decide how a file is served, which is `src/serve.rs`.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use sha2::{Digest, Sha256};

const HOW_TO_BUILD: &str = "npm --prefix admin-ui/web ci && npm --prefix admin-ui/web run build";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let dist = root.join("web").join("dist");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", dist.display());
    if !dist.join("index.html").is_file() {
        return Err(format!("the panel is not built: run `{HOW_TO_BUILD}`").into());
    }

    let mut paths = Vec::new();
    collect(&dist, &mut paths)?;
    // The table is searched by halves.
    let mut files = paths
        .iter()
        .map(|path| Ok((name_below(&dist, path)?, path)))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    files.sort();

    let mut table = String::from("&[\n");
    for (number, (name, path)) in files.iter().enumerate() {
        let mut entry = String::new();
        let plain = fs::read(path)?;
        let gzip = smaller(gzip(&plain)?, &plain);
        let brotli = smaller(brotli(&plain)?, &plain);
        writeln!(entry, "File {{ name: {name:?},")?;
        let plain = embed(&out, &format!("{number}.plain"), &plain)?;
        writeln!(entry, "    plain: {plain},")?;
        for (field, bytes) in [("gzip", gzip), ("brotli", brotli)] {
            let variant = match bytes {
                Some(bytes) => {
                    let variant = embed(&out, &format!("{number}.{field}"), &bytes)?;
                    format!("Some({variant})")
                }
                None => "None".to_owned(),
            };
            writeln!(entry, "    {field}: {variant},")?;
        }
        entry.push('}');
        if name == "index.html" {
            // By itself too, for a host that keeps the other files outside of the program.
            fs::write(out.join("page.rs"), &entry)?;
        }
        writeln!(table, "{entry},")?;
    }
    table.push_str("]\n");
    fs::write(out.join("files.rs"), table)?;
    Ok(())
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            // Cargo looks at a folder's own time only, so every folder is named.
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

/// The name a browser asks for: below `/admin/`, with slashes on every platform.
fn name_below(dist: &Path, path: &Path) -> Result<String, Box<dyn Error>> {
    let parts = path
        .strip_prefix(dist)?
        .iter()
        .map(|part| part.to_str().ok_or("a file name is not UTF-8"))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(parts.join("/"))
}

/// Writes `bytes` beside the table and returns the expression that embeds them.
fn embed(out: &Path, name: &str, bytes: &[u8]) -> Result<String, Box<dyn Error>> {
    fs::write(out.join(name), bytes)?;
    let mut etag = String::new();
    // Half of the hash: 128 bits are plenty to tell versions of one file apart.
    for byte in Sha256::digest(bytes).iter().take(16) {
        write!(etag, "{byte:02x}")?;
    }
    Ok(format!(
        "Variant {{ bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\")), etag: {:?} }}",
        format!("\"{etag}\"")
    ))
}

/// Keeps a compressed variant only if it saves enough to be worth a second copy.
fn smaller(compressed: Vec<u8>, plain: &[u8]) -> Option<Vec<u8>> {
    (compressed.len() * 20 < plain.len() * 19).then_some(compressed)
}

fn gzip(plain: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain)?;
    Ok(encoder.finish()?)
}

fn brotli(plain: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut compressed = Vec::new();
    {
        let mut encoder = brotli::CompressorWriter::new(&mut compressed, 4096, 11, 22);
        encoder.write_all(plain)?;
        encoder.flush()?;
    }
    Ok(compressed)
}
