//! Fake ports in virtual time: tasks that run beside each other, sleeps that cost nothing, a store and upstreams that
//! take their time and fail on command. Owns no assertion and no model of the world; that is the tests'.
//!
//! One [`Sim`] is one world. Each of its [`SimPorts`] is one instance of the gateway in it: instances share the time,
//! the store and the upstreams, and have their own randomness. Everything follows from the seed.

mod chance;
mod executor;
mod ports;
mod store;
mod upstream;

pub use chance::Chance;
pub use executor::{Executor, Sleep, Stuck, Task};
pub use ports::{Sim, SimPorts};
pub use store::{Fault, SimStore, Write};
pub use upstream::{CallEnd, CallRecord, SimBody, SimCall, SimReply, SimUpstream};
