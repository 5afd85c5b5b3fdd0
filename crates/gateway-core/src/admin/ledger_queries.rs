//! Queries of the ledger for those who show it. Owns what a database that does not answer means to the admin API, and the
//! names of channels and keys that may be gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::document;
use super::last_call::{self, KeyRecords};
use crate::config::model::{ChannelConfig, Document};
use crate::database::DatabaseError;
use crate::error::{ErrorCode, GatewayError};
use crate::ledger::LedgerEngine;
use crate::ledger::key_use::KeyUse;
use crate::ledger::port::Ledger as _;
use crate::ledger::replaced::ReplacedLedger;
use crate::ports::AdminPorts;
use crate::units::Timestamp;

/// How long a call waits for figures.
const TIME_LIMIT: Duration = Duration::from_secs(4);
/// How long an answer waits for what it can do without.
const TIME_LIMIT_OF_EXTRAS: Duration = Duration::from_secs(1);

/// The ledger, for calls that need it.
pub const fn ledger<P: AdminPorts>(ports: &P) -> LedgerEngine<&P> {
    LedgerEngine::new(ports, TIME_LIMIT)
}

/// The error of a call whose query failed. The log says why.
pub fn unavailable<P: AdminPorts>(ports: &P, error: &DatabaseError) -> GatewayError {
    ports.line(format_args!("admin: {error}"));
    ErrorCode::StoreUnavailable.error(
        "The ledger's database does not answer as it should; see the gateway's log. Requests go on without it.",
    )
}

/// When client keys were last used, by id, in milliseconds since 1970. Empty when the database does not say.
pub async fn last_uses<P: AdminPorts>(ports: &P, ids: &[&str]) -> BTreeMap<String, u64> {
    let ledger = LedgerEngine::new(ports, TIME_LIMIT_OF_EXTRAS);
    ledger.query_last_uses(ids).await.unwrap_or_default()
}

/// What is recorded of the upstream keys of these channels, with one query. A database that does not say leaves it
/// incomplete, and so does a ledger that is switched off: then `is_recorded` is false.
pub async fn key_records<'a, P: AdminPorts>(
    ports: &P,
    is_recorded: bool,
    channels: impl IntoIterator<Item = &'a ChannelConfig>,
) -> KeyRecords {
    let channels = channels.into_iter();
    let ids: Vec<&str> = channels.flat_map(last_call::subjects).collect();
    if ids.is_empty() {
        return KeyRecords::default();
    }
    let ledger = LedgerEngine::new(ports, TIME_LIMIT_OF_EXTRAS);
    match ledger.query_key_uses(&ids).await {
        Ok(uses) => KeyRecords {
            uses,
            is_complete: is_recorded,
        },
        Err(error) => {
            ports.line(format_args!("admin: last uses of keys: {error}"));
            KeyRecords::default()
        }
    }
}

/// The damaged ledger in whose place the present one began at `since` or later. `None` also when the database does not say.
pub async fn replaced<P: AdminPorts>(ports: &P, since: Timestamp) -> Option<ReplacedLedger> {
    let ledger = LedgerEngine::new(ports, TIME_LIMIT_OF_EXTRAS);
    let replaced = ledger.query_replaced().await.unwrap_or_default();
    replaced.filter(|replaced| replaced.at >= since)
}

/// Keeps what tests of keys found out. A failure is only logged.
pub async fn keep_key_uses<P: AdminPorts>(ports: &P, uses: &[KeyUse]) {
    if let Err(error) = ledger(ports).append_key_uses(uses).await {
        ports.line(format_args!(
            "admin: results of tests are not kept: {error}"
        ));
    }
}

/// Names of channels and client keys.
#[derive(Debug, Default)]
pub struct DisplayNames(BTreeMap<String, String>);

impl DisplayNames {
    /// The names that the configuration gives, also if its client keys are not in `document`; of those that it does not
    /// know the last ones that requests had.
    pub async fn of<P: AdminPorts>(
        ports: &P,
        document: &Document,
        ids: BTreeSet<&str>,
    ) -> Result<Self, GatewayError> {
        let mut names = BTreeMap::new();
        let channels = document.channels.iter().map(|it| (&it.id, &it.name));
        let keys = document.keys.iter().map(|it| (&it.id, &it.name));
        for (id, name) in channels.chain(keys) {
            if ids.contains(id.as_str()) {
                names.insert(id.clone(), name.clone());
            }
        }
        if document.keys.is_empty() {
            let wanted = ids.iter().copied();
            let wanted: BTreeSet<&str> = wanted
                .filter(|id| !id.is_empty() && !names.contains_key(*id))
                .collect();
            if !wanted.is_empty() {
                let keys = document::load_keys(ports, &wanted).await?;
                names.extend(keys.into_iter().map(|key| (key.id, key.name)));
            }
        }
        let gone: Vec<&str> = ids
            .into_iter()
            .filter(|id| !id.is_empty() && !names.contains_key(*id))
            .collect();
        if !gone.is_empty() {
            let known = ledger(ports).query_names(&gone).await;
            names.extend(known.map_err(|error| unavailable(ports, &error))?);
        }
        Ok(Self(names))
    }

    /// The name; the id itself where none is known.
    pub fn get<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }
}
