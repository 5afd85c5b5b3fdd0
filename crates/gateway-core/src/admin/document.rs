//! The stored records, read and changed by compare-and-swap. Owns the retries and what a damaged record means;
//! knows nothing of what the records are for.

use crate::config::model::{DOCUMENT_VERSION, Document};
use crate::error::{Case, GatewayError};
use crate::ports::{Log, ReadStore, Record, StoreError, Swap, WriteStore};

/// Writers that may come in between before a change is given up.
pub const MAX_TRIES: usize = 16;

/// The configuration as it stands in the store now; the default one when nothing was ever stored.
pub async fn load<P: ReadStore + Log>(ports: &P) -> Result<Document, GatewayError> {
    let stored = ports
        .read(Record::Config)
        .await
        .map_err(|error| unavailable(ports, &error))?;
    parse(ports, stored.as_deref())
}

/// Changes the configuration: reads it, lets `edit` change it, and writes it if nobody else wrote in between;
/// otherwise begins again with what the other one wrote. When `edit` fails nothing is written.
pub async fn change<P: WriteStore + Log, T>(
    ports: &P,
    mut edit: impl FnMut(&mut Document) -> Result<T, GatewayError>,
) -> Result<T, GatewayError> {
    for _ in 0..MAX_TRIES {
        let stored = ports
            .read(Record::Config)
            .await
            .map_err(|error| unavailable(ports, &error))?;
        let mut document = parse(ports, stored.as_deref())?;
        let outcome = edit(&mut document)?;
        let bytes = serde_json::to_vec(&document).map_err(|error| {
            unavailable(
                ports,
                &StoreError(format!(
                    "the configuration cannot be written as JSON: {error}"
                )),
            )
        })?;
        match ports.swap(Record::Config, stored.as_deref(), &bytes).await {
            Ok(Swap::Done) => return Ok(outcome),
            Ok(Swap::Conflict) => {}
            Err(error) => return Err(unavailable(ports, &error)),
        }
    }
    Err(Case::Conflict.error(
        "Others kept changing the configuration at the same time; nothing was changed. Try again.",
    ))
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
    let Some(bytes) = stored else {
        return Ok(Document::default());
    };
    let damaged = |reason: String| unavailable(log, &StoreError(reason));
    // serde_json's own words can hold a part of the document, so only the place is logged.
    let document: Document = serde_json::from_slice(bytes).map_err(|error| {
        damaged(format!(
            "the configuration is damaged at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    if document.version == DOCUMENT_VERSION {
        Ok(document)
    } else {
        Err(damaged(format!(
            "the configuration has version {}, this gateway knows version {DOCUMENT_VERSION}",
            document.version
        )))
    }
}
