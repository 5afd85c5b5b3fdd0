//! What was used in a span of time, by hour, by day or in all, and by model, channel, client key or tag. Owns the question
//! and its SQL.

mod part;

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::ledger::columns::usage::{Sum, summed};
use crate::ledger::schema;
use crate::ledger::totals::UsageTotals;
use crate::ledger::totals::read_totals;
use crate::sql::rows::{NamedRow, Query};

pub use part::UsagePart;

/// What the rows are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageGroup {
    /// Models.
    Model,
    /// Channels.
    Channel,
    /// Client keys.
    Key,
    /// Tags of client keys: of those in [`UsageQuery::tags`].
    Tag,
    /// Tags of channels, likewise.
    ChannelTag,
    /// Requests without an answer, by reason. They are not filtered by model, channel or members.
    Reason,
    /// Everything together.
    #[default]
    None,
}

impl UsageGroup {
    /// The column, or what is in its place.
    const fn column(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Channel => "channel",
            Self::Key => "key",
            Self::Tag | Self::ChannelTag => "coalesce(tagged.tag, '')",
            Self::Reason => "word",
            Self::None => "''",
        }
    }

    /// The column by which a row has tags.
    const fn tagged(self) -> Option<&'static str> {
        match self {
            Self::Tag => Some("key"),
            Self::ChannelTag => Some("channel"),
            _ => None,
        }
    }
}

/// How much a subject matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageRank {
    /// By its requests.
    #[default]
    Requests,
    /// By its requests without an answer.
    Errors,
    /// By its tokens.
    Tokens,
    /// By its cost.
    Cost,
}

impl UsageRank {
    const fn sum(self) -> &'static str {
        match self {
            Self::Requests => "sum(requests)",
            Self::Errors => "sum(errors)",
            Self::Tokens => "sum(prompt_tokens + completion_tokens)",
            Self::Cost => "sum(cost_micro_usd)",
        }
    }
}

/// The question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageQuery {
    /// In hours since 1970, inclusive.
    pub from: u64,
    /// In hours since 1970, exclusive.
    pub to: u64,
    /// Hours of a bucket; 0: the whole span is one.
    pub bucket: u64,
    /// What the rows are about.
    pub group: UsageGroup,
    /// How many subjects have rows of their own: those that come first by `rank`. The others are summed. `None`: all.
    pub top: Option<u64>,
    /// What makes a subject come first.
    pub rank: UsageRank,
    /// For groups of tags: pairs of an id and a tag.
    pub tags: Vec<(String, String)>,
    /// Requests of client keys and channels with these ids only.
    pub members: Option<Vec<String>>,
    /// Requests for this model only.
    pub model: Option<String>,
    /// Requests that this channel answered, or failed as the last one.
    pub channel: Option<String>,
    /// Requests of this client key only.
    pub key: Option<String>,
    /// Rows at most.
    pub limit: usize,
    /// Which part of the answer is asked for; `None`: all of it.
    pub part: Option<UsagePart>,
}

/// A row of the answer, which is sorted by bucket and subject, and within the whole span by rank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageSlice {
    /// The bucket's number since 1970; 0 for the whole span.
    pub bucket: u64,
    /// The model, the id of the channel or key, the tag or the reason; empty for channels and models that are not known.
    pub subject: String,
    /// Whether it is the sum of all subjects that are not among the first.
    pub is_rest: bool,
    /// What its requests add up to. Of reasons only requests and errors are known.
    pub totals: UsageTotals,
}

