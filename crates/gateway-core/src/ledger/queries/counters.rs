//! Everything that was counted since the ledger began, for metrics. Owns the queries; labels are `admin::metrics`'s.

use std::borrow::Cow;

use crate::ledger::columns::ALL_HOURS;
use crate::ledger::columns::usage::summed;
use crate::ledger::totals::UsageTotals;
use crate::ledger::totals::read_totals;
use crate::sql::rows::{NamedRow, Query};

/// The counters, in no order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Totals by channel and model.
    pub usage: Vec<ModelTotals>,
    /// How often something happened.
    pub tallies: Vec<TallyCount>,
}

/// Totals of one channel and one model; each is empty where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelTotals {
    /// The channel's id.
    pub channel: String,
    /// The model.
    pub model: String,
    /// What its requests add up to.
    pub totals: UsageTotals,
}

/// How often something happened with a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TallyCount {
    /// `status` or `attempt`.
    pub kind: String,
    /// The channel's id; empty where none was asked.
    pub channel: String,
    /// The status, or the attempt's outcome.
    pub word: String,
    /// How often.
    pub count: u64,
}

/// Asks for [`Counters::usage`].
pub(in crate::ledger) fn usage() -> Query {
    let subject = ["channel", "model"].map(Cow::Borrowed);
    let columns = subject.into_iter().chain(summed().map(Cow::Owned));
    Query::select(
        columns,
        &format!("FROM usage_hour WHERE hour = {ALL_HOURS}"),
    )
}

/// Reads a row of [`usage`].
pub(in crate::ledger) fn read_usage(row: &NamedRow<'_>) -> ModelTotals {
    ModelTotals {
        channel: row.text("channel").to_owned(),
        model: row.text("model").to_owned(),
        totals: read_totals(row),
    }
}

/// Asks for [`Counters::tallies`].
pub(in crate::ledger) fn tallies() -> Query {
    let columns = ["kind", "channel", "word", "count"];
    Query::select(
        columns,
        &format!("FROM tally_hour WHERE hour = {ALL_HOURS}"),
    )
}

/// Reads a row of [`tallies`].
pub(in crate::ledger) fn read_tally(row: &NamedRow<'_>) -> TallyCount {
    TallyCount {
        kind: row.text("kind").to_owned(),
        channel: row.text("channel").to_owned(),
        word: row.text("word").to_owned(),
        count: row.count("count"),
    }
}
