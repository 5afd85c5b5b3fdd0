//! Accounts in an exported and an imported configuration. Owns how they travel: passwords and recovery codes as hashes, the
//! secrets of one-time codes only where whole keys are exported too.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::super::principal::Role;
use super::draft::read_role;
use super::stored::{Account, MAX_ACCOUNTS, StoredTotp};
use super::{password, totp};
use crate::config::bounds::{MAX_ID_CHARS, MAX_NAME_CHARS};
use crate::config::import::Protection;
use crate::config::model::StoredSecret;
use crate::config::seal;
#[cfg(feature = "schema")]
use crate::config::shapes::{Hash, Id, Time, never_null};
use crate::config::validate::{Problems, is_text};
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::{AdminPorts, Random};
use crate::problem::{ExpectedType, ProblemKind, Uniqueness};
use crate::secret::Secret;
use crate::time_text;
use crate::units::Timestamp;

/// An account as it is exported.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ConfigAccount", transform = never_null)
)]
pub struct ExportedAccount {
    /// `ac_…`
    #[cfg_attr(feature = "schema", schemars(with = "Id"))]
    id: String,
    /// What the person logs in with.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    name: String,
    /// What the person may do; never `member`.
    role: Role,
    /// Whether logging in is possible.
    #[cfg_attr(feature = "schema", schemars(extend("default" = true)))]
    enabled: bool,
    /// The password's argon2id hash in the PHC string format.
    password_hash: String,
    /// Whether one-time codes are needed.
    #[cfg_attr(feature = "schema", schemars(extend("default" = false)))]
    totp: bool,
    /// Their secret in base32; only with `?secrets=true`. Where an import leaves it out the gateway must have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_secret: Option<String>,
    /// SHA-256 of the recovery codes that were not used yet.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Hash>", extend("default" = [])))]
    recovery_hashes: Vec<String>,
    /// When it was made.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    created_at: String,
    /// When it was last changed.
    #[cfg_attr(feature = "schema", schemars(with = "Time"))]
    updated_at: String,
}

impl ExportedAccount {
    /// The account; with `open`, which decrypts, also the secret of its one-time codes.
    pub fn new(
        account: &Account,
        open: impl FnOnce(&StoredSecret) -> Result<Option<Secret<String>>, GatewayError>,
    ) -> Result<Self, GatewayError> {
        let totp = account.totp.as_ref();
        let secret = totp.map(|totp| open(&totp.secret)).transpose()?.flatten();
        Ok(Self {
            id: account.id.clone(),
            name: account.name.clone(),
            role: account.role,
            enabled: account.enabled,
            password_hash: account.password.clone(),
            totp: totp.is_some(),
            totp_secret: secret.map(|secret| secret.expose().clone()),
            recovery_hashes: totp.map(|totp| totp.recovery.clone()).unwrap_or_default(),
            created_at: time_text::format(account.created_at),
            updated_at: time_text::format(account.updated_at),
        })
    }
}

/// The accounts of an imported document, where `current` are those of the gateway.
pub fn read<P: AdminPorts>(
    value: &Value,
    current: &[Account],
    protection: Protection<'_>,
    ports: &P,
) -> Result<Vec<Account>, GatewayError> {
    let mut problems = Problems::default();
    let mut accounts: Vec<Account> = Vec::new();
    let Some(items) = value.as_array().filter(|items| items.len() <= MAX_ACCOUNTS) else {
        let expected = ExpectedType::Array;
        problems.add(
            "accounts",
            if value.is_array() {
                ProblemKind::TooMany { max: MAX_ACCOUNTS }
            } else {
                ProblemKind::WrongType { expected }
            },
        );
        problems.check("configuration")?;
        return Ok(accounts);
    };
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let mut own = Problems::default();
        let draft = AccountDraft::read(item, &mut own);
        if !seen.insert(draft.id.clone()) {
            let within = Uniqueness::Document;
            own.add("id", ProblemKind::Duplicate { within });
        }
        if super::stored::is_taken(&accounts, &draft.name, "") {
            own.add("name", ProblemKind::NameTaken);
        }
        let account = draft.account(current, protection, ports, &mut own)?;
        problems.absorb(&format!("accounts[{index}]"), own);
        accounts.push(account);
    }
    problems.check("configuration")?;
    Ok(accounts)
}

