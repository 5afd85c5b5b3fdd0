//! From an upstream's status and error to a [`Failure`]. One table; the words in it were seen in the wild, and
//! `fixtures/upstream` holds a payload for each of them.
//!
//! The status decides. The request is at fault only with 400, 413, 415 and 422; all other statuses are caused by the
//! key, the model, or whatever is between the gateway and the upstream. In five cases the status alone is misleading:
//! input that a filter rejected (also a 403), a model that is unknown or down (also a 400 or 403), a key that is
//! invalid or without credit (also a 400), a rate limit (also a 413), and errors inside a good status. A client's input
//! can be echoed in an error's message: words count only where nothing says that another member of the request is at
//! fault, so that no client can cause a cooldown of a working key.

use http::{HeaderMap, StatusCode};

use super::failure::Failure;
use super::retry_after;
use crate::error::ErrorBody;
use crate::units::Timestamp;
use crate::wire::error_shape::UpstreamError;

/// Codes and types with which an upstream reports that a filter rejected the request.
const FILTER_CODES: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "moderation_blocked",
    // OpenAI's responses.
    "image_content_policy_violation",
    // DashScope, in its OpenAI-compatible and in its native spellings.
    "data_inspection_failed",
    "DataInspectionFailed",
    "InternalError.Algo.DataInspectionFailed",
    // new-api.
    "sensitive_words_detected",
    // Volcengine.
    "SensitiveContentDetected",
    "InputTextSensitiveContentDetected",
    "InputImageSensitiveContentDetected",
];

/// Codes by which an upstream reports that the request is at fault, also inside a good status, and with a 404 where a
/// file is missing. Those of OpenAI's responses are all that its reference lists for failed responses.
const REQUEST_CODES: &[&str] = &[
    "invalid_prompt",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "invalid_image_mode",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_file_too_large",
    "image_file_not_found",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
    "context_length_exceeded",
    "string_above_max_length",
    "invalid_type",
    "invalid_value",
    "unsupported_value",
    "unsupported_parameter",
    "unknown_parameter",
    "missing_required_parameter",
    // DashScope.
    "InvalidParameter",
    "InternalError.Algo.InvalidParameter",
    "invalid_parameter_error",
];

/// Codes and types of rate limits.
const RATE_CODES: &[&str] = &[
    "rate_limit_exceeded",
    "rate_limit_error",
    "rate_limited",
    "insufficient_quota",
    "requests",
    "tokens",
    // DashScope.
    "Throttling",
    "Throttling.RateQuota",
    "Throttling.AllocationQuota",
];

/// Codes and types by which an upstream reports that it does not know a model, or cannot run it.
const MODEL_CODES: &[&str] = &[
    "model_not_found",
    "DeploymentNotFound",
    "unknown_model",
    "invalid_model",
    // Azure: the deployment's model cannot do this operation.
    "OperationNotSupported",
    // Together.
    "model_not_available",
    "dedicated_endpoint_not_running",
    // Groq.
    "model_decommissioned",
];

/// Words of a 400, in lower case, when the model and not the request is at fault.
const MODEL_PHRASES: &[&str] = &[
    // NVIDIA NIM: a function that is down.
    "degraded function",
    "function cannot be invoked",
    // OpenRouter: "x/y is not a valid model ID".
    "is not a valid model",
    // OpenAI, vLLM, Together, Groq and others.
    "model not found",
    "model does not exist",
    "unknown model",
    "no such model",
    "model is not supported",
    // DeepSeek.
    "model not exist",
    // Gemini: "You don't have access to this model or the model name is invalid".
    "the model name is invalid",
];

/// Codes and types with which an upstream rejects a key under a status other than 401 to 403.
const KEY_CODES: &[&str] = &[
    "invalid_api_key",
    "API_KEY_INVALID",
    // OpenAI: an organisation's own limit.
    "billing_hard_limit_reached",
    // DashScope: unpaid.
    "Arrearage",
];

