//! What an account does for itself: a new password, and one-time codes. Owns that each needs the present password again, so
//! that a session that was left open is not enough.

use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;

use super::accounts::exported::sealed;
use super::accounts::stored::{Account, StoredTotp};
use super::accounts::{self, password, read_password, totp};
use super::guard::Caller;
use super::session_check::{self, signing_password};
use super::{AdminSettings, document, session, session_secret, throttle};
use crate::config::validate::Problems;
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::AdminPorts;
use crate::problem::{ExpectedType, ProblemKind};
use crate::reply::{self, Reply};
use crate::secret::Secret;

/// A secret for an authenticator app. It is stored when a code of it comes back.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "TotpSecret")
)]
pub struct TotpSecretView {
    /// In base32, as apps take it.
    secret: String,
    /// The same as an address, for a QR code.
    uri: String,
}

/// Codes for the case that the app is lost; each works once.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RecoveryCodes")
)]
pub struct RecoveryCodesView {
    /// Only shown here; none when the one-time codes were switched off.
    recovery_codes: Vec<String>,
}

/// `POST account/password`: ends all sessions of the account, and begins a new one for the caller.
pub async fn change_password<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
    caller: &Caller,
    body: &Value,
) -> Result<Reply, GatewayError> {
    let mut problems = Problems::default();
    let (mut current, mut new) = (None, None);
    for (name, value) in problems.object("", body).into_iter().flatten() {
        match name.as_str() {
            "current" => current = text(name, value, &mut problems),
            "new" => new = read_password(name, value, &mut problems),
            _ => problems.unknown("", name),
        }
    }
    let current = required("current", current, &mut problems);
    let new = required("new", new, &mut problems);
    problems.check("password")?;
    let (Some(current), Some(new)) = (current, new) else {
        return Err(wrong());
    };
    let account = with_password(ports, caller, &current).await?;
    let hash = accounts::hash(ports, &new)?;
    let account = change(ports, &account, |account| {
        account.password.clone_from(hash.expose());
    })
    .await?;
    ports.line(format_args!(
        "admin: account {} changed its password",
        account.id
    ));
    let secret = session_secret::load(ports, signing_password(settings)).await?;
    let subject = account.subject(&secret);
    Ok(session::begin(
        ports,
        settings,
        head,
        &secret,
        Some(subject),
    ))
}

