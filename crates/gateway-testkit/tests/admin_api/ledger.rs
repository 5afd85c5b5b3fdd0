//! What the admin API reports of the past: usage, the request log, when keys were used; and how it searches a log of
//! some size.

use gateway_core::ledger::LedgerEngine;
use gateway_core::ledger::batch::Batch;
use gateway_core::ledger::port::Ledger as _;
use gateway_core::ledger::reason::Reason;
use gateway_core::ledger::record::{
    Actor, AttemptOutcome, AttemptRecord, End, ModelKnown, RequestRecord,
};
use gateway_core::ports::{Clock as _, Sql as _, SqlTarget};
use gateway_core::sql::{SqlValue, Statement};
use gateway_core::units::Timestamp;
use gateway_core::wire::usage::{ServiceTier, Usage};
use gateway_testkit::fakes::{DatabaseFault, START, block_on};
use serde_json::{Value, json};
use std::time::Duration;

use super::Gateway;

const HOUR: u64 = 3_600_000;

fn actor(id: &str) -> Actor {
    Actor {
        id: id.to_owned(),
        name: format!("name of {id}"),
    }
}

/// A request that went well, `number` minutes after the fakes' beginning.
pub fn record(number: u64) -> RequestRecord {
    RequestRecord {
        id: format!("req_{number:028}"),
        time: START.plus_ms(number * 60_000),
        key: actor("ck_a"),
        channel: Some(actor("ch_a")),
        upstream_key: Some("uk_a1".to_owned()),
        model: "m".to_owned(),
        model_known: ModelKnown::Named,
        upstream_model: Some("upstream/m".to_owned()),
        endpoint: "/v1/chat/completions".into(),
        stream: true,
        status: 200,
        attempts: vec![AttemptRecord {
            channel: "ch_a".to_owned(),
            key: "uk_a1".to_owned(),
            outcome: AttemptOutcome::Answered,
            status: Some(200),
            ms: 7,
            detail: None,
        }],
        first_byte_ms: Some(80),
        total_ms: 900,
        usage: Usage {
            prompt_tokens: 10,
            completion_tokens: 5,
            cached_tokens: 4,
            cache_write_tokens: 3,
            cache_write_1h_tokens: 2,
            reasoning_tokens: 1,
            images: 1,
            media_ms: 1_500,
            service_tier: Some(ServiceTier::Flex),
        },
        end: End::Complete,
        cost_micro_usd: 3,
        ..RequestRecord::default()
    }
}

fn run(gateway: &Gateway, statements: Vec<Statement>) {
    block_on(gateway.ports.transact(SqlTarget::Ledger, statements)).unwrap();
}

pub fn write(gateway: &Gateway, records: &[RequestRecord]) {
    let mut batch = Batch::default();
    for record in records {
        batch.add(record);
    }
    let ledger = LedgerEngine::new(&gateway.ports, Duration::from_secs(1));
    block_on(ledger.append(&batch)).unwrap();
}

/// The ids' numbers of a page.
fn numbers(page: &Value) -> Vec<u64> {
    let rows = page["data"].as_array().unwrap();
    let number = |row: &Value| row["id"].as_str().unwrap()[4..].parse().unwrap();
    rows.iter().map(number).collect()
}

/// Requests of two keys, channels and models, one of which no channel serves; some broke, some were rejected.
pub fn mixed() -> Vec<RequestRecord> {
    let mut records: Vec<RequestRecord> = (0..6).map(record).collect();
    records[1].key = actor("ck_b");
    records[2].channel = Some(actor("ch_b"));
    "n".clone_into(&mut records[2].model);
    records[3].status = 502;
    records[3].end = End::UpstreamBroke;
    records[3].first_byte_ms = None;
    records[4] = RequestRecord {
        channel: None,
        model: "nonsense".to_owned(),
        model_known: ModelKnown::Nowhere,
        upstream_model: None,
        upstream_key: None,
        attempts: Vec::new(),
        first_byte_ms: None,
        status: 404,
        end: End::Refused,
        usage: Usage::default(),
        cost_micro_usd: 0,
        ..record(4)
    };
    records[5].time = START.plus_ms(HOUR + 1);
    records[5].end = End::ClientGone;
    records[5].estimated = true;
    records
}