/// How a 400 begins, in lower case, when the key is at fault.
const KEY_BEGINNINGS: &[&str] = &[
    // Gemini.
    "api key not valid",
    "api key expired",
    // xAI.
    "incorrect api key provided",
    // Anthropic.
    "your credit balance is too low",
];

/// Words of a 403, in lower case, when the key is valid but not permitted for this model.
const MODEL_PERMISSION_PHRASES: &[&str] = &[
    // OpenAI: "You are not allowed to generate embeddings from this model".
    "from this model",
    // OpenAI: "Your organization must be verified to use the model".
    "to use the model",
    "access to model",
    "access to the model",
    "model not found",
];

/// How a 429 begins, in lower case, where waiting does not help: the single request has more tokens than the key may
/// spend in a minute. Another key may be allowed more.
const TOO_LARGE_BEGINNING: &str = "request too large";

/// The classification of an upstream's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The status that it corresponds to.
    pub status: StatusCode,
    /// What it means.
    pub failure: Failure,
    /// How long the upstream asks to wait before a retry, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// Reads an error that came with the status `own` and these headers: as a response's body, or inside a success.
pub fn outcome(
    own: StatusCode,
    found: &UpstreamError,
    headers: &HeaderMap,
    now: Timestamp,
) -> Classification {
    let status = if own.is_success() {
        status_inside_success(found.status, &found.body)
    } else {
        own
    };
    let failure = failure(status, &found.body);
    let retry_after_ms = if failure == Failure::Throttled {
        retry_after::of_throttling(headers, &found.body.message, now)
    } else {
        retry_after::read(headers, now)
    };
    Classification {
        status,
        failure,
        retry_after_ms,
    }
}

/// The error with a type that fits its failure: of an error inside a good status that names no type, only its code
/// shows that the request is at fault.
pub fn typed(failure: Failure, mut error: ErrorBody) -> ErrorBody {
    if failure == Failure::RequestRefused && error.kind == "server_error" {
        "invalid_request_error".clone_into(&mut error.kind);
    }
    error
}

/// Whether Anthropic rejects the signature of a thinking block: "Invalid `signature` in `thinking` block",
/// "messages.1.content.0.thinking.signature: Field required".
pub fn is_bad_signature(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["signature", "thinking"]
        .iter()
        .all(|word| message.contains(word))
}

/// Whether a failure says nothing about the key, the model or the channel, only about this request: so that no client
/// can disable an upstream for others.
pub fn is_of_one_request(failure: Failure, status: Option<StatusCode>, error: &ErrorBody) -> bool {
    let status = status.map(|status| status.as_u16());
    match failure {
        // More tokens than the key may spend in a minute; another key may be allowed more.
        Failure::Throttled => {
            let begin = error.message.get(..TOO_LARGE_BEGINNING.len());
            status == Some(413)
                || begin.is_some_and(|begin| begin.eq_ignore_ascii_case(TOO_LARGE_BEGINNING))
        }
        // Caused by the client's `accept`, the length of the URL, or the size of the headers, which include the
        // client's.
        Failure::ServerError => matches!(status, Some(406 | 414 | 431)),
        _ => false,
    }
}

/// What an upstream's error means. `status` is the response's own, or the one that an error inside a
/// 200 names; an error without any status counts as a 502.
pub fn failure(status: StatusCode, error: &ErrorBody) -> Failure {
    match status.as_u16() {
        400..=499 if is_one_of(error, FILTER_CODES) => Failure::RequestRefused,
        // A file that the request names.
        404 if has_code(error, REQUEST_CODES) => Failure::RequestRefused,
        400 | 403 if is_one_of(error, MODEL_CODES) => Failure::ModelUnknown,
        403 if speaks_of_the_model(error) => Failure::ModelUnknown,
        // Out of credit concerns the key like any other rejection; Retry-After does not matter.
        401..=403 => Failure::KeyRefused,
        // 410: the model was retired. 508: the channel leads back to a gateway that the request has passed; other
        // models of the channel may take another path.
        404 | 410 | 508 => Failure::ModelUnknown,
        405 | 501 => Failure::OperationUnsupported,
        400 if refuses_the_key(error) => Failure::KeyRefused,
        400 if says_model_is_unknown(error) => Failure::ModelUnknown,
        413 if is_one_of(error, RATE_CODES) => Failure::Throttled,
        429 => Failure::Throttled,
        400 | 413 | 415 | 422 => Failure::RequestRefused,
        // Also 406 to 409, 411, 412, 414, 416 to 421, 423 to 428, 431, 444, 451, 460, 494 to 499 and any that servers
        // and proxies make up: a request to retry, a proxy's own login, a length, a version or a condition of the
        // protocol. None is caused by the client.
        _ => Failure::ServerError,
    }
}

