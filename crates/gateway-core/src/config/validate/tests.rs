//! The rules of values, as tables. Their form over HTTP is tested with the admin API.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ChannelChange, ClientKeyChange, Problems};
use crate::config::bounds::MAX_TIMEOUT_MS;
use crate::config::model::ChannelConfig;
use crate::problem::ProblemKind;
use crate::units::Timestamp;
use crate::upstream::provider::Provider;

/// The new channel with these members; or the paths of the problems.
fn channel(members: &Value) -> Result<ChannelConfig, Vec<String>> {
    let mut body = json!({"name": "x", "base_url": "https://h", "keys": []});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let mut problems = Problems::default();
    let change = ChannelChange::read(&body, &mut problems);
    change.require_all(&mut problems);
    let mut channel = ChannelConfig::blank(Timestamp(0));
    change.apply(&mut channel, &mut problems);
    let paths: Vec<String> = problems
        .list()
        .iter()
        .map(|problem| problem.path.clone())
        .collect();
    if paths.is_empty() {
        Ok(channel)
    } else {
        Err(paths)
    }
}

#[test]
fn base_urls_are_absolute_and_lose_their_trailing_slash() {
    for (given, stored) in [
        ("https://h", "https://h"),
        ("https://h/", "https://h"),
        (" https://api.openai.com/v1/ ", "https://api.openai.com/v1"),
        ("https://h/v1//", "https://h/v1"),
        ("HTTPS://H.Example:443/V1", "https://h.example/V1"),
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://h/a%2Fb", "https://h/a%2Fb"),
    ] {
        assert_eq!(
            channel(&json!({"base_url": given})).unwrap().base_url,
            stored,
            "{given}"
        );
    }
    let long = format!("https://h/{}", "x".repeat(2048));
    for given in [
        "",
        "h",
        "//h",
        "/v1",
        "h:8000/v1",
        "https:h",
        "https://",
        "https:///v1",
        "ftp://h",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://u@h",
        "https://u:p@h",
        "https://:p@h",
        "https://h?x=1",
        "https://h?",
        "https://h/#f",
        "https://h/#",
        "https://h\\@evil",
        "https://h/a b",
        "https://h/\na",
        "https://h:99999",
        "https://[::1",
        "https://a b",
        long.as_str(),
    ] {
        assert_eq!(
            channel(&json!({"base_url": given})).unwrap_err(),
            ["base_url"],
            "{given}"
        );
    }
    assert_eq!(
        channel(&json!({"base_url": null})).unwrap_err(),
        ["base_url"]
    );
}

#[test]
fn azure_roots_lose_what_the_portal_shows_after_them() {
    for (given, stored) in [
        ("https://r.openai.azure.com", "https://r.openai.azure.com"),
        (
            "https://r.openai.azure.com/openai/",
            "https://r.openai.azure.com",
        ),
        (
            "https://r.openai.azure.com/openai/v1/",
            "https://r.openai.azure.com",
        ),
        (
            "https://proxy.example/team/openai",
            "https://proxy.example/team",
        ),
        (
            "https://r.openai.azure.com/v1",
            "https://r.openai.azure.com/v1",
        ),
    ] {
        let members = json!({"provider": "azure", "azure": {}, "base_url": given});
        let channel = channel(&members).unwrap();
        assert_eq!(
            (channel.base_url.as_str(), channel.provider),
            (stored, Provider::Azure),
            "{given}"
        );
    }
    for (azure, path) in [
        (json!([]), "azure"),
        (json!({"api_version": 1}), "azure.api_version"),
        (
            json!({"api_version": "2024-10-21&x=1"}),
            "azure.api_version",
        ),
        (json!({"deployments": null}), "azure.deployments"),
        (
            json!({"deployments": {"gpt-4o": ""}}),
            "azure.deployments.gpt-4o",
        ),
        (
            json!({"deployments": {"gpt-4o": "../x"}}),
            "azure.deployments.gpt-4o",
        ),
        (
            json!({"deployments": {"gpt-4o": ".."}}),
            "azure.deployments.gpt-4o",
        ),
        (json!({"deployments": {" ": "x"}}), "azure.deployments. "),
        (json!({"version": "x"}), "azure.version"),
    ] {
        let members = json!({"provider": "azure", "azure": azure});
        assert_eq!(channel(&members).unwrap_err(), [path], "{members}");
    }
}

