//! What the database does with a batch of records: a view takes it, whose trigger files it in all tables. Owns versions 2
//! to 4, 6 and 12 of the schema, but for hosts that charge for rows (see `lean`); what is in a batch is `batch`'s.
//!
//! So a batch is one statement, which takes effect whole or not at all, and one call of the host. With a transaction of
//! several calls an instance that is busy holds the lock from one of its turns to the next: a busy gateway wrote thirty
//! batches in a second that way, fell behind with its records and let keys with limits wait for the lock.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::columns;
use super::columns::request::REQUEST;
use super::columns::usage;
use super::columns::{ActorRow, Column, TallyRow};
use super::record::Actor;
use super::totals::UsageRow;
use crate::sql::Statement;

/// Some upstreams answer to any name, and a client could fill the sums with made-up ones. From so many rows of its key in
/// an hour on, a model that no channel names and that has no row there yet is counted as [`columns::OTHER`].
pub(super) const MAX_SUBJECTS_OF_KEY: usize = 100;

/// The same for [`columns::ALL_HOURS`], where the rows of all keys are together.
const MAX_SUBJECTS: usize = 2_000;

/// No sum grows beyond what all hosts know exactly (2⁵³ − 1): an upstream's nonsense must not make it a fraction, which
/// would read as nothing.
pub(super) const MAX_SUM: u64 = 9_007_199_254_740_991;

/// Hands a batch over: rows of the request log, of sums, of tallies and of actors, each a JSON list of lists.
pub const HAND_OVER: &str =
    "INSERT INTO ledger_batch (requests, usage, tallies, actors) VALUES (?1, ?2, ?3, ?4)";

const VIEW: &str = "CREATE VIEW IF NOT EXISTS ledger_batch (requests, usage, tallies, actors) AS \
    SELECT '[]', '[]', '[]', '[]'";

/// A list of rows in the batch. `LIMIT -1` keeps SQLite from folding the list into the statement around it, where it would
/// make the text of a row anew for every column that is taken out of it.
fn rows_of(list: &str) -> String {
    rows_where(list, "true")
}

fn rows_where(list: &str, condition: &str) -> String {
    format!("FROM (SELECT value FROM json_each(NEW.{list}) LIMIT -1) WHERE {condition}")
}

/// Adds requests to the log, with values for further columns; in these, `key` is a request's place in the batch.
pub(super) fn insert_requests_with(more: &[(&str, &str)]) -> String {
    let known = REQUEST.iter().map(|column| column.name);
    let columns: Vec<&str> = known.chain(more.iter().map(|(name, _)| *name)).collect();
    let more: String = more.iter().flat_map(|(_, value)| [", ", value]).collect();
    format!(
        "INSERT INTO request ({}) SELECT {}{more} FROM (SELECT key, value FROM json_each(NEW.requests) LIMIT -1) WHERE true",
        columns.join(", "),
        values(REQUEST.len()),
    )
}

/// The values of the first `count` columns of a row.
fn values(count: usize) -> String {
    let values: Vec<String> = (0..count)
        .map(|index| format!("value ->> {index}"))
        .collect();
    values.join(", ")
}

