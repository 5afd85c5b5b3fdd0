//! Several writers at the same time, and a store that fails.

use futures_util::future::join_all;
use gateway_core::admin;
use gateway_core::ports::StoreKey;
use gateway_testkit::fakes::block_on;
use serde_json::{Value, json};

use crate::{Gateway, PASSWORD, peer_at, request, sent_by, settings};

#[test]
fn a_write_in_between_is_kept() {
    let gateway = Gateway::new();
    let (mine, other) = (
        gateway.channel(&json!({"name": "mine"})),
        gateway.channel(&json!({"name": "other"})),
    );
    gateway.ports.store().after_read(StoreKey::Config, |store| {
        let mut document: Value =
            serde_json::from_slice(&store.get(StoreKey::Config).unwrap()).unwrap();
        document["channels"][1]["name"] = json!("changed by another admin");
        store.put(StoreKey::Config, serde_json::to_vec(&document).unwrap());
    });
    gateway
        .call("PATCH", &format!("channels/{mine}"), &json!({"weight": 5}))
        .expect(200);
    assert_eq!(
        gateway.get(&format!("channels/{mine}")).expect(200)["weight"],
        5
    );
    assert_eq!(
        gateway.get(&format!("channels/{other}")).expect(200)["name"],
        "changed by another admin"
    );
}

