//! The stored bytes of the configuration. Owns what counts as damaged and how a state of the document is named;
//! reads and writes no store.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::key_shards::StoredClientKeys;
use super::model::{DOCUMENT_VERSION, Document};
use super::network::Network;
use crate::ids;

/// Why the stored configuration cannot be used; without a word of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StoredError {
    /// It is no document.
    #[error(
        "the configuration is damaged at line {line}, column {column}; an import of a whole configuration replaces it"
    )]
    Damaged {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Another gateway wrote it.
    #[error("the configuration has version {0}, this gateway knows version {DOCUMENT_VERSION}")]
    UnknownVersion(u32),
}

/// Reads what the store holds; the default configuration when nothing was ever stored. The error says what is
/// wrong, for the log, without a word of the document: a damaged one must never be replaced by what came of
/// misreading it, since an operator may still be able to repair it.
pub fn parse(stored: Option<&[u8]>) -> Result<Document<StoredClientKeys>, StoredError> {
    let Some(bytes) = stored else {
        return Ok(Document::default()
            .replace_keys(StoredClientKeys::default())
            .0);
    };
    // serde_json's own message can hold a part of the document, so only the position is kept.
    let document = document(bytes).map_err(|error| StoredError::Damaged {
        line: error.line(),
        column: error.column(),
    })?;
    if document.version == DOCUMENT_VERSION {
        Ok(document)
    } else {
        Err(StoredError::UnknownVersion(document.version))
    }
}

/// What stays of a damaged document when a whole new one takes its place: what an import does not bring, as far as it can be
/// read.
pub fn salvage(stored: Option<&[u8]>) -> Document<StoredClientKeys> {
    let whole = serde_json::from_slice::<Value>(stored.unwrap_or_default()).unwrap_or_default();
    let text = |name: &str| whole.get(name)?.as_str().map(ToOwned::to_owned);
    let document = Document {
        accounts: whole.get("accounts").cloned().unwrap_or_default(),
        applied_variable: text("applied_variable"),
        gateway_id: text("gateway_id"),
        ..Document::default()
    };
    document.replace_keys(StoredClientKeys::default()).0
}

/// The document in these bytes, whatever its version. Not inlined: its reader is large, and has two callers.
#[inline(never)]
pub fn document(bytes: &[u8]) -> serde_json::Result<Document<StoredClientKeys>> {
    serde_json::from_slice(bytes)
}

/// The revision of the variable that was applied last. Reads nothing else, since every instance asks when it starts;
/// of a damaged document it knows nothing.
pub fn applied_variable(stored: Option<&[u8]>) -> Option<String> {
    #[derive(Deserialize)]
    struct AppliedVariable {
        applied_variable: Option<String>,
    }
    serde_json::from_slice::<AppliedVariable>(stored?)
        .ok()?
        .applied_variable
}

/// The proxies that the settings trust. Reads nothing else, since every forwarded login asks; none in a damaged document.
pub fn trusted_proxies(stored: Option<&[u8]>) -> Vec<Network> {
    #[derive(Deserialize)]
    struct Stored {
        settings: StoredSettings,
    }
    #[derive(Deserialize)]
    struct StoredSettings {
        #[serde(default)]
        trusted_proxies: Vec<Network>,
    }
    stored
        .and_then(|bytes| serde_json::from_slice::<Stored>(bytes).ok())
        .map_or_else(Vec::new, |stored| stored.settings.trusted_proxies)
}

/// A name for this state of the document: the same bytes have the same name, and different bytes a different one.
pub fn revision(stored: Option<&[u8]>) -> String {
    let digest = Sha256::digest(stored.unwrap_or_default());
    ids::hex(digest.get(..16).unwrap_or_default())
}

/// A name for the state of one object of the document: it changes with any of its stored members.
pub fn object_revision(object: &impl Serialize) -> String {
    // Objects of the document can always be written as JSON.
    revision(serde_json::to_vec(object).ok().as_deref())
}
