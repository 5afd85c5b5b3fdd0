//! The cooldown of one key, channel or model that failed: how long it is not called, and which request probes it.
//! Owns the times and their growth. Pure: the time is an argument. Knows nothing of stores or requests.
//!
//! The shape is a circuit breaker's: closed (nothing known, or failures that are only counted), open (cooling),
//! half-open (the time is over, and one request probes).

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;
use crate::upstream::retry_after;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;

/// So many server errors in a row make a channel cool: fewer are a hiccup, for which the next key serves.
/// Envoy's outlier detection takes five of many hosts; a channel is alone with its clients' requests.
pub const FAILURES_IN_A_ROW: u32 = 3;
/// Failures further apart are not in a row.
const ROW_GAP_MS: u64 = MINUTE_MS;

/// Waits from here on are rounded up to a whole second: that is less than a tenth more.
const ROUNDED_FROM_MS: u64 = 10 * SECOND_MS;
/// A `Retry-After` of 0 from an upstream that has just refused means soon.
const MIN_RETRY_AFTER_MS: u64 = SECOND_MS;
/// Clocks of instances differ by no more than this; a failure that lies further ahead comes from a clock that was set
/// back.
const MAX_SKEW_MS: u64 = MINUTE_MS;

/// Why something cools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CooldownReason {
    /// A key: over its rate limit or quota.
    Throttled,
    /// A key: wrong, without credit or without permission.
    Refused,
    /// A channel: no connection, or no answer.
    Unreachable,
    /// A channel: server errors, or answers that break off.
    ServerError,
    /// A model of a channel: unknown, or down.
    ModelUnknown,
}

impl CooldownReason {
    /// The first cooldown when the upstream names no time, in milliseconds.
    pub const fn first_ms(self) -> u64 {
        match self {
            Self::Throttled | Self::Unreachable | Self::ServerError => 5 * SECOND_MS,
            Self::ModelUnknown => 15 * SECOND_MS,
            Self::Refused => 30 * SECOND_MS,
        }
    }

    /// The longest cooldown when the upstream names no time, in milliseconds: nothing that works again waits
    /// longer for its next chance.
    pub const fn cap_ms(self) -> u64 {
        match self {
            Self::Unreachable | Self::ServerError => MINUTE_MS,
            Self::Throttled | Self::ModelUnknown => 5 * MINUTE_MS,
            Self::Refused => 10 * MINUTE_MS,
        }
    }

    /// Each probe that fails doubles the time, up to the cap.
    fn period_ms(self, strikes: u32) -> u64 {
        let doublings = strikes.saturating_sub(1).min(16);
        (self.first_ms() << doublings).min(self.cap_ms())
    }
}

/// One failure, as far as it concerns one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureSample {
    /// What it means.
    pub reason: CooldownReason,
    /// When the attempt began.
    pub began: Timestamp,
    /// When it failed.
    pub at: Timestamp,
    /// The wait that the upstream requested, in milliseconds from `at`.
    pub wait_ms: Option<u64>,
    /// The upstream's status; `None`: there was no response.
    pub status: Option<u16>,
    /// The upstream's message, shortened and without secrets.
    pub message: String,
}

impl FailureSample {
    /// When a cooldown of `wait_ms` ends. What an upstream states is kept to the millisecond; longer waits end with a
    /// whole second, so that a key which answers every call with the same wait is not written at every call.
    const fn end(&self, wait_ms: u64, has_retry_after: bool) -> Timestamp {
        let end = self.at.plus_ms(wait_ms);
        if has_retry_after && wait_ms >= ROUNDED_FROM_MS {
            Timestamp(end.0.div_ceil(SECOND_MS).saturating_mul(SECOND_MS))
        } else {
            end
        }
    }
}

/// Whether something may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No cooldown.
    Ready,
    /// The cooldown is over; one request shall find out.
    HalfOpen,
    /// Not called while there are other candidates.
    Cooling {
        /// When that ends, or when the probe that is under way counts as lost.
        until: Timestamp,
        /// Whether a `Retry-After` of the upstream is still running.
        has_retry_after: bool,
    },
}

/// What is known of one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooldown {
    /// Why it cools, or what is counted.
    pub reason: CooldownReason,
    /// Cooldowns in a row; 0: failures are only counted so far.
    pub strikes: u32,
    /// Failures in a row, while they are only counted.
    pub failures: u32,
    /// The last failure.
    pub at: Timestamp,
    /// When the cooldown ends.
    pub until: Timestamp,
    /// When the upstream's own `Retry-After` ends; 0: it sent none.
    #[serde(rename = "stated_until")]
    pub retry_after_until: Timestamp,
    /// Until when the request that probes has the right to.
    pub lease: Option<Timestamp>,
    /// Which request has that right: a number by chance, since two may claim it in the same millisecond.
    #[serde(default)]
    pub holder: u64,
    /// The last failure's status.
    pub status: Option<u16>,
    /// The last failure's message.
    pub message: String,
}

impl Cooldown {
    /// The first failure of a subject of which nothing was known.
    pub fn new(sample: &FailureSample) -> Self {
        let mut cooldown = Self {
            reason: sample.reason,
            strikes: 0,
            failures: 0,
            at: sample.at,
            until: Timestamp(0),
            retry_after_until: Timestamp(0),
            lease: None,
            holder: 0,
            status: sample.status,
            message: sample.message.clone(),
        };
        cooldown.count(sample);
        cooldown
    }

