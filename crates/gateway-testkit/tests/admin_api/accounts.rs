//! Accounts: made, changed, deleted; what becomes of their sessions; how they travel in the configuration.

use gateway_core::admin::AdminSettings;
use gateway_core::ports::StoreKey;
use serde_json::{Value, json};

use crate::{Answer, Gateway, PASSWORD, request, settings, with_master_key};

pub const ANNA: &str = "anna's password";

impl Gateway {
    /// A new account's id.
    pub fn account(&self, name: &str, role: &str, password: &str) -> String {
        let body = json!({"name": name, "role": role, "password": password});
        let created = self.call("POST", "accounts", &body).expect(201);
        created["id"].as_str().unwrap().to_owned()
    }

    pub fn login_with(&self, credentials: &Value) -> Answer {
        self.send(request("POST", "login", &[], credentials.to_string()))
    }

    /// A token of an account.
    pub fn token_of(&self, name: &str, password: &str) -> String {
        let login = self.login_with(&json!({"name": name, "password": password}));
        login.expect(200)["token"].as_str().unwrap().to_owned()
    }

    /// A call with another token than that of the admin.
    #[track_caller]
    pub fn call_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let bearer = format!("Bearer {token}");
        self.send(request(method, path, &[("authorization", &bearer)], body))
    }

    #[track_caller]
    pub fn get_as(&self, token: &str, path: &str) -> Answer {
        self.call_as(token, "GET", path, &Value::Null)
    }
}

#[test]
fn an_account_logs_in_and_the_session_says_who_it_is() {
    let gateway = Gateway::new();
    let own = gateway.get("session").expect(200);
    assert_eq!(own["id"], "admin");
    assert_eq!(own["name"], "admin");
    assert_eq!(own["role"], "owner");
    assert_eq!(own["has_account"], false);
    let id = gateway.account(" Anna ", "admin", ANNA);
    assert!(id.starts_with("ac_"), "{id}");
    let token = gateway.token_of("anna", ANNA);
    let session = gateway.get_as(&token, "session").expect(200);
    assert_eq!(session["id"], id);
    assert_eq!(session["name"], "Anna");
    assert_eq!(session["role"], "admin");
    assert_eq!(session["has_account"], true);
    assert_eq!(session["has_totp"], false);
    // The name of the admin password is "admin".
    let login = json!({"name": "Admin", "password": PASSWORD});
    gateway.login_with(&login).expect(200);
}

