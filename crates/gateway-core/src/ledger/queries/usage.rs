//! What was used in a span of time, by hour or day and by model, channel or client key. Owns the question and its SQL.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::ledger::columns::usage::{Sum, summed};
use crate::ledger::schema;
use crate::ledger::totals::UsageTotals;
use crate::ledger::totals::read_totals;
use crate::sql::rows::{NamedRow, Query};

/// What the rows are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageGroup {
    /// Models.
    Model,
    /// Channels.
    Channel,
    /// Client keys.
    Key,
    /// Requests without an answer, by reason. They are not filtered by model or channel.
    Reason,
    /// Everything together.
    None,
}

impl UsageGroup {
    /// The column, or what is in its place.
    const fn column(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Channel => "channel",
            Self::Key => "key",
            Self::Reason => "word",
            Self::None => "''",
        }
    }
}

/// The question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// In hours since 1970, inclusive.
    pub from: u64,
    /// In hours since 1970, exclusive.
    pub to: u64,
    /// Hours of a bucket.
    pub bucket: u64,
    /// What the rows are about.
    pub group: UsageGroup,
    /// Requests for this model only.
    pub model: Option<String>,
    /// Requests that this channel answered, or failed as the last one.
    pub channel: Option<String>,
    /// Requests of this client key only.
    pub key: Option<String>,
    /// Rows at most.
    pub limit: usize,
}

/// A row of the answer, which is sorted by bucket and subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageSlice {
    /// The bucket's number since 1970.
    pub bucket: u64,
    /// The model, the id of the channel or key, or the reason; empty for channels and models that are not known.
    pub subject: String,
    /// What its requests add up to. Of reasons only requests and errors are known.
    pub totals: UsageTotals,
}

impl UsageQuery {
    pub(in crate::ledger) fn query(&self) -> Query {
        if self.group == UsageGroup::Reason {
            return self.query_by_reason();
        }
        // Figures are in the text, since some hosts know no integers as parameters, and only integers are divided so.
        let subject = [
            Cow::Owned(format!("hour / {} AS bucket", self.bucket)),
            Cow::Owned(format!("{} AS subject", self.group.column())),
        ];
        let sums = summed().map(|column| format!("sum({column}) AS {column}").into());
        let mut rest = String::from("FROM usage_hour WHERE hour >= ?1 AND hour < ?2");
        let filters = [
            ("model", &self.model),
            ("channel", &self.channel),
            ("key", &self.key),
        ];
        let mut values = Vec::new();
        for (column, value) in filters {
            if let Some(value) = value {
                values.push(value.as_str());
                let _ = write!(rest, " AND {column} = ?{}", values.len() + 2);
            }
        }
        if self.group == UsageGroup::Model {
            // Those are of no model; the reasons have them.
            let _ = write!(rest, " AND model <> '{}'", schema::REFUSED);
        }
        let _ = write!(rest, " GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {}", self.limit);
        let query = Query::select(subject.into_iter().chain(sums), &rest);
        let query = query.with(self.from).with(self.to);
        values.into_iter().fold(query, Query::with)
    }

    /// The same for reasons, whose counts are kept apart from the sums.
    fn query_by_reason(&self) -> Query {
        let columns = [
            Cow::Owned(format!("hour / {} AS bucket", self.bucket)),
            Cow::Borrowed("word AS subject"),
            Cow::Borrowed("sum(count) AS count"),
        ];
        let filter = self.key.as_ref().map_or("", |_| " AND channel = ?3");
        let rest = format!(
            "FROM tally_hour WHERE kind = '{}' AND hour >= ?1 AND hour < ?2{filter} \
             GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {}",
            schema::REASON,
            self.limit
        );
        let query = Query::select(columns, &rest).with(self.from).with(self.to);
        match &self.key {
            Some(key) => query.with(key.as_str()),
            None => query,
        }
    }

    pub(in crate::ledger) fn read(&self, row: &NamedRow<'_>) -> UsageSlice {
        let totals = if self.group == UsageGroup::Reason {
            let mut totals = UsageTotals::default();
            *totals.sum_mut(Sum::Requests) = row.count("count");
            *totals.sum_mut(Sum::Errors) = row.count("count");
            totals
        } else {
            read_totals(row)
        };
        UsageSlice {
            bucket: row.count("bucket"),
            subject: row.text("subject").to_owned(),
            totals,
        }
    }
}
