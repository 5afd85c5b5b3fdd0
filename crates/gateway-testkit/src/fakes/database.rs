//! A database in memory: a real SQLite, so that statements mean what they mean on a host. Owns the faults that tests
//! inject. Everything lives in one database, as on Spin.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::Path;

use gateway_core::sql::{SqlError, SqlRow, SqlValue, Statement};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Transaction, TransactionBehavior, params_from_iter};

/// The fault of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatabaseFault {
    /// Nothing.
    #[default]
    None,
    /// It fails at once, and nothing is done.
    Refuse,
    /// It takes place, but the answer is an error: the caller can't know.
    FailAfterCommit,
    /// It never ends, and nothing is done.
    Hang,
}

/// One SQLite database in memory.
#[derive(Default)]
pub struct MemoryDatabase {
    /// Opened by the first use, which can report an error.
    connection: RefCell<Option<Connection>>,
    fault: Cell<DatabaseFault>,
    /// Transactions that still have the fault; `None`: all.
    faults_left: Cell<Option<usize>>,
    calls: Cell<usize>,
    /// The operations requested since they were last cleared, newest last.
    statements: RefCell<Vec<Statement>>,
}

/// The maximum number of recorded statements; tests need few.
const MAX_STATEMENTS: usize = 1_000;

impl fmt::Debug for MemoryDatabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MemoryDatabase")
            .field("fault", &self.fault)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl MemoryDatabase {
    /// Sets the fault of every transaction; [`DatabaseFault::None`] ends it.
    pub fn set_fault(&self, fault: DatabaseFault) {
        self.fault.set(fault);
        self.faults_left.set(None);
    }

    /// Sets the fault of the next `count` transactions.
    pub fn fault_next(&self, fault: DatabaseFault, count: usize) {
        self.fault.set(fault);
        self.faults_left.set(Some(count));
    }

    /// How many transactions were requested.
    pub fn calls(&self) -> usize {
        self.calls.get()
    }

    /// The statements requested since they were last cleared, oldest first.
    pub fn statements(&self) -> Vec<Statement> {
        self.statements.borrow().clone()
    }

    /// Forgets the statements.
    pub fn forget(&self) {
        self.statements.borrow_mut().clear();
    }

    /// The rows of a statement of a test, regardless of the fault that is set.
    ///
    /// # Panics
    /// When the statement fails.
    #[expect(clippy::panic, reason = "a test whose statement is wrong must fail")]
    pub fn rows(&self, text: &str) -> Vec<SqlRow> {
        let statements = [Statement::new(text.to_owned())];
        match self.run(&statements) {
            Ok(mut answers) => answers.pop().unwrap_or_default(),
            Err(error) => panic!("{text}: {error}"),
        }
    }

    /// Writes all tables into a new file, which any SQLite can open.
    pub fn copy_to(&self, file: &Path) -> rusqlite::Result<()> {
        match &*self.connection.borrow() {
            Some(connection) => connection
                .execute("VACUUM INTO ?1", [file.to_string_lossy()])
                .map(drop),
            None => Ok(()),
        }
    }

    /// Records a call and returns its fault.
    pub(super) fn begin(&self, statements: &[Statement]) -> DatabaseFault {
        self.calls.set(self.calls.get() + 1);
        let mut known = self.statements.borrow_mut();
        if known.len() + statements.len() <= MAX_STATEMENTS {
            known.extend_from_slice(statements);
        }
        match self.faults_left.get() {
            None => self.fault.get(),
            Some(0) => DatabaseFault::None,
            Some(left) => {
                self.faults_left.set(Some(left - 1));
                self.fault.get()
            }
        }
    }

    /// Runs the statements in one transaction, as [`Sql`](gateway_core::ports::Sql) requires.
    pub(crate) fn run(&self, statements: &[Statement]) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        self.try_run(statements)
            .map_err(|error| SqlError::from_words(error.to_string()))
    }

    fn try_run(&self, statements: &[Statement]) -> rusqlite::Result<Vec<Vec<SqlRow>>> {
        let mut slot = self.connection.borrow_mut();
        let connection = match &mut *slot {
            Some(connection) => connection,
            empty => empty.insert(Connection::open_in_memory()?),
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answers: rusqlite::Result<Vec<Vec<SqlRow>>> = statements
            .iter()
            .map(|statement| rows(&transaction, statement))
            .collect();
        let answers = answers?;
        transaction.commit()?;
        Ok(answers)
    }
}

fn rows(transaction: &Transaction<'_>, statement: &Statement) -> rusqlite::Result<Vec<SqlRow>> {
    let mut prepared = transaction.prepare_cached(&statement.text)?;
    let columns = prepared.column_count();
    let parameters = params_from_iter(statement.parameters.iter().map(parameter));
    let mut cursor = prepared.query(parameters)?;
    let mut rows = Vec::new();
    while let Some(row) = cursor.next()? {
        let values: rusqlite::Result<SqlRow> = (0..columns)
            .map(|column| Ok(value(row.get_ref(column)?)))
            .collect();
        rows.push(values?);
    }
    Ok(rows)
}

fn parameter(value: &SqlValue) -> rusqlite::types::Value {
    match value {
        SqlValue::Null => rusqlite::types::Value::Null,
        SqlValue::Integer(number) => rusqlite::types::Value::Integer(*number),
        SqlValue::Real(number) => rusqlite::types::Value::Real(*number),
        SqlValue::Text(text) => rusqlite::types::Value::Text(text.clone()),
    }
}

/// Bytes come back as text: the core stores none.
fn value(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Integer(number),
        ValueRef::Real(number) => SqlValue::Real(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            SqlValue::Text(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_takes_place_whole_or_not_at_all() {
        let database = MemoryDatabase::default();
        let create = Statement::new("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT UNIQUE)");
        let insert =
            |word: &str| Statement::new("INSERT INTO t (word) VALUES (?1) RETURNING id").with(word);
        database.run(&[create]).unwrap();
        let answers = database.run(&[insert("a"), insert("b")]).unwrap();
        assert_eq!(
            answers,
            [[[SqlValue::Integer(1)]], [[SqlValue::Integer(2)]]]
                .map(|rows| rows.map(Vec::from).to_vec())
        );
        let error = database.run(&[insert("c"), insert("a")]).unwrap_err();
        assert_eq!(error.kind, gateway_core::sql::SqlErrorKind::Duplicate);
        assert_eq!(
            database.rows("SELECT count(*) FROM t"),
            [vec![SqlValue::Integer(2)]]
        );
    }
}
