//! Rotating a client key: what changes, what stays, and when the old key's grace time ends.

use gateway_core::ids;
use gateway_core::ports::StoreKey;
use serde_json::{Value, json};

use crate::Gateway;

const HOUR_MS: u64 = 3_600_000;

/// The key as it is stored.
fn stored(gateway: &Gateway) -> Value {
    let bytes = gateway.ports.store().get(StoreKey::Config).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    document["keys"][0].clone()
}

fn hash(key: &Value) -> String {
    ids::hex(&ids::hash_client_key(key.as_str().unwrap().as_bytes()))
}

/// A new client key with a limit, and its path.
fn create(gateway: &Gateway) -> (Value, String) {
    let body = json!({
        "name": "laptop", "models": ["m"], "expires_at": "2027-01-01T00:00:00.000Z",
        "limits": {"requests_per_minute": 5}
    });
    let created = gateway.call("POST", "keys", &body).expect(201);
    let path = format!("keys/{}", created["id"].as_str().unwrap());
    (created, path)
}

fn rotate(gateway: &Gateway, path: &str, body: &Value) -> Value {
    let answer = gateway.call("POST", &format!("{path}/rotate"), body);
    answer.expect(200)
}

#[test]
fn a_rotated_key_is_new_and_everything_else_of_it_stays() {
    let gateway = Gateway::new();
    let (created, path) = create(&gateway);
    let mut rotated = rotate(&gateway, &path, &json!({"grace_s": 3600}));
    assert_ne!(rotated["key"], created["key"]);
    assert!(rotated["key"].as_str().unwrap().starts_with("sk-"));
    let previous = json!({"hint": created["hint"], "valid_until": "2026-11-22T01:00:00.000Z"});
    assert_eq!(rotated["previous"], previous);
    assert_eq!(stored(&gateway)["hash"], hash(&rotated["key"]));
    assert_eq!(stored(&gateway)["previous"]["hash"], hash(&created["key"]));
    let dump = gateway.ports.store().dump();
    for key in [&created["key"], &rotated["key"]] {
        assert!(!dump.contains(key.as_str().unwrap()));
    }
    rotated.as_object_mut().unwrap().remove("key");
    assert_eq!(gateway.get(&path).expect(200), rotated);
    let mut expected = created;
    expected.as_object_mut().unwrap().remove("key");
    expected["hint"] = rotated["hint"].clone();
    expected["previous"] = previous;
    assert_eq!(rotated, expected, "limits, models, name and id stay");
    assert_eq!(
        gateway.call("PATCH", &path, &expected).expect(200),
        expected,
        "a rotated key can be sent back as it was read"
    );
}

#[test]
fn the_grace_time_is_a_day_unless_the_admin_says_otherwise() {
    let gateway = Gateway::new();
    let (_, path) = create(&gateway);
    for (body, end) in [
        (Value::Null, "2026-11-23T00:00:00.000Z"),
        (json!({}), "2026-11-23T00:00:00.000Z"),
        (json!({"grace_s": 1}), "2026-11-22T00:00:01.000Z"),
        (json!({"grace_s": 2_592_000}), "2026-12-22T00:00:00.000Z"),
    ] {
        let rotated = rotate(&gateway, &path, &body);
        assert_eq!(rotated["previous"]["valid_until"], end, "{body}");
    }
    for body in [
        json!({"grace_s": 2_592_001}),
        json!({"grace_s": -1}),
        json!({"grace_s": 1.5}),
        json!({"grace_s": null}),
        json!({"grace_s": "1"}),
    ] {
        let answer = gateway.call("POST", &format!("{path}/rotate"), &body);
        let answer = answer.expect_error(400, "invalid_value");
        assert_eq!(answer.body["error"]["param"], "grace_s", "{body}");
    }
    gateway
        .call("POST", "keys/ck_none/rotate", &json!({}))
        .expect_error(404, "not_found");
}

