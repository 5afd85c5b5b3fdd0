//! Logging in and out. Owns who gets a session and for how long, and its cookie. Nothing is stored per session but the end
//! of those that were ended early.

use hmac::Mac as _;
use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;

use super::device::{self, Device};
use super::guard::{self, Caller};
use super::session_check::{self, COOKIE_NAME, signing_key, usable_password};
use super::session_secret::{self, SessionSecret, derive, keyed};
use super::session_token::{self, NONCE_BYTES, Session};
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

/// How long a session lasts, in seconds: a working day, so that one login a day is enough.
const LIFETIME_S: u64 = 12 * 60 * 60;
/// Longer passwords than this are not even hashed.
const MAX_PASSWORD_BYTES: usize = 1024;
/// How long the random ranking of waiting clients is valid, when there are fewer appointments than clients.
const RANKED_FOR_MS: u64 = 10 * 60_000;
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
pub struct SessionView {
    /// When the session ends by itself.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    expires_at: String,
    /// Whether upstream keys are encrypted at rest, with the variable `master_key`.
    upstream_keys_encrypted: bool,
    /// Why the `master_key` that is set cannot be used. Then no upstream key can be stored.
    master_key_error: Option<String>,
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
    password.ok_or_else(session_check::not_authenticated)
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
    let token = session_token::sign(
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

/// The client of a login.
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
        // Clients that cannot be distinguished can still log in, so a configuration that cannot be read is no reason to fail.
        let proxies = if forwarded::is_forwarded(&head.headers) {
            let stored = ports.read(StoreKey::Config).await.unwrap_or_default();
            stored::trusted_proxies(stored.as_deref())
        } else {
            Vec::new()
        };
        Self {
            address: guard::client_address(head, &proxies),
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
        master_key_error: settings.master_key_error.as_ref().map(ToString::to_string),
    };
    reply::json(StatusCode::OK, &view)
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
