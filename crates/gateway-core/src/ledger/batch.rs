//! Records on their way into the database: one statement for many of them, with the request log's rows as they are
//! and everything else summed up before. Owns what a batch holds; where the database puts it is `ingest`'s.
//!
//! Rows travel as JSON parameters: hosts then need one statement for any number of rows, and D1's limit of 100
//! parameters does not matter. A record is written down the moment it comes: a busy instance would otherwise keep a
//! thousand of them, each with a dozen small allocations, among those of its requests.

use super::columns::request::RequestRow;
use super::ingest;
use super::layout::Layout;
use super::lean;
use super::record::RequestRecord;
use super::sums::BatchSums;
use crate::sql::Statement;

/// Records in one statement, so that other writers do not wait long for the database.
pub const MAX_RECORDS: usize = 1_000;

/// Bytes of a statement's parameters: D1 takes 2 MB.
const MAX_BYTES: usize = 1_800_000;

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
    sums: BatchSums,
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

    /// Adds a record.
    pub fn add(&mut self, record: &RequestRecord) {
        self.bytes = self.bytes.saturating_add(most_bytes(record));
        self.rows.push(if self.is_empty() { b'[' } else { b',' });
        self.records += 1;
        // Memory takes everything, and a row has no way to fail.
        let _written = serde_json::to_writer(&mut self.rows, &RequestRow(record));
        self.sums.add(record);
    }

    /// The statement that writes it, which fails as a duplicate when it has taken effect already: a request's id is unique.
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

/// No parameter grows by more bytes with a record. A character of a name can take six, and the model's name is in a
/// row of the log and in two of the sums.
fn most_bytes(record: &RequestRecord) -> usize {
    let sent = record.upstream_model.as_ref().map_or(0, String::len);
    let details = record.attempts.iter().map(|attempt| &attempt.detail);
    let details = details.chain([&record.detail]).flatten();
    1_400
        // They have no control characters: quotes and backslashes take two.
        + 2 * details.map(String::len).sum::<usize>()
        + 160 * record.attempts.len()
        + 18 * record.model.len()
        + 6 * (sent + record.endpoint.len())
}

/// The number of records that were lost so far, from the store's [`DroppedRecords`](crate::ports::StoreKey): its
/// decimal digits. Nothing, or nonsense, is 0.
pub fn dropped(stored: Option<&[u8]>) -> u64 {
    stored
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

/// The statement that shortens the request log to `rows` rows and to what came since `since_ms`. It looks at
/// `most` rows, so that no other call waits long.
pub fn prune(rows: u64, since_ms: u64, most: u64, layout: Layout) -> Statement {
    let prune = match layout {
        Layout::Indexed => PRUNE,
        Layout::Lean => lean::PRUNE,
    };
    Statement::new(prune).with(rows).with(since_ms).with(most)
}
