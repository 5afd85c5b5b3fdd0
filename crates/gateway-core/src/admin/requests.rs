//! `GET requests`: the request log, newest first. Owns the call's parameters and rows, and which index each question
//! goes by; metadata is all there is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::ledger_queries::{self, DisplayNames};
#[cfg(feature = "schema")]
use super::openapi::{AttemptEnd, ReasonCode, RequestEnd};
use super::{document, query};
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::error::GatewayError;
use crate::ledger::reason::Reason;
use crate::ledger::record::End;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::sql::{SqlRow, SqlValue, Statement};
use crate::time_text;
use crate::units::Timestamp;

const PARAMETERS: [&str; 10] = [
    "limit", "before", "status", "model", "key", "channel", "end", "reason", "from", "to",
];
/// Rows of a page unless a number is asked for.
pub const DEFAULT_LIMIT: u64 = 50;
/// The most rows of a page.
pub const MAX_LIMIT: u64 = 200;

const COLUMNS: &str = "id, time_ms, key, channel, upstream_key, model, upstream_model, endpoint, stream, status, \
    attempts, first_byte_ms, total_ms, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, estimated, \
    ended, cost_micro_usd, reason";
const FIND: &str = "SELECT time_ms, seq FROM request WHERE id = ?1";

/// The latest time that a row can have.
const LATEST: u64 = i64::MAX as u64;

/// Which statuses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StatusFilter {
    Exactly(u64),
    /// The first digit.
    Class(u64),
    /// Whatever was refused or broke off, whatever its status.
    Error,
}

/// What is asked.
struct RequestQuery {
    limit: u64,
    before: Option<String>,
    status: Option<StatusFilter>,
    model: Option<String>,
    key: Option<String>,
    channel: Option<String>,
    end: Option<String>,
    reason: Option<String>,
    from: u64,
    to: u64,
}

/// One page of the request log.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RequestPage")
)]
pub struct PageView<'a> {
    /// Newest first.
    data: Vec<RequestView<'a>>,
    /// Whether there are older ones.
    has_more: bool,
}

/// A request.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RequestRow")
)]
pub struct RequestView<'a> {
    /// As the client got it in `x-request-id`.
    id: &'a str,
    /// When the request came.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    time: String,
    /// The client key's id.
    key: &'a str,
    /// The last name of the client key that is known.
    key_name: &'a str,
    /// The id of the channel that answered or was tried last; null when none was.
    channel: Option<&'a str>,
    /// Its last name that is known.
    channel_name: Option<&'a str>,
    /// The id of the channel's key.
    upstream_key: Option<&'a str>,
    /// As the client asked; empty when it named none.
    model: &'a str,
    /// The upstream's name for it.
    upstream_model: Option<&'a str>,
    /// The path, such as `/v1/chat/completions`; shortened where the gateway has no such path.
    endpoint: &'a str,
    /// Whether a stream was asked for.
    stream: bool,
    /// 499 when the client left before there was one.
    status: u64,
    /// In the order in which they began.
    attempts: Vec<AttemptView<'a>>,
    /// To the first byte of the answer; null when there was none.
    first_byte_ms: Option<u64>,
    /// To the end of the answer.
    total_ms: u64,
    /// Tokens that were read.
    prompt_tokens: u64,
    /// Tokens that were written.
    completion_tokens: u64,
    /// Of the prompt tokens.
    cached_tokens: u64,
    /// Of the completion tokens.
    reasoning_tokens: u64,
    /// Whether the tokens are the gateway's estimate.
    estimated: bool,
    /// How it ended.
    #[cfg_attr(feature = "schema", schemars(with = "RequestEnd"))]
    end: &'a str,
    /// Why the request has no answer; null when it has one, or when the client left before.
    #[cfg_attr(feature = "schema", schemars(with = "Option<ReasonCode>"))]
    reason: Option<&'a str>,
    /// In millionths of a dollar.
    cost_micro_usd: u64,
}

/// An attempt as it stands in the database: a list in this order. Channel and key are the row's own where they are left
/// out.
#[derive(Deserialize)]
struct StoredAttempt {
    outcome: String,
    status: Option<u16>,
    ms: u64,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    key: Option<String>,
}

