//! Sessions: begun, described, ended. Owns for how long they last, and their cookie; who gets one is [`super::login`]'s.
//! Nothing is stored per session but the end of those that were ended early.

use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use http::request::Parts;
use serde::Serialize;

use super::guard::{self, Caller};
use super::principal::Role;
use super::session_check::{COOKIE_NAME, signing_key, signing_password};
use super::session_secret::SessionSecret;
use super::session_token::{self, NONCE_BYTES, Session, Subject};
use super::{AdminSettings, revoked};
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::error::GatewayError;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::time_text;

/// How long a session lasts, in seconds: a working day, so that one login a day is enough.
const LIFETIME_S: u64 = 12 * 60 * 60;
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

/// Whose session an answer begins, for the audit log: an extension of the reply.
#[derive(Clone, Debug)]
pub struct BegunSession(pub Option<Subject>);

/// The session of the request.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Session")
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a member of the answer that does not depend on the others"
)]
pub struct SessionView<'a> {
    /// When the session ends by itself.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    expires_at: String,
    /// The id of the account or the client key; `admin` for the admin password; `oidc:` and the subject of an OIDC user.
    id: &'a str,
    /// Its display name.
    name: &'a str,
    /// What it may do.
    role: Role,
    /// Whether it is an account, whose password and one-time codes can be set.
    has_account: bool,
    /// Whether the account needs one-time codes.
    has_totp: bool,
    /// Whether it is a user of the OIDC provider, which has its password.
    is_oidc_user: bool,
    /// Whether upstream keys are encrypted at rest, with the variable `master_key`.
    upstream_keys_encrypted: bool,
    /// Why the `master_key` that is set cannot be used. Then no upstream key can be stored.
    master_key_error: Option<String>,
}

/// Answers a login with a new session.
pub fn begin<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
    secret: &SessionSecret,
    subject: Option<Subject>,
) -> Reply {
    let expires_at = ports.now().plus_ms(LIFETIME_S * 1000);
    let mut nonce = [0_u8; NONCE_BYTES];
    ports.fill_secure(&mut nonce);
    let session = Session {
        expires_at,
        nonce,
        subject: subject.clone(),
    };
    let key = signing_key(secret, signing_password(settings));
    let token = session_token::sign(&key, &session);
    let view = LoginView {
        token: &token,
        expires_at: time_text::format(expires_at),
    };
    let mut reply = reply::json(StatusCode::OK, &view);
    set_cookie(&mut reply, head, COOKIE_NAME, &token, LIFETIME_S);
    reply.extensions_mut().insert(BegunSession(subject));
    reply
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
    let principal = &caller.principal;
    let view = SessionView {
        expires_at: time_text::format(caller.session.expires_at),
        id: &principal.id,
        name: &principal.name,
        role: principal.role,
        has_account: principal.has_account,
        has_totp: principal.has_totp,
        is_oidc_user: principal.is_oidc_user,
        upstream_keys_encrypted: settings.master_key.is_some(),
        master_key_error: settings.master_key_error.as_ref().map(ToString::to_string),
    };
    reply::json(StatusCode::OK, &view)
}

/// Sets a cookie that scripts cannot read, and that only this origin sends.
pub fn set_cookie(reply: &mut Reply, head: &Parts, name: &str, token: &str, max_age_s: u64) {
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
