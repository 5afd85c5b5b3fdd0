//! What a login is made with. Owns the body of the call, and what is counted as one and the same guess.

use serde_json::Value;

use super::principal::ADMIN_NAME;
use super::session_check;
use crate::config::validate::Problems;
use crate::error::GatewayError;
use crate::problem::{ExpectedType, ProblemKind};
use crate::secret::Secret;

/// The credentials of a login.
#[derive(Debug)]
pub enum Credentials {
    /// The admin password.
    Password(Secret<String>),
    /// An account.
    Account {
        /// Its name.
        name: String,
        /// Its password.
        password: Secret<String>,
        /// A one-time or a recovery code.
        totp: Option<String>,
    },
    /// A client key.
    Key(Secret<String>),
}

impl Credentials {
    /// Reads `{"password"}`, `{"name", "password", "totp"?}` or `{"key"}`.
    pub fn read(body: Value) -> Result<Self, GatewayError> {
        let mut problems = Problems::default();
        let [mut name, mut password, mut totp, mut key] = [const { None }; 4];
        if let Value::Object(members) = body {
            for (member, value) in members {
                let place = match member.as_str() {
                    "name" => &mut name,
                    "password" => &mut password,
                    "totp" => &mut totp,
                    "key" => &mut key,
                    _ => {
                        problems.unknown("", &member);
                        continue;
                    }
                };
                if let Value::String(text) = value {
                    *place = Some(text);
                } else {
                    let expected = ExpectedType::String;
                    problems.add(member, ProblemKind::WrongType { expected });
                }
            }
        }
        // A key says everything; an account needs a name.
        let excess = [("name", &name), ("password", &password), ("totp", &totp)];
        let is_excess = |member: &str| key.is_some() || (member == "totp" && name.is_none());
        for (member, value) in excess {
            if value.is_some() && is_excess(member) {
                problems.unknown("", member);
            }
        }
        if password.is_none() && key.is_none() && !problems.touch("password") {
            problems.add("password", ProblemKind::Required);
        }
        problems.check("login")?;
        let password = password.map(Secret::new);
        match (key, name, password) {
            (Some(key), ..) => Ok(Self::Key(Secret::new(key))),
            (None, Some(name), Some(password)) if !is_admin(&name) => Ok(Self::Account {
                name,
                password,
                totp,
            }),
            (None, _, Some(password)) => Ok(Self::Password(password)),
            (None, _, None) => Err(session_check::not_authenticated()),
        }
    }

    /// Whether it is the admin password, which may not be set.
    pub const fn is_admin_password(&self) -> bool {
        matches!(self, Self::Password(_))
    }

    /// What is the same for the same guess.
    pub fn guess(&self) -> String {
        match self {
            Self::Password(secret) | Self::Key(secret) => secret.expose().clone(),
            Self::Account {
                name,
                password,
                totp,
            } => {
                let totp = totp.as_deref().unwrap_or_default();
                format!("{name}\0{}\0{totp}", password.expose())
            }
        }
    }
}

/// No account has this name, so it is that of the admin password.
fn is_admin(name: &str) -> bool {
    name.trim().eq_ignore_ascii_case(ADMIN_NAME)
}
