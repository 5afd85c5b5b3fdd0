//! The ledger in the host's database. Owns when a statement runs, and that the schema is up to date before the first write.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt as _, TryFutureExt as _};

use super::alert_state::{self, AlertRow};
use super::audit::{self, AuditEntry, AuditPage, AuditQuery};
use super::batch::{self, Batch};
use super::columns;
use super::kept_response::{self, KeptContent, KeptExtent, KeptTurn};
use super::key_use::{self, KeyUse, LastUses};
use super::layout::Layout;
use super::lean;
use super::port::Ledger;
use super::queries::actors;
use super::queries::counters::{self, Counters};
use super::queries::requests::{self, Cursor, RequestPage, RequestQuery};
use super::queries::usage::{UsageQuery, UsageSlice};
use super::replaced::{self, ReplacedLedger};
use super::response_record::{self, ResponseRecord};
use super::schema;
use super::stored::StoredRequest;
use super::sums;
use crate::database::{self, DatabaseError};
use crate::ports::{Clock, Sql, SqlTarget};
use crate::sql::rows::{NamedRow, Query, Rows};
use crate::sql::{SqlError, SqlErrorKind, Statement};
use crate::units::Timestamp;

/// [`Ledger`] over the host's SQL.
#[derive(Debug)]
pub struct SqlLedger<P> {
    ports: P,
    time_limit: Duration,
    /// Whether the schema is known to be up to date.
    is_migrated: Cell<bool>,
}

impl<P: Sql + Clock> SqlLedger<P> {
    /// Gives each statement up after `time_limit`.
    pub const fn new(ports: P, time_limit: Duration) -> Self {
        Self {
            ports,
            time_limit,
            is_migrated: Cell::new(false),
        }
    }

    fn layout(&self) -> Layout {
        if self.ports.charges_for_rows() {
            Layout::Lean
        } else {
            Layout::Indexed
        }
    }

    /// Has the sums that wait added to their tables, before these are read.
    async fn file(&self) -> Result<(), DatabaseError> {
        if self.layout() == Layout::Indexed {
            return Ok(());
        }
        match self.execute(lean::file()).await {
            // Nothing was written by this version yet, so that nothing waits.
            Err(error) if error.kind == SqlErrorKind::NoTable => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    fn execute(&self, statement: Statement) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        let target = SqlTarget::Ledger;
        let call = database::execute(&self.ports, target, statement, self.time_limit);
        call.map_ok(drop).boxed_local()
    }

    async fn try_query(&self, query: Query) -> Result<Rows, SqlError> {
        database::query(&self.ports, SqlTarget::Ledger, query, self.time_limit).await
    }

    /// Boxed, as the other calls are: the code of it is there once, not at each of its callers.
    fn query(&self, query: Query) -> LocalBoxFuture<'_, Result<Rows, DatabaseError>> {
        self.query_migrated(query).boxed_local()
    }

    async fn query_migrated(&self, query: Query) -> Result<Rows, DatabaseError> {
        let mut answer = self.try_query(query.clone()).await;
        if matches!(&answer, Err(error) if error.kind == SqlErrorKind::NoColumn) {
            // Nothing was recorded since the gateway was updated, so that nothing has brought the schema up to date.
            self.migrate().await?;
            answer = self.try_query(query).await;
        }
        match answer {
            Err(error) if error.kind == SqlErrorKind::NoTable => Ok(Rows::default()),
            answer => Ok(answer?),
        }
    }

    /// Brings the schema up to date, unless it is known to be.
    async fn prepare(&self) -> Result<(), SqlError> {
        if !self.is_migrated.get() {
            self.migrate().await?;
            self.is_migrated.set(true);
        }
        Ok(())
    }

