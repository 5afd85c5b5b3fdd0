//! The stored records, read and changed by compare-and-swap. Owns the retries and what a damaged record means;
//! knows nothing of what the records are for.

pub use crate::backoff::step_aside;
use crate::config::changes::ChangeId;
use crate::config::identity;
use crate::config::model::Document;
use crate::config::stored;
use crate::error::{ErrorCode, GatewayError};
use crate::ports::{AdminPorts, Log, ReadStore, StoreError, StoreKey, Swap};

/// Writers that may come in between before a change is given up.
pub const MAX_TRIES: usize = 16;
/// The same for the configuration, as long as the others do get on: many may change it at the same time.
const MAX_TURNS: usize = 64;

/// The configuration as it stands in the store now; the default one when nothing was ever stored.
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

/// Changes the configuration: reads it, lets `edit` change it, and writes it if nobody else wrote in between;
/// otherwise begins again with what the other one wrote. When `edit` fails nothing is written.
pub async fn change<P: AdminPorts, T>(
    ports: &P,
    mut edit: impl FnMut(&mut Document) -> Result<T, GatewayError>,
) -> Result<T, GatewayError> {
    let outcome = change_at_revision(ports, |document, _| edit(document)).await;
    outcome.map(|(outcome, _)| outcome)
}

/// The same for an `edit` that also wants to know which state it changes; gives the name of the new one as well.
///
/// A swap that reports a conflict or an error may have taken place all the same. So each try leaves an id in the
/// document, and what counts is whether the id is there when the document is read again.
pub async fn change_at_revision<P: AdminPorts, T>(
    ports: &P,
    mut edit: impl FnMut(&mut Document, &str) -> Result<T, GatewayError>,
) -> Result<(T, String), GatewayError> {
    let id = ChangeId::new(ports);
    // What each try would have made of the document, should it turn out that it did.
    let mut outcomes = Vec::new();
    let mut in_vain = 0;
    for turn in 0..MAX_TURNS {
        let stored = match ports.read(StoreKey::Config).await {
            Ok(stored) => stored,
            Err(error) if outcomes.is_empty() => return Err(unavailable(ports, &error)),
            Err(error) => return Err(uncertain(ports, &error)),
        };
        let mut document = parse(ports, stored.as_deref())?;
        if let Some(place) = id.landed(&document, outcomes.len()) {
            return Ok(outcomes.swap_remove(place));
        }
        let before = std::mem::take(&mut document.recent_changes);
        let outcome = edit(&mut document, &stored::revision(stored.as_deref()))?;
        identity::assign(&mut document, ports);
        id.record(&mut document, before, turn);
        let bytes = serde_json::to_vec(&document).map_err(|error| {
            unavailable(
                ports,
                &StoreError(format!(
                    "the configuration cannot be written as JSON: {error}"
                )),
            )
        })?;
        let swapped = ports
            .swap(StoreKey::Config, stored.as_deref(), &bytes)
            .await;
        outcomes.push((outcome, stored::revision(Some(&bytes))));
        if swapped == Ok(Swap::Done) {
            return outcomes.pop().ok_or_else(conflict);
        }
        // At once, before any wait: the id is only among the latest.
        let now = match ports.read(StoreKey::Config).await {
            Ok(now) => now,
            Err(error) => return Err(uncertain(ports, &error)),
        };
        if let Some(place) = id.landed(&parse(ports, now.as_deref())?, outcomes.len()) {
            return Ok(outcomes.swap_remove(place));
        }
        if let Err(error) = swapped {
            return Err(unavailable(ports, &error));
        }
        in_vain += usize::from(now == stored);
        if in_vain == MAX_TRIES {
            break;
        }
        step_aside(ports, turn).await;
    }
    Err(conflict())
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

/// A document that cannot be understood is never replaced: somebody may still be able to repair it.
fn parse(log: &impl Log, stored: Option<&[u8]>) -> Result<Document, GatewayError> {
    stored::parse(stored).map_err(|reason| unavailable(log, &StoreError(reason)))
}
