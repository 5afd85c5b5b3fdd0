//! The audit log: what was done through the admin API is recorded after it was done. Owns who did it, what an entry holds,
//! and what happens when it cannot be written; reading the log is [`super::audit_log`]'s, its table the ledger's.
//!
//! A change is never refused or undone because its entry could not be written. The loss is logged and counted in the
//! store, and the log's page shows the count.

mod difference;
mod objects;
mod policy;
mod witness;

use std::borrow::Cow;
use std::convert::Infallible;
use std::time::Duration;

use http::StatusCode;
use http::request::Parts;

use super::guard::{self, Caller};
use super::oidc::RefusedSignIn;
use super::principal::ADMIN_NAME;
use super::session::BegunSession;
use super::session_token::{Subject, SubjectKind};
use crate::config::model::Document;
use crate::config::network::Network;
use crate::config::stored;
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ledger::LedgerEngine;
use crate::ledger::audit::{AuditAction, AuditEntry, AuditKind};
use crate::ledger::batch;
use crate::ledger::port::Ledger as _;
use crate::ports::{AdminPorts, Clock as _, ReadStore, StoreKey};
use crate::reply::Reply;
use crate::store::{self, RecordEdit, RetryLimits};
use crate::units::{DAY_MS, Timestamp};
use difference::MemberChanges;
use objects::ObjectChange;
pub use witness::{DocumentChange, Witness};

/// How long the answer to a change waits for its entry.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// A write that failed sooner is tried once more; another one would wait as long again.
const RETRIED_WITHIN_MS: u64 = 500;
/// How long it is tried to count an entry that was lost.
const COUNT_RETRIES: RetryLimits = RetryLimits {
    attempts: 5,
    time: TIME_LIMIT,
};
/// Objects of one request that have an entry each. What is more is one entry with their number.
const MAX_OBJECTS: usize = 1_000;
/// Bytes of one statement's entries: D1 takes 2 MB.
const MAX_STATEMENT_BYTES: usize = 1_000_000;
/// Failed logins that are kept, since strangers cause them.
const MAX_FAILED_LOGINS: u64 = 10_000;
/// Entries that are removed at once.
const MOST_PRUNED: u64 = 2_000;
/// What a request was about, where that is more than the change that it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Nothing more.
    Other,
    /// A login.
    Login,
    /// The end of a session.
    Logout,
    /// A client key's replacement.
    Rotation,
    /// The import of a whole configuration.
    ConfigImport,
    /// The import of a price list.
    PriceImport,
    /// An export with upstream keys.
    SecretExport,
}

/// The account that a request comes from; for a login, which had no session yet, the one that has logged in.
fn who(
    caller: Option<&Caller>,
    outcome: &Result<Reply, GatewayError>,
    document: &Document,
) -> String {
    if let Some(caller) = caller {
        let name = &caller.principal.name;
        return if caller.principal.is_oidc_user {
            oidc_user(name)
        } else {
            name.clone()
        };
    }
    let Some(subject) = subject(outcome) else {
        return ADMIN_NAME.to_owned();
    };
    if let SubjectKind::OidcUser { name, .. } = &subject.kind {
        return oidc_user(name);
    }
    let accounts = objects::accounts_in(&document.accounts);
    let account = accounts.into_iter().find(|it| it.id == subject.id);
    account.map_or_else(|| subject.id.clone(), |account| account.name)
}

/// Marked, since the provider may give a user the name of an account.
fn oidc_user(name: &str) -> String {
    format!("{name} (OIDC)")
}

/// Whose session has begun; `None`: none, or that of the admin password.
fn subject(outcome: &Result<Reply, GatewayError>) -> Option<&Subject> {
    let BegunSession(subject) = outcome.as_ref().ok()?.extensions().get()?;
    subject.as_ref()
}

/// Whether a client key has logged in. That is not recorded: its session changes nothing, and any program that has the key
/// can log in as often as it wants.
fn is_member(outcome: &Result<Reply, GatewayError>) -> bool {
    subject(outcome).is_some_and(|subject| subject.kind == SubjectKind::ClientKey)
}

