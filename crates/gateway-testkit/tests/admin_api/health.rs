//! What the proxies found out about upstream keys, as an admin sees it.

use gateway_core::error::ErrorBody;
use gateway_core::health::record::{Health, HealthEvent, Target};
use gateway_core::ports::{Clock as _, StoreKey};
use gateway_core::upstream::failure::FailedAttempt;
use gateway_core::upstream::failure::Failure;
use serde_json::{Value, json};

use crate::Gateway;

/// Writes into the store what a proxy would: key number `place` of the channel failed just now.
pub fn fail(
    gateway: &Gateway,
    channel: &Value,
    place: usize,
    failure: Failure,
    wait_ms: Option<u64>,
) {
    let store = gateway.ports.store();
    let mut health: Health = store
        .get(StoreKey::Health)
        .map_or_else(Health::default, |raw| serde_json::from_slice(&raw).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let who = Target {
        channel: text(&channel["id"]),
        key: text(&channel["keys"][place]["id"]),
        model: "m".to_owned(),
    };
    let failed = FailedAttempt {
        channel: String::new(),
        key: String::new(),
        failure,
        status: None,
        error: Box::new(ErrorBody {
            message: "why".to_owned(),
            kind: String::new(),
            param: None,
            code: None,
        }),
        retry_after_ms: wait_ms,
        headers: Box::default(),
    };
    let now = gateway.ports.now();
    assert!(health.apply(&HealthEvent::failed(who, &failed, now, now)));
    store.put(StoreKey::Health, serde_json::to_vec(&health).unwrap());
}

fn channel(gateway: &Gateway) -> Value {
    let keys = ["key-number-1", "key-number-2", "key-number-3"];
    let body = json!({"name": "c", "base_url": "https://up.example/v1", "keys": keys});
    gateway.call("POST", "channels", &body).expect(201)
}

/// Status and end of each key.
fn keys(channel: &Value) -> Vec<(&str, Option<&str>)> {
    let keys = channel["keys"].as_array().unwrap().iter();
    keys.map(|key| (key["status"].as_str().unwrap(), key["until"].as_str()))
        .collect()
}

#[test]
fn keys_say_whether_they_cool_or_are_rejected_and_until_when() {
    let gateway = Gateway::new();
    let created = channel(&gateway);
    let path = format!("channels/{}", created["id"].as_str().unwrap());
    fail(&gateway, &created, 0, Failure::Throttled, Some(90_500));
    fail(&gateway, &created, 1, Failure::KeyRefused, None);
    let expected = [
        ("cooling", Some("2026-11-22T00:01:31.000Z")),
        ("rejected", Some("2026-11-22T00:00:30.000Z")),
        ("ok", None),
    ];
    assert_eq!(keys(&gateway.get(&path).expect(200)), expected);
    assert_eq!(
        keys(&gateway.get("channels").expect(200)["data"][0]),
        expected
    );
    gateway.ports.advance_ms(30_000);
    assert_eq!(
        keys(&gateway.get(&path).expect(200))[1],
        ("ok", None),
        "tried again by the next request"
    );
}

#[test]
fn a_changed_or_deleted_channel_is_forgotten_and_no_other() {
    let gateway = Gateway::new();
    let (one, other) = (channel(&gateway), channel(&gateway));
    for created in [&one, &other] {
        fail(&gateway, created, 0, Failure::KeyRefused, None);
    }
    let path = |channel: &Value| format!("channels/{}", channel["id"].as_str().unwrap());
    let changed = gateway
        .call("PATCH", &path(&one), &json!({"weight": 2}))
        .expect(200);
    assert_eq!(keys(&changed)[0].0, "ok");
    assert_eq!(keys(&gateway.get(&path(&one)).expect(200))[0].0, "ok");
    assert_eq!(
        keys(&gateway.get(&path(&other)).expect(200))[0].0,
        "rejected"
    );
    let deleted = gateway.call("DELETE", &path(&other), &json!({}));
    assert_eq!(deleted.status.as_u16(), 204);
    assert_eq!(gateway.ports.store().get(StoreKey::Health).unwrap(), b"{}");
}

#[test]
fn what_is_known_of_many_is_forgotten_with_a_change_but_not_for_a_tag() {
    let gateway = Gateway::new();
    let channels = [channel(&gateway), channel(&gateway), channel(&gateway)];
    for created in &channels {
        fail(&gateway, created, 0, Failure::KeyRefused, None);
    }
    let ids = channels
        .each_ref()
        .map(|channel| channel["id"].as_str().unwrap());
    let first_keys = || {
        let list = gateway.get("channels").expect(200);
        let rows = list["data"].as_array().unwrap().clone();
        let first = rows.iter().map(|channel| keys(channel)[0].0.to_owned());
        first.collect::<Vec<_>>()
    };
    let some = &ids[..2];
    for (change, expected) in [
        (json!({"ids": some, "add_tags": ["eu"]}), "rejected"),
        (json!({"ids": some, "change": {"weight": 2}}), "ok"),
    ] {
        gateway.call("POST", "channels/bulk", &change).expect(200);
        assert_eq!(first_keys(), [expected, expected, "rejected"]);
    }
    let deletion = json!({"ids": [ids[2]], "delete": true});
    gateway.call("POST", "channels/bulk", &deletion).expect(200);
    assert_eq!(gateway.ports.store().get(StoreKey::Health).unwrap(), b"{}");
}

#[test]
fn damaged_knowledge_hides_nothing_else() {
    let gateway = Gateway::new();
    let created = channel(&gateway);
    gateway.ports.store().put(StoreKey::Health, *b"no json");
    let shown = gateway.get("channels").expect(200);
    assert_eq!(keys(&shown["data"][0])[0].0, "ok");
    let path = format!("channels/{}", created["id"].as_str().unwrap());
    gateway
        .call("PATCH", &path, &json!({"weight": 2}))
        .expect(200);
    let lines = gateway.ports.log_lines().join("\n");
    assert!(lines.contains("the record is damaged"), "{lines}");
}
