//! The ledger's store, as the core asks for it. Owns the contract, no behaviour: [`super::sql`] keeps the ledger in the
//! host's database, and another engine can take its place in [`super::LedgerEngine`].
#![expect(
    async_fn_in_trait,
    reason = "the core is single-threaded by design; no caller may ask for Send futures"
)]

use std::collections::BTreeMap;

use super::alert_state::AlertRow;
use super::audit::{AuditEntry, AuditPage, AuditQuery};
use super::batch::Batch;
use super::kept_response::{KeptContent, KeptExtent, KeptTurn};
use super::key_use::{KeyUse, LastUses};
use super::queries::counters::Counters;
use super::queries::requests::{RequestPage, RequestQuery};
use super::queries::usage::{UsageQuery, UsageSlice};
use super::replaced::ReplacedLedger;
use super::response_record::ResponseRecord;
use super::stored::StoredRequest;
use crate::database::DatabaseError;
use crate::units::Timestamp;

/// The records of all instances, and what they add up to. Queries see every batch that was appended before; a ledger that is
/// new, or was never written, answers with nothing.
pub trait Ledger {
    /// Adds a batch to the request log and to all sums: whole or not at all. Idempotent: a batch that was added already,
    /// although its answer was lost, is not added again.
    async fn append(&self, batch: &Batch) -> Result<(), DatabaseError>;

    /// Removes requests from the log beyond the newest `rows` and those before `since_ms`, looking at no more than the
    /// `most` oldest. The sums keep them. Idempotent.
    async fn prune(&self, rows: u64, since_ms: u64, most: u64) -> Result<(), DatabaseError>;

    /// Removes sums of hours before `hour`, at most `most` of each kind, the oldest first. Those of all hours together keep
    /// what was in them. Idempotent.
    async fn prune_sums(&self, hour: u64, most: u64) -> Result<(), DatabaseError>;

    /// Writes records of stored responses: whole or not at all. Idempotent.
    async fn append_responses(&self, records: &[ResponseRecord]) -> Result<(), DatabaseError>;

    /// The record of a response that the client key `owner` made at `since_ms` or later.
    async fn find_response(
        &self,
        owner: &str,
        id: &str,
        since_ms: u64,
    ) -> Result<Option<ResponseRecord>, DatabaseError>;

    /// Marks the usage of a response as counted; `true` for the first caller only.
    async fn settle_response(&self, owner: &str, id: &str) -> Result<bool, DatabaseError>;

    /// Removes the record of a response. Idempotent.
    async fn remove_response(&self, owner: &str, id: &str) -> Result<(), DatabaseError>;

    /// Removes at most `most` records of responses from before `since_ms`. Idempotent.
    async fn prune_responses(&self, since_ms: u64, most: u64) -> Result<(), DatabaseError>;

    /// Writes a kept response, whose content is `stored`. Idempotent.
    async fn append_kept(&self, turn: &KeptTurn, stored: &str) -> Result<(), DatabaseError>;

    /// The extent of the conversation that ends with a kept response that the client key `owner` made at `since_ms` or
    /// later, with at most `most_turns`; `None`: there is no such response.
    async fn measure_kept(
        &self,
        owner: &str,
        id: &str,
        since_ms: u64,
        most_turns: u64,
    ) -> Result<Option<KeptExtent>, DatabaseError>;

    /// The turns of this conversation, the oldest first. A turn that is not written as a whole is left out.
    async fn read_kept(
        &self,
        owner: &str,
        id: &str,
        since_ms: u64,
        most_turns: u64,
    ) -> Result<Vec<KeptContent>, DatabaseError>;

    /// Removes a kept response with its content; whether there was one. Idempotent.
    async fn remove_kept(&self, owner: &str, id: &str) -> Result<bool, DatabaseError>;

    /// Removes at most `most` parts of kept responses from before `since_ms`. Idempotent.
    async fn prune_kept(&self, since_ms: u64, most: u64) -> Result<(), DatabaseError>;

    /// A page of the request log; `None`: the request before which it should begin is not in the log.
    async fn query_requests(
        &self,
        query: &RequestQuery,
    ) -> Result<Option<RequestPage>, DatabaseError>;

    /// The request with this id; `None`: it is not in the log.
    async fn query_request(&self, id: &str) -> Result<Option<StoredRequest>, DatabaseError>;

    /// Usage by bucket and subject.
    async fn query_usage(&self, query: &UsageQuery) -> Result<Vec<UsageSlice>, DatabaseError>;

    /// Everything that was counted. The two lists may be a batch apart.
    async fn query_counters(&self) -> Result<Counters, DatabaseError>;

    /// The last known names of client keys and channels, by id.
    async fn query_names(&self, ids: &[&str]) -> Result<BTreeMap<String, String>, DatabaseError>;

    /// When client keys and channels were last used, by id, in milliseconds since 1970.
    async fn query_last_uses(&self, ids: &[&str]) -> Result<BTreeMap<String, u64>, DatabaseError>;

    /// Adds uses of upstream keys beside those of the batches. Idempotent.
    async fn append_key_uses(&self, uses: &[KeyUse]) -> Result<(), DatabaseError>;

    /// The last uses of upstream keys, and of channels without keys, by id.
    async fn query_key_uses(
        &self,
        ids: &[&str],
    ) -> Result<BTreeMap<String, LastUses>, DatabaseError>;

    /// The record of alerts.
    async fn read_alerts(&self) -> Result<AlertRow, DatabaseError>;

    /// Makes `holder` the holder of the record of alerts if it is due at `now`, and due again at `next`; `None`: it is not
    /// due. Of several callers at the same time one becomes the holder.
    async fn claim_alerts(
        &self,
        holder: &str,
        now: Timestamp,
        next: Timestamp,
    ) -> Result<Option<AlertRow>, DatabaseError>;

    /// Replaces the record of alerts; `false`: it has another holder meanwhile, and stays. Idempotent.
    async fn save_alerts(&self, holder: &str, state: &str) -> Result<bool, DatabaseError>;

    /// The cost of all requests ever, or of those from an hour since 1970 on, in millionths of a dollar.
    async fn query_cost(&self, from_hour: Option<u64>) -> Result<u64, DatabaseError>;

    /// The newest requests since a time: how many, and how many of them got no whole answer from an upstream.
    async fn query_errors(&self, since: Timestamp) -> Result<(u64, u64), DatabaseError>;

    /// The ledger in whose place this one began, since it was damaged; `None` where that did not happen.
    async fn query_replaced(&self) -> Result<Option<ReplacedLedger>, DatabaseError>;

    /// Adds entries to the audit log: whole or not at all. Idempotent.
    async fn append_audit(&self, entries: &[AuditEntry]) -> Result<(), DatabaseError>;

    /// A page of the audit log.
    async fn query_audit(&self, query: &AuditQuery) -> Result<AuditPage, DatabaseError>;

    /// Removes at most `most` entries of the audit log from before `since`, and as many failed logins beyond the newest
    /// `failed_logins`. Idempotent.
    async fn prune_audit(
        &self,
        since: Timestamp,
        failed_logins: u64,
        most: u64,
    ) -> Result<(), DatabaseError>;
}
