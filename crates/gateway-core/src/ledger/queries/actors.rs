//! Client keys and channels that requests had to do with: their last known names, and when they were last used.

use serde_json::json;

use crate::sql::rows::{NamedRow, Query};

/// The names of those of the ids that are known.
pub(in crate::ledger) fn names(ids: &[&str]) -> Query {
    Query::select(["id", "name"], OF_IDS).with(json!(ids).to_string())
}

/// The id and the name in a row of [`names`].
pub(in crate::ledger) fn read_name(row: &NamedRow<'_>) -> (String, String) {
    (row.text("id").to_owned(), row.text("name").to_owned())
}

/// When those of the ids that are known were last used.
pub(in crate::ledger) fn last_uses(ids: &[&str]) -> Query {
    Query::select(["id", "last_used_ms"], OF_IDS).with(json!(ids).to_string())
}

/// The id and the time in a row of [`last_uses`].
pub(in crate::ledger) fn read_last_use(row: &NamedRow<'_>) -> (String, u64) {
    (row.text("id").to_owned(), row.count("last_used_ms"))
}

const OF_IDS: &str = "FROM actor WHERE id IN (SELECT value FROM json_each(?1))";
