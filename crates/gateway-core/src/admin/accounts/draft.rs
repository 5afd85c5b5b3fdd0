//! The rules of an account as an owner writes it. Owns ranges and defaults; hashes passwords, but compares none.

use serde_json::Value;

use super::super::principal::Role;
use super::password;
use super::stored::Account;
use crate::config::bounds::{MAX_NAME_CHARS, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};
use crate::config::validate::Problems;
use crate::error::GatewayError;
use crate::ports::AdminPorts;
use crate::problem::{ExpectedType, ProblemKind};
use crate::secret::Secret;

/// An owner's draft of an account; `None`: unchanged.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    name: Option<String>,
    role: Option<Role>,
    enabled: Option<bool>,
    password: Option<Secret<String>>,
    ends_totp: bool,
}

impl AccountChange {
    /// Reads an account in the API's form. Invalid members are added to `problems` and left out.
    pub fn read(value: &Value, problems: &mut Problems) -> Self {
        let mut change = Self::default();
        for (name, value) in problems.object("", value).into_iter().flatten() {
            match name.as_str() {
                "name" => change.name = problems.text(name, value, MAX_NAME_CHARS),
                "role" => change.role = read_role(name, value, problems),
                "enabled" => change.enabled = problems.boolean(name, value),
                "password" => change.password = read_password(name, value, problems),
                // Null ends the one-time codes of somebody who has lost the app and the recovery codes.
                "totp" if value.is_null() => change.ends_totp = true,
                // Read-only members: ignored, so that an account can be sent back as it was read.
                "id" | "totp" | "recovery_codes" | "created_at" | "updated_at" | "revision" => {}
                _ => problems.unknown("", name),
            }
        }
        change
    }

    /// Adds what a new account must have and this one has not.
    pub fn require_all(&self, problems: &mut Problems) {
        for (name, is_missing) in [
            ("name", self.name.is_none()),
            ("role", self.role.is_none()),
            ("password", self.password.is_none()),
        ] {
            if is_missing && !problems.touch(name) {
                problems.add(name, ProblemKind::Required);
            }
        }
    }

    /// The hash of its new password, if there is one. It takes a moment, so it is made before the document is changed.
    pub fn hash<P: AdminPorts>(&self, ports: &P) -> Result<Option<Secret<String>>, GatewayError> {
        let password = self.password.as_ref();
        password.map(|it| super::hash(ports, it)).transpose()
    }

    /// Changes the account.
    pub fn apply(&self, account: &mut Account, hash: Option<&Secret<String>>) {
        if let Some(name) = &self.name {
            account.name.clone_from(name);
        }
        if let Some(role) = self.role {
            account.role = role;
        }
        if let Some(enabled) = self.enabled {
            account.enabled = enabled;
        }
        if let Some(hash) = hash {
            account.password.clone_from(hash.expose());
        }
        if self.ends_totp {
            account.totp = None;
        }
    }
}

/// A new password.
pub fn read_password(name: &str, value: &Value, problems: &mut Problems) -> Option<Secret<String>> {
    let Value::String(text) = value else {
        let expected = ExpectedType::String;
        problems.add(name, ProblemKind::WrongType { expected });
        return None;
    };
    if !password::is_acceptable(text) {
        let (min, max) = (MIN_PASSWORD_CHARS, MAX_PASSWORD_BYTES);
        problems.add(name, ProblemKind::InvalidPassword { min, max });
        return None;
    }
    Some(Secret::new(text.clone()))
}

/// A role that accounts can have.
pub fn read_role(name: &str, value: &Value, problems: &mut Problems) -> Option<Role> {
    let mut roles = Role::OF_ACCOUNTS.into_iter();
    let role = roles.find(|role| value.as_str() == Some(role.word()));
    if role.is_none() {
        let choices = Role::OF_ACCOUNTS.map(Role::word).to_vec();
        problems.add(name, ProblemKind::InvalidChoice { choices });
    }
    role
}
