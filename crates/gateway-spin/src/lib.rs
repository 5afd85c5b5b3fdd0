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
mod budget;
mod failure;
mod instance;
mod log;
mod respond;
mod serve;
mod settings;
mod sql;
mod store;
mod turn;
mod upstream;

pub use body::Incoming;
pub use instance::SpinPorts;
pub use log::configure as configure_log;
pub use serve::{Authority, serve};
pub use settings::{SettingError, setting};
/// The bindings with which a component exports its handler.
pub use spin_sdk::wasip3;
pub use upstream::ResponseBody;
