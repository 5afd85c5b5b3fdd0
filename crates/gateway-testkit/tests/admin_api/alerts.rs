//! Alerts over HTTP: rules and destinations, that no URL is ever seen again, and the test message.

use gateway_core::alerts::reading::{AlertKind, AlertLevel, AlertReading, Observed};
use gateway_core::alerts::state::AlertState;
use gateway_core::config::alerts::AlertRules;
use gateway_core::config::seal::MasterKey;
use gateway_core::ports::{Clock as _, SendErrorKind};
use gateway_testkit::fakes::FakeReply;
use serde_json::{Value, json};

use crate::{Gateway, with_master_key};

/// A webhook with a recognisable middle.
const URL: &str = "https://hooks.example/services/MIDDLE-OF-THE-SECRET/wxyz";
const SECRET: &str = "SEC-MIDDLE-OF-THE-SECRET";

fn slack() -> Value {
    json!({"name": "Ops", "kind": "slack", "url": URL})
}

impl Gateway {
    fn destinations(&self, list: &Value) -> Value {
        let body = json!({ "destinations": list });
        self.call("PATCH", "alerts", &body).expect(200)["destinations"].clone()
    }
}

#[test]
fn rules_have_defaults_and_a_change_names_only_what_changes() {
    let gateway = Gateway::new();
    let before = gateway.get("alerts").expect(200);
    assert_eq!(before["rules"]["budget_near_percent"], 80);
    assert_eq!(before["rules"]["channel_down_minutes"], 5);
    assert_eq!(before["destinations"], json!([]));
    assert_eq!(before["firing"], json!([]));
    assert_eq!(before["checked_at"], Value::Null);
    assert_eq!(gateway.get("config").expect(200).get("alerts"), None);

    let change = json!({"rules": {"budget_near_percent": null, "error_rate_percent": 25}});
    let after = gateway.call("PATCH", "alerts", &change).expect(200);
    assert_eq!(after["rules"]["budget_near_percent"], Value::Null);
    assert_eq!(after["rules"]["error_rate_percent"], 25);
    assert_eq!(after["rules"]["channel_down_minutes"], 5);
    assert_ne!(after["revision"], before["revision"]);
    let bad = json!({"rules": {"error_rate_percent": 0, "budget_over": null, "nothing": 1}});
    let answer = gateway.call("PATCH", "alerts", &bad);
    let answer = answer.expect_error(400, "invalid_value");
    assert_eq!(answer.body["error"]["details"].as_array().unwrap().len(), 3);
    assert_eq!(gateway.get("alerts").expect(200)["rules"], after["rules"]);
}

