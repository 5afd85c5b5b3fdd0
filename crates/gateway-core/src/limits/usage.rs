//! What a client key has used of its limits. Owns when counts begin anew and whether one more request is within the
//! limits. [`super::statements`] says the same in SQL; a test compares the two.

use super::calendar;
use super::window::{Counts, WINDOW_MS};
use crate::config::model::KeyLimits;
use crate::units::Timestamp;

/// What a key has used, as of some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitUsage {
    /// When the window of a minute began.
    pub window: Timestamp,
    /// Requests that were admitted, by the minute.
    pub requests: Counts,
    /// Tokens by the minute.
    pub tokens: Counts,
    /// The day that is counted; see [`calendar::day`].
    pub day: u64,
    /// Tokens of that day.
    pub day_tokens: u64,
    /// Cost of that day, in millionths of a dollar.
    pub day_cost: u64,
    /// The month that is counted; see [`calendar::month`].
    pub month: u64,
    /// Cost of that month, in millionths of a dollar.
    pub month_cost: u64,
}

/// What requests have consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumed {
    /// Tokens, of the prompt and of the answer.
    pub tokens: u64,
    /// Millionths of a dollar.
    pub cost_micro_usd: u64,
}

impl Consumed {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            cost_micro_usd: self.cost_micro_usd.saturating_add(other.cost_micro_usd),
        }
    }

    /// Whether it is nothing.
    pub const fn is_zero(&self) -> bool {
        self.tokens == 0 && self.cost_micro_usd == 0
    }
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Requests within a minute.
    RequestsPerMinute,
    /// Tokens within a minute.
    TokensPerMinute,
    /// Tokens within a UTC day.
    TokensPerDay,
    /// Cost within a UTC day.
    DailyBudget,
    /// Cost within a UTC month.
    MonthlyBudget,
}

/// One limit of a key, and what is used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitStatus {
    /// What is limited.
    pub measure: Measure,
    /// How much there is, at least 1; in requests, tokens or millionths of a dollar.
    pub limit: u64,
    /// How much of it is used; more than there is when the last requests took more than was left.
    pub used: u64,
    /// When one more request is within it, if nothing else is used until then: now, unless it is used up.
    pub free_at: Timestamp,
    /// When nothing of it counts as used any more, on the same condition.
    pub resets_at: Timestamp,
}

impl LimitStatus {
    /// What is left of it.
    pub const fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// Whether no further request is admitted.
    pub const fn is_used_up(&self) -> bool {
        self.used >= self.limit
    }
}

impl LimitUsage {
    /// Nothing is used.
    pub fn fresh(now: Timestamp) -> Self {
        Self {
            window: now,
            day: calendar::day(now),
            month: calendar::month(now),
            ..Self::default()
        }
    }

    /// The same at `now`: what is over is forgotten. Clocks of instances differ a little; a count that is said to begin
    /// in the future stays while that can be the reason, and begins anew otherwise.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let fresh = Self::fresh(now);
        let mut known = self;
        let age = now.since_ms(self.window);
        if age >= 2 * WINDOW_MS || self.window.since_ms(now) > WINDOW_MS {
            known.window = now;
            known.requests = Counts::default();
            known.tokens = Counts::default();
        } else if age >= WINDOW_MS {
            known.window = self.window.plus_ms(WINDOW_MS);
            known.requests = self.requests.shifted();
            known.tokens = self.tokens.shifted();
        }
        if !(fresh.day..=fresh.day + 1).contains(&self.day) {
            known.day = fresh.day;
            known.day_tokens = 0;
            known.day_cost = 0;
        }
        if !(fresh.month..=fresh.month + 1).contains(&self.month) {
            known.month = fresh.month;
            known.month_cost = 0;
        }
        known
    }

    /// The status of each limit that the key has.
    pub fn statuses(self, limits: &KeyLimits, now: Timestamp) -> Vec<LimitStatus> {
        let known = self.at(now);
        let by_minute = |measure, limit: Option<u64>, counts: Counts| {
            let elapsed = now.since_ms(known.window);
            limit.map(|limit| LimitStatus {
                measure,
                limit,
                used: counts.used(elapsed),
                free_at: now.plus_ms(counts.ms_until(elapsed, limit.saturating_sub(1))),
                resets_at: now.plus_ms(counts.ms_until(elapsed, 0)),
            })
        };
        let by_date = |measure, limit: Option<u64>, used, end: Timestamp| {
            limit.map(|limit| LimitStatus {
                measure,
                limit,
                used,
                free_at: if used >= limit { end.max(now) } else { now },
                resets_at: end.max(now),
            })
        };
        let day_end = calendar::day_end(known.day);
        let month_end = calendar::month_end(known.month);
        [
            by_minute(
                Measure::RequestsPerMinute,
                limits.requests_per_minute,
                known.requests,
            ),
            by_minute(
                Measure::TokensPerMinute,
                limits.tokens_per_minute,
                known.tokens,
            ),
            by_date(
                Measure::TokensPerDay,
                limits.tokens_per_day,
                known.day_tokens,
                day_end,
            ),
            by_date(
                Measure::DailyBudget,
                limits.daily_budget_micro_usd,
                known.day_cost,
                day_end,
            ),
            by_date(
                Measure::MonthlyBudget,
                limits.monthly_budget_micro_usd,
                known.month_cost,
                month_end,
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The limit that rejects further requests for the longest time; `None`: one more request is within all of them.
    pub fn exceeded_limit(self, limits: &KeyLimits, now: Timestamp) -> Option<LimitStatus> {
        self.statuses(limits, now)
            .into_iter()
            .filter(LimitStatus::is_used_up)
            .max_by_key(|status| status.free_at)
    }
}

#[cfg(test)]
mod tests;
