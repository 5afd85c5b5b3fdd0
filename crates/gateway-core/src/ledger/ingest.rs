//! What the database does with a batch of records: a view takes it, whose trigger files it in all tables. Owns versions 2
//! and 3 of the schema; what is in a batch is `batch`'s.
//!
//! So a batch is one statement, which takes place whole or not at all, and one call of the host. With a transaction of
//! several calls an instance that is busy holds the lock from one of its turns to the next: a busy gateway wrote thirty
//! batches in a second that way, fell behind with its records and let keys with limits wait for the lock.

use std::fmt::Write as _;

use super::schema;
use crate::sql::Statement;

/// Rows of [`schema::ALL_HOURS`] from which on a model that no channel names, and that was never counted yet, is counted
/// without its name. Some upstreams answer to any name; a client could fill the sums, which are kept for good.
const MAX_SUBJECTS: usize = 2_000;

/// No sum grows beyond what all hosts know exactly (2⁵³ − 1): an upstream's nonsense must not make it a fraction, which
/// would read as nothing.
const MAX_SUM: u64 = 9_007_199_254_740_991;

/// Hands a batch over: rows of the request log, of sums, of tallies and of actors, each a JSON list of lists.
pub const HAND_OVER: &str =
    "INSERT INTO ledger_batch (requests, usage, tallies, actors) VALUES (?1, ?2, ?3, ?4)";

const VIEW: &str = "CREATE VIEW IF NOT EXISTS ledger_batch (requests, usage, tallies, actors) AS \
    SELECT '[]', '[]', '[]', '[]'";

// Each `LIMIT -1` keeps SQLite from folding the list into the statement around it, where it would make the text of a row
// anew for every column that is taken out of it.

const INSERT_REQUESTS: &str = "INSERT INTO request (id, time_ms, key, channel, upstream_key, model, \
    upstream_model, endpoint, stream, status, attempts, first_byte_ms, total_ms, prompt_tokens, completion_tokens, \
    cached_tokens, reasoning_tokens, estimated, ended, cost_micro_usd, reason) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
    value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, \
    value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20 \
    FROM (SELECT value FROM json_each(NEW.requests) LIMIT -1) WHERE true";

const ADD_TALLIES: &str = "INSERT INTO tally_hour (hour, kind, channel, word, count) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM (SELECT value FROM json_each(NEW.tallies) LIMIT -1) WHERE true \
    ON CONFLICT (hour, kind, channel, word) DO UPDATE SET count = count + excluded.count";

const NOTE_ACTORS: &str = "INSERT INTO actor (id, name, last_used_ms) \
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM (SELECT value FROM json_each(NEW.actors) LIMIT -1) WHERE true \
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, last_used_ms = max(last_used_ms, excluded.last_used_ms)";

/// What version 2 adds to version 1. Its trigger is left out, since version 3 has another one: a program that is late with
/// its migration would bring it back beside the new one, and every batch would be filed twice.
pub fn version_2() -> Vec<Statement> {
    vec![
        Statement::new(VIEW),
        Statement::new("INSERT INTO gateway_schema (version) VALUES (2) ON CONFLICT DO NOTHING"),
    ]
}

/// What version 3 adds: the reason why a request has no answer. Rows of a program that knows version 2 have none.
pub fn version_3() -> Vec<Statement> {
    let trigger = format!(
        "CREATE TRIGGER IF NOT EXISTS ledger_batch_filed_3 INSTEAD OF INSERT ON ledger_batch BEGIN \
         {INSERT_REQUESTS}; {}; {ADD_TALLIES}; {NOTE_ACTORS}; END",
        add_usage()
    );
    vec![
        // Fails where the column is there already, which `database` takes for done: SQLite has no `IF NOT EXISTS` here.
        Statement::new("ALTER TABLE request ADD COLUMN reason TEXT"),
        Statement::new("DROP TRIGGER IF EXISTS ledger_batch_filed"),
        Statement::new(trigger),
        Statement::new("INSERT INTO gateway_schema (version) VALUES (3) ON CONFLICT DO NOTHING"),
    ]
}

/// Adds to `usage_hour`; its many columns are named by [`schema::summed_columns`].
fn add_usage() -> String {
    let (mut names, mut values, mut additions) = (String::new(), String::new(), String::new());
    for (index, column) in schema::summed_columns().enumerate() {
        let _ = write!(names, ", {column}");
        let _ = write!(values, ", value ->> {}", index + 5);
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(
            additions,
            "{comma}{column} = min({column} + excluded.{column}, {MAX_SUM})"
        );
    }
    let all_hours = schema::ALL_HOURS;
    format!(
        "INSERT INTO usage_hour (hour, key, channel, model{names}) \
         SELECT value ->> 0, value ->> 1, value ->> 2, \
           CASE WHEN value ->> 4 OR EXISTS (SELECT 1 FROM usage_hour AS known WHERE known.hour = {all_hours} \
               AND known.key = '' AND known.channel = value ->> 2 AND known.model = value ->> 3) \
             OR (SELECT count(*) FROM usage_hour AS known WHERE known.hour = {all_hours}) < {MAX_SUBJECTS} \
           THEN value ->> 3 ELSE '' END{values} FROM (SELECT value FROM json_each(NEW.usage) LIMIT -1) WHERE true \
         ON CONFLICT (hour, key, channel, model) DO UPDATE SET {additions}"
    )
}
