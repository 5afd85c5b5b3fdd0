//! The client key of the playground: one for all who ask, whatever happens to it, and hidden where keys are listed.

use futures_util::future::join_all;
use gateway_core::admin;
use gateway_core::ids;
use gateway_core::ports::StoreKey;
use gateway_testkit::fakes::{block_on, read_body};
use serde_json::{Value, json};

use crate::lists::ids as listed;
use crate::{Gateway, PASSWORD, request, settings};

const MINUTE_MS: u64 = 60_000;
const PATH: &str = "keys/ck_playground";

fn ask(gateway: &Gateway) -> Value {
    gateway
        .call("POST", "playground/key", &Value::Null)
        .expect(200)
}

fn rotate(gateway: &Gateway) -> Value {
    let body = json!({"rotate": true});
    gateway.call("POST", "playground/key", &body).expect(200)
}

fn hash(key: &Value) -> String {
    ids::hex(&ids::hash_client_key(
        key["key"].as_str().unwrap().as_bytes(),
    ))
}

/// The client keys as they are stored.
fn stored(gateway: &Gateway) -> Vec<Value> {
    let bytes = gateway.ports.store().get(StoreKey::Config).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    document["keys"].as_array().unwrap().clone()
}

#[test]
fn all_tabs_and_instances_get_the_same_key() {
    let gateway = Gateway::new();
    let bearer = format!("Bearer {}", gateway.token);
    let calls = (0..6).map(|_| {
        let headers = [("authorization", bearer.as_str())];
        let request = request("POST", "playground/key", &headers, "{}");
        admin::handle(&gateway.ports, &gateway.settings, request)
    });
    let values: Vec<Value> = block_on(join_all(calls))
        .into_iter()
        .map(|reply| serde_json::from_slice(&block_on(read_body(reply)).unwrap()).unwrap())
        .collect();
    let first = &values[0];
    assert_eq!(first["id"], "ck_playground");
    assert_eq!(first["name"], "Playground");
    assert_eq!(first["expires_at"], "2026-11-22T01:00:00.000Z");
    assert!(first["key"].as_str().unwrap().starts_with("sk-"));
    assert!(values.iter().all(|value| value == first), "{values:?}");
    let keys = stored(&gateway);
    assert_eq!(keys.len(), 1, "there is one key");
    assert_eq!(keys[0]["hash"], hash(first));
    let dump = gateway.ports.store().dump();
    assert!(!dump.contains(first["key"].as_str().unwrap()));
    let writes = gateway.ports.store().writes();
    assert_eq!(&ask(&gateway), first);
    assert_eq!(gateway.ports.store().writes(), writes, "nothing to store");
}

#[test]
fn only_a_session_gets_it() {
    let gateway = Gateway::new();
    let answer = gateway.send(request("POST", "playground/key", &[], "{}"));
    answer.expect_error(401, "not_authenticated");
    let key = ask(&gateway);
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    let answer = gateway.send(request("POST", "playground/key", &headers, "{}"));
    answer.expect_error(401, "not_authenticated");
    for body in [json!({"rotate": 1}), json!({"name": "x"})] {
        gateway
            .call("POST", "playground/key", &body)
            .expect_error(400, "invalid_value");
    }
}

#[test]
fn it_is_renewed_in_use_and_the_value_before_stays_valid_until_it_expires() {
    let gateway = Gateway::new();
    let first = ask(&gateway);
    gateway.ports.advance_ms(30 * MINUTE_MS - 1);
    assert_eq!(ask(&gateway), first);
    gateway.ports.advance_ms(1);
    let second = ask(&gateway);
    assert_ne!(second["key"], first["key"]);
    assert_eq!(second["expires_at"], "2026-11-22T01:30:00.000Z");
    let previous = json!({"hint": first["hint"], "valid_until": first["expires_at"]});
    assert_eq!(second["previous"], previous);
    assert_eq!(stored(&gateway)[0]["previous"]["hash"], hash(&first));
    gateway.ports.advance_ms(90 * MINUTE_MS);
    let third = ask(&gateway);
    assert_eq!(third.get("previous"), None, "the one before has expired");
    assert_eq!(stored(&gateway).len(), 1);
    assert_eq!(third["created_at"], first["created_at"]);
}

