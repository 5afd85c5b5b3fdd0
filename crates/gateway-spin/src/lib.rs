//! The core's ports over Spin's and WASI's interfaces, and the shell that both components share.
//!
//! Owns every call to the host. Decides nothing about requests: that is the core's work.
//!
//! One instance is one thread that serves many requests, several of them at once. State of the instance
//! lives in thread-locals and is a cache, never the truth. Requests of one instance are separate tasks
//! of the host, and a task cannot wake another one: nothing here (or in the core) may wait for work that
//! another request does.
#![forbid(unsafe_code)]

mod body;
mod failure;
mod instance;
mod log;
mod peer;
mod respond;
mod serve;
mod sql;
mod store;
mod turn;
mod upstream;
mod variables;

pub use body::Incoming;
pub use instance::SpinPorts;
pub use serve::{serve, serve_with_peer};
/// The bindings with which a component exports its handler.
pub use spin_sdk::wasip3;
pub use upstream::ResponseBody;
pub use variables::SpinVariables;
