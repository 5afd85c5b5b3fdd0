//! Queries of the ledger for those who show it. Owns what a database that does not answer means to the admin API, and the
//! names of channels and keys that may be gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::config::model::Document;
use crate::database::DatabaseError;
use crate::error::{ErrorCode, GatewayError};
use crate::ledger::LedgerEngine;
use crate::ledger::port::Ledger as _;
use crate::ports::AdminPorts;

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

/// Names of channels and client keys.
#[derive(Debug, Default)]
pub struct DisplayNames(BTreeMap<String, String>);

impl DisplayNames {
    /// The names that the configuration gives; of those that it does not know the last ones that requests had.
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
