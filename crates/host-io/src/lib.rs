//! What the hosts that run as processes of their own have in common: the state directory with its SQLite files,
//! backups of them, the framing of messages, and connections to upstreams. Knows neither the gateway nor WIT.
#![forbid(unsafe_code)]

pub mod backup;
pub mod data;
pub mod dial;
pub mod fault;
pub mod framing;
pub mod hosts;
pub mod private;
pub mod sqlite_file;
pub mod state_dir;
pub mod store;