#[test]
fn a_leaked_value_is_rejected_at_once_and_limits_stay() {
    let gateway = Gateway::new();
    let first = ask(&gateway);
    let limits = json!({"limits": {"daily_budget_micro_usd": 5_000_000}, "name": "Play"});
    gateway.call("PATCH", PATH, &limits).expect(200);
    let second = rotate(&gateway);
    assert_ne!(second["key"], first["key"]);
    assert_eq!(second.get("previous"), None);
    assert_eq!(second["limits"]["daily_budget_micro_usd"], 5_000_000);
    assert_eq!(second["name"], "Play");
    let keys = stored(&gateway);
    assert_eq!((keys.len(), &keys[0]["hash"]), (1, &json!(hash(&second))));
    assert_ne!(rotate(&gateway)["key"], second["key"]);
}

#[test]
fn whatever_was_done_to_it_the_next_call_has_a_key_that_works() {
    let gateway = Gateway::new();
    let mut before = ask(&gateway);
    let mut check = |what: &str| {
        gateway.ports.advance_ms(1);
        let next = ask(&gateway);
        assert_ne!(next["key"], before["key"], "{what}");
        assert_eq!(next.get("previous"), None, "{what}");
        let keys = stored(&gateway);
        assert_eq!(keys.len(), 1, "{what}");
        assert_eq!(keys[0]["hash"], hash(&next), "{what}");
        before = next;
    };
    gateway
        .call("POST", &format!("{PATH}/rotate"), &json!({}))
        .expect(200);
    check("rotated as other keys are");
    for end in [json!(null), json!("2027-01-01T00:00:00Z")] {
        gateway
            .call("PATCH", PATH, &json!({"expires_at": end}))
            .expect(200);
        check("given another end");
    }
    let mut export = gateway.get("config").expect(200);
    export["keys"][0]["hash"] = json!("0".repeat(64));
    gateway.call("PUT", "config", &export).expect(200);
    check("imported from another gateway");
    gateway.call("DELETE", PATH, &Value::Null).expect(204);
    check("deleted");
}

#[test]
fn another_password_means_another_value() {
    let mut gateway = Gateway::new();
    let first = ask(&gateway);
    gateway.settings = settings("another horse");
    let login = gateway.login("another horse").expect(200);
    login["token"]
        .as_str()
        .unwrap()
        .clone_into(&mut gateway.token);
    let second = ask(&gateway);
    assert_ne!(second["key"], first["key"]);
    assert_eq!(second.get("previous"), None, "the one before is rejected");
    assert_ne!(PASSWORD, "another horse");
}

#[test]
fn lists_leave_it_out_unless_they_are_searched_for_it() {
    let gateway = Gateway::new();
    gateway
        .call("POST", "keys", &json!({"name": "laptop"}))
        .expect(201);
    let key = ask(&gateway);
    for path in ["keys", "keys?q=ck_", "keys?q=play", "keys?limit=10"] {
        let list = gateway.get(path).expect(200);
        assert!(!listed(&list).contains(&"ck_playground"), "{path}");
        if path.contains("limit") {
            assert_eq!(list["total"], 1);
        }
    }
    for path in ["keys?q=playground", "keys?q=ck_playground"] {
        let list = gateway.get(path).expect(200);
        assert_eq!(listed(&list), ["ck_playground"], "{path}");
    }
    assert_eq!(gateway.get(PATH).expect(200)["hint"], key["hint"]);

    // A key that lasts cannot be hidden in this way.
    gateway
        .call("PATCH", PATH, &json!({"expires_at": null}))
        .expect(200);
    let list = gateway.get("keys").expect(200);
    assert!(listed(&list).contains(&"ck_playground"));
}
