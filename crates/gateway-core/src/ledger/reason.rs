//! Why a request has no whole answer. Owns the codes for it, in the request log and in the sums; what a client hears is
//! `error`'s.

use http::StatusCode;

use crate::limits::usage::Measure;

/// Why a request was refused, or could not be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The key's requests per minute are used up.
    RateLimitRequests,
    /// The key's tokens per minute or day are used up.
    RateLimitTokens,
    /// The key's budget of the day is used up.
    BudgetDaily,
    /// The key's budget of the month is used up.
    BudgetMonthly,
    /// The model is not in the key's list.
    ModelNotAllowed,
    /// No channel serves the model, or none of their upstreams knows it.
    ModelNotFound,
    /// Only disabled channels serve the model.
    NoChannelAvailable,
    /// No channel of the model has the operation.
    UnsupportedOperation,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body is of a kind that is not taken.
    UnsupportedMediaType,
    /// The body is no JSON, names no model, or something else is wrong with the request.
    InvalidRequest,
    /// There is nothing at the path.
    UnknownPath,
    /// The path has no such method.
    MethodNotAllowed,
    /// A WebSocket was requested.
    UpgradeNotSupported,
    /// The request had been here before.
    LoopDetected,
    /// The gateway had no room or no store for the request.
    Unavailable,
    /// The upstream found fault with the request.
    UpstreamRefused,
    /// Every upstream is over its rate limit.
    UpstreamRateLimited,
    /// Every upstream key was refused.
    UpstreamCredentialsExhausted,
    /// No upstream answered in time.
    UpstreamTimeout,
    /// Every upstream failed.
    UpstreamFailed,
    /// The answer had begun, and broke off.
    StreamIncomplete,
}

impl From<Measure> for Reason {
    fn from(exceeded: Measure) -> Self {
        match exceeded {
            Measure::RequestsPerMinute => Self::RateLimitRequests,
            Measure::TokensPerMinute | Measure::TokensPerDay => Self::RateLimitTokens,
            Measure::DailyBudget => Self::BudgetDaily,
            Measure::MonthlyBudget => Self::BudgetMonthly,
        }
    }
}

impl Reason {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 22] = [
        Self::RateLimitRequests,
        Self::RateLimitTokens,
        Self::BudgetDaily,
        Self::BudgetMonthly,
        Self::ModelNotAllowed,
        Self::ModelNotFound,
        Self::NoChannelAvailable,
        Self::UnsupportedOperation,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidRequest,
        Self::UnknownPath,
        Self::MethodNotAllowed,
        Self::UpgradeNotSupported,
        Self::LoopDetected,
        Self::Unavailable,
        Self::UpstreamRefused,
        Self::UpstreamRateLimited,
        Self::UpstreamCredentialsExhausted,
        Self::UpstreamTimeout,
        Self::UpstreamFailed,
        Self::StreamIncomplete,
    ];

    /// The word for it in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::RateLimitRequests => "rate_limit_requests",
            Self::RateLimitTokens => "rate_limit_tokens",
            Self::BudgetDaily => "budget_daily",
            Self::BudgetMonthly => "budget_monthly",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::ModelNotFound => "model_not_found",
            Self::NoChannelAvailable => "no_channel_available",
            Self::UnsupportedOperation => "unsupported_operation",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::InvalidRequest => "invalid_request",
            Self::UnknownPath => "unknown_path",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UpgradeNotSupported => "upgrade_not_supported",
            Self::LoopDetected => "loop_detected",
            Self::Unavailable => "unavailable",
            Self::UpstreamRefused => "upstream_refused",
            Self::UpstreamRateLimited => "upstream_rate_limited",
            Self::UpstreamCredentialsExhausted => "upstream_credentials_exhausted",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamFailed => "upstream_failed",
            Self::StreamIncomplete => "stream_incomplete",
        }
    }

    /// The reason for an error of the gateway's own with this status and code. Where the code says nothing the status
    /// decides.
    pub fn of_error(status: StatusCode, code: Option<&str>) -> Self {
        match (code.unwrap_or_default(), status.as_u16()) {
            ("not_found", _) => Self::UnknownPath,
            // A key's own limits are named where they are found out.
            ("rate_limit_exceeded", _) => Self::UpstreamRateLimited,
            ("request_too_large", _) => Self::BodyTooLarge,
            (code, status) => {
                let known = Self::ALL.into_iter().find(|reason| reason.word() == code);
                known.unwrap_or(match status {
                    404 => Self::ModelNotFound,
                    405 => Self::MethodNotAllowed,
                    413 => Self::BodyTooLarge,
                    415 => Self::UnsupportedMediaType,
                    502 => Self::UpstreamFailed,
                    504 => Self::UpstreamTimeout,
                    429 | 500.. => Self::Unavailable,
                    _ => Self::InvalidRequest,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::OPENAPI;
    use crate::error::ErrorCode;

    #[test]
    fn every_reason_is_described() {
        let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let described = &document["components"]["schemas"]["Reason"]["enum"];
        assert_eq!(*described, serde_json::json!(Reason::ALL.map(Reason::word)));
    }

    #[test]
    fn every_error_has_a_reason() {
        for (case, expected) in [
            (ErrorCode::InvalidJson, "invalid_request"),
            (ErrorCode::ModelRequired, "invalid_request"),
            (ErrorCode::InvalidValue, "invalid_request"),
            (ErrorCode::ModelNotFound, "model_not_found"),
            (ErrorCode::NotFound, "unknown_path"),
            (ErrorCode::MethodNotAllowed, "method_not_allowed"),
            (ErrorCode::RequestTooLarge, "body_too_large"),
            (ErrorCode::UnsupportedMediaType, "unsupported_media_type"),
            (ErrorCode::RateLimited, "upstream_rate_limited"),
            (ErrorCode::NoChannelAvailable, "no_channel_available"),
            (ErrorCode::UpstreamFailed, "upstream_failed"),
            (
                ErrorCode::CredentialsExhausted,
                "upstream_credentials_exhausted",
            ),
            (ErrorCode::LoopDetected, "loop_detected"),
            (ErrorCode::UnsupportedOperation, "unsupported_operation"),
            (ErrorCode::UpgradeNotSupported, "upgrade_not_supported"),
            (ErrorCode::UpstreamTimeout, "upstream_timeout"),
            (ErrorCode::StoreUnavailable, "unavailable"),
            (ErrorCode::Misconfigured, "unavailable"),
        ] {
            let error = case.error("");
            let reason = Reason::of_error(error.status, error.body.code.as_deref());
            assert_eq!(reason.word(), expected, "{case:?}");
        }
    }
}
