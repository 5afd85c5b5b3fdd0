//! More client keys than the configuration's record holds: the same API, changes that are whole or not at all, and a proxy
//! that reads the keys it needs.

use std::rc::Rc;

use bytes::Bytes;
use gateway_core::config::key_shards::{MAX_INLINE_KEYS, StoredClientKeys};
use gateway_core::config::model::Document;
use gateway_core::config::stored;
use gateway_core::ids;
use gateway_core::ports::StoreKey;
use gateway_core::proxy;
use gateway_testkit::fakes::{FakePorts, block_on};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::Gateway;
use crate::lists::ids as ids_of;

const MANY: usize = MAX_INLINE_KEYS + 44;

fn secret(number: usize) -> String {
    format!("sk-number-{number}")
}

/// A configuration with `count` client keys, and one channel.
fn document(count: usize) -> Value {
    let keys: Vec<Value> = (0..count)
        .map(|number| {
            json!({
                "id": format!("ck_{number:05}"),
                "name": format!("Key {number}"),
                "hint": "sk-…",
                "hash": ids::hex(&ids::hash_client_key(secret(number).as_bytes())),
                "tags": [format!("team-{}", number % 4)],
                "created_at": format!("2026-01-01T00:{:02}:{:02}Z", number / 60 % 60, number % 60),
            })
        })
        .collect();
    let channel = json!({
        "id": "ch_1", "name": "One", "base_url": "https://up.example/v1", "keys": [], "models": ["m"]
    });
    json!({"version": 1, "channels": [channel], "keys": keys})
}

fn filled(count: usize) -> Gateway {
    let gateway = Gateway::new();
    gateway.call("PUT", "config", &document(count)).expect(200);
    gateway
}

/// A proxy of the same application.
fn proxy_on(ports: &FakePorts) -> Rc<proxy::Gateway<FakePorts>> {
    Rc::new(proxy::Gateway::new(ports.clone(), Ok(None)))
}

/// The status of a request with this key.
fn status(proxy: &Rc<proxy::Gateway<FakePorts>>, key: &str) -> u16 {
    let request = http::Request::get("/v1/models")
        .header("authorization", format!("Bearer {key}"))
        .body(Full::new(Bytes::new()))
        .unwrap();
    block_on(proxy::handle(proxy, request)).status().as_u16()
}

fn table_of(gateway: &Gateway) -> Document<StoredClientKeys> {
    stored::parse(gateway.ports.store().get(StoreKey::Config).as_deref()).unwrap()
}

/// The keys of the export.
fn exported(gateway: &Gateway) -> Value {
    gateway.get("config").expect(200)["keys"].clone()
}

fn key_of(answer: &Value) -> &str {
    answer["key"].as_str().unwrap()
}

#[test]
fn one_of_many_keys_lives_as_one_of_few() {
    let gateway = filled(MANY);
    assert!(matches!(
        table_of(&gateway).keys,
        StoredClientKeys::Sharded(_)
    ));
    let names = |gateway: &Gateway| gateway.ports.store().names().len();
    let created = gateway
        .call("POST", "keys", &json!({"name": "laptop", "tags": ["own"]}))
        .expect(201);
    let path = format!("keys/{}", created["id"].as_str().unwrap());
    let proxy = proxy_on(&gateway.ports);
    assert_eq!(status(&proxy, key_of(&created)), 200);
    assert_eq!(status(&proxy, &secret(7)), 200);
    assert_eq!(status(&proxy, "sk-unknown"), 401);

    let before = names(&gateway);
    let writes = gateway.ports.store().writes();
    let changed = gateway
        .call("PATCH", &path, &json!({"name": "desktop"}))
        .expect(200);
    assert_eq!(changed["name"], "desktop");
    assert_eq!(
        gateway.ports.store().writes() - writes,
        2,
        "a shard and the record that names it"
    );
    assert_eq!(
        names(&gateway),
        before + 1,
        "the old shard can still be read"
    );
    assert_eq!(gateway.get(&path).expect(200), changed);
    assert_eq!(
        gateway.get("keys?q=desktop").expect(200)["data"][0]["name"],
        "desktop"
    );

    let rotated = gateway
        .call("POST", &format!("{path}/rotate"), &json!({"grace_s": 60}))
        .expect(200);
    gateway.ports.advance_ms(2_000);
    for key in [&created, &rotated] {
        assert_eq!(status(&proxy, key_of(key)), 200);
    }
    gateway.ports.advance_ms(60_000);
    assert_eq!(status(&proxy, key_of(&created)), 401);
    gateway.call("DELETE", &path, &Value::Null).expect(204);
    gateway.ports.advance_ms(2_000);
    assert_eq!(status(&proxy, key_of(&rotated)), 401);
    gateway.get(&path).expect_error(404, "not_found");
    assert_eq!(exported(&gateway).as_array().unwrap().len(), MANY);

    let actions = gateway.get("audit?kind=key&limit=500").expect(200);
    let actions = actions["data"].as_array().unwrap().iter();
    let actions: Vec<&str> = actions
        .filter(|entry| entry["id"] == created["id"] || entry["object"] == created["id"])
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["delete", "rotate", "change", "create"]);
}

