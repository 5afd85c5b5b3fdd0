//! The stored configuration as the admin API reads and changes it. Owns what a damaged document and a failing store mean
//! for a request; what a change does to the document is its caller's.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::key_shards::StoredClientKeys;
use crate::config::key_shards::edit::KeyScope;
use crate::config::key_shards::read;
use crate::config::model::{ClientKey, Document};
use crate::config::rewrite::{Rewrite, RewriteError};
use crate::config::stored::{self, StoredError};
use crate::error::{ErrorCode, GatewayError};
use crate::ports::{AdminPorts, Log, ReadStore, StoreError, StoreKey};
use crate::store::{self, RecordEdit, RetryLimits, UpdateError};

/// How long a change of a record is tried.
pub const RETRIES: RetryLimits = RetryLimits {
    attempts: 16,
    time: Duration::from_secs(15),
};
/// The same for the configuration, which many may change at the same time.
const CONFIG_RETRIES: RetryLimits = RetryLimits {
    attempts: 64,
    time: Duration::from_secs(30),
};

/// The configuration as it is in the store now; the default one when nothing was ever stored.
pub async fn load<P: ReadStore + Log>(ports: &P) -> Result<Document, GatewayError> {
    load_with_revision(ports)
        .await
        .map(|(document, _)| document)
}

/// The same, with the name of this state of it.
pub async fn load_with_revision<P: ReadStore + Log>(
    ports: &P,
) -> Result<(Document, String), GatewayError> {
    let read = read::with_keys(ports, async |ports: &P, keys| read::all(ports, keys).await);
    let (document, stored) = read.await.map_err(|error| unavailable(ports, &error))?;
    Ok((document, stored::revision(stored.as_deref())))
}

/// The same for what is not about client keys: there may be none in the document.
pub async fn load_without_keys<P: ReadStore + Log>(ports: &P) -> Result<Document, GatewayError> {
    let read = read::with_keys(ports, async |_: &P, keys| {
        Ok(match keys {
            StoredClientKeys::Inline(keys) => keys,
            StoredClientKeys::Sharded(_) => Vec::new(),
        })
    });
    let (document, _) = read.await.map_err(|error| unavailable(ports, &error))?;
    Ok(document)
}

/// The client keys with these ids, in the order of their creation.
pub async fn load_keys<P: ReadStore + Log>(
    ports: &P,
    ids: &BTreeSet<&str>,
) -> Result<Vec<ClientKey>, GatewayError> {
    let read = read::with_keys(ports, async |ports: &P, keys| {
        read::some(ports, keys, ids).await
    });
    let (document, _) = read.await.map_err(|error| unavailable(ports, &error))?;
    Ok(document.keys)
}

/// The client key with this id.
pub async fn load_key<P: ReadStore + Log>(
    ports: &P,
    id: &str,
) -> Result<Option<ClientKey>, GatewayError> {
    let read = read::with_keys(ports, async |ports: &P, keys| {
        read::one(ports, keys, id).await
    });
    let (document, _) = read.await.map_err(|error| unavailable(ports, &error))?;
    Ok(document.keys)
}

/// The client key whose current value has this hash.
pub async fn load_key_with_hash<P: ReadStore + Log>(
    ports: &P,
    hash: &[u8; 32],
) -> Result<Option<ClientKey>, GatewayError> {
    let read = read::with_keys(ports, async |ports: &P, keys| {
        read::one_with_hash(ports, keys, hash).await
    });
    let (document, _) = read.await.map_err(|error| unavailable(ports, &error))?;
    Ok(document.keys)
}

/// Changes the configuration: reads it, lets `edit` change it, and writes it unless another writer came first;
/// then it begins again with what that one wrote. When `edit` fails nothing is written. It is given the client keys in
/// `scope`.
pub async fn change_in<P: AdminPorts, T>(
    ports: &P,
    scope: KeyScope<'_>,
    mut edit: impl FnMut(&mut Document) -> Result<T, GatewayError>,
) -> Result<T, GatewayError> {
    let rewriting = Rewrite::new(ports, scope);
    let outcome = rewrite(rewriting, ports, |document, _, _| edit(document)).await;
    outcome.map(|(outcome, _)| outcome)
}

/// The same for an `edit` that changes no client key, and does not look at them: there may be none in its document.
pub async fn change_without_keys<P: AdminPorts, T>(
    ports: &P,
    edit: impl FnMut(&mut Document) -> Result<T, GatewayError>,
) -> Result<T, GatewayError> {
    change_in(ports, KeyScope::None, edit).await
}

/// The same for an `edit` of the client keys with these ids only, and of what they have in common with no other: there
/// may be no others in its document, but it is given how many these are.
pub async fn change_keys<P: AdminPorts, T>(
    ports: &P,
    ids: &[&str],
    mut edit: impl FnMut(&mut Document, usize) -> Result<T, GatewayError>,
) -> Result<T, GatewayError> {
    let rewriting = Rewrite::new(ports, KeyScope::Ids(ids));
    let outcome = rewrite(rewriting, ports, |document, others, _| {
        edit(document, others)
    });
    outcome.await.map(|(outcome, _)| outcome)
}

