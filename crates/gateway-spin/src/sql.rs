//! The SQL database over Spin's `sqlite` interface. Owns the instance's connections and how several statements become
//! one transaction; knows no statement of the core's.
//!
//! Every connection of Spin is a connection of SQLite with its own prepared statements, so connections are kept. They
//! are not shared: another request's statement would take part in the transaction.

use std::cell::RefCell;

use gateway_core::ports::{Sql, SqlTarget};
use gateway_core::sql::{SqlError, SqlErrorKind, SqlRow, SqlValue, Statement};
use spin_sdk::sqlite::{Connection, Error, QueryResult, RowResult, Value as HostValue};
use spin_sdk::wasip3::clocks::monotonic_clock;

use crate::instance::SpinPorts;

/// The only database that exists without a runtime configuration. Ledger and allowances are both in it.
const DATABASE: &str = "default";
/// Connections of one instance at most. SQLite has one writer at a time; Spin lets an instance open 256.
const MAX_OPEN: usize = 16;
/// The time between two checks for a free connection: requests cannot wake each other.
const LOOK_NANOSECONDS: u64 = 2_000_000;
/// Checks for a free connection before giving up; about as long as SQLite itself waits for a lock.
const LOOKS: u32 = 2_500;

/// The settings of a new connection. A host may reject them, and works without: the write-ahead log lets readers and a
/// writer go on beside each other, and saves most waits for the disk. That locks are waited for is Spin's default.
const PREPARATION: [&str; 2] = ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"];

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { idle: Vec::new(), lent: 0 }) };
}

/// The instance's connections.
struct Pool {
    /// Open, prepared, outside of any transaction.
    idle: Vec<Connection>,
    /// Connections in use.
    lent: usize,
}

/// A connection with one user. Dropped, it is closed, which rolls back what was not committed.
struct Lease(Option<Connection>);

impl Drop for Lease {
    fn drop(&mut self) {
        POOL.with_borrow_mut(|pool| pool.lent = pool.lent.saturating_sub(1));
    }
}

impl Lease {
    /// Lends a free connection, or a new one; waits while the maximum is in use.
    async fn take() -> Result<Self, SqlError> {
        for _ in 0..LOOKS {
            let idle = POOL.with_borrow_mut(|pool| {
                let may_lend = pool.lent < MAX_OPEN;
                may_lend.then(|| {
                    pool.lent += 1;
                    Self(pool.idle.pop())
                })
            });
            match idle {
                Some(mut lease) => {
                    if lease.0.is_none() {
                        lease.0 = Some(open().await?);
                    }
                    return Ok(lease);
                }
                None => monotonic_clock::wait_for(LOOK_NANOSECONDS).await,
            }
        }
        Err(failed("all connections of the instance are busy"))
    }

    /// Keeps the connection for the next transaction. Only for one outside of any transaction.
    fn give_back(mut self) {
        if let Some(connection) = self.0.take() {
            POOL.with_borrow_mut(|pool| pool.idle.push(connection));
        }
    }

    async fn run(&self, statement: Statement) -> Result<Vec<SqlRow>, SqlError> {
        let Some(connection) = &self.0 else {
            return Err(failed("the connection is closed"));
        };
        run(connection, statement).await
    }

    /// Runs the statements, and `BEGIN` and `COMMIT` around them when there is more than one.
    async fn transact(&self, statements: Vec<Statement>) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        let is_alone = statements.len() < 2;
        let mut answers = Vec::with_capacity(statements.len());
        if !is_alone {
            // Takes the write lock at once: a lock requested in the middle can be denied without waiting.
            self.run(Statement::new("BEGIN IMMEDIATE")).await?;
        }
        for statement in statements {
            answers.push(self.run(statement).await?);
        }
        if !is_alone {
            self.run(Statement::new("COMMIT")).await?;
        }
        Ok(answers)
    }
}

