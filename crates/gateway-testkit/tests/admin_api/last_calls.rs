//! Whether keys worked when they were last called, by requests, failures that the proxies share, and tests; and tests of all
//! keys of a channel.

use gateway_core::ledger::record::{AttemptOutcome, AttemptRecord, End, RequestRecord};
use gateway_core::ports::StoreKey;
use gateway_core::upstream::failure::Failure;
use gateway_testkit::fakes::{DatabaseFault, FakeReply, Recorded};
use serde_json::{Value, json};

use super::health::fail;
use super::ledger::{record, write};
use crate::Gateway;

const CHAT: &str = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"length"}]}"#;
const KEYS: [&str; 3] = [
    "the-key-number-good",
    "the-key-number-none",
    "the-key-number-slow",
];

/// A channel with three keys at an upstream that knows the first, rejects the second and throttles the third.
fn stage() -> (Gateway, Value) {
    let gateway = Gateway::new();
    gateway.ports.upstream().script(answer);
    let body =
        json!({"name": "c", "base_url": "https://up.example/v1", "keys": KEYS, "models": ["m"]});
    let channel = gateway.call("POST", "channels", &body).expect(201);
    (gateway, channel)
}

fn answer(sent: &Recorded) -> FakeReply {
    match sent.head.headers["authorization"].to_str().unwrap() {
        "Bearer the-key-number-good" => FakeReply::json(200, CHAT),
        "Bearer the-key-number-none" => FakeReply::json(
            401,
            r#"{"error":{"message":"Incorrect key the-key-number-none."}}"#,
        ),
        _ => FakeReply::json(429, r#"{"error":{"message":"Slow down."}}"#),
    }
}

fn id(channel: &Value, place: usize) -> &str {
    channel["keys"][place]["id"].as_str().unwrap()
}

/// A request that ended `minute` minutes after the beginning, with these attempts at keys of the channel.
fn request(
    minute: u64,
    channel: &Value,
    attempts: &[(usize, AttemptOutcome, u16)],
) -> RequestRecord {
    let attempt = |(place, outcome, status): &(usize, AttemptOutcome, u16)| AttemptRecord {
        channel: channel["id"].as_str().unwrap().to_owned(),
        key: id(channel, *place).to_owned(),
        outcome: *outcome,
        status: Some(*status),
        ms: 7,
        detail: None,
    };
    RequestRecord {
        attempts: attempts.iter().map(attempt).collect(),
        ..record(minute)
    }
}

/// A member of each key of the only channel in the overview.
fn keys(gateway: &Gateway, member: &str) -> Vec<Value> {
    let status = gateway.get("status").expect(200);
    let keys = status["data"][0]["keys"].as_array().unwrap().iter();
    keys.map(|key| key[member].clone()).collect()
}

#[test]
fn a_key_is_as_its_last_call_was() {
    let (gateway, channel) = stage();
    assert_eq!(keys(&gateway, "status"), ["unused"; 3]);
    assert_eq!(
        gateway.get("status").expect(200)["data"][0]["status"],
        "unused"
    );
    write(
        &gateway,
        &[
            request(1, &channel, &[(0, AttemptOutcome::KeyRefused, 401)]),
            request(
                2,
                &channel,
                &[
                    (1, AttemptOutcome::KeyRefused, 403),
                    (0, AttemptOutcome::Answered, 200),
                ],
            ),
            // Says nothing of its key.
            request(3, &channel, &[(2, AttemptOutcome::RequestRefused, 400)]),
        ],
    );
    // Long after every cooldown is over.
    gateway.ports.advance_ms(3 * 3_600_000);
    assert_eq!(keys(&gateway, "status"), ["ok", "failed", "unknown"]);
    assert_eq!(keys(&gateway, "state"), ["ready"; 3]);
    let at = json!("2026-11-22T00:02:00.000Z");
    assert_eq!(
        keys(&gateway, "since"),
        [at.clone(), at.clone(), Value::Null]
    );
    assert_eq!(
        keys(&gateway, "last_success_at"),
        [at, Value::Null, Value::Null]
    );
    assert_eq!(
        keys(&gateway, "detail"),
        [Value::Null, json!("403: the key was rejected"), Value::Null]
    );
    assert_eq!(keys(&gateway, "outcome")[1], "key_refused");
    let list = gateway.get("channels").expect(200)["data"][0]["keys"].clone();
    assert_eq!(list[1]["status"], "ok", "requests call it again");
    assert_eq!(gateway.get("status").expect(200)["data"][0]["status"], "ok");
}

#[test]
fn a_failure_is_told_in_the_upstreams_words_after_its_cooldown() {
    let (gateway, channel) = stage();
    let mut failed = request(1, &channel, &[(1, AttemptOutcome::KeyRefused, 403)]);
    failed.attempts[0].detail = Some("This key was revoked on Friday".to_owned());
    write(&gateway, &[failed]);
    gateway.ports.advance_ms(3 * 3_600_000);
    assert_eq!(
        keys(&gateway, "detail")[1],
        "403: This key was revoked on Friday"
    );
}

#[test]
fn an_answer_that_broke_off_is_no_success() {
    let (gateway, channel) = stage();
    let mut broken = request(2, &channel, &[(0, AttemptOutcome::Answered, 200)]);
    broken.end = End::UpstreamBroke;
    let mut left = request(2, &channel, &[(1, AttemptOutcome::Answered, 200)]);
    left.id = record(7).id;
    left.end = End::ClientGone;
    write(
        &gateway,
        &[
            request(1, &channel, &[(0, AttemptOutcome::Answered, 200)]),
            broken,
            left,
        ],
    );
    assert_eq!(keys(&gateway, "status"), ["failed", "ok", "unused"]);
    assert_eq!(
        keys(&gateway, "last_success_at")[0],
        "2026-11-22T00:01:00.000Z"
    );
}

#[test]
fn a_failure_that_proxies_share_is_told_in_the_upstreams_words() {
    let (gateway, channel) = stage();
    write(
        &gateway,
        &[request(0, &channel, &[(0, AttemptOutcome::Answered, 200)])],
    );
    gateway.ports.advance_ms(60_000);
    fail(&gateway, &channel, 0, Failure::Throttled, Some(5_000));
    assert_eq!(
        (&keys(&gateway, "status")[0], &keys(&gateway, "state")[0]),
        (&json!("failed"), &json!("cooling"))
    );
    gateway.ports.advance_ms(6_000);
    assert_eq!(
        (&keys(&gateway, "status")[0], &keys(&gateway, "state")[0]),
        (&json!("failed"), &json!("probing"))
    );
    assert_eq!(keys(&gateway, "detail")[0], "why");
    assert_eq!(keys(&gateway, "since")[0], "2026-11-22T00:01:00.000Z");
}

#[test]
fn without_its_ledger_the_gateway_claims_nothing() {
    let (gateway, channel) = stage();
    write(
        &gateway,
        &[request(0, &channel, &[(0, AttemptOutcome::Answered, 200)])],
    );
    gateway.ports.database().set_fault(DatabaseFault::Refuse);
    assert_eq!(keys(&gateway, "status"), ["unknown"; 3]);
    gateway.ports.database().set_fault(DatabaseFault::None);
    let mut config = gateway.get("config?secrets=true").expect(200);
    config["settings"]["ledger"] = json!(false);
    gateway.call("PUT", "config", &config).expect(200);
    assert_eq!(keys(&gateway, "status"), ["unknown"; 3]);
    let path = format!("channels/{}/test", channel["id"].as_str().unwrap());
    gateway
        .call("POST", &path, &json!({"keys": "all"}))
        .expect(200);
    assert_eq!(keys(&gateway, "status"), ["ok", "failed", "failed"]);
    fail(&gateway, &channel, 0, Failure::KeyRefused, None);
    assert_eq!(keys(&gateway, "status")[0], "failed");
}

#[test]
fn all_keys_are_tested_and_a_test_is_a_use() {
    let (gateway, channel) = stage();
    gateway.ports.advance_ms(60_000);
    for place in 0..2 {
        fail(&gateway, &channel, place, Failure::KeyRefused, None);
    }
    let off = json!({"keys": [{"id": id(&channel, 0)}, {"id": id(&channel, 1)}, {"id": id(&channel, 2), "enabled": false}]});
    let path = format!("channels/{}", channel["id"].as_str().unwrap());
    let before = gateway.ports.store().get(StoreKey::Health).unwrap();
    gateway.call("PATCH", &path, &off).expect(200);
    gateway.ports.store().put(StoreKey::Health, before);
    gateway.ports.advance_ms(1_000);
    let path = format!("{path}/test");
    let answer = gateway
        .call("POST", &path, &json!({"keys": "all"}))
        .expect(200);
    let result = |place: usize, ok: bool, status: u16, outcome: &str, error: Value| {
        json!({"key": id(&channel, place), "hint": channel["keys"][place]["hint"], "ok": ok, "status": status,
            "outcome": outcome, "latency_ms": 0, "first_token_ms": null, "error": error})
    };
    let hint = channel["keys"][1]["hint"].as_str().unwrap();
    assert_eq!(
        answer,
        json!({"results": [
            result(0, true, 200, "answered", Value::Null),
            result(1, false, 401, "key_refused", json!(format!("Incorrect key {hint}."))),
            result(2, false, 429, "throttled", json!("Slow down.")),
        ]})
    );
    assert_eq!(keys(&gateway, "status"), ["ok", "failed", "failed"]);
    assert_eq!(
        keys(&gateway, "state"),
        ["ready", "rejected", "ready"],
        "a success ends a cooldown, a failure begins none"
    );
    // Later a single test of the key.
    gateway.ports.advance_ms(1_000);
    gateway
        .ports
        .upstream()
        .script(|_| FakeReply::json(200, CHAT));
    gateway
        .call("POST", &path, &json!({"key": id(&channel, 1)}))
        .expect(200);
    assert_eq!(keys(&gateway, "status"), ["ok", "ok", "failed"]);
    assert_eq!(keys(&gateway, "state")[1], "ready");
    let requests = gateway.get("requests").expect(200);
    assert_eq!(requests["data"], json!([]), "a test is no request");
}

#[test]
fn many_keys_are_tested_some_at_once_and_within_bounds() {
    let gateway = Gateway::new();
    let keys: Vec<String> = (0..40)
        .map(|number| format!("the-key-number-{number:03}"))
        .collect();
    let path = format!(
        "channels/{}/test",
        gateway.channel(&json!({"keys": keys, "models": ["m"]}))
    );
    gateway
        .ports
        .upstream()
        .script(|_| FakeReply::json(200, CHAT).after_ms(29_000));
    let answer = gateway
        .call("POST", &path, &json!({"keys": "all"}))
        .expect(200);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 40);
    let tested = results.iter().filter(|one| !one["outcome"].is_null());
    let tested = tested.count();
    // The fakes' clock runs for one call after the other, so that those beside it are too slow.
    assert!((6..40).contains(&tested), "{tested}");
    assert_eq!(gateway.ports.upstream().requests().len(), tested);
    assert_eq!(
        (&results[39]["ok"], &results[39]["outcome"]),
        (&json!(false), &Value::Null)
    );
    assert!(
        results[39]["error"]
            .as_str()
            .unwrap()
            .contains("not tested")
    );
}