pub(super) fn names(columns: &[Column<'_>]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _, _)| *name).collect();
    names.join(", ")
}

fn insert_requests() -> String {
    let names: Vec<&str> = REQUEST.iter().map(|column| column.name).collect();
    format!(
        "INSERT INTO request ({}) SELECT {} {}",
        names.join(", "),
        values(names.len()),
        rows_of("requests")
    )
}

fn add_tallies() -> String {
    add_tallies_where("true")
}

/// Adds tallies if the condition holds.
pub(super) fn add_tallies_where(condition: &str) -> String {
    let columns = TallyRow::default().columns();
    format!(
        "INSERT INTO tally_hour ({}) SELECT {} {} \
         ON CONFLICT (hour, kind, channel, word) DO UPDATE SET count = count + excluded.count",
        names(&columns),
        values(columns.len()),
        rows_where("tallies", condition)
    )
}

fn note_actors() -> String {
    note_actors_where("true")
}

/// Adds actors if the condition holds.
pub(super) fn note_actors_where(condition: &str) -> String {
    let row = ActorRow {
        actor: Cow::Owned(Actor::default()),
        last_used_ms: 0,
    };
    let columns = row.columns();
    format!(
        "INSERT INTO actor ({}) SELECT {} {} \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, last_used_ms = max(last_used_ms, excluded.last_used_ms)",
        names(&columns),
        values(columns.len()),
        rows_where("actors", condition)
    )
}

/// What version 2 adds to version 1. Its trigger is left out, since version 3 has another one: a program that is late with
/// its migration would bring it back beside the new one, and every batch would be filed twice.
pub fn version_2() -> Vec<Statement> {
    vec![
        Statement::new(VIEW),
        Statement::new("INSERT INTO gateway_schema (version) VALUES (2) ON CONFLICT DO NOTHING"),
    ]
}

/// What version 3 adds: the reason why a request has no answer. Rows of a program that knows version 2 have none. Its
/// trigger is left out as well.
pub fn version_3() -> Vec<Statement> {
    let mut statements = new_request_columns(3);
    statements.extend([
        Statement::new("DROP TRIGGER IF EXISTS ledger_batch_filed"),
        Statement::new("INSERT INTO gateway_schema (version) VALUES (3) ON CONFLICT DO NOTHING"),
    ]);
    statements
}

/// What version 4 adds: what a cost depends on beside the tokens that there were before. Rows of a program that knows
/// version 3 have none of it. Its trigger is left out as well.
pub fn version_4() -> Vec<Statement> {
    let mut statements = new_request_columns(4);
    statements.extend(usage::later_sums().map(|column| {
        let name = column.name;
        Statement::new(format!(
            "ALTER TABLE usage_hour ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0"
        ))
    }));
    statements.extend([
        Statement::new("DROP TRIGGER IF EXISTS ledger_batch_filed_3"),
        Statement::new("INSERT INTO gateway_schema (version) VALUES (4) ON CONFLICT DO NOTHING"),
    ]);
    statements
}

/// What version 6 adds: the limit that a request exceeded, and what was said about a failure. Rows of a program that knows
/// version 5 have neither. Its trigger is left out as well.
pub fn version_6() -> Vec<Statement> {
    let mut statements = new_request_columns(6);
    statements.extend([
        Statement::new("DROP TRIGGER IF EXISTS ledger_batch_filed_4"),
        Statement::new("INSERT INTO gateway_schema (version) VALUES (6) ON CONFLICT DO NOTHING"),
    ]);
    statements
}

/// What version 12 changes: of the models that no channel names, a client key has so many in an hour.
///
/// The trigger of the other layout is not made here: beside that of a program that has already made it, every batch would
/// be filed twice.
pub fn version_12() -> Vec<Statement> {
    let trigger = format!(
        "CREATE TRIGGER IF NOT EXISTS ledger_batch_filed_12 INSTEAD OF INSERT ON ledger_batch BEGIN \
         {}; {}; {}; {}; END",
        insert_requests(),
        add_usage(),
        add_tallies(),
        note_actors()
    );
    vec![
        Statement::new("DROP TRIGGER IF EXISTS ledger_batch_filed_6"),
        Statement::new(trigger),
    ]
}

/// The name by which a model is counted; `row` gives the columns of the sums that it is counted in.
pub(super) fn counted_model(row: [&str; 4], is_named: &str) -> String {
    let [hour, key, channel, model] = row;
    let all_hours = columns::ALL_HOURS;
    let of_key =
        format!("FROM usage_hour AS known WHERE known.hour = {hour} AND known.key = {key}");
    let most =
        format!("CASE {hour} WHEN {all_hours} THEN {MAX_SUBJECTS} ELSE {MAX_SUBJECTS_OF_KEY} END");
    format!(
        "CASE WHEN {is_named} OR EXISTS (SELECT 1 {of_key} AND known.channel = {channel} AND known.model = {model}) \
           OR (SELECT count(*) {of_key}) < {most} THEN {model} ELSE '{}' END",
        columns::OTHER
    )
}

/// The statements fail where the column is there already, which `sql` takes for done: SQLite has no `IF NOT EXISTS` here.
fn new_request_columns(version: u64) -> Vec<Statement> {
    let added = REQUEST.iter().filter(|column| column.since == version);
    let alter = added.map(|column| {
        let (name, definition) = (column.name, column.definition);
        Statement::new(format!(
            "ALTER TABLE request ADD COLUMN {name} {definition}"
        ))
    });
    alter.collect()
}

/// Adds to `usage_hour`; its many columns are named by [`usage::summed`].
fn add_usage() -> String {
    add_usage_where("true")
}

/// The same if the condition holds.
pub(super) fn add_usage_where(condition: &str) -> String {
    let subject = UsageRow::default().subject();
    let (mut sum_names, mut sum_values, mut additions) =
        (String::new(), String::new(), String::new());
    let first = usage::first_summed().count();
    for (index, column) in usage::summed().enumerate() {
        let _ = write!(sum_names, ", {column}");
        let place = index + subject.len() + 1;
        if index < first {
            let _ = write!(sum_values, ", value ->> {place}");
        } else {
            // Rows of a program that knows an older version end before it.
            let _ = write!(sum_values, ", coalesce(value ->> {place}, 0)");
        }
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(
            additions,
            "{comma}{column} = min({column} + excluded.{column}, {MAX_SUM})"
        );
    }
    let (subject, rows) = (names(&subject), rows_where("usage", condition));
    let row = ["value ->> 0", "value ->> 1", "value ->> 2", "value ->> 3"];
    let model = counted_model(row, "value ->> 4");
    format!(
        "INSERT INTO usage_hour ({subject}{sum_names}) \
         SELECT value ->> 0, value ->> 1, value ->> 2, {model}{sum_values} {rows} \
         ON CONFLICT (hour, key, channel, model) DO UPDATE SET {additions}"
    )
}
