//! The Spin application as the image that `spin registry push` would push: one layer per component, and the locked
//! application. Owns the translation of `spin.toml`; the image's files are `oci`'s.
//!
//! After Spin 4.1: `crates/loader/src/local.rs` (what is locked) and `crates/oci/src/client.rs` (what is a layer). Times are
//! left out, so that the same components are the same image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::archive::read;
use crate::digest::oci_digest;
use crate::oci::{Layer, Layout, blob, check};

const APPLICATION: &str = "application/vnd.fermyon.spin.application.v1+config";
const WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// How a component's file begins: magic number, version and layer of the component model.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// The members of a component that are understood here; another one would be lost without notice.
const UNDERSTOOD: [&str; 7] = [
    "source",
    "description",
    "key_value_stores",
    "sqlite_databases",
    "allowed_outbound_hosts",
    "variables",
    "build",
];

/// The image of the application of a manifest. `built`: the folder that stands for `target/` in its sources.
pub fn layout(manifest: &Path, built: &Path) -> Result<Layout> {
    let text = String::from_utf8(read(manifest)?)?;
    let manifest: toml::Table = text.parse().context("spin.toml")?;
    let manifest = serde_json::to_value(manifest)?;
    let mut layers = Vec::new();
    let mut components = Vec::new();
    for (id, component) in members(&manifest, "component") {
        let source = component["source"]
            .as_str()
            .with_context(|| format!("{id} has no source"))?;
        let bytes = read(&file(source, built)?)?;
        ensure!(
            bytes.starts_with(&COMPONENT),
            "{source} is not a WebAssembly component"
        );
        components.push(locked_component(&id, &component, &oci_digest(&bytes))?);
        layers.push(Layer {
            media_type: WASM,
            bytes,
        });
    }
    let application = &manifest["application"];
    let locked = json!({
        "spin_lock_version": 0,
        "metadata": metadata(application)?,
        "variables": variables(&manifest)?,
        "triggers": triggers(&manifest)?,
        "components": components,
    });
    let locked = serde_json::to_vec(&locked)?;
    let labels = json!({"com.fermyon.spin.lockedAppDigest": oci_digest(&locked)});
    layers.push(Layer {
        media_type: APPLICATION,
        bytes: locked,
    });
    let config = json!({
        "architecture": "wasm",
        "os": "Wasip1",
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": []},
    });
    let mut annotations = BTreeMap::new();
    for (member, annotation) in [
        ("name", "org.opencontainers.image.title"),
        ("description", "org.opencontainers.image.description"),
        ("version", "org.opencontainers.image.version"),
    ] {
        if let Some(text) = application[member].as_str() {
            annotations.insert(annotation, text);
        }
    }
    let tag = application["version"]
        .as_str()
        .context("the application has no version")?;
    Layout::of(&layers, &config, &annotations, tag)
}