/// An attempt of a request.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RequestAttempt")
)]
pub struct AttemptView<'a> {
    /// The channel's id.
    channel: &'a str,
    /// Its last name that is known.
    channel_name: &'a str,
    /// The upstream key's id; empty for a channel without keys.
    key: &'a str,
    /// What became of it.
    #[cfg_attr(feature = "schema", schemars(with = "AttemptEnd"))]
    outcome: &'a str,
    /// The upstream's; null without a response.
    status: Option<u16>,
    /// From its beginning until it was answered or had failed.
    ms: u64,
}

/// Answers the call.
pub async fn list<P: AdminPorts>(ports: &P, uri: &Uri) -> Result<Reply, GatewayError> {
    let question = RequestQuery::read(uri)?;
    let cursor = match &question.before {
        Some(id) => Some(find(ports, id).await?),
        None => None,
    };
    let document = document::load(ports).await?;
    let mut rows = ledger_queries::rows(ports, question.statement(cursor)).await?;
    let has_more = u64::try_from(rows.len()).is_ok_and(|count| count > question.limit);
    rows.truncate(usize::try_from(question.limit).unwrap_or(usize::MAX));
    let rows: Vec<(SqlRow, Vec<StoredAttempt>)> = rows
        .into_iter()
        .map(|row| {
            let attempts = row.get(10).and_then(SqlValue::text).unwrap_or_default();
            let attempts = serde_json::from_str(attempts).unwrap_or_default();
            (row, attempts)
        })
        .collect();
    let mut actors = BTreeSet::new();
    for (row, attempts) in &rows {
        let places = [row.get(2), row.get(3)].into_iter().flatten();
        actors.extend(places.filter_map(SqlValue::text));
        actors.extend(
            attempts
                .iter()
                .filter_map(|attempt| attempt.channel.as_deref()),
        );
    }
    let names = DisplayNames::of(ports, &document, actors).await?;
    let view = PageView {
        data: rows
            .iter()
            .map(|(row, attempts)| view(row, attempts, &names))
            .collect(),
        has_more,
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// Time and place of the row before which the page begins.
async fn find<P: AdminPorts>(ports: &P, id: &str) -> Result<(u64, u64), GatewayError> {
    let rows = ledger_queries::rows(ports, Statement::new(FIND).with(id)).await?;
    match rows.first().map(Vec::as_slice) {
        Some([time, seq]) => Ok((time.count(), seq.count())),
        _ => Err(query::invalid(
            "before",
            "is not the id of a request in the log; it may have been removed since. Begin again without it",
        )),
    }
}

impl RequestQuery {
    fn read(uri: &Uri) -> Result<Self, GatewayError> {
        let [
            limit,
            before,
            status,
            model,
            key,
            channel,
            end,
            reason,
            from,
            to,
        ] = query::read(uri, PARAMETERS)?;
        let limit = match limit.as_deref().map(str::parse) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => limit,
            Some(_) => {
                let range = format!("must be a whole number from 1 to {MAX_LIMIT}");
                return Err(query::invalid("limit", &range));
            }
        };
        let status = match status.as_deref() {
            None => None,
            Some("2xx") => Some(StatusFilter::Class(2)),
            Some("4xx") => Some(StatusFilter::Class(4)),
            Some("5xx") => Some(StatusFilter::Class(5)),
            Some("error") => Some(StatusFilter::Error),
            Some(text) => match text.parse() {
                Ok(status) if (100..600).contains(&status) => Some(StatusFilter::Exactly(status)),
                _ => {
                    return Err(query::invalid(
                        "status",
                        "must be a status such as 429, or one of 2xx, 4xx, 5xx, error",
                    ));
                }
            },
        };
        if end.as_ref().is_some_and(|end| !is_end(end)) {
            let words = End::ALL.map(End::word).join(", ");
            return Err(query::invalid("end", &format!("must be one of {words}")));
        }
        if reason.as_ref().is_some_and(|reason| !is_reason(reason)) {
            let words = Reason::ALL.map(Reason::word).join(", ");
            return Err(query::invalid("reason", &format!("must be one of {words}")));
        }
        let from = query::time("from", from.as_deref())?;
        let to = query::time("to", to.as_deref())?;
        Ok(Self {
            limit,
            before,
            status,
            model,
            key,
            channel,
            end,
            reason,
            from: from.map_or(0, |Timestamp(from)| from),
            to: to.map_or(LATEST, |Timestamp(to)| to),
        })
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

    /// The statement for a page that begins before the row with this time and `seq`. Every index goes by time and then
    /// by `seq`, so that nothing needs sorting.
    fn statement(&self, before: Option<(u64, u64)>) -> Statement {
        let (latest, seq) = before.unwrap_or((LATEST, LATEST));
        let mut text = format!(
            "SELECT {COLUMNS} FROM request INDEXED BY {} WHERE time_ms >= ?1 AND time_ms <= ?2 AND time_ms < ?3 \
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
                let _ = write!(text, " AND {column} = ?{}", values.len() + 4);
            }
        }
        match self.status {
            None => {}
            Some(StatusFilter::Error) => {
                text.push_str(" AND ended IN ('upstream_broke', 'refused')");
            }
            Some(StatusFilter::Class(class)) => {
                let (from, to) = (class * 100, class * 100 + 99);
                let _ = write!(text, " AND status BETWEEN {from} AND {to}");
            }
            Some(StatusFilter::Exactly(status)) => {
                let _ = write!(text, " AND status = {status}");
            }
        }
        if self.is_of_failures() {
            text.push_str(" AND ended <> 'complete'");
        }
        let _ = write!(
            text,
            " ORDER BY time_ms DESC, seq DESC LIMIT {}",
            self.limit + 1
        );
        let mut statement = Statement::new(text)
            .with(self.from)
            .with(latest)
            .with(self.to)
            .with(seq);
        statement.parameters.extend(values);
        statement
    }
}

fn is_end(word: &str) -> bool {
    End::ALL.iter().any(|end| end.word() == word)
}

fn is_reason(word: &str) -> bool {
    Reason::ALL.iter().any(|reason| reason.word() == word)
}

fn view<'a>(
    row: &'a SqlRow,
    attempts: &'a [StoredAttempt],
    names: &'a DisplayNames,
) -> RequestView<'a> {
    let text = |column: usize| row.get(column).and_then(SqlValue::text);
    let count = |column: usize| row.get(column).map_or(0, SqlValue::count);
    let key = text(2).unwrap_or_default();
    RequestView {
        id: text(0).unwrap_or_default(),
        time: time_text::format(Timestamp(count(1))),
        key,
        key_name: names.get(key),
        channel: text(3),
        channel_name: text(3).map(|id| names.get(id)),
        upstream_key: text(4),
        model: text(5).unwrap_or_default(),
        upstream_model: text(6),
        endpoint: text(7).unwrap_or_default(),
        stream: count(8) != 0,
        status: count(9),
        attempts: attempts
            .iter()
            .map(|attempt| {
                let own = (text(3).unwrap_or_default(), text(4).unwrap_or_default());
                let (channel, key) = match (&attempt.channel, &attempt.key) {
                    (Some(channel), Some(key)) => (channel.as_str(), key.as_str()),
                    _ => own,
                };
                AttemptView {
                    channel,
                    channel_name: names.get(channel),
                    key,
                    outcome: &attempt.outcome,
                    status: attempt.status,
                    ms: attempt.ms,
                }
            })
            .collect(),
        first_byte_ms: row
            .get(11)
            .and_then(SqlValue::integer)
            .and_then(|milliseconds| u64::try_from(milliseconds).ok()),
        total_ms: count(12),
        prompt_tokens: count(13),
        completion_tokens: count(14),
        cached_tokens: count(15),
        reasoning_tokens: count(16),
        estimated: count(17) != 0,
        end: text(18).unwrap_or_default(),
        reason: text(20),
        cost_micro_usd: count(19),
    }
}
