//! `GET audit` and `GET audit.csv`: the audit log, newest first. Owns the calls' parameters and views; what is recorded is
//! [`super::audit`]'s.

use http::header::{HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;

use super::list::{SearchWords, page_rows};
#[cfg(feature = "schema")]
use super::openapi::schemas::{AuditActionWord, AuditKindWord};
use super::query::{invalid, read, time};
use super::{audit, csv_export, document, ledger_queries};
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::error::GatewayError;
use crate::ids;
use crate::ledger::audit::{AuditAction, AuditEntry, AuditKind, AuditPage, AuditQuery};
use crate::ledger::port::Ledger as _;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply, ReplyBody};
use crate::secret;
use crate::time_text;
use crate::units::Timestamp;
use crate::wire::csv::{CsvCell, CsvRows};

const PARAMETERS: [&str; 9] = [
    "q", "who", "action", "kind", "object", "from", "to", "limit", "cursor",
];
/// Entries of a page unless a number is requested.
pub const DEFAULT_AUDIT_LIMIT: u64 = 50;
/// Entries of one file.
const MAX_FILE_ENTRIES: usize = 10_000;
/// Bytes of one file: an instance has the whole of it in memory.
const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;
/// Entries that are read at once for a file.
const FILE_PAGE: u64 = 500;
/// Where the next file begins, if there is one.
const X_NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

const HEADINGS: [&str; 11] = [
    "id", "time", "who", "address", "action", "kind", "object", "name", "path", "before", "after",
];

/// One page of the audit log.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "AuditList")
)]
pub struct AuditLogView<'a> {
    /// Newest first.
    data: Vec<AuditEntryView<'a>>,
    /// The `cursor` of the next page; null on the last one.
    next: Option<String>,
    /// How many entries there are on all pages.
    total: u64,
    /// How many changes were made whose entries could not be written, since the gateway was installed.
    lost: u64,
}

/// What was done.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "AuditEntry")
)]
pub struct AuditEntryView<'a> {
    /// `aud_…`
    id: &'a str,
    /// When it was done.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    time: String,
    /// The account that did it; null for a failed login.
    who: Option<&'a str>,
    /// The client's address, as far as the gateway knows it.
    address: Option<&'a str>,
    /// What was done.
    #[cfg_attr(feature = "schema", schemars(with = "AuditActionWord"))]
    action: &'a str,
    /// To which kind of object.
    #[cfg_attr(feature = "schema", schemars(with = "AuditKindWord"))]
    kind: &'a str,
    /// The object's id; null where there is only one.
    object: Option<&'a str>,
    /// The name that it had then.
    name: Option<&'a str>,
    /// The members that changed: `path`, `before` and `after`, each at most 2 KiB. Secrets are hidden. With `partial` the
    /// two hold only what was removed from a long list, and added to it.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<AuditChangeShape>"))]
    changes: Value,
    /// How many changes had no room in the entry, which has at most 16 KiB.
    omitted: u64,
}

/// A change of one member.
#[cfg(feature = "schema")]
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "AuditChange")]
struct AuditChangeShape {
    /// The member, such as `weight` or `prices["gpt-4.1"].prompt`.
    path: String,
    /// Its value before; null: it was not set.
    before: Value,
    /// Its value after; null: it is not set any more.
    after: Value,
    /// Whether the values are only what was removed and added.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<bool>,
}

impl<'a> AuditEntryView<'a> {
    fn new(entry: &'a AuditEntry) -> Self {
        let given = |text: &'a str| (!text.is_empty()).then_some(text);
        Self {
            id: &entry.id,
            time: time_text::format(entry.time),
            who: given(&entry.who),
            address: given(&entry.address),
            action: &entry.action,
            kind: &entry.kind,
            object: given(&entry.object),
            name: given(&entry.name),
            changes: changes(entry),
            omitted: entry.omitted,
        }
    }
}

/// The changes of an entry; none where what is stored is damaged.
fn changes(entry: &AuditEntry) -> Value {
    serde_json::from_str(&entry.changes).unwrap_or_else(|_| Value::Array(Vec::new()))
}

