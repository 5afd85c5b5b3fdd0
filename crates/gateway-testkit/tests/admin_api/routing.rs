//! The dry run and the overview of all upstreams: which would be called, which would not, and why.

use std::rc::Rc;

use bytes::Bytes;
use gateway_core::ports::StoreKey;
use gateway_core::proxy;
use gateway_core::upstream::failure::Failure;
use gateway_testkit::fakes::{FakeReply, block_on};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::health::fail;
use crate::{Gateway, with_master_key};

/// A gateway with channels of these names, each with what is to be changed of it.
fn gateway(channels: &[(&str, Value)]) -> (Gateway, Vec<Value>) {
    let gateway = Gateway::new();
    let create = |(name, members): &(&str, Value)| {
        let mut body = json!({"name": name, "base_url": "https://up.example/v1", "models": ["m"]});
        body["keys"] = json!([format!("key-of-the-channel-{name}")]);
        for (member, value) in members.as_object().unwrap() {
            body[member] = value.clone();
        }
        gateway.call("POST", "channels", &body).expect(201)
    };
    let created = channels.iter().map(create).collect();
    (gateway, created)
}

fn dry_run(gateway: &Gateway, model: &str) -> Value {
    let answer = gateway.get(&format!("route?model={model}")).expect(200);
    assert_eq!(answer["model"], model);
    answer
}

/// The candidates as names of channels and ends of their keys' hints, in order.
fn order(answer: &Value) -> Vec<String> {
    let name = |row: &Value| {
        let hint = row["key"]["hint"].as_str().unwrap_or("-");
        let end: String = hint
            .chars()
            .skip_while(|letter| *letter != '…')
            .skip(1)
            .collect();
        format!("{} {end}", row["channel"]["name"].as_str().unwrap())
    };
    answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(name)
        .collect()
}

/// Why others are left out: name of the channel, whether it is about one key, reason.
fn excluded(answer: &Value) -> Vec<(&str, bool, &str)> {
    let rows = answer["excluded"].as_array().unwrap().iter();
    rows.map(|row| {
        assert!(row["detail"].as_str().unwrap().len() > 10);
        (
            row["channel"]["name"].as_str().unwrap(),
            row["key"].is_object(),
            row["reason"].as_str().unwrap(),
        )
    })
    .collect()
}

#[test]
fn candidates_are_listed_in_order_with_their_shares() {
    let (gateway, created) = gateway(&[
        ("last", json!({"priority": 5})),
        ("idle", json!({"weight": 0})),
        ("small", json!({"weight": 1})),
        ("big", json!({"weight": 3, "model_map": {"m": "theirs"}})),
        ("keyless", json!({"priority": 6, "keys": [], "models": []})),
    ]);
    let answer = dry_run(&gateway, "m");
    let shares: Vec<(&str, f64)> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["channel"]["name"].as_str().unwrap(),
                row["share"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shares,
        [
            ("big", 0.75),
            ("small", 0.25),
            ("idle", 0.0),
            ("last", 1.0),
            ("keyless", 1.0)
        ]
    );
    let big = &created[3];
    assert_eq!(
        answer["data"][0],
        json!({
            "channel": {"id": big["id"], "name": "big"}, "key": {"id": big["keys"][0]["id"], "hint": big["keys"][0]["hint"]},
            "priority": 0, "weight": 3, "balance": "weight", "share": 0.75, "model": "m", "upstream_model": "theirs",
            "state": "ready", "until": null, "about": null, "reason": null, "detail": null, "failed_at": null
        })
    );
    assert_eq!(answer["data"][4]["key"], Value::Null);
    assert_eq!(answer["excluded"], json!([]));
    assert_eq!(answer, dry_run(&gateway, "m"), "nothing is left to chance");
}