/// An account of an imported document.
#[derive(Default)]
struct AccountDraft {
    id: String,
    name: String,
    role: Option<Role>,
    is_disabled: bool,
    password: String,
    has_totp: bool,
    totp_secret: Option<String>,
    recovery: Vec<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl AccountDraft {
    fn read(value: &Value, problems: &mut Problems) -> Self {
        let mut draft = Self::default();
        let Some(members) = problems.object("", value) else {
            return draft;
        };
        for (name, value) in members {
            match name.as_str() {
                "id" => draft.id = id(value, problems),
                "name" => {
                    draft.name = problems
                        .text(name, value, MAX_NAME_CHARS)
                        .unwrap_or_default();
                }
                "role" => draft.role = read_role(name, value, problems),
                "enabled" => draft.is_disabled = problems.boolean(name, value) == Some(false),
                "password_hash" => match value.as_str().filter(|text| password::is_hash(text)) {
                    Some(hash) => hash.clone_into(&mut draft.password),
                    None => problems.add(name, ProblemKind::InvalidPasswordHash),
                },
                "totp" => draft.has_totp = problems.boolean(name, value).unwrap_or_default(),
                "totp_secret" => match value.as_str().filter(|text| totp::is_secret(text)) {
                    Some(secret) => draft.totp_secret = Some(secret.to_owned()),
                    None => problems.add(name, ProblemKind::InvalidTotpSecret),
                },
                "recovery_hashes" => draft.recovery = recovery(value, problems),
                "created_at" => draft.created_at = time(name, value, problems),
                "updated_at" => draft.updated_at = time(name, value, problems),
                "recovery_codes" | "revision" => {}
                _ => problems.unknown("", name),
            }
        }
        for name in ["id", "name", "role", "password_hash"] {
            if !members.contains_key(name) {
                problems.add(name, ProblemKind::Required);
            }
        }
        draft
    }

    fn account(
        self,
        current: &[Account],
        protection: Protection<'_>,
        random: &(impl Random + crate::ports::Clock),
        problems: &mut Problems,
    ) -> Result<Account, GatewayError> {
        let now = random.now();
        let known = current.iter().find(|account| account.id == self.id);
        let known = known.and_then(|account| account.totp.clone());
        let totp = match (self.totp_secret, known) {
            _ if !self.has_totp => None,
            (Some(secret), _) => Some(StoredTotp {
                secret: sealed(protection, random, &secret, &self.id)?,
                recovery: self.recovery,
            }),
            (None, Some(known)) => Some(known),
            // Without its secret the account would be protected by its password alone.
            (None, None) => {
                problems.add("totp_secret", ProblemKind::Required);
                None
            }
        };
        Ok(Account {
            id: self.id,
            name: self.name,
            role: self.role.unwrap_or(Role::Viewer),
            enabled: !self.is_disabled,
            password: self.password,
            totp,
            created_at: self.created_at.unwrap_or(now),
            updated_at: self.updated_at.unwrap_or(now),
        })
    }
}

/// The secret of one-time codes as it is stored.
pub fn sealed(
    protection: Protection<'_>,
    random: &impl Random,
    secret: &str,
    id: &str,
) -> Result<StoredSecret, GatewayError> {
    let master = protection.map_err(|reason| {
        ErrorCode::Misconfigured.error(format!(
            "The variable `master_key` cannot be used, so no secret can be stored: {reason}."
        ))
    })?;
    seal::store(master, random, secret, id)
        .map_err(|error| ErrorCode::Misconfigured.error(format!("The secret: {error}.")))
}

fn id(value: &Value, problems: &mut Problems) -> String {
    let is_id = |id: &&str| {
        is_text(id, MAX_ID_CHARS)
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let id = value.as_str().filter(is_id);
    if id.is_none() {
        problems.add("id", ProblemKind::InvalidId { max: MAX_ID_CHARS });
    }
    id.unwrap_or_default().to_owned()
}

fn recovery(value: &Value, problems: &mut Problems) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let hashes: Vec<String> = items
        .iter()
        .filter_map(|item| ids::parse_hash(item.as_str()?))
        .map(|hash| ids::hex(&hash))
        .collect();
    if !value.is_array() || hashes.len() != items.len() || hashes.len() > 100 {
        problems.add("recovery_hashes", ProblemKind::InvalidHash);
        return Vec::new();
    }
    hashes
}

fn time(path: &str, value: &Value, problems: &mut Problems) -> Option<Timestamp> {
    let time = value.as_str().and_then(time_text::parse);
    if time.is_none() {
        problems.add(path, ProblemKind::InvalidTime { nullable: false });
    }
    time
}