    /// Runs a statement that needs the schema of this version.
    fn insert(&self, statement: Statement) -> LocalBoxFuture<'_, Result<(), SqlError>> {
        self.insert_migrated(statement).boxed_local()
    }

    async fn insert_migrated(&self, statement: Statement) -> Result<(), SqlError> {
        self.prepare().await?;
        let outcome = self.execute(statement).await;
        if let Err(error) = &outcome
            && error.kind != SqlErrorKind::Duplicate
        {
            // Perhaps the database was moved away.
            self.is_migrated.set(false);
        }
        outcome
    }

    /// Brings the schema to [`schema::VERSION`]. An instance does so once, before its first write; any number may do it
    /// at the same time.
    async fn migrate(&self) -> Result<(), SqlError> {
        let version = self.version().await?;
        if version > schema::VERSION {
            return Err(SqlError {
                kind: SqlErrorKind::Failed,
                detail: format!(
                    "it was written by a newer gateway (schema {version}, this one knows {}): run that one, or move the \
                     database away",
                    schema::VERSION
                ),
            });
        }
        // One by one: many instances find a new database at the same time, and with a transaction each would keep the lock
        // from one of its turns to the next, and all requests of keys with limits waiting.
        for statement in schema::migration(version, self.layout()) {
            match self.execute(statement).await {
                // Another program has added the column.
                Err(error) if error.kind != SqlErrorKind::Duplicate => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// One call, since an instance that lives for one request makes it each time.
    async fn version(&self) -> Result<u64, SqlError> {
        match self.try_query(schema::read_version()).await {
            Ok(rows) => Ok(schema::version(&rows)),
            Err(error) if error.kind == SqlErrorKind::NoTable => Ok(0),
            Err(error) => Err(error),
        }
    }
}

impl<P: Sql + Clock> Ledger for SqlLedger<P> {
    async fn append(&self, batch: &Batch) -> Result<(), DatabaseError> {
        match self.insert(batch.statement()).await {
            // An earlier call took effect, although its answer was lost.
            Err(error) if error.kind == SqlErrorKind::Duplicate => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    async fn append_responses(&self, records: &[ResponseRecord]) -> Result<(), DatabaseError> {
        Ok(self.insert(response_record::insert(records)).await?)
    }

    async fn find_response(
        &self,
        owner: &str,
        id: &str,
        since_ms: u64,
    ) -> Result<Option<ResponseRecord>, DatabaseError> {
        let rows = self
            .query(response_record::find(owner, id, since_ms))
            .await?;
        Ok(rows.first().map(|row| response_record::read(&row)))
    }

    async fn settle_response(&self, owner: &str, id: &str) -> Result<bool, DatabaseError> {
        let rows = self.query(response_record::settle(owner, id)).await?;
        Ok(rows.first().is_some())
    }

    async fn remove_response(&self, owner: &str, id: &str) -> Result<(), DatabaseError> {
        Ok(self.execute(response_record::remove(owner, id)).await?)
    }

    async fn prune_responses(&self, since_ms: u64, most: u64) -> Result<(), DatabaseError> {
        Ok(self.execute(response_record::prune(since_ms, most)).await?)
    }

    async fn append_kept(&self, turn: &KeptTurn, stored: &str) -> Result<(), DatabaseError> {
        // One by one: a part is as large as a row may be.
        for statement in kept_response::insert(turn, stored) {
            self.insert(statement).await?;
        }
        Ok(())
    }

    async fn measure_kept(
        &self,
        owner: &str,
        id: &str,
        since_ms: u64,
        most_turns: u64,
    ) -> Result<Option<KeptExtent>, DatabaseError> {
        let query = kept_response::measure(owner, id, since_ms, most_turns);
        let rows = self.query(query).await?;
        Ok(rows.first().map(|row| kept_response::read_extent(&row)))
    }

    async fn read_kept(
        &self,
        owner: &str,
        id: &str,
        since_ms: u64,
        most_turns: u64,
    ) -> Result<Vec<KeptContent>, DatabaseError> {
        let query = kept_response::contents(owner, id, since_ms, most_turns);
        Ok(kept_response::read_contents(&self.query(query).await?))
    }

    async fn remove_kept(&self, owner: &str, id: &str) -> Result<bool, DatabaseError> {
        let rows = self.query(kept_response::remove(owner, id)).await?;
        Ok(rows.first().is_some())
    }

    async fn prune_kept(&self, since_ms: u64, most: u64) -> Result<(), DatabaseError> {
        Ok(self.insert(kept_response::prune(since_ms, most)).await?)
    }

    async fn prune(&self, rows: u64, since_ms: u64, most: u64) -> Result<(), DatabaseError> {
        Ok(self
            .execute(batch::prune(rows, since_ms, most, self.layout()))
            .await?)
    }

    async fn prune_sums(&self, hour: u64, most: u64) -> Result<(), DatabaseError> {
        for statement in sums::prune(hour, most) {
            self.execute(statement).await?;
        }
        Ok(())
    }

    async fn query_requests(
        &self,
        query: &RequestQuery,
    ) -> Result<Option<RequestPage>, DatabaseError> {
        let narrowed;
        let query = match query.searched_id() {
            None => query,
            Some(id) => match self.query(query.find(id)).await?.first() {
                // Perhaps a part of one.
                None => query,
                Some(row) => {
                    narrowed = query.at(Cursor::read(&row));
                    &narrowed
                }
            },
        };
        let cursor = match (query.after, &query.before) {
            (Some(after), _) => after,
            (None, None) => query.beginning(),
            (None, Some(id)) => match self.query(query.find(id)).await?.first() {
                Some(row) => Cursor::read(&row),
                None => return Ok(None),
            },
        };
        let rows = self.query(query.query(cursor, self.layout())).await?;
        let mut page = query.read(&rows);
        page.total = if !query.is_counted {
            None
        } else if query.before.is_none() && !page.has_more {
            u64::try_from(page.requests.len()).ok()
        } else {
            RequestQuery::read_count(&self.query(query.count(self.layout())).await?)
        };
        Ok(Some(page))
    }

    async fn query_request(&self, id: &str) -> Result<Option<StoredRequest>, DatabaseError> {
        let rows = self.query(requests::one(id)).await?;
        Ok(rows.first().map(|row| columns::request::read(&row)))
    }

    async fn query_usage(&self, query: &UsageQuery) -> Result<Vec<UsageSlice>, DatabaseError> {
        self.file().await?;
        let rows = self.query(query.query()).await?;
        Ok(rows.iter().map(|row| query.read(&row)).collect())
    }

    async fn query_counters(&self) -> Result<Counters, DatabaseError> {
        self.file().await?;
        let usage = self.query(counters::usage()).await?;
        let tallies = self.query(counters::tallies()).await?;
        Ok(Counters {
            usage: usage.iter().map(|row| counters::read_usage(&row)).collect(),
            tallies: tallies
                .iter()
                .map(|row| counters::read_tally(&row))
                .collect(),
        })
    }

    async fn query_names(&self, ids: &[&str]) -> Result<BTreeMap<String, String>, DatabaseError> {
        self.file().await?;
        let rows = self.query(actors::names(ids)).await?;
        Ok(rows.iter().map(|row| actors::read_name(&row)).collect())
    }

    async fn query_last_uses(&self, ids: &[&str]) -> Result<BTreeMap<String, u64>, DatabaseError> {
        self.file().await?;
        let rows = self.query(actors::last_uses(ids)).await?;
        let mut uses = BTreeMap::new();
        for (id, used) in rows.iter().map(|row| actors::read_last_use(&row)) {
            uses.insert(id, used);
        }
        Ok(uses)
    }

    async fn append_key_uses(&self, uses: &[KeyUse]) -> Result<(), DatabaseError> {
        Ok(self.insert(key_use::insert(uses)).await?)
    }

    async fn query_key_uses(
        &self,
        ids: &[&str],
    ) -> Result<BTreeMap<String, LastUses>, DatabaseError> {
        self.file().await?;
        let mut uses = BTreeMap::new();
        for row in self.query(key_use::find(ids)).await?.iter() {
            key_use::read(&row, &mut uses);
        }
        Ok(uses)
    }

    async fn read_alerts(&self) -> Result<AlertRow, DatabaseError> {
        let rows = self.query(alert_state::read()).await?;
        let row = rows.first().map(|row| alert_state::read_row(&row));
        Ok(row.unwrap_or_default())
    }

    async fn claim_alerts(
        &self,
        holder: &str,
        now: Timestamp,
        next: Timestamp,
    ) -> Result<Option<AlertRow>, DatabaseError> {
        self.prepare().boxed_local().await?;
        let query = alert_state::claim(holder, now, next);
        let rows = self.query(query).await?;
        Ok(rows.first().map(|row| alert_state::read_row(&row)))
    }

    async fn save_alerts(&self, holder: &str, state: &str) -> Result<bool, DatabaseError> {
        let rows = self.query(alert_state::save(holder, state)).await?;
        Ok(rows.first().is_some())
    }

    async fn query_cost(&self, from_hour: Option<u64>) -> Result<u64, DatabaseError> {
        self.file().await?;
        let rows = self.query(alert_state::cost(from_hour)).await?;
        Ok(rows.first().map_or(0, |row| row.count("cost")))
    }

    async fn query_errors(&self, since: Timestamp) -> Result<(u64, u64), DatabaseError> {
        let rows = self.query(alert_state::errors(since)).await?;
        let counts = |row: NamedRow<'_>| (row.count("requests"), row.count("errors"));
        Ok(rows.first().map_or((0, 0), counts))
    }

    async fn query_replaced(&self) -> Result<Option<ReplacedLedger>, DatabaseError> {
        // Only hosts with files have that table.
        if self.layout() == Layout::Lean {
            return Ok(None);
        }
        let rows = self.query(replaced::find()).await?;
        Ok(rows.first().map(|row| replaced::read(&row)))
    }

    async fn append_audit(&self, entries: &[AuditEntry]) -> Result<(), DatabaseError> {
        Ok(self.insert(audit::insert(entries)).await?)
    }

    async fn query_audit(&self, query: &AuditQuery) -> Result<AuditPage, DatabaseError> {
        let rows = self.query(query.page()).await?;
        let mut entries: Vec<AuditEntry> = rows.iter().map(|row| audit::read(&row)).collect();
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let total = if query.before.is_none() && !has_more {
            u64::try_from(entries.len()).unwrap_or(u64::MAX)
        } else {
            let rows = self.query(query.count()).await?;
            rows.first().map_or(0, |row| row.count("total"))
        };
        let last = entries.last().filter(|_| has_more);
        Ok(AuditPage {
            next: last.map(|entry| entry.seq),
            entries,
            total,
        })
    }

    async fn prune_audit(
        &self,
        since: Timestamp,
        failed_logins: u64,
        most: u64,
    ) -> Result<(), DatabaseError> {
        let statement = audit::prune(since, failed_logins, most);
        Ok(self.insert(statement).await?)
    }
}
