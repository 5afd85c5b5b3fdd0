//! Changes of a configuration's objects.

use super::*;
use crate::config::model::{KeyLimits, PreviousKey, Settings, StoredSecret, UpstreamKey};
use crate::secret::Secret;
use crate::units::Timestamp;

/// Every text that is secret has it.
const MARK: &str = "MARKED";

fn marked_channel() -> ChannelConfig {
    let mut channel = ChannelConfig::blank(Timestamp(5));
    "ch_1".clone_into(&mut channel.id);
    "One".clone_into(&mut channel.name);
    let key = |id: &str, secret| UpstreamKey {
        id: id.to_owned(),
        secret,
        hint: "nvap…wxyz".to_owned(),
        enabled: true,
    };
    channel.keys = vec![
        key("uk_1", StoredSecret::Clear(Secret::new(MARK.to_owned()))),
        key("uk_2", StoredSecret::Sealed(MARK.to_owned())),
    ];
    let header = |name: &str| (name.to_owned(), format!("Bearer {MARK}"));
    channel.headers = ["authorization", "x-team"].map(header).into();
    let parameter = |(name, value): (&str, Value)| (name.to_owned(), value);
    channel.default_params = [
        ("user", json!(MARK)),
        (
            "extra",
            json!({"nested": [{"deep": MARK}], "api_key": MARK}),
        ),
    ]
    .map(parameter)
    .into();
    channel
}

fn marked_key() -> ClientKey {
    ClientKey {
        id: "ck_1".to_owned(),
        name: "laptop".to_owned(),
        hash: format!("{MARK}-hash"),
        hint: "sk-a…wxyz".to_owned(),
        tags: vec!["team".to_owned()],
        previous: Some(PreviousKey {
            hash: format!("{MARK}-previous"),
            hint: "sk-b…wxyz".to_owned(),
            valid_until: Timestamp(9),
        }),
        enabled: true,
        models: Vec::new(),
        expires_at: Some(Timestamp(7)),
        limits: KeyLimits::default(),
        created_at: Timestamp(5),
    }
}

fn document(channels: &[ChannelConfig], keys: &[ClientKey]) -> Document {
    Document {
        channels: channels.to_vec(),
        keys: keys.to_vec(),
        ..Document::default()
    }
}

fn words(found: &[ObjectChange]) -> Vec<String> {
    let word = |it: &ObjectChange| format!("{} {} {}", it.action.word(), it.kind.word(), it.id);
    found.iter().map(word).collect()
}

#[test]
fn each_object_that_was_created_changed_or_deleted_is_named() {
    let one = marked_channel();
    let mut other = one.clone();
    "ch_2".clone_into(&mut other.id);
    let key = marked_key();
    let before = document(&[one.clone(), other.clone()], std::slice::from_ref(&key));
    assert!(changed(&before, &before).is_empty());

    let mut third = one.clone();
    "ch_3".clone_into(&mut third.id);
    let mut heavier = one.clone();
    heavier.weight = 9;
    // The time of the last change alone is no change.
    other.updated_at = Timestamp(99);
    let mut after = document(&[heavier, other, third], &[]);
    after.settings.max_attempts = 3;
    after.gateway_id = Some("x".to_owned());
    let found = changed(&before, &after);
    assert_eq!(
        words(&found),
        [
            "change channel ch_1",
            "create channel ch_3",
            "delete key ck_1",
            "change settings "
        ]
    );
    assert_eq!(
        found[0].changes.text(),
        json!([{"path": "weight", "before": 1, "after": 9}]).to_string()
    );
    let deleted = found[2].changes.text();
    assert!(deleted.contains("sk-a…wxyz") && deleted.contains("1970-01-01T00:00:00.007Z"));
}

#[test]
fn no_change_holds_a_secret() {
    let empty = document(&[], &[]);
    let full = document(&[marked_channel()], &[marked_key()]);
    // Each secret is replaced by another one.
    let stored = serde_json::to_string(&full).unwrap();
    assert_eq!(stored.matches(MARK).count(), 9);
    let other = stored.replace(MARK, &format!("{MARK}-2"));
    let other: Document = serde_json::from_str(&other).unwrap();
    for (before, after) in [
        (&empty, &full),
        (&full, &empty),
        (&full, &other),
        (&other, &full),
    ] {
        let found = changed(before, after);
        assert!(!found.is_empty());
        for change in found {
            let text = change.changes.text();
            assert!(!text.contains(MARK), "{text}");
        }
    }
    // A changed header is still seen.
    let found = changed(&full, &other);
    assert!(found[0].changes.text().contains("headers.authorization"));
}

#[test]
fn a_key_that_is_added_or_switched_off_is_named_by_its_hint() {
    let mut channel = marked_channel();
    let before = document(&[channel.clone()], &[]);
    channel.keys[0].enabled = false;
    channel.keys.remove(1);
    let found = changed(&before, &document(&[channel], &[]));
    assert_eq!(
        found[0].changes.text(),
        json!([
            {"path": "keys.uk_1.enabled", "before": true, "after": false},
            {"path": "keys.uk_2.enabled", "before": true, "after": null},
            {"path": "keys.uk_2.hint", "before": "nvap…wxyz", "after": null},
        ])
        .to_string()
    );
}

/// A new member of the configuration is hidden until it is listed: this is the reminder.
#[test]
fn it_is_decided_of_each_member_whether_it_is_shown() {
    let mut channel = marked_channel();
    let text = json!({"a": "b"});
    channel.rename_params = serde_json::from_value(text).unwrap();
    channel.tags = vec!["t".to_owned()];
    channel.dialects = Some(Vec::new());
    channel.quirks = Some(crate::upstream::quirks::Quirks::default());
    channel.hedge_after_ms = Some(1);
    let price = json!({"m": {"prompt": 1, "completion": 1}});
    channel.prices = serde_json::from_value(price).unwrap();
    let key = client_key(&marked_key());
    for (object, policy) in [
        (json!(channel), &CHANNEL),
        (key, &CLIENT_KEY),
        (json!(Settings::default()), &SETTINGS),
    ] {
        for name in object.as_object().unwrap().keys() {
            assert!(
                policy.knows(name) || name == "headers",
                "list `{name}` in admin/audit/policy.rs if it holds no secret"
            );
        }
    }
}
