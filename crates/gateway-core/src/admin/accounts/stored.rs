//! Accounts as they are stored in the configuration. Owns their shape and how they are found; checks no
//! passwords.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::document::unavailable;
use super::super::principal::{ADMIN_NAME, Principal, Role};
use super::super::session_secret::{SessionSecret, derive};
use super::super::session_token::{STAMP_BYTES, Subject, SubjectKind};
use crate::config::model::{Document, StoredSecret};
use crate::error::GatewayError;
use crate::ports::{Log, StoreError};
use crate::units::Timestamp;

/// Accounts of one gateway: far more people than manage any.
pub const MAX_ACCOUNTS: usize = 200;

/// Somebody who can log in with a name and a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// `ac_…`
    pub id: String,
    /// What the person logs in with.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Whether logging in is possible.
    pub enabled: bool,
    /// The password's hash; see [`super::password`].
    pub password: String,
    /// One-time codes; absent: none are needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<StoredTotp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What one-time codes are checked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTotp {
    /// The secret in base32, encrypted where there is a master key.
    pub secret: StoredSecret,
    /// SHA-256 of each recovery code that was not used yet, in hexadecimal digits.
    pub recovery: Vec<String>,
}

impl Account {
    /// Who makes the requests of its sessions.
    pub fn principal(&self) -> Principal {
        Principal {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            has_account: true,
            has_totp: self.totp.is_some(),
            is_oidc_user: false,
        }
    }

    /// What its tokens say. They end with the password and the role that it has now.
    pub fn subject(&self, secret: &SessionSecret) -> Subject {
        let state = format!("{}\0{}", self.role.word(), self.password);
        let mut stamp = [0; STAMP_BYTES];
        let hash = derive(secret, "account", state.as_bytes());
        stamp.copy_from_slice(&hash[..STAMP_BYTES]);
        Subject {
            kind: SubjectKind::Account,
            id: self.id.clone(),
            stamp,
        }
    }

    /// Whether this is its name; upper and lower case are the same, so that no two look alike.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.to_lowercase() == name.trim().to_lowercase()
    }
}

/// The accounts of a document.
pub fn of(log: &impl Log, document: &Document) -> Result<Vec<Account>, GatewayError> {
    read(log, &document.accounts)
}

/// The accounts in the stored bytes. Reads nothing else, since every request of an account asks.
pub fn in_bytes(log: &impl Log, stored: Option<&[u8]>) -> Result<Vec<Account>, GatewayError> {
    #[derive(Deserialize)]
    struct StoredAccounts {
        #[serde(default)]
        accounts: Vec<Account>,
    }
    let Some(bytes) = stored else {
        return Ok(Vec::new());
    };
    serde_json::from_slice::<StoredAccounts>(bytes)
        .map(|stored| stored.accounts)
        .map_err(|_| damaged(log))
}

/// Puts the accounts into the document.
pub fn put(
    log: &impl Log,
    document: &mut Document,
    accounts: &[Account],
) -> Result<(), GatewayError> {
    document.accounts = if accounts.is_empty() {
        Value::Null
    } else {
        serde_json::to_value(accounts).map_err(|_| damaged(log))?
    };
    Ok(())
}

fn read(log: &impl Log, accounts: &Value) -> Result<Vec<Account>, GatewayError> {
    if accounts.is_null() {
        return Ok(Vec::new());
    }
    Vec::<Account>::deserialize(accounts).map_err(|_| damaged(log))
}

/// What serde says of the mistake could hold a part of the document.
fn damaged(log: &impl Log) -> GatewayError {
    let reason = "the accounts of the configuration are damaged".to_owned();
    unavailable(log, &StoreError(reason))
}

/// Whether a name is taken, by an account other than `id` or by the admin password.
pub fn is_taken(accounts: &[Account], name: &str, id: &str) -> bool {
    let mut others = accounts.iter().filter(|account| account.id != id);
    name.trim().eq_ignore_ascii_case(ADMIN_NAME) || others.any(|account| account.is_named(name))
}
