//! What a client key has used of its limits, and what is reserved for its requests in progress. Owns when counts begin
//! anew and whether one more request is within the limits. [`super::statements`] says the same in SQL; a test compares
//! the two.
//!
//! What a request will use is estimated when it is admitted. Tokens per minute are charged with the estimate at once, and
//! corrected when the request has ended, in the window in which it was admitted. Days and months count what was used; the
//! estimates of requests in progress are kept beside them, and lapse with their slot where nobody settles them.

use super::calendar;
use super::window::{Counts, WINDOW_MS};
use crate::config::model::KeyLimits;
use crate::units::Timestamp;

/// A reservation counts in the slot of time in which it was made and in the next one: for longer than nearly all requests
/// last, and not for long where an instance died before it could settle.
pub const SLOT_MS: u64 = 600_000;

/// When it is worth trying again while requests in progress reserve what is left: any of them may end soon.
const RESERVED_RETRY_MS: u64 = 5_000;

/// What a key has used, as of some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitUsage {
    /// When the window of a minute began.
    pub window: Timestamp,
    /// Requests that were admitted, by the minute.
    pub requests: Counts,
    /// Tokens by the minute, with the estimates of requests in progress.
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
    /// The slot of time in which reservations are made; see [`SLOT_MS`].
    pub slot: u64,
    /// Tokens that requests in progress may use, by slot.
    pub reserved_tokens: Counts,
    /// What these may cost, in millionths of a dollar, by slot.
    pub reserved_cost: Counts,
}

/// What requests have consumed, or may consume.
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

/// What is reserved for requests in progress that were admitted in the same window and slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reservation {
    /// When the window of a minute began that was charged.
    pub window: Timestamp,
    /// The slot.
    pub slot: u64,
    /// How much.
    pub amount: Consumed,
}

/// Requests that have ended: what they have consumed in place of what was reserved for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// What was reserved.
    pub reserved: Reservation,
    /// What they have consumed.
    pub consumed: Consumed,
}

impl Settlement {
    /// Whether it changes nothing.
    pub const fn is_zero(&self) -> bool {
        self.consumed.is_zero() && self.reserved.amount.is_zero()
    }

    /// Both together, if they are about the same window and slot.
    pub fn plus(self, other: Self) -> Option<Self> {
        let (mine, theirs) = (self.reserved, other.reserved);
        let is_same = (mine.window, mine.slot) == (theirs.window, theirs.slot);
        is_same.then(|| Self {
            reserved: Reservation {
                amount: mine.amount.plus(theirs.amount),
                ..mine
            },
            consumed: self.consumed.plus(other.consumed),
        })
    }
}

impl From<Consumed> for Settlement {
    /// For requests that nothing was reserved for.
    fn from(consumed: Consumed) -> Self {
        Self {
            reserved: Reservation::default(),
            consumed,
        }
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
    /// How much of it requests in progress may use besides, by estimate.
    pub reserved: u64,
    /// When one more request is within it, if nothing else is used until then: now, unless it is used up. While requests in
    /// progress reserve what is left, nobody knows, and it is soon.
    pub free_at: Timestamp,
    /// When nothing of it counts as used any more, on the same condition.
    pub resets_at: Timestamp,
}

impl LimitStatus {
    /// What is used of it and what is reserved.
    pub const fn taken(&self) -> u64 {
        self.used.saturating_add(self.reserved)
    }

    /// What is left of it.
    pub const fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.taken())
    }

    /// Whether no further request is admitted.
    pub const fn is_used_up(&self) -> bool {
        self.taken() >= self.limit
    }
}