#[test]
fn a_channel_without_keys_has_one_result() {
    let gateway = Gateway::new();
    let path = format!(
        "channels/{}/test",
        gateway.channel(&json!({"keys": [], "models": ["m"]}))
    );
    gateway
        .ports
        .upstream()
        .script(|_| FakeReply::json(200, CHAT));
    let answer = gateway
        .call("POST", &path, &json!({"keys": "all"}))
        .expect(200);
    assert_eq!(answer["results"][0]["key"], Value::Null);
    assert_eq!(answer["results"][0]["ok"], true);
    assert_eq!(gateway.get("status").expect(200)["data"][0]["status"], "ok");
    for wrong in [
        json!({"keys": "some"}),
        json!({"keys": "all", "key": "uk_1"}),
    ] {
        gateway
            .call("POST", &path, &wrong)
            .expect_error(400, "invalid_value");
    }
}

#[test]
fn a_channel_that_lacks_the_key_that_its_provider_requires_is_not_ready() {
    let gateway = Gateway::new();
    let openai = gateway
        .channel(&json!({"base_url": "https://api.openai.com/v1", "keys": [], "models": ["m"]}));
    gateway.channel(&json!({"base_url": "https://up.example/v1", "keys": [], "models": ["m"]}));
    gateway.channel(&json!({"base_url": "https://api.openai.com/v1", "models": ["m"]}));
    let status = gateway.get("status").expect(200);
    let words: Vec<&Value> = status["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["status"])
        .collect();
    assert_eq!(words, ["not_ready", "unused", "unused"]);
    assert_eq!(status["problems"], json!([]));
    let route = gateway.get("route?model=m").expect(200);
    let shares: Vec<&Value> = route["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["share"])
        .collect();
    assert_eq!(shares, [0.5, 0.5]);
    assert_eq!(route["excluded"][0]["channel"]["id"], openai.as_str());
    assert_eq!(route["excluded"][0]["reason"], "key_missing");
}