#[test]
fn a_ledger_that_is_new_is_empty() {
    let gateway = Gateway::new();
    let page = gateway.get("requests").expect(200);
    assert_eq!(page, json!({"data": [], "has_more": false}));
    let usage = gateway.get("usage").expect(200);
    assert_eq!(usage["data"], json!([]));
    assert_eq!(usage["from"], "2026-11-21T00:00:00Z");
    assert_eq!(usage["to"], "2026-11-22T00:00:00Z");
}

#[test]
fn usage_is_summed_by_bucket_and_subject() {
    let gateway = Gateway::new();
    write(&gateway, &mixed());
    gateway.ports.advance_ms(2 * HOUR);
    let usage = |query: &str| gateway.get(&format!("usage{query}")).expect(200)["data"].clone();
    let story = |rows: &Value, subject: &str| -> Vec<String> {
        let rows = rows.as_array().unwrap();
        rows.iter()
            .map(|row| {
                let name = match &row[subject] {
                    Value::Object(named) => named["name"].as_str().unwrap().to_owned(),
                    other => other.as_str().unwrap_or("none").to_owned(),
                };
                format!(
                    "{} {name} {}",
                    &row["bucket"].as_str().unwrap()[11..13],
                    row["requests"]
                )
            })
            .collect()
    };
    assert_eq!(
        story(&usage(""), "model"),
        ["00  1", "00 m 3", "00 n 1", "01 m 1"]
    );
    assert_eq!(
        story(&usage("?group=channel&bucket=day"), "channel"),
        ["00 none 1", "00 name of ch_a 4", "00 name of ch_b 1"]
    );
    assert_eq!(
        story(&usage("?group=key"), "key"),
        [
            "00 name of ck_a 4",
            "00 name of ck_b 1",
            "01 name of ck_a 1"
        ]
    );
    let all = usage("?group=none&bucket=day");
    assert_eq!(
        all,
        json!([{
            "bucket": "2026-11-22T00:00:00Z", "requests": 6, "errors": 2, "failovers": 0, "estimated": 1,
            "prompt_tokens": 50, "completion_tokens": 25, "cached_tokens": 20, "cache_write_tokens": 15, "reasoning_tokens": 5,
            "cost_micro_usd": 15,
            "total_ms": {"p50": 875, "p95": 1_000, "p99": 1_000},
            "first_byte_ms": {"p50": 75, "p95": 100, "p99": 100}
        }])
    );
    assert_eq!(
        story(&usage("?group=none&model=m&key=ck_a"), ""),
        ["00 none 2", "01 none 1"]
    );
    assert_eq!(
        usage("?group=none&from=2026-11-22T01:30:00Z&to=2026-11-22T01:31:00Z")[0]["requests"],
        1,
        "the span is that of the hours which it touches"
    );
    assert_eq!(usage("?from=2026-11-22T02:00:00Z"), json!([]));
}

#[test]
fn refusals_are_grouped_by_reason_and_not_under_models_that_no_channel_serves() {
    let gateway = Gateway::new();
    let mut records = mixed();
    records[4].reason = Some(Reason::ModelNotFound);
    for (place, reason) in [(0, Reason::UnknownPath), (3, Reason::UpstreamFailed)] {
        records[place].reason = Some(reason);
    }
    records[0].end = End::Refused;
    records[0].key = actor("ck_b");
    write(&gateway, &records);
    gateway.ports.advance_ms(2 * HOUR);
    let usage = |query: &str| gateway.get(&format!("usage{query}")).expect(200)["data"].clone();
    let counts = |rows: &Value, subject: &str| -> Vec<String> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| format!("{} {} {}", row[subject], row["requests"], row["errors"]))
            .collect()
    };
    assert_eq!(
        counts(&usage("?group=reason&bucket=day"), "reason"),
        [
            "\"model_not_found\" 1 1",
            "\"unknown_path\" 1 1",
            "\"upstream_failed\" 1 1"
        ]
    );
    assert_eq!(
        counts(&usage("?group=reason&key=ck_b"), "reason"),
        ["\"unknown_path\" 1 1"]
    );
    assert_eq!(
        counts(&usage("?bucket=day"), "model"),
        ["\"m\" 4 2", "\"n\" 1 0"]
    );
    assert_eq!(usage("?group=none&bucket=day")[0]["requests"], 6);
    for filter in ["model=m", "channel=ch_a"] {
        gateway
            .get(&format!("usage?group=reason&{filter}"))
            .expect_error(400, "invalid_value");
    }
    let page = gateway.get("requests?reason=model_not_found").expect(200);
    assert_eq!(numbers(&page), [4]);
    assert_eq!(page["data"][0]["reason"], "model_not_found");
    assert_eq!(page["data"][0]["model"], "nonsense");
    gateway
        .get("requests?reason=nonsense")
        .expect_error(400, "invalid_value");
}

