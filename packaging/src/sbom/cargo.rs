//! The crates that a program is made of, as `cargo metadata` resolves them. Owns which of them count: what is linked or
//! generates code for it, not what builds or tests it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Part, Parts};
use crate::archive::read;

/// The parts of the crates `roots`, and references to those that the roots use themselves.
pub fn parts(
    program: &Path,
    manifest: &Path,
    target: &str,
    roots: &[&str],
) -> Result<(Parts, BTreeSet<String>)> {
    let output = Command::new(program)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", target, "--manifest-path"])
        .arg(manifest)
        .output()
        .context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata = serde_json::from_slice(&output.stdout)?;
    let lock = String::from_utf8(read(&manifest.with_file_name("Cargo.lock"))?)?;
    of_metadata(&metadata, &checksums(&lock)?, roots)
}

/// Checksums by name and version.
type Checksums = BTreeMap<(String, String), String>;

fn checksums(lock: &str) -> Result<Checksums> {
    let lock: toml::Table = lock.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let row = |package: &toml::Value| {
        let text = |name: &str| Some(package.get(name)?.as_str()?.to_owned());
        Some(((text("name")?, text("version")?), text("checksum")?))
    };
    Ok(packages.into_iter().flatten().filter_map(row).collect())
}

fn of_metadata(
    metadata: &Value,
    checksums: &Checksums,
    roots: &[&str],
) -> Result<(Parts, BTreeSet<String>)> {
    let packages = by_id(&metadata["packages"]);
    let nodes = by_id(&metadata["resolve"]["nodes"]);
    let mut waiting = Vec::new();
    let mut own = BTreeSet::new();
    for root in roots {
        let is_root = |(_, package): &(&&str, &&Value)| package["name"] == *root;
        let (id, _) = packages
            .iter()
            .find(is_root)
            .with_context(|| format!("there is no crate {root}"))?;
        own.insert(*id);
        waiting.push(*id);
    }
    let mut parts = Parts::new();
    let mut direct = BTreeSet::new();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = nodes.get(id).context("a crate is not resolved")?;
        let mut uses = BTreeSet::new();
        for id in used(node) {
            let package = packages.get(id).context("a crate has no description")?;
            uses.insert(part(package, checksums)?.0);
            waiting.push(id);
        }
        if own.contains(id) {
            direct.append(&mut uses);
            continue;
        }
        let package = packages.get(id).context("a crate has no description")?;
        let (reference, mut part) = part(package, checksums)?;
        part.uses = uses;
        parts.insert(reference, part);
    }
    Ok((parts, direct))
}

fn by_id(list: &Value) -> BTreeMap<&str, &Value> {
    let mut found = BTreeMap::new();
    for value in list.as_array().into_iter().flatten() {
        if let Some(id) = value["id"].as_str() {
            found.insert(id, value);
        }
    }
    found
}

/// The crates that a node needs when it runs, or when its code is made.
fn used(node: &Value) -> Vec<&str> {
    let is_normal = |dependency: &&Value| {
        let kinds = dependency["dep_kinds"].as_array();
        kinds
            .into_iter()
            .flatten()
            .any(|kind| kind["kind"].is_null())
    };
    let dependencies = node["deps"].as_array().into_iter().flatten();
    dependencies
        .filter(is_normal)
        .filter_map(|dependency| dependency["pkg"].as_str())
        .collect()
}

fn part(package: &Value, checksums: &Checksums) -> Result<(String, Part)> {
    let text = |member: &str| package[member].as_str().map(str::to_owned);
    let name = text("name").context("a crate has no name")?;
    let version = text("version").context("a crate has no version")?;
    let is_of_registry = !package["source"].is_null();
    let purl = is_of_registry.then(|| format!("pkg:cargo/{name}@{version}"));
    let reference = purl
        .clone()
        .unwrap_or_else(|| format!("workspace:{name}@{version}"));
    let hash = checksums.get(&(name.clone(), version.clone()));
    let part = Part {
        // An older spelling of the same expression.
        license: text("license").map(|license| license.replace('/', " OR ")),
        hash: hash.map(|hash| ("SHA-256", hash.clone())),
        name,
        version,
        purl,
        uses: BTreeSet::new(),
    };
    Ok((reference, part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_tests_and_builds_use_is_left_out() {
        let package = |name: &str, source: Value| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/ISC", "source": source});
        let dependency =
            |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let registry = || json!("registry");
        let metadata = json!({
            "packages": [
                package("app", Value::Null), package("lib", Value::Null), package("used", registry()),
                package("tested", registry()), package("built", registry()),
            ],
            "resolve": {"nodes": [
                {"id": "app", "deps": [dependency("lib", Value::Null), dependency("tested", json!("dev"))]},
                {"id": "lib", "deps": [dependency("used", Value::Null), dependency("built", json!("build"))]},
                {"id": "used", "deps": []}, {"id": "tested", "deps": []}, {"id": "built", "deps": []},
            ]},
        });
        let lock = "[[package]]\nname = \"used\"\nversion = \"1.0.0\"\nchecksum = \"abc\"\n";
        let (parts, direct) = of_metadata(&metadata, &checksums(lock).unwrap(), &["app"]).unwrap();
        assert_eq!(direct, ["workspace:lib@1.0.0".to_owned()].into());
        let names: Vec<&str> = parts.keys().map(String::as_str).collect();
        assert_eq!(names, ["pkg:cargo/used@1.0.0", "workspace:lib@1.0.0"]);
        let used = &parts["pkg:cargo/used@1.0.0"];
        assert_eq!(used.hash, Some(("SHA-256", "abc".to_owned())));
        assert_eq!(used.license.as_deref(), Some("MIT OR ISC"));
        let lib = &parts["workspace:lib@1.0.0"];
        assert_eq!(lib.uses, ["pkg:cargo/used@1.0.0".to_owned()].into());
        assert!(of_metadata(&metadata, &Checksums::new(), &["other"]).is_err());
    }
}
