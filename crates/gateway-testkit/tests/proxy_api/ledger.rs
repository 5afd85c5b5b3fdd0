//! The ledger: what of a request is recorded, and that no fault of the database reaches a client or is kept quiet.

use bytes::Bytes;
use gateway_core::config::model::{Document, Price, Prices, Settings};
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

fn dropped(stage: &Stage) -> String {
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
fn what_people_and_models_say_is_nowhere_in_the_database() {
    let stage = stage();
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
    let took = stage.ports.now().since_ms(START);
    assert!(took <= 500, "whole batches wait for nothing: {took} ms");
}

#[test]
fn the_log_keeps_as_many_rows_as_it_is_told_and_the_sums_keep_all() {
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
    assert_eq!(count(&stage, "SELECT count(*) FROM gateway_schema"), 4);
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

/// Takes back what version 4 added.
const WITHOUT_VERSION_4: [&str; 8] = [
    "DROP TRIGGER ledger_batch_filed_4",
    "ALTER TABLE request DROP COLUMN cache_write_tokens",
    "ALTER TABLE request DROP COLUMN cache_write_1h_tokens",
    "ALTER TABLE request DROP COLUMN images",
    "ALTER TABLE request DROP COLUMN media_ms",
    "ALTER TABLE request DROP COLUMN service_tier",
    "ALTER TABLE usage_hour DROP COLUMN cache_write_tokens",
    "DELETE FROM gateway_schema WHERE version > 3",
];

#[test]
fn an_older_database_is_brought_up_to_date_with_all_that_is_in_it() {
    let version_1: &[&str] = &[
        "ALTER TABLE request DROP COLUMN reason",
        "DROP VIEW ledger_batch",
        "DELETE FROM gateway_schema WHERE version > 1",
    ];
    let version_2: &[&str] = &[
        "ALTER TABLE request DROP COLUMN reason",
        "CREATE TRIGGER ledger_batch_filed INSTEAD OF INSERT ON ledger_batch BEGIN DELETE FROM request; END",
        "DELETE FROM gateway_schema WHERE version > 2",
    ];
    let version_3: &[&str] = &[
        "CREATE TRIGGER ledger_batch_filed_3 INSTEAD OF INSERT ON ledger_batch BEGIN DELETE FROM request; END",
    ];
    // One whose migration ended in the middle.
    let halfway: &[&str] = &["ALTER TABLE request ADD COLUMN images INTEGER"];
    for undone in [version_1, version_2, version_3, halfway] {
        let stage = stage();
        assert_eq!(stage.chat_alone(CHAT).status, 200);
        for statement in WITHOUT_VERSION_4.iter().chain(undone) {
            stage.ports.database().rows(statement);
        }
        for _ in 0..2 {
            assert_eq!(stage.chat_alone(CHAT).status, 200);
        }
        assert_eq!(count(&stage, "SELECT count(*) FROM request"), 3);
        let requests = "SELECT sum(requests) FROM usage_hour WHERE hour = -1";
        assert_eq!(count(&stage, requests), 3);
        assert_eq!(count(&stage, "SELECT max(version) FROM gateway_schema"), 4);
        assert_eq!(dropped(&stage), "");
    }
}

/// What exists in databases of version 3.
const SCHEMA_3: &str = include_str!("../../fixtures/schema_3.sql");

/// A batch as a program of version 3 writes it: rows that end before the new columns.
fn batch_of_version_3() -> String {
    let mut request = vec!["null".to_owned(); 21];
    for (index, value) in [
        (0, "\"req_old\""),
        (1, "0"),
        (2, "\"ck_1\""),
        (5, "\"m\""),
        (7, "\"/v1/chat/completions\""),
        (10, "\"[]\""),
        (18, "\"complete\""),
    ] {
        value.clone_into(&mut request[index]);
    }
    for index in [8, 9, 12, 13, 14, 15, 16, 17, 19] {
        "1".clone_into(&mut request[index]);
    }
    let sums = vec!["1"; 9 + 2 * 22].join(",");
    format!(
        "INSERT INTO ledger_batch VALUES ('[[{}]]', '[[-1,\"\",\"ch_a\",\"m\",1,{sums}]]', '[]', '[]')",
        request.join(",")
    )
}

#[test]
fn a_database_of_version_3_gets_the_columns_and_still_takes_its_batches() {
    let stage = stage();
    let is_table = |line: &&str| line.starts_with("CREATE TABLE");
    let (tables, others): (Vec<&str>, Vec<&str>) =
        SCHEMA_3.lines().partition(|line| is_table(line));
    let (views, others): (Vec<&str>, Vec<&str>) = others
        .iter()
        .partition(|line| line.starts_with("CREATE VIEW"));
    for statement in tables.into_iter().chain(views).chain(others) {
        stage.ports.database().rows(statement);
    }
    let known = "INSERT INTO gateway_schema (version) VALUES (1), (2), (3)";
    stage.ports.database().rows(known);
    stage.ports.database().rows(&batch_of_version_3());
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 1);

    assert_eq!(stage.chat_alone(CHAT).status, 200);
    // A program of that version that runs on has another trigger under its batches.
    let late = batch_of_version_3().replace("req_old", "req_late");
    stage.ports.database().rows(&late);
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 3);
    let requests = "SELECT sum(requests) FROM usage_hour WHERE hour = -1";
    assert_eq!(count(&stage, requests), 3);
    let written = "SELECT sum(cache_write_tokens) FROM usage_hour";
    assert_eq!(count(&stage, written), 0);
    assert_eq!(count(&stage, "SELECT max(version) FROM gateway_schema"), 4);
    assert_eq!(dropped(&stage), "");
}

