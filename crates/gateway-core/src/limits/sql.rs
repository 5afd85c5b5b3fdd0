//! The counts of client keys in the host's database. Owns when a statement runs, and when the table or a column is made.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use super::port::{Acquired, Limits};
use super::statements;
use super::usage::{Consumed, LimitUsage, Settlement};
use crate::config::model::KeyLimits;
use crate::database::{self, DatabaseError};
use crate::ports::{Clock, Sql, SqlTarget};
use crate::sql::rows::{Query, Rows};
use crate::sql::{SqlError, SqlErrorKind};
use crate::units::Timestamp;

/// Databases that are asked at the same time where each key has its own.
const READS_AT_ONCE: usize = 32;

/// [`Limits`] over the host's SQL.
#[derive(Debug)]
pub struct SqlLimits<P> {
    ports: P,
    time_limit: Duration,
}

impl<P: Sql + Clock> SqlLimits<P> {
    /// Gives each statement up after `time_limit`.
    pub const fn new(ports: P, time_limit: Duration) -> Self {
        Self { ports, time_limit }
    }

    /// Boxed: the code of it is there once, not at each of its callers.
    fn query<'c>(
        &'c self,
        key: &'c str,
        query: Query,
    ) -> LocalBoxFuture<'c, Result<Rows, SqlError>> {
        let target = SqlTarget::Limits(key);
        database::query(&self.ports, target, query, self.time_limit).boxed_local()
    }

    /// Runs a query in a table that is made if it is missing.
    async fn query_or_create(&self, key: &str, query: Query) -> Result<Rows, SqlError> {
        match self.query_or_alter(key, query.clone()).await {
            Err(error) if error.kind == SqlErrorKind::NoTable => {
                // No transaction, which would keep the lock while the instance is busy with others.
                let (target, create) = (SqlTarget::Limits(key), statements::create());
                database::execute(&self.ports, target, create, self.time_limit).await?;
                self.query(key, query).await
            }
            outcome => outcome,
        }
    }

    /// Runs a query in a table that gets the columns that an older gateway did not make.
    async fn query_or_alter(&self, key: &str, query: Query) -> Result<Rows, SqlError> {
        match self.query(key, query.clone()).await {
            Err(error) if error.kind == SqlErrorKind::NoColumn => {
                for statement in statements::add_columns() {
                    let target = SqlTarget::Limits(key);
                    match database::execute(&self.ports, target, statement, self.time_limit).await {
                        // Another instance has added the column.
                        Err(error) if error.kind != SqlErrorKind::Duplicate => return Err(error),
                        _ => {}
                    }
                }
                self.query(key, query).await
            }
            outcome => outcome,
        }
    }
}

impl<P: Sql + Clock> Limits for SqlLimits<P> {
    async fn try_acquire(
        &self,
        key: &str,
        limits: &KeyLimits,
        estimate: Consumed,
        now: Timestamp,
    ) -> Result<Acquired, DatabaseError> {
        if limits.requests_per_minute.is_none() && estimate.is_zero() {
            // There is nothing to count.
            let usage = self.read(key, now).await?;
            return Ok(Acquired {
                is_admitted: usage.exceeded_limit(limits, now).is_none(),
                usage,
            });
        }
        let query = statements::try_acquire(key, limits, estimate, now);
        let rows = self.query_or_create(key, query).await?;
        Ok(Acquired {
            is_admitted: statements::is_admitted(&rows),
            usage: statements::usage(&rows, now),
        })
    }

    async fn settle(
        &self,
        key: &str,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let query = statements::settle(key, settlement, now);
        self.query_or_create(key, query).await?;
        Ok(())
    }

    async fn read(&self, key: &str, now: Timestamp) -> Result<LimitUsage, DatabaseError> {
        match self.query_or_alter(key, statements::read(key)).await {
            Ok(rows) => Ok(statements::usage(&rows, now)),
            Err(error) if error.kind == SqlErrorKind::NoTable => Ok(LimitUsage::fresh(now)),
            Err(error) => Err(error.into()),
        }
    }

    async fn read_all(
        &self,
        keys: &[&str],
        now: Timestamp,
    ) -> Result<BTreeMap<String, LimitUsage>, DatabaseError> {
        if P::LIMITS_ARE_TOGETHER {
            let query = self.query_or_alter("", statements::read_all(keys));
            return match query.await {
                Ok(rows) => Ok(statements::usages(&rows)),
                Err(error) if error.kind == SqlErrorKind::NoTable => Ok(BTreeMap::new()),
                Err(error) => Err(error.into()),
            };
        }
        let read = |key: &&str| {
            let key = (*key).to_owned();
            async move { Ok((key.clone(), self.read(&key, now).await?)) }
        };
        let reads = stream::iter(keys.iter().map(read));
        reads.buffer_unordered(READS_AT_ONCE).try_collect().await
    }

    async fn forget(&self, key: &str) -> Result<(), DatabaseError> {
        let (target, forget) = (SqlTarget::Limits(key), statements::forget(key));
        match database::execute(&self.ports, target, forget, self.time_limit).await {
            Err(error) if error.kind != SqlErrorKind::NoTable => Err(error.into()),
            _ => Ok(()),
        }
    }
}