/// Answers `GET audit`.
pub async fn list<P: AdminPorts>(ports: &P, uri: &Uri) -> Result<Reply, GatewayError> {
    let mut query = parse(uri)?;
    keep_within_retention(ports, &mut query).await?;
    let page = page(ports, &query).await?;
    let view = AuditLogView {
        data: page.entries.iter().map(AuditEntryView::new).collect(),
        next: page.next.map(|next| next.to_string()),
        total: page.total,
        lost: audit::lost(ports).await,
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// Answers `GET audit.csv`: a row per change, or one for an entry without any.
pub async fn file<P: AdminPorts>(ports: &P, uri: &Uri) -> Result<Reply, GatewayError> {
    let mut query = parse(uri)?;
    keep_within_retention(ports, &mut query).await?;
    let [.., limit, _] = read(uri, PARAMETERS)?;
    let most = match page_rows(limit.as_deref())? {
        Some(limit) => usize::try_from(limit).unwrap_or(MAX_FILE_ENTRIES),
        None => MAX_FILE_ENTRIES,
    };
    let mut csv = CsvRows::default();
    csv.push(HEADINGS.map(CsvCell::from));
    let mut written = 0;
    query.limit = FILE_PAGE.min(u64::try_from(most).unwrap_or(FILE_PAGE));
    let next = loop {
        let page = page(ports, &query).await?;
        for entry in &page.entries {
            write(&mut csv, entry);
        }
        written += page.entries.len();
        query.before = page.next;
        if page.next.is_none() || written >= most || csv.bytes() > MAX_FILE_BYTES {
            break page.next;
        }
    };
    let mut reply = csv_export::file("audit", ports.now(), ReplyBody::Whole(csv.take()));
    if let Some(next) = next {
        let next = HeaderValue::from(next);
        reply.headers_mut().insert(X_NEXT_CURSOR, next);
    }
    Ok(reply)
}

fn write(csv: &mut CsvRows, entry: &AuditEntry) {
    let time = time_text::format(entry.time);
    let of_entry = [
        &entry.id,
        &time,
        &entry.who,
        &entry.address,
        &entry.action,
        &entry.kind,
        &entry.object,
        &entry.name,
    ];
    let of_entry = of_entry.map(String::as_str);
    let changes = changes(entry);
    let changes = changes.as_array().map_or(&[][..], Vec::as_slice);
    for change in changes {
        let values = ["path", "before", "after"].map(|name| cell(&change[name]));
        let of_change = values.iter().map(String::as_str);
        csv.push(of_entry.into_iter().chain(of_change).map(CsvCell::from));
    }
    if changes.is_empty() {
        csv.push(of_entry.into_iter().chain([""; 3]).map(CsvCell::from));
    }
}

/// A value in a cell: texts as they are, nothing as nothing, all others as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn page<P: AdminPorts>(ports: &P, query: &AuditQuery) -> Result<AuditPage, GatewayError> {
    let page = ledger_queries::ledger(ports).query_audit(query).await;
    page.map_err(|error| ledger_queries::unavailable(ports, &error))
}

/// Old entries are removed when others are written; until then they are not shown either.
async fn keep_within_retention<P: AdminPorts>(
    ports: &P,
    query: &mut AuditQuery,
) -> Result<(), GatewayError> {
    let days = document::load_without_keys(ports)
        .await?
        .settings
        .audit_days;
    query.from = query.from.max(audit::oldest_kept(ports.now(), days));
    Ok(())
}

fn parse(uri: &Uri) -> Result<AuditQuery, GatewayError> {
    let [q, who, action, kind, object, from, to, limit, cursor] = read(uri, PARAMETERS)?;
    // Checks the length; the database ignores the case itself.
    SearchWords::read(q.as_deref())?;
    let q = q.unwrap_or_default();
    one_of(
        "action",
        action.as_deref(),
        &AuditAction::ALL.map(AuditAction::word),
    )?;
    one_of(
        "kind",
        kind.as_deref(),
        &AuditKind::ALL.map(AuditKind::word),
    )?;
    let before = match cursor.as_deref().map(str::parse) {
        None => None,
        Some(Ok(before)) => Some(before),
        Some(Err(_)) => return Err(invalid("cursor", "must be the `next` of a page before")),
    };
    Ok(AuditQuery {
        limit: page_rows(limit.as_deref())?.unwrap_or(DEFAULT_AUDIT_LIMIT),
        before,
        words: q.split_whitespace().map(searched).collect(),
        who,
        action,
        kind,
        object,
        from: time("from", from.as_deref())?.unwrap_or(Timestamp(0)),
        to: time("to", to.as_deref())?,
    })
}

/// A word as it is searched for: a client key by its hint, which is what the log has of it.
fn searched(word: &str) -> String {
    if ids::is_client_key(word) {
        secret::hint(word)
    } else {
        word.to_owned()
    }
}

fn one_of(name: &str, value: Option<&str>, words: &[&str]) -> Result<(), GatewayError> {
    match value {
        Some(value) if !words.contains(&value) => {
            let rule = format!("must be one of {}", words.join(", "));
            Err(invalid(name, &rule))
        }
        _ => Ok(()),
    }
}