impl LimitUsage {
    /// Nothing is used.
    pub fn fresh(now: Timestamp) -> Self {
        Self {
            window: now,
            day: calendar::day(now),
            month: calendar::month(now),
            slot: slot(now),
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
        if self.slot.checked_add(1) == Some(fresh.slot) {
            known.slot = fresh.slot;
            known.reserved_tokens = self.reserved_tokens.shifted();
            known.reserved_cost = self.reserved_cost.shifted();
        } else if !(fresh.slot..=fresh.slot + 1).contains(&self.slot) {
            known.slot = fresh.slot;
            known.reserved_tokens = Counts::default();
            known.reserved_cost = Counts::default();
        }
        known
    }

    /// The same with one more request, which may consume `estimate`. Like [`settled`](Self::settled), it is for usage as of
    /// now; see [`at`](Self::at).
    #[must_use]
    pub const fn admitted(mut self, estimate: Consumed) -> Self {
        self.requests.current = self.requests.current.saturating_add(1);
        self.tokens.current = self.tokens.current.saturating_add(estimate.tokens);
        let (tokens, cost) = (&mut self.reserved_tokens, &mut self.reserved_cost);
        tokens.current = tokens.current.saturating_add(estimate.tokens);
        cost.current = cost.current.saturating_add(estimate.cost_micro_usd);
        self
    }

    /// The reservation of a request that was just admitted.
    pub const fn reservation(&self, amount: Consumed) -> Reservation {
        Reservation {
            window: self.window,
            slot: self.slot,
            amount,
        }
    }

    /// The same after requests have ended. The minute in which they were admitted gets back what they did not use; one that
    /// is over does not, and what they used beyond the estimate counts in the present one.
    #[must_use]
    pub const fn settled(mut self, settlement: Settlement) -> Self {
        let Settlement { reserved, consumed } = settlement;
        let (used, charged) = (consumed.tokens, reserved.amount.tokens);
        let tokens = &mut self.tokens;
        if reserved.window.0 == self.window.0 {
            tokens.current = tokens.current.saturating_add(used).saturating_sub(charged);
        } else if reserved.window.plus_ms(WINDOW_MS).0 == self.window.0 {
            tokens.before = tokens.before.saturating_add(used).saturating_sub(charged);
        } else {
            tokens.current = tokens.current.saturating_add(used.saturating_sub(charged));
        }
        self.day_tokens = self.day_tokens.saturating_add(used);
        self.day_cost = self.day_cost.saturating_add(consumed.cost_micro_usd);
        self.month_cost = self.month_cost.saturating_add(consumed.cost_micro_usd);
        let (tokens, cost) = (&mut self.reserved_tokens, &mut self.reserved_cost);
        let charged_cost = reserved.amount.cost_micro_usd;
        if reserved.slot == self.slot {
            tokens.current = tokens.current.saturating_sub(charged);
            cost.current = cost.current.saturating_sub(charged_cost);
        } else if reserved.slot.saturating_add(1) == self.slot {
            tokens.before = tokens.before.saturating_sub(charged);
            cost.before = cost.before.saturating_sub(charged_cost);
        }
        self
    }

    /// No more than what will count as used whatever becomes of the requests in progress.
    #[must_use]
    pub const fn without_reservations(mut self) -> Self {
        let reserved = self.reserved_tokens.sum();
        let beyond = reserved.saturating_sub(self.tokens.current);
        self.tokens.current = self.tokens.current.saturating_sub(reserved);
        self.tokens.before = self.tokens.before.saturating_sub(beyond);
        self.reserved_tokens = Counts {
            current: 0,
            before: 0,
        };
        self.reserved_cost = self.reserved_tokens;
        self
    }

    /// The status of each limit that the key has.
    pub fn statuses(self, limits: &KeyLimits, now: Timestamp) -> Vec<LimitStatus> {
        let known = self.at(now);
        let reserved_tokens = known.reserved_tokens.sum();
        let reserved_cost = known.reserved_cost.sum();
        let by_minute = |measure, limit: Option<u64>, counts: Counts, reserved: u64| {
            let elapsed = now.since_ms(known.window);
            limit.map(|limit| {
                let taken = counts.used(elapsed);
                // Those that are longer in progress than for this minute and the last one have faded.
                let reserved = reserved.min(taken);
                let used = taken - reserved;
                let free_at = now.plus_ms(counts.ms_until(elapsed, limit.saturating_sub(1)));
                let soon = now.plus_ms(RESERVED_RETRY_MS);
                LimitStatus {
                    measure,
                    limit,
                    used,
                    reserved,
                    free_at: if used >= limit {
                        free_at
                    } else {
                        free_at.min(soon)
                    },
                    resets_at: now.plus_ms(counts.ms_until(elapsed, 0)),
                }
            })
        };
        let by_date = |measure, limit: Option<u64>, used: u64, reserved: u64, end: Timestamp| {
            let end = end.max(now);
            limit.map(|limit| LimitStatus {
                measure,
                limit,
                used,
                reserved,
                free_at: if used >= limit {
                    end
                } else if used.saturating_add(reserved) >= limit {
                    end.min(now.plus_ms(RESERVED_RETRY_MS))
                } else {
                    now
                },
                resets_at: end,
            })
        };
        let day_end = calendar::day_end(known.day);
        let month_end = calendar::month_end(known.month);
        [
            by_minute(
                Measure::RequestsPerMinute,
                limits.requests_per_minute,
                known.requests,
                0,
            ),
            by_minute(
                Measure::TokensPerMinute,
                limits.tokens_per_minute,
                known.tokens,
                reserved_tokens,
            ),
            by_date(
                Measure::TokensPerDay,
                limits.tokens_per_day,
                known.day_tokens,
                reserved_tokens,
                day_end,
            ),
            by_date(
                Measure::DailyBudget,
                limits.daily_budget_micro_usd,
                known.day_cost,
                reserved_cost,
                day_end,
            ),
            by_date(
                Measure::MonthlyBudget,
                limits.monthly_budget_micro_usd,
                known.month_cost,
                reserved_cost,
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

/// The slot that a time is in.
pub const fn slot(time: Timestamp) -> u64 {
    time.0 / SLOT_MS
}

#[cfg(test)]
mod tests;
