//! The columns of the ledger's tables: the one place where a column is declared. From it the schema makes tables and
//! trigger, a batch its rows, and a query its list and its reader.
//!
//! The order is part of the format: databases keep a trigger that takes a batch's rows by position. A new column comes last,
//! in a new version of the schema with a new trigger. [`request`] has those of the log, [`usage`] those of the sums; the two
//! small tables are here.

pub mod request;
pub mod usage;

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::attempts::StoredAttempts;
use super::record::Actor;

/// The `hour` of rows that sum up all hours: no query has to add up years. In such rows of `usage_hour` the key
/// is empty.
pub const ALL_HOURS: i64 = -1;

/// In place of models that no channel names, once a client key has used many of those in an hour.
pub const OTHER: &str = "other";

/// A value in a row of a batch.
#[derive(Serialize)]
#[serde(untagged)]
pub enum ColumnValue<'a> {
    /// `NULL`, or a text.
    Text(Option<Cow<'a, str>>),
    /// `NULL`, or a number.
    Count(Option<u64>),
    /// A number that may be negative.
    Integer(i64),
    /// A list in a list, which the database keeps as its text.
    Attempts(StoredAttempts<'a>),
}

impl<'a> From<&'a str> for ColumnValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'a> From<Option<&'a String>> for ColumnValue<'a> {
    fn from(text: Option<&'a String>) -> Self {
        Self::Text(text.map(|text| Cow::Borrowed(text.as_str())))
    }
}

impl From<u64> for ColumnValue<'_> {
    fn from(count: u64) -> Self {
        Self::Count(Some(count))
    }
}

/// A column's name, its definition, and its value in a row.
pub type Column<'a> = (&'static str, &'static str, ColumnValue<'a>);

const TEXT: &str = "TEXT";
pub(super) const TEXT_NOT_NULL: &str = "TEXT NOT NULL";
const INTEGER: &str = "INTEGER";
pub(super) const INTEGER_NOT_NULL: &str = "INTEGER NOT NULL";

/// A row of `tally_hour`: how often something happened, in an hour, with a channel.
#[derive(Default)]
pub struct TallyRow<'a> {
    /// The hour, or [`ALL_HOURS`].
    pub hour: i64,
    /// What `word` is.
    pub kind: &'static str,
    /// The channel's id.
    pub channel: &'a str,
    /// What happened.
    pub word: Cow<'static, str>,
    /// How often.
    pub count: u64,
}

impl<'a> TallyRow<'a> {
    /// The columns, of which all but the last are the primary key.
    pub fn columns(&self) -> [Column<'a>; 5] {
        let word = ColumnValue::Text(Some(self.word.clone()));
        [
            ("hour", INTEGER_NOT_NULL, ColumnValue::Integer(self.hour)),
            ("kind", TEXT_NOT_NULL, self.kind.into()),
            ("channel", TEXT_NOT_NULL, self.channel.into()),
            ("word", TEXT_NOT_NULL, word),
            ("count", INTEGER_NOT_NULL, self.count.into()),
        ]
    }
}

impl Serialize for TallyRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.columns().map(|(_, _, value)| value))
    }
}

/// A row of `actor`: a client key or channel, which may be gone from the configuration.
pub struct ActorRow<'a> {
    /// Its id and its last known name.
    pub actor: Cow<'a, Actor>,
    /// When its last request came.
    pub last_used_ms: u64,
}

impl ActorRow<'_> {
    /// The columns.
    pub fn columns(&self) -> [Column<'_>; 3] {
        [
            ("id", "TEXT PRIMARY KEY", self.actor.id.as_str().into()),
            ("name", TEXT_NOT_NULL, self.actor.name.as_str().into()),
            ("last_used_ms", INTEGER_NOT_NULL, self.last_used_ms.into()),
        ]
    }
}

impl Serialize for ActorRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.columns().map(|(_, _, value)| value))
    }
}