/// Checks the layout of an application: the layout itself, and that Spin would find every component of it.
///
/// Returns the locked application.
pub fn check_layout(folder: &Path) -> Result<Value> {
    let manifest = check(folder)?;
    let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
    let of_type = |media_type: &str| -> Vec<&Value> {
        let is = |layer: &&Value| layer["mediaType"] == media_type;
        layers.iter().filter(is).collect()
    };
    let [application] = of_type(APPLICATION)[..] else {
        bail!("the image has not one locked application");
    };
    let locked: Value = serde_json::from_slice(&blob(folder, application)?)?;
    let config: Value = serde_json::from_slice(&blob(folder, &manifest["config"])?)?;
    ensure!(
        config["config"]["Labels"]["com.fermyon.spin.lockedAppDigest"] == application["digest"],
        "the configuration names another application"
    );
    let wasm: Vec<&Value> = of_type(WASM);
    let components = locked["components"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    for component in components {
        let digest = &component["source"]["digest"];
        ensure!(
            wasm.iter().any(|layer| &layer["digest"] == digest),
            "the source of {} is not in the image",
            component["id"]
        );
    }
    ensure!(
        layers.len() == wasm.len() + 1,
        "the image has layers of other types"
    );
    let triggers = locked["triggers"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(!triggers.is_empty(), "the application has no trigger");
    for trigger in triggers {
        let component = &trigger["trigger_config"]["component"];
        ensure!(
            components.iter().any(|other| &other["id"] == component),
            "{} names the component {component}",
            trigger["id"]
        );
    }
    Ok(locked)
}

/// Where a source of the manifest lies.
fn file(source: &str, built: &Path) -> Result<PathBuf> {
    let below = source
        .strip_prefix("target/")
        .with_context(|| format!("{source} is not below target/"))?;
    Ok(built.join(below))
}

fn locked_component(id: &str, component: &Value, digest: &str) -> Result<Value> {
    let unknown = component
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .find(|member| !UNDERSTOOD.contains(&member.as_str()));
    if let Some(member) = unknown {
        bail!("{id}: the member {member} is not packaged");
    }
    let mut metadata = Map::new();
    for (from, to) in [
        ("description", "description"),
        ("allowed_outbound_hosts", "allowed_outbound_hosts"),
        ("key_value_stores", "key_value_stores"),
        ("sqlite_databases", "databases"),
        ("build", "build"),
    ] {
        if let Some(value) = component.get(from) {
            metadata.insert(to.to_owned(), value.clone());
        }
    }
    let mut locked = json!({
        "id": id,
        "metadata": metadata,
        "source": {"content_type": "application/wasm", "digest": digest},
    });
    if let Some(variables) = component.get("variables") {
        locked["config"] = variables.clone();
    }
    Ok(locked)
}

fn metadata(application: &Value) -> Result<Value> {
    let mut metadata = Map::new();
    for (member, value) in application.as_object().into_iter().flatten() {
        ensure!(
            ["name", "version", "description"].contains(&member.as_str()),
            "application: the member {member} is not packaged"
        );
        metadata.insert(member.clone(), value.clone());
    }
    // Older versions of Spin read the only type of triggers here.
    metadata.insert("trigger".to_owned(), json!({"type": "http"}));
    Ok(Value::Object(metadata))
}

fn variables(manifest: &Value) -> Result<Value> {
    let mut locked = Map::new();
    for (name, variable) in members(manifest, "variables") {
        let mut one = Map::new();
        for (member, value) in variable.as_object().into_iter().flatten() {
            match member.as_str() {
                // Without a default a variable is required.
                "required" => {}
                "default" | "description" | "secret" => {
                    one.insert(member.clone(), value.clone());
                }
                _ => bail!("variable {name}: the member {member} is not packaged"),
            }
        }
        locked.insert(name, Value::Object(one));
    }
    Ok(Value::Object(locked))
}

fn triggers(manifest: &Value) -> Result<Vec<Value>> {
    let kinds = members(manifest, "trigger");
    ensure!(
        kinds.len() == 1 && kinds[0].0 == "http",
        "the application has other triggers than HTTP"
    );
    let mut ids: Vec<String> = Vec::new();
    let mut locked = Vec::new();
    for trigger in kinds[0].1.as_array().context("no list of triggers")? {
        let component = trigger["component"]
            .as_str()
            .context("a trigger has no component")?;
        // The names that Spin chooses.
        let natural = format!("{component}-http-trigger");
        let mut numbered = (1..).map(|number| format!("http-trigger{number}"));
        let id = if ids.contains(&natural) {
            numbered.find(|id| !ids.contains(id))
        } else {
            Some(natural)
        };
        let id = id.context("no name for a trigger")?;
        locked.push(json!({"id": id, "trigger_type": "http", "trigger_config": trigger}));
        ids.push(id);
    }
    Ok(locked)
}

/// Name and value of the members of an object's member, in alphabetical order.
fn members(object: &Value, name: &str) -> Vec<(String, Value)> {
    let members = object[name].as_object().cloned().unwrap_or_default();
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_by(|one, other| one.0.cmp(&other.0));
    members
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "app"
version = "0.3.0"
[variables]
password = { default = "", secret = true }
[[trigger.http]]
route = "/..."
component = "one"
[[trigger.http]]
route = "/more"
component = "one"
[component.one]
source = "target/one.wasm"
key_value_stores = ["default"]
sqlite_databases = ["default"]
[component.one.variables]
password = "{{ password }}"
"#;

    fn packed(manifest: &str, wasm: &[u8]) -> Result<Value> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("spin.toml");
        fs::write(&file, manifest)?;
        fs::write(folder.path().join("one.wasm"), wasm)?;
        let out = folder.path().join("layout");
        layout(&file, folder.path())?.write(&out)?;
        check_layout(&out)
    }

    fn component() -> Vec<u8> {
        [&COMPONENT[..], b"more"].concat()
    }

    #[test]
    fn the_locked_application_is_what_spin_would_lock() {
        let digest = oci_digest(&component());
        let expected = json!({
            "spin_lock_version": 0,
            "metadata": {"name": "app", "version": "0.3.0", "trigger": {"type": "http"}},
            "variables": {"password": {"default": "", "secret": true}},
            "triggers": [
                {"id": "one-http-trigger", "trigger_type": "http",
                 "trigger_config": {"component": "one", "route": "/..."}},
                {"id": "http-trigger1", "trigger_type": "http",
                 "trigger_config": {"component": "one", "route": "/more"}},
            ],
            "components": [{
                "id": "one",
                "metadata": {"key_value_stores": ["default"], "databases": ["default"]},
                "source": {"content_type": "application/wasm", "digest": digest},
                "config": {"password": "{{ password }}"},
            }],
        });
        assert_eq!(packed(MANIFEST, &component()).unwrap(), expected);
    }

    #[test]
    fn what_would_be_lost_or_cannot_run_is_an_error() {
        for (good, bad) in [
            ("[component.one.variables]", "[component.one.environment]"),
            ("[application]", "[application]\nauthors = [\"a\"]"),
            ("secret = true", "secrecy = true"),
            ("[[trigger.http]]", "[[trigger.redis]]"),
            ("component = \"one\"", "component = \"two\""),
            ("target/one.wasm", "elsewhere/one.wasm"),
            ("target/one.wasm", "target/two.wasm"),
        ] {
            assert!(MANIFEST.contains(good));
            let manifest = MANIFEST.replace(good, bad);
            assert!(packed(&manifest, &component()).is_err(), "{good} -> {bad}");
        }
        assert!(
            packed(MANIFEST, b"\0asm\x01\0\0\0").is_err(),
            "a core module"
        );
    }
}