/// Records what a request has done, after it was done. Never fails.
pub async fn record<P: AdminPorts>(
    ports: &Witness<'_, P>,
    occasion: Occasion,
    (head, caller): (&Parts, Option<&Caller>),
    outcome: &Result<Reply, GatewayError>,
) {
    let changes = ports.take_changes().await;
    let mut found: Vec<ObjectChange> = Vec::new();
    found.extend(event(occasion, &changes, outcome));
    let mut left = 0;
    for change in &changes {
        for object in objects::changed(&change.before, &change.after) {
            if found.len() < MAX_OBJECTS {
                found.push(of_occasion(object, occasion));
            } else {
                left += 1;
            }
        }
    }
    if left > 0 {
        let mut changes = MemberChanges::default();
        changes.add("objects", &0.into(), &left.into());
        found.push(whole(AuditAction::Change, AuditKind::Config, changes));
    }
    if found.is_empty() {
        return;
    }
    let document = document_before(ports, changes.first()).await;
    let who = who(caller, outcome, &document);
    let address = address(head, &document.settings.trusted_proxies);
    let time = ports.now();
    let entry = |found: ObjectChange| AuditEntry {
        seq: 0,
        id: ids::object_id("aud", ports),
        time,
        who: if found.action == AuditAction::FailedLogin {
            String::new()
        } else {
            who.clone()
        },
        address: address.clone(),
        action: found.action.word().to_owned(),
        kind: found.kind.word().to_owned(),
        object: found.id,
        name: found.name,
        changes: found.changes.text(),
        omitted: found.changes.omitted,
    };
    let entries: Vec<AuditEntry> = found.into_iter().map(entry).collect();
    write(ports, &entries, document.settings.audit_days).await;
}

/// What is recorded of the occasion itself.
fn event(
    occasion: Occasion,
    changes: &[DocumentChange],
    outcome: &Result<Reply, GatewayError>,
) -> Option<ObjectChange> {
    let none = MemberChanges::default();
    match (occasion, outcome) {
        (Occasion::Login, Ok(_)) if is_member(outcome) => None,
        (Occasion::Login, Ok(reply)) => login(reply),
        (Occasion::Login, Err(error)) if is_wrong_password(error) => {
            Some(whole(AuditAction::FailedLogin, AuditKind::Session, none))
        }
        (Occasion::Logout, Ok(_)) => Some(whole(AuditAction::Logout, AuditKind::Session, none)),
        (Occasion::SecretExport, Ok(reply)) if reply.status() == StatusCode::OK => {
            Some(whole(AuditAction::Export, AuditKind::Config, none))
        }
        (Occasion::ConfigImport, _) => {
            let (first, last) = (changes.first()?, changes.last()?);
            let mut counts = MemberChanges::default();
            let channels = [&first.before, &last.after].map(|it| it.channels.len().into());
            let keys = [first.totals[0].into(), last.totals[1].into()];
            for (path, [before, after]) in [("channels", channels), ("keys", keys)] {
                counts.add(path, &before, &after);
            }
            Some(whole(AuditAction::Import, AuditKind::Config, counts))
        }
        _ => None,
    }
}

/// A login, or a sign-in that was refused. Of an OIDC user the entry has the provider's subject.
fn login(reply: &Reply) -> Option<ObjectChange> {
    let none = MemberChanges::default();
    let entry = |action, who: Option<(String, String)>| {
        let (id, name) = who.unwrap_or_default();
        let entry = whole(action, AuditKind::Session, none);
        Some(ObjectChange { id, name, ..entry })
    };
    if let Some(BegunSession(subject)) = reply.extensions().get() {
        let user = subject.as_ref().and_then(|it| match &it.kind {
            SubjectKind::OidcUser { name, .. } => Some((it.id.clone(), name.clone())),
            _ => None,
        });
        return entry(AuditAction::Login, user);
    }
    let RefusedSignIn { who } = reply.extensions().get()?;
    entry(AuditAction::FailedLogin, who.clone())
}

fn is_wrong_password(error: &GatewayError) -> bool {
    // The code of the error's row, so that the word is written in one place.
    error.body.code == ErrorCode::WrongPassword.error("").body.code
}

/// Something that was done to what there is only one of.
const fn whole(action: AuditAction, kind: AuditKind, changes: MemberChanges) -> ObjectChange {
    ObjectChange {
        action,
        kind,
        id: String::new(),
        name: String::new(),
        changes,
    }
}

/// Names the change of an object after the occasion, where that says more.
fn of_occasion(mut change: ObjectChange, occasion: Occasion) -> ObjectChange {
    change.action = match (occasion, change.action, change.kind) {
        (Occasion::Rotation, AuditAction::Change, AuditKind::Key) => AuditAction::Rotate,
        (Occasion::PriceImport, AuditAction::Change, _) => AuditAction::Import,
        (_, action, _) => action,
    };
    change
}

/// The configuration before the change: it cannot choose how it is recorded. One that cannot be read trusts no proxy, and
/// keeps entries for the default time.
async fn document_before<'c, P: ReadStore>(
    ports: &P,
    change: Option<&'c DocumentChange>,
) -> Cow<'c, Document> {
    if let Some(change) = change {
        return Cow::Borrowed(&change.before);
    }
    let stored = ports.read(StoreKey::Config).await.unwrap_or_default();
    let document = stored::parse(stored.as_deref()).ok();
    Cow::Owned(document.map_or_else(Document::default, |it| it.replace_keys(Vec::new()).0))
}

