//! From an upstream's status and error to a [`Failure`]. One table; the phrases in it were seen in the wild.

use http::StatusCode;

use super::Failure;
use crate::error::ErrorBody;

/// Codes with which an upstream says that it does not know a model, whatever the status.
const UNKNOWN_MODEL_CODES: &[&str] = &[
    "model_not_found",
    "DeploymentNotFound",
    "unknown_model",
    "invalid_model",
];

/// What a 400 says, in lower case, when the model and not the request is at fault.
const UNKNOWN_MODEL_PHRASES: &[&str] = &[
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
];

/// What an upstream's error means. `status` is the response's own, or the one that an error inside a
/// 200 names; an error without any status counts as a 502.
pub fn failure(status: StatusCode, error: &ErrorBody) -> Failure {
    match status.as_u16() {
        401..=403 => Failure::KeyRefused,
        // 410: the model was retired.
        404 | 410 => Failure::ModelUnknown,
        400 if says_model_is_unknown(error) => Failure::ModelUnknown,
        408 | 409 | 425 => Failure::ServerError,
        429 => Failure::Throttled,
        400..=499 => Failure::RequestRefused,
        _ => Failure::ServerError,
    }
}

fn says_model_is_unknown(error: &ErrorBody) -> bool {
    let code = error.code.as_deref().unwrap_or_default();
    if UNKNOWN_MODEL_CODES.contains(&code) {
        return true;
    }
    let message = error.message.to_lowercase();
    let names_a_missing_model = message.contains("model") && message.contains("does not exist");
    names_a_missing_model
        || UNKNOWN_MODEL_PHRASES
            .iter()
            .any(|phrase| message.contains(phrase))
}

/// The status of an error that came inside a 200: its own, or the one its words stand for.
pub fn status_inside_success(own: Option<StatusCode>, error: &ErrorBody) -> StatusCode {
    if let Some(status) = own {
        return status;
    }
    let kind = error.kind.as_str();
    match error.code.as_deref().unwrap_or_default() {
        "rate_limit_exceeded" | "insufficient_quota" | "slow_down" => StatusCode::TOO_MANY_REQUESTS,
        "invalid_api_key" => StatusCode::UNAUTHORIZED,
        "content_filter" | "context_length_exceeded" => StatusCode::BAD_REQUEST,
        code if UNKNOWN_MODEL_CODES.contains(&code) => StatusCode::NOT_FOUND,
        _ => match kind {
            "rate_limit_error" | "requests" | "tokens" => StatusCode::TOO_MANY_REQUESTS,
            "authentication_error" => StatusCode::UNAUTHORIZED,
            "permission_error" => StatusCode::FORBIDDEN,
            "invalid_request_error" if error.code.is_some() || error.param.is_some() => {
                StatusCode::BAD_REQUEST
            }
            _ => StatusCode::BAD_GATEWAY,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::error_shape::normalise;

    fn of(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        failure(status, &normalise(status, body.as_bytes()).body)
    }

    #[test]
    fn every_row_of_the_table() {
        let rows: &[(u16, &str, Failure)] = &[
            (500, "", Failure::ServerError),
            (
                503,
                r#"{"error":{"message":"overloaded"}}"#,
                Failure::ServerError,
            ),
            (408, "", Failure::ServerError),
            (302, "", Failure::ServerError),
            (
                429,
                r#"{"status":429,"title":"Too Many Requests"}"#,
                Failure::Throttled,
            ),
            (401, "", Failure::KeyRefused),
            (
                402,
                r#"{"error":{"code":402,"message":"no credits"}}"#,
                Failure::KeyRefused,
            ),
            (403, "", Failure::KeyRefused),
            (
                404,
                r#"{"detail":"Function 'x': Not found for account 'y'"}"#,
                Failure::ModelUnknown,
            ),
            (
                400,
                r#"{"detail":"DEGRADED function cannot be invoked"}"#,
                Failure::ModelUnknown,
            ),
            (
                400,
                r#"{"error":{"message":"x is not a valid model ID","code":400}}"#,
                Failure::ModelUnknown,
            ),
            (
                400,
                r#"{"error":{"message":"The model `x` does not exist","code":null}}"#,
                Failure::ModelUnknown,
            ),
            (
                400,
                r#"{"error":{"message":"x","code":"model_not_found"}}"#,
                Failure::ModelUnknown,
            ),
            (
                400,
                r#"{"error":{"message":"max_tokens is too large"}}"#,
                Failure::RequestRefused,
            ),
            (
                400,
                r#"{"error":{"message":"filtered","code":"content_filter"}}"#,
                Failure::RequestRefused,
            ),
            (413, "", Failure::RequestRefused),
            (
                422,
                r#"{"detail":[{"loc":["body","x"],"msg":"extra"}]}"#,
                Failure::RequestRefused,
            ),
        ];
        for (status, body, expected) in rows {
            assert_eq!(of(*status, body), *expected, "{status} {body}");
        }
    }

    #[test]
    fn errors_inside_a_success_find_their_status() {
        let inside = |body: &str| {
            let error = normalise(StatusCode::OK, body.as_bytes());
            status_inside_success(error.status, &error.body).as_u16()
        };
        assert_eq!(inside(r#"{"error":{"code":429,"message":"x"}}"#), 429);
        assert_eq!(
            inside(r#"{"error":{"code":"rate_limit_exceeded","message":"x"}}"#),
            429
        );
        assert_eq!(inside(r#"{"error":{"message":"x"}}"#), 502);
        assert_eq!(
            inside(r#"{"error":{"type":"server_error","message":"x"}}"#),
            502
        );
        assert_eq!(
            inside(r#"{"error":{"code":"content_filter","message":"x"}}"#),
            400
        );
        assert_eq!(inside(r#"{"error":"just text"}"#), 502);
    }
}
