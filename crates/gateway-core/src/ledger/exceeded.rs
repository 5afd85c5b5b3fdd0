//! A limit that a request exceeded, as the log keeps it: a JSON list in one column. Owns its format and its words, which are
//! those of the key's limits in the configuration.

use crate::limits::usage::{LimitStatus, Measure};
use crate::units::Timestamp;

/// The words for limits, with the window that each counts in.
const WORDS: [(Measure, &str, &str); 5] = [
    (Measure::RequestsPerMinute, "requests_per_minute", "minute"),
    (Measure::TokensPerMinute, "tokens_per_minute", "minute"),
    (Measure::TokensPerDay, "tokens_per_day", "day"),
    (Measure::DailyBudget, "daily_budget_micro_usd", "day"),
    (Measure::MonthlyBudget, "monthly_budget_micro_usd", "month"),
];

/// A limit that was exceeded, as it is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceededLimit {
    /// Which one.
    pub name: &'static str,
    /// What it counts in: a minute, or a UTC day or month.
    pub window: &'static str,
    /// How much there was, in the limit's unit.
    pub limit: u64,
    /// How much of it was used, or reserved for requests in progress.
    pub used: u64,
    /// When one more request was within it again.
    pub free_at: Timestamp,
}

/// The column's text.
pub fn write(status: &LimitStatus) -> Option<String> {
    let (_, name, _) = WORDS
        .iter()
        .find(|(measure, ..)| *measure == status.measure)?;
    let (limit, used) = (status.limit, status.taken());
    Some(format!(r#"["{name}",{limit},{used},{}]"#, status.free_at.0))
}

/// Reads the column. Nonsense is nothing.
pub fn read(text: &str) -> Option<ExceededLimit> {
    let (word, limit, used, free_at): (String, u64, u64, u64) = serde_json::from_str(text).ok()?;
    let (_, name, window) = WORDS.iter().find(|(_, name, _)| *name == word)?;
    Some(ExceededLimit {
        name,
        window,
        limit,
        used,
        free_at: Timestamp(free_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_read_as_it_was_written() {
        for (measure, name, window) in WORDS {
            let status = LimitStatus {
                measure,
                limit: 5,
                used: 4,
                reserved: 3,
                free_at: Timestamp(9),
                resets_at: Timestamp(10),
            };
            let read = read(&write(&status).unwrap());
            let expected = ExceededLimit {
                name,
                window,
                limit: 5,
                used: 7,
                free_at: Timestamp(9),
            };
            assert_eq!(read, Some(expected));
        }
        for nonsense in ["", "[]", r#"["speed",1,2,3]"#] {
            assert_eq!(read(nonsense), None);
        }
    }
}
