//! Every route with every role: who may do what, written down once more as the contract has it.

use std::collections::BTreeMap;

use gateway_core::admin::OPENAPI;
use serde_json::{Value, json};

use crate::Gateway;
use crate::accounts::ANNA;
use crate::members;

/// Roles from the lowest; members are beside them.
const ROLES: [&str; 3] = ["viewer", "admin", "owner"];

const VIEWER: [&str; 25] = [
    "GET /channels",
    "GET /channels/{id}",
    "GET /keys",
    "GET /keys/{id}",
    "GET /keys/allowances",
    "GET /keys/{id}/allowance",
    "GET /config",
    "GET /route",
    "GET /status",
    "GET /usage",
    "GET /requests",
    "GET /requests/{id}",
    "GET /usage.csv",
    "GET /requests.csv",
    "GET /alerts",
    "GET /openapi.json",
    "POST /account/password",
    "POST /account/totp",
    "PUT /account/totp",
    "GET /session",
    "POST /logout",
    "POST /login",
    "GET /login/options",
    "GET /oidc/start",
    "GET /oidc/callback",
];
const OWNER: [&str; 4] = [
    "GET /accounts",
    "POST /accounts",
    "PATCH /accounts/{id}",
    "DELETE /accounts/{id}",
];
const MEMBER: [&str; 4] = [
    "GET /me",
    "GET /me/allowance",
    "GET /me/usage",
    "GET /me/requests",
];
/// What everybody may do.
const ALL: [&str; 6] = [
    "GET /session",
    "POST /logout",
    "POST /login",
    "GET /login/options",
    "GET /oidc/start",
    "GET /oidc/callback",
];

/// Every operation of the document.
fn operations() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            if method != "parameters" {
                operations.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    assert!(operations.len() > 35, "{operations:?}");
    operations
}

fn may(role: &str, operation: &str) -> bool {
    let is_in = |list: &[&str]| list.contains(&operation);
    match role {
        "member" => is_in(&MEMBER) || is_in(&ALL),
        _ if is_in(&MEMBER) => false,
        "viewer" => is_in(&VIEWER),
        "admin" => !is_in(&OWNER),
        _ => true,
    }
}

#[test]
fn every_route_is_open_to_its_roles_and_to_no_others() {
    let gateway = members::gateway();
    let mut tokens = BTreeMap::from([("member", gateway.token.clone())]);
    let owner = {
        let login = gateway.login(crate::PASSWORD).expect(200);
        login["token"].as_str().unwrap().to_owned()
    };
    for role in ROLES {
        let body = json!({"name": format!("a {role}"), "role": role, "password": ANNA});
        gateway
            .call_as(&owner, "POST", "accounts", &body)
            .expect(201);
        tokens.insert(role, gateway.token_of(&format!("a {role}"), ANNA));
    }
    for (method, pattern) in operations() {
        let operation = format!("{method} {pattern}");
        for (role, token) in &tokens {
            if operation == "POST /logout" {
                continue;
            }
            // Nothing has this id, and the body is good for nothing: a permitted call fails later.
            let path = pattern.replace("{id}", "x_1");
            let answer = gateway.call_as(token, &method, &path[1..], &json!({"misspelt": 1}));
            let is_forbidden = answer.code() == "forbidden";
            assert_eq!(is_forbidden, !may(role, &operation), "{role}: {operation}");
            if is_forbidden {
                assert_eq!(answer.status, 403);
            }
        }
    }
    for token in tokens.values() {
        assert_eq!(
            gateway
                .call_as(token, "POST", "logout", &Value::Null)
                .status,
            204
        );
    }
}

#[test]
fn whole_keys_and_hashes_are_for_owners() {
    let gateway = Gateway::new();
    gateway.channel(&json!({}));
    gateway.account("Anna", "admin", ANNA);
    gateway.account("Olga", "owner", ANNA);
    let admin = gateway.token_of("Anna", ANNA);
    let owner = gateway.token_of("Olga", ANNA);
    for query in ["secrets=true", "secret%73=true"] {
        let path = format!("config?{query}");
        gateway.get_as(&admin, &path).expect_error(403, "forbidden");
        let whole = gateway.get_as(&owner, &path).expect(200);
        assert!(whole.to_string().contains(crate::UPSTREAM_KEY));
    }
    let seen = gateway.get_as(&admin, "config").expect(200);
    assert_eq!(seen["accounts"], Value::Null);
    assert!(!seen.to_string().contains("argon2"));
    gateway
        .get_as(&admin, "config?secrets=maybe")
        .expect_error(400, "invalid_value");
}

#[test]
fn an_admin_changes_settings_with_the_configuration_and_nothing_else() {
    let gateway = Gateway::new();
    gateway.channel(&json!({}));
    gateway.account("Anna", "admin", ANNA);
    let admin = gateway.token_of("Anna", ANNA);
    let mut document = gateway.get_as(&admin, "config").expect(200);
    document["settings"]["max_attempts"] = json!(3);
    let saved = gateway
        .call_as(&admin, "PUT", "config", &document)
        .expect(200);
    assert_eq!(saved["settings"]["max_attempts"], 3);
    assert_eq!(saved["accounts"], Value::Null);
    gateway.token_of("Anna", ANNA);
    for (member, value) in [
        ("channels", json!([])),
        (
            "keys",
            json!([{"id": "ck_1", "name": "k", "hash": "0".repeat(64)}]),
        ),
        ("accounts", json!([])),
    ] {
        let mut document = document.clone();
        document[member] = value;
        gateway
            .call_as(&admin, "PUT", "config", &document)
            .expect_error(403, "forbidden");
    }
    assert_eq!(
        gateway.get("accounts").expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn metrics_are_for_viewers_and_above() {
    let gateway = members::gateway();
    let request = |token: &str| {
        http::Request::get("/metrics")
            .header("authorization", format!("Bearer {token}"))
            .body(http_body_util::Full::<bytes::Bytes>::default())
            .unwrap()
    };
    let status = |token: &str| {
        let reply = gateway_core::admin::handle(&gateway.ports, &gateway.settings, request(token));
        gateway_testkit::fakes::block_on(reply).status().as_u16()
    };
    assert_eq!(status(&gateway.token), 403);
    let login = gateway.login(crate::PASSWORD).expect(200);
    assert_eq!(status(login["token"].as_str().unwrap()), 200);
}