fn address(head: &Parts, proxies: &[Network]) -> String {
    guard::client_ip(head, proxies).map_or_else(String::new, |address| address.to_string())
}

/// The earliest time from which entries are kept.
pub fn oldest_kept(now: Timestamp, days: u64) -> Timestamp {
    match days {
        0 => Timestamp(0),
        days => Timestamp(now.0.saturating_sub(days.saturating_mul(DAY_MS))),
    }
}

/// Writes the entries, and removes old ones.
async fn write<P: AdminPorts>(ports: &P, entries: &[AuditEntry], days: u64) {
    let ledger = LedgerEngine::new(ports, TIME_LIMIT);
    let mut written = 0;
    for part in parts(entries) {
        let began = ports.now();
        let mut outcome = ledger.append_audit(part).await;
        if outcome.is_err() && ports.now().since_ms(began) < RETRIED_WITHIN_MS {
            outcome = ledger.append_audit(part).await;
        }
        if let Err(error) = outcome {
            // The parts after it would wait as long, and fail as well.
            let lost = entries.get(written..).unwrap_or_default();
            ports.line(format_args!(
                "admin: audit: {} entries are lost, of {}: {error}",
                lost.len(),
                summary(lost)
            ));
            return count_lost(ports, lost.len()).await;
        }
        written += part.len();
    }
    let since = oldest_kept(ports.now(), days);
    let pruned = ledger.prune_audit(since, MAX_FAILED_LOGINS, MOST_PRUNED);
    if let Err(error) = pruned.await {
        ports.line(format_args!(
            "admin: audit: old entries are not removed: {error}"
        ));
    }
}

/// The entries in parts that fit into one statement each.
fn parts(entries: &[AuditEntry]) -> Vec<&[AuditEntry]> {
    // Quotes in it are escaped once more.
    let size = |entry: &AuditEntry| 1_000 + 2 * entry.changes.len();
    let mut bytes = entries.first().map_or(0, size);
    let fits = |_: &AuditEntry, next: &AuditEntry| {
        bytes += size(next);
        let fits = bytes <= MAX_STATEMENT_BYTES;
        if !fits {
            bytes = size(next);
        }
        fits
    };
    entries.chunk_by(fits).collect()
}

/// What the first of these entries are about, for the log.
fn summary(entries: &[AuditEntry]) -> String {
    let texts = entries.iter().take(5).map(|entry| {
        let object = if entry.object.is_empty() {
            &entry.kind
        } else {
            &entry.object
        };
        format!("{} {object}", entry.action)
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// Adds lost entries to the count of all instances. It is in the store, not in the database that did not answer.
async fn count_lost<P: AdminPorts>(ports: &P, lost: usize) {
    let lost = u64::try_from(lost).unwrap_or(u64::MAX);
    let key = StoreKey::LostAuditEntries;
    let counted = store::update(ports, key, COUNT_RETRIES, |stored| {
        let sum = batch::dropped(stored).saturating_add(lost);
        Ok::<_, Infallible>(RecordEdit::Replace(sum.to_string().into_bytes(), ()))
    });
    if counted.await.is_err() {
        ports.line(format_args!(
            "admin: audit: {lost} lost entries could not be counted either"
        ));
    }
}

/// How many entries were lost so far; 0 when the store does not say.
pub async fn lost<P: ReadStore>(ports: &P) -> u64 {
    let stored = ports.read(StoreKey::LostAuditEntries).await;
    batch::dropped(stored.unwrap_or_default().as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_written_in_parts_that_fit_into_a_statement() {
        let entry = AuditEntry {
            changes: "x".repeat(MAX_STATEMENT_BYTES / 5),
            ..AuditEntry::default()
        };
        for (count, sizes) in [(0, vec![]), (1, vec![1]), (2, vec![2]), (5, vec![2, 2, 1])] {
            let entries = vec![entry.clone(); count];
            let found: Vec<usize> = parts(&entries).iter().map(|part| part.len()).collect();
            assert_eq!(found, sizes);
        }
    }

    #[test]
    fn entries_are_kept_for_days_or_for_good() {
        let now = Timestamp(10 * DAY_MS);
        assert_eq!(oldest_kept(now, 3), Timestamp(7 * DAY_MS));
        assert_eq!(oldest_kept(now, 3_650), Timestamp(0));
        assert_eq!(oldest_kept(now, 0), Timestamp(0));
    }
}
