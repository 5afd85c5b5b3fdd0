//! The database of a host that charges for each row that is written, rows of indexes included. Owns what versions 11 and 12
//! of the schema are there: one index in place of four, and sums that wait in the request log until several batches can be
//! added to the tables of sums together. On other hosts version 11 changes nothing.
//!
//! A batch alone would write a dozen rows of sums. Here its sums are in a column of its first request; whatever reads the
//! tables of sums has the waiting ones added first.

use super::columns::usage;
use super::columns::{ActorRow, TallyRow};
use super::ingest::{
    MAX_SUM, add_tallies_where, add_usage_where, counted_model, insert_requests_with, names,
    note_actors_where,
};
use super::record::Actor;
use super::totals::UsageRow;
use crate::sql::Statement;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Requests whose sums are added together.
const FILED_TOGETHER: u64 = 64;

/// The one index: rows of other keys, channels and models are passed over in it, without a look at the log.
pub const INDEX: &str = "request_by_time_11";

/// The condition under which the sums of a request wait.
const WAITING: &str = "request.seq > (SELECT seq FROM ledger_filed)";

/// Adds the sums that wait, if any do.
pub fn file() -> Statement {
    Statement::new("INSERT INTO ledger_filing (due) VALUES (1)")
}

/// What version 11 changes where the layout is lean. Its triggers are left out, since version 12 has others.
pub fn version_11() -> Vec<Statement> {
    let changes = [
        "ALTER TABLE request ADD COLUMN sums TEXT",
        // The last request whose sums are in their tables.
        "CREATE TABLE IF NOT EXISTS ledger_filed (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL)",
        "INSERT INTO ledger_filed SELECT 1, coalesce(max(seq), 0) FROM request WHERE true ON CONFLICT DO NOTHING",
        "CREATE VIEW IF NOT EXISTS ledger_filing (due) AS SELECT 0",
        "DROP INDEX IF EXISTS request_by_key",
        "DROP INDEX IF EXISTS request_by_channel",
        "DROP INDEX IF EXISTS request_by_model",
        "CREATE INDEX IF NOT EXISTS request_by_time_11 ON request (time_ms, key, channel, model)",
        "DROP INDEX IF EXISTS request_by_time",
        "DROP TRIGGER IF EXISTS ledger_batch_filed_6",
    ];
    changes.into_iter().map(Statement::new).collect()
}

/// What version 12 changes there, as [`super::ingest::version_12`] elsewhere.
pub fn version_12() -> Vec<Statement> {
    vec![
        Statement::new("DROP TRIGGER IF EXISTS ledger_filing_11"),
        Statement::new(filing_trigger()),
        Statement::new("DROP TRIGGER IF EXISTS ledger_batch_filed_11"),
        Statement::new(batch_trigger()),
    ]
}

/// The statement that shortens the request log: as in the other layout, but for requests whose sums wait.
pub const PRUNE: &str = "DELETE FROM request WHERE seq IN (\
    SELECT seq FROM (SELECT seq, time_ms FROM request ORDER BY seq LIMIT ?3) \
    WHERE (seq <= (SELECT max(seq) FROM request) - ?1 OR time_ms < ?2) AND seq <= (SELECT seq FROM ledger_filed))";

/// Files a batch: its requests, the first one with the sums. Those of a large batch are added at once, after what waits, and
/// so are those of one without requests.
fn batch_trigger() -> String {
    // Numbers go on where they ended, also when the log is empty again: what is above the last filed one waits.
    let seq = "max(coalesce((SELECT max(seq) FROM request), 0), (SELECT seq FROM ledger_filed)) + 1 + key";
    let last = FILED_TOGETHER - 1;
    let waits = format!("json_array_length(NEW.requests) BETWEEN 1 AND {last}");
    let at_once = format!("NOT ({waits})");
    let sums = format!(
        "CASE WHEN key = 0 AND {waits} THEN json_array(json(NEW.usage), json(NEW.tallies), json(NEW.actors)) END"
    );
    format!(
        "CREATE TRIGGER IF NOT EXISTS ledger_batch_filed_12 INSTEAD OF INSERT ON ledger_batch BEGIN \
         {}; \
         INSERT INTO ledger_filing (due) SELECT 1 WHERE {at_once} OR \
           (SELECT max(seq) FROM request) - (SELECT seq FROM ledger_filed) >= {FILED_TOGETHER}; \
         {}; {}; {}; END",
        insert_requests_with(&[("seq", seq), ("sums", &sums)]),
        add_usage_where(&at_once),
        add_tallies_where(&at_once),
        note_actors_where(&at_once)
    )
}

