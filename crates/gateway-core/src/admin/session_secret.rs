//! The secret that session tokens and device cookies are signed with. Owns its record, and when it is replaced.
//!
//! The record is the secret and a mark of the password that was in force when it was last used. Another password means
//! a new secret, which ends every session for good: also those of a password that comes back later. The mark is 16 bits
//! of a keyed hash: enough to notice all but one change of 65,536, and too few to find the password with if the store
//! is stolen. (The one that is not noticed still ends the sessions while the other password is set, since the password
//! is a part of the signing key.)

use std::convert::Infallible;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::document::{RETRIES, unavailable};
use crate::error::{ErrorCode, GatewayError};
use crate::ports::{AdminPorts, StoreKey};
use crate::secret::Secret;
use crate::store::{self, RecordEdit, RetryLimits, UpdateError};

const SECRET_BYTES: usize = 32;
const MARK_BYTES: usize = 2;

/// The secret itself.
pub type SessionSecret = Secret<[u8; SECRET_BYTES]>;

/// The secret for sessions under this password; created when it is first needed.
pub async fn load<P: AdminPorts>(ports: &P, password: &str) -> Result<SessionSecret, GatewayError> {
    let update = store::update(ports, StoreKey::SessionSecret, RETRIES, |stored| {
        let (secret, is_new) = match stored.and_then(parse) {
            Some((secret, Some(known))) if known == mark(&secret, password) => {
                return Ok(RecordEdit::Keep((secret, false)));
            }
            // Nothing is known of the password: the secret is younger than any session, or from before there were marks.
            Some((secret, None)) => (secret, false),
            // Absent or damaged, so that all tokens are worthless anyway; or of another password.
            Some((_, Some(_))) | None => (fresh(ports), true),
        };
        let mut bytes = secret.expose().to_vec();
        bytes.extend(mark(&secret, password));
        let ends_sessions = is_new && stored.is_some();
        Ok::<_, Infallible>(RecordEdit::Replace(bytes, (secret, ends_sessions)))
    });
    match update.await {
        Ok((secret, ends_sessions)) => {
            if ends_sessions {
                ports.line(format_args!(
                    "admin: the password has changed; all sessions have ended"
                ));
            }
            Ok(secret)
        }
        Err(UpdateError::Store(error) | UpdateError::Uncertain(error)) => {
            Err(unavailable(ports, &error))
        }
        Err(UpdateError::Conflict) => {
            Err(ErrorCode::Conflict.error("The session secret keeps changing; try again."))
        }
    }
}

/// Replaces the secret, which ends every session there is.
pub async fn replace<P: AdminPorts>(ports: &P) -> Result<(), GatewayError> {
    let once = RetryLimits {
        attempts: 1,
        ..RETRIES
    };
    let update = store::update(ports, StoreKey::SessionSecret, once, |_| {
        let secret = fresh(ports);
        Ok::<_, Infallible>(RecordEdit::Replace(secret.expose().to_vec(), ()))
    });
    match update.await {
        // A conflict means that another request has just replaced it, which is as good.
        Ok(()) | Err(UpdateError::Conflict) => Ok(()),
        Err(UpdateError::Store(error) | UpdateError::Uncertain(error)) => {
            Err(unavailable(ports, &error))
        }
    }
}

fn fresh<P: AdminPorts>(ports: &P) -> SessionSecret {
    let mut bytes = [0_u8; SECRET_BYTES];
    ports.fill_secure(&mut bytes);
    Secret::new(bytes)
}

/// HMAC-SHA-256 with this key.
pub fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC pads shorter keys with zeros to the block's length; doing so here leaves no error to handle.
    let mut block = [0_u8; 64];
    block[..32].copy_from_slice(key);
    Hmac::new(&block.into())
}

/// A key or a mark for one purpose, made of the secret: without the secret nothing can be said of `data`.
pub fn derive(secret: &SessionSecret, purpose: &str, data: &[u8]) -> [u8; 32] {
    let mac = keyed(secret.expose())
        .chain_update(purpose.as_bytes())
        .chain_update(b"\0")
        .chain_update(data);
    mac.finalize().into_bytes().into()
}

fn mark(secret: &SessionSecret, password: &str) -> [u8; MARK_BYTES] {
    let [first, second, ..] = derive(secret, "mark of the password", password.as_bytes());
    [first, second]
}

fn parse(bytes: &[u8]) -> Option<(SessionSecret, Option<[u8; MARK_BYTES]>)> {
    let (secret, mark) = bytes.split_first_chunk::<SECRET_BYTES>()?;
    let mark = match mark {
        [] => None,
        mark => Some(mark.try_into().ok()?),
    };
    Some((Secret::new(*secret), mark))
}