#[test]
fn what_a_cost_depends_on_is_recorded_and_budgets_count_it() {
    let price = r#"{"prompt":5000000,"cached":500000,"completion":25000000,"cache_write":6250000,
        "cache_write_1h":10000000,"image":1000000000,"tiers":[{"above_prompt_tokens":2000,"prompt":10000000}],
        "service_tiers":{"flex":{"percent":50}}}"#;
    let prices = [("m".to_owned(), serde_json::from_str(price).unwrap())].into();
    let mut limited = document(Settings {
        prices,
        ..Settings::default()
    });
    limited.keys[0].limits.daily_budget_micro_usd = Some(20_000);
    let stage = Stage::with_ledger(&limited);
    stage.upstream(|_| {
        FakeReply::json(
            200,
            r#"{"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],"service_tier":"flex",
            "usage":{"input_tokens":1000,"output_tokens":100,"cache_read_input_tokens":1000,
            "cache_creation_input_tokens":500,"cache_creation":{"ephemeral_5m_input_tokens":300,
            "ephemeral_1h_input_tokens":200},"generated_images":2}}"#,
        )
    });
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    let columns = "SELECT prompt_tokens, cache_write_tokens, cache_write_1h_tokens, images, service_tier, cost_micro_usd \
        FROM request";
    let row = stage.ports.database().rows(columns).remove(0);
    // Half of 1,000 new ones at $10, 1,000 cached, 300 and 200 written, 100 out, and two images of $0.001.
    let cost = (10_000 + 500 + 1_875 + 2_000 + 2_500 + 2_000) / 2 + 1;
    assert_eq!(
        row,
        [
            SqlValue::Integer(2_500),
            SqlValue::Integer(500),
            SqlValue::Integer(200),
            SqlValue::Integer(2),
            SqlValue::Text("flex".to_owned()),
            SqlValue::Integer(cost),
        ]
    );
    let written = "SELECT sum(cache_write_tokens) FROM usage_hour WHERE hour = -1";
    assert_eq!(count(&stage, written), 500);
    // $0.02 a day: the third request would be the first one above it.
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    assert_eq!(stage.chat_alone(CHAT).status, 429);
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

#[test]
fn an_answer_costs_what_the_tables_say_for_the_channel_that_gave_it() {
    let price = |prompt, cached, completion| Price {
        prompt,
        cached,
        completion,
        ..Price::default()
    };
    let prices = |list: &[(&str, Price)]| -> Prices {
        let entries = list
            .iter()
            .map(|(name, price)| ((*name).to_owned(), price.clone()));
        entries.collect()
    };
    let costs = |channel_prices: &[(&str, Price)], settings_prices: &[(&str, Price)]| {
        let mut seller = channel("a", 1);
        seller.model_map = [("m".to_owned(), "llama".to_owned())].into();
        seller.prices = prices(channel_prices);
        let stage = Stage::with_ledger(&Document {
            channels: vec![seller],
            ..document(Settings {
                prices: prices(settings_prices),
                ..Settings::default()
            })
        });
        stage.upstream(|_| FakeReply::json(200, ANSWER));
        stage.chat(CHAT);
        stage.upstream(|_| FakeReply::json(400, "{}"));
        stage.chat(CHAT);
        stage.ports.run_background();
        let sum = "SELECT sum(cost_micro_usd) FROM usage_hour WHERE hour >= 0";
        let rows = stage.ports.database();
        let rows = rows.rows("SELECT cost_micro_usd FROM request ORDER BY seq");
        assert_eq!(
            rows[1],
            [SqlValue::Integer(0)],
            "refused requests cost nothing"
        );
        assert_eq!(count(&stage, sum), rows[0][0].count());
        rows[0][0].count()
    };
    // 20 new tokens, 10 cached ones, 7 written.
    let dear = price(2_000_000, Some(1_000_000), 10_000_000);
    let cheap = price(1_000_000, None, 0);
    assert_eq!(costs(&[], &[]), 0);
    assert_eq!(costs(&[], &[("m", dear.clone())]), 40 + 10 + 70);
    assert_eq!(costs(&[], &[("llama", cheap.clone())]), 30);
    assert_eq!(
        costs(&[("llama", cheap.clone())], &[("m", dear.clone())]),
        30
    );
    assert_eq!(costs(&[("llama", cheap), ("m", dear.clone())], &[]), 120);
    assert_eq!(costs(&[("other", dear.clone())], &[("other", dear)]), 0);
}

/// The tables, indexes, view and trigger of version 4, as that version made them: what exists in databases. A trigger is
/// never made anew, so that it must keep fitting the batches.
const SCHEMA_4: &str = include_str!("../../fixtures/schema_4.sql");

#[test]
fn a_new_database_is_the_one_that_version_4_made() {
    let stage = stage();
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    let statements =
        "SELECT sql || ';' FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name";
    let rows = stage.ports.database().rows(statements);
    let made: Vec<&str> = rows.iter().filter_map(|row| row[0].text()).collect();
    assert_eq!(made, SCHEMA_4.lines().collect::<Vec<_>>());
}
