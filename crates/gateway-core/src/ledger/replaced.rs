//! Whether the ledger began in place of one that was damaged. The host that replaced it says so in a table of its own, which
//! is nowhere else; see the hosts' documentation.

use crate::sql::rows::{NamedRow, Query};
use crate::units::Timestamp;

/// A ledger that was damaged, and set aside by the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedLedger {
    /// When the one in use began.
    pub at: Timestamp,
    /// The name of the damaged one's file, beside it.
    pub file: String,
}

/// Asks for the newest one.
pub(super) fn find() -> Query {
    Query::select(
        ["at_ms", "file"],
        "FROM replaced_database ORDER BY at_ms DESC LIMIT 1",
    )
}

/// Reads a row of [`find`].
pub(super) fn read(row: &NamedRow<'_>) -> ReplacedLedger {
    ReplacedLedger {
        at: Timestamp(row.count("at_ms")),
        file: row.text("file").to_owned(),
    }
}
