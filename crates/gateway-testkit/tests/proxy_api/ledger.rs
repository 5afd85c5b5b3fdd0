//! The ledger: what of a request is recorded, and that no fault of the database reaches a client or is kept quiet.

use bytes::Bytes;
use gateway_core::config::model::{Document, Settings};
use gateway_core::ledger::schema;
use gateway_core::ports::{Clock as _, SendErrorKind, StoreKey};
use gateway_core::sql::{SqlRow, SqlValue, Statement};
use gateway_testkit::fakes::{DatabaseFault, FakeReply, START, block_on};
use http_body_util::{BodyExt as _, Full};

use super::setup::*;

pub const CHAT: &str =
    r#"{"model":"m","messages":[{"role":"user","content":"my-private-question"}]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
pub const ANSWER: &str = r#"{"choices":[{"message":{"content":"my-private-answer"},"finish_reason":"stop"}],
    "usage":{"prompt_tokens":30,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":10}}}"#;
const CONTENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"my-private-answer\"}}]}\n\n";

pub fn document(settings: Settings) -> Document {
    Document {
        channels: vec![channel("a", 1)],
        keys: vec![client_key()],
        settings,
        ..Document::default()
    }
}

/// One channel, whose upstream gives a whole answer.
pub fn stage() -> Stage {
    let stage = Stage::with_ledger(&document(Settings::default()));
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    stage
}

pub fn text(value: &str) -> SqlValue {
    SqlValue::Text(value.to_owned())
}

pub fn count(stage: &Stage, query: &str) -> u64 {
    stage.ports.database().rows(query)[0][0].count()
}

/// How requests ended, oldest first.
fn ends(stage: &Stage) -> Vec<SqlRow> {
    let query = "SELECT status, ended FROM request ORDER BY seq";
    stage.ports.database().rows(query)
}

pub fn dropped(stage: &Stage) -> String {
    let stored = stage.ports.store().get(StoreKey::DroppedRecords);
    String::from_utf8(stored.unwrap_or_default()).unwrap()
}

#[test]
fn an_answer_is_recorded_after_the_response_and_with_all_it_took() {
    let stage = stage();
    let answer = stage.chat(CHAT);
    assert_eq!(answer.status, 200);
    let database = stage.ports.database();
    assert_eq!(database.calls(), 0, "nothing before the response is there");
    stage.ports.run_background();
    let query = "SELECT id, time_ms, key, channel, upstream_key, model, upstream_model, endpoint, stream, status, \
        prompt_tokens, completion_tokens, cached_tokens, estimated, ended FROM request";
    let id = answer.header("x-request-id").unwrap();
    let expected = vec![
        text(id),
        SqlValue::from(START.0),
        text("ck_test"),
        text("ch_a"),
        text("uk_a1"),
        text("m"),
        text("m"),
        text("/v1/chat/completions"),
        SqlValue::Integer(0),
        SqlValue::Integer(200),
        SqlValue::Integer(30),
        SqlValue::Integer(7),
        SqlValue::Integer(10),
        SqlValue::Integer(0),
        text("complete"),
    ];
    assert_eq!(database.rows(query), [expected]);
    let attempts = database.rows("SELECT attempts FROM request");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(attempts[0][0].text().unwrap()).unwrap(),
        serde_json::json!([["answered", 200, 0]]),
        "channel and key are those of the row"
    );
    let sums = "SELECT requests, errors, prompt_tokens, completion_tokens, cached_tokens FROM usage_hour \
        WHERE hour >= 0 AND key = 'ck_test' AND channel = 'ch_a' AND model = 'm'";
    assert_eq!(
        database.rows(sums),
        [[1, 0, 30, 7, 10].map(SqlValue::Integer).to_vec()]
    );
}

