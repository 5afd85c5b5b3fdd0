//! The database as the core uses it: every call has an end, and an older schema is brought up to date before anything
//! else. Owns no statement: they stand with what they keep.

use std::time::Duration;

use crate::ledger::schema;
use crate::ports::{Clock, Sql, SqlTarget};
use crate::sql::{SqlError, SqlErrorKind, SqlRow, Statement};
use crate::timeout::timeout;

/// Runs the statements in one transaction and gives up after `patience`. Given up, it may still take place.
pub async fn transact<P: Sql + Clock>(
    ports: &P,
    place: SqlTarget<'_>,
    statements: Vec<Statement>,
    patience: Duration,
) -> Result<Vec<Vec<SqlRow>>, SqlError> {
    let outcome = timeout(ports, patience, ports.transact(place, statements)).await;
    outcome.unwrap_or_else(|| {
        Err(failed(format!(
            "no answer within {} ms",
            patience.as_millis()
        )))
    })
}

/// Runs one statement that only reads.
pub async fn query<P: Sql + Clock>(
    ports: &P,
    place: SqlTarget<'_>,
    statement: Statement,
    patience: Duration,
) -> Result<Vec<SqlRow>, SqlError> {
    let mut answers = transact(ports, place, vec![statement], patience).await?;
    Ok(answers.pop().unwrap_or_default())
}

/// Brings the ledger's schema to [`schema::VERSION`], where it is not there already. An instance does so once, before
/// its first other statement; any number may do it at the same time. `patience` counts for each of its calls.
pub async fn ready<P: Sql + Clock>(ports: &P, patience: Duration) -> Result<(), SqlError> {
    let version = version(ports, patience).await?;
    if version > schema::VERSION {
        return Err(failed(format!(
            "it was written by a newer gateway (schema {version}, this one knows {}): run that one, or move the \
             database away",
            schema::VERSION
        )));
    }
    // One by one: many instances find a new database at the same time, and with a transaction each would keep the lock
    // from one of its turns to the next, and all requests of keys with limits waiting.
    for statement in schema::migration(version) {
        match query(ports, SqlTarget::Ledger, statement, patience).await {
            // Another program has added the column.
            Err(error) if error.kind != SqlErrorKind::Duplicate => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// One call, since an instance that lives for one request makes it each time.
async fn version<P: Sql + Clock>(ports: &P, patience: Duration) -> Result<u64, SqlError> {
    match query(ports, SqlTarget::Ledger, schema::read_version(), patience).await {
        Ok(rows) => Ok(schema::answer(&rows)),
        Err(error) if error.kind == SqlErrorKind::NoTable => Ok(0),
        Err(error) => Err(error),
    }
}

fn failed(detail: String) -> SqlError {
    SqlError {
        kind: SqlErrorKind::Failed,
        detail,
    }
}
