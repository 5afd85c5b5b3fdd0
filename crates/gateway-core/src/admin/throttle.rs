//! The login throttle. Owns how many passwords are checked, and how long the others wait. [`table`] has the
//! arithmetic; this file holds the record in the shared store.
//!
//! # What is guaranteed
//!
//! 1. **A known device** (it has logged in before, see [`super::device`]) has five separate attempts, and one more
//!    every three minutes. Nothing that strangers do counts there: its counts are in a record that only a signed cookie
//!    can change. A device over its count is treated as a stranger.
//! 2. **Strangers** have five attempts per address and a hundred together. After that passwords are still checked, but
//!    slowly: one per address every 10 seconds, one every 2 seconds for all addresses together. So an attacker checks
//!    at most 8,645 passwords in a day from one address, and 43,300 from any number of addresses.
//! 3. **An attempt that must wait gets an appointment**: the answer is 429, `Retry-After` is exact, and the place is
//!    kept for a minute for the same password from the same address. The right password is never refused at its
//!    appointment. With no attack on the address itself the wait is at most 10 seconds, plus 4 seconds for each address
//!    that attacks at the same time.
//!
//! # Why appointments
//!
//! With a plain rate limit, the client that asks most often takes every free slot: one attempt of the owner does not
//! win against thousands per second. Drawing lots among the attempts has the same fault. An appointment is given once
//! per password and address, so asking more often gains nothing:
//!
//! - From *other addresses* a flood gets two places per address. When more than [`table::MAX_PLACES`] places are taken,
//!   the addresses with the lowest rank have them. The rank is a keyed hash of address and time, which cannot be
//!   chosen; so with *n* attacking addresses a stranger is served within about 8·*n* seconds on average, however fast
//!   they ask.
//! - From *the same address* (a reverse proxy that is not among `trusted_proxies`), a flood that repeats fewer than
//!   six passwords leaves a place for the right one, within 70 seconds.
//! - Against a flood of ever new passwords from the very same address there is no rule that helps: only the password
//!   itself could distinguish the owner from the attacker, and any rate at which the owner's is sure to be checked is
//!   the rate of guesses that the attacker has. Known devices still get in, and naming the proxy in `trusted_proxies`
//!   gives every client a separate address again.
//!
//! # What a flood costs
//!
//! Only attempts that are checked or that get a place change the record: at most one per 2 seconds for long. All others
//! are answered after one read, so they neither write nor conflict with those that do.

mod table;
#[cfg(test)]
mod tests;

use std::convert::Infallible;

use super::document::{RETRIES, unavailable};
use crate::error::{ErrorCode, GatewayError};
use crate::ports::{AdminPorts, StoreKey};
use crate::store::{self, RecordEdit, UpdateError};
pub use table::DEVICE_WAIT_MS;
use table::{Devices, FailureTable, LoginAttempt, Verdict};

/// An attempt to log in.
#[derive(Clone, Copy, Debug)]
pub struct Stranger<'a> {
    /// The client's address; empty when the host does not say.
    pub address: &'a str,
    /// A few bits of a keyed hash of the password: distinguishes attempts, but not passwords.
    pub guess: u16,
    /// A keyed hash of the address that changes with time.
    pub rank: u32,
}

/// Counts one attempt of a stranger as failed, or refuses it with 429 and the time to wait.
pub async fn admit<P: AdminPorts>(ports: &P, stranger: &Stranger<'_>) -> Result<(), GatewayError> {
    let attempt = LoginAttempt {
        address: stranger.address,
        guess: stranger.guess,
        rank: stranger.rank,
    };
    let update = store::update(ports, StoreKey::LoginFailures, RETRIES, |stored| {
        let mut table = FailureTable::parse(stored);
        let outcome = match table.judge(attempt, ports.now()) {
            Verdict::Refuse { wait_ms } => return Err(too_many(wait_ms)),
            Verdict::Appoint { wait_ms } => Err(too_many(wait_ms)),
            Verdict::Check => Ok(()),
        };
        Ok(RecordEdit::Replace(table.bytes(), outcome))
    });
    match update.await {
        Ok(outcome) => outcome,
        Err(UpdateError::Edit(refusal)) => Err(refusal),
        // So many attempts at the same moment are not made by a person.
        Err(UpdateError::Conflict) => Err(too_many(1_000)),
        Err(UpdateError::Store(error) | UpdateError::Uncertain(error)) => {
            Err(unavailable(ports, &error))
        }
    }
}

/// Counts one attempt of a known device as failed. `false`: it has had too many, or they cannot be counted now, so it
/// is a stranger for a while.
pub async fn admit_device<P: AdminPorts>(ports: &P, device: &str) -> bool {
    change_devices(ports, |devices| devices.count(device, ports.now()))
        .await
        .unwrap_or(false)
}

/// Forgets the failures of an address after a right password. Failing at that is no reason to refuse the login.
pub async fn forgive<P: AdminPorts>(ports: &P, address: &str) {
    let update = store::update(ports, StoreKey::LoginFailures, RETRIES, |stored| {
        let mut table = FailureTable::parse(stored);
        table.forgive(address, ports.now());
        Ok::<_, Infallible>(RecordEdit::Replace(table.bytes(), ()))
    });
    if update.await.is_err() {
        ports.line(format_args!(
            "admin: the failed logins of {address:?} could not be cleared"
        ));
    }
}

/// The same for a known device.
pub async fn forgive_device<P: AdminPorts>(ports: &P, device: &str) {
    let change = change_devices(ports, |devices| {
        devices.forgive(device);
        true
    });
    if change.await.is_none() {
        ports.line(format_args!(
            "admin: the failed logins of a known device could not be cleared"
        ));
    }
}

/// Changes the record of devices; nothing is written when `edit` gives `false`. `None`: the store did not take it.
async fn change_devices<P: AdminPorts>(
    ports: &P,
    edit: impl Fn(&mut Devices) -> bool,
) -> Option<bool> {
    let update = store::update(ports, StoreKey::DeviceFailures, RETRIES, |stored| {
        let mut devices = Devices::parse(stored);
        Ok::<_, Infallible>(if edit(&mut devices) {
            RecordEdit::Replace(devices.bytes(), true)
        } else {
            RecordEdit::Keep(false)
        })
    });
    update.await.ok()
}

/// 429 with the time to wait.
pub fn too_many(wait_ms: u64) -> GatewayError {
    let seconds = wait_ms.div_ceil(1000).max(1);
    ErrorCode::RateLimited
        .error(format!(
            "Too many failed logins. Try again in {seconds} seconds."
        ))
        .with_retry_after_s(seconds)
}
