//! What keys have used, in the database: one row per key. Owns the table and the one statement that counts: it looks at
//! what was used, decides and counts in a single step, so that of any number of requests at the same time, in whichever
//! instances, exactly as many are admitted as the limit says.
//!
//! The table is not a part of the ledger's schema: on Workers each key has its own database. It is made when a
//! statement finds it missing, and so are the columns that a table of an older gateway does not have. That one, where it
//! still runs, knows nothing of them and sets them to nothing with each of its statements.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde_json::json;

use super::calendar;
use super::usage::{self, Consumed, LimitUsage, Settlement};
use super::window::{Counts, WINDOW_MS};
use crate::config::model::KeyLimits;
use crate::sql::Statement;
use crate::sql::rows::{NamedRow, Query, Rows};
use crate::units::{MAX_COST_MICRO_USD, Timestamp};

/// The columns beside the key. `admitted` is whether the last request was within the limits.
const COLUMNS: [&str; 16] = [
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
    "slot",
    "reserved_tokens",
    "reserved_tokens_before",
    "reserved_cost",
    "reserved_cost_before",
];

/// Those that the first tables did not have.
const LATER: usize = 11;

/// More tokens of one request are an upstream's mistake; sums must stay within what a database counts.
const MAX_TOKENS: u64 = 1_000_000_000_000;

/// Makes the table where it is missing.
pub fn create() -> Statement {
    let mut text = String::from("CREATE TABLE IF NOT EXISTS allowance (key TEXT PRIMARY KEY");
    for column in COLUMNS {
        let _ = write!(text, ", {column} {}", definition(column));
    }
    text.push_str(") WITHOUT ROWID");
    Statement::new(text)
}

/// Adds the columns that a table of an older gateway does not have, each by itself: it fails as a duplicate where another
/// instance was faster.
pub fn add_columns() -> Vec<Statement> {
    let added = COLUMNS[LATER..].iter().map(|column| {
        let definition = definition(column);
        Statement::new(format!(
            "ALTER TABLE allowance ADD COLUMN {column} {definition}"
        ))
    });
    added.collect()
}

fn definition(column: &str) -> &'static str {
    if COLUMNS[LATER..].contains(&column) {
        "INTEGER NOT NULL DEFAULT 0"
    } else {
        "INTEGER NOT NULL"
    }
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

/// Counts one request if it is within the limits, and reserves what it may consume. Gives the row as it is then; see
/// [`is_admitted`].
pub fn try_acquire(key: &str, limits: &KeyLimits, estimate: Consumed, now: Timestamp) -> Query {
    let estimate = bounded(estimate);
    let statement = begin(ACQUIRE.as_str(), key, now)
        .with(limits.requests_per_minute)
        .with(limits.tokens_per_minute)
        .with(limits.tokens_per_day)
        .with(limits.daily_budget_micro_usd)
        .with(limits.monthly_budget_micro_usd)
        .with(estimate.tokens)
        .with(estimate.cost_micro_usd);
    Query::returning(statement, &COLUMNS)
}

/// Counts what requests have consumed, whatever the limits are, and releases what was reserved for them. Gives the row as
/// it is then.
pub fn settle(key: &str, settlement: Settlement, now: Timestamp) -> Query {
    let reserved = settlement.reserved;
    let (consumed, amount) = (bounded(settlement.consumed), bounded(reserved.amount));
    let statement = begin(SETTLE.as_str(), key, now)
        .with(consumed.tokens)
        .with(consumed.cost_micro_usd)
        .with(reserved.window.0)
        .with(reserved.slot)
        .with(amount.tokens)
        .with(amount.cost_micro_usd);
    Query::returning(statement, &COLUMNS)
}

fn begin(text: &'static str, key: &str, now: Timestamp) -> Statement {
    Statement::new(text)
        .with(key)
        .with(now.0)
        .with(calendar::day(now))
        .with(calendar::month(now))
        .with(usage::slot(now))
}

fn bounded(amount: Consumed) -> Consumed {
    Consumed {
        tokens: amount.tokens.min(MAX_TOKENS),
        cost_micro_usd: amount.cost_micro_usd.min(MAX_COST_MICRO_USD),
    }
}

/// Forgets a key.
pub fn forget(key: &str) -> Statement {
    Statement::new("DELETE FROM allowance WHERE key = ?1").with(key)
}

/// The usage in the answer to [`read`], [`try_acquire`] or [`settle`]; nothing is used where there is no row.
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
        slot: row.count("slot"),
        reserved_tokens: Counts {
            current: row.count("reserved_tokens"),
            before: row.count("reserved_tokens_before"),
        },
        reserved_cost: Counts {
            current: row.count("reserved_cost"),
            before: row.count("reserved_cost_before"),
        },
    }
}

/// Whether the request of [`try_acquire`] was within the limits.
pub fn is_admitted(rows: &Rows) -> bool {
    let row = rows.first();
    row.is_some_and(|row| row.get("admitted").integer() == Some(1))
}

/// The rules of [`LimitUsage`] in SQL. `known` is the row and how old its window and slot are, `current` the row as it is
/// now, `judged` the same with the decision. `current` is materialized: otherwise each of its columns is put in wherever it is
/// used, which makes a program three times as long, and a connection that is new spends its time with preparing it.
static ACQUIRE: LazyLock<String> =
    LazyLock::new(|| insert(&format!("{CURRENT}{JUDGED}"), ACQUIRED));