#[test]
fn a_write_that_has_not_seen_the_newest_state_is_rejected() {
    let gateway = Gateway::new();
    let seen = gateway.get("alerts").expect(200)["revision"].clone();
    gateway.destinations(&json!([slack()]));
    let authorization = format!("Bearer {}", gateway.token);
    let headers = [
        ("authorization", authorization.as_str()),
        ("if-match", seen.as_str().unwrap()),
    ];
    let late = crate::request("PATCH", "alerts", &headers, r#"{"destinations":[]}"#);
    gateway.send(late).expect_error(412, "changed_meanwhile");
    let kept = gateway.get("alerts").expect(200)["destinations"].clone();
    assert_eq!(kept.as_array().unwrap().len(), 1);
}

#[test]
fn destinations_are_kept_by_their_ids_and_their_urls_are_never_shown() {
    let gateway = Gateway::new();
    let made = gateway.destinations(&json!([
        slack(),
        {"name": "Group", "kind": "feishu", "url": URL, "secret": SECRET, "enabled": false}
    ]));
    assert_eq!(made[0]["hint"], "hooks.example/…wxyz");
    assert_eq!(
        (&made[0]["enabled"], &made[1]["enabled"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(made[1]["has_secret"], true);
    let ids = [&made[0]["id"], &made[1]["id"]];
    // Sent back as they were read, one with another name.
    let mut list = made.clone();
    for one in list.as_array_mut().unwrap() {
        let one = one.as_object_mut().unwrap();
        one.retain(|name, _| !["sent_at", "error", "is_waiting"].contains(&name.as_str()));
    }
    list[0]["name"] = "Night shift".into();
    let kept = gateway.destinations(&list);
    assert_eq!(kept[0]["name"], "Night shift");
    assert_eq!([&kept[0]["id"], &kept[1]["id"]], ids);
    assert_eq!(kept[1]["has_secret"], true);
    let kept = gateway.destinations(&json!([{"id": ids[1], "secret": null}]));
    assert_eq!(kept.as_array().unwrap().len(), 1);
    assert_eq!(kept[0]["has_secret"], false);
    let shown = format!(
        "{}{}{}",
        gateway.get("alerts").expect(200),
        gateway.get("config").expect(200),
        gateway.ports.log_lines().join("\n")
    );
    assert!(!shown.contains("MIDDLE"), "{shown}");
}

#[test]
fn what_a_destination_lacks_is_named() {
    let gateway = Gateway::new();
    for (destination, path) in [
        (json!({"kind": "slack", "url": URL}), "destinations[0].name"),
        (json!({"name": "x", "url": URL}), "destinations[0].kind"),
        (json!({"name": "x", "kind": "slack"}), "destinations[0].url"),
        (
            json!({"name": "x", "kind": "telegram", "url": URL}),
            "destinations[0].recipient",
        ),
        (
            json!({"name": "x", "kind": "slack", "url": "https://user:pw@hooks.example/x"}),
            "destinations[0].url",
        ),
        (
            json!({"name": "x", "kind": "slack", "url": "file:///etc/passwd"}),
            "destinations[0].url",
        ),
    ] {
        let body = json!({ "destinations": [destination] });
        let answer = gateway.call("PATCH", "alerts", &body);
        let answer = answer.expect_error(400, "invalid_value");
        assert_eq!(answer.body["error"]["param"], path);
    }
}

#[test]
fn urls_are_sealed_and_travel_with_an_export_that_has_secrets() {
    let mut settings = crate::settings(crate::PASSWORD);
    let master = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    settings.master_key = MasterKey::parse(master).unwrap();
    let gateway = Gateway::with(settings);
    let telegram =
        json!({"name": "T", "kind": "telegram", "url": URL, "secret": SECRET, "recipient": "@ops"});
    gateway.destinations(&json!([slack(), telegram]));
    assert!(!gateway.ports.store().dump().contains("MIDDLE"));

    let hidden = gateway.get("config").expect(200);
    assert!(!hidden.to_string().contains("MIDDLE"));
    // An export without secrets can be imported where the destinations are.
    gateway.call("PUT", "config", &hidden).expect(200);
    let whole = gateway.get("config?secrets=true").expect(200);
    assert_eq!(whole["alerts"]["destinations"][0]["url"], URL);
    assert_eq!(whole["alerts"]["destinations"][1]["secret"], SECRET);

    let other = Gateway::new();
    let refused = other.call("PUT", "config", &hidden);
    let refused = refused.expect_error(400, "invalid_value");
    assert_eq!(refused.body["error"]["param"], "alerts.destinations[0].url");
    let imported = other.call("PUT", "config", &whole).expect(200);
    assert!(!imported.to_string().contains("MIDDLE"));
    let again = other.get("config?secrets=true").expect(200);
    assert_eq!(again["alerts"], whole["alerts"]);
    // A document without alerts removes them, as it removes everything that it does not have.
    let nothing = json!({"version": 1, "channels": [], "keys": []});
    other.call("PUT", "config", &nothing).expect(200);
    assert_eq!(other.get("alerts").expect(200)["destinations"], json!([]));
}

#[test]
fn a_test_message_is_sent_in_the_form_of_its_kind() {
    let gateway = Gateway::new();
    let made = gateway.destinations(&json!([slack()]));
    let path = format!("alerts/{}/test", made[0]["id"].as_str().unwrap());
    gateway
        .ports
        .upstream()
        .script(|_| FakeReply::pieces(200, "text/html", [bytes::Bytes::from_static(b"ok")]));
    let outcome = gateway.call("POST", &path, &Value::Null).expect(200);
    assert_eq!(
        (&outcome["ok"], &outcome["error"]),
        (&json!(true), &Value::Null)
    );
    let sent = gateway.ports.upstream().requests().pop().unwrap();
    assert_eq!(sent.head.method, "POST");
    assert_eq!(sent.head.uri, URL);
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(
        body,
        json!({"text": "AI gateway: test\nThis is a test message. Alerts will be sent here."})
    );
    gateway
        .call("POST", "alerts/ad_none/test", &Value::Null)
        .expect_error(404, "not_found");
}

#[test]
fn a_failure_of_the_destination_is_a_result_without_the_url() {
    let gateway = Gateway::new();
    let made = gateway
        .destinations(&json!([{"name": "D", "kind": "discord", "url": URL, "enabled": false}]));
    let path = format!("alerts/{}/test", made[0]["id"].as_str().unwrap());
    let repeated = r#"{"message":"unknown webhook MIDDLE-OF-THE-SECRET"}"#;
    for (reply, error) in [
        (FakeReply::json(404, repeated), "404: unknown webhook …"),
        (
            FakeReply::json(302, "").with_header("location", "http://169.254.169.254/"),
            "302: redirects are not followed",
        ),
        (
            FakeReply::failure(SendErrorKind::Denied),
            "the gateway's host does not allow the call",
        ),
    ] {
        gateway.ports.upstream().script(move |_| reply.clone());
        let before = gateway.ports.upstream().requests().len();
        let outcome = gateway.call("POST", &path, &Value::Null).expect(200);
        assert_eq!(
            (&outcome["ok"], &outcome["error"]),
            (&json!(false), &json!(error))
        );
        let calls = gateway.ports.upstream().requests().len() - before;
        assert_eq!(calls, 1, "{error}");
    }
    assert_eq!(gateway.ports.upstream().open_bodies(), 0);
}

#[test]
fn a_destination_is_tested_before_it_is_saved() {
    let gateway = Gateway::new();
    let answered = || FakeReply::pieces(200, "text/html", [bytes::Bytes::from_static(b"ok")]);
    gateway.ports.upstream().script(move |_| answered());
    let before = gateway.get("alerts").expect(200);
    let outcome = gateway.call("POST", "alerts/test", &slack()).expect(200);
    assert_eq!(
        (&outcome["ok"], &outcome["error"]),
        (&json!(true), &Value::Null)
    );
    let sent = gateway.ports.upstream().requests().pop().unwrap();
    assert_eq!(sent.head.uri, URL);
    // Nothing is stored by it.
    assert_eq!(gateway.get("alerts").expect(200), before);
    assert!(!gateway.ports.store().dump().contains("hooks.example"));

    // What is not given is as it is saved; a changed part is not saved.
    let made = gateway.destinations(&json!([
        {"name": "Group", "kind": "json", "url": URL, "secret": SECRET}
    ]));
    let other = "https://other.example/hook";
    let changed = json!({"id": made[0]["id"], "url": other});
    gateway.call("POST", "alerts/test", &changed).expect(200);
    let sent = gateway.ports.upstream().requests().pop().unwrap();
    assert_eq!(sent.head.uri, other);
    assert_eq!(
        sent.head.headers["authorization"],
        format!("Bearer {SECRET}")
    );
    let kept = gateway.get("alerts").expect(200);
    assert_eq!(kept["destinations"][0]["hint"], "hooks.example/…wxyz");
    let log = gateway.ports.log_lines().join("\n");
    assert!(!log.contains("MIDDLE"), "{log}");
}

#[test]
fn a_test_of_an_unsaved_destination_has_the_rules_of_saved_ones() {
    let gateway = Gateway::new();
    let calls = || gateway.ports.upstream().requests().len();
    for (destination, path) in [
        (json!({"kind": "slack", "url": URL}), "name"),
        (json!({"name": "x", "url": URL}), "kind"),
        (json!({"name": "x", "kind": "slack"}), "url"),
        (json!({"id": "ad_none"}), "name"),
        (
            json!({"name": "x", "kind": "telegram", "url": URL}),
            "recipient",
        ),
        (
            json!({"name": "x", "kind": "slack", "url": "https://user:pw@hooks.example/x"}),
            "url",
        ),
        (
            json!({"name": "x", "kind": "slack", "url": "file:///etc/passwd"}),
            "url",
        ),
        (
            json!({"name": "x", "kind": "slack", "url": URL, "more": 1}),
            "more",
        ),
    ] {
        let answer = gateway.call("POST", "alerts/test", &destination);
        let answer = answer.expect_error(400, "invalid_value");
        assert_eq!(answer.body["error"]["param"], path);
    }
    assert_eq!(calls(), 0);
    for (reply, error) in [
        (
            FakeReply::json(302, "").with_header("location", "http://169.254.169.254/"),
            "302: redirects are not followed",
        ),
        (
            FakeReply::failure(SendErrorKind::Denied),
            "the gateway's host does not allow the call",
        ),
    ] {
        gateway.ports.upstream().script(move |_| reply.clone());
        let outcome = gateway.call("POST", "alerts/test", &slack()).expect(200);
        assert_eq!(
            (&outcome["ok"], &outcome["error"]),
            (&json!(false), &json!(error))
        );
    }
    assert_eq!(calls(), 2);
}

#[test]
fn without_its_master_key_a_destination_says_so() {
    let mut gateway = Gateway::with(with_master_key('A'));
    let made = gateway.destinations(&json!([slack()]));
    gateway.settings.master_key = None;
    let path = format!("alerts/{}/test", made[0]["id"].as_str().unwrap());
    let outcome = gateway.call("POST", &path, &Value::Null).expect(200);
    assert!(outcome["error"].as_str().unwrap().contains("no master key"));
    assert!(gateway.ports.upstream().requests().is_empty());
}

#[test]
fn what_is_firing_and_how_the_last_message_ended_is_shown() {
    let gateway = Gateway::new();
    let made = gateway.destinations(&json!([slack()]));
    let id = made[0]["id"].as_str().unwrap();
    let (mut state, now) = (AlertState::default(), gateway.ports.now());
    let reading = AlertReading {
        subject: "key/uk_1".to_owned(),
        level: Some(AlertLevel::Warning),
        text: "Channel \"A\" rejects its key.".to_owned(),
    };
    let observed = [(AlertKind::KeyRejected, Observed::Known(vec![reading]))];
    state.observe(&observed, &AlertRules::default(), &[id], now);
    state.outbox.begin(now);
    state.outbox.end(id, Err("404: no_team".to_owned()), now);
    let database = gateway.ports.database();
    database.rows("DELETE FROM alert_state");
    let encoded = state.encode().replace('\'', "''");
    database.rows(&format!(
        "INSERT INTO alert_state VALUES (1, 0, '', '{encoded}')"
    ));

    let shown = gateway.get("alerts").expect(200);
    let time = "2026-11-22T00:00:00.000Z";
    assert_eq!(
        shown["firing"],
        json!([{
            "subject": "key/uk_1", "kind": "key_rejected", "level": "warning", "text": "Channel \"A\" rejects its key.",
            "since": time, "notified_at": time
        }])
    );
    assert_eq!(shown["checked_at"], time);
    let destination = &shown["destinations"][0];
    assert_eq!(destination["error"], "404: no_team");
    assert_eq!(
        (&destination["sent_at"], &destination["is_waiting"]),
        (&json!(time), &json!(true))
    );
    // Without a destination nothing is evaluated any more.
    gateway.destinations(&json!([{"id": id, "enabled": false}]));
    assert_eq!(gateway.get("alerts").expect(200)["firing"], json!([]));
}
