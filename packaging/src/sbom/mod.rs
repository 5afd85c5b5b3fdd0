//! Bills of materials (`CycloneDX` 1.6, JSON): what is linked into each thing that is distributed. Owns the documents; what a
//! thing is made of is read by `cargo` and `npm`.
//!
//! There is no time in them, and the serial number is made from the content: the same lockfiles are the same document.

mod cargo;
mod npm;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::digest::hex;

/// Something that is distributed.
pub struct Subject {
    /// How its document is named.
    pub name: &'static str,
    /// The manifest of its workspace.
    manifest: &'static str,
    /// Its own crates.
    roots: &'static [&'static str],
    /// What it is built for.
    target: &'static str,
}

/// Everything that is distributed.
pub const SUBJECTS: [Subject; 3] = [
    Subject {
        name: "native",
        manifest: "Cargo.toml",
        roots: &["native-host"],
        target: "x86_64-unknown-linux-musl",
    },
    Subject {
        name: "spin",
        manifest: "Cargo.toml",
        roots: &["proxy-component", "admin-component", "admin-ui"],
        target: "wasm32-wasip2",
    },
    Subject {
        name: "worker",
        manifest: "cloudflare-worker/Cargo.toml",
        roots: &["cloudflare-worker"],
        target: "wasm32-unknown-unknown",
    },
];

/// The lockfile of the panel, which all of them contain.
const PANEL: &str = "admin-ui/web/package-lock.json";

/// Part of a thing, and what it uses itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: String,
    version: String,
    /// Its package URL; none for the workspace's own crates, which no registry has.
    purl: Option<String>,
    /// An SPDX expression.
    license: Option<String>,
    /// Algorithm and hexadecimal digest of the package.
    hash: Option<(&'static str, String)>,
    uses: BTreeSet<String>,
}

/// Parts by their references within a document.
type Parts = BTreeMap<String, Part>;

/// The document of a thing. `program`: the `cargo` to ask.
pub fn document(subject: &Subject, root: &Path, program: &Path, version: &str) -> Result<Value> {
    let (mut parts, mut direct) = cargo::parts(
        program,
        &root.join(subject.manifest),
        subject.target,
        subject.roots,
    )?;
    let (panel, of_panel) = npm::parts(&root.join(PANEL))?;
    parts.extend(panel);
    direct.extend(of_panel);
    Ok(of_parts(subject.name, version, &parts, &direct))
}

fn of_parts(name: &str, version: &str, parts: &Parts, direct: &BTreeSet<String>) -> Value {
    let own = format!("ai-gateway-{name}@{version}");
    let components: Vec<Value> = parts
        .iter()
        .map(|(reference, part)| component(reference, part))
        .collect();
    let mut dependencies = vec![json!({"ref": own, "dependsOn": direct})];
    for (reference, part) in parts {
        dependencies.push(json!({"ref": reference, "dependsOn": part.uses}));
    }
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": format!("ai-gateway-{name}"),
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    let serial = serial_number(document.to_string().as_bytes());
    document["serialNumber"] = serial.into();
    document
}

fn component(reference: &str, part: &Part) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference,
        "name": part.name,
        "version": part.version,
    });
    if let Some(purl) = &part.purl {
        component["purl"] = json!(purl);
    }
    if let Some(license) = &part.license {
        component["licenses"] = json!([{"expression": license}]);
    }
    if let Some((algorithm, digest)) = &part.hash {
        component["hashes"] = json!([{"alg": algorithm, "content": digest}]);
    }
    component
}

/// A UUID of version 8, which leaves its bits to the maker.
fn serial_number(content: &[u8]) -> String {
    let mut bytes = Sha256::digest(content);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes[..16]);
    let parts = [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ];
    format!("urn:uuid:{}", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    /// Of the tree itself: names that must and must not be in it, and that every reference leads somewhere.
    #[test]
    fn the_native_host_s_document_has_what_is_linked_and_no_more() {
        let cargo = std::env::var_os("CARGO").unwrap();
        let document = document(&SUBJECTS[0], workspace(), Path::new(&cargo), "1.2.3").unwrap();
        let components = document["components"].as_array().unwrap();
        let names: BTreeSet<&str> = components
            .iter()
            .filter_map(|part| part["name"].as_str())
            .collect();
        for expected in [
            "gateway-core",
            "brotli",
            "hyper",
            "libsqlite3-sys",
            "ring",
            "preact",
        ] {
            assert!(names.contains(expected), "{expected}");
        }
        // Tests, builds, other hosts.
        for other in ["tempfile", "wasmtime", "spin-sdk", "vite", "native-host"] {
            assert!(!names.contains(other), "{other}");
        }
        let references: BTreeSet<&str> = components
            .iter()
            .chain([&document["metadata"]["component"]])
            .filter_map(|part| part["bom-ref"].as_str())
            .collect();
        assert_eq!(references.len(), components.len() + 1);
        let dependencies = document["dependencies"].as_array().unwrap();
        assert_eq!(dependencies.len(), references.len());
        for dependency in dependencies {
            for used in dependency["dependsOn"].as_array().unwrap() {
                assert!(references.contains(used.as_str().unwrap()), "{used}");
            }
        }
        for part in components {
            let is_own = part["purl"].is_null();
            assert_eq!(is_own, part["hashes"].is_null(), "{part}");
            assert!(part["licenses"][0]["expression"].is_string(), "{part}");
        }
    }

    #[test]
    fn the_serial_number_is_made_from_the_content() {
        let of = |version| of_parts("a", version, &Parts::new(), &BTreeSet::new());
        let number = of("1")["serialNumber"].clone();
        assert_eq!(number, of("1")["serialNumber"]);
        assert_ne!(number, of("2")["serialNumber"]);
        let number = number.as_str().unwrap();
        assert_eq!(number.len(), "urn:uuid:".len() + 36);
        assert_eq!(&number[23..24], "8", "{number}");
    }
}
