//! A page of the request log, newest first. Owns the question, its SQL, and which index it goes by.

use std::fmt::Write as _;

use crate::ledger::columns::request::{self, REQUEST};
use crate::ledger::record::End;
use crate::ledger::stored::StoredRequest;
use crate::sql::SqlValue;
use crate::sql::rows::{NamedRow, Query, Rows};

/// The latest time that a row can have.
const LATEST: u64 = i64::MAX as u64;

/// Which statuses are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// This one.
    Exactly(u64),
    /// All with this first digit.
    Class(u64),
    /// Those of requests that were rejected or broke off, whatever the status is.
    Error,
}

/// The question. What is not given is not asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestQuery {
    /// Requests on the page, at most.
    pub limit: u64,
    /// The id of the request before which the page begins; `None`: the newest one is the first.
    pub before: Option<String>,
    /// The status.
    pub status: Option<StatusFilter>,
    /// The model that was requested.
    pub model: Option<String>,
    /// The client key's id.
    pub key: Option<String>,
    /// The channel's id.
    pub channel: Option<String>,
    /// How the request ended.
    pub end: Option<String>,
    /// Why there was no answer.
    pub reason: Option<String>,
    /// The earliest time, inclusive, in milliseconds since 1970.
    pub from: Option<u64>,
    /// The latest time, exclusive, in milliseconds since 1970.
    pub to: Option<u64>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestPage {
    /// Newest first.
    pub requests: Vec<StoredRequest>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// Asks for the request with this id.
pub(in crate::ledger) fn one(id: &str) -> Query {
    let columns = REQUEST.iter().map(|column| column.name);
    Query::select(columns, "FROM request WHERE id = ?1").with(id)
}

/// Where a request is in the log: by time, and then by the order in which records came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Cursor {
    time_ms: u64,
    seq: u64,
}

impl Cursor {
    /// Before any request.
    pub(in crate::ledger) const NEWEST: Self = Self {
        time_ms: LATEST,
        seq: LATEST,
    };

    /// Asks where the request with this id is.
    pub(in crate::ledger) fn find(id: &str) -> Query {
        Query::select(["time_ms", "seq"], "FROM request WHERE id = ?1").with(id)
    }

    /// Reads the row of [`Cursor::find`].
    pub(in crate::ledger) fn read(row: &NamedRow<'_>) -> Self {
        Self {
            time_ms: row.count("time_ms"),
            seq: row.count("seq"),
        }
    }
}

impl RequestQuery {
    /// Whether only requests can be meant that did not end well.
    fn is_of_failures(&self) -> bool {
        let is_other_end = self
            .end
            .as_ref()
            .is_some_and(|end| end != End::Complete.word());
        is_other_end
            || self.reason.is_some()
            || match self.status {
                None => false,
                Some(StatusFilter::Error) => true,
                Some(StatusFilter::Class(class)) => class >= 4,
                Some(StatusFilter::Exactly(status)) => status >= 400,
            }
    }

    /// The index by which the rows are found: the one that most often has the fewest, since SQLite cannot know.
    fn index(&self) -> &'static str {
        if self.is_of_failures() {
            "request_by_failure"
        } else if self.key.is_some() {
            "request_by_key"
        } else if self.channel.is_some() {
            "request_by_channel"
        } else if self.model.is_some() {
            "request_by_model"
        } else {
            "request_by_time"
        }
    }

    /// Asks for the page that begins behind `cursor`, and for one request more. Every index goes by time and then by `seq`,
    /// so that nothing needs sorting.
    pub(in crate::ledger) fn query(&self, cursor: Cursor) -> Query {
        let mut rest = format!(
            "FROM request INDEXED BY {} WHERE time_ms >= ?1 AND time_ms <= ?2 AND time_ms < ?3 \
             AND (time_ms < ?2 OR seq < ?4)",
            self.index()
        );
        let mut values = Vec::new();
        let texts = [
            ("key", &self.key),
            ("channel", &self.channel),
            ("model", &self.model),
            ("ended", &self.end),
            ("reason", &self.reason),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                values.push(SqlValue::from(value.as_str()));
                let _ = write!(rest, " AND {column} = ?{}", values.len() + 4);
            }
        }
        match self.status {
            None => {}
            Some(StatusFilter::Error) => {
                rest.push_str(" AND ended IN ('upstream_broke', 'refused')");
            }
            Some(StatusFilter::Class(class)) => {
                let (from, to) = (class * 100, class * 100 + 99);
                let _ = write!(rest, " AND status BETWEEN {from} AND {to}");
            }
            Some(StatusFilter::Exactly(status)) => {
                let _ = write!(rest, " AND status = {status}");
            }
        }
        if self.is_of_failures() {
            rest.push_str(" AND ended <> 'complete'");
        }
        let limit = self.limit + 1;
        let _ = write!(rest, " ORDER BY time_ms DESC, seq DESC LIMIT {limit}");
        let query = Query::select(REQUEST.iter().map(|column| column.name), &rest)
            .with(self.from.unwrap_or_default())
            .with(cursor.time_ms)
            .with(self.to.unwrap_or(LATEST))
            .with(cursor.seq);
        values.into_iter().fold(query, Query::with)
    }

    /// Reads the rows of [`RequestQuery::query`].
    pub(in crate::ledger) fn read(&self, rows: &Rows) -> RequestPage {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        RequestPage {
            requests: rows
                .iter()
                .take(limit)
                .map(|row| request::read(&row))
                .collect(),
            has_more: rows.iter().len() > limit,
        }
    }
}
