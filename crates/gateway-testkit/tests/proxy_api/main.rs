//! HTTP-level tests of the client side on fake ports: what a client sees, and what an upstream was sent.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must fail, also in its helpers"
)]

mod accounting;
mod affinity;
mod alerts;
mod coding;
mod cooldowns;
mod costs;
mod default_models;
mod dialects;
mod error_details;
mod failover;
mod faults;
mod harmless;
mod health_sharing;
mod kept_limits;
mod kept_responses;
mod kept_storage;
mod last_calls;
mod ledger;
mod ledger_schema;
mod limits;
mod list_shapes;
mod loops;
mod memory;
mod misdirected;
mod model_lists;
mod model_names;
mod reading;
mod request_path;
mod setup;
mod several_keys;
mod shapes;
mod stale;
mod stored_background;
mod stored_responses;
mod streaming;
mod translation;
mod usage;
mod vendor_clients;
mod words;