fn has_code(error: &ErrorBody, codes: &[&str]) -> bool {
    codes.contains(&error.code.as_deref().unwrap_or_default())
}

fn is_one_of(error: &ErrorBody, words: &[&str]) -> bool {
    has_code(error, words) || words.contains(&error.kind.as_str())
}

fn refuses_the_key(error: &ErrorBody) -> bool {
    let message = error.message.to_lowercase();
    let begins = |beginning: &&str| message.starts_with(beginning);
    is_one_of(error, KEY_CODES) || (error.param.is_none() && KEY_BEGINNINGS.iter().any(begins))
}

fn speaks_of_the_model(error: &ErrorBody) -> bool {
    let message = error.message.to_lowercase();
    MODEL_PERMISSION_PHRASES
        .iter()
        .any(|phrase| message.contains(phrase))
}

fn says_model_is_unknown(error: &ErrorBody) -> bool {
    if error.param.as_deref().is_some_and(|param| param != "model") {
        return false;
    }
    // vLLM's list of invalid fields repeats the client's input.
    if error.message.starts_with(['[', '{']) {
        return false;
    }
    let message = error.message.to_lowercase();
    let names_a_missing_model = message.contains("model") && message.contains("does not exist");
    names_a_missing_model || MODEL_PHRASES.iter().any(|phrase| message.contains(phrase))
}

/// The status of an error that came inside a 200: its own, or the one derived from its words.
pub fn status_inside_success(own: Option<StatusCode>, error: &ErrorBody) -> StatusCode {
    let of_words = || {
        let code = of_word(error.code.as_deref().unwrap_or_default());
        code.or_else(|| of_word(&error.kind))
            .or_else(|| of_beginning(&error.message))
    };
    own.or_else(of_words).unwrap_or(StatusCode::BAD_GATEWAY)
}

/// The status in front of `DashScope`'s messages: "<400> InternalError.Algo.DataInspectionFailed: …".
fn of_beginning(message: &str) -> Option<StatusCode> {
    let (status, _) = message.strip_prefix('<')?.split_once("> ")?;
    let status: StatusCode = status.parse().ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

/// The status that belongs to a code or a type where an upstream sends both.
fn of_word(word: &str) -> Option<StatusCode> {
    let status = match word {
        "authentication_error" => StatusCode::UNAUTHORIZED,
        "billing_error" => StatusCode::PAYMENT_REQUIRED,
        "permission_error" => StatusCode::FORBIDDEN,
        "not_found_error" => StatusCode::NOT_FOUND,
        "request_too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "loop_detected" => StatusCode::LOOP_DETECTED,
        "server_is_overloaded" | "slow_down" | "overloaded_error" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "invalid_request_error" => StatusCode::BAD_REQUEST,
        word if RATE_CODES.contains(&word) => StatusCode::TOO_MANY_REQUESTS,
        word if FILTER_CODES.contains(&word) => StatusCode::BAD_REQUEST,
        word if REQUEST_CODES.contains(&word) => StatusCode::BAD_REQUEST,
        word if MODEL_CODES.contains(&word) => StatusCode::NOT_FOUND,
        word if KEY_CODES.contains(&word) => StatusCode::UNAUTHORIZED,
        _ => return None,
    };
    Some(status)
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