/// The same for an `edit` that also needs to know which state it changes; gives the name of the new one as well.
pub async fn change_at_revision<P: AdminPorts, T>(
    ports: &P,
    scope: KeyScope<'_>,
    mut edit: impl FnMut(&mut Document, &str) -> Result<T, GatewayError>,
) -> Result<(T, String), GatewayError> {
    rewrite(Rewrite::new(ports, scope), ports, |document, _, former| {
        edit(document, &former.revision)
    })
    .await
}

/// The same for an `edit` that puts a whole new configuration in the place of the former one, also of a damaged one. What was
/// damaged is kept in a record of its own.
pub async fn replace<P: AdminPorts, T>(
    ports: &P,
    mut edit: impl FnMut(&mut Document, &Former) -> Result<T, GatewayError>,
) -> Result<(T, String), GatewayError> {
    let rewriting = Rewrite::new(ports, KeyScope::All).replacing_damaged();
    rewrite(rewriting, ports, |document, _, former| {
        edit(document, former)
    })
    .await
}

/// The stored configuration before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// The name of this state.
    pub revision: String,
    /// Whether it could not be read.
    pub is_damaged: bool,
}

impl Former {
    fn of(stored: Option<&[u8]>, may_be_damaged: bool) -> Self {
        let is_damaged = || matches!(stored::parse(stored), Err(StoredError::Damaged { .. }));
        Self {
            revision: stored::revision(stored),
            is_damaged: may_be_damaged && is_damaged(),
        }
    }
}

/// A swap that reports a conflict or an error may have taken place all the same. So each attempt leaves an id in the
/// document, which shows whether it did when the document is read again.
async fn rewrite<P: AdminPorts, T>(
    mut rewrite: Rewrite<'_, P>,
    ports: &P,
    mut edit: impl FnMut(&mut Document, usize, &Former) -> Result<T, GatewayError>,
) -> Result<(T, String), GatewayError> {
    let (id, replaces_damaged) = (rewrite.id(), rewrite.replaces_damaged());
    let change = store::update_confirmed(
        ports,
        StoreKey::Config,
        CONFIG_RETRIES,
        |_| None,
        async |stored, attempt| {
            let former = Former::of(stored, replaces_damaged);
            let edit = |document: &mut Document, others: usize| edit(document, others, &former);
            let edited = rewrite.attempt(stored, attempt, edit).await;
            let edited = edited.map_err(|error| match error {
                RewriteError::Stored(error) => unavailable(ports, &StoreError(error.to_string())),
                RewriteError::Store(error) => unavailable(ports, &error),
                RewriteError::Edit(error) => error,
            })?;
            Ok(match edited {
                RecordEdit::Keep(_) | RecordEdit::Reread => RecordEdit::Reread,
                RecordEdit::Replace(bytes, result) => {
                    if former.is_damaged {
                        let kept = ports.put(StoreKey::DamagedConfig, stored.unwrap_or_default());
                        kept.await.map_err(|error| unavailable(ports, &error))?;
                    }
                    let revision = stored::revision(Some(&bytes));
                    RecordEdit::Replace(bytes, (result, revision))
                }
            })
        },
        |stored, attempts| match attempts {
            0 => Ok(None),
            _ => match stored::parse(stored) {
                Ok(document) => Ok(id.landed(&document, attempts)),
                // The one that is to be replaced, still or again.
                Err(StoredError::Damaged { .. }) if replaces_damaged => Ok(None),
                Err(error) => Err(unavailable(ports, &StoreError(error.to_string()))),
            },
        },
    );
    let outcome = change.await;
    if matches!(outcome, Err(UpdateError::Conflict)) {
        rewrite.discard().await;
    }
    outcome.map_err(|error| match error {
        UpdateError::Store(error) => unavailable(ports, &error),
        UpdateError::Uncertain(error) => uncertain(ports, &error),
        UpdateError::Conflict => conflict(),
        UpdateError::Edit(error) => error,
    })
}

fn conflict() -> GatewayError {
    ErrorCode::Conflict.error(
        "Others kept changing the configuration at the same time; nothing was changed. Try again.",
    )
}

/// The store failed after it was asked to write, and cannot be asked whether it did.
fn uncertain(log: &impl Log, error: &StoreError) -> GatewayError {
    log.line(format_args!("admin: {error}"));
    ErrorCode::StoreUnavailable.error(
        "The store does not answer as it should; see the gateway's log. The change may or may not have been made: look \
         before you repeat it.",
    )
}

/// The store does not do its work: the reason goes to the log, not to the client.
pub fn unavailable(log: &impl Log, error: &StoreError) -> GatewayError {
    log.line(format_args!("admin: {error}"));
    ErrorCode::StoreUnavailable.error(
        "The store does not answer as it should; see the gateway's log. Nothing was changed.",
    )
}