impl UsageQuery {
    pub(in crate::ledger) fn query(&self) -> Query {
        if self.group == UsageGroup::Reason {
            return self.query_by_reason();
        }
        let (source, mut values) = self.source();
        let (hours, behind) = self.part(&mut values);
        let column = self.group.column();
        let rank = self.rank.sum();
        // Figures are in the text, since some hosts know no integers as parameters, and only integers are divided so.
        let (subject, is_rest) = match self.top {
            None => (column.to_owned(), "0".to_owned()),
            Some(top) => {
                let first = format!(
                    "{column} IN (SELECT {column} {source} GROUP BY 1 ORDER BY {rank} DESC, 1 LIMIT {top})"
                );
                (
                    format!("iif({first}, {column}, '')"),
                    format!("NOT {first}"),
                )
            }
        };
        let subject: [Cow<'static, str>; 3] = [
            format!("{} AS bucket", self.bucket()).into(),
            format!("{is_rest} AS is_rest").into(),
            format!("{subject} AS subject").into(),
        ];
        let sums = summed().map(|column| format!("sum({column}) AS {column}").into());
        let order = if self.bucket == 0 {
            format!("2, {rank} DESC, 3")
        } else {
            "1, 2, 3".to_owned()
        };
        let rest = format!(
            "{source}{hours} GROUP BY 1, 2, 3{behind} ORDER BY {order} LIMIT {}",
            self.limit
        );
        let query = Query::select(subject.into_iter().chain(sums), &rest);
        let query = query.with(self.from).with(self.to);
        values.into_iter().fold(query, Query::with)
    }

    /// The conditions of the part, for hours and for rows, whose parameter is added to those from the third on.
    fn part(&self, values: &mut Vec<String>) -> (String, String) {
        let Some(part) = &self.part else {
            return (String::new(), String::new());
        };
        let behind = part.behind(self, values.len() + 3);
        let behind = behind.map(|(condition, subject)| {
            values.push(subject);
            condition
        });
        (part.hours(), behind.unwrap_or_default())
    }

    fn bucket(&self) -> String {
        match self.bucket {
            0 => "0".to_owned(),
            hours => format!("hour / {hours}"),
        }
    }

    /// Where the rows come from and which ones, with the parameters from the third on.
    fn source(&self) -> (String, Vec<String>) {
        let mut source = String::from("FROM usage_hour");
        let mut values = Vec::new();
        if let Some(column) = self.group.tagged() {
            values.push(json(&self.tags));
            // The list is indexed by SQLite itself, once for all rows.
            let _ = write!(
                source,
                " LEFT JOIN (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS tag \
                 FROM json_each(?{})) AS tagged ON tagged.id = {column}",
                values.len() + 2
            );
        }
        source.push_str(" WHERE hour >= ?1 AND hour < ?2");
        let filters = [
            ("model", &self.model),
            ("channel", &self.channel),
            ("key", &self.key),
        ];
        for (column, value) in filters {
            if let Some(value) = value {
                values.push(value.clone());
                let _ = write!(source, " AND {column} = ?{}", values.len() + 2);
            }
        }
        if let Some(members) = &self.members {
            values.push(json(members));
            let _ = write!(source, " AND {}", of_members(values.len() + 2));
        }
        if self.group == UsageGroup::Model {
            // Those are of no model; the reasons have them.
            let _ = write!(source, " AND model <> '{}'", schema::REFUSED);
        }
        (source, values)
    }

    /// The same for reasons, whose counts are kept apart from the sums.
    fn query_by_reason(&self) -> Query {
        let columns = [
            Cow::Owned(format!("{} AS bucket", self.bucket())),
            Cow::Borrowed("word AS subject"),
            Cow::Borrowed("sum(count) AS count"),
        ];
        let filter = self.key.as_ref().map_or("", |_| " AND channel = ?3");
        let mut values: Vec<String> = self.key.iter().cloned().collect();
        let (hours, behind) = self.part(&mut values);
        let rest = format!(
            "FROM tally_hour WHERE kind = '{}' AND hour >= ?1 AND hour < ?2{filter}{hours} \
             GROUP BY 1, 2{behind} ORDER BY 1, 2 LIMIT {}",
            schema::REASON,
            self.limit
        );
        let query = Query::select(columns, &rest).with(self.from).with(self.to);
        values.into_iter().fold(query, Query::with)
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
            is_rest: row.count("is_rest") == 1,
            totals,
        }
    }
}

/// The condition that a row is of a client key or channel whose id is in the list of this parameter.
pub(super) fn of_members(parameter: usize) -> String {
    let list = format!("(SELECT value FROM json_each(?{parameter}))");
    format!("(key IN {list} OR channel IN {list})")
}

/// JSON of a list, which has no way to fail.
pub(super) fn json(list: &impl serde::Serialize) -> String {
    serde_json::to_string(list).unwrap_or_default()
}
