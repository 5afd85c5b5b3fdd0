//! How the database is laid out, which depends on what its host charges for. Owns the choice only.

/// How the log is indexed, and when its sums are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// An index for each way to look into the log; sums are added at once.
    Indexed,
    /// As few rows as possible are written.
    Lean,
}