#[test]
fn without_details_of_errors_what_people_and_models_say_is_nowhere_in_the_database() {
    let stage = Stage::with_ledger(&document(Settings {
        log_error_details: false,
        ..Settings::default()
    }));
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    stage.chat(CHAT);
    stage.upstream(|_| {
        FakeReply::json(
            400,
            r#"{"error":{"message":"my-private-question is too long"}}"#,
        )
    });
    stage.chat(CHAT);
    stage.ports.run_background();
    assert_eq!(ends(&stage).len(), 2);
    let database = stage.ports.database();
    let tables = database.rows("SELECT name FROM sqlite_master WHERE type = 'table'");
    assert!(tables.len() >= 5, "{tables:?}");
    for table in tables {
        let name = table[0].text().unwrap();
        let all = format!("{:?}", database.rows(&format!("SELECT * FROM {name}")));
        for secret in ["my-private", KEY, "a-1", &client_key().hash] {
            assert!(!all.contains(secret), "{secret} is in {name}: {all}");
        }
    }
}

#[test]
fn every_way_in_which_a_request_ends_is_recorded() {
    let stage = stage();
    // Rejected by the gateway, before any upstream is called.
    assert_eq!(stage.chat("{").status, 400);
    // Rejected by the upstream.
    stage.upstream(|_| FakeReply::json(422, "{}"));
    assert_eq!(stage.chat(CHAT).status, 422);
    // Broken off in the middle.
    let piece = || {
        FakeReply::pieces(
            200,
            "text/event-stream",
            [Bytes::from_static(CONTENT.as_bytes())],
        )
    };
    stage.upstream(move |_| piece().broken_by(SendErrorKind::Reset));
    assert_eq!(stage.chat(STREAM).status, 200);
    // Left in the middle.
    stage.upstream(move |_| piece().silent());
    let request = post("/v1/chat/completions", STREAM).map(Full::new);
    let mut body = block_on(gateway_core::proxy::handle(&stage.gateway, request)).into_body();
    assert!(block_on(body.frame()).is_some());
    drop(body);
    // No answer from anywhere.
    stage.ports.advance_ms(600_000);
    stage.upstream(|_| FakeReply::failure(SendErrorKind::Connect));
    assert_eq!(stage.chat(CHAT).status, 502);
    stage.ports.run_background();
    let end = |status: i64, word: &str| vec![SqlValue::Integer(status), text(word)];
    assert_eq!(
        ends(&stage),
        [
            end(400, "refused"),
            end(422, "refused"),
            end(200, "upstream_broke"),
            end(200, "client_gone"),
            end(502, "upstream_broke"),
        ]
    );
    let estimated = "SELECT completion_tokens FROM request WHERE estimated = 1";
    // 17 bytes of text at four a token.
    assert_eq!(
        stage.ports.database().rows(estimated),
        [[SqlValue::Integer(5)], [SqlValue::Integer(5)]]
    );
}

#[test]
fn strangers_and_model_lists_leave_no_record() {
    let stage = stage();
    let stranger = http::Request::post("/v1/chat/completions")
        .header("authorization", "Bearer sk-wrong")
        .body(Bytes::from_static(CHAT.as_bytes()));
    assert_eq!(stage.send(stranger.unwrap()).status, 401);
    assert_eq!(stage.send(get("/v1/models")).status, 200);
    stage.ports.run_background();
    assert_eq!(stage.ports.database().calls(), 0);
}

#[test]
fn without_a_ledger_the_database_is_not_called() {
    let stage = Stage::with_ledger(&document(Settings {
        ledger: false,
        ..Settings::default()
    }));
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    assert_eq!(stage.chat(CHAT).status, 200);
    stage.ports.run_background();
    assert_eq!(stage.ports.database().calls(), 0);
}

#[test]
fn a_batch_that_took_place_unsaid_is_not_counted_twice() {
    let stage = stage();
    stage.chat(CHAT);
    stage.ports.run_background();
    // From now on the schema is known to be there, so the next call is the batch.
    let database = stage.ports.database();
    for number in 0..3 {
        assert_eq!(stage.chat(CHAT).status, 200, "request {number}");
    }
    database.fault_next(DatabaseFault::FailAfterCommit, 1);
    stage.ports.run_background();
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 4);
    assert_eq!(
        count(
            &stage,
            "SELECT sum(requests) FROM usage_hour WHERE hour >= 0"
        ),
        4
    );
    assert_eq!(
        count(
            &stage,
            "SELECT sum(prompt_tokens) FROM usage_hour WHERE hour >= 0"
        ),
        120
    );
    assert_eq!(dropped(&stage), "");
}

