//! Signed tokens of sessions and devices. Owns their form; which keys they are signed with is for others to say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;

use super::principal::Role;
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
/// A token of a user of the OIDC provider: between stamp and id are the role, the name's length and the name.
const OF_OIDC_USER: u8 = 4;
/// Version, expiry, nonce.
const HEAD_BYTES: usize = 1 + 8 + NONCE_BYTES;
/// Bytes of an OIDC user's name, whose length is one byte of the token.
pub const MAX_NAME_BYTES: usize = 255;
/// Bytes of an OIDC user's id: `oidc:` and a subject of at most 255 characters of ASCII (OIDC Core, 2).
const MAX_OIDC_ID_BYTES: usize = 5 + 255;
const MAX_PAYLOAD_BYTES: usize =
    HEAD_BYTES + STAMP_BYTES + 2 + MAX_NAME_BYTES + MAX_OIDC_ID_BYTES + MAX_ID_CHARS;

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

/// The account, the client key or the OIDC user that a session is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which of them.
    pub kind: SubjectKind,
    /// Its id.
    pub id: String,
    /// A hash of what must not have changed since the login: password and role, the key, or the OIDC settings.
    pub stamp: [u8; STAMP_BYTES],
}

/// What a session can be of, beside the admin password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// An account.
    Account,
    /// A client key.
    ClientKey,
    /// A user of the OIDC provider. Nothing is stored of it, so the token has all that is known.
    OidcUser {
        /// The display name, of at most [`MAX_NAME_BYTES`].
        name: String,
        /// The role at the time of the sign-in.
        role: Role,
    },
}

/// A token that says this.
pub fn sign(key: &Secret<[u8; 32]>, session: &Session) -> String {
    let mut payload = Vec::with_capacity(MAX_PAYLOAD_BYTES);
    payload.push(match &session.subject {
        None => WITHOUT_SUBJECT,
        Some(subject) => match subject.kind {
            SubjectKind::Account => OF_ACCOUNT,
            SubjectKind::ClientKey => OF_CLIENT_KEY,
            SubjectKind::OidcUser { .. } => OF_OIDC_USER,
        },
    });
    payload.extend(session.expires_at.0.to_be_bytes());
    payload.extend(session.nonce);
    if let Some(subject) = &session.subject {
        payload.extend(subject.stamp);
        if let SubjectKind::OidcUser { name, role } = &subject.kind {
            payload.push(role_byte(*role));
            payload.push(u8::try_from(name.len()).unwrap_or(0));
            payload.extend(name.as_bytes());
        }
        payload.extend(subject.id.as_bytes());
    }
    sign_bytes(key, &payload)
}

/// The bytes and their signature as a token.
pub fn sign_bytes(key: &Secret<[u8; 32]>, payload: &[u8]) -> String {
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

/// The bytes of a token, if they were signed with `key`.
pub fn open_bytes(key: &Secret<[u8; 32]>, token: &str) -> Option<Vec<u8>> {
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
    Some(payload)
}

/// What a token says, if it was signed with `key`; whether it is still valid is another question.
pub fn open(key: &Secret<[u8; 32]>, token: &str) -> Option<Session> {
    let payload = open_bytes(key, token)?;
    let (version, rest) = payload.split_first()?;
    let (expiry, rest) = rest.split_first_chunk::<8>()?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let subject = |kind| {
        let (stamp, id) = rest.split_first_chunk::<STAMP_BYTES>()?;
        Some(Subject {
            kind,
            id: text(id)?,
            stamp: *stamp,
        })
    };
    let oidc_user = || {
        let (stamp, rest) = rest.split_first_chunk::<STAMP_BYTES>()?;
        let ([role, length], rest) = rest.split_first_chunk::<2>()?;
        let (name, id) = rest.split_at_checked(usize::from(*length))?;
        Some(Subject {
            kind: SubjectKind::OidcUser {
                name: text(name)?,
                role: Role::OF_ACCOUNTS
                    .into_iter()
                    .find(|one| role_byte(*one) == *role)?,
            },
            id: text(id)?,
            stamp: *stamp,
        })
    };
    let subject = match *version {
        WITHOUT_SUBJECT if rest.is_empty() => None,
        OF_ACCOUNT => Some(subject(SubjectKind::Account)?),
        OF_CLIENT_KEY => Some(subject(SubjectKind::ClientKey)?),
        OF_OIDC_USER => Some(oidc_user()?),
        _ => return None,
    };
    Some(Session {
        expires_at: Timestamp(u64::from_be_bytes(*expiry)),
        nonce: *nonce,
        subject,
    })
}

/// A role in a token; a member has none.
const fn role_byte(role: Role) -> u8 {
    match role {
        Role::Member => 0,
        Role::Viewer => 1,
        Role::Admin => 2,
        Role::Owner => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oidc_user(name: &str, role: Role) -> SubjectKind {
        SubjectKind::OidcUser {
            name: name.to_owned(),
            role,
        }
    }

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
            subject(oidc_user("Änna", Role::Viewer)),
            subject(oidc_user("", Role::Owner)),
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
        let long_name = oidc_user(&"x".repeat(MAX_NAME_BYTES), Role::Admin);
        for (kind, length) in [
            (SubjectKind::ClientKey, MAX_ID_CHARS),
            (long_name, MAX_OIDC_ID_BYTES),
        ] {
            let session = Session {
                expires_at: Timestamp(1),
                nonce: [0; NONCE_BYTES],
                subject: Some(Subject {
                    kind,
                    id: "x".repeat(length),
                    stamp: [0; STAMP_BYTES],
                }),
            };
            assert_eq!(open(&key, &sign(&key, &session)), Some(session));
        }
    }

    #[test]
    fn no_oidc_user_is_a_member() {
        let key = Secret::new([7; 32]);
        let session = Session {
            expires_at: Timestamp(1),
            nonce: [0; NONCE_BYTES],
            subject: Some(Subject {
                kind: oidc_user("Anna", Role::Member),
                id: "oidc:1".to_owned(),
                stamp: [0; STAMP_BYTES],
            }),
        };
        assert_eq!(open(&key, &sign(&key, &session)), None);
    }
}
