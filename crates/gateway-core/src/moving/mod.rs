//! Moving in from another gateway: what a file of one-api, new-api or `LiteLLM` becomes here. Owns which file it is, and
//! the readers of each; what is stored, and what is there already, is the admin API's. Pure: no port, no clock.
//!
//! The files come from outside: every reader has bounds, and nothing of a file is trusted but its meaning.

pub mod litellm;
pub mod one_api;
pub mod plan;
pub mod sqlite;
pub mod yaml;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use one_api::Tables;
use plan::MovePlan;
use sqlite::SqliteError;
use yaml::YamlError;

/// The gateway that a file is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ImportFormat")
)]
pub enum MoveSource {
    /// songquanpeng/one-api.
    OneApi,
    /// Calcium-Ion/new-api, which numbers many types of channels differently.
    NewApi,
    /// `LiteLLM`'s proxy.
    Litellm,
}

impl MoveSource {
    /// All of them with their names in the API.
    pub const ALL: [(&'static str, Self); 3] = [
        ("one_api", Self::OneApi),
        ("new_api", Self::NewApi),
        ("litellm", Self::Litellm),
    ];

    /// The one with this name in the API.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, source)| *source)
    }

    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::OneApi => "one-api",
            Self::NewApi => "new-api",
            Self::Litellm => "LiteLLM",
        }
    }
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoveError {
    /// It is none of the known files.
    Unknown,
    /// It begins like JSON and is not: the line and the column of the mistake.
    Json(usize, usize),
    /// It is YAML, but not as it should be.
    Yaml(YamlError),
    /// It is an `SQLite` file, but not as it should be.
    Sqlite(SqliteError),
}

impl fmt::Display for MoveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str(
                "must be a database or an export of one-api or new-api, or a config.yaml of LiteLLM",
            ),
            Self::Json(line, column) => {
                write!(formatter, "is not valid JSON: line {line}, column {column}")
            }
            Self::Yaml(error) => error.fmt(formatter),
            Self::Sqlite(error) => error.fmt(formatter),
        }
    }
}

/// Reads a file. `source` is the gateway that it is of; `None`: what the file looks like. `variables` are the values of
/// environment variables that it names.
pub fn read(
    file: &[u8],
    source: Option<MoveSource>,
    variables: &BTreeMap<String, String>,
) -> Result<MovePlan, MoveError> {
    if source != Some(MoveSource::Litellm)
        && let Some(tables) = tables(file)?
    {
        return Ok(one_api::plan(&tables, source));
    }
    if matches!(source, Some(MoveSource::OneApi | MoveSource::NewApi)) {
        return Err(MoveError::Unknown);
    }
    let text = std::str::from_utf8(file).map_err(|_| MoveError::Unknown)?;
    let config = yaml::read(text).map_err(MoveError::Yaml)?;
    litellm::plan(&config, variables).ok_or(MoveError::Unknown)
}

/// The tables of one-api's database or export; `None` for another file.
fn tables(file: &[u8]) -> Result<Option<Tables>, MoveError> {
    if sqlite::is_database(file) {
        let tables = one_api::from_database(file).map_err(MoveError::Sqlite)?;
        return tables.map(Some).ok_or(MoveError::Unknown);
    }
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    if !matches!(file.trim_ascii_start().first(), Some(b'[' | b'{')) {
        return Ok(None);
    }
    // sqlite3 writes one array for each statement.
    let mut tables = Tables::default();
    for value in serde_json::Deserializer::from_slice(file).into_iter::<Value>() {
        match value {
            Ok(value) => tables.add(value),
            Err(error) => return Err(MoveError::Json(error.line(), error.column())),
        }
    }
    Ok((!tables.is_empty()).then_some(tables))
}

#[cfg(test)]
mod tests;
