//! The counts of failed logins and the appointments of the attempts that wait. Owns the arithmetic; pure.
//!
//! Both rates, of an address and of all together, are token buckets in the form of the generic cell rate algorithm: one
//! time per bucket, at which it will be full again. Each attempt that is checked or gets an appointment moves it on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// The bucket of one address.
const ADDRESS: Bucket = Bucket {
    burst: 5,
    interval_ms: 10_000,
};
/// The bucket of all addresses together: guessing from many addresses is still guessing.
const OVERALL: Bucket = Bucket {
    burst: 100,
    interval_ms: 2_000,
};
/// The bucket of a known device.
const DEVICE: Bucket = Bucket {
    burst: 5,
    interval_ms: 3 * 60_000,
};
/// How long a device that is over its count waits for its next attempt, at most.
pub const DEVICE_WAIT_MS: u64 = DEVICE.interval_ms;
/// Places of all addresses together. Keeps the record small.
pub const MAX_PLACES: usize = 256;
/// Places of one address while it alone is over its rate: it shares them with no other.
const MAX_PLACES_OF_ADDRESS: usize = 6;
/// Places of one address while all together are over their rate: two, so that one password that is tried again and
/// again leaves the other one free.
const MAX_PLACES_UNDER_ATTACK: usize = 2;
/// For how long a place is kept for an attempt that is late.
const KEPT_MS: u64 = 60_000;
/// The latest appointment there is; a later one means that the clock was set back.
const MAX_WAIT_MS: u64 = (MAX_PLACES as u64 + 1) * OVERALL.interval_ms;
/// Devices with failures that are remembered.
const MAX_DEVICES: usize = 256;

/// A rate with a burst.
struct Bucket {
    burst: u64,
    interval_ms: u64,
}

impl Bucket {
    /// From when on one more is within the rate.
    const fn free_at(&self, full_at: Timestamp) -> Timestamp {
        Timestamp(
            full_at
                .0
                .saturating_sub((self.burst - 1) * self.interval_ms),
        )
    }

    /// Takes one, now or in advance.
    fn take(&self, full_at: &mut Timestamp, now: Timestamp) {
        *full_at = (*full_at).max(now).plus_ms(self.interval_ms);
    }

    /// Whether the time says something: it is not over, and the bucket can be so far from full.
    const fn is_sane(&self, full_at: Timestamp, now: Timestamp) -> bool {
        let most = (self.burst + 1) * self.interval_ms + MAX_WAIT_MS;
        full_at.0 > now.0 && full_at.since_ms(now) <= most
    }
}

/// One attempt to log in.
#[derive(Clone, Copy, Debug)]
pub struct LoginAttempt<'a> {
    /// From where.
    pub address: &'a str,
    /// A few bits of the password's hash, which mostly distinguish passwords.
    pub guess: u16,
    /// The lowest ranks have the places when there are not enough.
    pub rank: u32,
}

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is checked. The table has changed.
    Check,
    /// There is a place for the same attempt later. The table has changed.
    Appoint {
        /// How much later.
        wait_ms: u64,
    },
    /// Not now. The table is as it was, but for what was out of date.
    Refuse {
        /// When to try again: its appointment if it has one.
        wait_ms: u64,
    },
}

/// An appointment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Appointment {
    address: String,
    guess: u16,
    rank: u32,
    at: Timestamp,
}

impl Appointment {
    fn is_of(&self, attempt: LoginAttempt<'_>) -> bool {
        self.address == attempt.address && self.guess == attempt.guess
    }
}

/// The stored record of strangers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureTable {
    #[serde(default)]
    overall_full_at: Timestamp,
    #[serde(default)]
    full_at: BTreeMap<String, Timestamp>,
    #[serde(default)]
    places: Vec<Appointment>,
}

impl FailureTable {
    /// A damaged table counts as empty; it is replaced by the next attempt.
    pub fn parse(stored: Option<&[u8]>) -> Self {
        parse(stored)
    }

    /// The table for the store.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Decides on an attempt, and counts it as failed if it is to be checked.
    pub fn judge(&mut self, attempt: LoginAttempt<'_>, now: Timestamp) -> Verdict {
        self.forget_old(now);
        let own_place = self.places.iter().position(|place| place.is_of(attempt));
        if let Some((index, at)) =
            own_place.and_then(|index| Some((index, self.places.get(index)?.at)))
        {
            if at > now {
                return Verdict::Refuse {
                    wait_ms: at.since_ms(now),
                };
            }
            self.places.remove(index);
            return Verdict::Check;
        }
        let of_address = self.full_at.get(attempt.address).copied();
        let overall_free_at = OVERALL.free_at(self.overall_full_at);
        let at = ADDRESS
            .free_at(of_address.unwrap_or_default())
            .max(overall_free_at);
        if at <= now {
            self.charge(attempt.address, now);
            return Verdict::Check;
        }
        self.appoint(attempt, at, overall_free_at > now, now)
    }

