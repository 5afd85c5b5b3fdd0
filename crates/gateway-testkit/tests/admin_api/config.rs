//! The whole configuration: what an export contains, and what an import accepts, rejects and leaves unchanged.

use gateway_core::admin::AdminSettings;
use gateway_core::config::seal::{MasterKeyError, SealError};
use gateway_core::ports::StoreKey;
use serde_json::{Value, json};

use crate::{Gateway, PASSWORD, UPSTREAM_KEY, request, settings, with_master_key};

/// A gateway with two channels and two client keys.
fn furnished(settings: AdminSettings) -> Gateway {
    let gateway = Gateway::with(settings);
    gateway.channel(&json!({
        "models": ["a"], "model_map": {"x": "y"}, "priority": 3, "weight": 0, "headers": {"x-team": "blue"},
        "drop_params": ["user"], "rename_params": {"a": "b"}, "default_params": {"c": [1.5, null]}, "prices": {"a": {"prompt": 1, "cached": null, "completion": 2}}, "stream_usage": false, "hedge_after_ms": 900, "enabled": false,
        "keys": [UPSTREAM_KEY, "sk-second-SECRET-of-this-channel"]
    }));
    gateway.ports.advance_ms(1234);
    gateway.channel(&json!({
        "name": "Azure", "provider": "azure", "base_url": "https://res.openai.azure.com", "keys": ["short"],
        "azure": {"api_version": "2024-10-21", "deployments": {"gpt-4o": "prod"}}
    }));
    for body in [
        json!({"name": "laptop", "models": ["a"], "expires_at": "2030-01-31T00:00:00Z"}),
        json!({"name": "phone", "enabled": false, "limits": {"tokens_per_day": 5, "monthly_budget_micro_usd": 7}}),
    ] {
        gateway.call("POST", "keys", &body).expect(201);
    }
    gateway
}

/// A document with one channel, whose members are changed by `members`.
fn document(members: &Value) -> Value {
    let mut channel = json!({"id": "ch_1", "name": "one", "base_url": "https://h/v1", "keys": []});
    for (name, value) in members.as_object().unwrap() {
        channel[name] = value.clone();
    }
    json!({"version": 1, "channels": [channel], "keys": []})
}

#[test]
fn an_export_has_everything_but_secrets() {
    let gateway = furnished(settings(PASSWORD));
    let export = gateway.get("config").expect(200);
    let channel = &export["channels"][0];
    let shown = gateway.get("channels").expect(200);
    for (name, value) in shown["data"][0].as_object().unwrap() {
        match name.as_str() {
            "keys" => {
                let key = channel["keys"][0].as_object().unwrap();
                let names: Vec<&str> = key.keys().map(String::as_str).collect();
                assert_eq!(names, ["enabled", "hint", "id"]);
                assert_eq!(key["id"], value[0]["id"]);
            }
            // An export has one for all, its `ETag`.
            "revision" => assert_eq!(channel[name], Value::Null),
            _ => assert_eq!(&channel[name], value, "{name}"),
        }
    }
    let key = &export["keys"][0];
    assert_eq!(key["hash"].as_str().map(str::len), Some(64));
    assert_eq!(key["expires_at"], "2030-01-31T00:00:00.000Z");
    assert_eq!(
        export["settings"],
        json!({"max_attempts": 10, "member_login": false, "total_timeout_ms": 120_000, "max_request_bytes": 33_554_432,
            "balance": "weight", "balance_by_priority": {}, "session_affinity": true, "session_headers": [], "ledger": true, "log_error_details": true, "request_log_rows": 100_000, "request_log_days": 30,
            "response_record_days": 30, "usage_days": 0, "audit_days": 400, "responses_store": false,
            "prices": {}, "default_models": {}, "aliases": {}, "trusted_proxies": []})
    );
    assert_eq!(export["version"], 1);
    let text = export.to_string();
    assert!(!text.contains("MIDDLE-OF-THE-SECRET") && !text.contains("second-SECRET"));
    assert_eq!(gateway.get("config?secrets=false").expect(200), export);

    let whole = gateway.get("config?secrets=true").expect(200);
    assert_eq!(whole["channels"][0]["keys"][0]["key"], UPSTREAM_KEY);
    assert_eq!(whole["channels"][1]["keys"][0]["key"], "short");
    assert!(!gateway.ports.log_lines().join("\n").contains("SECRET"));
}

