//! Tables of an `SQLite` file, read-only (<https://www.sqlite.org/fileformat2.html>). Owns the file's header and schema;
//! pages are [`pages`]'s, records [`record`]'s. Indexes, views and write-ahead logs are not read.
//!
//! The bytes are hostile: every offset is checked, every page is read at most once per table, and the number of rows is
//! bounded, so that a file costs at most what its size allows.

mod columns;
mod pages;
mod record;

use std::fmt;

use serde_json::{Map, Value};

use pages::Pages;
use record::{Encoding, Record};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Rows of one table that are read: more than the channels or client keys of a gateway may be.
pub const MAX_ROWS: usize = 20_000;
/// Rows of the schema.
const MAX_OBJECTS: usize = 5_000;

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqliteError {
    /// Its latest changes may be in another file.
    Wal,
    /// Shorter than its header says.
    Truncated,
    /// Not as the format demands.
    Damaged,
}

impl fmt::Display for SqliteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Wal => {
                "is an SQLite database in WAL mode, whose latest changes are in another file: stop the old gateway, run \
                 sqlite3 FILE \"PRAGMA journal_mode=DELETE\" and try again"
            }
            Self::Truncated => {
                "is an SQLite database that lacks its end: copy it again while the old gateway is stopped"
            }
            Self::Damaged => "is an SQLite database that is damaged",
        })
    }
}

/// Whether a file begins like a database.
pub fn is_database(file: &[u8]) -> bool {
    file.starts_with(MAGIC)
}

/// A database file.
#[derive(Debug)]
pub struct Database<'f> {
    pages: Pages<'f>,
    encoding: Encoding,
    tables: Vec<Table>,
}

#[derive(Debug)]
struct Table {
    name: String,
    root: usize,
    columns: Vec<String>,
}

/// Rows of a table, by their columns' names.
#[derive(Debug, Default)]
pub struct TableRows {
    /// At most [`MAX_ROWS`] of them.
    pub rows: Vec<Map<String, Value>>,
    /// Whether there are more.
    pub are_cut: bool,
}

impl<'f> Database<'f> {
    /// Reads the header and the schema.
    pub fn open(file: &'f [u8]) -> Result<Self, SqliteError> {
        if !is_database(file) {
            return Err(SqliteError::Damaged);
        }
        let byte = |at: usize| file.get(at).copied().ok_or(SqliteError::Truncated);
        // Versions of the format: 2 is WAL.
        if byte(18)? == 2 || byte(19)? == 2 {
            return Err(SqliteError::Wal);
        }
        let size = match u16::from_be_bytes([byte(16)?, byte(17)?]) {
            1 => 65_536,
            size if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err(SqliteError::Damaged),
        };
        let pages = Pages::new(file, size, usize::from(byte(20)?))?;
        let announced = u32::from_be_bytes([byte(28)?, byte(29)?, byte(30)?, byte(31)?]);
        if usize::try_from(announced).unwrap_or(usize::MAX) > pages.count() {
            return Err(SqliteError::Truncated);
        }
        let encoding = match byte(59)? {
            0 | 1 => Encoding::Utf8,
            2 => Encoding::Utf16Le,
            3 => Encoding::Utf16Be,
            _ => return Err(SqliteError::Damaged),
        };
        let mut database = Self {
            pages,
            encoding,
            tables: Vec::new(),
        };
        database.tables = database.read_schema()?;
        Ok(database)
    }

    fn read_schema(&self) -> Result<Vec<Table>, SqliteError> {
        let mut tables = Vec::new();
        self.pages.each_row(1, MAX_OBJECTS, |_, payload| {
            let record = Record::parse(payload, self.encoding)?;
            let text = |at| match record.value(at) {
                Some(Value::String(text)) => Some(text),
                _ => None,
            };
            let root = record.value(3).and_then(|root| root.as_u64());
            if let (Some("table"), Some(name), Some(root), Some(sql)) =
                (text(0).as_deref(), text(1), root, text(4))
            {
                let root = usize::try_from(root).map_err(|_| SqliteError::Damaged)?;
                let columns = columns::of(&sql);
                tables.push(Table {
                    name,
                    root,
                    columns,
                });
            }
            Ok(())
        })?;
        Ok(tables)
    }

    /// The rows of a table, with the columns in `wanted` only; `None` if there is no such table. A column named `id` that
    /// has no value is the row's number. Columns that a row lacks are absent.
    pub fn rows(&self, name: &str, wanted: &[&str]) -> Result<Option<TableRows>, SqliteError> {
        let is_it = |table: &&Table| table.name.eq_ignore_ascii_case(name);
        let Some(table) = self.tables.iter().find(is_it) else {
            return Ok(None);
        };
        let columns = table.columns.iter().enumerate();
        let columns: Vec<(usize, &str)> = columns
            .filter_map(|(at, column)| {
                let is_it = |wanted: &&&str| wanted.eq_ignore_ascii_case(column);
                Some((at, *wanted.iter().find(is_it)?))
            })
            .collect();
        let mut found = TableRows::default();
        found.are_cut = self
            .pages
            .each_row(table.root, MAX_ROWS, |rowid, payload| {
                let record = Record::parse(payload, self.encoding)?;
                let mut row = Map::new();
                for (at, column) in &columns {
                    let value = match record.value(*at) {
                        Some(Value::Null) if *column == "id" => Value::from(rowid),
                        Some(value) => value,
                        None => continue,
                    };
                    row.insert((*column).to_owned(), value);
                }
                found.rows.push(row);
                Ok(())
            })?;
        Ok(Some(found))
    }
}
