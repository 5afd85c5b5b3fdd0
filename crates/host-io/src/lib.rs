//! What the hosts that run as processes of their own have in common: the state directory, the key-value file, and
//! connections to upstreams. Knows neither the gateway nor WIT.
#![forbid(unsafe_code)]

pub mod dial;
pub mod fault;
pub mod hosts;
pub mod state_dir;
pub mod store;
