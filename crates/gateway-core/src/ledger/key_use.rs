//! The last calls with each upstream key: what a batch writes of them, and how they are read back. Owns the rows' ids and
//! the text in them. They are rows of the table of actors, which keeps the latest time of each id, so that each key has one
//! row per kind of result however many calls there are, and they outlive the request log.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::columns::ActorRow;
use super::ingest::HAND_OVER;
use super::record::{Actor, AttemptOutcome, AttemptRecord, End, RequestRecord};
use crate::sql::Statement;
use crate::sql::rows::{NamedRow, Query};
use crate::units::Timestamp;

/// Requests of the log that a database of an older version is filled from; it is done in one statement.
const BACKFILLED_REQUESTS: u64 = 20_000;

/// Who made a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallSource {
    /// A client's request.
    Request,
    /// An admin's test.
    Test,
}

impl CallSource {
    const fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Test => "test",
        }
    }
}

/// What a call says about its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UseKind {
    /// The key works.
    Answered,
    /// There was no answer.
    Failed,
    /// The request or its model was at fault: whether the key works is not known.
    Rejected,
}

impl UseKind {
    const ALL: [Self; 3] = [Self::Answered, Self::Failed, Self::Rejected];

    const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }

    const fn of(outcome: AttemptOutcome) -> Option<Self> {
        match outcome {
            AttemptOutcome::Answered => Some(Self::Answered),
            AttemptOutcome::Unreachable
            | AttemptOutcome::Timeout
            | AttemptOutcome::ServerError
            | AttemptOutcome::Throttled
            | AttemptOutcome::KeyRefused => Some(Self::Failed),
            AttemptOutcome::ModelUnknown | AttemptOutcome::RequestRefused => Some(Self::Rejected),
            AttemptOutcome::Abandoned => None,
        }
    }
}

/// The result of one call with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// The key's id; the channel's for a channel without keys.
    pub key: String,
    /// When the call began.
    pub at: Timestamp,
    /// Who made it.
    pub source: CallSource,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The upstream's status; `None`: there was no response.
    pub status: Option<u16>,
    /// What the upstream's error said, or how the call failed; see [`detail`](super::detail).
    pub detail: Option<String>,
}

impl KeyUse {
    /// What an attempt of a request says of its key, and the outcome that counts: an answer that broke off is none.
    fn of_attempt<'a>(
        record: &RequestRecord,
        attempt: &'a AttemptRecord,
    ) -> (&'a str, AttemptOutcome) {
        let is_keyless = attempt.key.is_empty();
        let key = if is_keyless {
            &attempt.channel
        } else {
            &attempt.key
        };
        let broke = attempt.outcome == AttemptOutcome::Answered && record.end == End::UpstreamBroke;
        let outcome = if broke {
            AttemptOutcome::ServerError
        } else {
            attempt.outcome
        };
        (key, outcome)
    }

    fn row(&self) -> Option<ActorRow<'_>> {
        let kind = UseKind::of(self.outcome)?;
        let status = self.status.unwrap_or_default();
        let (source, outcome) = (self.source.word(), self.outcome.word());
        let mut name = format!("{source} {outcome} {status}");
        if let Some(detail) = &self.detail {
            name.push(' ');
            name.push_str(detail);
        }
        Some(ActorRow {
            actor: Cow::Owned(Actor {
                id: format!("{}/{}", self.key, kind.word()),
                name,
            }),
            last_used_ms: self.at.0,
        })
    }
}

/// The last use of each kind of each key in a batch.
#[derive(Debug, Default)]
pub(super) struct UsesInBatch(Vec<KeyUse>);

impl UsesInBatch {
    /// Adds the attempts of a record.
    pub(super) fn add(&mut self, record: &RequestRecord) {
        for attempt in &record.attempts {
            let (key, outcome) = KeyUse::of_attempt(record, attempt);
            let kind = UseKind::of(outcome);
            // Without a status a request was refused before it was sent.
            if kind.is_none() || (kind == Some(UseKind::Rejected) && attempt.status.is_none()) {
                continue;
            }
            let is_it = |known: &KeyUse| known.key == key && UseKind::of(known.outcome) == kind;
            match self
                .0
                .iter()
                .rposition(is_it)
                .and_then(|at| self.0.get_mut(at))
            {
                Some(known) if record.time < known.at => {}
                Some(known) => {
                    known.at = record.time;
                    known.outcome = outcome;
                    known.status = attempt.status;
                    known.detail.clone_from(&attempt.detail);
                }
                None => self.0.push(KeyUse {
                    key: key.to_owned(),
                    at: record.time,
                    source: CallSource::Request,
                    outcome,
                    status: attempt.status,
                    detail: attempt.detail.clone(),
                }),
            }
        }
    }

