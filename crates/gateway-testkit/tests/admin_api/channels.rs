//! Channels: what may be said of them, what is kept, what is shown.

use serde_json::{Value, json};

use crate::{Gateway, UPSTREAM_KEY};

#[test]
fn a_channel_has_the_defaults_and_the_shape_of_the_contract() {
    let gateway = Gateway::new();
    let body = json!({"name": " NVIDIA NIM ", "base_url": "https://up.example/v1/", "keys": [UPSTREAM_KEY]});
    let channel = gateway.call("POST", "channels", &body).expect(201);
    let (id, key_id) = (
        channel["id"].as_str().unwrap(),
        channel["keys"][0]["id"].as_str().unwrap(),
    );
    assert!(id.starts_with("ch_") && key_id.starts_with("uk_"));
    let expected = json!({
        "id": id, "name": "NVIDIA NIM", "enabled": true, "provider": "openai", "base_url": "https://up.example/v1",
        "keys": [{"id": key_id, "hint": "nvap…wxyz", "enabled": true, "status": "ok", "until": null}],
        "models": [], "model_map": {}, "priority": 0, "weight": 1, "headers": {}, "drop_params": [],
        "stream_usage": true, "connect_timeout_ms": 5000, "first_byte_timeout_ms": 60000, "idle_timeout_ms": 60000,
        "azure": null, "created_at": "2026-11-22T00:00:00.000Z", "updated_at": "2026-11-22T00:00:00.000Z"
    });
    assert_eq!(channel, expected);
    assert_eq!(gateway.get(&format!("channels/{id}")).expect(200), expected);
    let mut listed = gateway.get("channels").expect(200);
    let revision = listed["data"][0]
        .as_object_mut()
        .unwrap()
        .remove("revision");
    assert!(revision.is_some_and(|revision| revision.is_string()));
    assert_eq!(listed, json!({ "data": [expected] }));
}

#[test]
fn every_member_can_be_given_and_comes_back() {
    let gateway = Gateway::new();
    let body = json!({
        "name": "Ünïcode <b>", "enabled": false, "provider": "azure", "base_url": "https://res.openai.azure.com/openai/v1/",
        "keys": [], "models": ["meta/llama"], "model_map": {"gpt-4o": "meta/llama", "claude-*": "anthropic/*"}, "priority": 1000, "weight": 0,
        "headers": {"X-Team": "blue"}, "drop_params": ["logit_bias"], "rename_params": {"max_tokens": "max_completion_tokens"},
        "default_params": {"temperature": 0.5, "x": {"y": [null, true, "z"]}}, "stream_usage": false,
        "quirks": {"preset": "vllm", "thinking": "none", "max_tokens_param": "max_completion_tokens",
            "late_system": true, "max_stop_sequences": 2},
        "connect_timeout_ms": 1, "first_byte_timeout_ms": 3_600_000, "idle_timeout_ms": 2,
        "azure": {"api_version": "2024-10-21", "deployments": {"gpt-4o": "prod"}}
    });
    let channel = gateway.call("POST", "channels", &body).expect(201);
    for (name, value) in body.as_object().unwrap() {
        match name.as_str() {
            "base_url" => assert_eq!(channel[name], "https://res.openai.azure.com"),
            "headers" => assert_eq!(channel[name], json!({"x-team": "blue"})),
            _ => assert_eq!(&channel[name], value, "{name}"),
        }
    }
}

#[test]
fn quirks_are_checked_member_by_member_and_null_is_none() {
    let gateway = Gateway::new();
    let path = format!("channels/{}", gateway.channel(&json!({})));
    let bad = json!({"quirks": {"thinking": "much", "late_system": 1, "max_stop_sequences": 1_001, "colour": 1}});
    let text = gateway.call("PATCH", &path, &bad).expect(400).to_string();
    for member in ["thinking", "late_system", "max_stop_sequences", "colour"] {
        assert!(
            text.contains(&format!("quirks.{member}")),
            "{member} in {text}"
        );
    }
    let some = json!({"quirks": {"top_k": true, "seed": null}});
    let channel = gateway.call("PATCH", &path, &some).expect(200);
    assert_eq!(channel["quirks"], json!({"top_k": true}));
    let none = gateway
        .call("PATCH", &path, &json!({"quirks": null}))
        .expect(200);
    assert_eq!(none.get("quirks"), None);
}

