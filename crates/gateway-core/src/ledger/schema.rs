//! The database's tables and how an older database gets them. Owns the versions; a version, once released, never
//! changes: what is new is a new version with its own statements.

use std::fmt::Write as _;

use super::histogram::BUCKETS;
use super::ingest;
use crate::sql::{SqlRow, SqlValue, Statement};

/// The version that this program reads and writes.
pub const VERSION: u64 = 3;

const READ_VERSION: &str = "SELECT coalesce(max(version), 0) FROM gateway_schema";

/// The columns of `usage_hour` that are sums, histograms apart.
pub const SUMS: [&str; 9] = [
    "requests",
    "errors",
    "failovers",
    "estimated",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost_micro_usd",
];

/// The `hour` of rows that sum up all hours: with them nobody has to add up years. In such rows of `usage_hour` the key
/// is empty.
pub const ALL_HOURS: i64 = -1;

/// Stands for the model of requests that were refused before any upstream was asked, where no channel names the model:
/// they are told apart by reason instead. No model can be called so.
pub const REFUSED: &str = "\u{1}refused";

/// The `kind` of tallies that count requests without an answer by reason. Their `channel` is the client key's id.
pub const REASON: &str = "reason";

/// The prefixes of the columns that are histograms: `total_0`, `total_1`, … and `total_sum_ms`.
pub const HISTOGRAMS: [&str; 2] = ["total", "first_byte"];

/// Asks for the schema's version; in a new database its table is missing.
pub fn read_version() -> Statement {
    Statement::new(READ_VERSION)
}

/// The number in the answer to [`read_version`].
pub fn answer(rows: &[SqlRow]) -> u64 {
    rows.first()
        .and_then(|row| row.first())
        .map_or(0, SqlValue::count)
}

/// What brings a database of version `from` to [`VERSION`], one statement after the other. Any number of programs may do so
/// at once, and any of them may end in the middle: everything is made only if it is missing, and each version's number
/// comes last.
pub fn migration(from: u64) -> Vec<Statement> {
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
    statements
}

/// Every column that adds up in `usage_hour`.
pub fn summed_columns() -> impl Iterator<Item = String> {
    let histograms = HISTOGRAMS.into_iter().flat_map(|prefix| {
        let buckets = (0..BUCKETS).map(move |bucket| format!("{prefix}_{bucket}"));
        buckets.chain([format!("{prefix}_sum_ms")])
    });
    SUMS.into_iter().map(str::to_owned).chain(histograms)
}

fn version_1() -> Vec<Statement> {
    let mut usage_hour = String::from(
        "CREATE TABLE IF NOT EXISTS usage_hour (hour INTEGER NOT NULL, key TEXT NOT NULL, \
         channel TEXT NOT NULL, model TEXT NOT NULL",
    );
    for column in summed_columns() {
        let _ = write!(usage_hour, ", {column} INTEGER NOT NULL");
    }
    usage_hour.push_str(", PRIMARY KEY (hour, key, channel, model)) WITHOUT ROWID");
    let mut statements: Vec<Statement> = [
        "CREATE TABLE IF NOT EXISTS gateway_schema (version INTEGER PRIMARY KEY)",
        // The request log. `seq` is the order in which records came here; times are milliseconds since 1970.
        "CREATE TABLE IF NOT EXISTS request (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, \
         time_ms INTEGER NOT NULL, key TEXT NOT NULL, channel TEXT, upstream_key TEXT, model TEXT NOT NULL, \
         upstream_model TEXT, endpoint TEXT NOT NULL, stream INTEGER NOT NULL, status INTEGER NOT NULL, \
         attempts TEXT NOT NULL, first_byte_ms INTEGER, total_ms INTEGER NOT NULL, \
         prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, \
         reasoning_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL, ended TEXT NOT NULL, \
         cost_micro_usd INTEGER NOT NULL)",
        // One index per way to look into the log, each in the order of time, so that newest first needs no sorting.
        "CREATE INDEX IF NOT EXISTS request_by_time ON request (time_ms)",
        "CREATE INDEX IF NOT EXISTS request_by_key ON request (key, time_ms)",
        "CREATE INDEX IF NOT EXISTS request_by_channel ON request (channel, time_ms)",
        "CREATE INDEX IF NOT EXISTS request_by_model ON request (model, time_ms)",
        // Most requests end well, so that this one is short.
        "CREATE INDEX IF NOT EXISTS request_by_failure ON request (time_ms) WHERE ended <> 'complete'",
        // Counts per hour, channel and word: `attempt` by outcome, `status` by status code.
        "CREATE TABLE IF NOT EXISTS tally_hour (hour INTEGER NOT NULL, kind TEXT NOT NULL, \
         channel TEXT NOT NULL, word TEXT NOT NULL, count INTEGER NOT NULL, \
         PRIMARY KEY (hour, kind, channel, word)) WITHOUT ROWID",
        // The last known names of client keys and channels, which may be gone from the configuration.
        "CREATE TABLE IF NOT EXISTS actor (id TEXT PRIMARY KEY, name TEXT NOT NULL, \
         last_used_ms INTEGER NOT NULL) WITHOUT ROWID",
    ]
    .into_iter()
    .map(Statement::new)
    .collect();
    statements.push(Statement::new(usage_hour));
    statements.push(Statement::new(
        "INSERT INTO gateway_schema (version) VALUES (1) ON CONFLICT DO NOTHING",
    ));
    statements
}
