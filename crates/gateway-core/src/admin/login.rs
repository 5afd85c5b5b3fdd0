//! Logging in: with the admin password, with an account, or with a client key. Owns who gets a session, and that every
//! attempt is counted before it is checked; sessions are [`super::session`]'s.

use hmac::Mac as _;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use super::accounts::password;
use super::accounts::stored::{self as accounts, Account};
use super::accounts::{self as account_edits, totp, used_codes};
use super::credentials::Credentials;
use super::device::Device;
use super::login_client::LoginClient;
use super::session_check::{
    has_member_login, may_log_in, member_subject, signing_password, usable_password,
};
use super::session_secret::{self, SessionSecret, keyed};
use super::session_token::Subject;
use super::{AdminSettings, document, session, throttle};
use crate::config::bounds::MAX_PASSWORD_BYTES as MAX_BYTES;
use crate::config::model::StoredSecret;
use crate::config::seal;
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::{AdminPorts, StoreKey};
use crate::reply::{self, Reply};

/// With what one can log in.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "LoginOptions")
)]
pub struct LoginOptionsView<'a> {
    /// With the variable `admin_password`.
    password: bool,
    /// With the name and password of an account.
    accounts: bool,
    /// With a client key, for its own use; the setting `member_login`.
    client_keys: bool,
    /// With an OIDC provider, which is called this; null where none is set up.
    oidc: Option<&'a str>,
}

/// `GET login/options`: says no more than whether each way exists.
pub async fn options<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
) -> Result<Reply, GatewayError> {
    // Without a configuration that can be read the admin password works still.
    let stored = ports.read(StoreKey::Config).await.unwrap_or_default();
    let all = accounts::in_bytes(ports, stored.as_deref()).unwrap_or_default();
    let view = LoginOptionsView {
        password: usable_password(settings).is_ok(),
        accounts: !all.is_empty(),
        client_keys: has_member_login(stored.as_deref()),
        oidc: settings.oidc.label(),
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// Begins a session, if the credentials are right and the throttle allows the attempt at all.
pub async fn login<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
    given: &Credentials,
) -> Result<Reply, GatewayError> {
    if given.is_admin_password() {
        usable_password(settings)?;
    }
    let secret = session_secret::load(ports, signing_password(settings)).await?;
    // Counted before it is checked, so that many guesses at the same moment are counted too. The password has no
    // influence on whether it is, or the answer would tell whether it is right without being counted.
    let device = Device::of(&head.headers, &secret, ports);
    let client = LoginClient::of(ports, head, device).await;
    let counted = client.admit(ports, &secret, &given.guess()).await?;
    let address = &client.address;
    let subject = match given {
        Credentials::Password(password) => admin(settings, &secret, password.expose()),
        Credentials::Account { .. } => account(ports, settings, &secret, given).await,
        Credentials::Key(key) => member(ports, &secret, key.expose().as_bytes()).await,
    };
    let subject = subject.inspect_err(|error| {
        let code = error.body.code.as_deref().unwrap_or_default();
        ports.line(format_args!(
            "admin: login refused, {code}, from {address:?}"
        ));
    })?;
    client.forgive(ports, counted).await;
    match &subject {
        None => ports.line(format_args!("admin: login from {address:?}")),
        Some(subject) => ports.line(format_args!(
            "admin: login of {} from {address:?}",
            subject.id
        )),
    }
    let mut reply = session::begin(ports, settings, head, &secret, subject);
    client.remember(ports, &mut reply, head, &secret);
    Ok(reply)
}

/// The session of the admin password has no subject.
fn admin(
    settings: &AdminSettings,
    secret: &SessionSecret,
    given: &str,
) -> Result<Option<Subject>, GatewayError> {
    if is_same(secret, usable_password(settings)?, given) {
        return Ok(None);
    }
    Err(ErrorCode::WrongPassword.error("The password is wrong."))
}

/// An account by its name, its password, and a one-time code where it needs one.
async fn account<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    secret: &SessionSecret,
    given: &Credentials,
) -> Result<Option<Subject>, GatewayError> {
    let Credentials::Account {
        name,
        password,
        totp,
    } = given
    else {
        return Err(wrong());
    };
    let stored = ports.read(StoreKey::Config).await;
    let stored = stored.map_err(|error| document::unavailable(ports, &error))?;
    let all = accounts::in_bytes(ports, stored.as_deref())?;
    let found = all.iter().find(|it| it.enabled && it.is_named(name));
    // An unknown or disabled name takes as long as a known one.
    let hash = found.map(|account| account.password.as_str());
    if !password::matches(hash, password.expose()) {
        return Err(wrong());
    }
    let account = found.ok_or_else(wrong)?;
    if account.totp.is_some() {
        check_code(ports, settings, account, totp.as_deref()).await?;
    }
    Ok(Some(account.subject(secret)))
}

