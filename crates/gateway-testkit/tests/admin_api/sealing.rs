//! Upstream keys at rest, and that no secret is ever seen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_core::admin::AdminSettings;
use gateway_core::config::model::Document;
use gateway_core::config::seal::{self, MasterKey, MasterKeyError, SealError};
use gateway_core::ports::StoreKey;
use serde_json::{Value, json};

use crate::{Gateway, PASSWORD, UPSTREAM_KEY, settings};

fn master(byte: u8) -> MasterKey {
    MasterKey::parse(&STANDARD.encode([byte; 32]))
        .unwrap()
        .unwrap()
}

fn with_master(byte: u8) -> AdminSettings {
    AdminSettings {
        master_key: Some(master(byte)),
        ..settings(PASSWORD)
    }
}

fn document(gateway: &Gateway) -> Document {
    serde_json::from_slice(&gateway.ports.store().get(StoreKey::Config).unwrap()).unwrap()
}

#[test]
fn with_a_master_key_the_store_never_holds_a_key_in_clear() {
    let gateway = Gateway::with(with_master(1));
    assert_eq!(
        gateway.get("session").expect(200)["upstream_keys_encrypted"],
        true
    );
    gateway.channel(&json!({}));
    assert!(!gateway.ports.store().dump().contains("MIDDLE"));
    let key = document(&gateway).channels.remove(0).keys.remove(0);
    assert_eq!(
        seal::open(Some(&master(1)), &key.secret, &key.id)
            .unwrap()
            .expose(),
        UPSTREAM_KEY
    );
    let error = seal::open(Some(&master(2)), &key.secret, &key.id).unwrap_err();
    assert_eq!(error, SealError::CannotOpen);
    assert!(error.to_string().contains("another master key"));
    assert_eq!(
        seal::open(None, &key.secret, &key.id),
        Err(SealError::MasterKeyMissing)
    );
}

#[test]
fn keys_of_another_master_key_stay_as_they_are_until_they_are_replaced() {
    let mut gateway = Gateway::with(with_master(1));
    let path = format!("channels/{}", gateway.channel(&json!({})));
    let before = document(&gateway).channels.remove(0).keys;
    for settings in [with_master(2), settings(PASSWORD)] {
        gateway.settings = settings;
        gateway
            .call("PATCH", &path, &json!({"name": "renamed"}))
            .expect(200);
        assert_eq!(document(&gateway).channels.remove(0).keys, before);
    }
    gateway.settings = with_master(2);
    gateway
        .call("PATCH", &path, &json!({"keys": [UPSTREAM_KEY]}))
        .expect(200);
    let key = document(&gateway).channels.remove(0).keys.remove(0);
    assert_eq!(
        seal::open(Some(&master(2)), &key.secret, &key.id)
            .unwrap()
            .expose(),
        UPSTREAM_KEY
    );
}

#[test]
fn keys_in_clear_are_sealed_with_the_next_change() {
    let mut gateway = Gateway::new();
    let path = format!("channels/{}", gateway.channel(&json!({})));
    assert!(gateway.ports.store().dump().contains(UPSTREAM_KEY));
    gateway.settings = with_master(1);
    gateway
        .call("PATCH", &path, &json!({"weight": 2}))
        .expect(200);
    assert!(!gateway.ports.store().dump().contains("MIDDLE"));
    let key = document(&gateway).channels.remove(0).keys.remove(0);
    assert_eq!(
        seal::open(Some(&master(1)), &key.secret, &key.id)
            .unwrap()
            .expose(),
        UPSTREAM_KEY
    );
}

#[test]
fn an_unusable_master_key_stores_nothing_in_clear() {
    let mut gateway = Gateway::new();
    let path = format!("channels/{}", gateway.channel(&json!({"keys": []})));
    let reason = SealError::InvalidMasterKey.to_string();
    gateway.settings.master_key_error = MasterKey::parse("too short")
        .err()
        .map(MasterKeyError::Invalid);
    let answer = gateway
        .call("PATCH", &path, &json!({"keys": [UPSTREAM_KEY]}))
        .expect_error(500, "misconfigured");
    assert!(
        answer.message().contains("32 bytes in base64"),
        "{}",
        answer.message()
    );
    assert!(!gateway.ports.store().dump().contains("MIDDLE"));
    let session = gateway.get("session").expect(200);
    assert_eq!(
        (
            &session["upstream_keys_encrypted"],
            &session["master_key_error"]
        ),
        (&json!(false), &json!(reason))
    );
    gateway
        .call("PATCH", &path, &json!({"enabled": false}))
        .expect(200);
}

#[test]
fn no_secret_is_in_any_response_log_line_or_debug_text() {
    for settings in [settings(PASSWORD), with_master(1)] {
        let gateway = Gateway::with(settings);
        let id = gateway.channel(&json!({}));
        let path = format!("channels/{id}");
        let key = gateway
            .call("POST", "keys", &json!({"name": "a"}))
            .expect(201)["key"]
            .as_str()
            .unwrap()
            .to_owned();
        let mut seen = vec![
            format!("{:?}", gateway.settings),
            format!("{:?}", gateway.ports),
        ];
        for (method, path, body) in [
            ("GET", "channels", Value::Null),
            ("GET", path.as_str(), Value::Null),
            (
                "PATCH",
                &path,
                json!({"name": "x", "keys": [UPSTREAM_KEY, UPSTREAM_KEY]}),
            ),
            (
                "PATCH",
                &path,
                json!({"keys": [format!("{UPSTREAM_KEY} with a space")]}),
            ),
            (
                "PATCH",
                &path,
                json!({"keys": [{"id": "uk_1", "secret": UPSTREAM_KEY}]}),
            ),
            ("PATCH", &path, json!({"keys": [UPSTREAM_KEY]})),
            (
                "POST",
                "channels",
                json!({"name": "x", "base_url": format!("https://u:{UPSTREAM_KEY}@h"), "keys": []}),
            ),
            (
                "POST",
                "channels",
                json!({"name": "x", "base_url": "https://h", "keys": UPSTREAM_KEY}),
            ),
            ("GET", "keys", Value::Null),
            ("GET", "session", Value::Null),
        ] {
            let answer = gateway.call(method, path, &body);
            seen.push(format!("{answer:?}"));
        }
        gateway
            .login(UPSTREAM_KEY)
            .expect_error(401, "wrong_password");
        seen.extend(gateway.ports.log_lines());
        seen.push(format!("{:?}", document(&gateway).channels));
        for text in seen {
            for secret in ["MIDDLE", PASSWORD, &key, &gateway.token] {
                assert!(!text.contains(secret), "a secret is in: {text}");
            }
        }
    }
}
