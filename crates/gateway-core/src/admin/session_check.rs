//! Whether a token is a valid session, and whose. Owns the signing key of sessions and what makes them invalid.

use serde::Deserialize;

use super::accounts::stored as accounts;
use super::document::{self, unavailable};
use super::principal::{Principal, Role};
use super::session_secret::{self, SessionSecret, derive};
use super::session_token::{self, STAMP_BYTES, Session, Subject, SubjectKind};
use super::{AdminSettings, revoked};
use crate::config::bounds::MIN_PASSWORD_CHARS;
use crate::config::model::ClientKey;
use crate::error::{ErrorCode, GatewayError};
use crate::ports::{AdminPorts, StoreKey};
use crate::secret::Secret;
use crate::units::Timestamp;

/// The cookie that carries the token.
pub const COOKIE_NAME: &str = "gateway_session";

/// The session of `token` and whose it is, or 401: forged, over, ended, or from before the password, the account or the
/// client key was changed.
pub async fn verify<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    token: &str,
) -> Result<(Session, Principal), GatewayError> {
    let password = signing_password(settings);
    let secret = session_secret::load(ports, password).await?;
    let session = session_token::open(&signing_key(&secret, password), token)
        .filter(|session| session.expires_at > ports.now())
        .ok_or_else(not_authenticated)?;
    if revoked::contains(ports, &session).await? {
        return Err(not_authenticated());
    }
    let principal = match &session.subject {
        None => {
            usable_password(settings).map_err(|_| not_authenticated())?;
            Principal::admin()
        }
        Some(subject) => match &subject.kind {
            SubjectKind::OidcUser { name, role } => {
                if !settings.oidc.accepts(subject, &secret) {
                    return Err(not_authenticated());
                }
                Principal {
                    id: subject.id.clone(),
                    name: name.clone(),
                    role: *role,
                    has_account: false,
                    has_totp: false,
                    is_oidc_user: true,
                }
            }
            _ => principal_of(ports, &secret, subject).await?,
        },
    };
    Ok((session, principal))
}

/// Looks the subject up in the configuration as it is now, so that a change of it is in force at once.
async fn principal_of<P: AdminPorts>(
    ports: &P,
    secret: &SessionSecret,
    subject: &Subject,
) -> Result<Principal, GatewayError> {
    let stored = ports.read(StoreKey::Config).await;
    let stored = stored.map_err(|error| unavailable(ports, &error))?;
    let principal = match subject.kind {
        SubjectKind::Account => {
            let accounts = accounts::in_bytes(ports, stored.as_deref())?;
            let mut accounts = accounts.iter();
            accounts
                .find(|it| it.enabled && it.subject(secret) == *subject)
                .map(accounts::Account::principal)
        }
        SubjectKind::ClientKey => member_key(ports, stored.as_deref(), &subject.id)
            .await?
            .and_then(|key| {
                if member_subject(&key, secret) != *subject || !may_log_in(&key, ports.now()) {
                    return None;
                }
                Some(Principal {
                    id: key.id.clone(),
                    name: key.name.clone(),
                    role: Role::Member,
                    has_account: false,
                    has_totp: false,
                    is_oidc_user: false,
                })
            }),
        SubjectKind::OidcUser { .. } => None,
    };
    principal.ok_or_else(not_authenticated)
}

/// Whether client keys can log in; the setting of the stored configuration. Reads nothing else of it.
pub fn has_member_login(stored: Option<&[u8]>) -> bool {
    #[derive(Deserialize)]
    struct MemberLogin {
        #[serde(default)]
        member_login: bool,
    }
    #[derive(Deserialize)]
    struct MemberSettings {
        settings: MemberLogin,
    }
    let stored = stored.and_then(|stored| serde_json::from_slice::<MemberSettings>(stored).ok());
    stored.is_some_and(|stored| stored.settings.member_login)
}

/// The client key with this id, where client keys can log in.
async fn member_key<P: AdminPorts>(
    ports: &P,
    stored: Option<&[u8]>,
    id: &str,
) -> Result<Option<ClientKey>, GatewayError> {
    if has_member_login(stored) {
        document::load_key(ports, id).await
    } else {
        Ok(None)
    }
}

/// Whether a client key is accepted now.
pub fn may_log_in(key: &ClientKey, now: Timestamp) -> bool {
    key.enabled && key.expires_at.is_none_or(|at| at > now)
}

/// What the tokens of a client key say. They end when it is rotated.
pub fn member_subject(key: &ClientKey, secret: &SessionSecret) -> Subject {
    let mut stamp = [0; STAMP_BYTES];
    let hash = derive(secret, "client key", key.hash.as_bytes());
    stamp.copy_from_slice(&hash[..STAMP_BYTES]);
    Subject {
        kind: SubjectKind::ClientKey,
        id: key.id.clone(),
        stamp,
    }
}

/// 401 for everything that is no valid session; which of the reasons it is helps only an attacker.
pub fn not_authenticated() -> GatewayError {
    ErrorCode::NotAuthenticated.error("There is no valid session; log in first.")
}

/// The password that is set, if it can be used.
pub fn usable_password(settings: &AdminSettings) -> Result<&str, GatewayError> {
    const HOW: &str = "Set the variable `admin_password` (SPIN_VARIABLE_ADMIN_PASSWORD=… for spin and cargo xtask up) \
                       and start the gateway again.";
    let password = signing_password(settings);
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

/// The admin password as it is set, or an empty text: it signs sessions even where it is too short to log in with.
pub fn signing_password(settings: &AdminSettings) -> &str {
    let password = settings.password.as_ref();
    password.map_or("", |password| password.expose().as_str())
}

/// The password is part of the key, so that changing it ends all sessions.
pub fn signing_key(secret: &SessionSecret, password: &str) -> Secret<[u8; 32]> {
    Secret::new(derive(secret, "session token", password.as_bytes()))
}
