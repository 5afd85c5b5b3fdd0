//! Responses that the gateway keeps itself, since their upstream's dialect stores none: what the client sent and got in one
//! turn. Owns the table and its statements. It is the only table with content of requests; no other has a column for it.

use bytes::Bytes;

use crate::memory::Share;
use crate::sql::rows::{Query, Rows};
use crate::sql::{SqlValue, Statement};
use crate::units::Timestamp;

/// Bytes of content in one row: D1 takes 2 MB at most.
const PART_BYTES: usize = 512 * 1024;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS kept_response (key TEXT NOT NULL, id TEXT NOT NULL, \
    part INTEGER NOT NULL, parts INTEGER NOT NULL, previous TEXT NOT NULL, model TEXT NOT NULL, \
    time_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (key, id, part))";
const INDEX: &str = "CREATE INDEX IF NOT EXISTS kept_response_by_time ON kept_response (time_ms)";
const VERSION: &str = "INSERT INTO gateway_schema (version) VALUES (7) ON CONFLICT DO NOTHING";

/// A part that is there already was written before.
const INSERT: &str = "INSERT INTO kept_response (key, id, part, parts, previous, model, time_ms, bytes, content) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
const REMOVE: &str = "DELETE FROM kept_response WHERE key = ?1 AND id = ?2 RETURNING id";
const PRUNE: &str = "DELETE FROM kept_response WHERE rowid IN \
    (SELECT rowid FROM kept_response WHERE time_ms < ?1 ORDER BY time_ms LIMIT ?2)";

/// The conversation that ends with a response: it, the one before it, and so on.
const CHAIN: &str = "WITH RECURSIVE chain (id, previous, bytes, turns) AS (\
    SELECT id, previous, bytes, 1 FROM kept_response WHERE key = ?1 AND id = ?2 AND part = 0 AND time_ms >= ?3 \
    UNION ALL SELECT it.id, it.previous, chain.bytes + it.bytes, chain.turns + 1 \
    FROM chain JOIN kept_response AS it ON it.key = ?1 AND it.id = chain.previous AND it.part = 0 \
    WHERE it.time_ms >= ?3 AND chain.turns < ?4) ";
const MEASURE: &str = "SELECT previous, bytes, turns FROM chain ORDER BY turns DESC LIMIT 1";
const CONTENTS: &str = "SELECT it.id, it.model, it.part, it.parts, it.content FROM chain JOIN kept_response AS it \
    ON it.key = ?1 AND it.id = chain.id ORDER BY chain.turns DESC, it.part";

/// One turn of a conversation.
#[derive(Debug)]
pub struct KeptTurn {
    /// The client key's id; no other key may reach it.
    pub owner: String,
    /// The response's id.
    pub id: String,
    /// The id of the response before; empty in the first turn.
    pub previous: String,
    /// The model, by the client's name.
    pub model: String,
    /// When it was made.
    pub time: Timestamp,
    /// The request's `input`, as JSON.
    pub input: Bytes,
    /// The response object, as JSON.
    pub response: Bytes,
    /// The memory that it takes.
    pub share: Share,
}

impl KeptTurn {
    /// Its content as it is kept: a JSON object.
    pub fn content(&self) -> String {
        let texts = [&self.input, &self.response].map(|text| String::from_utf8_lossy(text));
        let [input, response] = texts;
        format!("{{\"input\":{input},\"response\":{response}}}")
    }

    /// Bytes of its content.
    pub fn bytes(&self) -> usize {
        self.input.len() + self.response.len()
    }
}

/// The extent of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptExtent {
    /// The response before its first turn; empty where it is whole.
    pub missing: String,
    /// Bytes of content.
    pub bytes: usize,
    /// Turns.
    pub turns: u64,
}

/// A turn as the database has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptContent {
    /// The response's id.
    pub id: String,
    /// The model.
    pub model: String,
    /// Its content, perhaps encrypted.
    pub content: String,
}

/// What version 7 of the schema adds.
pub fn version_7() -> Vec<Statement> {
    [TABLE, INDEX, VERSION].map(Statement::new).into()
}