#[test]
fn numbers_have_ranges() {
    for name in ["priority", "weight"] {
        for good in [0, 1, 1000] {
            channel(&json!({ name: good })).unwrap();
        }
        for bad in [
            json!(-1),
            json!(1001),
            json!(1.5),
            json!("1"),
            json!(null),
            json!(1e300),
            json!(u64::MAX),
        ] {
            assert_eq!(channel(&json!({ name: bad })).unwrap_err(), [name]);
        }
    }
    for name in [
        "connect_timeout_ms",
        "first_byte_timeout_ms",
        "idle_timeout_ms",
    ] {
        for good in [1, 60_000, 3_600_000] {
            channel(&json!({ name: good })).unwrap();
        }
        for bad in [
            json!(0),
            json!(3_600_001),
            json!(-1),
            json!("5s"),
            json!(null),
        ] {
            assert_eq!(channel(&json!({ name: bad })).unwrap_err(), [name]);
        }
    }
}

#[test]
fn headers_are_valid_and_not_the_gateways_own() {
    let longest = "v".repeat(8192);
    let channel_with = |headers: Value| channel(&json!({ "headers": headers }));
    let stored =
        channel_with(json!({"X-A": " b ", "http-referer": "https://me", "x-long": longest}))
            .unwrap();
    assert_eq!(stored.headers["x-a"], "b");
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "AUTHORIZATION",
        "api-key",
        "Cookie",
        "te",
        "content-type",
        "upgrade",
        "keep-alive",
        "proxy-authorization",
        "expect",
        "trailer",
    ] {
        assert_eq!(
            channel_with(json!({ name: "x" })).unwrap_err(),
            [format!("headers.{name}")]
        );
    }
    for (headers, path) in [
        (json!([]), "headers"),
        (json!({"a b": "x"}), "headers.a b"),
        (json!({"": "x"}), "headers."),
        (json!({"x-a": 1}), "headers.x-a"),
        (json!({"x-a": "b\r\nhost: evil"}), "headers.x-a"),
        (json!({"x-a": "ü"}), "headers.x-a"),
        (json!({"x-a": "v".repeat(8193)}), "headers.x-a"),
        (json!({"X-A": "1", "x-a": "2"}), "headers.x-a"),
    ] {
        assert_eq!(
            channel_with(headers.clone()).unwrap_err(),
            [path],
            "{headers}"
        );
    }
    let many: serde_json::Map<String, Value> = (0..65)
        .map(|number| (format!("x-{number}"), json!("")))
        .collect();
    assert_eq!(channel_with(many.into()).unwrap_err(), ["headers"]);
}

#[test]
fn keys_are_visible_ascii_or_known_ids() {
    let keys = |keys: Value| channel(&json!({ "keys": keys }));
    keys(json!(["a", " sk-with-spaces-around ", "x".repeat(4096), {"id": "uk_1", "hint": 1, "status": 2, "until": 3}]))
        .unwrap();
    for (bad, path) in [
        (json!("sk-1"), "keys"),
        (json!(null), "keys"),
        (json!([""]), "keys[0]"),
        (json!(["a b"]), "keys[0]"),
        (json!(["a\u{7f}"]), "keys[0]"),
        (json!(["schlüssel"]), "keys[0]"),
        (json!(["x".repeat(4097)]), "keys[0]"),
        (json!(["a", " a "]), "keys[1]"),
        (json!([1]), "keys[0]"),
        (json!([[]]), "keys[0]"),
        (json!([{}]), "keys[0]"),
        (json!([{"id": 1}]), "keys[0].id"),
        (json!([{"id": "uk_1", "enabled": 1}]), "keys[0].enabled"),
        (json!([{"id": "uk_1", "key": "x"}]), "keys[0].key"),
        (json!([{"id": "uk_1"}, {"id": "uk_1"}]), "keys[1]"),
        (json!(vec!["x"; 501]), "keys"),
    ] {
        assert_eq!(keys(bad.clone()).unwrap_err(), [path], "{bad}");
    }
}

