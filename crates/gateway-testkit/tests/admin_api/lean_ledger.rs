//! The ledger of a host that charges for rows that are written: it says what the other one says, and writes less.

use gateway_core::ledger::LedgerEngine;
use gateway_core::ledger::port::Ledger as _;
use gateway_core::ledger::record::{AttemptOutcome, ModelKnown, RequestRecord};
use gateway_core::ports::{Sql as _, SqlTarget};
use gateway_core::sql::{SqlRow, SqlValue, Statement};
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::{START, block_on};
use std::time::Duration;

use super::Gateway;
use super::ledger::{FILL, mixed, questions, record, write};

/// A gateway whose database of version 10 becomes a lean one with the next write.
fn lean() -> Gateway {
    let gateway = Gateway::new();
    rows(&gateway, "DROP TRIGGER ledger_batch_filed_12");
    rows(
        &gateway,
        "DELETE FROM gateway_schema WHERE version > 10 RETURNING version",
    );
    gateway.ports.charge_for_rows();
    gateway
}

fn rows(gateway: &Gateway, query: &str) -> Vec<SqlRow> {
    gateway.ports.database().rows(query)
}

fn count(gateway: &Gateway, query: &str) -> u64 {
    rows(gateway, query)[0][0].count()
}

/// Everything that is added up, in order.
fn sums(gateway: &Gateway) -> [Vec<SqlRow>; 3] {
    [
        "SELECT * FROM usage_hour ORDER BY hour, key, channel, model",
        "SELECT * FROM tally_hour ORDER BY hour, kind, channel, word",
        "SELECT * FROM actor ORDER BY id",
    ]
    .map(|query| rows(gateway, query))
}

/// Requests of many kinds, the later ones of each with another name for their key.
fn many(from: u64, to: u64) -> Vec<RequestRecord> {
    let kinds = mixed();
    (from..to)
        .map(|number| {
            let kind = usize::try_from(number).unwrap() % kinds.len();
            let mut made = RequestRecord {
                id: format!("req_{number:028}"),
                time: START.plus_ms(number * 1_000),
                ..kinds[kind].clone()
            };
            made.key.name = format!("name {number}");
            if number % 7 == 0 {
                made.model = format!("answered {}", number % 3);
                made.model_known = ModelKnown::Answered;
            }
            for attempt in &mut made.attempts {
                if number % 5 == 0 {
                    attempt.outcome = AttemptOutcome::Throttled;
                    attempt.status = Some(429);
                    attempt.detail = Some(format!("detail {number}"));
                }
            }
            made
        })
        .collect()
}

#[test]
fn sums_that_waited_are_those_that_are_added_at_once() {
    let (lean, indexed) = (lean(), Gateway::new());
    // Alone, few together, and more together than wait.
    let mut at = 0;
    for size in [1, 1, 2, 1, 30, 1, 40, 1, 1, 64, 1, 100, 3, 1, 1] {
        let batch = many(at, at + size);
        write(&lean, &batch);
        write(&indexed, &batch);
        at += size;
    }
    let waiting = "SELECT count(*) FROM request WHERE seq > (SELECT seq FROM ledger_filed)";
    assert_eq!(count(&lean, waiting), 5);
    assert_ne!(sums(&lean), sums(&indexed));
    for path in ["usage?group=model", "usage?group=key", "usage?group=reason"] {
        let (one, other) = (lean.get(path), indexed.get(path));
        assert_eq!(one.expect(200), other.expect(200), "{path}");
    }
    assert_eq!(count(&lean, waiting), 0);
    assert_eq!(sums(&lean), sums(&indexed));
    let log = "SELECT id, time_ms, key, channel, model, status, attempts, ended, cost_micro_usd FROM request ORDER BY seq";
    assert_eq!(rows(&lean, log), rows(&indexed, log));
    // A batch that was written before its answer was lost changes nothing.
    write(&lean, &many(at - 1, at));
    lean.get("usage").expect(200);
    assert_eq!(sums(&lean), sums(&indexed));
}

#[test]
fn whatever_reads_sums_has_those_that_wait() {
    let gateway = lean();
    let ledger = || LedgerEngine::new(&gateway.ports, Duration::from_secs(1));
    let mut at = 0;
    let mut next = || {
        write(&gateway, &many(at, at + 1));
        at += 1;
        at
    };
    let written = next();
    let counters = block_on(ledger().query_counters()).unwrap();
    assert_eq!(
        counters
            .tallies
            .iter()
            .filter(|tally| tally.kind == "status")
            .map(|tally| tally.count)
            .sum::<u64>(),
        written
    );
    next();
    let names = block_on(ledger().query_names(&["ck_b"])).unwrap();
    assert_eq!(names["ck_b"], "name 1");
    let written = next();
    let uses = block_on(ledger().query_last_uses(&["ch_b"])).unwrap();
    assert_eq!(uses["ch_b"], START.0 + (written - 1) * 1_000);
    let written = next();
    let uses = block_on(ledger().query_key_uses(&["uk_a1"])).unwrap();
    let failed = uses["uk_a1"].failed.as_ref().unwrap();
    assert_eq!(failed.at, START.plus_ms((written - 1) * 1_000));
    let before = block_on(ledger().query_cost(None)).unwrap();
    next();
    next();
    assert_eq!(block_on(ledger().query_cost(None)).unwrap(), before + 3);
}

