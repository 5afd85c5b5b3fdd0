//! Sessions: logging in and out, and the token in between. Owns the token's form and its keys. Nothing is stored
//! per session but the end of those that were ended early.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;

use super::device::{self, Device};
use super::guard::{self, Caller};
use super::session_secret::{self, SessionSecret, derive, keyed};
use super::throttle::{self, Stranger};
use super::{AdminSettings, forwarded, revoked};
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::config::stored;
use crate::config::validate::Problems;
use crate::error::{ErrorCode, GatewayError};
use crate::ports::{AdminPorts, StoreKey};
use crate::problem::{ExpectedType, ProblemKind};
use crate::reply::{self, Reply};
use crate::secret::Secret;
use crate::time_text;
use crate::units::Timestamp;

/// The cookie that carries the token.
pub const COOKIE_NAME: &str = "gateway_session";
/// How long a session lasts, in seconds: a working day, so that nobody logs in twice a day.
const LIFETIME_S: u64 = 12 * 60 * 60;
/// Shorter passwords are refused altogether: they can be guessed in spite of the throttle.
const MIN_PASSWORD_CHARS: usize = 8;
/// Longer passwords than this are not even hashed.
const MAX_PASSWORD_BYTES: usize = 1024;
/// For how long the draw of who gets one of too few appointments stands.
const RANKED_FOR_MS: u64 = 10 * 60_000;
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

/// A session.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "LoggedIn")
)]
pub struct LoginView<'a> {
    /// For `Authorization: Bearer`; browsers use the cookie instead.
    token: &'a str,
    /// When the session ends by itself.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    expires_at: String,
}

/// The session of the request.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Session")
)]
pub struct SessionView<'a> {
    /// When the session ends by itself.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    expires_at: String,
    /// Whether upstream keys are encrypted at rest, with the variable `master_key`.
    upstream_keys_encrypted: bool,
    /// Why the `master_key` that is set cannot be used. Then no upstream key can be stored.
    master_key_error: Option<&'a str>,
}

/// The password out of `{"password": "…"}`.
pub fn read_password(body: Value) -> Result<Secret<String>, GatewayError> {
    let mut problems = Problems::default();
    let mut password = None;
    if let Value::Object(members) = body {
        for (name, value) in members {
            match (name.as_str(), value) {
                ("password", Value::String(text)) => password = Some(Secret::new(text)),
                ("password", _) => problems.add(
                    "password",
                    ProblemKind::WrongType {
                        expected: ExpectedType::String,
                    },
                ),
                _ => problems.add(
                    name.chars().take(100).collect::<String>(),
                    ProblemKind::UnknownField,
                ),
            }
        }
    }
    if password.is_none() && !problems.touch("password") {
        problems.add("password", ProblemKind::Required);
    }
    problems.check("login")?;
    password.ok_or_else(not_authenticated)
}

/// Begins a session, if the password is right and the throttle allows the attempt at all.
pub async fn login<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
    given: &Secret<String>,
) -> Result<Reply, GatewayError> {
    let password = usable_password(settings)?;
    let secret = session_secret::load(ports, password).await?;
    // Counted before it is checked, so that many guesses at the same moment are counted too. The password has no
    // influence on whether it is, or the answer would tell whether it is right without being counted.
    let client = Client::of(ports, &secret, head).await;
    let counted = client.admit(ports, &secret, given).await?;
    let address = &client.address;
    if !is_same(&secret, password, given.expose()) {
        ports.line(format_args!(
            "admin: login refused, wrong password, from {address:?}"
        ));
        return Err(ErrorCode::WrongPassword.error("The password is wrong."));
    }
    client.forgive(ports, counted).await;
    let now = ports.now();
    let expires_at = now.plus_ms(LIFETIME_S * 1000);
    let mut nonce = [0_u8; NONCE_BYTES];
    ports.fill_secure(&mut nonce);
    let token = sign(
        &signing_key(&secret, password),
        &Session { expires_at, nonce },
    );
    ports.line(format_args!("admin: login from {address:?}"));
    let view = LoginView {
        token: &token,
        expires_at: time_text::format(expires_at),
    };
    let mut reply = reply::json(StatusCode::OK, &view);
    set_cookie(&mut reply, head, COOKIE_NAME, &token, LIFETIME_S);
    let device = client.device.unwrap_or_else(|| Device::new(ports));
    let token = device.token(&secret, now);
    set_cookie(
        &mut reply,
        head,
        device::COOKIE_NAME,
        &token,
        device::LIFETIME_S,
    );
    Ok(reply)
}

/// Who wants to log in.
struct Client {
    address: String,
    device: Option<Device>,
}

/// Where an attempt was counted.
#[derive(Clone, Copy)]
enum CountedIn {
    ForDevice,
    ForAddress,
}

impl Client {
    async fn of<P: AdminPorts>(ports: &P, secret: &SessionSecret, head: &Parts) -> Self {
        // Who cannot be told apart can still log in, so a configuration that cannot be read is no reason to fail.
        let proxies = if forwarded::is_forwarded(&head.headers) {
            let stored = ports.read(StoreKey::Config).await.unwrap_or_default();
            stored::trusted_proxies(stored.as_deref())
        } else {
            Vec::new()
        };
        Self {
            address: guard::client_address(&head.headers, &proxies),
            device: Device::of(&head.headers, secret, ports),
        }
    }

