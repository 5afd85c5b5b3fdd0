//! Logging in with a client key: its own use and nothing else, until the key changes.

use serde_json::{Value, json};

use crate::ledger::{record, write};
use crate::{Answer, Gateway, request};

const DAY_MS: u64 = 86_400_000;

/// A gateway where client keys may log in.
fn open_gateway() -> Gateway {
    let gateway = Gateway::new();
    allow(&gateway, true);
    gateway
}

fn allow(gateway: &Gateway, is_on: bool) {
    let mut document = gateway.get("config").expect(200);
    document["settings"]["member_login"] = json!(is_on);
    gateway.call("PUT", "config", &document).expect(200);
}

/// A new client key: its id and the key.
fn key(gateway: &Gateway, members: &Value) -> (String, String) {
    let mut body = json!({"name": "laptop"});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let created = gateway.call("POST", "keys", &body).expect(201);
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn login(gateway: &Gateway, key: &str) -> Answer {
    gateway.login_with(&json!({ "key": key }))
}

fn token(gateway: &Gateway, key: &str) -> String {
    let answer = login(gateway, key).expect(200);
    answer["token"].as_str().unwrap().to_owned()
}

/// A gateway whose caller is a member.
pub fn gateway() -> Gateway {
    let mut gateway = open_gateway();
    let (_, key) = key(&gateway, &json!({}));
    gateway.token = token(&gateway, &key);
    gateway
}

#[test]
fn it_is_off_until_the_setting_is_on() {
    let gateway = Gateway::new();
    let (_, key) = key(&gateway, &json!({}));
    login(&gateway, &key).expect_error(403, "forbidden");
    let options = || {
        gateway
            .send(request("GET", "login/options", &[], ""))
            .expect(200)
    };
    assert_eq!(options()["client_keys"], false);
    allow(&gateway, true);
    assert_eq!(options()["client_keys"], true);
    let member = token(&gateway, &key);
    gateway.get_as(&member, "me").expect(200);
    // Switching it off ends the sessions.
    allow(&gateway, false);
    gateway
        .get_as(&member, "me")
        .expect_error(401, "not_authenticated");
}

#[test]
fn a_member_sees_the_own_key_and_its_limits() {
    let gateway = open_gateway();
    let (id, key) = key(
        &gateway,
        &json!({"models": ["m"], "limits": {"requests_per_minute": 5}}),
    );
    let member = token(&gateway, &key);
    let session = gateway.get_as(&member, "session").expect(200);
    assert_eq!(
        (&session["id"], &session["name"], &session["role"]),
        (&json!(id), &json!("laptop"), &json!("member"))
    );
    let me = gateway.get_as(&member, "me").expect(200);
    assert_eq!(me["id"], id);
    assert_eq!(me["models"], json!(["m"]));
    assert!(!me.to_string().contains(&key));
    let allowance = gateway.get_as(&member, "me/allowance").expect(200);
    assert_eq!(allowance["requests_per_minute"]["limit"], 5);
}

#[test]
fn a_member_sees_the_own_requests_without_channels_and_no_other_keys() {
    let gateway = open_gateway();
    let (id, key) = key(&gateway, &json!({}));
    let mut records: Vec<_> = (0..3).map(record).collect();
    for own in &mut records[..2] {
        own.key.id.clone_from(&id);
    }
    write(&gateway, &records);
    let member = token(&gateway, &key);
    let page = gateway.get_as(&member, "me/requests?limit=1").expect(200);
    let newest = format!("req_{:028}", 1);
    assert_eq!(
        page,
        json!({
            "data": [{
                "id": newest, "time": page["data"][0]["time"], "model": "m", "endpoint": "/v1/chat/completions",
                "stream": true, "status": 200, "first_byte_ms": 80, "total_ms": 900, "prompt_tokens": 10,
                "completion_tokens": 5, "cached_tokens": 4, "reasoning_tokens": 1, "estimated": false,
                "end": "complete", "reason": null, "cost_micro_usd": 3
            }],
            "next": newest,
        })
    );
    let path = format!("me/requests?cursor={newest}");
    let rest = gateway.get_as(&member, &path).expect(200);
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next"], Value::Null);
    for path in [
        "me/requests?limit=0",
        "me/requests?cursor=req_x",
        "me/requests?key=ck_a",
    ] {
        gateway
            .get_as(&member, path)
            .expect_error(400, "invalid_value");
    }
    let span = "from=2026-11-21T00:00:00Z&to=2026-11-23T00:00:00Z";
    let usage = gateway.get_as(&member, &format!("me/usage?bucket=total&{span}"));
    let usage = usage.expect(200);
    assert_eq!(usage["data"][0]["requests"], 2);
    assert_eq!(usage["data"][0]["model"], "m");
    let all = gateway
        .get(&format!("usage?bucket=total&{span}"))
        .expect(200);
    assert_eq!(all["data"][0]["requests"], 3);
    for path in [
        "me/usage?group=key",
        "me/usage?group=channel",
        "me/usage?key=ck_a",
    ] {
        gateway
            .get_as(&member, path)
            .expect_error(400, "invalid_value");
    }
}

#[test]
fn a_changed_key_ends_its_sessions() {
    let gateway = open_gateway();
    let ends = |change: &dyn Fn(&str)| {
        let (id, key) = key(&gateway, &json!({}));
        let member = token(&gateway, &key);
        // A new name or limit changes nothing.
        let harmless = json!({"name": "desktop", "limits": {"requests_per_minute": 9}});
        gateway
            .call("PATCH", &format!("keys/{id}"), &harmless)
            .expect(200);
        gateway.get_as(&member, "me").expect(200);
        change(&id);
        gateway
            .get_as(&member, "me")
            .expect_error(401, "not_authenticated");
        login(&gateway, &key).expect_error(401, "wrong_password");
    };
    ends(&|id| {
        let off = json!({"enabled": false});
        gateway
            .call("PATCH", &format!("keys/{id}"), &off)
            .expect(200);
    });
    // Also within the grace time: the old key may have leaked.
    ends(&|id| {
        gateway
            .call("POST", &format!("keys/{id}/rotate"), &json!({}))
            .expect(200);
    });
    ends(&|id| {
        gateway.call("DELETE", &format!("keys/{id}"), &Value::Null);
    });
    login(&gateway, "sk-made-up").expect_error(401, "wrong_password");
}

#[test]
fn an_expired_key_ends_its_sessions() {
    let mut gateway = open_gateway();
    let (_, key) = key(&gateway, &json!({"expires_at": "2026-11-22T01:00:00Z"}));
    let member = token(&gateway, &key);
    gateway.ports.advance_ms(3_599_000);
    gateway.get_as(&member, "me").expect(200);
    gateway.ports.advance_ms(1_000);
    gateway
        .get_as(&member, "me")
        .expect_error(401, "not_authenticated");
    login(&gateway, &key).expect_error(401, "wrong_password");
    gateway.ports.advance_ms(DAY_MS);
    gateway.log_in();
}

#[test]
fn guesses_of_client_keys_are_throttled() {
    let gateway = open_gateway();
    for number in 0..5 {
        login(&gateway, &format!("sk-{number}")).expect_error(401, "wrong_password");
    }
    login(&gateway, "sk-x").expect_error(429, "rate_limit_exceeded");
}