#[test]
fn everybody_else_is_named_with_the_reason() {
    let (gateway, _) = gateway(&[
        (
            "good",
            json!({"keys": ["the-key-number-0001", "the-key-number-0002"]}),
        ),
        ("off", json!({"enabled": false})),
        ("other", json!({"models": ["x"], "model_map": {"y": "m"}})),
        (
            "azure",
            json!({"provider": "azure", "azure": {"api_version": null, "deployments": {"m": "d"}}, "models": []}),
        ),
    ]);
    let keys = gateway.get("channels").expect(200)["data"][0]["keys"].clone();
    let path = format!(
        "channels/{}",
        gateway.get("channels").expect(200)["data"][0]["id"]
            .as_str()
            .unwrap()
    );
    let body = json!({"keys": [{"id": keys[0]["id"], "enabled": false}, {"id": keys[1]["id"]}]});
    gateway.call("PATCH", &path, &body).expect(200);
    let answer = dry_run(&gateway, "m");
    assert_eq!(order(&answer), ["good 0002", "azure zure"]);
    assert_eq!(answer["data"][1]["upstream_model"], "d");
    assert_eq!(
        excluded(&answer),
        [
            ("good", true, "key_disabled"),
            ("off", false, "disabled"),
            ("other", false, "model_not_served")
        ]
    );
    let answer = dry_run(&gateway, "nobody-has-it");
    assert_eq!(answer["data"], json!([]));
    assert!(
        excluded(&answer)
            .iter()
            .all(|(_, _, reason)| *reason == "model_not_served")
    );

    // A channel whose keys are all off, and one whose keys cannot be opened.
    gateway
        .call("PATCH", &path, &json!({"keys": [{"id": keys[0]["id"]}]}))
        .expect(200);
    assert_eq!(
        excluded(&dry_run(&gateway, "m"))[0],
        ("good", false, "no_usable_key")
    );
    let mut sealed = Gateway::with(with_master_key('A'));
    sealed.channel(&json!({"name": "sealed", "models": ["m"]}));
    sealed.settings.master_key = None;
    assert_eq!(
        excluded(&dry_run(&sealed, "m")),
        [("sealed", false, "no_usable_key")]
    );
    let problems = &sealed.get("status").expect(200)["problems"];
    assert!(
        problems[0].as_str().unwrap().contains("no master key"),
        "{problems}"
    );
}

#[test]
fn more_candidates_than_attempts_are_left_out() {
    let (gateway, _) = gateway(&[
        (
            "one",
            json!({"keys": ["the-key-number-0001", "the-key-number-0002"]}),
        ),
        ("two", json!({"priority": 1})),
    ]);
    let mut document = gateway.get("config").expect(200);
    document["settings"]["max_attempts"] = json!(1);
    gateway.call("PUT", "config", &document).expect(200);
    let answer = dry_run(&gateway, "m");
    assert_eq!(order(&answer), ["one 0001"]);
    assert_eq!(
        excluded(&answer),
        [("one", true, "max_attempts"), ("two", true, "max_attempts")]
    );
}

#[test]
fn what_cools_comes_last_and_says_until_when_and_why() {
    let (gateway, created) = gateway(&[
        ("a", json!({"weight": 9})),
        (
            "b",
            json!({"keys": ["the-key-number-0001", "the-key-number-0002", "the-key-number-0003", "the-key-number-0004"]}),
        ),
        ("c", json!({"priority": 7})),
        ("d", json!({})),
    ]);
    fail(&gateway, &created[0], 0, Failure::ModelUnknown, None);
    fail(&gateway, &created[1], 0, Failure::Throttled, Some(90_000));
    fail(&gateway, &created[1], 1, Failure::Throttled, Some(40_000));
    fail(&gateway, &created[1], 2, Failure::KeyRefused, None);
    fail(&gateway, &created[3], 0, Failure::ServerError, None);
    let answer = dry_run(&gateway, "m");
    assert_eq!(
        order(&answer),
        ["b 0004", "d el-d", "c el-c", "a el-a", "b 0003", "b 0002"]
    );
    assert_eq!(
        excluded(&answer),
        [("b", true, "retry_after")],
        "it asked for more patience than the other one"
    );
    let row = |place: usize| {
        let row = &answer["data"][place];
        (
            row["state"].as_str().unwrap(),
            row["about"].clone(),
            row["reason"].clone(),
            row["until"].clone(),
            row["share"].as_f64().unwrap(),
        )
    };
    let none = Value::Null;
    assert_eq!(
        row(0),
        ("ready", none.clone(), none.clone(), none.clone(), 0.5)
    );
    assert_eq!(
        row(1),
        ("ready", none.clone(), none.clone(), none, 0.5),
        "one server error is a hiccup"
    );
    assert_eq!(
        row(3),
        (
            "cooling",
            json!("model"),
            json!("model_unknown"),
            json!("2026-11-22T00:00:15.000Z"),
            0.0
        )
    );
    assert_eq!(
        row(4),
        (
            "rejected",
            json!("key"),
            json!("refused"),
            json!("2026-11-22T00:00:30.000Z"),
            0.5
        )
    );
    assert_eq!(
        row(5),
        (
            "cooling",
            json!("key"),
            json!("throttled"),
            json!("2026-11-22T00:00:40.000Z"),
            0.5
        )
    );
    assert_eq!(answer["data"][5]["detail"], "why");
    assert_eq!(answer["data"][5]["failed_at"], "2026-11-22T00:00:00.000Z");
    // Its time is over: it is due, and in its regular place.
    gateway.ports.advance_ms(15_000);
    let answer = dry_run(&gateway, "m");
    assert_eq!(order(&answer)[0], "a el-a");
    assert_eq!(
        (&answer["data"][0]["state"], &answer["data"][0]["until"]),
        (&json!("probing"), &Value::Null)
    );
}

