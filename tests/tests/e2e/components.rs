//! The components themselves: size, and that they import nothing that Spin 4.1 does not have.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context as _;
use gateway_tests::workspace_root;
use wasmparser::{Parser, Payload};

use crate::Outcome;

/// Of these, 1,200,000 are the translators between dialects (Gemini's clients among them), 290,000 the decoders of
/// compressed bodies (brotli brings a dictionary of 122,000 bytes), 400,000 what turns answers into streams and back
/// in five shapes, 60,000 the responses that the gateway keeps, and 290,000 the alerts, which the proxy evaluates and
/// sends.
const MAX_BYTES: usize = 4_100_000;
/// 980,000 of these are the encoder of brotli, with its dictionary, for answers of the admin API.
const ADMIN_MAX_BYTES: usize = 4_800_000;

/// A component as it ships: what the manifest names as its source.
fn shipped(name: &str) -> anyhow::Result<Vec<u8>> {
    let manifest: toml::Table = fs::read_to_string(workspace_root().join("spin.toml"))?.parse()?;
    let source = manifest
        .get("component")
        .and_then(|components| components.get(name)?.get("source")?.as_str());
    let path = workspace_root().join(source.with_context(|| format!("no component {name}"))?);
    fs::read(&path).with_context(|| format!("{} is not built", path.display()))
}

/// The names of a component's imports. Cores and components inside it import from it, not from the host.
fn imports(bytes: &[u8]) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.insert(import?.name.0.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

/// What Spin 4.1 gives an HTTP component, of the packages that ours may use. WASI 0.2 comes from the
/// standard library, 0.3 from spin-sdk.
fn is_known(name: &str) -> bool {
    let Some((interface, version)) = name.split_once('@') else {
        return false;
    };
    let Some((package, _)) = interface.split_once('/') else {
        return false;
    };
    match package {
        "wasi:cli" | "wasi:clocks" | "wasi:random" | "wasi:http" => {
            version == "0.3.0" || version.starts_with("0.2.")
        }
        "wasi:io" | "wasi:filesystem" | "wasi:sockets" => version.starts_with("0.2."),
        "wasi:keyvalue" => version == "0.2.0-draft2",
        "spin:key-value" | "spin:variables" => version == "3.0.0",
        "spin:sqlite" => version == "3.1.0",
        _ => false,
    }
}

#[test]
fn components_are_small_and_import_only_what_spin_has() -> Outcome {
    const TYPES: &str = "wasi:http/types@0.3.0";
    const CALLS: &str = "wasi:http/client@0.3.0";
    const STORE: &str = "spin:key-value/key-value@3.0.0";
    const DATABASE: &str = "spin:sqlite/sqlite@3.1.0";
    let components: [(&str, &[&str], &[&str]); 3] = [
        ("proxy", &[TYPES, STORE, DATABASE, CALLS], &[]),
        ("admin", &[TYPES, STORE, DATABASE, CALLS], &[]),
        ("admin-ui", &[TYPES], &[STORE, DATABASE, CALLS]),
    ];
    for (name, needed, forbidden) in components {
        let bytes = shipped(name)?;
        let most = if name == "admin" {
            ADMIN_MAX_BYTES
        } else {
            MAX_BYTES
        };
        assert!(bytes.len() < most, "{name} has {} bytes", bytes.len());
        let imports = imports(&bytes)?;
        let unknown: Vec<&String> = imports.iter().filter(|import| !is_known(import)).collect();
        assert!(unknown.is_empty(), "{name} imports {unknown:?}");
        // The list is read rightly: what a component does use is in it.
        for import in needed {
            assert!(
                imports.contains(*import),
                "{name} lacks {import}: {imports:?}"
            );
        }
        for import in forbidden {
            assert!(
                !imports.contains(*import),
                "{name} has no business with {import}"
            );
        }
    }
    Ok(())
}
