//! Statements for the host's SQL database, as data. Owns values, statements and their errors, and in [`rows`] queries
//! whose columns are read by name; the statements themselves are in `ledger` and `limits`. The dialect is SQLite's, which
//! Spin, Cloudflare's D1 and Durable Objects share.

pub mod rows;

use std::borrow::Cow;
use std::fmt;

/// A parameter, or one column of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    /// SQL's `NULL`.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number; D1 returns every number in this form.
    Real(f64),
    /// UTF-8 text.
    Text(String),
}

impl SqlValue {
    /// The whole number in it; `None` for anything else. Whole floating-point numbers count as whole.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a number without a fraction below 2⁵³ fits; D1 knows no other integers"
    )]
    pub fn integer(&self) -> Option<i64> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Self::Integer(number) => Some(*number),
            Self::Real(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
                Some(*number as i64)
            }
            _ => None,
        }
    }

    /// The number in it as a count; 0 for anything else.
    pub fn count(&self) -> u64 {
        self.integer()
            .and_then(|number| u64::try_from(number).ok())
            .unwrap_or(0)
    }

    /// The text in it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<i64> for SqlValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// Counts stay far below 2⁶³; a larger one becomes the maximum.
impl From<u64> for SqlValue {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for SqlValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One statement with its parameters. All external input is a parameter, never part of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// SQL with the placeholders `?1`, `?2`, … Texts are few and repeat, so that hosts can keep them prepared.
    pub text: Cow<'static, str>,
    /// Values of the placeholders, in order. At most 100: D1 accepts no more.
    pub parameters: Vec<SqlValue>,
}

impl Statement {
    /// A statement without parameters.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            parameters: Vec::new(),
        }
    }

    /// The same with one parameter more.
    #[must_use]
    pub fn with(mut self, value: impl Into<SqlValue>) -> Self {
        self.parameters.push(value.into());
        self
    }
}

/// The columns of one row, in the order in which the statement names them.
pub type SqlRow = Vec<SqlValue>;

/// Why a transaction did not take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlErrorKind {
    /// A row with this unique value, or a column with this name, already exists.
    Duplicate,
    /// A table of the statement does not exist: the database is new, or not ours.
    NoTable,
    /// A column or an index of the statement does not exist: the database was written by an older gateway, or another
    /// instance is making it.
    NoColumn,
    /// Anything else: locked for too long, full, unreachable.
    Failed,
}

/// A transaction that did not take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// What it means.
    pub kind: SqlErrorKind,
    /// The database's message, for the log; never sent to a client.
    pub detail: String,
}

impl SqlError {
    /// Reads the kind from SQLite's message, which all hosts pass on.
    pub fn from_words(detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let kind = if detail.contains("UNIQUE constraint failed")
            || detail.contains("duplicate column name")
        {
            SqlErrorKind::Duplicate
        } else if detail.contains("no such table") {
            SqlErrorKind::NoTable
        } else if detail.contains("no such column")
            || detail.contains("has no column named")
            || detail.contains("no such index")
        {
            SqlErrorKind::NoColumn
        } else {
            SqlErrorKind::Failed
        };
        Self { kind, detail }
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "database: {}", self.detail)
    }
}

impl std::error::Error for SqlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_from_either_kind() {
        assert_eq!(SqlValue::Integer(7).integer(), Some(7));
        assert_eq!(SqlValue::Real(7.0).integer(), Some(7));
        assert_eq!(SqlValue::Real(7.5).integer(), None);
        assert_eq!(SqlValue::Real(1e300).integer(), None);
        assert_eq!(SqlValue::Integer(-1).count(), 0);
        assert_eq!(SqlValue::from(u64::MAX), SqlValue::Integer(i64::MAX));
        assert_eq!(SqlValue::from(None::<u64>), SqlValue::Null);
    }

    #[test]
    fn errors_with_a_meaning_are_distinguished_from_others() {
        let words = "UNIQUE constraint failed: request.id";
        assert_eq!(SqlError::from_words(words).kind, SqlErrorKind::Duplicate);
        let words = "no such table: request";
        assert_eq!(SqlError::from_words(words).kind, SqlErrorKind::NoTable);
        let words = "duplicate column name: reason";
        assert_eq!(SqlError::from_words(words).kind, SqlErrorKind::Duplicate);
        for words in [
            "no such column: reason",
            "table allowance has no column named slot",
            "no such index: request_by_key",
        ] {
            assert_eq!(SqlError::from_words(words).kind, SqlErrorKind::NoColumn);
        }
        let words = "database is locked";
        assert_eq!(SqlError::from_words(words).kind, SqlErrorKind::Failed);
    }
}
