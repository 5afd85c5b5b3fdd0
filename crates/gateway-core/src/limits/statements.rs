//! What keys have used, in the database: one row per key. Owns the table and the one statement that counts: it looks at
//! what was used, decides and counts in a single step, so that of any number of requests at the same time, in whichever
//! instances, exactly as many are admitted as the limit says.
//!
//! The table is not a part of the ledger's schema: on Workers each key has its own database. It is made when a
//! statement finds it missing. Should it ever need other columns, it gets another name: rows are worth a month at most.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde_json::json;

use super::calendar;
use super::usage::{Consumed, LimitUsage};
use super::window::{Counts, WINDOW_MS};
use crate::config::model::KeyLimits;
use crate::sql::rows::{NamedRow, Query, Rows};
use crate::sql::{SqlValue, Statement};
use crate::units::{MAX_COST_MICRO_USD, Timestamp};

/// The columns beside the key. The last one is whether the last request was within the limits.
const COLUMNS: [&str; 11] = [
    "window_ms",
    "requests",
    "requests_before",
    "tokens",
    "tokens_before",
    "day",
    "day_tokens",
    "day_cost",
    "month",
    "month_cost",
    "admitted",
];

/// More tokens of one request are an upstream's mistake; sums must stay within what a database counts.
const MAX_TOKENS: u64 = 1_000_000_000_000;

/// Makes the table where it is missing.
pub fn create() -> Statement {
    let mut text = String::from("CREATE TABLE IF NOT EXISTS allowance (key TEXT PRIMARY KEY");
    for column in COLUMNS {
        let _ = write!(text, ", {column} INTEGER NOT NULL");
    }
    text.push_str(") WITHOUT ROWID");
    Statement::new(text)
}

/// Reads what a key has used: one row, or none.
pub fn read(key: &str) -> Query {
    Query::select(COLUMNS, "FROM allowance WHERE key = ?1").with(key)
}

/// Reads what several keys have used: a row for each that is known.
pub fn read_all(keys: &[&str]) -> Query {
    let columns = ["key"].into_iter().chain(COLUMNS);
    let rest = "FROM allowance WHERE key IN (SELECT value FROM json_each(?1))";
    Query::select(columns, rest).with(json!(keys).to_string())
}

/// The usages in the answer to [`read_all`], by key.
pub fn usages(rows: &Rows) -> BTreeMap<String, LimitUsage> {
    let mut usages = BTreeMap::new();
    for row in rows.iter() {
        usages.insert(row.text("key").to_owned(), in_row(&row));
    }
    usages
}

/// Counts one request if it is within the limits. Gives the row as it is then; see [`is_admitted`].
pub fn try_acquire(key: &str, limits: &KeyLimits, now: Timestamp) -> Query {
    update(key, limits, now, true, Consumed::default())
}

/// Adds what a request has consumed, whatever the limits are. Gives the row as it is then.
pub fn record(key: &str, consumed: Consumed, now: Timestamp) -> Query {
    update(key, &KeyLimits::default(), now, false, consumed)
}

/// Forgets a key.
pub fn forget(key: &str) -> Statement {
    Statement::new("DELETE FROM allowance WHERE key = ?1").with(key)
}

/// The usage in the answer to [`read`], [`try_acquire`] or [`record`]; nothing is used where there is no row.
pub fn usage(rows: &Rows, now: Timestamp) -> LimitUsage {
    rows.first()
        .map_or_else(|| LimitUsage::fresh(now), |row| in_row(&row))
}

fn in_row(row: &NamedRow<'_>) -> LimitUsage {
    LimitUsage {
        window: Timestamp(row.count("window_ms")),
        requests: Counts {
            current: row.count("requests"),
            before: row.count("requests_before"),
        },
        tokens: Counts {
            current: row.count("tokens"),
            before: row.count("tokens_before"),
        },
        day: row.count("day"),
        day_tokens: row.count("day_tokens"),
        day_cost: row.count("day_cost"),
        month: row.count("month"),
        month_cost: row.count("month_cost"),
    }
}