    /// The last failure in words: the upstream's status, if there was one, and its message.
    pub fn detail(&self) -> String {
        let message = &self.message;
        match self.status {
            Some(status) => format!("{status}: {message}"),
            None => message.clone(),
        }
    }

    /// Whether the subject may be called at `now`. An end beyond the longest accepted wait comes from a
    /// clock that was set back, and does not count.
    pub fn phase(&self, now: Timestamp) -> Phase {
        self.phase_with_lease(self.lease, now)
    }

    /// The same for the request `holder`: its own lease does not keep it from calling.
    pub fn phase_for(&self, holder: u64, now: Timestamp) -> Phase {
        self.phase_with_lease(self.lease.filter(|_| self.holder != holder), now)
    }

    fn phase_with_lease(&self, lease: Option<Timestamp>, now: Timestamp) -> Phase {
        let is_ahead = |end: &Timestamp| now < *end && !is_of_another_clock(*end, now);
        if self.strikes == 0 {
            Phase::Ready
        } else if is_ahead(&self.until) && self.at.since_ms(now) <= MAX_SKEW_MS {
            Phase::Cooling {
                until: self.until,
                has_retry_after: now < self.retry_after_until,
            }
        } else {
            match lease.filter(is_ahead) {
                Some(until) => Phase::Cooling {
                    until,
                    has_retry_after: false,
                },
                None => Phase::HalfOpen,
            }
        }
    }

    /// Adds a further failure; whether anything changed that other instances should know. To add the same failure
    /// twice is the same as once.
    pub fn fail(&mut self, sample: &FailureSample) -> bool {
        // An earlier failure that arrives late does not start over, unless the difference is more than clocks explain.
        let is_late = sample.at < self.at && !is_of_another_clock(self.at, sample.at);
        if !is_late && self.is_forgotten(sample.at) {
            *self = Self::new(sample);
            return true;
        }
        if self.strikes == 0 {
            return self.count(sample);
        }
        let was_probe = sample.began >= self.until;
        if was_probe {
            self.strikes = self.strikes.saturating_add(1);
            self.lease = None;
        }
        self.extend(sample, was_probe)
    }

    /// An answer to an attempt that began at `began`. `true`: the subject works, forget all of this. Failures that
    /// are only counted are forgotten only by an answer that was seen `whole`. A success that began before the last
    /// failure says nothing.
    pub fn is_cured_by(&self, began: Timestamp, whole: bool) -> bool {
        began >= self.at && (whole || self.strikes > 0)
    }

    /// Whether all of this is too old to matter: a subject without requests starts over. So does one of which
    /// a clock that was set back says that it will fail: no answer could cure it until that time has come.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        let quiet_since = self.until.max(self.at).max(self.lease.unwrap_or_default());
        let keep_ms = if self.strikes == 0 {
            ROW_GAP_MS
        } else {
            self.reason.cap_ms()
        };
        now.since_ms(quiet_since) > keep_ms || self.at.since_ms(now) > MAX_SKEW_MS
    }

    fn count(&mut self, sample: &FailureSample) -> bool {
        if self.failures > 0 && sample.at <= self.at {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        self.at = sample.at;
        self.reason = sample.reason;
        if sample.reason != CooldownReason::ServerError || self.failures >= FAILURES_IN_A_ROW {
            self.strikes = 1;
            self.failures = 0;
            return self.extend(sample, true);
        }
        self.describe(sample);
        true
    }

    /// Moves the end further away, never nearer.
    fn extend(&mut self, sample: &FailureSample, is_new_period: bool) -> bool {
        let period_ms = sample.reason.period_ms(self.strikes);
        // The wait for a rate limit is exact. A failing channel can only guess, so our bounds apply.
        let (wait_ms, has_retry_after) = match (sample.reason, sample.wait_ms) {
            (_, None) => (period_ms, false),
            (CooldownReason::Throttled | CooldownReason::Refused, Some(0)) => {
                (MIN_RETRY_AFTER_MS, true)
            }
            (CooldownReason::Throttled | CooldownReason::Refused, Some(wait_ms)) => (wait_ms, true),
            (_, Some(wait_ms)) => (wait_ms.clamp(period_ms, sample.reason.cap_ms()), false),
        };
        let until = sample.end(wait_ms, has_retry_after);
        self.at = self.at.max(sample.at);
        let extends_retry_after = has_retry_after && until > self.retry_after_until;
        // While everything cools, every request extends: a little more is not worth a write each time.
        let extends = until > self.until.plus_ms(period_ms / 8);
        if !is_new_period && !extends && !extends_retry_after {
            return false;
        }
        if has_retry_after {
            self.retry_after_until = self.retry_after_until.max(until);
        }
        self.reason = sample.reason;
        self.until = self.until.max(until);
        self.describe(sample);
        true
    }

    fn describe(&mut self, sample: &FailureSample) {
        self.status = sample.status;
        self.message.clone_from(&sample.message);
    }
}

/// Whether a time is further ahead than the end of the longest accepted wait: that end is rounded up to a whole
/// second, and may have been written by an instance whose clock is ahead.
const fn is_of_another_clock(time: Timestamp, now: Timestamp) -> bool {
    time.since_ms(now) > retry_after::MAX_MS + SECOND_MS + MAX_SKEW_MS
}

#[cfg(test)]
mod tests;
