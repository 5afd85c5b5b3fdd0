//! The counts of all client keys, as the core asks for them. Owns the contract, no behaviour: [`super::sql`] keeps them in
//! the host's database, and another engine can take its place in [`super::LimitsEngine`].
#![expect(
    async_fn_in_trait,
    reason = "the core is single-threaded by design; no caller may ask for Send futures"
)]

use std::collections::BTreeMap;

use super::usage::{Consumed, LimitUsage, Settlement};
use crate::config::model::KeyLimits;
use crate::database::DatabaseError;
use crate::units::Timestamp;

/// What client keys have used, over all instances.
pub trait Limits {
    /// Decides whether one more request of the key is within `limits`, and if so counts it and reserves the tokens and
    /// costs that it may consume. Decision, count and reservation are one step: of any number of requests at the same time,
    /// in any instances, exactly as many are admitted as the limit of requests says, and of the other limits no more is
    /// reserved than by the last request that found something left. Not idempotent: after an error the request may have
    /// been counted, and what it reserved lapses with its window and slot.
    async fn try_acquire(
        &self,
        key: &str,
        limits: &KeyLimits,
        estimate: Consumed,
        now: Timestamp,
    ) -> Result<Acquired, DatabaseError>;

    /// Adds what requests of the key have consumed, whatever its limits are, and releases what was reserved for them.
    /// Atomic; not idempotent: after an error it may have been done, and is done twice when the caller tries again.
    async fn settle(
        &self,
        key: &str,
        settlement: Settlement,
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