#[test]
fn lists_pages_and_bulk_changes_know_all_keys() {
    let gateway = filled(MANY);
    let page = gateway
        .get("keys?limit=10&sort=created&order=desc")
        .expect(200);
    assert_eq!(page["total"], MANY);
    assert_eq!(ids_of(&page)[0], format!("ck_{:05}", MANY - 1));
    let tagged = gateway.get("keys?tag=team-1").expect(200);
    assert_eq!(ids_of(&tagged).len(), MANY / 4);
    let all = gateway.get("keys").expect(200);
    let sorted = (0..MANY).map(|number| format!("ck_{number:05}"));
    assert_eq!(ids_of(&all), sorted.collect::<Vec<_>>());

    let body = json!({"ids": ["ck_00003", "ck_00200"], "change": {"enabled": false}});
    let answer = gateway.call("POST", "keys/bulk", &body).expect(200);
    assert_eq!(ids_of(&answer), ["ck_00003", "ck_00200"]);
    let proxy = proxy_on(&gateway.ports);
    assert_eq!(status(&proxy, &secret(3)), 401);
    assert_eq!(status(&proxy, &secret(4)), 200);
    let ghost = json!({"ids": ["ck_00004", "ck_none"], "change": {"enabled": false}});
    gateway
        .call("POST", "keys/bulk", &ghost)
        .expect_error(400, "invalid_value");
    assert_eq!(gateway.get("keys/ck_00004").expect(200)["enabled"], true);
    let gone = json!({"ids": ["ck_00003", "ck_00200"], "delete": true});
    gateway.call("POST", "keys/bulk", &gone).expect(200);
    assert_eq!(exported(&gateway).as_array().unwrap().len(), MANY - 2);
}

#[test]
fn what_does_not_touch_keys_leaves_their_records_alone() {
    let gateway = filled(MANY);
    let names = gateway.ports.store().names();
    let reads = gateway.ports.store().reads();
    let change = json!({"weight": 7});
    gateway.call("PATCH", "channels/ch_1", &change).expect(200);
    assert!(
        gateway.ports.store().reads() - reads < 8,
        "no shard is read"
    );
    let export = gateway.get("config").expect(200);
    gateway.call("PUT", "config", &export).expect(200);
    assert_eq!(
        gateway.ports.store().names(),
        names,
        "an import of the same"
    );
}

#[test]
fn a_configuration_of_an_earlier_version_is_read_and_divided_with_the_next_change() {
    let gateway = filled(MANY);
    let inline: Value = {
        let (whole, _) = table_of(&gateway).replace_keys(());
        let mut text = serde_json::to_value(whole).unwrap();
        text["keys"] = json!([]);
        let twin = filled(MAX_INLINE_KEYS);
        let few = twin.ports.store().get(StoreKey::Config).unwrap();
        let few: Value = serde_json::from_slice(&few).unwrap();
        let mut keys = few["keys"].as_array().unwrap().clone();
        for number in MAX_INLINE_KEYS..MANY {
            let mut key = keys[0].clone();
            key["id"] = json!(format!("ck_{number:05}"));
            key["hash"] = json!(ids::hex(&ids::hash_client_key(secret(number).as_bytes())));
            keys.push(key);
        }
        text["keys"] = json!(keys);
        text
    };
    let old = Gateway::new();
    old.ports
        .store()
        .put(StoreKey::Config, inline.to_string().into_bytes());
    let proxy = proxy_on(&old.ports);
    assert_eq!(status(&proxy, &secret(MANY - 1)), 200);
    assert_eq!(exported(&old).as_array().unwrap().len(), MANY);
    old.call("PATCH", "channels/ch_1", &json!({"weight": 2}))
        .expect(200);
    assert!(matches!(table_of(&old).keys, StoredClientKeys::Sharded(_)));
    old.ports.advance_ms(2_000);
    for number in [0, 1, MANY - 1] {
        assert_eq!(status(&proxy, &secret(number)), 200, "{number}");
    }
    let bytes = old.ports.store().get(StoreKey::Config).unwrap();
    let old_reader = serde_json::from_slice::<Document>(&bytes);
    assert!(
        old_reader.is_err(),
        "an earlier version must not see a gateway without keys"
    );
}

