//! Logging in and out, and what becomes of a token.

use gateway_core::admin::AdminSettings;
use gateway_core::peer::Peer;
use gateway_core::ports::StoreKey;
use gateway_core::secret::Secret;
use http::uri::Scheme;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Gateway, PASSWORD, request, sent_by, settings};

const HOUR_MS: u64 = 3_600_000;

#[test]
fn a_login_gives_a_token_and_a_cookie_that_both_work() {
    let gateway = Gateway::new();
    let answer = gateway.login(PASSWORD);
    let token = answer.body["token"].as_str().unwrap();
    assert_eq!(answer.body["expires_at"], "2026-11-22T12:00:00.000Z");
    assert_eq!(
        answer.header("set-cookie"),
        format!(
            "gateway_session={token}; HttpOnly; SameSite=Strict; Path=/admin/api; Max-Age=43200"
        )
    );
    let bearer = format!("bearer {token}");
    let cookie = format!("other=1; gateway_session={token}; third=x");
    for header in [
        ("authorization", bearer.as_str()),
        ("cookie", cookie.as_str()),
    ] {
        let session = gateway
            .send(request("GET", "session", &[header], ""))
            .expect(200);
        assert_eq!(session["expires_at"], "2026-11-22T12:00:00.000Z");
        assert_eq!(session["upstream_keys_encrypted"], false);
        assert_eq!(session["master_key_error"], Value::Null);
    }
    let basic = [("authorization", "Basic eDp5"), ("cookie", cookie.as_str())];
    gateway
        .send(request("GET", "session", &basic, ""))
        .expect(200);
}

#[test]
fn the_cookie_is_secure_when_the_request_came_over_tls() {
    let gateway = Gateway::new();
    let body = json!({ "password": PASSWORD }).to_string();
    let forwarded = ("x-forwarded-proto", "https, http");
    let claimed = ("spin-full-url", "https://gateway.example/admin/api/login");
    for (scheme, headers, secure) in [
        (Some(Scheme::HTTPS), vec![], true),
        (None, vec![forwarded], true),
        (Some(Scheme::HTTP), vec![forwarded], true),
        (Some(Scheme::HTTP), vec![], false),
        (None, vec![], false),
        (None, vec![claimed], false),
    ] {
        let peer = Peer {
            scheme,
            ..Peer::default()
        };
        let request = request("POST", "login", &headers, body.clone());
        let answer = gateway.send(sent_by(peer, request));
        assert_eq!(
            answer.header("set-cookie").ends_with("; Secure"),
            secure,
            "{headers:?}"
        );
    }
}

#[test]
fn without_a_usable_password_login_is_impossible_and_the_message_says_what_to_do() {
    for (password, words) in [
        (None, "No admin password"),
        (Some(""), "No admin password"),
        (Some("sëvenàé"), "fewer than 8"),
    ] {
        let mut gateway = Gateway::new();
        gateway.settings = AdminSettings {
            password: password.map(|text| Secret::new(text.to_owned())),
            ..AdminSettings::default()
        };
        let answer = gateway
            .login(password.unwrap_or_default())
            .expect_error(503, "admin_disabled");
        assert!(answer.message().contains(words), "{}", answer.message());
        assert!(
            answer.message().contains("SPIN_VARIABLE_ADMIN_PASSWORD"),
            "{}",
            answer.message()
        );
        gateway
            .get("session")
            .expect_error(401, "not_authenticated");
    }
}

#[test]
fn a_wrong_password_is_refused_and_malformed_logins_are_not_counted() {
    let gateway = Gateway::new();
    gateway
        .login("correct horsf")
        .expect_error(401, "wrong_password");
    gateway.login("").expect_error(401, "wrong_password");
    for body in ["{}", r#"{"password":1}"#, r#"{"password":"x","extra":1}"#] {
        for _ in 0..10 {
            gateway
                .send(request("POST", "login", &[], body))
                .expect_error(400, "invalid_value");
        }
    }
    gateway
        .send(request("POST", "login", &[], ""))
        .expect_error(400, "invalid_json");
    gateway.login(PASSWORD).expect(200);
}

#[test]
fn a_logout_ends_one_session_for_good_and_clears_the_cookie() {
    let mut gateway = Gateway::new();
    let first = gateway.token.clone();
    gateway.log_in();
    let second = std::mem::replace(&mut gateway.token, first);
    let answer = gateway.call("POST", "logout", &Value::Null);
    assert_eq!(answer.status.as_u16(), 204);
    assert_eq!(
        answer.header("set-cookie"),
        "gateway_session=; HttpOnly; SameSite=Strict; Path=/admin/api; Max-Age=0"
    );
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
    gateway
        .call("POST", "logout", &Value::Null)
        .expect_error(401, "not_authenticated");
    gateway.token = second;
    gateway.get("session").expect(200);
}

