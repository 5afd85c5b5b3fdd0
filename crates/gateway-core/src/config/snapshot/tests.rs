//! Which channel serves what, and what is left out.

use std::collections::BTreeMap;

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
            &*channel.upstream_model("gpt-4o"),
            &*channel.upstream_model("x")
        ),
        ("x", "x")
    );
    let models: Vec<&str> = snapshot.models().iter().map(|model| model.id).collect();
    assert_eq!(models, ["a/b", "gpt-4o", "x"]);
}

#[test]
fn a_pattern_serves_what_it_matches_and_is_no_model() {
    let map = |pairs: &[(&str, &str)]| {
        let owned = |(name, upstream): &(&str, &str)| ((*name).to_owned(), (*upstream).to_owned());
        pairs.iter().map(owned).collect::<BTreeMap<_, _>>()
    };
    let mut patterns = channel("patterns");
    patterns.models = vec!["x".to_owned()];
    patterns.model_map = map(&[("claude-*", "x"), ("own/*", "*"), ("exact", "x")]);
    let mut open = channel("open");
    open.model_map = map(&[("claude-*", "y")]);
    let mut azure = channel("azure");
    azure.provider = Provider::Azure;
    azure.model_map = map(&[("gpt-*", "prod-model")]);
    azure.azure = Some(Azure {
        api_version: None,
        deployments: BTreeMap::from([("prod-model".to_owned(), "prod".to_owned())]),
    });
    let snapshot = build(vec![patterns, open, azure]);
    assert_eq!(names(&snapshot, "claude-1"), ["patterns", "open"]);
    assert_eq!(names(&snapshot, "x"), ["patterns", "open"]);
    assert_eq!(names(&snapshot, "gpt-5"), ["azure", "open"]);
    assert_eq!(names(&snapshot, "other"), ["open"]);
    assert_eq!(names(&snapshot, ""), ["open"]);
    let upstream = |index: usize, model: &'static str| {
        let channel = snapshot.channel(index).unwrap();
        channel.upstream_model(model).into_owned()
    };
    assert_eq!(upstream(0, "own/a"), "a");
    assert_eq!(upstream(1, "claude-1"), "y");
    assert_eq!(upstream(2, "gpt-5"), "prod");
    let models: Vec<&str> = snapshot.models().iter().map(|model| model.id).collect();
    assert_eq!(models, ["exact", "prod-model", "x"]);
    assert_eq!(snapshot.listed("own/a").unwrap().owner, "patterns");
    assert!(!snapshot.names("claude-1") && !snapshot.names("claude-*"));
}

#[test]
fn an_alias_is_listed_where_one_of_its_models_is_served() {
    let mut listed = channel("listed");
    listed.models = vec!["a".to_owned(), "b".to_owned()];
    let mut off = channel("off");
    off.models = vec!["c".to_owned()];
    off.enabled = false;
    let alias = |name: &str, models: &[&str]| {
        let models = models.iter().map(|model| (*model).to_owned()).collect();
        (name.to_owned(), models)
    };
    let mut document = Document {
        channels: vec![listed, off],
        ..Document::default()
    };
    document.settings.aliases = BTreeMap::from([
        alias("a", &["c", "b"]),
        alias("fast", &["none", "a"]),
        alias("gone", &["c", "fast"]),
    ]);
    let snapshot = Snapshot::build(document, None, || 7);
    let models: Vec<&str> = snapshot.models().iter().map(|model| model.id).collect();
    assert_eq!(models, ["a", "b", "fast"], "an alias of an alias is none");
    assert_eq!(snapshot.chain(&"a".to_owned()), ["c", "b"]);
    assert_eq!(snapshot.chain(&"b".to_owned()), ["b"]);
    assert!(snapshot.names("gone") && snapshot.listed("gone").is_none());
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