#[test]
fn default_models_are_imported_exported_and_checked() {
    let gateway = Gateway::new();
    let with = |models: &Value| {
        let mut whole = document(&json!({}));
        whole["settings"] = json!({"default_models": models});
        whole
    };
    let models = json!({"moderations": "omni", "images/generations": "vendor/paint"});
    gateway.call("PUT", "config", &with(&models)).expect(200);
    let export = gateway.get("config").expect(200);
    assert_eq!(export["settings"]["default_models"], models);
    for (wrong, param) in [
        (
            json!({"moderation": "omni"}),
            "settings.default_models.moderation",
        ),
        (
            json!({"moderations": 7}),
            "settings.default_models.moderations",
        ),
        (json!(["moderations"]), "settings.default_models"),
    ] {
        let answer = gateway.call("PUT", "config", &with(&wrong));
        let answer = answer.expect_error(400, "invalid_value");
        assert!(answer.message().contains(param), "{}", answer.message());
    }
}

#[test]
fn query_parameters_are_exact() {
    let gateway = Gateway::new();
    for query in [
        "secrets=1",
        "secrets",
        "secret=true",
        "secrets=true&secrets=true",
        "a%00=1",
    ] {
        let answer = gateway
            .get(&format!("config?{query}"))
            .expect_error(400, "invalid_value");
        assert!(
            answer.message().contains("parameter"),
            "{}",
            answer.message()
        );
    }
}

#[test]
fn what_is_exported_can_be_imported_elsewhere_and_is_the_same_again() {
    for (from, to) in [
        (settings(PASSWORD), settings(PASSWORD)),
        (settings(PASSWORD), with_master_key('A')),
        (with_master_key('A'), with_master_key('E')),
        (with_master_key('A'), settings(PASSWORD)),
    ] {
        let (one, other) = (furnished(from), Gateway::with(to));
        other.ports.advance_ms(1_000_000);
        let whole = one.get("config?secrets=true").expect(200);
        let answer = other.call("PUT", "config", &whole).expect(200);
        assert_eq!(answer, one.get("config").expect(200));
        assert_eq!(other.get("config?secrets=true").expect(200), whole);
        assert_eq!(
            other.get("channels").expect(200),
            one.get("channels").expect(200)
        );
        assert_eq!(other.get("keys").expect(200), one.get("keys").expect(200));
        let is_sealed = other.settings.master_key.is_some();
        assert_ne!(
            other.ports.store().dump().contains("MIDDLE-OF-THE-SECRET"),
            is_sealed
        );
        assert!(!other.ports.log_lines().join("\n").contains("SECRET"));
    }
}

