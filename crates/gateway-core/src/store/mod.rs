//! How the shared store is used: every call has a time limit, and every record is changed by one compare-and-swap loop.
//! Owns time limits, retries and back-off. Must not know what the records mean.

mod backoff;
mod bounded;
mod update;

pub use bounded::{BoundedStore, bounded_call};
pub use update::{RecordEdit, RetryLimits, UpdateError, update, update_confirmed};