#[test]
fn a_short_trouble_loses_nothing() {
    for fault in [DatabaseFault::Refuse, DatabaseFault::Hang] {
        let stage = stage();
        stage.ports.database().fault_next(fault, 2);
        assert_eq!(stage.chat(CHAT).status, 200);
        stage.ports.run_background();
        assert_eq!(
            count(&stage, "SELECT count(*) FROM request"),
            1,
            "{fault:?}"
        );
        assert_eq!(dropped(&stage), "", "{fault:?}");
        let lines = stage.ports.log_lines().join("\n");
        assert!(lines.contains("not written yet"), "{lines}");
    }
}

#[test]
fn a_batch_whose_task_the_host_ends_is_written_by_a_later_one_and_once() {
    // The first write is under way, or it took effect and its answer was lost.
    for fault in [DatabaseFault::Hang, DatabaseFault::FailAfterCommit] {
        let stage = stage();
        stage.chat(CHAT);
        stage.ports.run_background();
        assert_eq!(stage.chat(CHAT).status, 200);
        stage.ports.advance_ms(1_000);
        stage.ports.database().fault_next(fault, 1);
        stage.ports.abort_background(20);
        let written = u64::from(fault == DatabaseFault::FailAfterCommit);
        let requests = "SELECT count(*) FROM request";
        assert_eq!(count(&stage, requests), 1 + written, "{fault:?}");
        // A record that comes now must not become a part of a batch that may have been written.
        assert_eq!(stage.chat(CHAT).status, 200);
        stage.ports.run_background();
        assert_eq!(count(&stage, requests), 3, "{fault:?}");
        let sums = "SELECT sum(requests) FROM usage_hour WHERE hour >= 0";
        assert_eq!(count(&stage, sums), 3, "{fault:?}");
        assert_eq!(dropped(&stage), "", "{fault:?}");
    }
}

#[test]
fn a_database_that_is_down_fails_no_request_and_its_losses_are_counted() {
    for fault in [DatabaseFault::Refuse, DatabaseFault::Hang] {
        let stage = stage();
        stage.ports.database().set_fault(fault);
        for _ in 0..3 {
            assert_eq!(stage.chat(CHAT).status, 200, "{fault:?}");
        }
        stage.ports.run_background();
        assert_eq!(dropped(&stage), "3", "{fault:?}");
        assert_eq!(stage.chat(CHAT).status, 200, "{fault:?}");
        stage.ports.run_background();
        assert_eq!(dropped(&stage), "4", "{fault:?}");
        // It heals by itself.
        stage.ports.database().set_fault(DatabaseFault::None);
        assert_eq!(stage.chat(CHAT).status, 200, "{fault:?}");
        stage.ports.run_background();
        assert_eq!(
            count(&stage, "SELECT count(*) FROM request"),
            1,
            "{fault:?}"
        );
        assert_eq!(dropped(&stage), "4", "{fault:?}");
    }
}

#[test]
fn what_waits_for_the_database_is_bounded() {
    let stage = stage();
    for number in 0..5_010 {
        assert_eq!(stage.chat(CHAT).status, 200, "request {number}");
    }
    let began = stage.ports.now();
    stage.ports.run_background();
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 5_000);
    assert_eq!(
        count(
            &stage,
            "SELECT sum(requests) FROM usage_hour WHERE hour >= 0"
        ),
        5_000
    );
    assert_eq!(dropped(&stage), "10");
    let took = stage.ports.now().since_ms(began);
    // The tasks of two requests: the first one has had its time.
    assert!(took <= 1_000, "whole batches wait for nothing: {took} ms");
}