#[test]
fn a_channel_can_be_sent_back_as_it_was_read() {
    let gateway = Gateway::new();
    let path = format!(
        "channels/{}",
        gateway.channel(&json!({"models": ["a"], "weight": 7}))
    );
    let before = gateway.get(&path).expect(200);
    gateway.ports.advance_ms(1500);
    let after = gateway.call("PATCH", &path, &before).expect(200);
    let mut expected = before.clone();
    expected["updated_at"] = json!("2026-11-22T00:00:01.500Z");
    assert_eq!(after, expected);
    let copy = gateway.call(
        "POST",
        "channels",
        &json!({"name": "x", "base_url": "http://h", "keys": [], "id": "ch_mine"}),
    );
    assert_ne!(copy.expect(201)["id"], "ch_mine");
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    let gateway = Gateway::new();
    let path = format!(
        "channels/{}",
        gateway.channel(&json!({"models": ["a"], "model_map": {"x": "y"}}))
    );
    for (name, value) in [
        ("name", json!("other")),
        ("enabled", json!(false)),
        ("base_url", json!("http://127.0.0.1:11434/v1")),
        ("models", json!([])),
        ("model_map", json!({})),
        ("priority", json!(3)),
        ("weight", json!(0)),
        ("headers", json!({"x-a": "b"})),
        ("drop_params", json!(["user"])),
        ("stream_usage", json!(false)),
        ("connect_timeout_ms", json!(7)),
        ("first_byte_timeout_ms", json!(8)),
        ("idle_timeout_ms", json!(9)),
    ] {
        let mut expected = gateway.get(&path).expect(200);
        let mut after = gateway
            .call("PATCH", &path, &json!({ name: value }))
            .expect(200);
        expected[name] = value;
        assert_ne!(
            after["updated_at"], expected["updated_at"],
            "a change shows, even within one millisecond"
        );
        expected["updated_at"] = after["updated_at"].take();
        after["updated_at"] = expected["updated_at"].clone();
        assert_eq!(after, expected, "{name}");
    }
}

