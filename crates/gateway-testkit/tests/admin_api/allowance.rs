//! What a client key has used of its limits, as the panel shows it.

use std::time::Duration;

use gateway_core::config::model::KeyLimits;
use gateway_core::limits::LimitsEngine;
use gateway_core::limits::port::Limits as _;
use gateway_core::limits::usage::Consumed;
use gateway_core::ports::Clock as _;
use gateway_testkit::fakes::{DatabaseFault, FakePorts, block_on};
use serde_json::{Value, json};

use crate::Gateway;

fn key(gateway: &Gateway, limits: &Value) -> String {
    let body = json!({"name": "a", "limits": limits});
    let created = gateway.call("POST", "keys", &body).expect(201);
    created["id"].as_str().unwrap().to_owned()
}

fn engine(gateway: &Gateway) -> LimitsEngine<&FakePorts> {
    LimitsEngine::new(&gateway.ports, Duration::from_secs(1))
}

/// One request of a key whose limits allow it.
fn acquire(gateway: &Gateway, id: &str) {
    let limits = KeyLimits {
        requests_per_minute: Some(1_000),
        ..KeyLimits::default()
    };
    let engine = engine(gateway);
    let acquired = engine.try_acquire(id, &limits, Consumed::default(), gateway.ports.now());
    assert!(block_on(acquired).unwrap().is_admitted);
}

fn rows(gateway: &Gateway) -> u64 {
    let rows = gateway.ports.database();
    rows.rows("SELECT count(*) FROM allowance")[0][0].count()
}

#[test]
fn every_limit_that_a_key_has_is_shown_with_what_is_used_of_it() {
    let mut gateway = Gateway::new();
    let id = key(
        &gateway,
        &json!({"requests_per_minute": 5, "tokens_per_day": 1000, "monthly_budget_micro_usd": 2_000_000}),
    );
    let path = format!("keys/{id}/allowance");
    let nothing = |limit: u64, resets_at: &str| json!({"limit": limit, "used": 0, "reserved": 0, "resets_at": resets_at});
    let mut expected = json!({
        "requests_per_minute": nothing(5, "2026-11-22T00:00:00.000Z"),
        "tokens_per_minute": null,
        "tokens_per_day": nothing(1000, "2026-11-23T00:00:00.000Z"),
        "daily_budget_micro_usd": null,
        "monthly_budget_micro_usd": nothing(2_000_000, "2026-12-01T00:00:00.000Z"),
    });
    assert_eq!(
        gateway.get(&path).expect(200),
        expected,
        "nothing was ever counted"
    );

    let consumed = Consumed {
        tokens: 1200,
        cost_micro_usd: 345,
    };
    acquire(&gateway, &id);
    block_on(engine(&gateway).settle(&id, consumed.into(), gateway.ports.now())).unwrap();
    expected["requests_per_minute"] =
        json!({"limit": 5, "used": 1, "reserved": 0, "resets_at": "2026-11-22T00:01:00.000Z"});
    expected["tokens_per_day"]["used"] = json!(1200);
    expected["monthly_budget_micro_usd"]["used"] = json!(345);
    assert_eq!(gateway.get(&path).expect(200), expected);
    // A request in progress may use so much besides.
    let limits = KeyLimits {
        tokens_per_day: Some(2_000),
        ..KeyLimits::default()
    };
    let engine = engine(&gateway);
    let acquired = engine.try_acquire(&id, &limits, consumed, gateway.ports.now());
    assert!(block_on(acquired).unwrap().is_admitted);
    let shown = gateway.get(&path).expect(200);
    for (limit, used, reserved) in [
        ("requests_per_minute", 2, 0),
        ("tokens_per_day", 1200, 1200),
        ("monthly_budget_micro_usd", 345, 345),
    ] {
        assert_eq!(
            (&shown[limit]["used"], &shown[limit]["reserved"]),
            (&json!(used), &json!(reserved))
        );
    }
    gateway.call("HEAD", &path, &Value::Null).expect(200);

    // A day later.
    gateway.ports.advance_ms(86_400_000);
    gateway.log_in();
    let later = gateway.get(&path).expect(200);
    assert_eq!(later["requests_per_minute"]["used"], 0);
    assert_eq!(later["tokens_per_day"]["used"], 0);
    assert_eq!(later["monthly_budget_micro_usd"]["used"], 345);
}

#[test]
fn a_key_without_limits_reads_no_database_and_an_unknown_one_is_not_found() {
    let gateway = Gateway::new();
    let id = key(&gateway, &json!({}));
    gateway.ports.database().set_fault(DatabaseFault::Refuse);
    let view = gateway.get(&format!("keys/{id}/allowance")).expect(200);
    assert!(view.as_object().unwrap().values().all(Value::is_null));
    assert_eq!(view.as_object().unwrap().len(), 5);
    gateway
        .get("keys/ck_unknown/allowance")
        .expect_error(404, "not_found");
    gateway
        .call("POST", &format!("keys/{id}/allowance"), &json!({}))
        .expect_error(405, "method_not_allowed");
}

