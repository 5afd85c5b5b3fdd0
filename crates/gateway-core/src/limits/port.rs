//! The counts of all client keys, as the core asks for them. Owns the contract, no behaviour: [`super::sql`] keeps them in
//! the host's database, and another engine can take its place in [`super::LimitsEngine`].
#![expect(
    async_fn_in_trait,
    reason = "the core is single-threaded by design; no caller may ask for Send futures"
)]

use std::collections::BTreeMap;

use super::usage::{Consumed, LimitUsage};
use crate::config::model::KeyLimits;
use crate::database::DatabaseError;
use crate::units::Timestamp;

/// What client keys have used, over all instances.
pub trait Limits {
    /// Decides whether one more request of the key is within `limits`, and counts it if so. Decision and count are one
    /// step: of any number of requests at the same time, in any instances, exactly as many are admitted as the limit
    /// of requests says. Tokens and costs count when they are recorded. Not idempotent: after an error the request may
    /// have been counted.
    async fn try_acquire(
        &self,
        key: &str,
        limits: &KeyLimits,
        now: Timestamp,
    ) -> Result<Acquired, DatabaseError>;

    /// Adds what requests of the key have consumed, whatever its limits are. Atomic; not idempotent: after an error it may
    /// have been added, and is added twice when the caller tries again.
    async fn record(
        &self,
        key: &str,
        consumed: Consumed,
        now: Timestamp,
    ) -> Result<(), DatabaseError>;

    /// What the key has used, with all that was counted before the call.
    async fn read(&self, key: &str, now: Timestamp) -> Result<LimitUsage, DatabaseError>;

    /// The same of several keys, by their ids; of those that nothing is known of, nothing.
    async fn read_all(
        &self,
        keys: &[&str],
        now: Timestamp,
    ) -> Result<BTreeMap<String, LimitUsage>, DatabaseError>;

    /// Forgets what the key has used. Idempotent.
    async fn forget(&self, key: &str) -> Result<(), DatabaseError>;
}

/// The decision about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// Whether the request was within the limits.
    pub is_admitted: bool,
    /// What the key has used, with this request where it was counted.
    pub usage: LimitUsage,
}