#[test]
fn neither_password_nor_hash_is_ever_shown_or_logged() {
    let gateway = Gateway::new();
    let created = gateway
        .call(
            "POST",
            "accounts",
            &json!({"name": "Anna", "role": "viewer", "password": ANNA}),
        )
        .expect(201);
    let expected = json!({
        "id": created["id"], "name": "Anna", "role": "viewer", "enabled": true, "totp": false, "recovery_codes": 0,
        "created_at": "2026-11-22T00:00:00.000Z", "updated_at": "2026-11-22T00:00:00.000Z"
    });
    assert_eq!(created, expected);
    let mut row = gateway.get("accounts").expect(200)["data"][0].clone();
    row.as_object_mut().unwrap().remove("revision");
    assert_eq!(row, expected);
    gateway.token_of("Anna", ANNA);
    let logged = gateway.ports.log_lines().join("\n");
    assert!(!logged.contains(ANNA) && !logged.contains("argon2"));
    let stored = gateway.ports.store().get(StoreKey::Config).unwrap();
    let stored = String::from_utf8(stored).unwrap();
    assert!(!stored.contains(ANNA), "{stored}");
    assert!(
        stored.contains("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
}

#[test]
fn wrong_credentials_are_the_same_error_whatever_is_wrong() {
    let gateway = Gateway::new();
    let id = gateway.account("Anna", "viewer", ANNA);
    let mut messages = Vec::new();
    for (name, password) in [("Anna", "another one"), ("Bob", ANNA), ("", ANNA)] {
        let login = gateway.login_with(&json!({"name": name, "password": password}));
        let login = login.expect_error(401, "wrong_password");
        messages.push(login.message().to_owned());
    }
    let path = format!("accounts/{id}");
    gateway
        .call("PATCH", &path, &json!({"enabled": false}))
        .expect(200);
    let login = gateway.login_with(&json!({"name": "Anna", "password": ANNA}));
    messages.push(
        login
            .expect_error(401, "wrong_password")
            .message()
            .to_owned(),
    );
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
    for (body, path) in [
        (json!({"name": "Anna"}), "password"),
        (json!({"password": PASSWORD, "totp": "123456"}), "totp"),
        (json!({"key": "sk-x", "password": PASSWORD}), "password"),
        (json!({"name": 1, "password": PASSWORD}), "name"),
    ] {
        let error = gateway.login_with(&body).expect_error(400, "invalid_value");
        assert_eq!(error.body["error"]["param"], path, "{body}");
    }
}

#[test]
fn accounts_share_the_throttle_of_the_admin_password() {
    let gateway = Gateway::new();
    gateway.account("Anna", "viewer", ANNA);
    for number in 0..5 {
        let body = json!({"name": "Anna", "password": format!("wrong {number}")});
        gateway
            .login_with(&body)
            .expect_error(401, "wrong_password");
    }
    let right = json!({"name": "Anna", "password": ANNA});
    let refused = gateway
        .login_with(&right)
        .expect_error(429, "rate_limit_exceeded");
    gateway
        .login("wrong")
        .expect_error(429, "rate_limit_exceeded");
    // The appointment holds for the right password.
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    gateway.ports.advance_ms(seconds * 1000);
    gateway.login_with(&right).expect(200);
}

#[test]
fn a_change_of_password_role_or_state_ends_the_sessions() {
    let gateway = Gateway::new();
    let id = gateway.account("Anna", "viewer", ANNA);
    let path = format!("accounts/{id}");
    for change in [
        json!({"password": "a new password"}),
        json!({"role": "admin"}),
        json!({"enabled": false}),
    ] {
        let fresh = json!({"password": ANNA, "role": "viewer", "enabled": true});
        gateway.call("PATCH", &path, &fresh).expect(200);
        let token = gateway.token_of("Anna", ANNA);
        // A new name is no reason to log in again.
        gateway
            .call("PATCH", &path, &json!({"name": "Anna"}))
            .expect(200);
        gateway.get_as(&token, "status").expect(200);
        gateway.call("PATCH", &path, &change).expect(200);
        gateway
            .get_as(&token, "status")
            .expect_error(401, "not_authenticated");
    }
    let fresh = json!({"password": ANNA, "role": "viewer", "enabled": true});
    gateway.call("PATCH", &path, &fresh).expect(200);
    let token = gateway.token_of("Anna", ANNA);
    assert_eq!(gateway.call("DELETE", &path, &Value::Null).status, 204);
    gateway
        .get_as(&token, "session")
        .expect_error(401, "not_authenticated");
    gateway
        .call("DELETE", &path, &Value::Null)
        .expect_error(404, "not_found");
}

#[test]
fn an_account_changes_its_own_password_and_stays_logged_in_here_only() {
    let gateway = Gateway::new();
    gateway.account("Anna", "viewer", ANNA);
    let here = gateway.token_of("Anna", ANNA);
    let elsewhere = gateway.token_of("Anna", ANNA);
    let change = |current: &str, new: &str| {
        let body = json!({"current": current, "new": new});
        gateway.call_as(&here, "POST", "account/password", &body)
    };
    let wrong = change("not it at all", "a new password").expect_error(400, "invalid_value");
    assert_eq!(wrong.body["error"]["details"][0]["code"], "wrong_password");
    let short = change(ANNA, "short").expect_error(400, "invalid_value");
    assert_eq!(
        short.body["error"]["details"][0]["code"],
        "invalid_password"
    );
    let changed = change(ANNA, "a new password");
    assert!(changed.header("set-cookie").starts_with("gateway_session="));
    let token = changed.expect(200)["token"].as_str().unwrap().to_owned();
    gateway.get_as(&token, "session").expect(200);
    for old in [&here, &elsewhere] {
        gateway
            .get_as(old, "session")
            .expect_error(401, "not_authenticated");
    }
    gateway.token_of("Anna", "a new password");
    // The admin password is no account's.
    let body = json!({"current": PASSWORD, "new": "a new password"});
    gateway
        .call("POST", "account/password", &body)
        .expect_error(403, "forbidden");
}

#[test]
fn guesses_of_the_own_password_with_a_stolen_session_are_counted() {
    let gateway = Gateway::new();
    gateway.account("Anna", "viewer", ANNA);
    let token = gateway.token_of("Anna", ANNA);
    let guess = |current: &str| {
        let body = json!({"current": current, "new": "a new password"});
        gateway.call_as(&token, "POST", "account/password", &body)
    };
    for _ in 0..5 {
        guess("not it at all").expect_error(400, "invalid_value");
    }
    let refused = guess(ANNA).expect_error(429, "rate_limit_exceeded");
    assert_eq!(refused.header("retry-after"), "180");
    gateway.ports.advance_ms(180_000);
    guess(ANNA).expect(200);
}

#[test]
fn names_differ_and_passwords_have_a_least_length() {
    let gateway = Gateway::new();
    let id = gateway.account("Anna", "owner", ANNA);
    gateway.account("Bob", "viewer", ANNA);
    let create = |name: &str, role: &str, password: &str| {
        let body = json!({"name": name, "role": role, "password": password});
        let answer = gateway.call("POST", "accounts", &body);
        let answer = answer.expect_error(400, "invalid_value");
        let detail = &answer.body["error"]["details"][0];
        (detail["path"].clone(), detail["code"].clone())
    };
    let taken = (json!("name"), json!("name_taken"));
    assert_eq!(create("anna ", "viewer", ANNA), taken);
    assert_eq!(create("ADMIN", "viewer", ANNA), taken);
    let short = (json!("password"), json!("invalid_password"));
    assert_eq!(create("Carl", "viewer", "1234567"), short);
    assert_eq!(create("Carl", "viewer", &"x".repeat(1025)), short);
    let choice = (json!("role"), json!("invalid_choice"));
    assert_eq!(create("Carl", "member", ANNA), choice);
    let path = format!("accounts/{id}");
    let answer = gateway.call("PATCH", &path, &json!({"name": "BOB"}));
    answer.expect_error(400, "invalid_value");
    gateway
        .call("PATCH", &path, &json!({"name": "ANNA"}))
        .expect(200);
}

#[test]
fn a_write_replaces_only_the_state_that_was_seen() {
    let gateway = Gateway::new();
    let id = gateway.account("Anna", "viewer", ANNA);
    let path = format!("accounts/{id}");
    let seen = gateway.get("accounts").expect(200)["data"][0]["revision"].clone();
    let seen = seen.as_str().unwrap();
    gateway
        .call("PATCH", &path, &json!({"name": "Anne"}))
        .expect(200);
    for (method, body) in [("PATCH", json!({"role": "admin"})), ("DELETE", Value::Null)] {
        let bearer = format!("Bearer {}", gateway.token);
        let headers = [("authorization", bearer.as_str()), ("if-match", seen)];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        gateway
            .send(request(method, &path, &headers, body))
            .expect_error(412, "changed_meanwhile");
    }
}

#[test]
fn the_last_owner_stays_while_there_is_no_admin_password() {
    let mut gateway = Gateway::new();
    let anna = gateway.account("Anna", "owner", ANNA);
    let bob = gateway.account("Bob", "owner", ANNA);
    gateway.settings = AdminSettings::default();
    gateway.token = gateway.token_of("Anna", ANNA);
    let options = gateway
        .send(request("GET", "login/options", &[], ""))
        .expect(200);
    assert_eq!(
        options,
        json!({"password": false, "accounts": true, "client_keys": false, "oidc": null})
    );
    let (anna, bob) = (format!("accounts/{anna}"), format!("accounts/{bob}"));
    // One of two may go.
    gateway
        .call("PATCH", &bob, &json!({"role": "admin"}))
        .expect(200);
    for change in [json!({"role": "viewer"}), json!({"enabled": false})] {
        gateway
            .call("PATCH", &anna, &change)
            .expect_error(409, "last_owner");
    }
    gateway
        .call("DELETE", &anna, &Value::Null)
        .expect_error(409, "last_owner");
    let empty = json!({"version": 1, "channels": [], "keys": [], "accounts": []});
    gateway
        .call("PUT", "config", &empty)
        .expect_error(409, "last_owner");
    gateway.login(PASSWORD).expect_error(503, "admin_disabled");
    // With the admin password everybody may go.
    gateway.settings = settings(PASSWORD);
    gateway.log_in();
    gateway.call("DELETE", &anna, &Value::Null);
    gateway.call("DELETE", &bob, &Value::Null);
    assert_eq!(gateway.get("accounts").expect(200), json!({"data": []}));
}

#[test]
fn a_configuration_carries_accounts_as_hashes_to_another_gateway() {
    let gateway = Gateway::new();
    gateway.account("Anna", "admin", ANNA);
    let document = gateway.get("config").expect(200);
    let hash = document["accounts"][0]["password_hash"].as_str().unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    let other = Gateway::with(with_master_key('A'));
    let imported = other.call("PUT", "config", &document).expect(200);
    assert_eq!(imported["accounts"], document["accounts"]);
    other.token_of("Anna", ANNA);
    // Without the member the accounts stay, with an empty list they go.
    let mut without = document.clone();
    without.as_object_mut().unwrap().remove("accounts");
    let kept = other.call("PUT", "config", &without).expect(200);
    assert_eq!(kept["accounts"], document["accounts"]);
    let mut none = document;
    none["accounts"] = json!([]);
    let gone = other.call("PUT", "config", &none).expect(200);
    assert_eq!(gone["accounts"], Value::Null);
}

#[test]
fn everything_that_is_wrong_with_imported_accounts_is_named() {
    let gateway = Gateway::new();
    gateway.account("Anna", "admin", ANNA);
    let mut document = gateway.get("config").expect(200);
    let good = document["accounts"][0].clone();
    let with = |member: &str, value: Value| {
        let mut account = good.clone();
        account["id"] = json!(format!("ac_{member}"));
        account["name"] = json!(member);
        account[member] = value;
        account
    };
    document["accounts"] = json!([
        good,
        good,
        with("role", json!("member")),
        with("password_hash", json!("hunter2")),
        with("totp", json!(true)),
        with("totp_secret", json!("x")),
        with("recovery_hashes", json!(["x"])),
        with("created_at", json!("yesterday")),
        {},
    ]);
    let answer = gateway.call("PUT", "config", &document);
    let answer = answer.expect_error(400, "invalid_value");
    let details = answer.body["error"]["details"].as_array().unwrap();
    let named: Vec<(&str, &str)> = details
        .iter()
        .map(|it| (it["path"].as_str().unwrap(), it["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        named,
        [
            ("accounts[1].id", "duplicate"),
            ("accounts[1].name", "name_taken"),
            ("accounts[2].role", "invalid_choice"),
            ("accounts[3].password_hash", "invalid_password_hash"),
            ("accounts[4].totp_secret", "required"),
            ("accounts[5].totp_secret", "invalid_totp_secret"),
            ("accounts[6].recovery_hashes", "invalid_hash"),
            ("accounts[7].created_at", "invalid_time"),
            ("accounts[8].id", "required"),
            ("accounts[8].name", "required"),
            ("accounts[8].role", "required"),
            ("accounts[8].password_hash", "required"),
        ]
    );
}

#[test]
fn damaged_accounts_lock_nobody_with_the_admin_password_out() {
    let gateway = Gateway::new();
    gateway.account("Anna", "admin", ANNA);
    let stored = gateway.ports.store().get(StoreKey::Config).unwrap();
    let mut stored: Value = serde_json::from_slice(&stored).unwrap();
    stored["accounts"] = json!([{"id": 1}]);
    gateway
        .ports
        .store()
        .put(StoreKey::Config, stored.to_string().into_bytes());
    gateway
        .login_with(&json!({"name": "Anna", "password": ANNA}))
        .expect_error(503, "store_unavailable");
    gateway.login(PASSWORD).expect(200);
    gateway.get("channels").expect(200);
    gateway
        .get("accounts")
        .expect_error(503, "store_unavailable");
    assert!(
        !gateway
            .send(request("GET", "login/options", &[], ""))
            .expect(200)["accounts"]
            .as_bool()
            .unwrap()
    );
}