/// Writes a turn in parts, of which the first comes last: without it, the others are not found.
pub fn insert(turn: &KeptTurn, stored: &str) -> Vec<Statement> {
    let parts = split(stored);
    let bytes = u64::try_from(turn.bytes()).unwrap_or(u64::MAX);
    let row = |(part, content): (usize, &&str)| {
        let number = |value: usize| SqlValue::from(u64::try_from(value).unwrap_or(u64::MAX));
        Statement::new(INSERT)
            .with(&*turn.owner)
            .with(&*turn.id)
            .with(number(part))
            .with(number(parts.len()))
            .with(&*turn.previous)
            .with(&*turn.model)
            .with(turn.time.0)
            .with(bytes)
            .with(*content)
    };
    parts.iter().enumerate().rev().map(row).collect()
}

/// Pieces of a text that fit into rows; at least one.
fn split(mut text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while text.len() > PART_BYTES {
        let (part, rest) = text.split_at(text.floor_char_boundary(PART_BYTES));
        parts.push(part);
        text = rest;
    }
    parts.push(text);
    parts
}

/// The extent of the conversation that ends with a response.
pub fn measure(owner: &str, id: &str, since_ms: u64, most_turns: u64) -> Query {
    chain(
        MEASURE,
        &["previous", "bytes", "turns"],
        (owner, id, since_ms, most_turns),
    )
}

/// Reads the row of [`measure`].
pub fn read_extent(row: &crate::sql::rows::NamedRow<'_>) -> KeptExtent {
    KeptExtent {
        missing: row.text("previous").to_owned(),
        bytes: usize::try_from(row.count("bytes")).unwrap_or(usize::MAX),
        turns: row.count("turns"),
    }
}

/// The content of the conversation that ends with a response.
pub fn contents(owner: &str, id: &str, since_ms: u64, most_turns: u64) -> Query {
    chain(
        CONTENTS,
        &["id", "model", "part", "parts", "content"],
        (owner, id, since_ms, most_turns),
    )
}

fn chain(
    rest: &str,
    columns: &[&'static str],
    (owner, id, since_ms, most_turns): (&str, &str, u64, u64),
) -> Query {
    let statement = Statement::new(format!("{CHAIN}{rest}"))
        .with(owner)
        .with(id)
        .with(since_ms)
        .with(most_turns);
    Query::returning(statement, columns)
}

/// Joins the rows of [`contents`]. A turn of which a part is missing is left out.
pub fn read_contents(rows: &Rows) -> Vec<KeptContent> {
    let mut turns: Vec<KeptContent> = Vec::new();
    let mut missing = 0;
    for row in rows.iter() {
        if row.count("part") == 0 {
            if missing > 0 {
                turns.pop();
            }
            missing = row.count("parts");
            turns.push(KeptContent {
                id: row.text("id").to_owned(),
                model: row.text("model").to_owned(),
                content: String::new(),
            });
        }
        missing = missing.saturating_sub(1);
        if let Some(turn) = turns.last_mut() {
            turn.content.push_str(row.text("content"));
        }
    }
    if missing > 0 {
        turns.pop();
    }
    turns
}

/// Removes a response; gives rows if there was one.
pub fn remove(owner: &str, id: &str) -> Query {
    let statement = Statement::new(REMOVE).with(owner).with(id);
    Query::returning(statement, &["id"])
}

/// Removes at most `most` rows from before `since_ms`, the oldest first.
pub fn prune(since_ms: u64, most: u64) -> Statement {
    Statement::new(PRUNE).with(since_ms).with(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_into_rows_and_are_the_text_again() {
        let long = "€".repeat(PART_BYTES);
        for (text, parts) in [("", 1), ("{}", 1), (&*long, 4)] {
            let found = split(text);
            assert_eq!(found.len(), parts);
            assert!(found.iter().all(|part| part.len() <= PART_BYTES));
            assert_eq!(found.concat(), text);
        }
    }

    #[test]
    fn a_turn_without_one_of_its_parts_is_left_out() {
        let row = |id: &str, part: i64, parts: i64, content: &str| {
            let texts = |text: &str| SqlValue::from(text);
            vec![
                texts(id),
                texts("m"),
                part.into(),
                parts.into(),
                texts(content),
            ]
        };
        let read = |rows| read_contents(&contents("k", "b", 0, 9).rows(rows));
        let a = [row("a", 0, 2, "1"), row("a", 1, 2, "2")];
        let b = [row("b", 0, 1, "3")];
        let found = read([&a[..], &b].concat());
        let texts: Vec<&str> = found.iter().map(|it| &*it.content).collect();
        assert_eq!(texts, ["12", "3"]);
        assert_eq!(read([&a[..1], &b].concat()).len(), 1);
        assert_eq!(read([&b[..], &a[..1]].concat()).len(), 1);
        assert!(read(Vec::new()).is_empty());
    }
}
