//! A sign-in on its way through the provider, in a cookie of the browser that began it. Owns the cookie, and the values that
//! bind the provider's answer to it.
//!
//! The cookie has a random number and the time of its end, signed; `state`, `nonce` and the verifier of PKCE are made of the
//! number with the session secret. So nothing is stored, nobody can make a cookie, and no cookie shows the verifier.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{HeaderValue, SET_COOKIE};
use sha2::{Digest as _, Sha256};

use crate::admin::device::Device;
use crate::admin::guard;
use crate::admin::session_secret::{SessionSecret, derive};
use crate::admin::session_token::{NONCE_BYTES, Session, open_bytes, sign_bytes};
use crate::ports::{Clock, Random};
use crate::reply::Reply;
use crate::secret::Secret;
use crate::units::Timestamp;

/// Seconds for logging in at the provider.
const LIFETIME_S: u64 = 600;
/// Over TLS the prefix makes browsers refuse a cookie that another host of the domain, or a page without TLS, has set.
const SECURE_NAME: &str = "__Host-gateway_sign_in";
const PLAIN_NAME: &str = "gateway_sign_in";

/// One sign-in.
#[derive(Clone, Debug)]
pub struct SignInAttempt {
    /// The number and the end; in this form it can be in the list of ended sessions.
    pub session: Session,
    /// The known device that began it: the provider's redirect does not bring the device cookie, which is `SameSite=Strict`.
    pub device: Option<Device>,
}

impl SignInAttempt {
    /// A new one.
    pub fn new<P: Random + Clock>(ports: &P, device: Option<Device>) -> Self {
        let mut nonce = [0_u8; NONCE_BYTES];
        ports.fill_secure(&mut nonce);
        Self {
            session: Session {
                expires_at: ports.now().plus_ms(LIFETIME_S * 1000),
                nonce,
                subject: None,
            },
            device,
        }
    }

    /// The one in the browser's cookie, unless it is over or was not made here.
    pub fn of(
        headers: &HeaderMap,
        is_secure: bool,
        secret: &SessionSecret,
        clock: &impl Clock,
    ) -> Option<Self> {
        let token = guard::cookie(headers, name(is_secure))?;
        let bytes = open_bytes(&key(secret), token)?;
        let (expiry, rest) = bytes.split_first_chunk::<8>()?;
        let (nonce, device) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let device = match device {
            [] => None,
            device => Some(Device::from_nonce(device.try_into().ok()?)),
        };
        let session = Session {
            expires_at: Timestamp(u64::from_be_bytes(*expiry)),
            nonce: *nonce,
            subject: None,
        };
        (session.expires_at > clock.now()).then_some(Self { session, device })
    }

    /// What the provider sends back.
    pub fn state(&self, secret: &SessionSecret) -> String {
        self.value(secret, "sign-in state")
    }

    /// What the ID token repeats.
    pub fn nonce(&self, secret: &SessionSecret) -> String {
        self.value(secret, "sign-in nonce")
    }

    /// What shows the token endpoint that the code is redeemed by the one who asked for it.
    pub fn verifier(&self, secret: &SessionSecret) -> Secret<String> {
        Secret::new(self.value(secret, "sign-in verifier"))
    }

    /// The verifier's hash (RFC 7636, S256).
    pub fn challenge(&self, secret: &SessionSecret) -> String {
        let verifier = self.verifier(secret);
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()))
    }

    fn value(&self, secret: &SessionSecret, purpose: &str) -> String {
        URL_SAFE_NO_PAD.encode(derive(secret, purpose, &self.session.nonce))
    }

    /// Puts it into the browser's cookie. `Lax`, since the provider's redirect comes from another site.
    pub fn set_cookie(&self, reply: &mut Reply, is_secure: bool, secret: &SessionSecret) {
        let mut bytes = self.session.expires_at.0.to_be_bytes().to_vec();
        bytes.extend(self.session.nonce);
        bytes.extend(self.device.iter().flat_map(Device::nonce));
        let token = sign_bytes(&key(secret), &bytes);
        append(reply, is_secure, &token, LIFETIME_S);
    }
}

/// Takes the cookie away: one browser, one answer.
pub fn remove_cookie(reply: &mut Reply, is_secure: bool) {
    append(reply, is_secure, "", 0);
}

fn append(reply: &mut Reply, is_secure: bool, token: &str, max_age_s: u64) {
    let name = name(is_secure);
    let secure = if is_secure { "; Secure" } else { "" };
    let text =
        format!("{name}={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age_s}{secure}");
    if let Ok(value) = HeaderValue::try_from(text) {
        reply.headers_mut().append(SET_COOKIE, value);
    }
}

const fn name(is_secure: bool) -> &'static str {
    if is_secure { SECURE_NAME } else { PLAIN_NAME }
}

/// Another key than those of sessions and devices, so that no token passes for another.
fn key(secret: &SessionSecret) -> Secret<[u8; 32]> {
    Secret::new(derive(secret, "sign-in cookie", b""))
}
