//! Calls of the host's database, each with a time limit. Owns the limit and the error that callers see; no statement.

use std::fmt;
use std::time::Duration;

use crate::ports::{Clock, Sql, SqlTarget};
use crate::sql::rows::{Query, Rows};
use crate::sql::{SqlError, SqlErrorKind, SqlRow, Statement};
use crate::timeout::timeout;

/// A call of the ledger or of the limits that failed. Whether it took effect is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseError(
    /// The database's message, for the log; never sent to a client.
    pub String,
);

impl fmt::Display for DatabaseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "database: {}", self.0)
    }
}

impl std::error::Error for DatabaseError {}

impl From<SqlError> for DatabaseError {
    fn from(error: SqlError) -> Self {
        Self(error.detail)
    }
}

/// Runs one statement and gives up after `limit`. After the limit it may still take effect.
pub async fn execute<P: Sql + Clock>(
    ports: &P,
    target: SqlTarget<'_>,
    statement: Statement,
    limit: Duration,
) -> Result<Vec<SqlRow>, SqlError> {
    let call = ports.transact(target, vec![statement]);
    let Some(outcome) = timeout(ports, limit, call).await else {
        return Err(SqlError {
            kind: SqlErrorKind::Failed,
            detail: format!("no answer within {} ms", limit.as_millis()),
        });
    };
    outcome.map(|mut answers| answers.pop().unwrap_or_default())
}

/// Runs one query and gives up after `limit`.
pub async fn query<P: Sql + Clock>(
    ports: &P,
    target: SqlTarget<'_>,
    query: Query,
    limit: Duration,
) -> Result<Rows, SqlError> {
    let rows = execute(ports, target, query.statement().clone(), limit).await?;
    Ok(query.rows(rows))
}