#[test]
fn keys_are_kept_added_disabled_and_removed() {
    let gateway = Gateway::new();
    let path = format!(
        "channels/{}",
        gateway.channel(&json!({"keys": ["key-number-one-of-three", "two", "three"]}))
    );
    let ids = |channel: &Value| -> Vec<String> {
        let keys = channel["keys"].as_array().unwrap();
        keys.iter()
            .map(|key| key["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = ids(&gateway.get(&path).expect(200));
    let body = json!({"keys": [{"id": before[2], "enabled": false}, "four", {"id": before[0]}]});
    let channel = gateway.call("PATCH", &path, &body).expect(200);
    let after = ids(&channel);
    assert_eq!((&after[0], &after[2]), (&before[2], &before[0]));
    assert!(!before.contains(&after[1]));
    assert_eq!(
        [
            &channel["keys"][0]["enabled"],
            &channel["keys"][1]["enabled"]
        ],
        [&json!(false), &json!(true)]
    );
    assert_eq!(channel["keys"][2]["hint"], "key-…hree");
    // Left alone, a disabled key stays disabled; a removed one may be added anew.
    let channel = gateway
        .call("PATCH", &path, &json!({"keys": [{"id": after[0]}, "two"]}))
        .expect(200);
    assert_eq!(channel["keys"][0]["enabled"], false);
    assert_eq!(channel["keys"].as_array().unwrap().len(), 2);
    for (keys, param) in [
        (json!(["three", {"id": after[0]}]), "keys[0]"),
        (json!([{"id": before[1]}]), "keys[0].id"),
        (json!([{"id": "uk_unknown"}]), "keys[0].id"),
        (json!([{"id": after[0]}, {"id": after[0]}]), "keys[1]"),
    ] {
        let answer = gateway
            .call("PATCH", &path, &json!({ "keys": keys }))
            .expect_error(400, "invalid_value");
        assert_eq!(answer.body["error"]["param"], param, "{}", answer.message());
    }
    let foreign = gateway.channel(&json!({}));
    let body = json!({"keys": [{"id": after[0]}]});
    gateway
        .call("PATCH", &format!("channels/{foreign}"), &body)
        .expect_error(400, "invalid_value");
}

#[test]
fn all_errors_are_reported_together_and_nothing_is_stored() {
    let gateway = Gateway::new();
    let body = json!({"nmae": "x", "base_url": "ftp://x", "weight": 1001, "keys": ["ok", 5], "azure": {"x": 1}});
    let answer = gateway
        .call("POST", "channels", &body)
        .expect_error(400, "invalid_value");
    for path in [
        "`nmae`",
        "`name` is required",
        "`base_url`",
        "`weight`",
        "`keys[1]`",
        "`azure.x`",
    ] {
        assert!(
            answer.message().contains(path),
            "{path} in {}",
            answer.message()
        );
    }
    assert_eq!(answer.body["error"]["param"], "azure.x");
    let answer = gateway
        .call("POST", "channels", &json!({}))
        .expect_error(400, "invalid_value");
    assert_eq!(answer.body["error"]["param"], "name");
    assert_eq!(gateway.get("channels").expect(200), json!({"data": []}));
    let path = format!("channels/{}", gateway.channel(&json!({})));
    let before = gateway.get(&path).expect(200);
    gateway
        .call("PATCH", &path, &json!({"name": "new", "weight": -1}))
        .expect_error(400, "invalid_value");
    assert_eq!(gateway.get(&path).expect(200), before);
}

#[test]
fn azure_and_its_object_belong_together() {
    let gateway = Gateway::new();
    let azure = json!({"api_version": null, "deployments": {}});
    let base = json!({"name": "x", "base_url": "https://h", "keys": []});
    for (provider, azure, message) in [
        (json!("azure"), Value::Null, "`azure` is required"),
        (json!("openai"), azure.clone(), "`azure` must be null"),
        (
            json!("gemini"),
            Value::Null,
            "must be \"openai\", \"azure\" or \"anthropic\"",
        ),
        (
            Value::Null,
            Value::Null,
            "must be \"openai\", \"azure\" or \"anthropic\"",
        ),
    ] {
        let mut body = base.clone();
        (body["provider"], body["azure"]) = (provider, azure);
        let answer = gateway
            .call("POST", "channels", &body)
            .expect_error(400, "invalid_value");
        assert!(answer.message().contains(message), "{}", answer.message());
    }
    let path = format!(
        "channels/{}",
        gateway.channel(&json!({"base_url": "https://h/openai"}))
    );
    assert_eq!(
        gateway.get(&path).expect(200)["base_url"],
        "https://h/openai"
    );
    gateway
        .call("PATCH", &path, &json!({"provider": "azure"}))
        .expect_error(400, "invalid_value");
    let channel = gateway
        .call(
            "PATCH",
            &path,
            &json!({"provider": "azure", "azure": azure}),
        )
        .expect(200);
    assert_eq!(
        (&channel["base_url"], &channel["azure"]),
        (&json!("https://h"), &azure)
    );
    gateway
        .call("PATCH", &path, &json!({"provider": "openai"}))
        .expect_error(400, "invalid_value");
    let channel = gateway
        .call(
            "PATCH",
            &path,
            &json!({"provider": "openai", "azure": null}),
        )
        .expect(200);
    assert_eq!(channel["azure"], Value::Null);
}

#[test]
fn deleted_and_unknown_channels_are_not_found() {
    let gateway = Gateway::new();
    let (kept, gone) = (
        gateway.channel(&json!({"name": "kept"})),
        gateway.channel(&json!({})),
    );
    let path = format!("channels/{gone}");
    let answer = gateway.call("DELETE", &path, &Value::Null);
    assert_eq!((answer.status.as_u16(), &answer.body), (204, &Value::Null));
    for method in ["GET", "PATCH", "DELETE"] {
        gateway
            .call(method, &path, &json!({}))
            .expect_error(404, "not_found");
    }
    let list = gateway.get("channels").expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["data"][0]["id"], json!(kept));
}
