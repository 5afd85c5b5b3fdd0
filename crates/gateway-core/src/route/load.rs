//! How busy each channel is, as one instance sees it: its calls in flight, and how long its answers take to begin. Owns the
//! estimate. Pure: time is an argument. Nothing of it is stored or shared between instances.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use crate::units::Timestamp;

/// The part of the estimate that one call replaces. A fifth: one long prompt among short ones does not decide, and five
/// calls are enough to see that a channel has changed.
const SMOOTHING: f64 = 0.2;
/// After so much time without a result the estimate has halved; after twice that time it is a third, and so on. A slow
/// channel is thus tried again, and the slower it is, the more seldom: what that costs does not depend on how slow it is.
const FADE_MS: f64 = 20_000.0;
/// What is older says nothing, so that the channel counts as a new one.
const FORGET_MS: u64 = 120_000;
/// What a failure adds to the time that it took: without it, a channel that rejects at once would be the fastest. As long as
/// the first cooldown of a channel.
const FAILURE_MS: u64 = 5_000;
/// Channels that are remembered; more are never configured.
const MAX_CHANNELS: usize = 1_000;

/// The loads of all channels of one instance.
#[derive(Default)]
pub struct Loads {
    channels: RefCell<HashMap<Box<str>, Rc<ChannelLoad>>>,
}

/// One channel's load.
#[derive(Debug, Default)]
pub struct ChannelLoad {
    in_flight: Cell<u32>,
    /// Of these, the calls whose answer has not begun.
    waiting: Cell<u32>,
    /// The sum of the times at which these began, in milliseconds.
    waiting_since_ms: Cell<u64>,
    /// The moving average of the time to the first byte.
    first_byte_ms: Cell<f64>,
    /// When the average last changed; `None`: there was no call yet.
    measured_at: Cell<Option<Timestamp>>,
}

/// What a call has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Its answer has begun.
    Answered,
    /// Its answer has begun, after the channel had been out of service: what was known before does not count any more.
    Recovered,
    /// It has failed, and the channel is to blame.
    Failed,
    /// It was ended without a result: its answer would have taken longer than this.
    Abandoned,
}

impl Loads {
    /// The load of a channel.
    pub fn of(&self, channel: &str) -> Rc<ChannelLoad> {
        let mut channels = self.channels.borrow_mut();
        if let Some(load) = channels.get(channel) {
            return Rc::clone(load);
        }
        // Channels that were deleted; one with calls in flight is still held by them.
        if channels.len() >= MAX_CHANNELS {
            channels.retain(|_, load| Rc::strong_count(load) > 1);
        }
        Rc::clone(channels.entry(channel.into()).or_default())
    }
}

impl fmt::Debug for Loads {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Loads")
    }
}

impl ChannelLoad {
    /// Calls in flight.
    pub const fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// A call begins.
    pub fn begin(&self, now: Timestamp) {
        self.in_flight.set(self.in_flight.get() + 1);
        self.waiting.set(self.waiting.get() + 1);
        self.waiting_since_ms
            .set(self.waiting_since_ms.get().saturating_add(now.0));
    }

    /// A call that began at `began` waits no longer.
    pub fn measure(&self, began: Timestamp, now: Timestamp, measured: Option<Measured>) {
        self.waiting.set(self.waiting.get().saturating_sub(1));
        self.waiting_since_ms
            .set(self.waiting_since_ms.get().saturating_sub(began.0));
        let took_ms = now.since_ms(began);
        match measured {
            Some(Measured::Answered) => self.sample(took_ms, now),
            Some(Measured::Recovered) => {
                self.measured_at.set(None);
                self.sample(took_ms, now);
            }
            Some(Measured::Failed) => self.fail(took_ms, now),
            Some(Measured::Abandoned) => {
                let known_ms = self.known_ms(now);
                if known_ms.is_none_or(|known_ms| float(took_ms) > known_ms) {
                    self.sample(took_ms, now);
                }
            }
            None => {}
        }
    }

    /// A call has failed that took so long, also after its answer had begun.
    pub fn fail(&self, took_ms: u64, now: Timestamp) {
        self.sample(took_ms.saturating_add(FAILURE_MS), now);
    }

    /// A call is over.
    pub fn end(&self) {
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
    }

    /// How long an answer takes to begin, by the calls that are over; `None`: it is not known.
    pub fn known_ms(&self, now: Timestamp) -> Option<f64> {
        let age_ms = now.since_ms(self.measured_at.get()?);
        (age_ms < FORGET_MS)
            .then(|| (self.first_byte_ms.get() / (1.0 + float(age_ms) / FADE_MS)).max(1.0))
    }

    /// The mean time for which the calls without an answer have been waiting: theirs will take at least as long.
    pub fn waiting_ms(&self, now: Timestamp) -> f64 {
        let waiting = u64::from(self.waiting.get());
        let all_ms = now.0.saturating_mul(waiting);
        float(all_ms.saturating_sub(self.waiting_since_ms.get())) / float(waiting.max(1))
    }

    /// What another call costs: the time that an answer takes to begin, for each call in flight and the new one.
    /// `unknown_ms`: that time where it is not known.
    pub fn cost(&self, unknown_ms: f64, now: Timestamp) -> f64 {
        let first_byte_ms = self.known_ms(now).unwrap_or(unknown_ms);
        f64::from(self.in_flight() + 1) * first_byte_ms.max(self.waiting_ms(now))
    }

    fn sample(&self, took_ms: u64, now: Timestamp) {
        let took_ms = float(took_ms);
        let average = match self.known_ms(now) {
            Some(known_ms) => known_ms + (took_ms - known_ms) * SMOOTHING,
            None => took_ms,
        };
        self.first_byte_ms.set(average);
        self.measured_at.set(Some(now));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of one call, far below 2^52"
)]
const fn float(milliseconds: u64) -> f64 {
    milliseconds as f64
}

#[cfg(test)]
mod tests;