#[test]
fn ended_sessions_are_remembered_only_as_long_as_they_matter() {
    let mut gateway = Gateway::new();
    for _ in 0..3 {
        gateway.call("POST", "logout", &Value::Null);
        gateway.log_in();
    }
    let ended = |gateway: &Gateway| -> usize {
        let list: Value =
            serde_json::from_slice(&gateway.ports.store().get(StoreKey::EndedSessions).unwrap())
                .unwrap();
        list.as_array().unwrap().len()
    };
    assert_eq!(ended(&gateway), 3);
    gateway.ports.advance_ms(12 * HOUR_MS);
    gateway.log_in();
    gateway.call("POST", "logout", &Value::Null);
    assert_eq!(ended(&gateway), 1);
}

#[test]
fn more_ended_sessions_than_the_list_holds_end_all_sessions() {
    let mut gateway = Gateway::new();
    let bystander = gateway.token.clone();
    let full: Vec<Value> = (0..1000)
        .map(|number| json!({"nonce": format!("{number}"), "until": 1_900_000_000_000_u64}))
        .collect();
    gateway
        .ports
        .store()
        .put(StoreKey::EndedSessions, serde_json::to_vec(&full).unwrap());
    gateway.log_in();
    assert_eq!(
        gateway.call("POST", "logout", &Value::Null).status.as_u16(),
        204
    );
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
    gateway.token = bystander;
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
    gateway.log_in();
    gateway.get("session").expect(200);
}

#[test]
fn sessions_end_after_twelve_hours() {
    let gateway = Gateway::new();
    gateway.ports.advance_ms(12 * HOUR_MS - 1);
    gateway.get("session").expect(200);
    gateway.ports.advance_ms(1);
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
}

#[test]
fn a_changed_password_ends_all_sessions_for_good() {
    let mut gateway = Gateway::new();
    gateway.settings = settings("another password");
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
    gateway.login(PASSWORD).expect_error(401, "wrong_password");
    gateway.login("another password").expect(200);
    // The old password again is not the old sessions again.
    gateway.settings = settings(PASSWORD);
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
    gateway.log_in();
    gateway.get("session").expect(200);
    // Also without a login in between.
    gateway.settings = settings("another password");
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
    gateway.settings = settings(PASSWORD);
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
    let stored = gateway.ports.store().get(StoreKey::SessionSecret).unwrap();
    assert_eq!(
        stored.len(),
        34,
        "a secret and 16 bits of the password's hash"
    );
}

#[test]
fn a_secret_from_before_there_were_marks_is_kept() {
    let gateway = Gateway::new();
    let mut stored = gateway.ports.store().get(StoreKey::SessionSecret).unwrap();
    stored.truncate(32);
    gateway.ports.store().put(StoreKey::SessionSecret, stored);
    gateway.get("session").expect(200);
    assert_eq!(
        gateway
            .ports
            .store()
            .get(StoreKey::SessionSecret)
            .unwrap()
            .len(),
        34
    );
}

#[test]
fn tokens_of_another_store_are_worthless() {
    let gateway = Gateway::new();
    let mut other = Gateway::new();
    // Both fakes have the same seed, so the other store's secret is made different by hand.
    other.ports.store().put(StoreKey::SessionSecret, [7_u8; 32]);
    other.token.clone_from(&gateway.token);
    other.get("session").expect_error(401, "not_authenticated");
}

#[test]
fn a_damaged_session_secret_is_replaced() {
    let mut gateway = Gateway::new();
    gateway.ports.store().put(StoreKey::SessionSecret, b"short");
    gateway
        .get("session")
        .expect_error(401, "not_authenticated");
    gateway.log_in();
    gateway.get("session").expect(200);
}

#[test]
fn every_changed_character_breaks_a_token() {
    let gateway = Gateway::new();
    for position in 0..gateway.token.len() {
        for with in ["A", "B", "-", "=", "."] {
            let mut token = gateway.token.clone();
            token.replace_range(position..=position, with);
            if token != gateway.token {
                let bearer = format!("Bearer {token}");
                gateway
                    .send(request("GET", "session", &[("authorization", &bearer)], ""))
                    .expect_error(401, "not_authenticated");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_made_up_token_is_taken(token in "[A-Za-z0-9_.-]{0,120}") {
        let gateway = Gateway::new();
        let cookie = format!("gateway_session={token}");
        let answer = gateway.send(request("GET", "session", &[("cookie", &cookie)], ""));
        prop_assert_eq!(answer.status.as_u16(), 401);
    }
}