/// Adds all sums that wait, each to its row at once, and notes that they are added.
fn filing_trigger() -> String {
    format!(
        "CREATE TRIGGER IF NOT EXISTS ledger_filing_12 INSTEAD OF INSERT ON ledger_filing \
         WHEN (SELECT max(seq) FROM request) > (SELECT seq FROM ledger_filed) BEGIN {}; {}; {}; \
         UPDATE ledger_filed SET seq = (SELECT max(seq) FROM request); END",
        add_usage(),
        add_tallies(),
        note_actors()
    )
}

/// The rows of one list of the waiting sums.
fn waiting(list: usize) -> String {
    format!(
        "FROM (SELECT part.value AS value FROM request, json_each(request.sums, '$[{list}]') AS part WHERE {WAITING} \
         AND request.sums IS NOT NULL LIMIT -1)"
    )
}

/// A count in a row, within what can be added up without an overflow.
fn count(place: usize) -> String {
    format!("min(coalesce(value ->> {place}, 0), {MAX_SUM})")
}

fn add_usage() -> String {
    let subject = UsageRow::default().subject();
    let (mut columns, mut sums, mut additions) = (String::new(), String::new(), String::new());
    for (index, column) in usage::summed().enumerate() {
        // The mark whether the model is named comes between the subject and the sums.
        let value = count(index + subject.len() + 1);
        let _ = write!(columns, ", {column}");
        let _ = write!(sums, ", min(sum({value}), {MAX_SUM}) AS {column}");
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(
            additions,
            "{comma}{column} = min({column} + excluded.{column}, {MAX_SUM})"
        );
    }
    let subject = names(&subject);
    let row = [
        "waiting.hour",
        "waiting.key",
        "waiting.channel",
        "waiting.model",
    ];
    let model = counted_model(row, "is_named");
    format!(
        "INSERT INTO usage_hour ({subject}{columns}) SELECT hour, key, channel, {model}{columns} \
         FROM (SELECT value ->> 0 AS hour, value ->> 1 AS key, value ->> 2 AS channel, value ->> 3 AS model, \
             max(value ->> 4) AS is_named{sums} {} GROUP BY 1, 2, 3, 4 LIMIT -1) AS waiting \
         WHERE true ON CONFLICT (hour, key, channel, model) DO UPDATE SET {additions}",
        waiting(0)
    )
}

fn add_tallies() -> String {
    let columns = names(&TallyRow::default().columns());
    format!(
        "INSERT INTO tally_hour ({columns}) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, sum({}) {} \
         WHERE true GROUP BY 1, 2, 3, 4 \
         ON CONFLICT (hour, kind, channel, word) DO UPDATE SET count = count + excluded.count",
        count(4),
        waiting(1)
    )
}

/// The name of the last use goes with its time: SQLite takes the other columns from the row that has the greatest one.
fn note_actors() -> String {
    let row = ActorRow {
        actor: Cow::Owned(Actor::default()),
        last_used_ms: 0,
    };
    let columns = names(&row.columns());
    format!(
        "INSERT INTO actor ({columns}) SELECT value ->> 0, value ->> 1, max(value ->> 2) {} WHERE true GROUP BY 1 \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, last_used_ms = max(last_used_ms, excluded.last_used_ms)",
        waiting(2)
    )
}
