//! Hedges and probes under virtual time: what happens when attempts, requests and instances run beside each other.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail, also in its helpers"
)]

mod hedges;
mod probes;
mod setup;
