//! Which channel serves what, and what is left out.

use super::*;
use crate::config::model::{StoredSecret, UpstreamKey};
use crate::secret::Secret;
use crate::units::Timestamp;
use crate::upstream::provider::Azure;
use crate::upstream::provider::Provider;

/// A channel with two keys that serves every model.
pub fn channel(name: &str) -> model::ChannelConfig {
    let key = |number: u8| UpstreamKey {
        id: format!("uk_{name}{number}"),
        secret: StoredSecret::Clear(Secret::new(format!("secret-{name}-{number}"))),
        hint: "…".to_owned(),
        enabled: true,
    };
    model::ChannelConfig {
        id: format!("ch_{name}"),
        name: name.to_owned(),
        base_url: "https://up.example/v1".to_owned(),
        keys: vec![key(1), key(2)],
        ..model::ChannelConfig::blank(Timestamp(1_700_000_000_000))
    }
}

fn build(channels: Vec<model::ChannelConfig>) -> Snapshot {
    Snapshot::build(
        Document {
            channels,
            ..Document::default()
        },
        None,
        || 7,
    )
}

fn names(snapshot: &Snapshot, model: &str) -> Vec<String> {
    snapshot
        .serving(model)
        .map(|index| snapshot.channels[index].name.clone())
        .collect()
}

#[test]
fn lists_maps_and_deployments_serve_and_an_empty_list_serves_all() {
    let mut listed = channel("listed");
    listed.models = vec!["a/b".to_owned()];
    let mut mapped = channel("mapped");
    mapped.models = vec!["x".to_owned()];
    mapped.model_map = BTreeMap::from([("gpt-4o".to_owned(), "x".to_owned())]);
    let mut azure = channel("azure");
    azure.provider = Provider::Azure;
    azure.azure = Some(Azure {
        api_version: None,
        deployments: BTreeMap::from([("gpt-4o".to_owned(), "prod".to_owned())]),
    });
    let snapshot = build(vec![listed, mapped, azure, channel("all")]);
    assert_eq!(names(&snapshot, "a/b"), ["listed", "all"]);
    assert_eq!(names(&snapshot, "gpt-4o"), ["mapped", "azure", "all"]);
    assert_eq!(names(&snapshot, "unheard-of"), ["all"]);
    let channel = snapshot.channel(1).unwrap();
    assert_eq!(
        (
            channel.upstream_model("gpt-4o"),
            channel.upstream_model("x")
        ),
        ("x", "x")
    );
    let models: Vec<&str> = snapshot.models().iter().map(|model| model.id).collect();
    assert_eq!(models, ["a/b", "gpt-4o", "x"]);
}

#[test]
fn disabled_channels_and_keys_take_no_requests() {
    let mut off = channel("off");
    off.enabled = false;
    off.models = vec!["m".to_owned()];
    let mut keyless = channel("keyless");
    keyless.keys.clear();
    let mut all_off = channel("all-off");
    all_off.keys.iter_mut().for_each(|key| key.enabled = false);
    let snapshot = build(vec![off, keyless, all_off]);
    let enabled: Vec<bool> = snapshot
        .channels
        .iter()
        .map(|channel| channel.enabled)
        .collect();
    assert_eq!(enabled, [false, true, false]);
    assert!(snapshot.channel(1).unwrap().keys[0].credential.is_none());
    assert_eq!(
        snapshot.models()[0].owner,
        "keyless",
        "the first that can take it"
    );
}

#[test]
fn a_key_that_cannot_be_opened_is_named_and_left_out() {
    let mut sealed = channel("sealed");
    sealed.keys[0].secret = StoredSecret::Sealed("v1.nonsense".to_owned());
    let snapshot = build(vec![sealed]);
    assert_eq!(snapshot.channel(0).unwrap().keys.len(), 1);
    assert!(
        snapshot.problems()[0].to_string().contains("uk_sealed1"),
        "{:?}",
        snapshot.problems()
    );
}

#[test]
fn rotation_walks_on_and_names_fit_into_headers() {
    let snapshot = build(vec![channel("Zürich\n1")]);
    let channel = snapshot.channel(0).unwrap();
    assert_eq!(channel.next_rotation() + 1, channel.next_rotation());
    assert_eq!(channel.name_header, "Z%C3%BCrich%0A1");
}
