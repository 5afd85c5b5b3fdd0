//! A page of the request log, newest first. Owns the question, its SQL, and which index it goes by.

use std::fmt::Write as _;

use super::usage::{json, of_members};
use crate::ledger::columns::request::{self, REQUEST};
use crate::ledger::layout::Layout;
use crate::ledger::lean;
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

/// What the requests are sorted by; those that are equal by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestSort {
    /// When they came, by which the log is indexed.
    #[default]
    Time,
    /// How long they took.
    TotalMs,
    /// Their tokens.
    Tokens,
    /// Their cost.
    Cost,
}

impl RequestSort {
    /// The column, or what is in its place.
    const fn column(self) -> Option<&'static str> {
        match self {
            Self::Time => None,
            Self::TotalMs => Some("total_ms"),
            Self::Tokens => Some("prompt_tokens + completion_tokens"),
            Self::Cost => Some("cost_micro_usd"),
        }
    }
}

/// A search: one of the two must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestSearch {
    /// A part of the id or of one of the models, whatever its case; an id may be found by it at once.
    pub text: String,
    /// The ids of client keys and channels that were found.
    pub members: Vec<String>,
}

/// Requests of one question that are counted at most.
const MAX_COUNTED: u64 = 1000;

/// The question. What is not given is not asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestQuery {
    /// Requests on the page, at most.
    pub limit: u64,
    /// The id of the request before which the page begins; `None`: the newest one is the first.
    pub before: Option<String>,
    /// Where the page begins, in the order by time: behind this place, whether its request is still in the log or not. Goes
    /// before `before`.
    pub after: Option<Cursor>,
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
    /// The order.
    pub sort: RequestSort,
    /// Whether the first is the earliest, the shortest or the cheapest, not the last.
    pub is_ascending: bool,
    /// Requests of client keys and channels with these ids only.
    pub members: Option<Vec<String>>,
    /// Whether they are counted.
    pub is_counted: bool,
    /// What is searched for.
    pub search: Option<RequestSearch>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestPage {
    /// Newest first.
    pub requests: Vec<StoredRequest>,
    /// Whether there are older ones.
    pub has_more: bool,
    /// How many there are on all pages; `None`: more than are counted.
    pub total: Option<u64>,
    /// The place of the last one, for the page after it; `None`: there is none, or the order is not that by time.
    pub last: Option<Cursor>,
}

/// Asks for the request with this id.
pub(in crate::ledger) fn one(id: &str) -> Query {
    let columns = REQUEST.iter().map(|column| column.name);
    Query::select(columns, "FROM request WHERE id = ?1").with(id)
}

/// Where a request is in the log: by what is sorted by, by time, and then by the order in which records came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    sorted: u64,
    time_ms: u64,
    seq: u64,
}

impl Cursor {
    /// Reads the row of [`RequestQuery::find`].
    pub(in crate::ledger) fn read(row: &NamedRow<'_>) -> Self {
        Self {
            sorted: row.count("sorted"),
            time_ms: row.count("time_ms"),
            seq: row.count("seq"),
        }
    }
}

impl RequestQuery {
    /// The whole id that is searched for, which an index finds.
    pub(in crate::ledger) fn searched_id(&self) -> Option<&str> {
        let text = self.search.as_ref()?.text.as_str();
        (text.starts_with("req_") && text.len() > 20 && !text.contains(' ')).then_some(text)
    }

    /// The same question about the moment at which a request came.
    pub(in crate::ledger) fn at(&self, cursor: Cursor) -> Self {
        let time = cursor.time_ms;
        Self {
            from: Some(self.from.unwrap_or_default().max(time)),
            to: Some(self.to.unwrap_or(LATEST).min(time.saturating_add(1))),
            ..self.clone()
        }
    }

    /// Asks where the request with this id is.
    pub(in crate::ledger) fn find(&self, id: &str) -> Query {
        let sorted = self.sort.column().unwrap_or("0");
        let columns = [
            format!("{sorted} AS sorted"),
            "time_ms".to_owned(),
            "seq".to_owned(),
        ];
        Query::select(columns, "FROM request WHERE id = ?1").with(id)
    }