    async fn admit<P: AdminPorts>(
        &self,
        ports: &P,
        secret: &SessionSecret,
        given: &Secret<String>,
    ) -> Result<CountedIn, GatewayError> {
        if let Some(device) = &self.device
            && throttle::admit_device(ports, &device.id()).await
        {
            return Ok(CountedIn::ForDevice);
        }
        let given = given.expose().as_bytes();
        // Longer ones than a password can be are all the same.
        let given = given.get(..MAX_PASSWORD_BYTES).unwrap_or(given);
        let [high, low, ..] = derive(secret, "guess", given);
        let hour = ports.now().0 / RANKED_FOR_MS;
        let place = format!("{}\0{hour}", self.address);
        let [a, b, c, d, ..] = derive(secret, "rank", place.as_bytes());
        let stranger = Stranger {
            address: &self.address,
            guess: u16::from_be_bytes([high, low]),
            rank: u32::from_be_bytes([a, b, c, d]),
        };
        throttle::admit(ports, &stranger).await?;
        Ok(CountedIn::ForAddress)
    }

    /// The attempt that was counted as failed was none.
    async fn forgive<P: AdminPorts>(&self, ports: &P, counted: CountedIn) {
        match (counted, &self.device) {
            (CountedIn::ForDevice, Some(device)) => {
                throttle::forgive_device(ports, &device.id()).await;
            }
            _ => throttle::forgive(ports, &self.address).await,
        }
    }
}

/// Ends the caller's session, everywhere and for good.
pub async fn logout<P: AdminPorts>(
    ports: &P,
    caller: &Caller,
    head: &Parts,
) -> Result<Reply, GatewayError> {
    revoked::add(ports, &caller.session).await?;
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    set_cookie(&mut reply, head, COOKIE_NAME, "", 0);
    Ok(reply)
}

/// The caller's session, and what the panel must know before it shows a form for keys.
pub fn describe(settings: &AdminSettings, caller: &Caller) -> Reply {
    let view = SessionView {
        expires_at: time_text::format(caller.session.expires_at),
        upstream_keys_encrypted: settings.master_key.is_some(),
        master_key_error: settings.master_key_error.as_deref(),
    };
    reply::json(StatusCode::OK, &view)
}

/// The session of `token`, or 401: forged, over, ended, or from before the password was changed.
pub async fn verify<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    token: &str,
) -> Result<Session, GatewayError> {
    let password = usable_password(settings).map_err(|_| not_authenticated())?;
    let secret = session_secret::load(ports, password).await?;
    let session = open(&signing_key(&secret, password), token)
        .filter(|session| session.expires_at > ports.now())
        .ok_or_else(not_authenticated)?;
    if revoked::contains(ports, &session).await? {
        return Err(not_authenticated());
    }
    Ok(session)
}

/// 401 for everything that is no valid session; which of the reasons it is helps only an attacker.
pub fn not_authenticated() -> GatewayError {
    ErrorCode::NotAuthenticated.error("There is no valid session; log in first.")
}

fn usable_password(settings: &AdminSettings) -> Result<&str, GatewayError> {
    const HOW: &str = "Set the variable `admin_password` (SPIN_VARIABLE_ADMIN_PASSWORD=… for spin and cargo xtask up) \
                       and start the gateway again.";
    let password = settings
        .password
        .as_ref()
        .map_or("", |password| password.expose().as_str());
    if password.is_empty() {
        return Err(ErrorCode::AdminDisabled.error(format!(
            "No admin password is set, so nobody can log in. {HOW}"
        )));
    }
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(ErrorCode::AdminDisabled.error(format!(
            "The admin password has fewer than {MIN_PASSWORD_CHARS} characters, so nobody can log in. {HOW}"
        )));
    }
    Ok(password)
}

/// The password is part of the key, so that changing it ends all sessions.
fn signing_key(secret: &SessionSecret, password: &str) -> Secret<[u8; 32]> {
    Secret::new(derive(secret, "session token", password.as_bytes()))
}

/// Compares MACs instead of the texts, so that the time taken says nothing about the password or its length.
fn is_same(secret: &SessionSecret, password: &str, given: &str) -> bool {
    let mac = |text: &str| {
        keyed(secret.expose())
            .chain_update(b"password\0")
            .chain_update(text)
    };
    given.len() <= MAX_PASSWORD_BYTES
        && mac(given)
            .verify_slice(&mac(password).finalize().into_bytes())
            .is_ok()
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

fn set_cookie(reply: &mut Reply, head: &Parts, name: &str, token: &str, max_age_s: u64) {
    let secure = if guard::is_https(head) {
        "; Secure"
    } else {
        ""
    };
    let text = format!(
        "{name}={token}; HttpOnly; SameSite=Strict; Path=/admin/api; Max-Age={max_age_s}{secure}"
    );
    if let Ok(value) = HeaderValue::try_from(text) {
        reply.headers_mut().append(SET_COOKIE, value);
    }
}