#[test]
fn the_rule_of_each_priority_is_named() {
    let (gateway, _) = gateway(&[("one", json!({})), ("other", json!({"priority": 7}))]);
    let mut document = gateway.get("config").expect(200);
    document["settings"]["balance"] = json!("least_busy");
    document["settings"]["balance_by_priority"] = json!({"7": "weight"});
    gateway.call("PUT", "config", &document).expect(200);
    let answer = dry_run(&gateway, "m");
    let rules: Vec<&Value> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["balance"])
        .collect();
    assert_eq!(rules, ["least_busy", "weight"]);
}

#[test]
fn rules_are_for_priorities_that_there_can_be() {
    let (gateway, _) = gateway(&[("one", json!({}))]);
    let document = gateway.get("config").expect(200);
    let mut wrong = document.clone();
    wrong["settings"]["balance"] = json!("least");
    wrong["settings"]["balance_by_priority"] = json!({"0": "least_busy", "01": "weight", "1001": "weight",
        "-1": "weight", "2": "x", "3": null, "any": "weight"});
    let answer = gateway.call("PUT", "config", &wrong);
    let error = answer.expect_error(400, "invalid_value");
    for path in [
        "balance",
        "balance_by_priority.01",
        "balance_by_priority.1001",
        "balance_by_priority.-1",
        "balance_by_priority.2",
        "balance_by_priority.3",
        "balance_by_priority.any",
    ] {
        let path = format!("`settings.{path}` ");
        assert!(
            error.message().contains(&path),
            "{path} in {}",
            error.message()
        );
    }
    assert!(!error.message().contains("`settings.balance_by_priority.0`"));
    assert_eq!(
        gateway.get("config").expect(200),
        document,
        "nothing changes"
    );
}

