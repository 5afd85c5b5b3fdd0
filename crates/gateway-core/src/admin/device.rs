//! The device cookie: a client that has logged in before is known again. Owns the cookie's form; how often a device may
//! fail is the throttle's.
//!
//! It is OWASP's device cookie: it grants no access, it only gives its holder a separate count of failed logins, so that
//! what strangers do cannot lock the holder out. It is signed with a key that is made of the session secret, so that
//! it cannot be forged, and it ends with that secret when the password changes.

use http::HeaderMap;

use super::guard;
use super::session_secret::{SessionSecret, derive};
use super::session_token::{self, NONCE_BYTES, Session};
use crate::ids;
use crate::ports::{Clock, Random};
use crate::secret::Secret;
use crate::units::Timestamp;

/// The cookie's name.
pub const COOKIE_NAME: &str = "gateway_device";
/// As long as browsers keep a cookie at most (RFC 6265bis).
pub const LIFETIME_S: u64 = 400 * 24 * 60 * 60;

/// A device that is known, by the number in its cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    nonce: [u8; NONCE_BYTES],
}

impl Device {
    /// A new one.
    pub fn new(random: &impl Random) -> Self {
        let mut nonce = [0_u8; NONCE_BYTES];
        random.fill_secure(&mut nonce);
        Self { nonce }
    }

    /// The one whose valid cookie came with the request.
    pub fn of(headers: &HeaderMap, secret: &SessionSecret, clock: &impl Clock) -> Option<Self> {
        let token = guard::cookie(headers, COOKIE_NAME)?;
        let session = session_token::open(&key(secret), token)?;
        let is_valid = session.expires_at > clock.now();
        is_valid.then_some(Self {
            nonce: session.nonce,
        })
    }

    /// The one with this number, which its cookie had.
    pub const fn from_nonce(nonce: [u8; NONCE_BYTES]) -> Self {
        Self { nonce }
    }

    /// Its number.
    pub const fn nonce(&self) -> &[u8; NONCE_BYTES] {
        &self.nonce
    }

    /// Under which name its failures are counted.
    pub fn id(&self) -> String {
        ids::hex(&self.nonce)
    }

    /// What its cookie holds from now on.
    pub fn token(&self, secret: &SessionSecret, now: Timestamp) -> String {
        let signed = Session {
            expires_at: now.plus_ms(LIFETIME_S * 1000),
            nonce: self.nonce,
            subject: None,
        };
        session_token::sign(&key(secret), &signed)
    }
}

/// Another key than that of sessions, so that neither token passes for the other.
fn key(secret: &SessionSecret) -> Secret<[u8; 32]> {
    Secret::new(derive(secret, "device cookie", b""))
}