#[test]
fn a_log_of_an_older_gateway_can_be_read_before_anything_new_is_written() {
    let gateway = Gateway::new();
    write(&gateway, &mixed());
    for undone in [
        "DROP TRIGGER ledger_batch_filed_12",
        "ALTER TABLE request DROP COLUMN detail",
        "ALTER TABLE request DROP COLUMN exceeded",
        "ALTER TABLE request DROP COLUMN reason",
        "ALTER TABLE request DROP COLUMN cache_write_tokens",
        "ALTER TABLE request DROP COLUMN cache_write_1h_tokens",
        "ALTER TABLE request DROP COLUMN images",
        "ALTER TABLE request DROP COLUMN media_ms",
        "ALTER TABLE request DROP COLUMN service_tier",
        "ALTER TABLE usage_hour DROP COLUMN cache_write_tokens",
        "DELETE FROM gateway_schema WHERE version > 2",
    ] {
        run(&gateway, vec![Statement::new(undone)]);
    }
    let page = gateway.get("requests?limit=1").expect(200);
    assert_eq!(page["data"][0]["reason"], Value::Null);
    assert_eq!(page["data"][0]["cache_write_tokens"], 0);
    assert_eq!(page["data"][0]["service_tier"], Value::Null);
}

#[test]
fn the_log_is_filtered_and_paged_newest_first() {
    let gateway = Gateway::new();
    write(&gateway, &mixed());
    let page = |query: &str| numbers(&gateway.get(&format!("requests{query}")).expect(200));
    for (query, expected) in [
        ("", &[5, 4, 3, 2, 1, 0][..]),
        ("?key=ck_b", &[1]),
        ("?channel=ch_b", &[2]),
        ("?model=n", &[2]),
        ("?model=nonsense", &[4]),
        ("?status=502", &[3]),
        ("?status=2xx", &[5, 2, 1, 0]),
        ("?status=4xx", &[4]),
        ("?status=5xx&key=ck_a", &[3]),
        ("?status=error", &[4, 3]),
        ("?end=client_gone", &[5]),
        ("?end=complete&channel=ch_a", &[1, 0]),
        (
            "?from=2026-11-22T00:02:00Z&to=2026-11-22T00:04:00Z",
            &[3, 2],
        ),
        ("?key=ck_none", &[]),
    ] {
        assert_eq!(page(query), expected, "{query}");
    }
    let mut seen = Vec::new();
    let mut before = String::new();
    loop {
        let page = gateway
            .get(&format!("requests?limit=4{before}"))
            .expect(200);
        seen.extend(numbers(&page));
        let last = page["data"].as_array().unwrap().last().unwrap();
        before = format!("&before={}", last["id"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1, 0]);
}

#[test]
fn requests_of_one_millisecond_are_neither_lost_nor_repeated_between_pages() {
    let gateway = Gateway::new();
    let mut records: Vec<RequestRecord> = (0..5).map(record).collect();
    for record in &mut records {
        record.time = START;
    }
    write(&gateway, &records);
    let first = gateway.get("requests?limit=2").expect(200);
    assert_eq!(numbers(&first), [4, 3]);
    let before = format!("requests?before=req_{:028}", 3);
    assert_eq!(numbers(&gateway.get(&before).expect(200)), [2, 1, 0]);
}

#[test]
fn parameters_that_mean_nothing_are_named() {
    let gateway = Gateway::new();
    write(&gateway, &mixed());
    for (path, param) in [
        ("usage?from=yesterday", "from"),
        (
            "usage?from=2026-11-23T00:00:00Z&to=2026-11-22T00:00:00Z",
            "from",
        ),
        ("usage?bucket=week", "bucket"),
        ("usage?group=endpoint", "group"),
        ("usage?by=model", "by"),
        ("requests?limit=0", "limit"),
        ("requests?limit=201", "limit"),
        ("requests?limit=x", "limit"),
        ("requests?status=2x", "status"),
        ("requests?status=99", "status"),
        ("requests?end=well", "end"),
        ("requests?to=now", "to"),
        ("requests?before=req_nothing", "before"),
        ("requests?offset=5", "offset"),
    ] {
        let answer = gateway.get(path).expect_error(400, "invalid_value");
        assert_eq!(answer.body["error"]["param"], param, "{path}");
    }
}

#[test]
fn a_database_that_is_down_is_said_to_be_and_keys_are_listed_without_it() {
    for fault in [DatabaseFault::Refuse, DatabaseFault::Hang] {
        let gateway = Gateway::new();
        gateway
            .call("POST", "keys", &json!({"name": "laptop"}))
            .expect(201);
        write(&gateway, &mixed());
        gateway.ports.database().set_fault(fault);
        for path in ["usage", "requests", "requests?before=req_1"] {
            let began = gateway.ports.now();
            let answer = gateway.get(path).expect_error(503, "store_unavailable");
            assert!(
                answer.message().contains("database"),
                "{}",
                answer.message()
            );
            let took = gateway.ports.now().since_ms(began);
            assert!(took <= 5_000, "{path}: {took} ms");
        }
        let began = gateway.ports.now();
        let keys = gateway.get("keys").expect(200);
        assert_eq!(keys["data"][0]["last_used_at"], Value::Null);
        let took = gateway.ports.now().since_ms(began);
        assert!(took <= 1_000, "{took} ms");
    }
}

/// Every question that the API can ask, by its parameters.
pub fn questions() -> Vec<String> {
    let choices = [
        ("status", &["", "404", "200", "2xx", "4xx", "error"][..]),
        ("model", &["", "m1"]),
        ("key", &["", "ck_1"]),
        ("channel", &["", "ch_1"]),
        ("end", &["", "complete", "refused"]),
        ("from", &["", "2026-11-22T01:00:00Z"]),
        ("before", &["", "req_1000"]),
    ];
    let mut questions = vec![String::new()];
    for (name, values) in choices {
        questions = questions
            .iter()
            .flat_map(|question| {
                values.iter().map(move |value| match *value {
                    "" => question.clone(),
                    value => format!("{question}&{name}={value}"),
                })
            })
            .collect();
    }
    questions
}

/// 200,000 requests, of which one in a hundred fails.
pub const FILL: &str = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999) \
    INSERT INTO request (id, time_ms, key, channel, model, endpoint, stream, status, attempts, total_ms, \
    prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, estimated, ended, cost_micro_usd) \
    SELECT 'req_' || i, 1795305600000 + i * 50, 'ck_' || (i % 7), 'ch_' || (i % 5), 'm' || (i % 11), '/v1/x', 0, \
    iif(i % 100 = 0, 404, 200), '[]', 5, 1, 1, 0, 0, 0, iif(i % 100 = 0, 'refused', 'complete'), 0 FROM n";

