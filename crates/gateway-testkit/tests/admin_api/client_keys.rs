//! Client keys: made, shown once, changed, deleted.

use gateway_core::ids;
use gateway_core::ports::StoreKey;
use serde_json::{Value, json};

use crate::Gateway;

#[test]
fn a_key_is_shown_once_and_stored_as_its_hash() {
    let gateway = Gateway::new();
    let mut created = gateway
        .call("POST", "keys", &json!({"name": "laptop"}))
        .expect(201);
    let key = created["key"].as_str().unwrap().to_owned();
    assert!(
        key.starts_with("sk-") && key.len() >= 3 + 43,
        "256 bits of entropy need 43 characters of base64"
    );
    let id = created["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("ck_"));
    let hint = format!("{}…{}", &key[..4], &key[key.len() - 4..]);
    created.as_object_mut().unwrap().remove("key");
    let expected = json!({
        "id": id, "name": "laptop", "hint": hint, "enabled": true, "models": [], "expires_at": null,
        "limits": {"requests_per_minute": null, "tokens_per_minute": null, "tokens_per_day": null},
        "created_at": "2026-11-22T00:00:00.000Z", "last_used_at": null
    });
    assert_eq!(created, expected);
    assert_eq!(gateway.get(&format!("keys/{id}")).expect(200), expected);
    let mut listed = gateway.get("keys").expect(200);
    let revision = listed["data"][0]
        .as_object_mut()
        .unwrap()
        .remove("revision");
    assert!(revision.is_some_and(|revision| revision.is_string()));
    assert_eq!(listed, json!({ "data": [expected] }));
    assert!(!gateway.ports.store().dump().contains(&key));
    let document: Value =
        serde_json::from_slice(&gateway.ports.store().get(StoreKey::Config).unwrap()).unwrap();
    assert_eq!(
        document["keys"][0]["hash"],
        ids::hex(&ids::hash_client_key(key.as_bytes()))
    );
}

#[test]
fn two_keys_are_never_the_same() {
    let gateway = Gateway::new();
    let make = || {
        gateway
            .call("POST", "keys", &json!({"name": "same name"}))
            .expect(201)
    };
    let (first, second) = (make(), make());
    assert_ne!(first["key"], second["key"]);
    assert_ne!(first["id"], second["id"]);
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    let gateway = Gateway::new();
    let body = json!({
        "name": "a", "enabled": false, "models": ["m", "n"], "expires_at": "2027-01-01T01:00:00+01:00",
        "limits": {"requests_per_minute": 1, "tokens_per_minute": 2}
    });
    let mut expected = gateway.call("POST", "keys", &body).expect(201);
    expected.as_object_mut().unwrap().remove("key");
    assert_eq!(expected["expires_at"], "2027-01-01T00:00:00.000Z");
    let path = format!("keys/{}", expected["id"].as_str().unwrap());
    for (change, pointer, value) in [
        (json!({"name": "b"}), "/name", json!("b")),
        (json!({"enabled": true}), "/enabled", json!(true)),
        (json!({"models": []}), "/models", json!([])),
        (json!({"expires_at": null}), "/expires_at", Value::Null),
        (
            json!({"limits": {"requests_per_minute": null}}),
            "/limits/requests_per_minute",
            Value::Null,
        ),
        (
            json!({"limits": {"tokens_per_day": 9}}),
            "/limits/tokens_per_day",
            json!(9),
        ),
        (
            json!({"limits": {"daily_budget_micro_usd": null}}),
            "/name",
            json!("b"),
        ),
        (json!({}), "/name", json!("b")),
    ] {
        *expected.pointer_mut(pointer).unwrap() = value;
        assert_eq!(
            gateway.call("PATCH", &path, &change).expect(200),
            expected,
            "{change}"
        );
    }
    let largest = json!(1_000_000_000_000_000_u64);
    for (name, value) in [
        ("daily_budget_micro_usd", json!(1)),
        ("monthly_budget_micro_usd", largest),
        ("daily_budget_micro_usd", Value::Null),
    ] {
        let limits = expected["limits"].as_object_mut().unwrap();
        limits.insert(name.to_owned(), value.clone());
        limits.retain(|name, value| !name.contains("budget") || !value.is_null());
        let change = json!({"limits": {name: value}});
        assert_eq!(gateway.call("PATCH", &path, &change).expect(200), expected);
    }
    let answer = gateway.call("PATCH", &path, &expected).expect(200);
    assert_eq!(answer, expected, "a key can be sent back as it was read");
}

#[test]
fn bad_values_are_refused_with_their_member() {
    let gateway = Gateway::new();
    let id = gateway
        .call("POST", "keys", &json!({"name": "a"}))
        .expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (body, param) in [
        (json!({"name": ""}), "name"),
        (json!({"name": " \t "}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"name": null}), "name"),
        (json!({"enabled": "yes"}), "enabled"),
        (json!({"models": "m"}), "models"),
        (json!({"models": ["m", "m"]}), "models[1]"),
        (json!({"models": [""]}), "models[0]"),
        (json!({"expires_at": "tomorrow"}), "expires_at"),
        (json!({"expires_at": 1_800_000_000}), "expires_at"),
        (json!({"limits": null}), "limits"),
        (
            json!({"limits": {"requests_per_minute": 0}}),
            "limits.requests_per_minute",
        ),
        (
            json!({"limits": {"tokens_per_day": 1.5}}),
            "limits.tokens_per_day",
        ),
        (
            json!({"limits": {"daily_budget_micro_usd": 0}}),
            "limits.daily_budget_micro_usd",
        ),
        (
            json!({"limits": {"monthly_budget_micro_usd": 1_000_000_000_000_001_u64}}),
            "limits.monthly_budget_micro_usd",
        ),
        (
            json!({"limits": {"tokens_per_hour": 1}}),
            "limits.tokens_per_hour",
        ),
        (json!({"key": "sk-chosen"}), "key"),
        (json!({"hash": "00"}), "hash"),
    ] {
        let mut create = json!({"name": "new"});
        for (name, value) in body.as_object().unwrap() {
            create[name] = value.clone();
        }
        for answer in [
            gateway.call("POST", "keys", &create),
            gateway.call("PATCH", &format!("keys/{id}"), &body),
        ] {
            let answer = answer.expect_error(400, "invalid_value");
            assert_eq!(answer.body["error"]["param"], param, "{body}");
        }
    }
    let answer = gateway
        .call("POST", "keys", &json!({}))
        .expect_error(400, "invalid_value");
    assert_eq!(answer.body["error"]["param"], "name");
    assert_eq!(
        gateway.get("keys").expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn deleted_and_unknown_keys_are_not_found() {
    let gateway = Gateway::new();
    let id = gateway
        .call("POST", "keys", &json!({"name": "a"}))
        .expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("keys/{id}");
    assert_eq!(
        gateway.call("DELETE", &path, &Value::Null).status.as_u16(),
        204
    );
    for method in ["GET", "PATCH", "DELETE"] {
        gateway
            .call(method, &path, &json!({}))
            .expect_error(404, "not_found");
    }
    assert_eq!(gateway.get("keys").expect(200), json!({"data": []}));
}
