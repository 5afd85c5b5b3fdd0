//! Reads of the ledger, for those who show it. Owns what a database that is new, down or slow means to the admin API,
//! and the names of channels and keys that may be gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use crate::config::model::Document;
use crate::database;
use crate::error::{ErrorCode, GatewayError};
use crate::ports::{AdminPorts, SqlTarget};
use crate::sql::{SqlErrorKind, SqlRow, SqlValue, Statement};

/// How long somebody waits for figures before being told that there are none.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long an answer waits for what it can do without.
const PATIENCE_FOR_EXTRAS: Duration = Duration::from_secs(1);

const NAMES: &str = "SELECT id, name FROM actor WHERE id IN (SELECT value FROM json_each(?1))";
const LAST_USES: &str =
    "SELECT id, last_used_ms FROM actor WHERE id IN (SELECT value FROM json_each(?1))";

/// The statement's rows; none in a database into which nothing was ever written.
pub async fn rows<P: AdminPorts>(
    ports: &P,
    statement: Statement,
) -> Result<Vec<SqlRow>, GatewayError> {
    let mut answer = database::query(ports, SqlTarget::Ledger, statement.clone(), PATIENCE).await;
    if answer
        .as_ref()
        .is_err_and(|error| error.kind == SqlErrorKind::NoColumn)
    {
        // Nothing was recorded since the gateway was updated, so that nobody has brought the schema up to date.
        answer = match database::ready(ports, PATIENCE).await {
            Ok(()) => database::query(ports, SqlTarget::Ledger, statement, PATIENCE).await,
            Err(error) => Err(error),
        };
    }
    match answer {
        Ok(rows) => Ok(rows),
        Err(error) if error.kind == SqlErrorKind::NoTable => Ok(Vec::new()),
        Err(error) => {
            ports.line(format_args!("admin: {error}"));
            Err(ErrorCode::StoreUnavailable.error(
                "The ledger's database does not answer as it should; see the gateway's log. Requests go on without it.",
            ))
        }
    }
}

/// When client keys were last used, by id, in milliseconds since 1970. Empty when the database does not say.
pub async fn last_uses<P: AdminPorts>(ports: &P, ids: &[&str]) -> BTreeMap<String, u64> {
    let statement = Statement::new(LAST_USES).with(json!(ids).to_string());
    let rows = database::query(ports, SqlTarget::Ledger, statement, PATIENCE_FOR_EXTRAS).await;
    let pair = |row: SqlRow| match row.as_slice() {
        [SqlValue::Text(id), time] => Some((id.clone(), time.count())),
        _ => None,
    };
    rows.unwrap_or_default()
        .into_iter()
        .filter_map(pair)
        .collect()
}

/// What people call channels and client keys.
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
            let statement = Statement::new(NAMES).with(json!(gone).to_string());
            for row in rows(ports, statement).await? {
                if let [SqlValue::Text(id), SqlValue::Text(name)] = row.as_slice() {
                    names.insert(id.clone(), name.clone());
                }
            }
        }
        Ok(Self(names))
    }

    /// The name; the id itself where nobody knows one.
    pub fn get<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }
}
