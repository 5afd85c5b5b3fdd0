//! Accounts: list, create, change, delete. Owns how they look from outside, and who may be removed; what an account does
//! for itself is [`super::own_account`]'s.

mod draft;
pub mod exported;
pub mod password;
pub mod stored;
pub mod totp;
pub mod used_codes;

use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::principal::Role;
use super::session_check::usable_password;
use super::{AdminSettings, document, precondition};
#[cfg(feature = "schema")]
use crate::config::bounds::MAX_NAME_CHARS;
#[cfg(feature = "schema")]
use crate::config::shapes::{Id, Time, never_null};
use crate::config::stored::object_revision;
use crate::config::validate::Problems;
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::AdminPorts;
use crate::problem::ProblemKind;
use crate::reply::{self, Reply};
use crate::secret::Secret;
use crate::time_text;
use draft::AccountChange;
pub use draft::read_password;
use stored::{Account, MAX_ACCOUNTS};

/// An account. Neither its password nor its hash is ever shown.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Account", transform = never_null)
)]
pub struct AccountView<'a> {
    /// `ac_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: &'a str,
    /// What the person logs in with; upper and lower case are the same.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    name: &'a str,
    /// What the person may do; never `member`.
    role: Role,
    /// Whether logging in is possible.
    #[cfg_attr(feature = "schema", schemars(extend("default" = true)))]
    enabled: bool,
    /// Whether one-time codes are needed as well; null in a change ends that.
    totp: bool,
    /// Recovery codes that were not used yet.
    recovery_codes: usize,
    /// When it was made.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    created_at: String,
    /// When it was last changed.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    updated_at: String,
    /// Only in lists: names this state of the object, as its `ETag` does, for `If-Match`.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

/// All accounts.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Accounts")
)]
pub struct AccountsView<'a> {
    /// In the order of their creation.
    data: Vec<AccountView<'a>>,
}

impl<'a> AccountView<'a> {
    fn new(account: &'a Account) -> Self {
        let codes = account.totp.as_ref().map(|totp| totp.recovery.len());
        Self {
            id: &account.id,
            name: &account.name,
            role: account.role,
            enabled: account.enabled,
            totp: account.totp.is_some(),
            recovery_codes: codes.unwrap_or_default(),
            created_at: time_text::format(account.created_at),
            updated_at: time_text::format(account.updated_at),
            revision: None,
        }
    }
}

fn shown(status: StatusCode, account: &Account) -> Reply {
    let view = AccountView::new(account);
    precondition::tag(reply::json(status, &view), &object_revision(account))
}

/// `GET accounts`.
pub async fn list<P: AdminPorts>(ports: &P) -> Result<Reply, GatewayError> {
    let accounts = stored::of(ports, &document::load_without_keys(ports).await?)?;
    let row = |account| AccountView {
        revision: Some(object_revision(account)),
        ..AccountView::new(account)
    };
    let view = AccountsView {
        data: accounts.iter().map(row).collect(),
    };
    Ok(reply::json(StatusCode::OK, &view))
}

/// `POST accounts`.
pub async fn create<P: AdminPorts>(ports: &P, body: &Value) -> Result<Reply, GatewayError> {
    let mut problems = Problems::default();
    let change = AccountChange::read(body, &mut problems);
    change.require_all(&mut problems);
    problems.check("account")?;
    let hash = change.hash(ports)?;
    let now = ports.now();
    let mut account = Account {
        id: ids::object_id("ac", ports),
        name: String::new(),
        role: Role::Viewer,
        enabled: true,
        password: String::new(),
        totp: None,
        created_at: now,
        updated_at: now,
    };
    change.apply(&mut account, hash.as_ref());
    document::change_without_keys(ports, |document| {
        let mut accounts = stored::of(ports, document)?;
        let mut problems = Problems::default();
        if accounts.len() >= MAX_ACCOUNTS {
            problems.add("", ProblemKind::TooMany { max: MAX_ACCOUNTS });
        }
        check_name(&accounts, &account, &mut problems);
        problems.check("account")?;
        accounts.push(account.clone());
        stored::put(ports, document, &accounts)
    })
    .await?;
    ports.line(format_args!(
        "admin: account {} created, role {}",
        account.id,
        account.role.word()
    ));
    Ok(shown(StatusCode::CREATED, &account))
}

