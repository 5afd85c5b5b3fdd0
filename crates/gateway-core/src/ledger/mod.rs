//! The ledger: who used what, when, through which channel, at what speed. Owns the record of a request, the database's
//! schema and every statement that writes it. Pure: `proxy` runs the statements, `admin` reads what they kept.
//! Holds figures and names only; no prompt and no completion ever gets here.

pub mod batch;
pub mod histogram;
mod ingest;
pub mod price;
pub mod reason;
pub mod record;
pub mod schema;
mod sums;
