//! The ledger: which requests there were, what they used, through which channel, at what speed. Owns the record of a request
//! from its begin to the database, and every question about records. Holds figures and names only; no prompt and no
//! completion ever gets here, but for [`kept_response`], a table for itself that is empty unless an admin switches it on.
//!
//! A request under way is an [`entry`]; its finished [`record`] goes through [`service`] into a [`batch`]. [`port`] is how
//! the ledger is written and queried, [`sql`] the engine that keeps it, [`queries`] what can be asked. All else is pure:
//! [`key_use`] is when each upstream key last worked or failed, [`response_records`] are where stored responses were made,
//! [`kept_responses`] those that the gateway keeps itself, [`alert_state`] the record of alerts, [`audit`] is what admins
//! changed, [`replaced`] whether an older ledger was damaged. [`columns`] declares the tables, [`schema`] and [`ingest`] make them, and [`lean`] where [`layout`] says so.

pub mod alert_state;
pub mod attempts;
pub mod audit;
pub mod batch;
pub mod columns;
pub mod detail;
pub mod entry;
pub mod exceeded;
pub mod histogram;
mod ingest;
pub mod kept_response;
pub mod kept_responses;
pub mod key_use;
mod layout;
mod lean;
pub mod log_line;
pub mod port;
pub mod price;
pub mod queries;
pub mod queue;
pub mod reason;
pub mod record;
pub mod replaced;
pub mod response_record;
pub mod response_records;
pub mod schema;
pub mod service;
pub mod sql;
pub mod stored;
mod sums;
pub mod totals;

/// The engine that keeps the ledger. The service and the admin API know nothing of it but [`port::Ledger`].
pub type LedgerEngine<P> = sql::SqlLedger<P>;
