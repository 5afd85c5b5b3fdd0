//! Configuration as code: the variable `config` holds a whole document, which is applied when it has changed.
//! Owns when that is; the document's rules are [`validate`]'s.
//!
//! Components have no start hook, so each instance calls [`apply`] once, before its first request. Which variable was
//! applied last is recorded in the stored document itself: only one whose revision differs is applied, so an admin's
//! later changes stay until the variable changes. It is compared once per instance and not with every check of the
//! configuration: while a new version of the gateway replaces an old one, instances with two variables run side by
//! side, and would otherwise keep undoing each other's change.

use std::time::Duration;

use thiserror::Error;

use super::import::{self, Protection, Refused};
use super::key_shards::edit::KeyScope;
use super::model::Document;
use super::rewrite::{Rewrite, RewriteError};
use super::stored::{self, StoredError};
use super::validate::{DocumentDraft, Problems};
use crate::ports::{Clock, Log, Random, StoreError, StoreKey, WriteStore};
use crate::store::{self, BoundedStore, RetryLimits, UpdateError};

#[cfg(doc)]
use super::validate;

/// How long the instance's first request waits for each call of the store.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The total time for the change.
const RETRIES: RetryLimits = RetryLimits {
    attempts: 16,
    time: Duration::from_secs(15),
};

/// Why the variable was not applied.
#[derive(Debug, Error)]
enum StartupError {
    #[error("it is not valid JSON: line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("{0}")]
    Refused(#[from] Refused),
    #[error("{0}")]
    Stored(#[from] StoredError),
    #[error("{0}")]
    Store(StoreError),
    #[error("others kept changing the configuration at the same time")]
    Conflict,
}

/// How much was applied.
struct Applied {
    channels: usize,
    keys: usize,
}

/// Applies the text of the variable, if it is not the one that was applied last. Its problems are logged, and the
/// stored configuration stays in force. Returns whether that is final: a store that did not answer may do so at the
/// next request.
#[must_use]
pub async fn apply<P: Clock + Random + Log + WriteStore>(
    ports: &P,
    text: &str,
    protection: Protection<'_>,
) -> bool {
    let ports = &BoundedStore::new(ports, CALL_TIMEOUT);
    match try_apply(ports, text, protection).await {
        Ok(None) => {}
        Ok(Some(applied)) => ports.line(format_args!(
            "configuration: the variable `config` was applied: {} channels, {} client keys",
            applied.channels, applied.keys
        )),
        // Escaped, since it contains the names of unknown members.
        Err(error) => ports.line(format_args!(
            "configuration: the variable `config` was not applied, what is stored stays in force: {:?}",
            error.to_string()
        )),
    }
    !ports.has_timed_out()
}

/// What was applied; `None` when this variable was applied before.
async fn try_apply<P: Clock + Random + Log + WriteStore>(
    ports: &P,
    text: &str,
    protection: Protection<'_>,
) -> Result<Option<Applied>, StartupError> {
    let revision = stored::revision(Some(text.as_bytes()));
    let mut rewrite = Rewrite::new(ports, KeyScope::All);
    let id = rewrite.id();
    let is_applied = |stored: Option<&[u8]>| {
        stored::applied_variable(stored).as_deref() == Some(revision.as_str())
    };
    let mut draft = None;
    let update = store::update_confirmed(
        ports,
        StoreKey::Config,
        RETRIES,
        |stored| is_applied(stored).then_some(None),
        async |stored, attempt| {
            let edit = |document: &mut Document, _| {
                let draft = match &mut draft {
                    Some(draft) => draft,
                    None => draft.insert(read(ports, text)?),
                };
                let mut new = import::resolve(draft, document, protection, ports)?;
                new.applied_variable = Some(revision.clone());
                *document = new;
                Ok(Some(Applied {
                    channels: document.channels.len(),
                    keys: document.keys.len(),
                }))
            };
            rewrite
                .attempt(stored, attempt, edit)
                .await
                .map_err(|error| match error {
                    RewriteError::Stored(error) => StartupError::Stored(error),
                    RewriteError::Store(error) => StartupError::Store(error),
                    RewriteError::Edit(error) => error,
                })
        },
        |stored, attempts| {
            // A document of another variable, or a damaged one, contains none of them.
            let current = is_applied(stored).then(|| stored::parse(stored).ok());
            Ok(current
                .flatten()
                .and_then(|current| id.landed(&current, attempts)))
        },
    );
    let outcome = update.await;
    if matches!(outcome, Ok(None) | Err(UpdateError::Conflict)) {
        // Another instance was first.
        rewrite.discard().await;
    }
    outcome.map_err(|error| match error {
        UpdateError::Conflict => StartupError::Conflict,
        UpdateError::Store(error) | UpdateError::Uncertain(error) => StartupError::Store(error),
        UpdateError::Edit(error) => error,
    })
}

fn read(clock: &impl Clock, text: &str) -> Result<DocumentDraft, StartupError> {
    // The position of the mistake, but not the text there: it could be a key.
    let value = serde_json::from_slice(text.as_bytes()).map_err(|error| StartupError::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    let mut problems = Problems::default();
    let draft = DocumentDraft::read(&value, clock.now(), &mut problems);
    if problems.list().is_empty() {
        Ok(draft)
    } else {
        Err(Refused::Invalid(problems).into())
    }
}
