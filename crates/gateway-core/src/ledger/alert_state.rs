//! The record of alerts in the ledger's database, which all instances share, and the figures that its rules ask for. Owns
//! the table, and that one instance at a time may change it; what is in the record is `alerts`'.
//!
//! The record is one row: an instance that finds it due moves its time on, in one statement, and so becomes its holder.

use super::columns::ALL_HOURS;
use super::record::End;
use crate::sql::Statement;
use crate::sql::rows::{NamedRow, Query};
use crate::units::Timestamp;

/// Requests that a rate of errors is taken of at most, the newest ones.
const MAX_COUNTED: u64 = 10_000;

/// What version 9 adds: the record of alerts.
pub fn version_9() -> Vec<Statement> {
    [
        "CREATE TABLE IF NOT EXISTS alert_state (id INTEGER PRIMARY KEY, due_ms INTEGER NOT NULL, \
         holder TEXT NOT NULL, state TEXT NOT NULL)",
        "INSERT INTO alert_state (id, due_ms, holder, state) VALUES (1, 0, '', '') ON CONFLICT DO NOTHING",
        "INSERT INTO gateway_schema (version) VALUES (9) ON CONFLICT DO NOTHING",
    ]
    .map(Statement::new)
    .into()
}

/// The record of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertRow {
    /// When the rules are to be evaluated next.
    pub due: Timestamp,
    /// The record itself; empty before the first evaluation.
    pub state: String,
}

/// Asks for the record.
pub(super) fn read() -> Query {
    Query::select(["due_ms", "state"], "FROM alert_state WHERE id = 1")
}

/// Reads a row of [`read`] and of [`claim`].
pub(super) fn read_row(row: &NamedRow<'_>) -> AlertRow {
    AlertRow {
        due: Timestamp(row.count("due_ms")),
        state: row.text("state").to_owned(),
    }
}

/// Makes `holder` the holder of the record if it is due at `now`, and due again at `next`. A time far in the future is that
/// of a clock which was set back.
pub(super) fn claim(holder: &str, now: Timestamp, next: Timestamp) -> Query {
    let interval_ms = next.since_ms(now);
    let statement = Statement::new(
        "UPDATE alert_state SET due_ms = ?1, holder = ?2 WHERE id = 1 AND (due_ms <= ?3 OR due_ms > ?4) \
         RETURNING due_ms, state",
    );
    let statement = statement.with(next.0).with(holder).with(now.0);
    Query::returning(
        statement.with(next.plus_ms(interval_ms).0),
        &["due_ms", "state"],
    )
}

/// Replaces the record, unless another holder has it meanwhile; a row comes back if it was replaced.
pub(super) fn save(holder: &str, state: &str) -> Query {
    let statement = Statement::new(
        "UPDATE alert_state SET state = ?1 WHERE id = 1 AND holder = ?2 RETURNING id",
    );
    Query::returning(statement.with(state).with(holder), &["id"])
}

/// The cost of all requests, or of those from an hour on.
pub(super) fn cost(from_hour: Option<u64>) -> Query {
    let cost = ["coalesce(sum(cost_micro_usd), 0) AS cost"];
    match from_hour {
        None => Query::select(cost, &format!("FROM usage_hour WHERE hour = {ALL_HOURS}")),
        Some(hour) => Query::select(cost, "FROM usage_hour WHERE hour >= ?1").with(hour),
    }
}

/// The requests since a time, and those of them without a whole answer from an upstream.
pub(super) fn errors(since: Timestamp) -> Query {
    let broke = format!(
        "coalesce(sum(ended = '{}'), 0) AS errors",
        End::UpstreamBroke.word()
    );
    let newest = format!(
        "FROM (SELECT ended FROM request WHERE time_ms >= ?1 ORDER BY time_ms DESC LIMIT {MAX_COUNTED})"
    );
    Query::select(["count(*) AS requests".to_owned(), broke], &newest).with(since.0)
}
