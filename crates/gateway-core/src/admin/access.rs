//! Which role each operation needs, in one place: a new operation does not compile without an entry here. Handlers check no
//! roles, but for the import, which an admin may use to change settings alone.

use http::Uri;

use super::config;
use super::principal::{Principal, Role};
use super::routes::Operation;
use crate::error::{ErrorCode, GatewayError};

/// Who may use an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a session.
    Public,
    /// Everybody with a session.
    Session,
    /// Members, whose own client key it is about; and no other role, which has no such key.
    Member,
    /// This role and those above it.
    AtLeast(Role),
}

impl Access {
    const VIEWER: Self = Self::AtLeast(Role::Viewer);
    const ADMIN: Self = Self::AtLeast(Role::Admin);
    const OWNER: Self = Self::AtLeast(Role::Owner);

    /// What an operation needs.
    pub const fn of(operation: Operation) -> Self {
        match operation {
            Operation::Login
            | Operation::LoginOptions
            | Operation::StartSignIn
            | Operation::FinishSignIn => Self::Public,
            Operation::Logout | Operation::Session => Self::Session,
            Operation::OwnKey
            | Operation::OwnAllowance
            | Operation::OwnUsage
            | Operation::OwnRequests => Self::Member,
            Operation::ListChannels
            | Operation::GetChannel
            | Operation::ListKeys
            | Operation::GetKey
            | Operation::ListAllowances
            | Operation::GetKeyAllowance
            | Operation::ExportConfig
            | Operation::Route
            | Operation::Status
            | Operation::Usage
            | Operation::Requests
            | Operation::GetRequest
            | Operation::ExportUsage
            | Operation::ExportRequests
            | Operation::GetAlerts
            | Operation::Openapi
            | Operation::ChangeOwnPassword
            | Operation::NewTotpSecret
            | Operation::SetTotp => Self::VIEWER,
            // Tests, model lists and the playground call upstreams with the gateway's keys. The audit log has addresses and
            // what strangers tried.
            Operation::CreateChannel
            | Operation::ChangeChannel
            | Operation::DeleteChannel
            | Operation::TestChannel
            | Operation::ListUpstreamModels
            | Operation::PreviewUpstreamModels
            | Operation::ChangeChannels
            | Operation::CreateKey
            | Operation::ChangeKey
            | Operation::ChangeKeys
            | Operation::PlaygroundKey
            | Operation::PreviewImport
            | Operation::ImportFile
            | Operation::ChangeAlerts
            | Operation::TestAlerts
            | Operation::TestUnsavedAlerts
            | Operation::Audit
            | Operation::AuditFile
            | Operation::DeleteKey
            | Operation::RotateKey
            | Operation::ImportPrices
            // All but settings needs an owner; see `super::config`.
            | Operation::ImportConfig => Self::ADMIN,
            Operation::ListAccounts
            | Operation::CreateAccount
            | Operation::ChangeAccount
            | Operation::DeleteAccount => Self::OWNER,
        }
    }

    /// Whether this role may use it.
    pub fn permits(self, role: Role) -> bool {
        match self {
            Self::Public | Self::Session => true,
            Self::Member => role == Role::Member,
            Self::AtLeast(least) => role >= least,
        }
    }
}

/// Fails with 403 when the caller may not do it.
pub fn check(operation: Operation, uri: &Uri, caller: &Principal) -> Result<(), GatewayError> {
    let access = if operation == Operation::ExportConfig && config::asks_for_secrets(uri) {
        Access::OWNER
    } else {
        Access::of(operation)
    };
    if access.permits(caller.role) {
        return Ok(());
    }
    Err(match access {
        Access::AtLeast(least) => caller.lacks(least),
        _ => ErrorCode::Forbidden.error("This needs a session of a client key."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role) -> Principal {
        Principal {
            role,
            ..Principal::admin()
        }
    }

    #[test]
    fn each_role_may_do_what_the_one_below_may_but_for_members() {
        for operation in Operation::ALL.iter().copied() {
            let access = Access::of(operation);
            for (lower, higher) in [(Role::Viewer, Role::Admin), (Role::Admin, Role::Owner)] {
                assert!(
                    access.permits(higher) || !access.permits(lower),
                    "{operation:?}"
                );
            }
            assert_eq!(
                access.permits(Role::Member),
                matches!(access, Access::Public | Access::Session | Access::Member),
                "{operation:?}"
            );
        }
    }

    #[test]
    fn only_an_owner_exports_secrets() {
        for (uri, least) in [
            ("/admin/api/config", Role::Viewer),
            ("/admin/api/config?secrets=false", Role::Viewer),
            ("/admin/api/config?secrets=true", Role::Owner),
            ("/admin/api/config?secret%73=true", Role::Owner),
        ] {
            let uri: Uri = uri.parse().unwrap();
            for role in [Role::Member, Role::Viewer, Role::Admin, Role::Owner] {
                let is_allowed = check(Operation::ExportConfig, &uri, &caller(role)).is_ok();
                assert_eq!(is_allowed, role >= least, "{uri} {role:?}");
            }
        }
    }
}
