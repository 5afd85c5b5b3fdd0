//! That the readers of requests and the document know the same names: the schemas are made of types, the readers are
//! written by hand so that they can report all mistakes at once.

use std::collections::BTreeSet;

use gateway_core::admin::OPENAPI;
use serde_json::{Value, json};

use crate::{Answer, Gateway};

type Wrap<'a> = &'a dyn Fn(Value) -> Value;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// The names of the members that a schema has, those of the schemas that it extends included.
fn members(document: &Value, name: &str) -> BTreeSet<String> {
    let schema = &document["components"]["schemas"][name];
    let own = schema["properties"].as_object().into_iter().flatten();
    let mut names: BTreeSet<String> = own.map(|(name, _)| name.clone()).collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let reference = part["$ref"].as_str().unwrap();
        names.extend(members(document, reference.rsplit('/').next().unwrap()));
    }
    assert!(!names.is_empty(), "{name} has no members");
    names
}

fn is_unknown(answer: &Answer, path: &str) -> bool {
    let details = answer.body["error"]["details"].as_array();
    let mut details = details.into_iter().flatten();
    details.any(|detail| detail["path"] == path && detail["code"] == "unknown_field")
}

#[test]
fn every_described_member_is_read_and_no_other_is() {
    let gateway = Gateway::new();
    let document = document();
    let channel = format!("channels/{}", gateway.channel(&json!({})));
    let test = format!("{channel}/test");
    let key = gateway
        .call("POST", "keys", &json!({"name": "k"}))
        .expect(201);
    let key = format!("keys/{}", key["id"].as_str().unwrap());
    let rotate = format!("{key}/rotate");
    let whole = |body: Value| body;
    let config = |channels: Value, keys: Value, settings: Value| json!({"version": 1, "channels": channels, "keys": keys, "settings": settings});
    let in_channel = |body: Value| config(json!([body]), json!([]), json!({}));
    let in_key = |body: Value| config(json!([]), json!([body]), json!({}));
    let in_previous = |body: Value| in_key(json!({"previous": body}));
    let in_settings = |body: Value| config(json!([]), json!([]), body);
    let in_price = |body: Value| in_settings(json!({"prices": {"m": body}}));
    let in_tier = |body: Value| in_price(json!({"tiers": [body]}));
    let in_service_tiers = |body: Value| in_price(json!({ "service_tiers": body }));
    let in_flex = |body: Value| in_service_tiers(json!({ "flex": body }));
    let places: [(&str, &str, &str, Wrap<'_>, &str); 16] = [
        ("POST", "login", "Login", &whole, ""),
        ("POST", "channels", "ChannelCreate", &whole, ""),
        ("PATCH", &channel, "ChannelChange", &whole, ""),
        ("POST", &test, "TestRequest", &whole, ""),
        ("POST", "models", "ModelsRequest", &whole, ""),
        ("POST", "keys", "ClientKeyCreate", &whole, ""),
        ("PATCH", &key, "ClientKeyChange", &whole, ""),
        ("POST", &rotate, "Rotation", &whole, ""),
        (
            "PUT",
            "config",
            "ConfigPreviousKey",
            &in_previous,
            "keys[0].previous.",
        ),
        (
            "PUT",
            "config",
            "ConfigChannelInput",
            &in_channel,
            "channels[0].",
        ),
        ("PUT", "config", "ConfigClientKeyInput", &in_key, "keys[0]."),
        ("PUT", "config", "SettingsInput", &in_settings, "settings."),
        (
            "PUT",
            "config",
            "PriceInput",
            &in_price,
            "settings.prices.m.",
        ),
        (
            "PUT",
            "config",
            "PriceTier",
            &in_tier,
            "settings.prices.m.tiers[0].",
        ),
        (
            "PUT",
            "config",
            "ServiceTierPrices",
            &in_service_tiers,
            "settings.prices.m.service_tiers.",
        ),
        (
            "PUT",
            "config",
            "ServiceTierPrice",
            &in_flex,
            "settings.prices.m.service_tiers.flex.",
        ),
    ];
    compare(&gateway, &document, &places);
}

#[test]
fn every_described_member_of_bulk_changes_is_read_and_no_other_is() {
    let whole = |body: Value| body;
    let in_change = |body: Value| json!({"ids": ["x_1"], "change": body});
    let in_changes = |body: Value| json!({"changes": [body]});
    for (path, object) in [
        ("channels/bulk", "ChannelBulk"),
        ("keys/bulk", "ClientKeyBulk"),
    ] {
        let (request, one) = (format!("{object}Request"), format!("{object}OfOne"));
        let places: [(&str, &str, &str, Wrap<'_>, &str); 3] = [
            ("POST", path, &request, &whole, ""),
            ("POST", path, object, &in_change, "change."),
            ("POST", path, &one, &in_changes, "changes[0]."),
        ];
        compare(&Gateway::new(), &document(), &places);
    }
}

#[test]
fn every_described_member_of_accounts_is_read_and_no_other_is() {
    let gateway = Gateway::new();
    let whole = |body: Value| body;
    let in_account =
        |body: Value| json!({"version": 1, "channels": [], "keys": [], "accounts": [body]});
    let places: [(&str, &str, &str, Wrap<'_>, &str); 5] = [
        ("POST", "accounts", "AccountCreate", &whole, ""),
        ("PATCH", "accounts/ac_1", "AccountChange", &whole, ""),
        ("POST", "account/password", "OwnPassword", &whole, ""),
        ("PUT", "account/totp", "TotpChange", &whole, ""),
        (
            "PUT",
            "config",
            "ConfigAccountInput",
            &in_account,
            "accounts[0].",
        ),
    ];
    compare(&gateway, &document(), &places);
}

/// Each of: method, path, schema, a body with the members of that schema, and the path of them in it.
fn compare(gateway: &Gateway, document: &Value, places: &[(&str, &str, &str, Wrap<'_>, &str)]) {
    for (method, path, schema, wrap, prefix) in places {
        for name in members(document, schema) {
            // A value that no member can have, where one is read at all, so that nothing is done.
            let body = wrap(json!({ name.clone(): {"odd": []}, "misspelt": 1 }));
            let answer = gateway.call(method, path, &body);
            if answer.status == 404 {
                assert_eq!(name, "channel_id");
                continue;
            }
            let answer = answer.expect_error(400, "invalid_value");
            assert!(
                !is_unknown(&answer, &format!("{prefix}{name}")),
                "{schema} has {name}, which {method} {path} does not know"
            );
            assert!(
                is_unknown(&answer, &format!("{prefix}misspelt")),
                "{}",
                answer.body
            );
        }
    }
}

#[test]
fn every_described_parameter_is_read_and_no_other_is() {
    let gateway = Gateway::new();
    let member = crate::members::gateway();
    let document = document();
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let described: BTreeSet<&str> = parameters
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            if described.is_empty() {
                continue;
            }
            let path = path.replace("{id}", "x");
            let path = format!("{}?misspelt=1", &path[1..]);
            let answer = if path.starts_with("me/") {
                member.call(&method.to_uppercase(), &path, &json!({}))
            } else {
                gateway.call(&method.to_uppercase(), &path, &json!({}))
            };
            let answer = answer.expect_error(400, "invalid_value");
            let detail = &answer.body["error"]["details"][0];
            assert_eq!(detail["code"], "unknown_parameter");
            let known = detail["values"]["known"].as_array().unwrap().iter();
            let known: BTreeSet<&str> = known.map(|name| name.as_str().unwrap()).collect();
            assert_eq!(known, described, "{method} {path}");
            checked += 1;
        }
    }
    assert_eq!(checked, 16);
}