#[test]
fn a_request_takes_the_way_that_the_dry_run_tells() {
    let (gateway, created) = gateway(&[
        ("first", json!({"priority": 1})),
        ("cold", json!({"priority": 2})),
        ("third", json!({"priority": 3})),
        ("colder", json!({"priority": 4})),
        ("idle", json!({"priority": 3, "weight": 0})),
        ("off", json!({"enabled": false})),
    ]);
    fail(&gateway, &created[1], 0, Failure::Throttled, Some(60_000));
    fail(&gateway, &created[3], 0, Failure::KeyRefused, None);
    let previewed: Vec<String> = order(&dry_run(&gateway, "m"));
    let client = gateway
        .call("POST", "keys", &json!({"name": "c"}))
        .expect(201);
    gateway
        .ports
        .upstream()
        .script(|_| FakeReply::json(401, "{}"));
    let instance = Rc::new(proxy::Gateway::new(gateway.ports.clone(), Ok(None)));
    let request = Request::post("/v1/chat/completions")
        .header(
            "authorization",
            format!("Bearer {}", client["key"].as_str().unwrap()),
        )
        .body(Full::new(Bytes::from_static(br#"{"model":"m"}"#)))
        .unwrap();
    assert_eq!(
        block_on(proxy::handle(&instance, request))
            .status()
            .as_u16(),
        502
    );
    let asked: Vec<String> = gateway
        .ports
        .upstream()
        .requests()
        .iter()
        .map(|sent| {
            let key = sent.head.headers["authorization"]
                .to_str()
                .unwrap()
                .to_owned();
            let name = key.rsplit('-').next().unwrap().to_owned();
            format!("{name} {}", &key[key.len() - 4..])
        })
        .collect();
    assert_eq!(previewed.len(), 5);
    assert_eq!(asked, previewed);
}

#[test]
fn a_dry_run_needs_a_model_and_takes_any() {
    let gateway = Gateway::new();
    for query in ["", "?model=", "?model=a&model=b", "?modle=a", "?model=%00"] {
        gateway
            .get(&format!("route{query}"))
            .expect_error(400, "invalid_value");
    }
    let long = "x".repeat(257);
    gateway
        .get(&format!("route?model={long}"))
        .expect_error(400, "invalid_value");
    let answer = gateway.get("route?model=%3Cb%3E%26+%C3%BC").expect(200);
    assert_eq!(
        answer,
        json!({"model": "<b>& ü", "models": ["<b>& ü"], "data": [], "excluded": []})
    );
}

#[test]
fn the_overview_names_every_channel_key_and_failed_model() {
    let (gateway, created) = gateway(&[
        (
            "a",
            json!({"keys": ["the-key-number-0001", "the-key-number-0002"]}),
        ),
        ("b", json!({"enabled": false})),
    ]);
    fail(&gateway, &created[0], 1, Failure::Throttled, Some(90_000));
    fail(&gateway, &created[0], 0, Failure::ModelUnknown, None);
    fail(
        &gateway,
        &created[1],
        0,
        Failure::Unreachable(gateway_core::ports::SendErrorKind::Dns),
        None,
    );
    gateway.ports.advance_ms(1000);
    let well = json!({"state": "ready", "until": null, "about": null, "reason": null, "detail": null, "failed_at": null,
        "status": "unused", "since": null, "outcome": null, "last_success_at": null});
    let with = |mut base: Value, more: Value| {
        base.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        base
    };
    let key = |channel: usize, place: usize, finding: Value| {
        let key = &created[channel]["keys"][place];
        with(
            json!({"id": key["id"], "hint": key["hint"], "enabled": true}),
            finding,
        )
    };
    let failed = |about: &str, reason: &str, until: &str| json!({"state": "cooling", "until": until, "about": about, "reason": reason, "detail": "why", "failed_at": "2026-11-22T00:00:00.000Z"});
    let called = |finding: Value| {
        let call = json!({"status": "failed", "since": finding["failed_at"], "outcome": finding["reason"], "last_success_at": null});
        with(finding, call)
    };
    let throttled = called(failed("key", "throttled", "2026-11-22T00:01:30.000Z"));
    let unknown = failed("model", "model_unknown", "2026-11-22T00:00:15.000Z");
    let unreachable = called(failed("channel", "unreachable", "2026-11-22T00:00:05.000Z"));
    let expected = json!({
        "now": "2026-11-22T00:00:01.000Z",
        "data": [
            with(json!({"id": created[0]["id"], "name": "a", "enabled": true, "keys": [key(0, 0, well.clone()), key(0, 1, throttled)],
                "models": [with(json!({"model": "m"}), unknown)]}), well.clone()),
            with(json!({"id": created[1]["id"], "name": "b", "enabled": false, "keys": [key(1, 0, well)], "models": []}), unreachable),
        ],
        "problems": [],
        "dropped_records": 0,
        "replaced_ledger": null
    });
    assert_eq!(gateway.get("status").expect(200), expected);
    let store = gateway.ports.store();
    store.put(StoreKey::DroppedRecords, b"12".to_vec());
    assert_eq!(gateway.get("status").expect(200)["dropped_records"], 12);
}

#[test]
fn an_import_forgets_what_is_known_of_changed_channels_only() {
    let (gateway, created) = gateway(&[("a", json!({})), ("b", json!({}))]);
    for channel in &created {
        fail(&gateway, channel, 0, Failure::KeyRefused, None);
    }
    let mut document = gateway.get("config").expect(200);
    document["channels"][1]["weight"] = json!(7);
    gateway.call("PUT", "config", &document).expect(200);
    let status = gateway.get("status").expect(200);
    let state = |place: usize| {
        status["data"][place]["keys"][0]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!([state(0), state(1)], ["rejected", "ready"]);
}
