//! Signed tokens of sessions and devices. Owns their form; which keys they are signed with is for others to say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;

use super::session_secret::keyed;
use crate::config::bounds::MAX_ID_CHARS;
use crate::secret::Secret;
use crate::units::Timestamp;

/// Random bytes that tell a token from all others.
pub const NONCE_BYTES: usize = 16;
/// Bytes of a stamp.
pub const STAMP_BYTES: usize = 8;
/// A token of the admin password, or of a device.
const WITHOUT_SUBJECT: u8 = 1;
/// A token of an account.
const OF_ACCOUNT: u8 = 2;
/// A token of a client key.
const OF_CLIENT_KEY: u8 = 3;
/// Version, expiry, nonce.
const HEAD_BYTES: usize = 1 + 8 + NONCE_BYTES;
const MAX_PAYLOAD_BYTES: usize = HEAD_BYTES + STAMP_BYTES + MAX_ID_CHARS;

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// When the session ends by itself.
    pub expires_at: Timestamp,
    /// Tells the session from all others.
    pub nonce: [u8; NONCE_BYTES],
    /// Who logged in; `None`: somebody with the admin password.
    pub subject: Option<Subject>,
}

/// The account or the client key that a session is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which of the two.
    pub kind: SubjectKind,
    /// Its id.
    pub id: String,
    /// A hash of what must not have changed since the login: password and role, or the key.
    pub stamp: [u8; STAMP_BYTES],
}

/// What a session can be of, beside the admin password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// An account.
    Account,
    /// A client key.
    ClientKey,
}

/// A token that says this.
pub fn sign(key: &Secret<[u8; 32]>, session: &Session) -> String {
    let mut payload = Vec::with_capacity(MAX_PAYLOAD_BYTES);
    payload.push(match &session.subject {
        None => WITHOUT_SUBJECT,
        Some(subject) => match subject.kind {
            SubjectKind::Account => OF_ACCOUNT,
            SubjectKind::ClientKey => OF_CLIENT_KEY,
        },
    });
    payload.extend(session.expires_at.0.to_be_bytes());
    payload.extend(session.nonce);
    if let Some(subject) = &session.subject {
        payload.extend(subject.stamp);
        payload.extend(subject.id.as_bytes());
    }
    let tag = keyed(key.expose())
        .chain_update(&payload)
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
    // Both parts have a largest length, so a megabyte of token costs nothing.
    if payload.len() > 2 * MAX_PAYLOAD_BYTES || tag.len() > 64 {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    keyed(key.expose())
        .chain_update(&payload)
        .verify_slice(&tag)
        .ok()?;
    let (version, rest) = payload.split_first()?;
    let (expiry, rest) = rest.split_first_chunk::<8>()?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
    let subject = |kind| {
        let (stamp, id) = rest.split_first_chunk::<STAMP_BYTES>()?;
        let id = String::from_utf8(id.to_vec()).ok()?;
        Some(Subject {
            kind,
            id,
            stamp: *stamp,
        })
    };
    let subject = match *version {
        WITHOUT_SUBJECT if rest.is_empty() => None,
        OF_ACCOUNT => Some(subject(SubjectKind::Account)?),
        OF_CLIENT_KEY => Some(subject(SubjectKind::ClientKey)?),
        _ => return None,
    };
    Some(Session {
        expires_at: Timestamp(u64::from_be_bytes(*expiry)),
        nonce: *nonce,
        subject,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_was_signed_and_only_under_its_key() {
        let key = Secret::new([7; 32]);
        let subject = |kind| {
            Some(Subject {
                kind,
                id: "ac_0123".to_owned(),
                stamp: [9; STAMP_BYTES],
            })
        };
        for subject in [
            None,
            subject(SubjectKind::Account),
            subject(SubjectKind::ClientKey),
        ] {
            let session = Session {
                expires_at: Timestamp(1234),
                nonce: [3; NONCE_BYTES],
                subject,
            };
            let token = sign(&key, &session);
            assert_eq!(open(&key, &token), Some(session));
            assert_eq!(open(&Secret::new([8; 32]), &token), None);
            assert_eq!(open(&key, &token[1..]), None);
        }
    }

    #[test]
    fn the_longest_id_fits() {
        let key = Secret::new([7; 32]);
        let session = Session {
            expires_at: Timestamp(1),
            nonce: [0; NONCE_BYTES],
            subject: Some(Subject {
                kind: SubjectKind::ClientKey,
                id: "x".repeat(MAX_ID_CHARS),
                stamp: [0; STAMP_BYTES],
            }),
        };
        assert_eq!(open(&key, &sign(&key, &session)), Some(session));
    }
}
