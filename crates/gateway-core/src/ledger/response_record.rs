//! Which channel and key made a response that an upstream stores, and for which client key: what continues the response
//! or asks for it goes back there. Owns the table and its statements. Nothing of the response's content is in it.

use crate::sql::rows::{NamedRow, Query};
use crate::sql::{SqlValue, Statement};
use crate::units::Timestamp;

/// Rows in one statement, so that other writers do not wait long for the database.
pub const MAX_ROWS: usize = 500;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS response (key TEXT NOT NULL, id TEXT NOT NULL, \
    channel TEXT NOT NULL, upstream_key TEXT NOT NULL, model TEXT NOT NULL, time_ms INTEGER NOT NULL, \
    unsettled INTEGER NOT NULL, PRIMARY KEY (key, id)) WITHOUT ROWID";
const INDEX: &str = "CREATE INDEX IF NOT EXISTS response_by_time ON response (time_ms)";
const VERSION: &str = "INSERT INTO gateway_schema (version) VALUES (5) ON CONFLICT DO NOTHING";

/// Adds rows, a JSON list of lists. One that is there already is replaced: it was written before, or two upstreams gave
/// the same id, of which the latest counts.
const INSERT: &str = "INSERT INTO response (key, id, channel, upstream_key, model, time_ms, unsettled) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
    FROM (SELECT value FROM json_each(?1) LIMIT -1) WHERE true \
    ON CONFLICT (key, id) DO UPDATE SET channel = excluded.channel, upstream_key = excluded.upstream_key, \
    model = excluded.model, time_ms = excluded.time_ms, unsettled = min(unsettled, excluded.unsettled)";
const SETTLE: &str =
    "UPDATE response SET unsettled = 0 WHERE key = ?1 AND id = ?2 AND unsettled = 1 RETURNING id";
const REMOVE: &str = "DELETE FROM response WHERE key = ?1 AND id = ?2";
const PRUNE: &str = "DELETE FROM response WHERE (key, id) IN \
    (SELECT key, id FROM response WHERE time_ms < ?1 ORDER BY time_ms LIMIT ?2)";

/// A response that an upstream stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseRecord {
    /// The client key's id; no other key may reach the response.
    pub owner: String,
    /// The response's id.
    pub id: String,
    /// The channel's id.
    pub channel: String,
    /// The upstream key's id; empty where the channel has none.
    pub upstream_key: String,
    /// The model, by the client's name.
    pub model: String,
    /// When it was made.
    pub time: Timestamp,
    /// Whether its usage is still unknown, since it is made in the background.
    pub is_unsettled: bool,
}

/// What version 5 of the schema adds to version 4.
pub fn version_5() -> Vec<Statement> {
    [TABLE, INDEX, VERSION].map(Statement::new).into()
}

/// Writes `records`, whether or not some of them are written already.
pub fn insert(records: &[ResponseRecord]) -> Statement {
    let rows: Vec<_> = records
        .iter()
        .map(|it| {
            (
                &it.owner,
                &it.id,
                &it.channel,
                &it.upstream_key,
                &it.model,
                it.time.0,
                u8::from(it.is_unsettled),
            )
        })
        .collect();
    // Text and numbers have no way to fail.
    Statement::new(INSERT).with(serde_json::to_string(&rows).unwrap_or_default())
}

/// The record of a response that was made at `since_ms` or later.
pub fn find(owner: &str, id: &str, since_ms: u64) -> Query {
    let columns = [
        "key",
        "id",
        "channel",
        "upstream_key",
        "model",
        "time_ms",
        "unsettled",
    ];
    let rest = "FROM response WHERE key = ?1 AND id = ?2 AND time_ms >= ?3";
    Query::select(columns, rest)
        .with(owner)
        .with(id)
        .with(since_ms)
}

/// Reads a row of [`find`].
pub fn read(row: &NamedRow<'_>) -> ResponseRecord {
    ResponseRecord {
        owner: row.text("key").to_owned(),
        id: row.text("id").to_owned(),
        channel: row.text("channel").to_owned(),
        upstream_key: row.text("upstream_key").to_owned(),
        model: row.text("model").to_owned(),
        time: Timestamp(row.count("time_ms")),
        is_unsettled: row.count("unsettled") == 1,
    }
}

/// Marks the usage of a response as counted; gives a row only if it was not.
pub fn settle(owner: &str, id: &str) -> Query {
    let statement = Statement::new(SETTLE).with(owner).with(id);
    Query::returning(statement, &["id"])
}

/// Removes the record of a response.
pub fn remove(owner: &str, id: &str) -> Statement {
    Statement::new(REMOVE).with(owner).with(id)
}

/// Removes at most `most` records from before `since_ms`, the oldest first.
pub fn prune(since_ms: u64, most: u64) -> Statement {
    Statement::new(PRUNE)
        .with(SqlValue::from(since_ms))
        .with(SqlValue::from(most))
}