/// Whether the request of [`try_acquire`] was within the limits.
pub fn is_admitted(rows: &Rows) -> bool {
    let row = rows.first();
    row.is_some_and(|row| row.get("admitted").integer() == Some(1))
}

fn update(
    key: &str,
    limits: &KeyLimits,
    now: Timestamp,
    is_request: bool,
    consumed: Consumed,
) -> Query {
    let statement = Statement::new(UPDATE.as_str())
        .with(key)
        .with(now.0)
        .with(calendar::day(now))
        .with(calendar::month(now))
        .with(limits.requests_per_minute)
        .with(limits.tokens_per_minute)
        .with(limits.tokens_per_day)
        .with(limits.daily_budget_micro_usd)
        .with(limits.monthly_budget_micro_usd)
        .with(SqlValue::Integer(i64::from(is_request)))
        .with(consumed.tokens.min(MAX_TOKENS))
        .with(consumed.cost_micro_usd.min(MAX_COST_MICRO_USD));
    Query::returning(statement, &COLUMNS)
}

/// The rules of [`LimitUsage`] in SQL. `known` is the row and how old its window is, `current` the row as it is now,
/// `judged` the same with the decision.
static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let columns = COLUMNS.join(", ");
    format!("{JUDGE} INSERT OR REPLACE INTO allowance (key, {columns}) {COUNT} RETURNING {columns}")
});

const JUDGE: &str = "WITH known AS (SELECT \
    CASE WHEN window_ms IS NULL OR ?2 - window_ms >= 120000 OR window_ms - ?2 > 60000 THEN 2 \
      WHEN ?2 - window_ms >= 60000 THEN 1 ELSE 0 END AS age, \
    coalesce(day BETWEEN ?3 AND ?3 + 1, 0) AS is_day, coalesce(month BETWEEN ?4 AND ?4 + 1, 0) AS is_month, \
    window_ms, requests, requests_before, tokens, tokens_before, day, day_tokens, day_cost, month, month_cost \
    FROM (SELECT 1) LEFT JOIN allowance ON key = ?1), \
  current AS (SELECT \
    CASE age WHEN 0 THEN window_ms WHEN 1 THEN window_ms + 60000 ELSE ?2 END AS window_ms, \
    CASE age WHEN 0 THEN requests ELSE 0 END AS requests, \
    CASE age WHEN 0 THEN requests_before WHEN 1 THEN requests ELSE 0 END AS requests_before, \
    CASE age WHEN 0 THEN tokens ELSE 0 END AS tokens, \
    CASE age WHEN 0 THEN tokens_before WHEN 1 THEN tokens ELSE 0 END AS tokens_before, \
    CASE WHEN is_day THEN day ELSE ?3 END AS day, \
    CASE WHEN is_day THEN day_tokens ELSE 0 END AS day_tokens, \
    CASE WHEN is_day THEN day_cost ELSE 0 END AS day_cost, \
    CASE WHEN is_month THEN month ELSE ?4 END AS month, \
    CASE WHEN is_month THEN month_cost ELSE 0 END AS month_cost FROM known), \
  judged AS (SELECT *, \
    (?5 IS NULL OR requests + requests_before * (59999 - max(?2 - window_ms, 0)) / 60000 < ?5) \
    AND (?6 IS NULL OR tokens + tokens_before * (59999 - max(?2 - window_ms, 0)) / 60000 < ?6) \
    AND (?7 IS NULL OR day_tokens < ?7) AND (?8 IS NULL OR day_cost < ?8) \
    AND (?9 IS NULL OR month_cost < ?9) AS admitted FROM current)";

/// The values of the key and of [`COLUMNS`].
const COUNT: &str = "SELECT ?1, window_ms, requests + (?10 AND admitted), requests_before, tokens + ?11, tokens_before, \
    day, day_tokens + ?11, day_cost + ?12, month, month_cost + ?12, admitted FROM judged";

// The text has the window's length in it.
const _: () = assert!(WINDOW_MS == 60_000);