#[test]
fn texts_and_models_are_bounded() {
    for (bad, path) in [
        (json!({"name": ""}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": "ü".repeat(101)}), "name"),
        (json!({"name": "a\u{0}b"}), "name"),
        (json!({"enabled": 1}), "enabled"),
        (json!({"stream_usage": null}), "stream_usage"),
        (json!({"models": [null]}), "models[0]"),
        (json!({"models": ["x".repeat(257)]}), "models[0]"),
        (json!({"models": ["a", "a"]}), "models[1]"),
        (json!({"models": vec!["a"; 5001]}), "models"),
        (json!({"model_map": {"": "a"}}), "model_map."),
        (json!({"model_map": {"a": ""}}), "model_map.a"),
        (json!({"model_map": {"a": 1}}), "model_map.a"),
        (json!({"model_map": {" a": "b", "a": "c"}}), "model_map.a"),
        (json!({"model_map": []}), "model_map"),
        (json!({"drop_params": ["model"]}), "drop_params"),
        (json!({"drop_params": ["stream"]}), "drop_params"),
        (json!({"drop_params": [""]}), "drop_params[0]"),
        (json!({"base-url": "x"}), "base-url"),
    ] {
        assert_eq!(channel(&bad).unwrap_err(), [path], "{bad}");
    }
    assert_eq!(
        channel(&json!({"name": format!(" {} ", "ü".repeat(100))}))
            .unwrap()
            .name,
        "ü".repeat(100)
    );
}

#[test]
fn an_error_names_the_first_member_and_tells_all() {
    let mut problems = Problems::default();
    assert!(problems.check("channel").is_ok());
    problems.add("keys[1].id", ProblemKind::UnknownKey);
    problems.add("", ProblemKind::Required);
    assert!(problems.touch("keys") && problems.touch("keys[1]") && problems.touch("keys[1].id"));
    assert!(!problems.touch("key") && !problems.touch("id"));
    let error = problems.check("channel").unwrap_err();
    assert_eq!(
        error.body.message,
        "The channel is not valid: `keys[1].id` is not the id of a key of this channel; it is required."
    );
    assert_eq!(error.body.param.as_deref(), Some("keys[1].id"));
    assert_eq!(
        serde_json::to_value(&error.details).unwrap(),
        json!([
            {"path": "keys[1].id", "code": "unknown_key", "message": "is not the id of a key of this channel"},
            {"path": "", "code": "required", "message": "is required"},
        ])
    );
}

#[test]
fn the_values_of_a_rule_are_beside_its_code() {
    let mut problems = Problems::default();
    let body = json!({"weight": 1001, "base_url": "https://u:p@h/v1", "hedge_after_ms": 0});
    ChannelChange::read(&body, &mut problems);
    assert_eq!(
        serde_json::to_value(problems.list()).unwrap(),
        json!([
            {
                "path": "base_url",
                "code": "invalid_url",
                "values": {"reason": "credentials", "max": 2048, "suggestion": "https://h/v1"},
                "message": "must not contain credentials; keys belong in `keys`; use https://h/v1",
            },
            {
                "path": "hedge_after_ms",
                "code": "out_of_range",
                "values": {"min": 1, "max": MAX_TIMEOUT_MS, "nullable": true},
                "message": format!("must be null or a whole number from 1 to {MAX_TIMEOUT_MS}"),
            },
            {
                "path": "weight",
                "code": "out_of_range",
                "values": {"min": 0, "max": 1000, "nullable": false},
                "message": "must be a whole number from 0 to 1000",
            },
        ])
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A stored base URL is accepted again unchanged, and paths can be appended to it.
    #[test]
    fn stored_base_urls_are_stable(rest in "[a-zA-Z0-9:/.@?#%\\[\\]_-]{0,40}") {
        if let Ok(stored) = channel(&json!({"base_url": format!("https://{rest}")})) {
            let again = channel(&json!({"base_url": stored.base_url})).unwrap();
            prop_assert_eq!(&again.base_url, &stored.base_url);
            let url = url::Url::parse(&format!("{}/chat/completions", stored.base_url)).unwrap();
            prop_assert!(url.path().ends_with("/chat/completions") && url.username().is_empty());
        }
    }

    /// No text makes the reader of client keys fail or keep what it rejected.
    #[test]
    fn names_are_kept_trimmed_or_refused(name in "\\PC{0,120}|.{0,20}") {
        let mut problems = Problems::default();
        let change = ClientKeyChange::read(&json!({ "name": name }), &mut problems);
        let good = (1..=100).contains(&name.trim().chars().count()) && !name.trim().chars().any(char::is_control);
        prop_assert_eq!(problems.list().is_empty(), good);
        change.require_all(&mut problems);
        prop_assert_eq!(problems.list().is_empty(), good);
    }
}
