//! What rules find: readings of single subjects. Owns the terms; data only.

use serde::{Deserialize, Serialize};

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AlertKind {
    /// A budget is nearly or entirely used.
    Budget,
    /// A channel is down or degraded.
    Channel,
    /// Too many requests fail.
    ErrorRate,
    /// An upstream rejects a key.
    KeyRejected,
    /// Records of requests were lost.
    RecordsLost,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AlertLevel {
    /// It works still: a budget is nearly used, a channel degraded.
    Warning,
    /// It does not work: a budget is used up, a channel down.
    Critical,
}

/// What a rule finds of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertReading {
    /// What it is about, the same text each time, such as `channel/ch_1`.
    pub subject: String,
    /// How bad it is; `None`: nothing is wrong.
    pub level: Option<AlertLevel>,
    /// What is found, as a sentence of names and figures.
    pub text: String,
}

/// What a rule finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The rule is off: its alerts are forgotten.
    Off,
    /// It is not known: everything stays as it is.
    Unknown,
    /// All its subjects. An alert about another one is forgotten: the subject is gone.
    Known(Vec<AlertReading>),
}
