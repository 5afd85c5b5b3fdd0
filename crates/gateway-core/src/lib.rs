//! Every decision of the gateway, from HTTP request to HTTP response, behind ports.
//!
//! Entry points: [`app::App`] for hosts, which calls [`proxy::handle`] for clients and [`admin::handle`] for the admin
//! API. The core owns no socket, no clock, no store and no source of randomness: hosts provide them through [`ports`].
//! Nothing here is `Send`, so that single-threaded hosts need no locks.
#![forbid(unsafe_code)]

pub mod admin;
pub mod alerts;
pub mod app;
pub mod attempt;
pub mod body_buffer;
pub mod config;
pub mod database;
pub mod dialect;
pub mod error;
pub mod flusher;
pub mod health;
pub mod ids;
pub mod ledger;
pub mod limits;
pub mod logging;
pub mod memory;
pub mod moving;
pub mod peer;
pub mod ports;
pub mod problem;
pub mod proxy;
pub mod reply;
pub mod route;
pub mod secret;
pub mod segmented_buffer;
pub mod sorting;
pub mod sql;
pub mod store;
pub mod time_text;
pub mod timeout;
pub mod units;
pub mod upstream;
pub mod wire;
