//! The stored records, read and changed by compare-and-swap. Owns the retries and what a damaged record means;
//! knows nothing of what the records are for.

use std::time::Duration;

use crate::config::identity;
use crate::config::model::Document;
use crate::config::stored;
use crate::error::{Case, GatewayError};
use crate::ports::{AdminPorts, Clock, Log, Random, ReadStore, Record, StoreError, Swap};

/// Writers that may come in between before a change is given up.
pub const MAX_TRIES: usize = 16;

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
        .read(Record::Config)
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
pub async fn change_at_revision<P: AdminPorts, T>(
    ports: &P,
    mut edit: impl FnMut(&mut Document, &str) -> Result<T, GatewayError>,
) -> Result<(T, String), GatewayError> {
    for turn in 0..MAX_TRIES {
        let stored = ports
            .read(Record::Config)
            .await
            .map_err(|error| unavailable(ports, &error))?;
        let mut document = parse(ports, stored.as_deref())?;
        let outcome = edit(&mut document, &stored::revision(stored.as_deref()))?;
        identity::assign(&mut document, ports);
        let bytes = serde_json::to_vec(&document).map_err(|error| {
            unavailable(
                ports,
                &StoreError(format!(
                    "the configuration cannot be written as JSON: {error}"
                )),
            )
        })?;
        match ports.swap(Record::Config, stored.as_deref(), &bytes).await {
            Ok(Swap::Done) => return Ok((outcome, stored::revision(Some(&bytes)))),
            Ok(Swap::Conflict) => step_aside(ports, turn).await,
            Err(error) => return Err(unavailable(ports, &error)),
        }
    }
    Err(Case::Conflict.error(
        "Others kept changing the configuration at the same time; nothing was changed. Try again.",
    ))
}

/// Waits after somebody else has written first: many who would begin again at once would meet again, and of each such round
/// only one gets through. The time is random and doubles its bound with every turn, as for any who share a medium.
pub async fn step_aside(ports: &(impl Clock + Random), turn: usize) {
    const FIRST_MS: u64 = 4;
    const LAST_MS: u64 = 256;
    let bound = FIRST_MS.saturating_mul(1 << turn.min(16)).min(LAST_MS);
    let wait = ports.next_u64() % bound;
    ports.sleep(Duration::from_millis(wait)).await;
}

/// The store does not do its work: the reason goes to the log, not to the client.
pub fn unavailable(log: &impl Log, error: &StoreError) -> GatewayError {
    log.line(format_args!("admin: {error}"));
    Case::StoreUnavailable.error(
        "The store does not answer as it should; see the gateway's log. Nothing was changed.",
    )
}

/// A document that cannot be understood is never replaced: somebody may still be able to repair it.
fn parse(log: &impl Log, stored: Option<&[u8]>) -> Result<Document, GatewayError> {
    stored::parse(stored).map_err(|reason| unavailable(log, &StoreError(reason)))
}