    /// Gives the attempt a place at `at`, if it may have one.
    fn appoint(
        &mut self,
        attempt: LoginAttempt<'_>,
        at: Timestamp,
        is_attack: bool,
        now: Timestamp,
    ) -> Verdict {
        let most = if is_attack {
            MAX_PLACES_UNDER_ATTACK
        } else {
            MAX_PLACES_OF_ADDRESS
        };
        let of_address = self
            .places
            .iter()
            .filter(|place| place.address == attempt.address);
        if of_address.count() >= most {
            return Verdict::Refuse {
                wait_ms: self.next_vacancy_ms(Some(attempt.address), now),
            };
        }
        let place = |at| Appointment {
            address: attempt.address.to_owned(),
            guess: attempt.guess,
            rank: attempt.rank,
            at,
        };
        if self.places.len() < MAX_PLACES {
            self.charge(attempt.address, now);
            self.places.push(place(at));
            return Verdict::Appoint {
                wait_ms: at.since_ms(now),
            };
        }
        let last = self
            .places
            .iter_mut()
            .filter(|place| place.at > now && place.rank > attempt.rank)
            .max_by_key(|place| place.rank);
        let Some(last) = last else {
            return Verdict::Refuse {
                wait_ms: self.next_vacancy_ms(None, now),
            };
        };
        // Its time is taken over, for which all together have been charged already.
        let at = last.at;
        *last = place(at);
        let full_at = self.full_at.entry(attempt.address.to_owned());
        ADDRESS.take(full_at.or_default(), now);
        Verdict::Appoint {
            wait_ms: at.since_ms(now),
        }
    }

    /// Gives an address its attempts back.
    pub fn forgive(&mut self, address: &str, now: Timestamp) {
        self.forget_old(now);
        self.full_at.remove(address);
        self.overall_full_at.0 = self.overall_full_at.0.saturating_sub(OVERALL.interval_ms);
    }

    fn charge(&mut self, address: &str, now: Timestamp) {
        OVERALL.take(&mut self.overall_full_at, now);
        let full_at = self.full_at.entry(address.to_owned());
        ADDRESS.take(full_at.or_default(), now);
    }

    /// When the next place of this address, or of any, is free.
    fn next_vacancy_ms(&self, address: Option<&str>, now: Timestamp) -> u64 {
        self.places
            .iter()
            .filter(|place| address.is_none_or(|address| place.address == address))
            .map(|place| place.at.since_ms(now))
            .filter(|wait_ms| *wait_ms > 0)
            .min()
            .unwrap_or(ADDRESS.interval_ms)
    }

    fn forget_old(&mut self, now: Timestamp) {
        if !OVERALL.is_sane(self.overall_full_at, now) {
            self.overall_full_at = Timestamp(0);
        }
        self.full_at
            .retain(|_, full_at| ADDRESS.is_sane(*full_at, now));
        self.places.retain(|place| {
            place.at.plus_ms(KEPT_MS) > now && place.at.since_ms(now) <= MAX_WAIT_MS
        });
    }
}

/// The stored record of known devices: when the bucket of each is full again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Devices(BTreeMap<String, Timestamp>);

impl Devices {
    /// A damaged record counts as empty.
    pub fn parse(stored: Option<&[u8]>) -> Self {
        parse(stored)
    }

    /// The record for the store.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Counts an attempt as failed; `false` when it is one too many.
    pub fn count(&mut self, device: &str, now: Timestamp) -> bool {
        self.0.retain(|_, full_at| DEVICE.is_sane(*full_at, now));
        let known = self.0.get(device).copied();
        if known.is_none() && self.0.len() >= MAX_DEVICES {
            return false;
        }
        let mut full_at = known.unwrap_or_default();
        let is_free = DEVICE.free_at(full_at) <= now;
        if is_free {
            DEVICE.take(&mut full_at, now);
            self.0.insert(device.to_owned(), full_at);
        }
        is_free
    }

    /// Gives the device its attempts back.
    pub fn forgive(&mut self, device: &str) {
        self.0.remove(device);
    }
}

fn parse<T: Default + serde::de::DeserializeOwned>(stored: Option<&[u8]>) -> T {
    stored
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or_default()
}