#[test]
fn a_database_that_does_not_answer_is_reported() {
    for fault in [DatabaseFault::Refuse, DatabaseFault::Hang] {
        let gateway = Gateway::new();
        let id = key(&gateway, &json!({"tokens_per_minute": 5}));
        gateway.ports.database().set_fault(fault);
        gateway
            .get(&format!("keys/{id}/allowance"))
            .expect_error(503, "store_unavailable");
        let lines = gateway.ports.log_lines().join("\n");
        assert!(lines.contains("admin: database:"), "{lines}");
        // What cannot be forgotten keeps no key alive.
        gateway
            .call("DELETE", &format!("keys/{id}"), &Value::Null)
            .expect(204);
        let lines = gateway.ports.log_lines().join("\n");
        assert!(lines.contains("is not forgotten"), "{lines}");
    }
}

#[test]
fn what_a_key_has_used_goes_with_the_key() {
    let gateway = Gateway::new();
    let ids = [json!({}), json!({"requests_per_minute": 1})].map(|limits| key(&gateway, &limits));
    for id in &ids {
        acquire(&gateway, id);
    }
    assert_eq!(rows(&gateway), 2);
    for (id, left) in ids.iter().zip([1, 0]) {
        gateway
            .call("DELETE", &format!("keys/{id}"), &Value::Null)
            .expect(204);
        assert_eq!(rows(&gateway), left);
    }
    // Where nothing was ever counted, there is nothing to forget.
    let gateway = Gateway::new();
    let id = key(&gateway, &json!({}));
    gateway
        .call("DELETE", &format!("keys/{id}"), &Value::Null)
        .expect(204);
    assert!(!gateway.ports.log_lines().join("\n").contains("forgotten"));
}

#[test]
fn what_many_keys_have_used_goes_with_them_and_a_failure_is_reported_once() {
    for fault in [None, Some(DatabaseFault::Refuse), Some(DatabaseFault::Hang)] {
        let gateway = Gateway::new();
        let ids: Vec<String> = (0..40)
            .map(|_| key(&gateway, &json!({"requests_per_minute": 1})))
            .collect();
        for id in &ids {
            acquire(&gateway, id);
        }
        assert_eq!(rows(&gateway), 40);
        if let Some(fault) = fault {
            gateway.ports.database().set_fault(fault);
        }
        let before = gateway.ports.now();
        let body = json!({"ids": ids, "delete": true});
        gateway.call("POST", "keys/bulk", &body).expect(200);
        assert_eq!(gateway.get("keys").expect(200)["data"], json!([]));
        let lines = gateway.ports.log_lines().join("\n");
        let reports = lines.matches("is not forgotten").count();
        if fault.is_none() {
            assert_eq!((rows(&gateway), reports), (0, 0));
        } else {
            assert_eq!(reports, 1, "{lines}");
            assert!(gateway.ports.now() <= before.plus_ms(5_000));
        }
    }
}

#[test]
fn client_keys_are_listed_by_their_state() {
    let mut gateway = Gateway::new();
    let add = |body: Value| {
        let made = gateway.call("POST", "keys", &body).expect(201);
        made["id"].as_str().unwrap().to_owned()
    };
    let plain = add(json!({"name": "plain"}));
    let off = add(json!({"name": "off", "enabled": false, "limits": {"requests_per_minute": 1}}));
    let soon = add(json!({"name": "soon", "expires_at": "2026-11-22T01:00:00Z"}));
    let over = add(json!({"name": "over", "limits": {"requests_per_minute": 1}}));
    let under = add(json!({"name": "under", "limits": {"requests_per_minute": 2}}));
    for id in [&off, &over, &under] {
        acquire(&gateway, id);
    }
    let listed = |gateway: &Gateway, state: &str| {
        let page = gateway.get(&format!("keys?state={state}")).expect(200);
        let rows = page["data"].as_array().unwrap();
        assert_eq!(page["total"], rows.len());
        rows.iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = [&plain, &soon, &over, &under].map(String::clone).to_vec();
    assert_eq!(listed(&gateway, "active"), all);
    assert_eq!(listed(&gateway, "disabled"), [off.as_str()]);
    assert_eq!(listed(&gateway, "expired"), Vec::<String>::new());
    assert_eq!(listed(&gateway, "limited"), [over.as_str()]);
    assert_eq!(listed(&gateway, "limited&q=under"), Vec::<String>::new());

    // An hour later one has expired, and nothing of a minute counts.
    gateway.ports.advance_ms(3_600_000);
    gateway.log_in();
    assert_eq!(listed(&gateway, "active"), [plain, over, under]);
    assert_eq!(listed(&gateway, "expired"), [soon]);
    assert_eq!(listed(&gateway, "limited"), Vec::<String>::new());

    gateway
        .get("keys?state=paused")
        .expect_error(400, "invalid_value");
    gateway
        .get("channels?state=active")
        .expect_error(400, "invalid_value");
    gateway.ports.database().set_fault(DatabaseFault::Refuse);
    gateway.get("keys?state=disabled").expect(200);
    gateway
        .get("keys?state=limited")
        .expect_error(503, "store_unavailable");
}