impl Sql for SpinPorts {
    async fn transact(
        &self,
        _place: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        let lease = Lease::take().await?;
        let has_begun = statements.len() > 1;
        match lease.transact(statements).await {
            Ok(answers) => {
                lease.give_back();
                Ok(answers)
            }
            Err(error) => {
                if error.kind == SqlErrorKind::Failed {
                    // The others are of the same database, which may have been moved away.
                    POOL.with_borrow_mut(|pool| pool.idle.clear());
                }
                if has_begun {
                    // Closing rolls back as well, though perhaps later. Without a transaction this fails, which is
                    // ignored.
                    let _ = lease.run(Statement::new("ROLLBACK")).await;
                }
                Err(error)
            }
        }
    }
}

async fn open() -> Result<Connection, SqlError> {
    let connection = Connection::open(DATABASE).await.map_err(sql_error)?;
    for text in PREPARATION {
        let _ = run(&connection, Statement::new(text)).await;
    }
    Ok(connection)
}

async fn run(connection: &Connection, statement: Statement) -> Result<Vec<SqlRow>, SqlError> {
    let parameters = statement.parameters.into_iter().map(parameter);
    let answer = connection
        .execute(statement.text, parameters)
        .await
        .map_err(sql_error)?;
    rows(answer).await
}

/// All rows; only the end of the stream shows whether there was an error.
async fn rows(answer: QueryResult) -> Result<Vec<SqlRow>, SqlError> {
    if answer.columns().is_empty() {
        // No rows can follow, so their stream is not read.
        answer.result().await.map_err(sql_error)?;
        return Ok(Vec::new());
    }
    let rows = answer.collect().await.map_err(sql_error)?;
    rows.into_iter().map(row).collect()
}

fn parameter(value: SqlValue) -> HostValue {
    match value {
        SqlValue::Null => HostValue::Null,
        SqlValue::Integer(number) => HostValue::Integer(number),
        SqlValue::Real(number) => HostValue::Real(number),
        SqlValue::Text(text) => HostValue::Text(text),
    }
}

fn row(row: RowResult) -> Result<SqlRow, SqlError> {
    let value = |value| match value {
        HostValue::Null => Ok(SqlValue::Null),
        HostValue::Integer(number) => Ok(SqlValue::Integer(number)),
        HostValue::Real(number) => Ok(SqlValue::Real(number)),
        HostValue::Text(text) => Ok(SqlValue::Text(text)),
        HostValue::Blob(_) => Err(failed(
            "a column holds bytes, which the gateway never writes",
        )),
    };
    row.values.into_iter().map(value).collect()
}

fn failed(detail: &str) -> SqlError {
    SqlError {
        kind: SqlErrorKind::Failed,
        detail: detail.to_owned(),
    }
}

fn sql_error(error: Error) -> SqlError {
    SqlError::from_words(match error {
        Error::NoSuchDatabase => "there is no such database".to_owned(),
        Error::AccessDenied => {
            "the manifest does not allow the database (sqlite_databases)".to_owned()
        }
        Error::InvalidConnection => "the connection is not open".to_owned(),
        Error::DatabaseFull => "the database is full".to_owned(),
        Error::Io(reason) => reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_keeps_its_kind() {
        let words = "UNIQUE constraint failed: request.id".to_owned();
        let error = sql_error(Error::Io(words.clone()));
        assert_eq!(error.kind, SqlErrorKind::Duplicate);
        assert_eq!(error.detail, words);
        assert_eq!(sql_error(Error::DatabaseFull).kind, SqlErrorKind::Failed);
    }

    #[test]
    fn values_survive_the_way_to_the_host_and_back() {
        let values = vec![
            SqlValue::Null,
            SqlValue::Integer(i64::MIN),
            SqlValue::Real(0.5),
            SqlValue::Text("naïve".to_owned()),
        ];
        let there = values.iter().cloned().map(parameter).collect();
        assert_eq!(row(RowResult { values: there }), Ok(values));
        let bytes = RowResult {
            values: vec![HostValue::Blob(vec![1])],
        };
        assert!(row(bytes).is_err());
    }
}
