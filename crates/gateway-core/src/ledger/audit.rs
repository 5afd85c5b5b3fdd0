//! The audit log: who changed what through the admin API. Owns its table, its words and its statements; what an entry says
//! is the admin API's. It is apart from the request log, and has its own retention.

use std::fmt::Write as _;

use crate::sql::rows::{NamedRow, Query};
use crate::sql::{SqlValue, Statement};
use crate::units::Timestamp;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS audit (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, \
    time_ms INTEGER NOT NULL, who TEXT NOT NULL, address TEXT NOT NULL, action TEXT NOT NULL, kind TEXT NOT NULL, \
    object TEXT NOT NULL, name TEXT NOT NULL, changes TEXT NOT NULL, omitted INTEGER NOT NULL)";
const BY_TIME: &str = "CREATE INDEX IF NOT EXISTS audit_by_time ON audit (time_ms)";
const BY_OBJECT: &str = "CREATE INDEX IF NOT EXISTS audit_by_object ON audit (object)";
const BY_ACTION: &str = "CREATE INDEX IF NOT EXISTS audit_by_action ON audit (action)";
const VERSION: &str = "INSERT INTO gateway_schema (version) VALUES (10) ON CONFLICT DO NOTHING";

const COLUMNS: [&str; 11] = [
    "seq", "id", "time_ms", "who", "address", "action", "kind", "object", "name", "changes",
    "omitted",
];
/// Entries that are there already were written by an earlier try.
const INSERT: &str = "INSERT INTO audit (id, time_ms, who, address, action, kind, object, name, changes, omitted) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
    value ->> 8, value ->> 9 FROM (SELECT value FROM json_each(?1) LIMIT -1) WHERE true ON CONFLICT DO NOTHING";
/// What is older than `?1`, and failed logins beyond the newest `?2`: strangers cause them, as many as they want.
const PRUNE: &str = "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE time_ms < ?1 LIMIT ?3) \
    OR seq IN (SELECT seq FROM audit WHERE action = 'failed_login' ORDER BY seq DESC LIMIT ?3 OFFSET ?2)";
/// All words of `?` must occur in an entry.
const TEXT: &str = "who || ' ' || address || ' ' || action || ' ' || kind || ' ' || object || ' ' || name || ' ' || changes";

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditAction {
    /// An object was created.
    Create,
    /// Members of an object were changed.
    Change,
    /// An object was deleted.
    Delete,
    /// A client key was replaced by a new one.
    Rotate,
    /// A configuration or a price list was imported.
    Import,
    /// The configuration was exported with its upstream keys.
    Export,
    /// A session began.
    Login,
    /// A login with a wrong password.
    FailedLogin,
    /// A session was ended.
    Logout,
}

impl AuditAction {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Change,
        Self::Delete,
        Self::Rotate,
        Self::Import,
        Self::Export,
        Self::Login,
        Self::FailedLogin,
        Self::Logout,
    ];

    /// Its name in the database and in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
            Self::Rotate => "rotate",
            Self::Import => "import",
            Self::Export => "export",
            Self::Login => "login",
            Self::FailedLogin => "failed_login",
            Self::Logout => "logout",
        }
    }
}

/// The kind of object that it was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditKind {
    /// A channel.
    Channel,
    /// A client key.
    Key,
    /// The rules of alerts.
    Alerts,
    /// Where messages about alerts are sent.
    Destination,
    /// An account.
    Account,
    /// The gateway's settings.
    Settings,
    /// The whole configuration.
    Config,
    /// A session.
    Session,
}

impl AuditKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Channel,
        Self::Key,
        Self::Alerts,
        Self::Destination,
        Self::Account,
        Self::Settings,
        Self::Config,
        Self::Session,
    ];

    /// Its name in the database and in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Key => "key",
            Self::Alerts => "alerts",
            Self::Destination => "destination",
            Self::Account => "account",
            Self::Settings => "settings",
            Self::Config => "config",
            Self::Session => "session",
        }
    }
}

/// One entry. It never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place in the log; the database sets it.
    pub seq: u64,
    /// `aud_…`
    pub id: String,
    /// When it was done.
    pub time: Timestamp,
    /// The account that did it; empty for a failed login.
    pub who: String,
    /// The client's address; empty where the host does not know it.
    pub address: String,
    /// An [`AuditAction`].
    pub action: String,
    /// An [`AuditKind`].
    pub kind: String,
    /// The object's id; empty where there is only one.
    pub object: String,
    /// The object's name then.
    pub name: String,
    /// What changed: a JSON list.
    pub changes: String,
    /// Changes that had no room in it.
    pub omitted: u64,
}

