//! Sessions that were ended before their time. Owns the list of their nonces, which holds each of them only until
//! the session would have ended by itself.

use serde::{Deserialize, Serialize};

use super::document::{MAX_TRIES, step_aside, unavailable};
use super::session::Session;
use super::session_secret;
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::{AdminPorts, Log, StoreKey, Swap};
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
    let nonce = ids::hex(&session.nonce);
    for turn in 0..MAX_TRIES {
        let stored = ports
            .read(StoreKey::EndedSessions)
            .await
            .map_err(|error| unavailable(ports, &error))?;
        let mut entries = parse(ports, stored.as_deref());
        let now = ports.now();
        entries.retain(|entry| entry.until > now && entry.nonce != nonce);
        if entries.len() >= MAX_ENTRIES {
            session_secret::replace(ports).await?;
            entries.clear();
        }
        entries.push(RevokedSession {
            nonce: nonce.clone(),
            until: session.expires_at,
        });
        let bytes = serde_json::to_vec(&entries).unwrap_or_default();
        match ports
            .swap(StoreKey::EndedSessions, stored.as_deref(), &bytes)
            .await
        {
            Ok(Swap::Done) => return Ok(()),
            // To end a session twice does no harm, should the first swap have taken place.
            Ok(Swap::Conflict) => step_aside(ports, turn).await,
            Err(error) => return Err(unavailable(ports, &error)),
        }
    }
    Err(ErrorCode::Conflict
        .error("Too many sessions end at the same moment; this one has not ended yet. Try again."))
}

/// A damaged list counts as empty: refusing every session instead would leave nobody able to log in.
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