fn wrong() -> GatewayError {
    ErrorCode::WrongPassword.error("The name or the password is wrong.")
}

/// Takes a one-time or a recovery code. The caller has given the right password already, so codes have a count of their own: with
/// one attempt every three minutes a million codes last.
async fn check_code<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    account: &Account,
    code: Option<&str>,
) -> Result<(), GatewayError> {
    let Some(code) = code.filter(|code| !code.trim().is_empty()) else {
        return Err(ErrorCode::TotpRequired.error("This account needs a one-time code as well."));
    };
    let counter = format!("totp:{}", account.id);
    if !throttle::admit_device(ports, &counter).await {
        return Err(throttle::too_many(throttle::DEVICE_WAIT_MS));
    }
    if is_code(ports, settings, account, code).await? {
        throttle::forgive_device(ports, &counter).await;
        return Ok(());
    }
    Err(ErrorCode::WrongPassword.error("The one-time code is wrong, or was used before."))
}

async fn is_code<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    account: &Account,
    code: &str,
) -> Result<bool, GatewayError> {
    let Some(stored) = &account.totp else {
        return Ok(false);
    };
    let hash = ids::hash_client_key(totp::normal_recovery_code(code).as_bytes());
    let hash = ids::hex(&hash);
    if stored.recovery.contains(&hash) {
        return take_recovery_code(ports, &account.id, &hash).await;
    }
    let secret = open(ports, settings, &stored.secret, &account.id)?;
    match totp::step_of(&secret, code, ports.now()) {
        Some(step) => used_codes::take(ports, &account.id, step).await,
        None => Ok(false),
    }
}

/// Removes the code, so that it works once. `false`: another login has just used it.
async fn take_recovery_code<P: AdminPorts>(
    ports: &P,
    id: &str,
    hash: &str,
) -> Result<bool, GatewayError> {
    account_edits::edit(ports, id, |accounts, place| {
        let totp = accounts.get_mut(place).and_then(|it| it.totp.as_mut());
        let Some(totp) = totp else { return Ok(false) };
        let before = totp.recovery.len();
        totp.recovery.retain(|it| it != hash);
        Ok(totp.recovery.len() < before)
    })
    .await
}

fn open<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    stored: &StoredSecret,
    id: &str,
) -> Result<String, GatewayError> {
    let opened = seal::open(settings.master_key.as_ref(), stored, id);
    opened.map(|it| it.expose().clone()).map_err(|error| {
        ports.line(format_args!("admin: the one-time codes of {id} cannot be checked: {error}"));
        ErrorCode::Misconfigured.error(
            "One-time codes cannot be checked: the `master_key` is not the one with which their secret was stored.",
        )
    })
}

/// A client key, for its own use.
async fn member<P: AdminPorts>(
    ports: &P,
    secret: &SessionSecret,
    key: &[u8],
) -> Result<Option<Subject>, GatewayError> {
    let stored = ports.read(StoreKey::Config).await;
    let stored = stored.map_err(|error| document::unavailable(ports, &error))?;
    if !has_member_login(stored.as_deref()) {
        return Err(
            ErrorCode::Forbidden.error("Logging in with a client key is switched off here.")
        );
    }
    let found = document::load_key_with_hash(ports, &ids::hash_client_key(key)).await?;
    let found = found.filter(|key| may_log_in(key, ports.now()));
    let found = found.ok_or_else(|| {
        ErrorCode::WrongPassword.error("There is no such client key, or it is disabled or expired.")
    })?;
    Ok(Some(member_subject(&found, secret)))
}

/// Compares MACs instead of the texts, so that the time taken says nothing about the password or its length.
fn is_same(secret: &SessionSecret, password: &str, given: &str) -> bool {
    let mac = |text: &str| {
        keyed(secret.expose())
            .chain_update(b"password\0")
            .chain_update(text)
    };
    given.len() <= MAX_BYTES
        && mac(given)
            .verify_slice(&mac(password).finalize().into_bytes())
            .is_ok()
}
