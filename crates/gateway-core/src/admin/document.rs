//! The stored configuration as the admin API reads and changes it. Owns what a damaged document and a failing store mean
//! for a request; what a change does to the document is its caller's.

use std::time::Duration;

use crate::config::changes::ChangeId;
use crate::config::identity;
use crate::config::model::Document;
use crate::config::stored;
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
    let stored = ports
        .read(StoreKey::Config)
        .await
        .map_err(|error| unavailable(ports, &error))?;
    let document = parse(ports, stored.as_deref())?;
    Ok((document, stored::revision(stored.as_deref())))
}

/// Changes the configuration: reads it, lets `edit` change it, and writes it unless another writer came first;
/// then it begins again with what that one wrote. When `edit` fails nothing is written.
pub async fn change<P: AdminPorts, T>(
    ports: &P,
    mut edit: impl FnMut(&mut Document) -> Result<T, GatewayError>,
) -> Result<T, GatewayError> {
    let outcome = change_at_revision(ports, |document, _| edit(document)).await;
    outcome.map(|(outcome, _)| outcome)
}

/// The same for an `edit` that also needs to know which state it changes; gives the name of the new one as well.
///
/// A swap that reports a conflict or an error may have taken place all the same. So each attempt leaves an id in the
/// document, which shows whether it did when the document is read again.
pub async fn change_at_revision<P: AdminPorts, T>(
    ports: &P,
    mut edit: impl FnMut(&mut Document, &str) -> Result<T, GatewayError>,
) -> Result<(T, String), GatewayError> {
    let id = ChangeId::new(ports);
    let change = store::update_confirmed(
        ports,
        StoreKey::Config,
        CONFIG_RETRIES,
        |stored, attempt| {
            let mut document = parse(ports, stored)?;
            let before = std::mem::take(&mut document.recent_changes);
            let result = edit(&mut document, &stored::revision(stored))?;
            identity::assign(&mut document, ports);
            id.record(&mut document, before, attempt);
            let bytes = serde_json::to_vec(&document).map_err(|error| {
                let reason = format!("the configuration cannot be written as JSON: {error}");
                unavailable(ports, &StoreError(reason))
            })?;
            let revision = stored::revision(Some(&bytes));
            Ok(RecordEdit::Replace(bytes, (result, revision)))
        },
        |stored, attempts| match attempts {
            0 => Ok(None),
            _ => Ok(id.landed(&parse(ports, stored)?, attempts)),
        },
    );
    change.await.map_err(|error| match error {
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

/// A document that cannot be understood is never replaced: an operator may still be able to repair it.
fn parse(log: &impl Log, stored: Option<&[u8]>) -> Result<Document, GatewayError> {
    stored::parse(stored).map_err(|error| unavailable(log, &StoreError(error.to_string())))
}
