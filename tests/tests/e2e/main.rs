//! End-to-end tests: the shipped components on the local host, against a scripted upstream. One binary, so that it
//! links once; every test has its own gateway and runs in parallel to the others.

mod admin_channels;
mod admin_config;
mod admin_keys;
mod admin_revisions;
mod admin_session;
mod admin_status;
mod admin_test;
mod admin_ui;
mod affinity;
mod answers;
mod auth;
mod azure;
mod choosing;
mod coding;
mod components;
mod cooldowns;
mod crossings;
mod disconnect;
mod exhausted;
mod failover;
mod faults;
mod framing;
mod headers;
mod hedging;
mod kept_connections;
mod kept_responses;
mod ledger;
mod limits;
mod log_lines;
mod loops;
mod matrix;
mod memory;
mod misdirected;
mod models;
mod passing;
mod public;
mod reading;
mod request_body;
mod resilience;
mod shapes;
mod state;
mod stopping;
mod store_faults;
mod streaming;
mod timeouts;
mod truncated;
mod usage;
mod words;

/// What a test returns: an error is a failure of the machinery, an assertion one of the gateway.
type Outcome = anyhow::Result<()>;