#[test]
fn a_crash_between_any_two_writes_leaves_the_old_state_or_the_new_one() {
    let larger = document(MANY * 5);
    let smaller = document(20);
    let rename = json!({"ids": ["ck_00001", "ck_00002", "ck_00003"], "change": {"enabled": false}});
    let changes: [(&str, &str, &Value); 5] = [
        ("PUT", "config", &larger),
        ("PUT", "config", &smaller),
        ("POST", "keys/bulk", &rename),
        ("POST", "keys/ck_00009/rotate", &Value::Null),
        ("DELETE", "keys/ck_00009", &Value::Null),
    ];
    for (method, path, body) in changes {
        let mut done = false;
        for writes in 0..200 {
            let gateway = filled(MANY);
            let before = exported(&gateway);
            gateway.ports.store().break_after_writes(Some(writes));
            let answer = gateway.call(method, path, body);
            gateway.ports.store().break_after_writes(None);
            let after = exported(&gateway);
            done = answer.status.is_success();
            let is_old = after == before;
            assert_eq!(is_old, !done, "{method} {path} after {writes} writes");
            let proxy = proxy_on(&gateway.ports);
            assert_eq!(
                status(&proxy, &secret(1)),
                if done && path == "keys/bulk" {
                    401
                } else {
                    200
                }
            );
            if done {
                break;
            }
        }
        assert!(done, "{method} {path} takes more writes than expected");
    }
}

#[test]
fn a_store_that_fails_turns_no_key_into_401() {
    let gateway = filled(MANY);
    let proxy = proxy_on(&gateway.ports);
    assert_eq!(status(&proxy, &secret(1)), 200);
    gateway.ports.store().break_reads(true);
    let mut unread = 0;
    for number in 0..40 {
        match status(&proxy, &secret(number)) {
            200 => {}
            503 => unread += 1,
            other => panic!("{other} for key {number}"),
        }
    }
    assert!(unread > 0, "keys that were not read yet");
    assert_eq!(status(&proxy, &secret(1)), 200, "those that were stay");
    gateway.ports.store().break_reads(false);
    for number in 0..40 {
        assert_eq!(status(&proxy, &secret(number)), 200);
    }
    gateway.ports.store().break_reads(true);
    gateway.ports.advance_ms(3_600_000);
    assert_eq!(status(&proxy, &secret(39)), 200);
}

#[test]
fn an_instance_with_an_old_configuration_reads_it_again_for_its_keys() {
    let gateway = filled(MANY);
    let proxy = proxy_on(&gateway.ports);
    assert_eq!(status(&proxy, &secret(1)), 200);
    // Another writer replaces all keys, and what was before is gone at once.
    let old = gateway.ports.store().names();
    gateway
        .call("PUT", "config", &document(MANY * 5))
        .expect(200);
    for name in old.iter().filter(|name| name.starts_with("gateway/keys/")) {
        gateway.ports.store().delete(name);
    }
    for number in [2, 3, 4, 5, 6, MANY * 5 - 1] {
        assert_eq!(status(&proxy, &secret(number)), 200, "{number}");
    }
}

#[test]
fn members_and_the_playground_find_their_key_among_many() {
    let gateway = Gateway::new();
    let mut document = document(MANY);
    document["settings"] = json!({"member_login": true});
    gateway.call("PUT", "config", &document).expect(200);
    let login = gateway.call("POST", "login", &json!({"key": secret(17)}));
    let token = login.expect(200)["token"].as_str().unwrap().to_owned();
    let member = Gateway {
        ports: gateway.ports.clone(),
        settings: crate::settings(crate::PASSWORD),
        token,
    };
    assert_eq!(member.get("me").expect(200)["id"], "ck_00017");
    gateway
        .call("POST", "login", &json!({"key": "sk-unknown"}))
        .expect_error(401, "wrong_password");
    let one = gateway
        .call("POST", "playground/key", &json!({}))
        .expect(200);
    let two = gateway
        .call("POST", "playground/key", &json!({}))
        .expect(200);
    assert_eq!(one["key"], two["key"]);
    assert_eq!(status(&proxy_on(&gateway.ports), key_of(&one)), 200);
    gateway
        .call("DELETE", "keys/ck_00017", &Value::Null)
        .expect(204);
    member.get("me").expect_error(401, "not_authenticated");
}
