//! The throttle of logins. Owns how many guesses there are, and for how long none is taken afterwards.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::{MAX_TRIES, unavailable};
use crate::error::{Case, GatewayError};
use crate::ports::{AdminPorts, Record, Swap};
use crate::units::Timestamp;

/// Failures of one address before it is locked.
const MAX_FAILURES: u32 = 5;
/// Failures of all addresses together before all are locked: guessing from many addresses is still guessing. It
/// also keeps the record small: no more addresses than this are remembered, and one per further minute.
const MAX_FAILURES_OVERALL: u32 = 100;
/// The first lock; every further failure doubles it.
const FIRST_LOCK_MS: u64 = 60_000;
/// The longest lock, and the time after which a failure is forgotten.
const MEMORY_MS: u64 = 15 * 60_000;

/// Failed logins of one address, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Failures {
    count: u32,
    last: Timestamp,
    locked_until: Timestamp,
}

/// The stored record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Table {
    #[serde(default)]
    overall: Failures,
    #[serde(default)]
    addresses: BTreeMap<String, Failures>,
}

/// Counts one attempt of `address` as failed, or refuses it with 429 and the time to wait.
pub async fn admit<P: AdminPorts>(ports: &P, address: &str) -> Result<(), GatewayError> {
    for _ in 0..MAX_TRIES {
        let stored = ports
            .read(Record::LoginFailures)
            .await
            .map_err(|error| unavailable(ports, &error))?;
        let mut table = Table::parse(stored.as_deref());
        if let Err(wait_ms) = table.count(address, ports.now()) {
            return Err(too_many(wait_ms.div_ceil(1000)));
        }
        match ports
            .swap(Record::LoginFailures, stored.as_deref(), &table.bytes())
            .await
        {
            Ok(Swap::Done) => return Ok(()),
            Ok(Swap::Conflict) => {}
            Err(error) => return Err(unavailable(ports, &error)),
        }
    }
    // So many attempts at this very moment are no person's.
    Err(too_many(1))
}

/// Forgets the failures of `address` after a right password. Failing at that is no reason to refuse the login.
pub async fn forgive<P: AdminPorts>(ports: &P, address: &str) {
    for _ in 0..MAX_TRIES {
        let Ok(stored) = ports.read(Record::LoginFailures).await else {
            break;
        };
        let mut table = Table::parse(stored.as_deref());
        table.forgive(address);
        match ports
            .swap(Record::LoginFailures, stored.as_deref(), &table.bytes())
            .await
        {
            Ok(Swap::Done) => return,
            Ok(Swap::Conflict) => {}
            Err(_) => break,
        }
    }
    ports.line(format_args!(
        "admin: the failed logins of {address:?} could not be cleared"
    ));
}

fn too_many(seconds: u64) -> GatewayError {
    Case::RateLimited
        .error(format!(
            "Too many failed logins. Try again in {seconds} seconds."
        ))
        .with_retry_after_s(seconds)
}

impl Failures {
    fn forget_old(&mut self, now: Timestamp) {
        let over = now.since_ms(self.last) >= MEMORY_MS && self.locked_until <= now;
        // A lock longer than any that is given out means that the clock was set back.
        if over || self.locked_until.since_ms(now) > MEMORY_MS {
            *self = Self::default();
        }
    }

    const fn add(&mut self, now: Timestamp, most: u32, longest_lock_ms: u64) {
        self.count = self.count.saturating_add(1);
        self.last = now;
        if self.count >= most {
            let doublings = self.count - most;
            let lock_ms = if doublings > 10 {
                longest_lock_ms
            } else {
                FIRST_LOCK_MS << doublings
            };
            let lock_ms = if lock_ms > longest_lock_ms {
                longest_lock_ms
            } else {
                lock_ms
            };
            self.locked_until = now.plus_ms(lock_ms);
        }
    }
}

impl Table {
    /// A damaged table counts as empty; it is replaced by the next attempt.
    fn parse(stored: Option<&[u8]>) -> Self {
        stored
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default()
    }

    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Counts an attempt as failed; or says for how many milliseconds none is taken.
    fn count(&mut self, address: &str, now: Timestamp) -> Result<(), u64> {
        self.overall.forget_old(now);
        self.addresses.retain(|_, failures| {
            failures.forget_old(now);
            failures.count > 0
        });
        let of_address = self
            .addresses
            .get(address)
            .map_or(0, |failures| failures.locked_until.since_ms(now));
        let wait_ms = of_address.max(self.overall.locked_until.since_ms(now));
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        // The lock of all stays short: it also locks out the one who knows the password.
        self.overall.add(now, MAX_FAILURES_OVERALL, FIRST_LOCK_MS);
        self.addresses
            .entry(address.to_owned())
            .or_default()
            .add(now, MAX_FAILURES, MEMORY_MS);
        Ok(())
    }

    fn forgive(&mut self, address: &str) {
        if let Some(failures) = self.addresses.remove(address) {
            self.overall.count = self.overall.count.saturating_sub(failures.count);
            if self.overall.count < MAX_FAILURES_OVERALL {
                self.overall.locked_until = Timestamp(0);
            }
        }
    }
}
