//! HTTP-level tests of the client side on fake ports: what a client sees, and what an upstream was sent.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must fail, also in its helpers"
)]

mod accounting;
mod affinity;
mod coding;
mod cooldowns;
mod dialects;
mod failover;
mod harmless;
mod ledger;
mod limits;
mod memory;
mod request_path;
mod setup;
mod streaming;
mod usage;