static SETTLE: LazyLock<String> = LazyLock::new(|| insert(CURRENT, SETTLED));

fn insert(known: &str, values: &str) -> String {
    let columns = COLUMNS.join(", ");
    format!(
        "{known} INSERT OR REPLACE INTO allowance (key, {columns}) {values} RETURNING {columns}"
    )
}

const CURRENT: &str = "WITH known AS (SELECT \
    CASE WHEN window_ms IS NULL OR ?2 - window_ms >= 120000 OR window_ms - ?2 > 60000 THEN 2 \
      WHEN ?2 - window_ms >= 60000 THEN 1 ELSE 0 END AS age, \
    coalesce(day BETWEEN ?3 AND ?3 + 1, 0) AS is_day, coalesce(month BETWEEN ?4 AND ?4 + 1, 0) AS is_month, \
    CASE WHEN slot BETWEEN ?5 AND ?5 + 1 THEN 0 WHEN slot = ?5 - 1 THEN 1 ELSE 2 END AS slot_age, \
    window_ms, requests, requests_before, tokens, tokens_before, day, day_tokens, day_cost, month, month_cost, \
    slot, reserved_tokens, reserved_tokens_before, reserved_cost, reserved_cost_before \
    FROM (SELECT 1) LEFT JOIN allowance ON key = ?1), \
  current AS MATERIALIZED (SELECT \
    CASE age WHEN 0 THEN window_ms WHEN 1 THEN window_ms + 60000 ELSE ?2 END AS window_ms, \
    CASE age WHEN 0 THEN requests ELSE 0 END AS requests, \
    CASE age WHEN 0 THEN requests_before WHEN 1 THEN requests ELSE 0 END AS requests_before, \
    CASE age WHEN 0 THEN tokens ELSE 0 END AS tokens, \
    CASE age WHEN 0 THEN tokens_before WHEN 1 THEN tokens ELSE 0 END AS tokens_before, \
    CASE WHEN is_day THEN day ELSE ?3 END AS day, \
    CASE WHEN is_day THEN day_tokens ELSE 0 END AS day_tokens, \
    CASE WHEN is_day THEN day_cost ELSE 0 END AS day_cost, \
    CASE WHEN is_month THEN month ELSE ?4 END AS month, \
    CASE WHEN is_month THEN month_cost ELSE 0 END AS month_cost, \
    CASE slot_age WHEN 0 THEN slot ELSE ?5 END AS slot, \
    CASE slot_age WHEN 0 THEN reserved_tokens ELSE 0 END AS reserved_tokens, \
    CASE slot_age WHEN 0 THEN reserved_tokens_before WHEN 1 THEN reserved_tokens ELSE 0 END AS reserved_tokens_before, \
    CASE slot_age WHEN 0 THEN reserved_cost ELSE 0 END AS reserved_cost, \
    CASE slot_age WHEN 0 THEN reserved_cost_before WHEN 1 THEN reserved_cost ELSE 0 END AS reserved_cost_before \
    FROM known)";

const JUDGED: &str = ", judged AS (SELECT *, \
    (?6 IS NULL OR requests + requests_before * (59999 - max(?2 - window_ms, 0)) / 60000 < ?6) \
    AND (?7 IS NULL OR tokens + tokens_before * (59999 - max(?2 - window_ms, 0)) / 60000 < ?7) \
    AND (?8 IS NULL OR day_tokens + reserved_tokens + reserved_tokens_before < ?8) \
    AND (?9 IS NULL OR day_cost + reserved_cost + reserved_cost_before < ?9) \
    AND (?10 IS NULL OR month_cost + reserved_cost + reserved_cost_before < ?10) AS admitted FROM current)";

/// The values of the key and of [`COLUMNS`] after a request.
const ACQUIRED: &str = "SELECT ?1, window_ms, requests + admitted, requests_before, tokens + ?11 * admitted, tokens_before, \
    day, day_tokens, day_cost, month, month_cost, admitted, slot, reserved_tokens + ?11 * admitted, \
    reserved_tokens_before, reserved_cost + ?12 * admitted, reserved_cost_before FROM judged";

/// The same after requests have ended: `?6` and `?7` are what they have consumed, `?8` to `?11` what was reserved.
const SETTLED: &str = "SELECT ?1, window_ms, requests, requests_before, \
    CASE ?8 WHEN window_ms THEN max(tokens + ?6 - ?10, 0) WHEN window_ms - 60000 THEN tokens \
      ELSE tokens + max(?6 - ?10, 0) END, \
    CASE ?8 WHEN window_ms - 60000 THEN max(tokens_before + ?6 - ?10, 0) ELSE tokens_before END, \
    day, day_tokens + ?6, day_cost + ?7, month, month_cost + ?7, 1, slot, \
    CASE ?9 WHEN slot THEN max(reserved_tokens - ?10, 0) ELSE reserved_tokens END, \
    CASE ?9 WHEN slot - 1 THEN max(reserved_tokens_before - ?10, 0) ELSE reserved_tokens_before END, \
    CASE ?9 WHEN slot THEN max(reserved_cost - ?11, 0) ELSE reserved_cost END, \
    CASE ?9 WHEN slot - 1 THEN max(reserved_cost_before - ?11, 0) ELSE reserved_cost_before END FROM current";

// The text has the window's length in it.
const _: () = assert!(WINDOW_MS == 60_000);