    /// The rows of `actor`.
    pub(super) fn rows(&self) -> impl Iterator<Item = ActorRow<'_>> {
        self.0.iter().filter_map(KeyUse::row)
    }
}

/// The statement that adds uses which no request made; a batch without requests.
pub fn insert(uses: &[KeyUse]) -> Statement {
    let rows: Vec<_> = uses.iter().filter_map(KeyUse::row).collect();
    // Names and numbers always have a JSON form.
    let rows = serde_json::to_string(&rows).unwrap_or_else(|_| "[]".to_owned());
    let statement = Statement::new(HAND_OVER);
    statement.with("[]").with("[]").with("[]").with(rows)
}

/// The last use of one kind, as it is read back. Words are kept as they are, since a newer gateway may have written others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastUse {
    /// When the call began.
    pub at: Timestamp,
    /// Whether an admin's test made it.
    pub is_test: bool,
    /// What became of it: a word of [`AttemptOutcome`].
    pub outcome: String,
    /// The upstream's status; `None`: there was no response.
    pub status: Option<u16>,
    /// What was kept of the error's message.
    pub detail: Option<String>,
}

/// What is recorded of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastUses {
    /// The last call that was answered.
    pub answered: Option<LastUse>,
    /// The last call that failed.
    pub failed: Option<LastUse>,
    /// The last call that was rejected for its own fault or its model's.
    pub rejected: Option<LastUse>,
}

/// Asks for the last uses of keys, and of channels without keys.
pub(super) fn find(ids: &[&str]) -> Query {
    let kinds = UseKind::ALL.map(UseKind::word);
    Query::select(
        ["id", "name", "last_used_ms"],
        "FROM actor WHERE id IN (SELECT key.value || '/' || kind.value \
         FROM json_each(?1) AS key, json_each(?2) AS kind)",
    )
    .with(serde_json::json!(ids).to_string())
    .with(serde_json::json!(kinds).to_string())
}

/// Adds a row of [`find`].
pub(super) fn read(row: &NamedRow<'_>, uses: &mut BTreeMap<String, LastUses>) {
    let Some((key, kind)) = row.text("id").rsplit_once('/') else {
        return;
    };
    let mut words = row.text("name").splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (source, outcome, status, detail) = (word(), word(), word(), word());
    let last = LastUse {
        at: Timestamp(row.count("last_used_ms")),
        is_test: source == CallSource::Test.word(),
        outcome: outcome.to_owned(),
        status: status.parse().ok().filter(|status| *status != 0),
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
    };
    let uses = uses.entry(key.to_owned()).or_default();
    let found = UseKind::ALL.into_iter().find(|known| known.word() == kind);
    match found {
        Some(UseKind::Answered) => uses.answered = Some(last),
        Some(UseKind::Failed) => uses.failed = Some(last),
        Some(UseKind::Rejected) => uses.rejected = Some(last),
        None => {}
    }
}

/// Fills in what the newest requests of an older database say. Rows that are there already are newer.
pub fn backfill() -> Statement {
    let kind = format!(
        "CASE WHEN value ->> 0 = '{answered}' AND ended <> '{broke}' THEN 'answered' \
         WHEN value ->> 0 IN ('{model}', '{request}') THEN 'rejected' ELSE 'failed' END",
        answered = AttemptOutcome::Answered.word(),
        broke = End::UpstreamBroke.word(),
        model = AttemptOutcome::ModelUnknown.word(),
        request = AttemptOutcome::RequestRefused.word(),
    );
    // An attempt names its channel and its key where these are not the request's own.
    let key = "CASE WHEN value ->> 3 IS NULL THEN coalesce(upstream_key, channel) \
               ELSE coalesce(nullif(value ->> 4, ''), value ->> 3) END";
    let outcome = format!(
        "CASE WHEN value ->> 0 = '{}' AND ended = '{}' THEN '{}' ELSE value ->> 0 END",
        AttemptOutcome::Answered.word(),
        End::UpstreamBroke.word(),
        AttemptOutcome::ServerError.word()
    );
    Statement::new(format!(
        "INSERT INTO actor (id, name, last_used_ms) \
         SELECT {key} || '/' || {kind}, \
           '{source} ' || {outcome} || ' ' || coalesce(value ->> 1, 0), max(time_ms) \
         FROM (SELECT * FROM request WHERE json_valid(attempts) ORDER BY seq DESC LIMIT {BACKFILLED_REQUESTS}) AS recent, \
           json_each(recent.attempts) \
         WHERE value ->> 0 <> '{abandoned}' AND {key} IS NOT NULL GROUP BY 1 ON CONFLICT (id) DO NOTHING",
        source = CallSource::Request.word(),
        abandoned = AttemptOutcome::Abandoned.word(),
    ))
}
