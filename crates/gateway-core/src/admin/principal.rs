//! Who makes an admin request, and with which role. Owns the roles and their order; what each operation needs is
//! [`super::access`]'s.

use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, GatewayError};

/// The name and id of who logs in with the variable `admin_password`.
pub const ADMIN_NAME: &str = "admin";

/// What somebody may do; each role may do what those before it may, but for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees the use of one client key, with which it logged in. No account has this role.
    Member,
    /// Sees everything but secrets, and changes nothing.
    Viewer,
    /// Changes channels, client keys and settings.
    Admin,
    /// Also manages accounts, imports configurations and exports whole keys.
    Owner,
}

impl Role {
    /// The roles that an account can have.
    pub const OF_ACCOUNTS: [Self; 3] = [Self::Owner, Self::Admin, Self::Viewer];

    /// As the API has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Viewer => "viewer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The id of the account or the client key; `admin` for the admin password; `oidc:` and the subject of an OIDC user.
    pub id: String,
    /// The display name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether there is an account, whose password can be changed here.
    pub has_account: bool,
    /// Whether the account needs one-time codes.
    pub has_totp: bool,
    /// Whether it is a user of the OIDC provider, which has its password.
    pub is_oidc_user: bool,
}

impl Principal {
    /// The error of a call for which the role is too low.
    pub fn lacks(&self, least: Role) -> GatewayError {
        ErrorCode::Forbidden.error(format!(
            "This needs the role {}; yours is {}.",
            least.word(),
            self.role.word()
        ))
    }

    /// The one who knows the admin password.
    pub fn admin() -> Self {
        Self {
            id: ADMIN_NAME.to_owned(),
            name: ADMIN_NAME.to_owned(),
            role: Role::Owner,
            has_account: false,
            has_totp: false,
            is_oidc_user: false,
        }
    }
}