#[test]
fn a_channel_that_is_deleted_in_between_is_not_revived() {
    let gateway = Gateway::new();
    let id = gateway.channel(&json!({}));
    gateway.ports.store().after_read(StoreKey::Config, |store| {
        store.put(StoreKey::Config, br#"{"version":1}"#);
    });
    gateway
        .call("PATCH", &format!("channels/{id}"), &json!({"weight": 5}))
        .expect_error(404, "not_found");
    assert_eq!(gateway.get("channels").expect(200), json!({"data": []}));
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let gateway = Gateway::new();
    let bearer = format!("Bearer {}", gateway.token);
    let writes = (0..10).map(|number| {
        let (path, body) = if number % 2 == 0 {
            (
                "channels",
                json!({"name": format!("{number}"), "base_url": "https://h", "keys": []}),
            )
        } else {
            ("keys", json!({"name": format!("{number}")}))
        };
        let request = request(
            "POST",
            path,
            &[("authorization", &bearer)],
            body.to_string(),
        );
        admin::handle(&gateway.ports, &gateway.settings, request)
    });
    let replies = block_on(join_all(writes));
    assert!(replies.iter().all(|reply| reply.status().as_u16() == 201));
    for path in ["channels", "keys"] {
        assert_eq!(
            gateway.get(path).expect(200)["data"]
                .as_array()
                .unwrap()
                .len(),
            5,
            "{path}"
        );
    }
    assert!(gateway.ports.store().writes() > 10, "the writers did meet");
}

#[test]
fn endless_conflicts_end_in_409() {
    let gateway = Gateway::new();
    let id = gateway.channel(&json!({}));
    gateway.ports.store().conflict_next(16);
    gateway
        .call("PATCH", &format!("channels/{id}"), &json!({"weight": 5}))
        .expect_error(409, "conflict");
    assert_eq!(
        gateway.get(&format!("channels/{id}")).expect(200)["weight"],
        1
    );
    gateway.ports.store().conflict_next(15);
    gateway
        .call("PATCH", &format!("channels/{id}"), &json!({"weight": 5}))
        .expect(200);
}

#[test]
fn a_store_that_fails_is_reported_and_its_words_stay_in_the_log() {
    let gateway = Gateway::new();
    gateway.ports.store().break_writes(true);
    let body = json!({"name": "x", "base_url": "https://h", "keys": []});
    let answer = gateway
        .call("POST", "channels", &body)
        .expect_error(503, "store_unavailable");
    assert!(
        !answer.message().contains("for this test"),
        "{}",
        answer.message()
    );
    assert!(
        gateway
            .ports
            .log_lines()
            .iter()
            .any(|line| line.contains("writes are broken for this test"))
    );
    gateway
        .login(PASSWORD)
        .expect_error(503, "store_unavailable");
    gateway
        .call("POST", "logout", &Value::Null)
        .expect_error(503, "store_unavailable");
    gateway.ports.store().break_writes(false);
    gateway.ports.store().break_reads(true);
    for path in ["session", "channels", "keys"] {
        gateway.get(path).expect_error(503, "store_unavailable");
    }
    gateway.ports.store().break_reads(false);
    assert_eq!(gateway.get("channels").expect(200), json!({"data": []}));
}

#[test]
fn a_document_that_is_not_understood_is_never_overwritten() {
    let gateway = Gateway::new();
    for damaged in [
        "",
        "{",
        "null",
        r#"{"version":2,"channels":[],"keys":[]}"#,
        r#"{"version":1,"channels":[{"id":"sk-secret-in-the-document"}]}"#,
    ] {
        gateway.ports.store().put(StoreKey::Config, damaged);
        gateway
            .get("channels")
            .expect_error(503, "store_unavailable");
        let body = json!({"name": "x", "base_url": "https://h", "keys": []});
        gateway
            .call("POST", "channels", &body)
            .expect_error(503, "store_unavailable");
        gateway
            .call("POST", "keys", &json!({"name": "x"}))
            .expect_error(503, "store_unavailable");
        assert_eq!(
            gateway.ports.store().get(StoreKey::Config).unwrap(),
            damaged.as_bytes()
        );
    }
    assert!(!gateway.ports.log_lines().join("\n").contains("sk-secret"));
}

#[test]
fn first_logins_at_the_same_moment_agree_on_one_secret() {
    let gateway = Gateway::new();
    let fresh = Gateway {
        ports: gateway_testkit::fakes::FakePorts::seeded(9),
        settings: settings(PASSWORD),
        token: String::new(),
    };
    let logins = (0..3).map(|number| {
        let address = format!("192.0.2.{number}:1");
        let body = json!({ "password": PASSWORD }).to_string();
        let request = sent_by(peer_at(&address), request("POST", "login", &[], body));
        admin::handle(&fresh.ports, &fresh.settings, request)
    });
    let replies = block_on(join_all(logins));
    for reply in replies {
        assert_eq!(reply.status().as_u16(), 200);
        let cookie = reply.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        fresh
            .send(request("GET", "session", &[("cookie", &cookie)], ""))
            .expect(200);
        gateway
            .send(request("GET", "session", &[("cookie", &cookie)], ""))
            .expect_error(401, "not_authenticated");
    }
}

#[test]
fn guesses_and_logouts_of_other_instances_in_between_count() {
    let mut gateway = Gateway::new();
    for _ in 0..4 {
        gateway
            .login("wrong one")
            .expect_error(401, "wrong_password");
    }
    let four = gateway.ports.store().get(StoreKey::LoginFailures).unwrap();
    gateway
        .login("wrong one")
        .expect_error(401, "wrong_password");
    let five = gateway.ports.store().get(StoreKey::LoginFailures).unwrap();
    gateway.ports.store().put(StoreKey::LoginFailures, four);
    gateway
        .ports
        .store()
        .after_read(StoreKey::LoginFailures, |store| {
            store.put(StoreKey::LoginFailures, five);
        });
    gateway
        .login(PASSWORD)
        .expect_error(429, "rate_limit_exceeded");

    gateway.ports.advance_ms(60_000);
    let first = gateway.token.clone();
    gateway.log_in();
    assert_eq!(
        gateway.call("POST", "logout", &Value::Null).status.as_u16(),
        204
    );
    let ended = gateway.ports.store().get(StoreKey::EndedSessions).unwrap();
    gateway.ports.store().put(StoreKey::EndedSessions, b"[]");
    let second = std::mem::replace(&mut gateway.token, first);
    // The first read is the check of the session; the second one is the change of the list.
    gateway
        .ports
        .store()
        .after_read(StoreKey::EndedSessions, |store| {
            store.after_read(StoreKey::EndedSessions, |store| {
                store.put(StoreKey::EndedSessions, ended);
            });
        });
    assert_eq!(
        gateway.call("POST", "logout", &Value::Null).status.as_u16(),
        204
    );
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
    gateway.token = second;
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
}
