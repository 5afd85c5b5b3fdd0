//! Records on their way into the database: one statement for many of them, with the request log's rows as they are
//! and everything else summed up before. Owns what a batch holds; where the database puts it is `intake`'s.
//!
//! Rows travel as JSON parameters: hosts then need one statement for any number of rows, and D1's limit of 100
//! parameters does not matter.

use std::collections::BTreeMap;

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::histogram::Histogram;
use super::record::{Actor, AttemptRecord, ModelKnown, Record};
use super::{intake, schema};
use crate::sql::Statement;

/// Records in one statement, so that nobody else waits long for the database.
pub const MAX_RECORDS: usize = 1_000;

/// Bytes of a statement's parameters: D1 takes 2 MB.
const MAX_BYTES: usize = 1_800_000;

/// Milliseconds of an hour.
pub const HOUR_MS: u64 = 3_600_000;

/// Removes what is older than the newest `?1` rows or came before `?2`, looking at no more than the `?3` oldest rows.
const PRUNE: &str = "DELETE FROM request WHERE seq IN (\
    SELECT seq FROM (SELECT seq, time_ms FROM request ORDER BY seq LIMIT ?3) \
    WHERE seq <= (SELECT max(seq) FROM request) - ?1 OR time_ms < ?2)";

/// The statement that writes `records`, which fails as a duplicate when it has taken place already: a request's id is
/// unique.
pub fn statement(records: &[Record]) -> Statement {
    let sums = Sums::of(records);
    Statement::new(intake::HAND_OVER)
        .with(text(&Rows(records)))
        .with(sums.usage())
        .with(sums.tallies())
        .with(sums.actors())
}

/// How many of the first `records` make one batch; at least one, if there is any.
pub fn fitting(records: &[Record]) -> usize {
    let mut bytes = 0;
    let fits = |record: &&Record| {
        bytes += most_bytes(record);
        bytes <= MAX_BYTES
    };
    let count = records.iter().take(MAX_RECORDS).take_while(fits).count();
    count.max(1).min(records.len())
}

/// No parameter grows by more bytes with a record. A character of a name can take six, and the model's name stands in a
/// row of the log and in two of the sums.
fn most_bytes(record: &Record) -> usize {
    let sent = record.upstream_model.as_ref().map_or(0, String::len);
    1_000 + 160 * record.attempts.len() + 18 * record.model.len() + 6 * sent
}

/// The number of records that were lost so far, out of the store's [`DroppedRecords`](crate::ports::Record): its
/// decimal digits. Nothing, or nonsense, is 0.
pub fn dropped(stored: Option<&[u8]>) -> u64 {
    stored
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

/// The statement that shortens the request log to `rows` rows and to what came since `since_ms`. It looks at
/// `most` rows, so that it holds nobody up.
pub fn prune(rows: u64, since_ms: u64, most: u64) -> Statement {
    Statement::new(PRUNE).with(rows).with(since_ms).with(most)
}

/// JSON of something that has no way to fail.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The rows of the request log, each a list in the order in which the intake takes them.
struct Rows<'a>(&'a [Record]);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Row))
    }
}

struct Row<'a>(&'a Record);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut row = serializer.serialize_seq(Some(20))?;
        row.serialize_element(&record.id)?;
        row.serialize_element(&record.time.0)?;
        row.serialize_element(&record.key.id)?;
        row.serialize_element(&record.channel.as_ref().map(|channel| &channel.id))?;
        row.serialize_element(&record.upstream_key)?;
        row.serialize_element(&record.model)?;
        row.serialize_element(&record.upstream_model)?;
        row.serialize_element(record.endpoint)?;
        row.serialize_element(&u8::from(record.stream))?;
        row.serialize_element(&record.status)?;
        // A list in a list: SQLite keeps its text.
        row.serialize_element(&Attempts(&record.attempts))?;
        row.serialize_element(&record.first_byte_ms)?;
        row.serialize_element(&record.total_ms)?;
        row.serialize_element(&record.usage.prompt_tokens)?;
        row.serialize_element(&record.usage.completion_tokens)?;
        row.serialize_element(&record.usage.cached_tokens)?;
        row.serialize_element(&record.usage.reasoning_tokens)?;
        row.serialize_element(&u8::from(record.estimated))?;
        row.serialize_element(record.end.word())?;
        row.serialize_element(&record.cost_micro_usd)?;
        row.end()
    }
}

/// Attempts as the API shows them.
struct Attempts<'a>(&'a [AttemptRecord]);

impl Serialize for Attempts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|attempt| {
            json!({
                "channel": attempt.channel,
                "key": attempt.key,
                "outcome": attempt.outcome.word(),
                "status": attempt.status,
                "ms": attempt.ms,
            })
        }))
    }
}

