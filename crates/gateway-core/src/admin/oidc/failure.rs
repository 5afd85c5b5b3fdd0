//! Why a sign-in failed: a code for the login page, and the details for the log.

use http::StatusCode;

use crate::error::GatewayError;

/// What the login page is told. Its texts are the panel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCode {
    /// It took too long, was made in another browser, or has been completed before.
    Expired,
    /// The provider, or the user there, said no.
    Denied,
    /// No value of the role claim makes a role.
    NoRole,
    /// The provider did not answer, or not with what was expected.
    ProviderFailed,
    /// A variable is wrong.
    Misconfigured,
    /// Too many failed attempts.
    TooMany,
    /// The store did not answer.
    Unavailable,
}

impl FailureCode {
    /// As the address of the login page has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Denied => "denied",
            Self::NoRole => "no_role",
            Self::ProviderFailed => "provider_failed",
            Self::Misconfigured => "misconfigured",
            Self::TooMany => "too_many",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A sign-in that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInFailure {
    /// For the login page.
    pub code: FailureCode,
    /// For the log; contains no secret, and nothing unbounded.
    pub detail: String,
    /// Who it was, where that is known: id and name.
    pub who: Option<(String, String)>,
}

impl SignInFailure {
    /// A failure of a user who is not known yet.
    pub fn new(code: FailureCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            who: None,
        }
    }

    /// The provider did not do its part.
    pub fn of_provider(detail: impl Into<String>) -> Self {
        Self::new(FailureCode::ProviderFailed, detail)
    }
}

impl From<GatewayError> for SignInFailure {
    /// What the store and the throttle say.
    fn from(error: GatewayError) -> Self {
        let code = match error.status {
            StatusCode::TOO_MANY_REQUESTS => FailureCode::TooMany,
            _ => FailureCode::Unavailable,
        };
        Self::new(code, error.body.message)
    }
}

/// An extension of the reply to a sign-in that the provider or the role claim refused, for the audit log.
#[derive(Clone, Debug)]
pub struct RefusedSignIn {
    /// Id and name, where they are known.
    pub who: Option<(String, String)>,
}
