//! One request of the log by its id, and why it failed.

use gateway_core::ledger::reason::Reason;
use gateway_core::ledger::record::{AttemptOutcome, AttemptRecord, End};
use gateway_core::limits::usage::{LimitStatus, Measure};
use gateway_testkit::fakes::{DatabaseFault, START};
use serde_json::{Value, json};

use super::Gateway;
use super::ledger::{record, write};

#[test]
fn a_row_of_the_log_says_everything() {
    let gateway = Gateway::new();
    let key = gateway
        .call("POST", "keys", &json!({"name": "laptop"}))
        .expect(201);
    let key = key["id"].as_str().unwrap();
    let mut only = record(0);
    only.key.id = key.to_owned();
    // One attempt elsewhere, one with another key, one that answered.
    let failed = |channel: &str, key: &str| AttemptRecord {
        channel: channel.to_owned(),
        key: key.to_owned(),
        outcome: AttemptOutcome::Unreachable,
        status: None,
        ms: 3,
        detail: Some("no \"route\"".to_owned()),
    };
    only.attempts.insert(0, failed("ch_b", ""));
    only.attempts.insert(1, failed("ch_a", "uk_a2"));
    write(&gateway, &[only]);
    let page = gateway.get("requests").expect(200);
    assert_eq!(
        page["data"],
        json!([{
            "id": format!("req_{:028}", 0), "time": "2026-11-22T00:00:00.000Z", "key": key, "key_name": "laptop",
            "channel": "ch_a", "channel_name": "name of ch_a", "upstream_key": "uk_a1", "model": "m",
            "upstream_model": "upstream/m", "endpoint": "/v1/chat/completions", "stream": true, "status": 200,
            "attempts": [
                {"channel": "ch_b", "channel_name": "ch_b", "key": "", "outcome": "unreachable", "status": null, "ms": 3,
                    "detail": "no \"route\""},
                {"channel": "ch_a", "channel_name": "name of ch_a", "key": "uk_a2", "outcome": "unreachable", "status": null,
                    "ms": 3, "detail": "no \"route\""},
                {"channel": "ch_a", "channel_name": "name of ch_a", "key": "uk_a1", "outcome": "answered", "status": 200,
                    "ms": 7, "detail": null}
            ],
            "first_byte_ms": 80, "total_ms": 900, "prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 4,
            "cache_write_tokens": 3, "cache_write_1h_tokens": 2, "images": 1, "media_ms": 1500, "service_tier": "flex",
            "reasoning_tokens": 1, "estimated": false, "end": "complete", "reason": null,
            "limit": null, "detail": null, "cost_micro_usd": 3
        }])
    );
    let keys = gateway.get("keys").expect(200);
    assert_eq!(keys["data"][0]["last_used_at"], "2026-11-22T00:00:00.000Z");
    let shown = gateway.get(&format!("keys/{key}")).expect(200);
    assert_eq!(shown["last_used_at"], "2026-11-22T00:00:00.000Z");
}

#[test]
fn a_request_is_found_by_its_id_with_why_it_failed() {
    let gateway = Gateway::new();
    let id = |number: u64| format!("requests/req_{number:028}");
    gateway.get(&id(0)).expect_error(404, "not_found");
    let mut failed = record(0);
    failed.end = End::UpstreamBroke;
    failed.reason = Some(Reason::UpstreamFailed);
    failed.attempts[0].outcome = AttemptOutcome::ServerError;
    failed.attempts[0].detail = Some("out of \\ memory".to_owned());
    let mut over = record(1);
    over.end = End::Refused;
    over.reason = Some(Reason::BudgetDaily);
    over.attempts.clear();
    over.detail = Some("used up".to_owned());
    over.exceeded = Some(LimitStatus {
        measure: Measure::DailyBudget,
        limit: 5,
        used: 7,
        reserved: 0,
        free_at: START,
        resets_at: START,
    });
    write(&gateway, &[failed, over]);
    let found = gateway.get(&id(0)).expect(200);
    // What the only attempt says is said of the request.
    assert_eq!(found["detail"], "out of \\ memory");
    assert_eq!(found["attempts"][0]["detail"], "out of \\ memory");
    assert_eq!(found["limit"], Value::Null);
    let found = gateway.get(&id(1)).expect(200);
    assert_eq!(found["key_name"], "name of ck_a");
    assert_eq!(found["detail"], "used up");
    assert_eq!(
        found["limit"],
        json!({"name": "daily_budget_micro_usd", "window": "day", "limit": 5, "used": 7,
            "free_at": "2026-11-22T00:00:00.000Z"})
    );
    assert_eq!(gateway.get("requests").expect(200)["data"][0], found);
    let error = gateway.get(&id(2)).expect_error(404, "not_found");
    assert!(error.message().contains("req_"), "{}", error.message());
    gateway.ports.database().set_fault(DatabaseFault::Refuse);
    gateway.get(&id(0)).expect_error(503, "store_unavailable");
}