/// `PATCH accounts/{id}`: members that are not named stay.
pub async fn change<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    headers: &HeaderMap,
    id: &str,
    body: &Value,
) -> Result<Reply, GatewayError> {
    let mut problems = Problems::default();
    let change = AccountChange::read(body, &mut problems);
    problems.check("account")?;
    let hash = change.hash(ports)?;
    let account = edit(ports, id, |accounts, place| {
        let before = accounts.clone();
        let account = accounts.get_mut(place).ok_or_else(not_found)?;
        precondition::check(headers, &object_revision(account), "account")?;
        change.apply(account, hash.as_ref());
        account.updated_at = ports.now();
        let account = account.clone();
        let mut problems = Problems::default();
        check_name(accounts, &account, &mut problems);
        problems.check("account")?;
        keep_an_owner(&before, accounts, settings)?;
        Ok(account)
    })
    .await?;
    ports.line(format_args!("admin: account {id} changed"));
    Ok(shown(StatusCode::OK, &account))
}

/// `DELETE accounts/{id}`.
pub async fn delete<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    headers: &HeaderMap,
    id: &str,
) -> Result<Reply, GatewayError> {
    edit(ports, id, |accounts, place| {
        let before = accounts.clone();
        let account = accounts.remove(place);
        precondition::check(headers, &object_revision(&account), "account")?;
        keep_an_owner(&before, accounts, settings)
    })
    .await?;
    ports.line(format_args!("admin: account {id} deleted"));
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

/// Changes the accounts of the document, among which the one with this id is at the given place.
pub async fn edit<P: AdminPorts, T>(
    ports: &P,
    id: &str,
    mut edit: impl FnMut(&mut Vec<Account>, usize) -> Result<T, GatewayError>,
) -> Result<T, GatewayError> {
    document::change_without_keys(ports, |document| {
        let mut accounts = stored::of(ports, document)?;
        let place = accounts.iter().position(|account| account.id == id);
        let outcome = edit(&mut accounts, place.ok_or_else(not_found)?)?;
        stored::put(ports, document, &accounts)?;
        Ok(outcome)
    })
    .await
}

fn check_name(accounts: &[Account], account: &Account, problems: &mut Problems) {
    if stored::is_taken(accounts, &account.name, &account.id) {
        problems.add("name", ProblemKind::NameTaken);
    }
}

/// The hash of a password, or the error of an instance without the memory for it.
pub fn hash<P: AdminPorts>(
    ports: &P,
    password: &Secret<String>,
) -> Result<Secret<String>, GatewayError> {
    let hash = password::hash(ports, password.expose());
    hash.map(Secret::new).ok_or_else(|| {
        ports.line(format_args!("admin: there is no memory to hash a password"));
        ErrorCode::StoreUnavailable.error("The gateway has too little memory right now. Try again.")
    })
}

/// Fails when nobody could manage the gateway any more: there is neither an enabled owner nor an admin password. A gateway
/// without accounts is not affected.
pub fn keep_an_owner(
    before: &[Account],
    after: &[Account],
    settings: &AdminSettings,
) -> Result<(), GatewayError> {
    let has_owner = |accounts: &[Account]| {
        let mut accounts = accounts.iter();
        accounts.any(|account| account.enabled && account.role == Role::Owner)
    };
    if usable_password(settings).is_ok() || has_owner(after) || !has_owner(before) {
        return Ok(());
    }
    Err(ErrorCode::LastOwner.error(
        "This is the last owner who can log in, and no `admin_password` is set. Make another owner first.",
    ))
}

fn not_found() -> GatewayError {
    ErrorCode::NotFound.error("There is no account with this id.")
}
