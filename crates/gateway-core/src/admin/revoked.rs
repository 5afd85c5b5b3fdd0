//! Sessions that were ended before their time. Owns the list of their nonces, which holds each of them only until
//! the session would have ended by itself.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::document::{RETRIES, unavailable};
use super::session_secret;
use super::session_token::Session;
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::{AdminPorts, Log, StoreKey};
use crate::store::{self, RecordEdit, UpdateError};
use crate::units::Timestamp;

/// Entries of the list. When it is full every session is ended instead, which needs no list.
const MAX_ENTRIES: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RevokedSession {
    nonce: String,
    until: Timestamp,
}

/// Whether the session was ended.
pub async fn contains<P: AdminPorts>(ports: &P, session: &Session) -> Result<bool, GatewayError> {
    let stored = ports
        .read(StoreKey::EndedSessions)
        .await
        .map_err(|error| unavailable(ports, &error))?;
    let nonce = ids::hex(&session.nonce);
    Ok(parse(ports, stored.as_deref())
        .iter()
        .any(|entry| entry.nonce == nonce))
}

/// Ends the session.
pub async fn add<P: AdminPorts>(ports: &P, session: &Session) -> Result<(), GatewayError> {
    if !try_to_add(ports, session, false).await? {
        session_secret::replace(ports).await?;
        try_to_add(ports, session, true).await?;
    }
    Ok(())
}

/// Adds the session to the list, which is full (`false`) unless it `may_clear` it.
async fn try_to_add<P: AdminPorts>(
    ports: &P,
    session: &Session,
    may_clear: bool,
) -> Result<bool, GatewayError> {
    let nonce = ids::hex(&session.nonce);
    let update = store::update(ports, StoreKey::EndedSessions, RETRIES, |stored| {
        let mut entries = parse(ports, stored);
        let now = ports.now();
        entries.retain(|entry| entry.until > now && entry.nonce != nonce);
        if entries.len() >= MAX_ENTRIES {
            if !may_clear {
                return Ok(RecordEdit::Keep(false));
            }
            entries.clear();
        }
        entries.push(RevokedSession {
            nonce: nonce.clone(),
            until: session.expires_at,
        });
        let bytes = serde_json::to_vec(&entries).unwrap_or_default();
        Ok::<_, Infallible>(RecordEdit::Replace(bytes, true))
    });
    update.await.map_err(|error| match error {
        UpdateError::Store(error) | UpdateError::Uncertain(error) => unavailable(ports, &error),
        UpdateError::Conflict => ErrorCode::Conflict.error(
            "Too many sessions end at the same moment; this one has not ended yet. Try again.",
        ),
    })
}

/// A damaged list counts as empty: to reject every session instead would lock every admin out.
fn parse(log: &impl Log, stored: Option<&[u8]>) -> Vec<RevokedSession> {
    let Some(bytes) = stored else {
        return Vec::new();
    };
    serde_json::from_slice(bytes).unwrap_or_else(|_| {
        log.line(format_args!(
            "admin: the list of ended sessions is damaged and is taken for empty"
        ));
        Vec::new()
    })
}
