//! The least-busy choice under virtual time: what it does to waiting times, and that every call is counted once.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail, also in its helpers"
)]

mod calls;
mod figures;
mod servers;
mod setup;
