//! Queries and their rows, whose columns are read by name. Owns the text of a list of columns and the search for a name;
//! hosts know neither, and give values in the order of the statement.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{SqlRow, SqlValue, Statement};

/// A statement that gives rows, with the names of their columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    statement: Statement,
    columns: Columns,
}

type Columns = Vec<Cow<'static, str>>;

/// What a query gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    columns: Columns,
    rows: Vec<SqlRow>,
}

/// One row. A column that the query does not have reads as `NULL`.
#[derive(Clone, Copy, Debug)]
pub struct NamedRow<'a> {
    columns: &'a Columns,
    values: &'a [SqlValue],
}

impl Query {
    /// `SELECT`, the columns, and `rest`. A column is a name, or an expression with a name: `hour / 24 AS bucket`.
    pub fn select<C: Into<Cow<'static, str>>>(
        columns: impl IntoIterator<Item = C>,
        rest: &str,
    ) -> Self {
        let mut text = String::from("SELECT");
        let mut names = Columns::new();
        for column in columns {
            let column = column.into();
            let comma = if names.is_empty() { "" } else { "," };
            let _ = write!(text, "{comma} {column}");
            names.push(match column.rsplit_once(" AS ") {
                Some((_, name)) => Cow::Owned(name.to_owned()),
                None => column,
            });
        }
        let _ = write!(text, " {rest}");
        Self {
            statement: Statement::new(text),
            columns: names,
        }
    }

    /// A statement that ends with `RETURNING` and these columns.
    pub fn returning(statement: Statement, columns: &[&'static str]) -> Self {
        Self {
            statement,
            columns: columns.iter().copied().map(Cow::Borrowed).collect(),
        }
    }

    /// The same with one parameter more.
    #[must_use]
    pub fn with(mut self, value: impl Into<SqlValue>) -> Self {
        self.statement = self.statement.with(value);
        self
    }

    /// The statement that the host runs.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// What the host gave for the statement.
    pub fn rows(self, rows: Vec<SqlRow>) -> Rows {
        Rows {
            columns: self.columns,
            rows,
        }
    }
}

impl Rows {
    /// The rows, in the order in which the database gave them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = NamedRow<'_>> {
        self.rows.iter().map(|values| NamedRow {
            columns: &self.columns,
            values,
        })
    }

    /// The first row.
    pub fn first(&self) -> Option<NamedRow<'_>> {
        self.iter().next()
    }
}

impl<'a> NamedRow<'a> {
    /// The column's value.
    pub fn get(&self, name: &str) -> &'a SqlValue {
        self.from(name).next().unwrap_or(&SqlValue::Null)
    }

    /// The values of the named column and of those after it, for columns that are written as one run.
    pub fn from(&self, name: &str) -> impl Iterator<Item = &'a SqlValue> + use<'a> {
        let index = self.columns.iter().position(|column| column == name);
        let values = index.and_then(|index| self.values.get(index..));
        values.unwrap_or_default().iter()
    }

    /// The column's text; empty for anything else.
    pub fn text(&self, name: &str) -> &'a str {
        self.get(name).text().unwrap_or_default()
    }

    /// The column's number as a count; 0 for anything else.
    pub fn count(&self, name: &str) -> u64 {
        self.get(name).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(query: Query, values: &[i64]) -> Rows {
        query.rows(vec![values.iter().copied().map(SqlValue::from).collect()])
    }

    #[test]
    fn a_column_is_found_by_its_name_wherever_it_is() {
        let query = Query::select(["id", "hour / 24 AS bucket"], "FROM t WHERE a = ?1").with("x");
        let text = "SELECT id, hour / 24 AS bucket FROM t WHERE a = ?1";
        assert_eq!(*query.statement(), Statement::new(text).with("x"));
        let rows = rows(query, &[7, 8]);
        let row = rows.first().unwrap();
        assert_eq!((row.count("bucket"), row.count("id")), (8, 7));
        assert_eq!((row.count("hour"), row.text("id")), (0, ""));
        assert_eq!(row.get("hour / 24"), &SqlValue::Null);
    }

    #[test]
    fn a_run_of_columns_begins_at_its_first() {
        let statement = Statement::new("DELETE FROM t RETURNING a, b, c");
        let rows = rows(Query::returning(statement, &["a", "b", "c"]), &[1, 2, 3]);
        let row = rows.first().unwrap();
        let run: Vec<u64> = row.from("b").map(SqlValue::count).collect();
        assert_eq!(run, [2, 3]);
        assert_eq!(row.from("d").count(), 0);
        assert_eq!(rows.iter().len(), 1);
        assert!(Rows::default().first().is_none());
    }
}