/// `POST account/totp`: makes a secret and stores nothing.
pub fn new_totp_secret<P: AdminPorts>(ports: &P, caller: &Caller) -> Result<Reply, GatewayError> {
    require_account(caller)?;
    let secret = totp::new_secret(ports);
    let view = TotpSecretView {
        uri: totp::uri(&secret, &caller.principal.name),
        secret,
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// `PUT account/totp`: with a secret, codes are needed from now on; with null no longer.
pub async fn set_totp<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    caller: &Caller,
    body: &Value,
) -> Result<Reply, GatewayError> {
    let mut problems = Problems::default();
    let wish = TotpWish::read(body, &mut problems);
    problems.check("one-time code")?;
    let account = with_password(ports, caller, &wish.current.ok_or_else(wrong)?).await?;
    let Some(secret) = wish.secret else {
        change(ports, &account, |account| account.totp = None).await?;
        ports.line(format_args!(
            "admin: account {} needs no one-time codes any more",
            account.id
        ));
        return Ok(codes(Vec::new()));
    };
    let code = wish.code.ok_or_else(wrong)?;
    if totp::step_of(&secret, code.expose(), ports.now()).is_none() {
        problems.add("code", ProblemKind::WrongTotpCode);
        problems.check("one-time code")?;
    }
    let recovery = totp::new_recovery_codes(ports);
    let hash = |code: &String| {
        let code = totp::normal_recovery_code(code);
        ids::hex(&ids::hash_client_key(code.as_bytes()))
    };
    let stored = StoredTotp {
        secret: sealed(settings.protection(), ports, &secret, &account.id)?,
        recovery: recovery.iter().map(hash).collect(),
    };
    change(ports, &account, |account| {
        account.totp = Some(stored.clone());
    })
    .await?;
    ports.line(format_args!(
        "admin: account {} needs one-time codes from now on",
        account.id
    ));
    Ok(codes(recovery))
}

fn codes(recovery_codes: Vec<String>) -> Reply {
    reply::json(StatusCode::OK, &RecoveryCodesView { recovery_codes })
}

/// The body of `PUT account/totp`.
#[derive(Default)]
struct TotpWish {
    current: Option<Secret<String>>,
    secret: Option<String>,
    code: Option<Secret<String>>,
}

impl TotpWish {
    fn read(body: &Value, problems: &mut Problems) -> Self {
        let mut wish = Self::default();
        let mut secret = None;
        for (name, value) in problems.object("", body).into_iter().flatten() {
            match name.as_str() {
                "current" => wish.current = text(name, value, problems),
                "code" => wish.code = text(name, value, problems),
                "secret" if value.is_null() => secret = Some(None),
                "secret" => match value.as_str().filter(|text| totp::is_secret(text)) {
                    Some(text) => secret = Some(Some(text.to_owned())),
                    None => problems.add(name, ProblemKind::InvalidTotpSecret),
                },
                _ => problems.unknown("", name),
            }
        }
        wish.current = required("current", wish.current, problems);
        wish.secret = required("secret", secret, problems).flatten();
        if wish.secret.is_some() {
            wish.code = required("code", wish.code, problems);
        }
        wish
    }
}

/// The caller's account, if this is its password. Wrong ones are counted as those of a device, so that a stolen session
/// does not help to guess it.
async fn with_password<P: AdminPorts>(
    ports: &P,
    caller: &Caller,
    given: &Secret<String>,
) -> Result<Account, GatewayError> {
    require_account(caller)?;
    let id = &caller.principal.id;
    let accounts = accounts::stored::of(ports, &document::load_without_keys(ports).await?)?;
    let account = accounts.into_iter().find(|account| account.id == *id);
    let account = account.ok_or_else(session_check::not_authenticated)?;
    let counter = format!("password:{id}");
    if !throttle::admit_device(ports, &counter).await {
        return Err(throttle::too_many(throttle::DEVICE_WAIT_MS));
    }
    if !password::matches(Some(&account.password), given.expose()) {
        return Err(wrong());
    }
    throttle::forgive_device(ports, &counter).await;
    Ok(account)
}

/// Changes the account unless its password was changed since it was compared.
async fn change<P: AdminPorts>(
    ports: &P,
    known: &Account,
    edit: impl Fn(&mut Account),
) -> Result<Account, GatewayError> {
    accounts::edit(ports, &known.id, |accounts, place| {
        let account = accounts.get_mut(place).ok_or_else(wrong)?;
        if account.password != known.password {
            return Err(wrong());
        }
        edit(account);
        account.updated_at = ports.now();
        Ok(account.clone())
    })
    .await
}

fn require_account(caller: &Caller) -> Result<(), GatewayError> {
    if caller.principal.has_account {
        return Ok(());
    }
    Err(ErrorCode::Forbidden.error(if caller.principal.is_oidc_user {
        "This session is of the OIDC provider, where the password is changed."
    } else {
        "This session is of the variable `admin_password`, which is changed where the gateway is deployed."
    }))
}

/// 400 and not 401: the session is valid, and a client must not take this for its end.
fn wrong() -> GatewayError {
    let mut problems = Problems::default();
    problems.add("current", ProblemKind::WrongPassword);
    match problems.check("password") {
        Err(error) => error,
        Ok(()) => ErrorCode::InvalidValue.error("The password is wrong."),
    }
}

fn text(name: &str, value: &Value, problems: &mut Problems) -> Option<Secret<String>> {
    let text = value.as_str();
    if text.is_none() {
        let expected = ExpectedType::String;
        problems.add(name, ProblemKind::WrongType { expected });
    }
    text.map(|text| Secret::new(text.to_owned()))
}

fn required<T>(name: &str, value: Option<T>, problems: &mut Problems) -> Option<T> {
    if value.is_none() && !problems.touch(name) {
        problems.add(name, ProblemKind::Required);
    }
    value
}