#[test]
fn requests_slow_down_for_a_database_that_falls_behind_and_not_for_one_that_takes_nothing() {
    // Nothing runs beside the requests: the database takes a record whenever it is asked, but is not asked yet.
    let behind = stage();
    let last = || {
        let before = behind.ports.now();
        assert_eq!(behind.chat(CHAT).status, 200);
        behind.ports.now().since_ms(before)
    };
    for _ in 0..2_500 {
        assert_eq!(last(), 0);
    }
    for _ in 0..2_400 {
        last();
    }
    assert!((35..=40).contains(&last()), "{}", last());
    behind.ports.run_background();
    assert_eq!(last(), 0, "it has caught up");
    assert_eq!(dropped(&behind), "");

    let down = stage();
    down.ports.database().set_fault(DatabaseFault::Refuse);
    assert_eq!(down.chat(CHAT).status, 200);
    down.ports.run_background();
    let before = down.ports.now();
    for _ in 0..6_000 {
        assert_eq!(down.chat(CHAT).status, 200);
    }
    assert_eq!(down.ports.now(), before);
}

#[test]
fn sums_by_the_hour_are_kept_for_as_long_as_configured_and_at_least_this_month() {
    const DAY_MS: u64 = 86_400_000;
    for (usage_days, kept) in [(0, 4), (3_650, 4), (20, 3), (1, 2)] {
        let stage = Stage::with_ledger(&document(Settings {
            usage_days,
            ..Settings::default()
        }));
        stage.upstream(|_| FakeReply::json(200, ANSWER));
        // From the 22nd of November on: the 8th and the 28th of December, the 2nd and the 15th of January.
        for days in [16, 20, 5, 13] {
            stage.ports.advance_ms(days * DAY_MS);
            for _ in 0..600 {
                stage.chat(CHAT);
            }
            stage.ports.run_background();
        }
        let hours = "SELECT count(DISTINCT hour) FROM usage_hour WHERE hour >= 0";
        // On the last day, the days before the configured ones are gone, but not those of January.
        assert_eq!(count(&stage, hours), kept, "{usage_days}");
        let tallied = "SELECT count(DISTINCT hour) FROM tally_hour WHERE hour >= 0";
        assert_eq!(count(&stage, tallied), kept, "{usage_days}");
        let all = "SELECT sum(requests) FROM usage_hour WHERE hour = -1";
        assert_eq!(count(&stage, all), 2_400);
    }
}

#[test]
fn the_log_keeps_as_many_rows_as_configured_and_the_sums_keep_all() {
    let stage = Stage::with_ledger(&document(Settings {
        request_log_rows: 1_000,
        ..Settings::default()
    }));
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    for _ in 0..4 {
        for _ in 0..500 {
            stage.chat(CHAT);
        }
        stage.ports.run_background();
    }
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 1_000);
    assert_eq!(
        count(
            &stage,
            "SELECT sum(requests) FROM usage_hour WHERE hour >= 0"
        ),
        2_000
    );
    // The days count as well.
    stage.ports.advance_ms(31 * 86_400_000);
    for _ in 0..600 {
        stage.chat(CHAT);
    }
    stage.ports.run_background();
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 600);
    assert_eq!(
        count(
            &stage,
            "SELECT sum(requests) FROM usage_hour WHERE hour >= 0"
        ),
        2_600
    );
}

#[test]
fn instances_share_one_database_and_one_of_a_newer_gateway_is_left_alone() {
    let stage = stage();
    for _ in 0..3 {
        assert_eq!(stage.chat_alone(CHAT).status, 200);
    }
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 3);
    let version = "SELECT max(version) FROM gateway_schema";
    assert_eq!(count(&stage, version), schema::VERSION);
    stage
        .ports
        .database()
        .rows("INSERT INTO gateway_schema (version) VALUES (1000)");
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 3);
    assert_eq!(dropped(&stage), "1");
    let lines = stage.ports.log_lines().join("\n");
    assert!(lines.contains("newer gateway (schema 1000"), "{lines}");
}

#[test]
fn a_batch_is_one_call_of_the_host() {
    let stage = stage();
    stage.chat(CHAT);
    stage.ports.run_background();
    let database = stage.ports.database();
    database.forget();
    for _ in 0..400 {
        stage.chat(CHAT);
    }
    stage.ports.run_background();
    let inserts = |statement: &&Statement| statement.text.starts_with("INSERT");
    assert_eq!(database.statements().iter().filter(inserts).count(), 1);
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 401);
}
