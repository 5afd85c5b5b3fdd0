//! Patterns of models, aliases and the parameters that a channel changes: what is accepted, stored and shown.

use gateway_testkit::fakes::{FakeReply, Recorded};
use serde_json::{Value, json};

use crate::Gateway;

/// A document with one channel that serves `large` and `small` by a pattern, and these aliases.
fn document(aliases: &Value) -> Value {
    json!({"version": 1, "keys": [], "settings": {"aliases": aliases}, "channels": [
        {"id": "ch_1", "name": "one", "base_url": "https://h/v1", "keys": [],
         "models": ["large"], "model_map": {"s*": "their-s*"}}
    ]})
}

#[test]
fn an_alias_has_one_model_or_several_and_is_shown_with_a_list() {
    let gateway = Gateway::new();
    let given = json!({"fast": "small", "smart": ["large", "small"]});
    gateway.call("PUT", "config", &document(&given)).expect(200);
    let export = gateway.get("config").expect(200);
    let shown = json!({"fast": ["small"], "smart": ["large", "small"]});
    assert_eq!(export["settings"]["aliases"], shown);
    gateway.call("PUT", "config", &export).expect(200);
    assert_eq!(gateway.get("config").expect(200), export);
    for (wrong, path, code) in [
        (json!({"a": []}), "settings.aliases.a", "empty_list"),
        (json!({"a": 7}), "settings.aliases.a", "wrong_type"),
        (
            json!({"a": ["b", "b"]}),
            "settings.aliases.a[1]",
            "duplicate",
        ),
        (
            json!({"a-*": "b"}),
            "settings.aliases.a-*",
            "wildcard_forbidden",
        ),
        (json!(["a"]), "settings.aliases", "wrong_type"),
    ] {
        let answer = gateway.call("PUT", "config", &document(&wrong));
        let answer = answer.expect_error(400, "invalid_value");
        let detail = &answer.body["error"]["details"][0];
        assert_eq!(
            (&detail["path"], &detail["code"]),
            (&json!(path), &json!(code))
        );
    }
}

#[test]
fn a_channels_names_and_parameters_are_checked() {
    let gateway = Gateway::new();
    let path = format!(
        "channels/{}",
        gateway.channel(&json!({"rename_params": {"a": "b"}}))
    );
    for (change, place, code) in [
        (
            json!({"model_map": {"a*b*": "c"}}),
            "model_map.a*b*",
            "several_wildcards",
        ),
        (
            json!({"model_map": {"a": "c*"}}),
            "model_map.a",
            "wildcard_without_pattern",
        ),
        (
            json!({"rename_params": {"model": "m"}}),
            "rename_params.model",
            "reserved_parameter",
        ),
        (
            json!({"default_params": {"stream": true}}),
            "default_params.stream",
            "reserved_parameter",
        ),
        // What is stored already counts too.
        (
            json!({"default_params": {"a": 1}}),
            "default_params.a",
            "renamed_parameter",
        ),
        (
            json!({"default_params": {"x": "y".repeat(16 * 1024)}}),
            "default_params",
            "too_large",
        ),
    ] {
        let answer = gateway.call("PATCH", &path, &change);
        let answer = answer.expect_error(400, "invalid_value");
        let detail = &answer.body["error"]["details"][0];
        assert_eq!(
            (&detail["path"], &detail["code"]),
            (&json!(place), &json!(code))
        );
    }
    let change = json!({"rename_params": {}, "default_params": {"a": 1}});
    let changed = gateway.call("PATCH", &path, &change).expect(200);
    assert_eq!(changed["default_params"], json!({"a": 1}));
    assert_eq!(changed.get("rename_params"), None, "absent: none");
}

#[test]
fn a_test_call_has_the_channels_parameters() {
    let gateway = Gateway::new();
    let id = gateway.channel(&json!({
        "models": [], "model_map": {"a-*": "theirs-*", "named": "x"},
        "rename_params": {"max_tokens": "limit"}, "default_params": {"top_k": 40}
    }));
    gateway.ports.upstream().script(|_| {
        FakeReply::json(
            200,
            r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}"#,
        )
    });
    let path = format!("channels/{id}/test");
    let sent = |wish: &Value| -> Value {
        gateway.call("POST", &path, wish).expect(200);
        let calls: Vec<Recorded> = gateway.ports.upstream().requests();
        serde_json::from_slice(&calls.last().unwrap().body).unwrap()
    };
    let body = sent(&json!({"model": "a-1"}));
    assert_eq!(
        (&body["model"], &body["top_k"]),
        (&json!("theirs-1"), &json!(40))
    );
    assert!(body.get("max_tokens").is_none() && body.get("limit").is_some());
    assert_eq!(sent(&json!({}))["model"], "x", "a pattern is no model");
}

#[test]
fn the_dry_run_shows_every_model_of_an_alias() {
    let gateway = Gateway::new();
    let aliases = json!({"smart": ["large", "none", "small"]});
    gateway
        .call("PUT", "config", &document(&aliases))
        .expect(200);
    let answer = gateway.get("route?model=smart").expect(200);
    assert_eq!(answer["models"], json!(["large", "none", "small"]));
    let rows = answer["data"].as_array().unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["model"].as_str().unwrap(),
                row["upstream_model"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(names, [("large", "large"), ("small", "their-small")]);
    assert_eq!(answer["excluded"], json!([]));
    let answer = gateway.get("route?model=large").expect(200);
    assert_eq!(answer["models"], json!(["large"]));
    let answer = gateway.get("route?model=other").expect(200);
    assert_eq!(answer["excluded"][0]["reason"], "model_not_served");
}
