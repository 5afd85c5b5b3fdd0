//! one-api and new-api: their database, an answer of their API, or rows that `sqlite3 -json` wrote. Owns the tables that
//! are read and which of the two gateways a file is of; what a row becomes is [`channels`]' and [`tokens`]'.

mod channels;
mod providers;
mod row;
mod tokens;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::MoveSource;
use super::plan::{MoveNote, MovePlan, NoteCode};
use super::sqlite::{Database, MAX_ROWS, SqliteError};
use row::Row;

/// Columns of channels that are read.
const CHANNEL_COLUMNS: [&str; 26] = [
    "id",
    "type",
    "key",
    "status",
    "name",
    "weight",
    "base_url",
    "other",
    "balance",
    "models",
    "group",
    "model_mapping",
    "priority",
    "tag",
    "config",
    "system_prompt",
    "openai_organization",
    "status_code_mapping",
    "setting",
    "settings",
    "param_override",
    "header_override",
    "channel_info",
    "auto_ban",
    "created_time",
    "deleted_at",
];
/// Columns of tokens that are read.
const TOKEN_COLUMNS: [&str; 15] = [
    "id",
    "user_id",
    "key",
    "status",
    "name",
    "expired_time",
    "remain_quota",
    "unlimited_quota",
    "models",
    "subnet",
    "model_limits_enabled",
    "model_limits",
    "allow_ips",
    "group",
    "deleted_at",
];
/// Columns that only new-api has.
const OF_NEW_API: [&str; 5] = [
    "channel_info",
    "param_override",
    "header_override",
    "setting",
    "status_code_mapping",
];

/// Rows of the tables that matter.
#[derive(Debug, Default)]
pub struct Tables {
    channels: Vec<Map<String, Value>>,
    tokens: Vec<Map<String, Value>>,
    abilities: Vec<Map<String, Value>>,
    users: Vec<Map<String, Value>>,
    are_cut: bool,
}

impl Tables {
    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.tokens.is_empty()
    }

    /// Adds the rows of an export: a list, or an answer with one in it. What is none of that is ignored.
    pub fn add(&mut self, value: Value) {
        match value {
            Value::Array(rows) => {
                for row in rows {
                    if let Value::Object(row) = row {
                        self.add_row(row);
                    }
                }
            }
            Value::Object(mut members) => {
                // An answer has `data`, in newer versions with `items`; the tables are named in a file made by hand.
                for name in ["data", "items", "channels", "tokens", "abilities", "users"] {
                    if let Some(inner @ (Value::Array(_) | Value::Object(_))) = members.remove(name)
                    {
                        self.add(inner);
                    }
                }
            }
            _ => {}
        }
    }

    fn add_row(&mut self, row: Map<String, Value>) {
        let has = |name: &str| row.contains_key(name);
        let table = if has("remain_quota") || has("unlimited_quota") {
            &mut self.tokens
        } else if has("channel_id") && has("model") {
            &mut self.abilities
        } else if has("username") {
            &mut self.users
        } else if has("type") && (has("models") || has("base_url")) {
            &mut self.channels
        } else {
            return;
        };
        if table.len() < MAX_ROWS {
            table.push(row);
        } else {
            self.are_cut = true;
        }
    }
}

/// Reads a database; `None` if it has none of the tables.
pub fn from_database(file: &[u8]) -> Result<Option<Tables>, SqliteError> {
    let database = Database::open(file)?;
    let mut tables = Tables::default();
    let mut rows =
        |name, wanted: &[&str]| -> Result<Option<Vec<Map<String, Value>>>, SqliteError> {
            let Some(found) = database.rows(name, wanted)? else {
                return Ok(None);
            };
            tables.are_cut |= found.are_cut;
            Ok(Some(found.rows))
        };
    let channels = rows("channels", &CHANNEL_COLUMNS)?;
    let tokens = rows("tokens", &TOKEN_COLUMNS)?;
    if channels.is_none() && tokens.is_none() {
        return Ok(None);
    }
    let abilities = rows("abilities", &["channel_id", "model"])?;
    let users = rows("users", &["id", "username"])?;
    tables.channels = channels.unwrap_or_default();
    tables.tokens = tokens.unwrap_or_default();
    tables.abilities = abilities.unwrap_or_default();
    tables.users = users.unwrap_or_default();
    Ok(Some(tables))
}

/// What the tables become. `source` is the gateway that they are of; `None`: as their columns are.
pub fn plan(tables: &Tables, source: Option<MoveSource>) -> MovePlan {
    let source = source.unwrap_or_else(|| guess(tables));
    let mut plan = MovePlan::new(source);
    let mut deleted = 0;
    let mut is_there = |row: &&Map<String, Value>| {
        let is_there = Row(row).text("deleted_at").is_empty();
        deleted += usize::from(!is_there);
        is_there
    };
    let rows: Vec<_> = tables.channels.iter().filter(&mut is_there).collect();
    let abilities = abilities(&tables.abilities);
    plan.channels = channels::plan(&rows, source, &abilities);
    let rows: Vec<_> = tables.tokens.iter().filter(&mut is_there).collect();
    plan.keys = tokens::plan(&rows, &user_names(&tables.users));
    plan.notes
        .push(MoveNote::new(NoteCode::Accounts, String::new()));
    if deleted > 0 {
        plan.notes
            .push(MoveNote::new(NoteCode::Deleted, deleted.to_string()));
    }
    if tables.are_cut {
        plan.notes
            .push(MoveNote::new(NoteCode::TooMany, MAX_ROWS.to_string()));
    }
    plan
}

fn guess(tables: &Tables) -> MoveSource {
    let has = |rows: &[Map<String, Value>], names: &[&str]| {
        rows.iter()
            .any(|row| names.iter().any(|name| row.contains_key(*name)))
    };
    let is_new = has(&tables.channels, &OF_NEW_API)
        || has(&tables.tokens, &["model_limits_enabled", "allow_ips"]);
    if is_new {
        MoveSource::NewApi
    } else {
        MoveSource::OneApi
    }
}

/// The models of each channel, for channels whose own list is empty.
fn abilities(rows: &[Map<String, Value>]) -> BTreeMap<i64, Vec<String>> {
    let mut models: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in rows {
        let row = Row(row);
        let (channel, model) = (row.integer("channel_id"), row.text("model"));
        if let (Some(channel), false) = (channel, model.is_empty()) {
            models.entry(channel).or_default().push(model);
        }
    }
    for list in models.values_mut() {
        list.sort_unstable();
        list.dedup();
    }
    models
}

/// The names of users, if there are several: then they tell keys apart.
fn user_names(rows: &[Map<String, Value>]) -> BTreeMap<i64, String> {
    if rows.len() < 2 {
        return BTreeMap::new();
    }
    let names = rows.iter().map(Row);
    names
        .filter_map(|row| Some((row.integer("id")?, row.text("username"))))
        .collect()
}
