//! Changes of objects, on values.

use serde_json::json;

use super::super::policy::{CHANNEL, SETTINGS};
use super::*;

fn changes(before: &Value, after: &Value, policy: &MemberPolicy) -> Value {
    let changes = between(before, after, policy);
    assert_eq!(changes.omitted, 0);
    serde_json::from_str(&changes.text()).unwrap()
}

#[test]
fn only_members_that_differ_are_named_by_their_paths() {
    let before = json!({"name": "a", "weight": 1, "models": ["m"], "model_map": {"x": "y", "gpt-4.1": "z"}, "id": "ch_1"});
    let after = json!({"name": "a", "weight": 2, "models": ["m", "n"], "model_map": {"gpt-4.1": "w"}, "id": "ch_2"});
    assert_eq!(
        changes(&before, &after, &CHANNEL),
        json!([
            {"path": "model_map[\"gpt-4.1\"]", "before": "z", "after": "w"},
            {"path": "model_map.x", "before": "y", "after": null},
            {"path": "models", "before": ["m"], "after": ["m", "n"]},
            {"path": "weight", "before": 1, "after": 2},
        ])
    );
    assert!(between(&before, &before, &CHANNEL).is_empty());
    // An empty list says the same as none.
    assert!(between(&json!({"tags": []}), &json!({}), &CHANNEL).is_empty());
}

#[test]
fn texts_that_may_be_secret_are_hidden_and_still_seen_to_change() {
    let before =
        json!({"headers": {"x-key": "one", "x-n": "2"}, "unlisted": {"url": "https://x", "n": 1}});
    let after =
        json!({"headers": {"x-key": "two", "x-n": "2"}, "unlisted": {"url": "https://y", "n": 2}});
    assert_eq!(
        changes(&before, &after, &CHANNEL),
        json!([
            {"path": "headers.x-key", "before": HIDDEN, "after": HIDDEN},
            {"path": "unlisted.n", "before": 1, "after": 2},
            {"path": "unlisted.url", "before": HIDDEN, "after": HIDDEN},
        ])
    );
}

#[test]
fn short_words_of_added_parameters_are_shown_and_credentials_are_not() {
    let shown = |value: Value| {
        let after = json!({"default_params": value});
        changes(&Value::Null, &after, &CHANNEL)[0]["after"].clone()
    };
    assert_eq!(shown(json!({"reasoning_effort": "low"})), "low");
    assert_eq!(shown(json!({"temperature": 0.5})), 0.5);
    assert_eq!(shown(json!({"api_key": "low"})), HIDDEN);
    assert_eq!(shown(json!({"user": "Somebody"})), HIDDEN);
    assert_eq!(shown(json!({"user": "a-rather-long-word-here"})), HIDDEN);
    assert_eq!(
        shown(json!({"list": ["low", {"token": "low"}, "sk-12345"]})),
        json!(["low", {"token": HIDDEN}, HIDDEN])
    );
}

#[test]
fn of_long_lists_only_what_differs_is_shown() {
    let models = |range: std::ops::Range<u32>| -> Value {
        json!({"models": range.map(|it| format!("m{it}")).collect::<Vec<_>>()})
    };
    assert_eq!(
        changes(&models(0..1000), &models(1..1001), &CHANNEL),
        json!([{"path": "models", "before": ["m0"], "after": ["m1000"], "partial": true}])
    );
}

#[test]
fn values_and_entries_are_bounded() {
    let long = "é".repeat(MAX_VALUE_BYTES);
    let found = changes(&Value::Null, &json!({ "name": long }), &CHANNEL);
    let shown = found[0]["after"].as_str().unwrap();
    assert_eq!(shown.len(), MAX_VALUE_BYTES + '…'.len_utf8());
    assert!(shown.ends_with("é…"));

    let prices = |price: u64| -> Value {
        let prices: Map<String, Value> = (0..2000)
            .map(|it| (format!("model-{it:04}"), json!({ "prompt": price })))
            .collect();
        json!({ "prices": prices })
    };
    let found = between(&prices(1), &prices(2), &SETTINGS);
    let listed: Vec<Value> = serde_json::from_str(&found.text()).unwrap();
    assert_eq!(listed.len() as u64 + found.omitted, 2000);
    assert!(found.text().len() <= MAX_CHANGES_BYTES + 2);
    assert!(listed.len() > 100, "{}", listed.len());
}