    /// The place before the first request.
    pub(in crate::ledger) const fn beginning(&self) -> Cursor {
        let place = if self.is_ascending { 0 } else { LATEST };
        Cursor {
            sorted: place,
            time_ms: place,
            seq: place,
        }
    }

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
    fn index(&self, layout: Layout) -> &'static str {
        if self.is_of_failures() {
            "request_by_failure"
        } else if layout == Layout::Lean {
            lean::INDEX
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
    /// so that nothing needs sorting unless another order was requested.
    pub(in crate::ledger) fn query(&self, cursor: Cursor, layout: Layout) -> Query {
        let direction = if self.is_ascending { "ASC" } else { "DESC" };
        let sorted = match self.sort.column() {
            None => String::new(),
            Some(column) => format!("{column} {direction}, "),
        };
        let mut values = self.span();
        values.extend([cursor.time_ms.into(), cursor.seq.into()]);
        let mut rest = self.log_in_span(layout);
        let (side, sign) = if self.is_ascending {
            (">=", ">")
        } else {
            ("<=", "<")
        };
        let _ = match self.sort.column() {
            None => write!(
                rest,
                " AND time_ms {side} ?3 AND (time_ms {sign} ?3 OR seq {sign} ?4)"
            ),
            Some(column) => {
                values.push(cursor.sorted.into());
                write!(rest, " AND ({column}, time_ms, seq) {sign} (?5, ?3, ?4)")
            }
        };
        let limit = self.limit + 1;
        self.filter(&mut rest, &mut values);
        let _ = write!(
            rest,
            " ORDER BY {sorted}time_ms {direction}, seq {direction} LIMIT {limit}"
        );
        let columns = REQUEST.iter().map(|column| column.name);
        values
            .into_iter()
            .fold(Query::select(columns.chain(["seq"]), &rest), Query::with)
    }

    /// Asks for one row of each request of all pages, up to one more than are counted.
    pub(in crate::ledger) fn count(&self, layout: Layout) -> Query {
        let (mut rest, mut values) = (self.log_in_span(layout), self.span());
        self.filter(&mut rest, &mut values);
        let _ = write!(rest, " LIMIT {}", MAX_COUNTED + 1);
        values
            .into_iter()
            .fold(Query::select(["seq"], &rest), Query::with)
    }

    /// Reads the rows of [`RequestQuery::count`].
    pub(in crate::ledger) fn read_count(rows: &Rows) -> Option<u64> {
        let count = u64::try_from(rows.iter().len()).ok();
        count.filter(|count| *count <= MAX_COUNTED)
    }

    /// The log by its index, within the span of time that is [`RequestQuery::span`].
    fn log_in_span(&self, layout: Layout) -> String {
        format!(
            "FROM request INDEXED BY {} WHERE time_ms >= ?1 AND time_ms < ?2",
            self.index(layout)
        )
    }

    fn span(&self) -> Vec<SqlValue> {
        vec![
            self.from.unwrap_or_default().into(),
            self.to.unwrap_or(LATEST).into(),
        ]
    }

    /// Adds the conditions, with their values.
    fn filter(&self, rest: &mut String, values: &mut Vec<SqlValue>) {
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
                let _ = write!(rest, " AND {column} = ?{}", values.len());
            }
        }
        if let Some(members) = &self.members {
            values.push(SqlValue::from(json(members)));
            let _ = write!(rest, " AND {}", of_members(values.len()));
        }
        if let Some(search) = &self.search {
            values.push(SqlValue::from(json(&search.members)));
            let members = of_members(values.len());
            values.push(SqlValue::from(pattern(&search.text)));
            let like = format!("LIKE ?{} ESCAPE '\\'", values.len());
            let _ = write!(
                rest,
                " AND ({members} OR model {like} OR upstream_model {like} OR id {like})"
            );
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
    }

    /// Reads the rows of [`RequestQuery::query`].
    pub(in crate::ledger) fn read(&self, rows: &Rows) -> RequestPage {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let last = rows.iter().take(limit).last();
        let is_by_time = self.sort == RequestSort::Time;
        RequestPage {
            last: last.filter(|_| is_by_time).map(|row| Cursor {
                sorted: 0,
                time_ms: row.count("time_ms"),
                seq: row.count("seq"),
            }),
            requests: rows
                .iter()
                .take(limit)
                .map(|row| request::read(&row))
                .collect(),
            has_more: rows.iter().len() > limit,
            total: None,
        }
    }
}

/// The pattern of `LIKE` for texts with this one in them.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
