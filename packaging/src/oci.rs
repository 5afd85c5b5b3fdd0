//! An OCI image layout: blobs by their digests, one image, one tag. Owns the files' form and their check; must not know
//! what is in a layer.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::archive::{Archive, Mode, read};
use crate::digest::oci_digest;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const TAG: &str = "org.opencontainers.image.ref.name";

/// A layer of an image.
#[derive(Debug)]
pub struct Layer {
    /// What it is.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An image as the files of its layout.
#[derive(Debug)]
pub struct Layout {
    files: BTreeMap<String, Vec<u8>>,
}

impl Layout {
    /// An image of these layers and this configuration.
    pub fn of(
        layers: &[Layer],
        config: &Value,
        annotations: &BTreeMap<&str, &str>,
        tag: &str,
    ) -> Result<Self> {
        let mut layout = Self {
            files: BTreeMap::new(),
        };
        let config = layout.blob(CONFIG, serde_json::to_vec(config)?);
        let layers: Vec<Value> = layers
            .iter()
            .map(|layer| layout.blob(layer.media_type, layer.bytes.clone()))
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": layers,
            "annotations": annotations,
        });
        let mut manifest = layout.blob(MANIFEST, serde_json::to_vec(&manifest)?);
        manifest["annotations"] = json!({TAG: tag});
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
        layout
            .files
            .insert("index.json".to_owned(), serde_json::to_vec(&index)?);
        let version = json!({"imageLayoutVersion": "1.0.0"});
        layout
            .files
            .insert("oci-layout".to_owned(), serde_json::to_vec(&version)?);
        Ok(layout)
    }

    /// Adds a blob and describes it.
    fn blob(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = oci_digest(&bytes);
        let size = bytes.len();
        self.files
            .insert(format!("blobs/{}", digest.replace(':', "/")), bytes);
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }

    /// Writes the layout as a folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for (path, bytes) in &self.files {
            let file = folder.join(path);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    /// The layout as one file.
    pub fn tar(&self) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        for (path, bytes) in &self.files {
            archive.add(path.clone(), bytes.clone(), Mode::Plain);
        }
        archive.tar()
    }
}

/// Checks a layout on the disk: every blob that is named is there, with its size and digest, and no other.
///
/// Returns the manifest.
pub fn check(folder: &Path) -> Result<Value> {
    let version: Value = serde_json::from_slice(&read(&folder.join("oci-layout"))?)?;
    ensure!(
        version["imageLayoutVersion"] == "1.0.0",
        "the layout's version is {version}"
    );
    let index: Value = serde_json::from_slice(&read(&folder.join("index.json"))?)?;
    let manifests = index["manifests"].as_array().map_or(0, Vec::len);
    ensure!(manifests == 1, "the index has {manifests} manifests");
    let entry = &index["manifests"][0];
    ensure!(
        entry["mediaType"] == MANIFEST && entry["annotations"][TAG].is_string(),
        "the index's entry is {entry}"
    );
    let manifest: Value = serde_json::from_slice(&blob(folder, entry)?)?;
    ensure!(
        manifest["mediaType"] == MANIFEST && manifest["config"]["mediaType"] == CONFIG,
        "the manifest's types are others"
    );
    let mut named = 2;
    blob(folder, &manifest["config"])?;
    let layers = manifest["layers"].as_array();
    for layer in layers.context("the manifest has no layers")? {
        blob(folder, layer)?;
        named += 1;
    }
    let present = fs::read_dir(folder.join("blobs/sha256"))?.count();
    ensure!(
        present == named,
        "{present} blobs are there, {named} are named"
    );
    Ok(manifest)
}

/// The bytes of the blob that a descriptor describes.
pub fn blob(folder: &Path, descriptor: &Value) -> Result<Vec<u8>> {
    let digest = descriptor["digest"]
        .as_str()
        .context("a descriptor has no digest")?;
    let bytes = read(&folder.join("blobs").join(digest.replace(':', "/")))?;
    ensure!(
        descriptor["size"].as_u64() == u64::try_from(bytes.len()).ok(),
        "{digest} has another size"
    );
    ensure!(oci_digest(&bytes) == digest, "{digest} has another content");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Layout {
        let layers = [("a", "one"), ("b", "two")].map(|(media_type, text)| Layer {
            media_type,
            bytes: text.into(),
        });
        Layout::of(&layers, &json!({}), &BTreeMap::new(), "1.0").unwrap()
    }

    #[test]
    fn a_layout_passes_its_own_check_and_every_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        sample().write(folder.path()).unwrap();
        let manifest = check(folder.path()).unwrap();
        assert_eq!(manifest["layers"][1]["mediaType"], "b");
        assert_eq!(blob(folder.path(), &manifest["layers"][1]).unwrap(), b"two");

        let digest = oci_digest(b"two").replace(':', "/");
        let file = folder.path().join("blobs").join(digest);
        for damaged in ["twO", "twoo"] {
            fs::write(&file, damaged).unwrap();
            assert!(check(folder.path()).is_err(), "{damaged}");
        }
        fs::remove_file(&file).unwrap();
        assert!(check(folder.path()).is_err());
        fs::write(&file, "two").unwrap();
        check(folder.path()).unwrap();
        fs::write(file.with_file_name("surplus"), "").unwrap();
        assert!(check(folder.path()).is_err());
    }

    #[test]
    fn the_same_layers_are_the_same_bytes() {
        assert_eq!(sample().tar().unwrap(), sample().tar().unwrap());
    }
}