#[test]
fn only_the_newest_two_keys_are_valid() {
    let gateway = Gateway::new();
    let (_, path) = create(&gateway);
    let second = rotate(&gateway, &path, &json!({"grace_s": 3600}));
    let third = rotate(&gateway, &path, &json!({"grace_s": 60}));
    assert_eq!(third["previous"]["hint"], second["hint"]);
    assert_eq!(stored(&gateway)["previous"]["hash"], hash(&second["key"]));
    let fourth = rotate(&gateway, &path, &json!({"grace_s": 0}));
    assert_eq!(fourth.get("previous"), None);
    assert_eq!(stored(&gateway).get("previous"), None);
}

#[test]
fn the_grace_time_ends_by_itself_or_by_a_change() {
    let gateway = Gateway::new();
    let (_, path) = create(&gateway);
    rotate(&gateway, &path, &json!({"grace_s": 3600}));
    gateway.ports.advance_ms(HOUR_MS - 1);
    assert!(gateway.get(&path).expect(200)["previous"].is_object());
    gateway.ports.advance_ms(1);
    assert_eq!(gateway.get(&path).expect(200).get("previous"), None);

    rotate(&gateway, &path, &json!({}));
    let changed = gateway.call("PATCH", &path, &json!({"name": "b"}));
    assert!(
        changed.expect(200)["previous"].is_object(),
        "what is not named stays"
    );
    let ended = gateway.call("PATCH", &path, &json!({"previous": null}));
    assert_eq!(ended.expect(200).get("previous"), None);
    assert_eq!(stored(&gateway).get("previous"), None);
}

#[test]
fn a_rotation_can_be_limited_to_a_state_of_the_key() {
    let gateway = Gateway::new();
    let (_, path) = create(&gateway);
    let tag = gateway.get(&path).header("etag").to_owned();
    gateway
        .call("PATCH", &path, &json!({"name": "b"}))
        .expect(200);
    let rotate = format!("{path}/rotate");
    let before = stored(&gateway);
    gateway
        .call_if_match("POST", &rotate, &tag, &json!({}))
        .expect_error(412, "changed_meanwhile");
    assert_eq!(stored(&gateway), before);
    let tag = gateway.get(&path).header("etag").to_owned();
    let rotated = gateway.call_if_match("POST", &rotate, &tag, &json!({}));
    assert_ne!(rotated.header("etag"), tag);
    rotated.expect(200);
}

#[test]
fn an_export_carries_the_grace_time() {
    let gateway = Gateway::new();
    let (created, path) = create(&gateway);
    rotate(&gateway, &path, &json!({"grace_s": 60}));
    let export = gateway.get("config").expect(200);
    let previous = json!({
        "hash": hash(&created["key"]), "hint": created["hint"], "valid_until": "2026-11-22T00:01:00.000Z"
    });
    assert_eq!(export["keys"][0]["previous"], previous);

    let other = Gateway::new();
    other.call("PUT", "config", &export).expect(200);
    assert_eq!(stored(&other), stored(&gateway));

    for (change, path) in [
        (
            json!({"hash": export["keys"][0]["hash"]}),
            "keys[0].previous.hash",
        ),
        (json!({"hash": "00"}), "keys[0].previous.hash"),
        (
            json!({"valid_until": "soon"}),
            "keys[0].previous.valid_until",
        ),
        (json!({"hint": "x".repeat(21)}), "keys[0].previous.hint"),
        (json!({"until": "x"}), "keys[0].previous.until"),
    ] {
        let mut document = export.clone();
        for (name, value) in change.as_object().unwrap() {
            document["keys"][0]["previous"][name] = value.clone();
        }
        let answer = other.call("PUT", "config", &document);
        let answer = answer.expect_error(400, "invalid_value");
        assert_eq!(answer.body["error"]["param"], path, "{change}");
    }
    for name in ["hash", "valid_until"] {
        let mut document = export.clone();
        let previous = document["keys"][0]["previous"].as_object_mut().unwrap();
        previous.remove(name);
        let answer = other.call("PUT", "config", &document);
        let answer = answer.expect_error(400, "invalid_value");
        assert_eq!(
            answer.body["error"]["param"],
            format!("keys[0].previous.{name}")
        );
    }
}
