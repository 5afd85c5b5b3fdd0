//! The database's tables and how an older database gets them. Owns the versions; a version, once released, never
//! changes: what is new is a new version with its own statements.

use super::alert_state;
use super::audit;
use super::columns::request::REQUEST;
use super::columns::usage;
use super::columns::{ActorRow, Column, TallyRow};
use super::ingest;
use super::kept_response;
use super::key_use;
use super::layout::Layout;
use super::lean;
use super::record::Actor;
use super::response_record;
use super::totals::UsageRow;
use crate::sql::Statement;
use crate::sql::rows::{Query, Rows};
use std::borrow::Cow;

/// The version that this program reads and writes.
pub const VERSION: u64 = 12;

/// In place of the model of requests that were rejected before any upstream was called, where no channel names the model:
/// they are counted by reason instead. No model can have this name.
pub const REFUSED: &str = "\u{1}refused";

/// The `kind` of tallies that count requests without an answer by reason. Their `channel` is the client key's id.
pub const REASON: &str = "reason";

/// Asks for the schema's version; in a new database its table is missing.
pub fn read_version() -> Query {
    let version = "coalesce(max(version), 0) AS version";
    Query::select([version], "FROM gateway_schema")
}

/// The number in the answer to [`read_version`].
pub fn version(rows: &Rows) -> u64 {
    rows.first().map_or(0, |row| row.count("version"))
}

/// What brings a database of version `from` to [`VERSION`], one statement after the other. Any number of programs may do so
/// at once, and any of them may end in the middle: everything is made only if it is missing, and each version's number
/// comes last.
pub fn migration(from: u64, layout: Layout) -> Vec<Statement> {
    let mut statements = Vec::new();
    if from < 1 {
        statements.extend(version_1());
    }
    if from < 2 {
        statements.extend(ingest::version_2());
    }
    if from < 3 {
        statements.extend(ingest::version_3());
    }
    if from < 4 {
        statements.extend(ingest::version_4());
    }
    if from < 5 {
        statements.extend(response_record::version_5());
    }
    if from < 6 {
        statements.extend(ingest::version_6());
    }
    if from < 7 {
        statements.extend(kept_response::version_7());
    }
    if from < 8 {
        statements.extend(version_8());
    }
    if from < 9 {
        statements.extend(alert_state::version_9());
    }
    if from < 10 {
        statements.extend(audit::version_10());
    }
    if from < 11 {
        if layout == Layout::Lean {
            statements.extend(lean::version_11());
        }
        statements.push(Statement::new(
            "INSERT INTO gateway_schema (version) VALUES (11) ON CONFLICT DO NOTHING",
        ));
    }
    if from < 12 {
        statements.extend(match layout {
            Layout::Indexed => ingest::version_12(),
            Layout::Lean => lean::version_12(),
        });
        statements.push(Statement::new(
            "INSERT INTO gateway_schema (version) VALUES (12) ON CONFLICT DO NOTHING",
        ));
    }
    statements
}

fn version_1() -> Vec<Statement> {
    let tables = [
        // Milliseconds since 1970; `seq` is the order in which records came here.
        create_request(),
        create_usage_hour(),
        create_tally_hour(),
        create_actor(),
    ];
    let indexes = [
        // One index per way to look into the log, each in the order of time, so that newest first needs no sorting.
        "CREATE INDEX IF NOT EXISTS request_by_time ON request (time_ms)",
        "CREATE INDEX IF NOT EXISTS request_by_key ON request (key, time_ms)",
        "CREATE INDEX IF NOT EXISTS request_by_channel ON request (channel, time_ms)",
        "CREATE INDEX IF NOT EXISTS request_by_model ON request (model, time_ms)",
        // Most requests end well, so that this one is short.
        "CREATE INDEX IF NOT EXISTS request_by_failure ON request (time_ms) WHERE ended <> 'complete'",
        "INSERT INTO gateway_schema (version) VALUES (1) ON CONFLICT DO NOTHING",
    ];
    let versions = "CREATE TABLE IF NOT EXISTS gateway_schema (version INTEGER PRIMARY KEY)";
    [Cow::Borrowed(versions)]
        .into_iter()
        .chain(tables.map(Cow::Owned))
        .chain(indexes.map(Cow::Borrowed))
        .map(Statement::new)
        .collect()
}

/// What version 8 adds: when each upstream key was last used, with which result, from the log.
fn version_8() -> Vec<Statement> {
    vec![
        key_use::backfill(),
        Statement::new("INSERT INTO gateway_schema (version) VALUES (8) ON CONFLICT DO NOTHING"),
    ]
}

/// The request log.
fn create_request() -> String {
    let columns = REQUEST
        .iter()
        .filter(|column| column.since == 1)
        .map(|column| format!("{} {}", column.name, column.definition));
    create(
        "request",
        ["seq INTEGER PRIMARY KEY".to_owned()]
            .into_iter()
            .chain(columns),
    )
}

/// Sums per hour, key, channel and model.
fn create_usage_hour() -> String {
    let subject = UsageRow::default().subject().map(declare);
    let sums = usage::first_summed().map(|column| format!("{column} INTEGER NOT NULL"));
    let primary_key = ["PRIMARY KEY (hour, key, channel, model)".to_owned()];
    let parts = subject.into_iter().chain(sums).chain(primary_key);
    create("usage_hour", parts) + " WITHOUT ROWID"
}

/// Counts per hour, channel and word: `attempt` by outcome, `status` by status code.
fn create_tally_hour() -> String {
    let columns = TallyRow::default().columns().map(declare);
    let primary_key = ["PRIMARY KEY (hour, kind, channel, word)".to_owned()];
    create("tally_hour", columns.into_iter().chain(primary_key)) + " WITHOUT ROWID"
}

/// The last known names of client keys and channels, which may be gone from the configuration.
fn create_actor() -> String {
    let row = ActorRow {
        actor: Cow::Owned(Actor::default()),
        last_used_ms: 0,
    };
    create("actor", row.columns().map(declare)) + " WITHOUT ROWID"
}

fn create(table: &str, parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    format!("CREATE TABLE IF NOT EXISTS {table} ({})", parts.join(", "))
}

fn declare((name, definition, _): Column<'_>) -> String {
    format!("{name} {definition}")
}
