//! Whether a token is a valid session. Owns the signing key of sessions and what makes them invalid.

use super::session_secret::{self, SessionSecret, derive};
use super::session_token::{self, Session};
use super::{AdminSettings, revoked};
use crate::error::{ErrorCode, GatewayError};
use crate::ports::AdminPorts;
use crate::secret::Secret;

/// The cookie that carries the token.
pub const COOKIE_NAME: &str = "gateway_session";
/// Shorter passwords are refused altogether: they can be guessed in spite of the throttle.
const MIN_PASSWORD_CHARS: usize = 8;

/// The session of `token`, or 401: forged, over, ended, or from before the password was changed.
pub async fn verify<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    token: &str,
) -> Result<Session, GatewayError> {
    let password = usable_password(settings).map_err(|_| not_authenticated())?;
    let secret = session_secret::load(ports, password).await?;
    let session = session_token::open(&signing_key(&secret, password), token)
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

/// The password that is set, if it can be used.
pub fn usable_password(settings: &AdminSettings) -> Result<&str, GatewayError> {
    const HOW: &str = "Set the variable `admin_password` (SPIN_VARIABLE_ADMIN_PASSWORD=… for spin and cargo xtask up) \
                       and start the gateway again.";
    let password = settings
        .password
        .as_ref()
        .map_or("", |password| password.expose().as_str());
    if password.is_empty() {
        return Err(ErrorCode::AdminDisabled.error(format!(
            "No admin password is set, so login is disabled. {HOW}"
        )));
    }
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(ErrorCode::AdminDisabled.error(format!(
            "The admin password has fewer than {MIN_PASSWORD_CHARS} characters, so login is disabled. {HOW}"
        )));
    }
    Ok(password)
}

/// The password is part of the key, so that changing it ends all sessions.
pub fn signing_key(secret: &SessionSecret, password: &str) -> Secret<[u8; 32]> {
    Secret::new(derive(secret, "session token", password.as_bytes()))
}