/// The question. What is not given is not asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Entries on the page, at most.
    pub limit: u64,
    /// The place of the last entry of the page before.
    pub before: Option<u64>,
    /// Words that must all occur in an entry.
    pub words: Vec<String>,
    /// The account.
    pub who: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// The kind of the object.
    pub kind: Option<String>,
    /// The object's id.
    pub object: Option<String>,
    /// The earliest time, inclusive.
    pub from: Timestamp,
    /// The latest time, exclusive.
    pub to: Option<Timestamp>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// The place at which the next page begins; `None`: this is the last one.
    pub next: Option<u64>,
    /// Entries on all pages.
    pub total: u64,
}

/// What version 10 of the schema adds.
pub(in crate::ledger) fn version_10() -> Vec<Statement> {
    [TABLE, BY_TIME, BY_OBJECT, BY_ACTION, VERSION]
        .map(Statement::new)
        .into()
}

/// Writes entries.
pub(in crate::ledger) fn insert(entries: &[AuditEntry]) -> Statement {
    let row = |entry: &AuditEntry| {
        serde_json::json!([
            entry.id,
            entry.time.0,
            entry.who,
            entry.address,
            entry.action,
            entry.kind,
            entry.object,
            entry.name,
            entry.changes,
            entry.omitted
        ])
    };
    let rows: Vec<serde_json::Value> = entries.iter().map(row).collect();
    Statement::new(INSERT).with(serde_json::Value::from(rows).to_string())
}

/// Removes at most `most` entries from before `since`, and as many failed logins beyond the newest `failed_logins`.
pub(in crate::ledger) fn prune(since: Timestamp, failed_logins: u64, most: u64) -> Statement {
    Statement::new(PRUNE)
        .with(since.0)
        .with(failed_logins)
        .with(most)
}

impl AuditQuery {
    /// Asks for the page, and for one entry more.
    pub(in crate::ledger) fn page(&self) -> Query {
        let (mut rest, mut values) = self.conditions();
        if let Some(before) = self.before {
            values.push(before.into());
            let _ = write!(rest, " AND seq < ?{}", values.len());
        }
        let _ = write!(rest, " ORDER BY seq DESC LIMIT {}", self.limit + 1);
        let query = Query::select(COLUMNS, &rest);
        values.into_iter().fold(query, Query::with)
    }

    /// Asks how many entries there are on all pages.
    pub(in crate::ledger) fn count(&self) -> Query {
        let (rest, values) = self.conditions();
        let query = Query::select(["count(*) AS total"], &rest);
        values.into_iter().fold(query, Query::with)
    }

    fn conditions(&self) -> (String, Vec<SqlValue>) {
        let mut rest = String::from("FROM audit WHERE time_ms >= ?1");
        let mut values = vec![SqlValue::from(self.from.0)];
        if let Some(to) = self.to {
            values.push(to.0.into());
            let _ = write!(rest, " AND time_ms < ?{}", values.len());
        }
        let texts = [
            ("who", &self.who),
            ("action", &self.action),
            ("kind", &self.kind),
            ("object", &self.object),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                values.push(SqlValue::from(value.as_str()));
                let _ = write!(rest, " AND {column} = ?{}", values.len());
            }
        }
        if !self.words.is_empty() {
            let words = serde_json::Value::from(self.words.clone()).to_string();
            values.push(SqlValue::from(words));
            let _ = write!(
                rest,
                " AND NOT EXISTS (SELECT 1 FROM json_each(?{}) AS word \
                 WHERE instr(lower({TEXT}), lower(word.value)) = 0)",
                values.len()
            );
        }
        (rest, values)
    }
}

/// Reads a row of [`AuditQuery::page`].
pub(in crate::ledger) fn read(row: &NamedRow<'_>) -> AuditEntry {
    let text = |name| row.text(name).to_owned();
    AuditEntry {
        seq: row.count("seq"),
        id: text("id"),
        time: Timestamp(row.count("time_ms")),
        who: text("who"),
        address: text("address"),
        action: text("action"),
        kind: text("kind"),
        object: text("object"),
        name: text("name"),
        changes: text("changes"),
        omitted: row.count("omitted"),
    }
}
