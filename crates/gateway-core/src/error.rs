//! The one table from what went wrong to what the client reads. Owns statuses, codes and the JSON
//! envelope; what a message says is given by the place that knows.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::problem::MAX_DETAILS;
use crate::problem::Problem;
use crate::reply::{self, Reply};

/// The body of an error as OpenAI's schema has it: all four members, always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorBody {
    /// What happened and what to do, for a person.
    pub message: String,
    /// The class, e.g. `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The request's member that is at fault.
    pub param: Option<String>,
    /// The exact case, for a program.
    pub code: Option<String>,
}

/// Every error.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Error")
)]
pub struct Envelope<'a> {
    error: DetailedError<'a>,
}

/// The error itself. The first four members are always there.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
struct DetailedError<'a> {
    #[serde(flatten)]
    body: &'a ErrorBody,
    /// Everything that is wrong with the values of the request, if that is what the error is about.
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_DETAILS)))]
    details: &'a [Problem],
}

/// In whose manner an error is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorStyle {
    /// `{"error": {"message", "type", "param", "code"}}`
    #[default]
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}}`, for `/v1/messages`.
    Anthropic,
    /// `{"error": {"code", "message", "status", "details"}}`, for `/v1beta`.
    Gemini,
}

impl ErrorStyle {
    /// The JSON text of an error in this manner.
    pub fn text(self, status: StatusCode, error: &ErrorBody) -> String {
        match self {
            Self::OpenAi => openai_text(error, &[]),
            Self::Anthropic => serde_json::json!({
                "type": "error",
                "error": { "type": anthropic_type(status), "message": error.message, "code": error.code },
            })
            .to_string(),
            Self::Gemini => gemini_text(status, error),
        }
    }
}

fn openai_text(body: &ErrorBody, details: &[Problem]) -> String {
    let error = DetailedError { body, details };
    serde_json::to_string(&Envelope { error }).unwrap_or_default()
}

/// Anthropic's error types by status (docs.anthropic.com, "Errors").
const fn anthropic_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// Google's errors (google.rpc.Status). The code for programs is a detail there.
fn gemini_text(status: StatusCode, error: &ErrorBody) -> String {
    let details: Vec<_> = error
        .code
        .iter()
        .map(|code| {
            serde_json::json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": code,
                "domain": "ai-gateway",
            })
        })
        .collect();
    serde_json::json!({
        "error": {
            "code": status.as_u16(),
            "message": error.message,
            "status": gemini_status(status),
            "details": details,
        },
    })
    .to_string()
}

/// Google's name of a status (google.rpc.Code).
pub const fn gemini_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        // Google has no 402; this is what it says of a project without billing.
        402 | 412 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 | 410 => "NOT_FOUND",
        405 | 501 => "UNIMPLEMENTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        503 | 529 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        500..=599 => "INTERNAL",
        _ => "UNKNOWN",
    }
}

/// An error that the gateway answers with, in its final form but for the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayError {
    /// The response's status.
    pub status: StatusCode,
    /// The response's body; boxed, since errors travel through many small results.
    pub body: Box<ErrorBody>,
    /// `Retry-After`, in whole seconds.
    pub retry_after_s: Option<u64>,
    /// Whether the candidates are exhausted, so that a client's own retries would only add load.
    pub exhausted: bool,
    /// `Allow`, for 405.
    pub allow: Option<Cow<'static, str>>,
    /// Everything that is wrong with the values of an admin request.
    pub details: Vec<Problem>,
}

/// Every error that the gateway itself answers with, with its status, type and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The body is no JSON object.
    InvalidJson,
    /// The members of the body, or the parts of a form, can be read in more than one way.
    AmbiguousBody,
    /// The request cannot be translated into the dialects of the remaining channels.
    Untranslatable,
    /// A response that a request continues is not stored here.
    PreviousResponseNotFound,
    /// The body names no model.
    ModelRequired,
    /// A value of the request is not acceptable.
    InvalidValue,
    /// The client key is missing, wrong, disabled or expired.
    InvalidApiKey,
    /// No channel serves the model, or this key may not use it.
    ModelNotFound,
    /// No such path, or no such object.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// The body is larger than allowed.
    RequestTooLarge,
    /// The body's content type cannot be taken.
    UnsupportedMediaType,
    /// Too much in too little time.
    RateLimited,
    /// The bodies of other requests take the instance's memory.
    InstanceBusy,
    /// Only disabled channels serve the model.
    NoChannelAvailable,
    /// Every candidate failed.
    UpstreamFailed,
    /// Every upstream key was refused.
    CredentialsExhausted,
    /// The request has passed through this gateway before.
    LoopDetected,
    /// No channel has the operation.
    UnsupportedOperation,
    /// A WebSocket is requested.
    UpgradeNotSupported,
    /// Nothing answered in time.
    UpstreamTimeout,
    /// The admin session is missing, wrong or over.
    NotAuthenticated,
    /// The admin's password is wrong.
    WrongPassword,
    /// The account needs a one-time code beside its password.
    TotpRequired,
    /// The caller's role may not do this.
    Forbidden,
    /// Without this account no owner could log in any more.
    LastOwner,
    /// No admin password is set.
    AdminDisabled,
    /// The request comes from another origin.
    CrossOrigin,
    /// The object was changed by someone else in between, again and again.
    Conflict,
    /// `If-Match` names another state of the object than the present one.
    ChangedMeanwhile,
    /// The store does not answer.
    StoreUnavailable,
    /// The gateway's own setting is wrong.
    Misconfigured,
}

impl ErrorCode {
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        const INVALID: &str = "invalid_request_error";
        match self {
            Self::InvalidJson => (StatusCode::BAD_REQUEST, INVALID, "invalid_json"),
            Self::AmbiguousBody => (StatusCode::BAD_REQUEST, INVALID, "ambiguous_body"),
            Self::Untranslatable => (StatusCode::BAD_REQUEST, INVALID, "untranslatable"),
            Self::PreviousResponseNotFound => (
                StatusCode::BAD_REQUEST,
                INVALID,
                "previous_response_not_found",
            ),
            Self::ModelRequired => (StatusCode::BAD_REQUEST, INVALID, "model_required"),
            Self::InvalidValue => (StatusCode::BAD_REQUEST, INVALID, "invalid_value"),
            Self::InvalidApiKey => (StatusCode::UNAUTHORIZED, INVALID, "invalid_api_key"),
            Self::ModelNotFound => (StatusCode::NOT_FOUND, INVALID, "model_not_found"),
            Self::NotFound => (StatusCode::NOT_FOUND, INVALID, "not_found"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                INVALID,
                "method_not_allowed",
            ),
            Self::RequestTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, INVALID, "request_too_large"),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                INVALID,
                "unsupported_media_type",
            ),
            Self::RateLimited => (
                StatusCode::TOO_MANY_REQUESTS,
                "requests",
                "rate_limit_exceeded",
            ),
            Self::InstanceBusy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "instance_busy",
            ),
            Self::NoChannelAvailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "no_channel_available",
            ),
            Self::UpstreamFailed => (StatusCode::BAD_GATEWAY, "server_error", "upstream_failed"),
            Self::CredentialsExhausted => (
                StatusCode::BAD_GATEWAY,
                "server_error",
                "upstream_credentials_exhausted",
            ),
            Self::LoopDetected => (StatusCode::LOOP_DETECTED, "server_error", "loop_detected"),
            Self::UnsupportedOperation => {
                (StatusCode::BAD_REQUEST, INVALID, "unsupported_operation")
            }
            Self::UpgradeNotSupported => (
                StatusCode::UPGRADE_REQUIRED,
                INVALID,
                "upgrade_not_supported",
            ),
            Self::UpstreamTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "server_error",
                "upstream_timeout",
            ),
            Self::NotAuthenticated => (StatusCode::UNAUTHORIZED, INVALID, "not_authenticated"),
            Self::WrongPassword => (StatusCode::UNAUTHORIZED, INVALID, "wrong_password"),
            Self::TotpRequired => (StatusCode::UNAUTHORIZED, INVALID, "totp_required"),
            Self::Forbidden => (StatusCode::FORBIDDEN, INVALID, "forbidden"),
            Self::LastOwner => (StatusCode::CONFLICT, INVALID, "last_owner"),
            Self::AdminDisabled => (
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "admin_disabled",
            ),
            Self::CrossOrigin => (StatusCode::FORBIDDEN, INVALID, "cross_origin"),
            Self::Conflict => (StatusCode::CONFLICT, INVALID, "conflict"),
            Self::ChangedMeanwhile => (
                StatusCode::PRECONDITION_FAILED,
                INVALID,
                "changed_meanwhile",
            ),
            Self::StoreUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "store_unavailable",
            ),
            Self::Misconfigured => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "misconfigured",
            ),
        }
    }

    /// The error of this case with a message for a person.
    pub fn error(self, message: impl Into<Cow<'static, str>>) -> GatewayError {
        let (status, kind, code) = self.row();
        GatewayError {
            status,
            body: Box::new(ErrorBody {
                message: message.into().into_owned(),
                kind: kind.to_owned(),
                param: None,
                code: Some(code.to_owned()),
            }),
            // A store that was away may be back at once.
            retry_after_s: matches!(self, Self::StoreUnavailable).then_some(1),
            exhausted: false,
            allow: None,
            details: Vec::new(),
        }
    }
}

impl GatewayError {
    /// Names the member of the request that is at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.body.param = Some(param.into());
        self
    }

    /// Sets when the client may retry.
    #[must_use]
    pub const fn with_retry_after_s(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Marks that a retry would only add load.
    #[must_use]
    pub const fn as_exhausted(mut self) -> Self {
        self.exhausted = true;
        self
    }

    /// Adds what is wrong with each value.
    #[must_use]
    pub fn with_details(mut self, details: Vec<Problem>) -> Self {
        self.details = details;
        self
    }

    /// The methods that the path has.
    #[must_use]
    pub fn with_allow(mut self, methods: impl Into<Cow<'static, str>>) -> Self {
        self.allow = Some(methods.into());
        self
    }

    /// The response in OpenAI's envelope.
    pub fn into_reply(self) -> Reply {
        self.into_reply_as(ErrorStyle::OpenAi)
    }

    /// The response in the envelope that the caller's SDK reads.
    pub fn into_reply_as(self, style: ErrorStyle) -> Reply {
        let body = Bytes::from(match style {
            ErrorStyle::OpenAi => openai_text(&self.body, &self.details),
            style => style.text(self.status, &self.body),
        });
        let mut reply = reply::json_bytes(self.status, body);
        let headers = reply.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.exhausted {
            headers.insert(
                HeaderName::from_static("x-should-retry"),
                HeaderValue::from_static("false"),
            );
        }
        if let Some(methods) = self.allow
            && let Ok(methods) = HeaderValue::try_from(methods.as_ref())
        {
            headers.insert(header::ALLOW, methods);
        }
        reply
    }
}

/// A part of a request as it may be in a message: its first 200 characters.
pub fn printable(text: &str) -> &str {
    text.char_indices()
        .nth(200)
        .map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}
