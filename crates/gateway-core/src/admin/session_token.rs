//! Signed tokens of sessions and devices. Owns their form; which keys they are signed with is for others to say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;

use super::session_secret::keyed;
use crate::secret::Secret;
use crate::units::Timestamp;

/// Random bytes that tell a token from all others.
pub const NONCE_BYTES: usize = 16;
const VERSION: u8 = 1;
/// Version, expiry, nonce.
const PAYLOAD_BYTES: usize = 1 + 8 + NONCE_BYTES;

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// When the session ends by itself.
    pub expires_at: Timestamp,
    /// Tells the session from all others.
    pub nonce: [u8; NONCE_BYTES],
}

/// A token that says this.
pub fn sign(key: &Secret<[u8; 32]>, session: &Session) -> String {
    let mut payload = [0_u8; PAYLOAD_BYTES];
    payload[0] = VERSION;
    payload[1..9].copy_from_slice(&session.expires_at.0.to_be_bytes());
    payload[9..].copy_from_slice(&session.nonce);
    let tag = keyed(key.expose())
        .chain_update(payload)
        .finalize()
        .into_bytes();
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(payload),
        URL_SAFE_NO_PAD.encode(tag)
    )
}

/// What a token says, if it was signed with `key`; whether it is still valid is another question.
pub fn open(key: &Secret<[u8; 32]>, token: &str) -> Option<Session> {
    let (payload, tag) = token.split_once('.')?;
    // Both parts have fixed lengths, so a megabyte of token costs nothing.
    if payload.len() > 2 * PAYLOAD_BYTES || tag.len() > 64 {
        return None;
    }
    let payload = <[u8; PAYLOAD_BYTES]>::try_from(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    keyed(key.expose())
        .chain_update(payload)
        .verify_slice(&tag)
        .ok()?;
    let (version, rest) = payload.split_first()?;
    let (expiry, nonce) = rest.split_first_chunk::<8>()?;
    (*version == VERSION).then_some(Session {
        expires_at: Timestamp(u64::from_be_bytes(*expiry)),
        nonce: nonce.try_into().ok()?,
    })
}