#[test]
fn keys_without_their_secret_keep_the_one_that_is_here() {
    let gateway = furnished(with_master_key('A'));
    let whole = gateway.get("config?secrets=true").expect(200);
    let mut export = gateway.get("config").expect(200);
    let channels = || {
        let stored = gateway.ports.store().get(StoreKey::Config).unwrap();
        serde_json::from_slice::<Value>(&stored).unwrap()["channels"].clone()
    };
    let stored = channels();
    gateway.call("PUT", "config", &export).expect(200);
    assert_eq!(channels(), stored, "nothing was sealed anew");

    // Changed as a person would do it: one key is switched off, one is new, one is gone.
    let keys = export["channels"][0]["keys"].as_array_mut().unwrap();
    keys[0]["enabled"] = json!(false);
    keys[1] = json!("a-brand-new-SECRET-key");
    export["channels"].as_array_mut().unwrap().remove(1);
    gateway.call("PUT", "config", &export).expect(200);
    let after = gateway.get("config?secrets=true").expect(200);
    let keys = &after["channels"][0]["keys"];
    assert_eq!(keys[0]["key"], UPSTREAM_KEY);
    assert_eq!(
        (&keys[0]["enabled"], &keys[1]["enabled"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(keys[1]["key"], "a-brand-new-SECRET-key");
    assert_eq!(after["channels"].as_array().unwrap().len(), 1);

    // The same key as a plain text is the same key.
    let mut again = after.clone();
    again["channels"][0]["keys"][1] = json!("a-brand-new-SECRET-key");
    gateway.call("PUT", "config", &again).expect(200);
    assert_eq!(gateway.get("config?secrets=true").expect(200), after);

    // A whole key under a known id replaces the one that is there.
    again["channels"][0]["keys"] = json!([{"id": keys[0]["id"], "key": "rotated-SECRET-0123456"}]);
    let answer = gateway.call("PUT", "config", &again).expect(200);
    assert_eq!(
        answer["channels"][0]["keys"],
        json!([{"id": keys[0]["id"], "hint": "rota…3456", "enabled": true}])
    );

    // Elsewhere, or in another channel, the id alone says nothing.
    let export = json!({"version": 1, "keys": [], "channels": [whole["channels"][1], {
        "id": "ch_other", "name": "x", "base_url": "https://h", "keys": ["fresh", {"id": keys[0]["id"]}]
    }]});
    let answer = gateway
        .call("PUT", "config", &export)
        .expect_error(400, "invalid_value");
    assert_eq!(answer.body["error"]["param"], "channels[1].keys[1]");
    assert!(
        answer.message().contains("secrets=true"),
        "{}",
        answer.message()
    );
    let mut lost = gateway.get("config").expect(200);
    lost["channels"][0]["keys"][0]["id"] = json!("uk_unknown");
    let answer = Gateway::new()
        .call("PUT", "config", &lost)
        .expect_error(400, "invalid_value");
    assert_eq!(answer.body["error"]["param"], "channels[0].keys[0]");
}

#[test]
fn an_import_replaces_everything_and_leaves_sessions_alone() {
    let gateway = furnished(settings(PASSWORD));
    let body = document(&json!({"created_at": "2026-01-01T00:00:00+01:00"}));
    let answer = gateway.call("PUT", "config", &body).expect(200);
    let channel = gateway.get("channels/ch_1").expect(200);
    assert_eq!(channel["created_at"], "2025-12-31T23:00:00.000Z");
    assert_eq!(channel["updated_at"], "2026-11-22T00:00:01.234Z");
    assert_eq!(channel["weight"], 1, "what is left out has its default");
    assert_eq!(gateway.get("keys").expect(200), json!({"data": []}));
    assert_eq!(gateway.get("config").expect(200), answer);
    let mut body = body;
    body["settings"] = json!({"max_attempts": 100, "member_login": true, "total_timeout_ms": 1, "max_request_bytes": 1024,
        "balance": "least_busy", "balance_by_priority": {"0": "weight", "1000": "least_busy"}, "session_affinity": true, "session_headers": ["x-chat"], "ledger": false, "log_error_details": false, "request_log_rows": 1_000, "request_log_days": 3_650,
        "response_record_days": 1, "usage_days": 3_650, "audit_days": 0, "responses_store": true,
        "prices": {"gpt-4o": {"prompt": 2_500_000, "cached": 1_250_000, "completion": 10_000_000},
            "meta/llama": {"prompt": 0, "cached": null, "completion": 1_000_000_000_000_u64}},
        "default_models": {"moderations": "omni"}, "aliases": {"smart": ["gpt-4o", "meta/llama"]}, "trusted_proxies": ["10.0.0.0/8", "192.0.2.7", "fd00::/8"]});
    let answer = gateway.call("PUT", "config", &body).expect(200);
    assert_eq!(answer["settings"], body["settings"]);
}

#[test]
fn everything_that_is_wrong_is_reported_with_its_path_and_nothing_changes() {
    let gateway = furnished(settings(PASSWORD));
    let before = gateway.ports.store().dump();
    let hash = "0".repeat(64);
    let body = json!({
        "version": 1, "chanels": [],
        "channels": [
            {"id": "ch_1", "name": "", "base_url": "ftp://x", "keys": [{"id": "uk_1", "key": " "}, {}, 5, {"id": "a b"}]},
            {"name": "x", "base_url": "https://user:pw@h", "azure": {}, "weight": -1, "hedge_after_ms": 0,
                "prices": {"m": {"prompt": 1}}},
            {"id": "ch_1", "name": "x", "base_url": "https://h", "keys": ["k", "k"], "created_at": "yesterday", "colour": 1},
            7
        ],
        "keys": [
            {"id": "ck_1", "name": "x", "hash": "zz", "limits": {"requests_per_minute": 0}},
            {"id": "ck_1", "hash": hash, "hint": "sk-".repeat(20), "key": "sk-clear-SECRET"},
            {"id": "ck_2", "name": "y", "hash": hash},
        ],
        "settings": {"max_attempts": 0, "total_timeout_ms": 3_600_001, "max_request_bytes": 1.5, "session_affinity": "yes",
            "session_headers": ["x y", 7, "ok"], "ledger": 1, "request_log_rows": 999, "request_log_days": 3_651,
            "response_record_days": 0, "x": 1,
            "prices": {"m": {"prompt": -1, "completion": 1_000_000_000_001_u64, "cached": "free", "input": 1}, "n": 5},
            "trusted_proxies": ["10.0.0.0/33", "localhost", 7, "::1"]}
    });
    let expected = [
        "chanels",
        "channels[0].name",
        "channels[0].base_url",
        "channels[0].keys[0].key",
        "channels[0].keys[1]",
        "channels[0].keys[2]",
        "channels[0].keys[3].id",
        "channels[1].id",
        "channels[1].keys",
        "channels[1].base_url",
        "channels[1].azure",
        "channels[1].weight",
        "channels[1].hedge_after_ms",
        "channels[1].prices.m.completion",
        "channels[2].id",
        "channels[2].keys[1]",
        "channels[2].created_at",
        "channels[2].colour",
        "channels[3]",
        "keys[0].hash",
        "keys[0].limits.requests_per_minute",
        "keys[1].id",
        "keys[1].name",
        "keys[1].hint",
        "keys[1].key",
        "keys[2].hash",
        "settings.max_attempts",
        "settings.total_timeout_ms",
        "settings.max_request_bytes",
        "settings.session_affinity",
        "settings.session_headers[0]",
        "settings.session_headers[1]",
        "settings.ledger",
        "settings.request_log_rows",
        "settings.request_log_days",
        "settings.response_record_days",
        "settings.x",
        "settings.prices.m.prompt",
        "settings.prices.m.completion",
        "settings.prices.m.cached",
        "settings.prices.m.input",
        "settings.prices.n",
        "settings.trusted_proxies[0]",
        "settings.trusted_proxies[1]",
        "settings.trusted_proxies[2]",
    ];
    // More than the message lists, so one part after the other is fixed.
    let message = |body: &Value| {
        let answer = gateway
            .call("PUT", "config", body)
            .expect_error(400, "invalid_value");
        assert!(!answer.message().contains("SECRET"), "{}", answer.message());
        answer.message().to_owned()
    };
    let (mut first, mut second, mut third) = (body.clone(), body.clone(), body.clone());
    first["keys"] = json!([]);
    first["settings"] = json!({});
    second["channels"] = json!([]);
    second["settings"]["prices"] = json!({});
    third["channels"] = json!([]);
    third["keys"] = json!([]);
    let all = message(&first) + &message(&second) + &message(&third);
    for path in expected {
        assert!(all.contains(&format!("`{path}` ")), "{path} in {all}");
    }
    assert!(
        message(&body).contains("more"),
        "only some problems of a hostile document are listed"
    );
    assert_eq!(gateway.ports.store().dump(), before);
}

#[test]
fn a_document_of_another_shape_is_refused() {
    let gateway = furnished(settings(PASSWORD));
    let before = gateway.ports.store().dump();
    for (body, param) in [
        (json!({}), "version"),
        (json!({"version": 2, "channels": 5}), "version"),
        (
            json!({"version": "1", "channels": [], "keys": []}),
            "version",
        ),
        (json!({"version": 1, "keys": []}), "channels"),
        (json!({"version": 1, "channels": []}), "keys"),
        (
            json!({"version": 1, "channels": {}, "keys": []}),
            "channels",
        ),
        (json!({"version": 1, "channels": [], "keys": null}), "keys"),
        (
            json!({"version": 1, "channels": [], "keys": [], "settings": []}),
            "settings",
        ),
        (document(&json!({"id": "../x"})), "channels[0].id"),
        (document(&json!({"id": "a".repeat(65)})), "channels[0].id"),
        (
            document(&json!({"keys": [{"id": "uk_1", "key": "a"}, {"id": "uk_1", "key": "b"}]})),
            "channels[0].keys[1].id",
        ),
    ] {
        let answer = gateway
            .call("PUT", "config", &body)
            .expect_error(400, "invalid_value");
        assert_eq!(answer.body["error"]["param"], param, "{}", answer.message());
    }
    gateway
        .call("PUT", "config", &json!([]))
        .expect_error(400, "invalid_json");
    let bearer = format!("Bearer {}", gateway.token);
    let large = " ".repeat(64 * 1024 * 1024 + 1);
    gateway
        .send(request(
            "PUT",
            "config",
            &[("authorization", &bearer)],
            large,
        ))
        .expect_error(413, "request_too_large");
    assert_eq!(gateway.ports.store().dump(), before);
}

#[test]
fn an_import_larger_than_other_bodies_is_taken() {
    let gateway = Gateway::new();
    let models: Vec<String> = (0..5000).map(|number| format!("{number:0>200}")).collect();
    let mut body = document(&json!({"models": models}));
    body["channels"][0]["drop_params"] = json!(["a"]);
    body["channels"].as_array_mut().unwrap().push(
        json!({"id": "ch_2", "name": "two", "base_url": "https://h", "keys": [], "models": models}),
    );
    assert!(body.to_string().len() > 2_000_000);
    gateway.call("PUT", "config", &body).expect(200);
}

#[test]
fn a_change_in_between_is_replaced_whole_unless_the_client_sends_if_match() {
    let gateway = furnished(settings(PASSWORD));
    let body = document(&json!({}));
    // Another admin creates a channel between the import's read and its write.
    gateway.ports.store().after_read(StoreKey::Config, |store| {
        store.put(StoreKey::Config, br#"{"version":1,"keys":[]}"#);
    });
    let imported = gateway.call("PUT", "config", &body).expect(200);
    assert_eq!(gateway.get("config").expect(200), imported);
    assert_eq!(imported["channels"].as_array().unwrap().len(), 1);

    let export = gateway.get("config");
    let tag = export.header("etag").to_owned();
    assert!(tag.len() > 20 && tag.starts_with('"'), "{tag}");
    let bearer = format!("Bearer {}", gateway.token);
    let put = |tag: &str, body: &Value| {
        let headers = [("authorization", bearer.as_str()), ("if-match", tag)];
        gateway.send(request("PUT", "config", &headers, body.to_string()))
    };
    let other = document(&json!({"name": "other"}));
    let answer = put(&tag, &other);
    let next = answer.header("etag").to_owned();
    answer.expect(200);
    assert_ne!(tag, next);
    assert_eq!(gateway.get("config").header("etag"), next);
    let before = gateway.ports.store().dump();
    put(&tag, &body).expect_error(412, "changed_meanwhile");
    put("", &body).expect_error(412, "changed_meanwhile");
    put("\"a\", \"b\"", &body).expect_error(412, "changed_meanwhile");
    assert_eq!(gateway.ports.store().dump(), before);
    put(&format!("\"a\", {next}"), &other).expect(200);
    put("*", &body).expect(200);

    // Also when the change comes between the import's own read and write.
    let tag = gateway.get("config").header("etag").to_owned();
    gateway.ports.store().after_read(StoreKey::Config, |store| {
        store.put(
            StoreKey::Config,
            br#"{"version":1,"keys":[],"channels":[]}"#,
        );
    });
    put(&tag, &other).expect_error(412, "changed_meanwhile");
    assert_eq!(gateway.get("channels").expect(200), json!({"data": []}));
}

#[test]
fn keys_that_cannot_be_opened_or_sealed_are_reported() {
    let mut gateway = furnished(with_master_key('A'));
    let whole = gateway.get("config?secrets=true").expect(200);
    gateway.settings = settings(PASSWORD);
    let answer = gateway
        .get("config?secrets=true")
        .expect_error(500, "misconfigured");
    assert!(
        answer.message().contains("master key"),
        "{}",
        answer.message()
    );
    let export = gateway.get("config").expect(200);
    gateway.call("PUT", "config", &export).expect(200);
    gateway.settings.master_key_error = Some(MasterKeyError::Invalid(SealError::InvalidMasterKey));
    gateway.call("PUT", "config", &export).expect(200);
    let before = gateway.ports.store().dump();
    let answer = gateway
        .call("PUT", "config", &whole)
        .expect_error(500, "misconfigured");
    assert!(
        answer.message().contains("must be 32 bytes"),
        "{}",
        answer.message()
    );
    assert_eq!(gateway.ports.store().dump(), before);
}

#[test]
fn the_example_of_the_documentation_can_be_imported() {
    let text = include_str!("../../../../docs/reference/configuration.md");
    let (_, rest) = text.split_once("```json\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    let gateway = Gateway::new();
    gateway.call("PUT", "config", &example).expect(200);
    let export = gateway.get("config?secrets=true").expect(200);
    assert_eq!(export["settings"], example["settings"]);
    assert_eq!(
        export["channels"][0]["keys"][0]["key"],
        example["channels"][0]["keys"][0]["key"]
    );
    // The documentation's table of settings says the same as the example: these are the defaults.
    let defaults = json!({"version": 1, "channels": [], "keys": []});
    let defaults = gateway.call("PUT", "config", &defaults).expect(200);
    assert_eq!(defaults["settings"], example["settings"]);
}
