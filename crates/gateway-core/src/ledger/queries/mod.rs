//! What can be asked of the ledger, as data, and the answers. Owns the questions; each file has its SQL and its reader beside
//! them, so that nothing outside `ledger` knows a table.

pub mod actors;
pub mod counters;
pub mod requests;
pub mod usage;
