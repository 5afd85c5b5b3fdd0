//! The ledger's tables: what a new database has, and how one of an older version gets it.

use gateway_core::ledger::schema::VERSION;

use super::ledger::{CHAT, count, dropped, stage};
use super::setup::Stage;

/// Takes back what versions 4 to 12 changed.
const WITHOUT_VERSION_4: [&str; 11] = [
    "DROP TABLE response",
    "DROP TRIGGER ledger_batch_filed_12",
    "ALTER TABLE request DROP COLUMN detail",
    "ALTER TABLE request DROP COLUMN exceeded",
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
        let version = "SELECT max(version) FROM gateway_schema";
        assert_eq!(count(&stage, version), VERSION);
        assert_eq!(dropped(&stage), "");
    }
}

/// What exists in databases of version 3.
const SCHEMA_3: &str = include_str!("../../fixtures/schema_3.sql");

/// A batch as an older program writes it: rows of the log and of the sums that end before the new columns.
fn batch_of(columns: usize, sums: usize) -> String {
    let mut request = vec!["null".to_owned(); columns];
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
    let sums = vec!["1"; sums].join(",");
    format!(
        "INSERT INTO ledger_batch VALUES ('[[{}]]', '[[-1,\"\",\"ch_a\",\"m\",1,{sums}]]', '[]', '[]')",
        request.join(",")
    )
}

/// A database that a program of version `version` made, with one batch, gets the columns and still takes its batches.
fn migrates(version: u64, schema: &str, batch: &str) -> Stage {
    let stage = stage();
    let is_table = |line: &&str| line.starts_with("CREATE TABLE");
    let (tables, others): (Vec<&str>, Vec<&str>) = schema.lines().partition(|line| is_table(line));
    let (views, others): (Vec<&str>, Vec<&str>) = others
        .iter()
        .partition(|line| line.starts_with("CREATE VIEW"));
    for statement in tables.into_iter().chain(views).chain(others) {
        stage.ports.database().rows(statement);
    }
    for known in 1..=version {
        let known = format!("INSERT INTO gateway_schema (version) VALUES ({known})");
        stage.ports.database().rows(&known);
    }
    stage.ports.database().rows(batch);
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 1);

    assert_eq!(stage.chat_alone(CHAT).status, 200);
    // A program of that version that runs on has another trigger under its batches.
    let late = batch.replace("req_old", "req_late");
    stage.ports.database().rows(&late);
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 3);
    let requests = "SELECT sum(requests) FROM usage_hour WHERE hour = -1";
    assert_eq!(count(&stage, requests), 3);
    let version = "SELECT max(version) FROM gateway_schema";
    assert_eq!(count(&stage, version), VERSION);
    assert_eq!(dropped(&stage), "");
    stage
}

#[test]
fn databases_of_versions_3_and_5_get_the_columns_and_still_take_their_batches() {
    let stage = migrates(3, SCHEMA_3, &batch_of(21, 9 + 2 * 22));
    let written = "SELECT sum(cache_write_tokens) FROM usage_hour";
    assert_eq!(count(&stage, written), 0);
    let stage = migrates(5, SCHEMA_5, &batch_of(26, 10 + 2 * 22));
    let details = "SELECT count(*) FROM request WHERE detail IS NOT NULL OR exceeded IS NOT NULL";
    assert_eq!(count(&stage, details), 0);
}

#[test]
fn a_database_of_version_6_bounds_the_models_of_a_key() {
    let stage = migrates(6, SCHEMA_6, &batch_of(28, 10 + 2 * 22));
    let triggers = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'";
    assert_eq!(count(&stage, triggers), 1);
    let rows = || count(&stage, "SELECT count(*) FROM usage_hour WHERE hour >= 0");
    for number in 0..150 {
        let body = format!(r#"{{"model":"made-up-{number}","messages":[]}}"#);
        assert_eq!(stage.chat_alone(&body).status, 200);
    }
    assert_eq!(rows(), 101);
}

/// What exists in databases of version 5.
const SCHEMA_5: &str = include_str!("../../fixtures/schema_5.sql");

/// What exists in databases of versions 6 to 11.
const SCHEMA_6: &str = include_str!("../../fixtures/schema_6.sql");

/// The tables, indexes, view and trigger of version 12, as that version made them: what exists in databases. A trigger is
/// never made anew, so that it must keep fitting the batches.
const SCHEMA_12: &str = include_str!("../../fixtures/schema_12.sql");

#[test]
fn a_new_database_is_the_one_that_version_12_made() {
    let stage = stage();
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    let statements = "SELECT sql || ';' FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name NOT IN ('kept_response', 'alert_state', 'audit') ORDER BY type, name";
    let rows = stage.ports.database().rows(statements);
    let made: Vec<&str> = rows.iter().filter_map(|row| row[0].text()).collect();
    assert_eq!(made, SCHEMA_12.lines().collect::<Vec<_>>());
}
