//! Records on their way into the database: one statement for many of them, with the request log's rows as they are
//! and everything else summed up before. Owns what a batch holds; where the database puts it is `intake`'s.
//!
//! Rows travel as JSON parameters: hosts then need one statement for any number of rows, and D1's limit of 100
//! parameters does not matter. A record is written down the moment it comes: a busy instance would otherwise keep a
//! thousand of them, each with a dozen small allocations, among those of its requests.

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::ingest;
use super::reason::Reason;
use super::record::{AttemptRecord, RequestRecord};
use super::sums::UsageSums;
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

/// Records that are written together.
#[derive(Debug, Default)]
pub struct Batch {
    /// How many.
    records: usize,
    /// The most bytes that a parameter may come to.
    bytes: usize,
    /// The request log's rows, each with a comma before it; the first has the list's bracket instead.
    rows: Vec<u8>,
    sums: UsageSums,
}

impl Batch {
    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Whether the statement has room for `record` as well; an empty one has room for any.
    pub fn has_room_for(&self, record: &RequestRecord) -> bool {
        let bytes = self.bytes.saturating_add(most_bytes(record));
        self.is_empty() || (self.records < MAX_RECORDS && bytes <= MAX_BYTES)
    }

    /// Takes a record in.
    pub fn add(&mut self, record: &RequestRecord) {
        self.bytes = self.bytes.saturating_add(most_bytes(record));
        self.rows.push(if self.is_empty() { b'[' } else { b',' });
        self.records += 1;
        // Memory takes everything, and a row has no way to fail.
        let _written = serde_json::to_writer(&mut self.rows, &LogRow(record));
        self.sums.add(record);
    }

    /// The statement that writes it, which fails as a duplicate when it has taken place already: a request's id is unique.
    pub fn statement(&self) -> Statement {
        let rows = String::from_utf8_lossy(&self.rows);
        let open = if self.is_empty() { "[" } else { "" };
        Statement::new(ingest::HAND_OVER)
            .with([open, &rows, "]"].concat())
            .with(self.sums.usage())
            .with(self.sums.tallies())
            .with(self.sums.actors())
    }
}

/// No parameter grows by more bytes with a record. A character of a name can take six, and the model's name stands in a
/// row of the log and in two of the sums.
fn most_bytes(record: &RequestRecord) -> usize {
    let sent = record.upstream_model.as_ref().map_or(0, String::len);
    1_200
        + 160 * record.attempts.len()
        + 18 * record.model.len()
        + 6 * (sent + record.endpoint.len())
}

/// The number of records that were lost so far, out of the store's [`DroppedRecords`](crate::ports::StoreKey): its
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

/// A row of the request log: a list, in the order in which the intake takes its columns.
struct LogRow<'a>(&'a RequestRecord);

impl Serialize for LogRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut row = serializer.serialize_seq(Some(21))?;
        row.serialize_element(&record.id)?;
        row.serialize_element(&record.time.0)?;
        row.serialize_element(&record.key.id)?;
        row.serialize_element(&record.channel.as_ref().map(|channel| &channel.id))?;
        row.serialize_element(&record.upstream_key)?;
        row.serialize_element(&record.model)?;
        row.serialize_element(&record.upstream_model)?;
        row.serialize_element(&record.endpoint)?;
        row.serialize_element(&u8::from(record.stream))?;
        row.serialize_element(&record.status)?;
        // The database keeps a list in a list as its text.
        row.serialize_element(&Attempts(record))?;
        row.serialize_element(&record.first_byte_ms)?;
        row.serialize_element(&record.total_ms)?;
        row.serialize_element(&record.usage.prompt_tokens)?;
        row.serialize_element(&record.usage.completion_tokens)?;
        row.serialize_element(&record.usage.cached_tokens)?;
        row.serialize_element(&record.usage.reasoning_tokens)?;
        row.serialize_element(&u8::from(record.estimated))?;
        row.serialize_element(record.end.word())?;
        row.serialize_element(&record.cost_micro_usd)?;
        row.serialize_element(&record.reason.map(Reason::word))?;
        row.end()
    }
}

/// A record's attempts, each a list of outcome, status and milliseconds, and of channel and key where these are not the
/// record's own: most requests have a single attempt, whose names would make up a third of the log.
struct Attempts<'a>(&'a RequestRecord);

impl Serialize for Attempts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let own_channel = record.channel.as_ref().map(|channel| channel.id.as_str());
        let own_key = record.upstream_key.as_deref().unwrap_or_default();
        serializer.collect_seq(record.attempts.iter().map(|attempt| {
            let is_own = own_channel == Some(&attempt.channel) && own_key == attempt.key;
            AttemptRow { attempt, is_own }
        }))
    }
}

struct AttemptRow<'a> {
    attempt: &'a AttemptRecord,
    is_own: bool,
}

impl Serialize for AttemptRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attempt = self.attempt;
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(attempt.outcome.word())?;
        list.serialize_element(&attempt.status)?;
        list.serialize_element(&attempt.ms)?;
        if !self.is_own {
            list.serialize_element(&attempt.channel)?;
            list.serialize_element(&attempt.key)?;
        }
        list.end()
    }
}