/// What the records of a batch add to the sums.
#[derive(Default)]
struct Sums<'a> {
    usage: BTreeMap<UsageKey<'a>, UsageSums>,
    tallies: BTreeMap<(i64, &'static str, &'a str, String), u64>,
    actors: BTreeMap<&'a str, (&'a str, u64)>,
}

/// Hour, client key, channel and model; a channel or model that is not known is empty.
type UsageKey<'a> = (i64, &'a str, &'a str, &'a str);

#[derive(Default)]
struct UsageSums {
    /// Whether the model's name is bounded by the configuration; otherwise the intake bounds it.
    is_named: bool,
    /// In the order of [`schema::SUMS`].
    sums: [u64; schema::SUMS.len()],
    /// In the order of [`schema::HISTOGRAMS`].
    histograms: [Histogram; schema::HISTOGRAMS.len()],
}

impl<'a> Sums<'a> {
    fn of(records: &'a [Record]) -> Self {
        let mut sums = Self::default();
        for record in records {
            sums.add(record);
        }
        sums
    }

    fn add(&mut self, record: &'a Record) {
        let hour = i64::try_from(record.time.0 / HOUR_MS).unwrap_or(i64::MAX);
        let channel = record.channel.as_ref().map_or("", |channel| &channel.id);
        let model = match record.model_known {
            ModelKnown::Nowhere => "",
            ModelKnown::Answered | ModelKnown::Named => record.model.as_str(),
        };
        for (hour, key) in [(hour, record.key.id.as_str()), (schema::ALL_HOURS, "")] {
            let sums = self.usage.entry((hour, key, channel, model)).or_default();
            sums.is_named |= record.model_known != ModelKnown::Answered;
            sums.add(record);
            self.tally(hour, "status", channel, record.status.to_string());
            for attempt in &record.attempts {
                let outcome = attempt.outcome.word().to_owned();
                self.tally(hour, "attempt", &attempt.channel, outcome);
            }
        }
        for actor in [Some(&record.key), record.channel.as_ref()]
            .into_iter()
            .flatten()
        {
            self.note(actor, record.time.0);
        }
    }

    fn tally(&mut self, hour: i64, kind: &'static str, channel: &'a str, word: String) {
        let count = self.tallies.entry((hour, kind, channel, word));
        *count.or_default() += 1;
    }

    fn note(&mut self, actor: &'a Actor, time_ms: u64) {
        let known = self.actors.entry(&actor.id).or_default();
        known.0 = &actor.name;
        known.1 = known.1.max(time_ms);
    }

    fn usage(&self) -> String {
        let rows: Vec<_> = self
            .usage
            .iter()
            .map(|((hour, key, channel, model), sums)| {
                let is_named = u8::from(sums.is_named);
                let mut row = vec![
                    json!(hour),
                    json!(key),
                    json!(channel),
                    json!(model),
                    json!(is_named),
                ];
                row.extend(sums.columns().map(|sum| json!(sum)));
                row
            })
            .collect();
        text(&rows)
    }

    fn tallies(&self) -> String {
        let rows: Vec<_> = self
            .tallies
            .iter()
            .map(|((hour, kind, channel, word), count)| json!([hour, kind, channel, word, count]))
            .collect();
        text(&rows)
    }

    fn actors(&self) -> String {
        let rows: Vec<_> = self
            .actors
            .iter()
            .map(|(id, (name, time_ms))| json!([id, name, time_ms]))
            .collect();
        text(&rows)
    }
}

impl UsageSums {
    fn add(&mut self, record: &Record) {
        let added = [
            1,
            u64::from(record.is_error()),
            u64::from(record.is_failover()),
            u64::from(record.estimated),
            record.usage.prompt_tokens,
            record.usage.completion_tokens,
            record.usage.cached_tokens,
            record.usage.reasoning_tokens,
            record.cost_micro_usd,
        ];
        for (sum, value) in self.sums.iter_mut().zip(added) {
            *sum = sum.saturating_add(value);
        }
        let [total, first_byte] = &mut self.histograms;
        total.add(record.total_ms);
        if let Some(milliseconds) = record.first_byte_ms {
            first_byte.add(milliseconds);
        }
    }

    /// In the order of [`schema::summed_columns`].
    fn columns(&self) -> impl Iterator<Item = u64> {
        let histograms = self
            .histograms
            .iter()
            .flat_map(|histogram| histogram.buckets.iter().copied().chain([histogram.sum_ms]));
        self.sums.iter().copied().chain(histograms)
    }
}