#[test]
fn no_question_reads_the_whole_log_or_sorts_it() {
    // Its login was recorded in the audit log, so that the tables are there.
    let gateway = Gateway::new();
    run(&gateway, vec![Statement::new(FILL)]);
    let database = gateway.ports.database();
    let questions = questions();
    assert_eq!(questions.len(), 6 * 2 * 2 * 2 * 3 * 2 * 2);
    for question in questions {
        database.forget();
        gateway
            .get(&format!("requests?limit=5{question}"))
            .expect(200);
        let asked: Vec<Statement> = database
            .statements()
            .into_iter()
            .filter(|statement| statement.text.contains("FROM request"))
            .collect();
        assert!(!asked.is_empty(), "{question}");
        for statement in asked {
            let mut explain = statement.clone();
            explain.text = format!("EXPLAIN QUERY PLAN {}", statement.text).into();
            let rows = block_on(gateway.ports.transact(SqlTarget::Ledger, vec![explain])).unwrap();
            for row in &rows[0] {
                let step = row.last().and_then(SqlValue::text).unwrap();
                assert!(
                    step.starts_with("SEARCH request USING")
                        && step.contains("INDEX")
                        && !step.contains("TEMP B-TREE"),
                    "{question}: {step} in {}",
                    statement.text
                );
            }
        }
    }
}

#[test]
fn rows_that_were_written_late_are_where_they_belong() {
    let gateway = Gateway::new();
    let mut late = record(9);
    late.time = Timestamp(START.0 + 30_000);
    write(&gateway, &[record(0), record(1), late]);
    let page = gateway.get("requests").expect(200);
    assert_eq!(numbers(&page), [1, 9, 0]);
}