#[test]
fn nonsense_of_an_upstream_does_not_stop_the_adding() {
    let gateway = lean();
    for number in 0..100 {
        let mut nonsense = record(number);
        nonsense.usage.prompt_tokens = u64::MAX;
        nonsense.cost_micro_usd = i64::MAX as u64;
        write(&gateway, &[nonsense]);
    }
    gateway.get("usage").expect(200);
    let requests = "SELECT sum(requests) FROM usage_hour WHERE hour = -1";
    assert_eq!(count(&gateway, requests), 100);
    let tokens = "SELECT max(prompt_tokens) FROM usage_hour";
    assert_eq!(count(&gateway, tokens), 9_007_199_254_740_991);
}

#[test]
fn the_log_is_shortened_but_for_what_waits_and_numbers_go_on() {
    let gateway = lean();
    let ledger = LedgerEngine::new(&gateway.ports, Duration::from_secs(1));
    let length = "SELECT count(*) FROM request";
    for number in 0..70 {
        write(&gateway, &many(number, number + 1));
    }
    assert_eq!(count(&gateway, "SELECT seq FROM ledger_filed"), 64);
    block_on(ledger.prune(0, 0, 1_000)).unwrap();
    assert_eq!(count(&gateway, length), 6);
    gateway.get("usage").expect(200);
    block_on(ledger.prune(0, u64::MAX >> 1, 1_000)).unwrap();
    assert_eq!(count(&gateway, length), 0);
    write(&gateway, &many(70, 71));
    assert_eq!(count(&gateway, "SELECT max(seq) FROM request"), 71);
    gateway.get("usage").expect(200);
    let requests = "SELECT sum(requests) FROM usage_hour WHERE hour = -1";
    assert_eq!(count(&gateway, requests), 71);
}

#[test]
fn the_results_of_an_admins_tests_are_there_at_once_and_not_undone_by_what_waited() {
    use gateway_core::ledger::key_use::{CallSource, KeyUse};
    let gateway = lean();
    let ledger = LedgerEngine::new(&gateway.ports, Duration::from_secs(1));
    write(&gateway, &[record(0)]);
    let one_use = KeyUse {
        key: "uk_a1".to_owned(),
        at: Timestamp(START.0 + 5_000),
        source: CallSource::Test,
        outcome: AttemptOutcome::Answered,
        status: Some(201),
        detail: None,
    };
    block_on(ledger.append_key_uses(&[one_use])).unwrap();
    let uses = block_on(ledger.query_key_uses(&["uk_a1"])).unwrap();
    let answered = uses["uk_a1"].answered.clone().unwrap();
    assert_eq!(answered.status, Some(201));
    assert!(answered.is_test);
}

#[test]
fn every_question_goes_by_an_index_and_has_the_same_answer() {
    let (lean, indexed) = (lean(), Gateway::new());
    write(&lean, &[]);
    let fill = Statement::new(FILL.replace("199999", "1999"));
    for gateway in [&lean, &indexed] {
        let filled = gateway
            .ports
            .transact(SqlTarget::Ledger, vec![fill.clone()]);
        block_on(filled).unwrap();
    }
    let database = lean.ports.database();
    for question in questions() {
        database.forget();
        let path = format!("requests?limit=5{question}");
        assert_eq!(
            lean.get(&path).expect(200),
            indexed.get(&path).expect(200),
            "{path}"
        );
        let asked = database.statements();
        let asked = asked
            .iter()
            .filter(|statement| statement.text.contains("FROM request"));
        for statement in asked {
            let mut explain = statement.clone();
            explain.text = format!("EXPLAIN QUERY PLAN {}", statement.text).into();
            let plan = block_on(lean.ports.transact(SqlTarget::Ledger, vec![explain])).unwrap();
            for row in &plan[0] {
                let step = row.last().and_then(SqlValue::text).unwrap();
                // Those of the same millisecond are sorted by their numbers.
                assert!(
                    step.starts_with("SEARCH request USING")
                        || step == "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
                    "{question}: {step}"
                );
            }
        }
    }
}
