//! What keys have used, in the database: one row per key. Owns the table and the one statement that counts: it looks at
//! what was used, decides and counts in a single step, so that of any number of requests at the same time, in whichever
//! instances, exactly as many are let through as the limit says.
//!
//! The table is not a part of the ledger's schema: on Workers each key has a database of its own. It is made when a
//! statement finds it missing. Should it ever need other columns, it gets another name: rows are worth a month at most.

use std::fmt::Write as _;

use super::window::WINDOW_MS;
use super::{calendar, usage::LimitUsage};
use crate::config::model::KeyLimits;
use crate::sql::{SqlRow, SqlValue, Statement};
use crate::units::Timestamp;

/// The columns in the order in which statements give them; the last is whether the last request was within the limits.
pub const COLUMNS: &str = "window_ms, requests, requests_before, tokens, tokens_before, \
    day, day_tokens, day_cost, month, month_cost, admitted";

/// More tokens of one request are an upstream's mistake; sums must stay within what a database counts.
const MAX_TOKENS: u64 = 1_000_000_000_000;

/// What a request has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Tokens, of the prompt and of the answer.
    pub tokens: u64,
    /// Millionths of a dollar.
    pub cost_micro_usd: u64,
}

impl Spent {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            cost_micro_usd: self.cost_micro_usd.saturating_add(other.cost_micro_usd),
        }
    }

    /// Whether it is nothing.
    pub const fn is_nothing(&self) -> bool {
        self.tokens == 0 && self.cost_micro_usd == 0
    }
}

/// Makes the table where it is missing.
pub fn create() -> Statement {
    let mut text = String::from("CREATE TABLE IF NOT EXISTS allowance (key TEXT PRIMARY KEY");
    for column in COLUMNS.split(", ") {
        let _ = write!(text, ", {column} INTEGER NOT NULL");
    }
    text.push_str(") WITHOUT ROWID");
    Statement::new(text)
}

/// Reads what a key has used: one row of [`COLUMNS`], or none.
pub fn read(key: &str) -> Statement {
    Statement::new(format!("SELECT {COLUMNS} FROM allowance WHERE key = ?1")).with(key)
}

/// Counts one request if it is within the limits. Gives the row as it is then; see [`is_admitted`].
pub fn ask(key: &str, limits: &KeyLimits, now: Timestamp) -> Statement {
    update(key, limits, now, true, Spent::default())
}

/// Counts what a request has taken, whatever the limits are. Gives the row as it is then.
pub fn settle(key: &str, spent: Spent, now: Timestamp) -> Statement {
    update(key, &KeyLimits::default(), now, false, spent)
}

/// Forgets a key.
pub fn forget(key: &str) -> Statement {
    Statement::new("DELETE FROM allowance WHERE key = ?1").with(key)
}

/// What was answered to [`read`], [`ask`] or [`settle`]; nothing is used where there is no row.
pub fn answer(rows: &[SqlRow], now: Timestamp) -> LimitUsage {
    rows.first()
        .map_or_else(|| LimitUsage::fresh(now), LimitUsage::from_row)
}

/// Whether the request was let through that [`ask`] asked for.
pub fn is_admitted(rows: &[SqlRow]) -> bool {
    rows.first()
        .and_then(|row| row.last())
        .is_some_and(|admitted| admitted.integer() == Some(1))
}

fn update(
    key: &str,
    limits: &KeyLimits,
    now: Timestamp,
    is_request: bool,
    spent: Spent,
) -> Statement {
    Statement::new(UPDATE)
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
        .with(spent.tokens.min(MAX_TOKENS))
        .with(spent.cost_micro_usd.min(crate::ledger::price::MAX_COST))
}

/// The rules of [`LimitUsage`] in SQL. `known` is the row and how old its window is, `current` the row as it is now,
/// `judged` the same with the decision.
const UPDATE: &str = "WITH known AS (SELECT \
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
    AND (?9 IS NULL OR month_cost < ?9) AS admitted FROM current) \
  INSERT OR REPLACE INTO allowance (key, window_ms, requests, requests_before, tokens, tokens_before, \
    day, day_tokens, day_cost, month, month_cost, admitted) \
  SELECT ?1, window_ms, requests + (?10 AND admitted), requests_before, tokens + ?11, tokens_before, \
    day, day_tokens + ?11, day_cost + ?12, month, month_cost + ?12, admitted FROM judged \
  RETURNING window_ms, requests, requests_before, tokens, tokens_before, day, day_tokens, day_cost, month, \
    month_cost, admitted";

// The text of the statement has the window's length in it.
const _: () = assert!(WINDOW_MS == 60_000);
