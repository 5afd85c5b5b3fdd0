//! A store that hangs, in virtual time: how long requests of clients and admins wait for it, and that all heals.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail, also in its helpers"
)]

mod admin;
mod proxy;
