//! The npm packages that are bundled into the panel, from its lockfile. Owns which of them count: what the bundle may
//! contain, not what makes it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::{Part, Parts};
use crate::archive::read;
use crate::digest::hex;

/// Where a lockfile has the packages.
const FOLDER: &str = "node_modules/";

/// The packages of a lockfile, and references to those that the project uses itself.
pub fn parts(lockfile: &Path) -> Result<(Parts, BTreeSet<String>)> {
    of_lockfile(&serde_json::from_slice(&read(lockfile)?)?)
}

fn of_lockfile(lock: &Value) -> Result<(Parts, BTreeSet<String>)> {
    ensure!(
        lock["lockfileVersion"] == 3,
        "the lockfile of npm has another version"
    );
    let packages = lock["packages"].as_object().context("no packages")?;
    let mut parts = Parts::new();
    for (path, package) in packages {
        if path.is_empty() || package["dev"] == true {
            continue;
        }
        let (reference, mut part) = part(path, package)?;
        part.uses = uses(path, package, packages)?;
        parts.insert(reference, part);
    }
    let direct = uses("", &packages[""], packages)?;
    Ok((parts, direct))
}

/// References to what a package uses, each found where Node.js would find it.
fn uses(path: &str, package: &Value, packages: &Map<String, Value>) -> Result<BTreeSet<String>> {
    let mut uses = BTreeSet::new();
    for name in package["dependencies"]
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
    {
        let mut folder = path;
        let found = loop {
            let below = if folder.is_empty() {
                format!("{FOLDER}{name}")
            } else {
                format!("{folder}/{FOLDER}{name}")
            };
            if let Some(found) = packages.get(&below) {
                break part(&below, found)?.0;
            }
            ensure!(!folder.is_empty(), "{path}: {name} is not locked");
            let outer = folder.rfind(FOLDER).unwrap_or_default();
            folder = folder[..outer].trim_end_matches('/');
        };
        uses.insert(found);
    }
    Ok(uses)
}

fn part(path: &str, package: &Value) -> Result<(String, Part)> {
    let name = path.rsplit(FOLDER).next().unwrap_or(path);
    let version = package["version"]
        .as_str()
        .with_context(|| format!("{path} has no version"))?;
    let purl = format!("pkg:npm/{}@{version}", name.replace('@', "%40"));
    let part = Part {
        name: name.to_owned(),
        version: version.to_owned(),
        purl: Some(purl.clone()),
        license: package["license"].as_str().map(str::to_owned),
        hash: package["integrity"].as_str().and_then(hash),
        uses: BTreeSet::new(),
    };
    Ok((purl, part))
}

/// The digest of a value such as `sha512-…`.
fn hash(integrity: &str) -> Option<(&'static str, String)> {
    let digest = integrity.strip_prefix("sha512-")?;
    let digest = STANDARD.decode(digest).ok()?;
    Some(("SHA-512", hex(&digest)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn packages_are_found_as_node_finds_them_and_tools_are_left_out() {
        let lock = json!({"lockfileVersion": 3, "packages": {
            "": {"dependencies": {"@a/b": "1", "c": "2"}, "devDependencies": {"tool": "1"}},
            "node_modules/@a/b": {"version": "1.0.0", "license": "MIT", "integrity": "sha512-AAE=", "dependencies": {"c": "1"}},
            "node_modules/@a/b/node_modules/c": {"version": "1.0.0"},
            "node_modules/c": {"version": "2.0.0"},
            "node_modules/tool": {"version": "1.0.0", "dev": true},
        }});
        let (parts, direct) = of_lockfile(&lock).unwrap();
        let names: Vec<&str> = parts.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["pkg:npm/%40a/b@1.0.0", "pkg:npm/c@1.0.0", "pkg:npm/c@2.0.0"]
        );
        let part = &parts["pkg:npm/%40a/b@1.0.0"];
        assert_eq!(part.name, "@a/b");
        assert_eq!(part.hash, Some(("SHA-512", "0001".to_owned())));
        assert_eq!(part.uses, ["pkg:npm/c@1.0.0".to_owned()].into());
        assert!(direct.contains("pkg:npm/c@2.0.0"));
        assert!(of_lockfile(&json!({"lockfileVersion": 2})).is_err());
    }
}
