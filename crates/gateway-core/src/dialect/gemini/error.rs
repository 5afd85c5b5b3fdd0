//! Errors for Gemini's clients. Owns Google's names of statuses and the shape of its errors.

use http::StatusCode;
use serde::Serialize;

use crate::dialect::answer_event::StreamFailure;

#[derive(Serialize)]
struct GeminiErrorBody<'a> {
    error: GeminiError<'a>,
}

#[derive(Serialize)]
struct GeminiError<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
}

/// Google's name of a status.
pub fn error_status(status: StatusCode) -> &'static str {
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

/// The body of an error.
pub fn error_body(status: StatusCode, message: &str) -> Vec<u8> {
    let error = GeminiError {
        code: status.as_u16(),
        message,
        status: error_status(status),
    };
    serde_json::to_vec(&GeminiErrorBody { error }).unwrap_or_default()
}

/// The error in a stream that broke.
pub(super) fn failure_body(failure: &StreamFailure<'_>) -> Vec<u8> {
    let says = |word: &str| failure.kind.contains(word) || failure.code.contains(word);
    let status = if says("overloaded") {
        StatusCode::SERVICE_UNAVAILABLE
    } else if says("rate_limit") || says("insufficient_quota") {
        StatusCode::TOO_MANY_REQUESTS
    } else if says("timeout") {
        StatusCode::GATEWAY_TIMEOUT
    } else if says("invalid_request") || says("context_length") {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    error_body(status, failure.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_googles_names() {
        for (status, name) in [
            (400, "INVALID_ARGUMENT"),
            (401, "UNAUTHENTICATED"),
            (402, "FAILED_PRECONDITION"),
            (403, "PERMISSION_DENIED"),
            (404, "NOT_FOUND"),
            (405, "UNIMPLEMENTED"),
            (408, "DEADLINE_EXCEEDED"),
            (409, "ABORTED"),
            (413, "INVALID_ARGUMENT"),
            (422, "INVALID_ARGUMENT"),
            (429, "RESOURCE_EXHAUSTED"),
            (499, "CANCELLED"),
            (500, "INTERNAL"),
            (501, "UNIMPLEMENTED"),
            (502, "INTERNAL"),
            (503, "UNAVAILABLE"),
            (504, "DEADLINE_EXCEEDED"),
            (529, "UNAVAILABLE"),
            (200, "UNKNOWN"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(error_status(status), name, "{status}");
        }
        let body = error_body(StatusCode::BAD_REQUEST, "`x` \"y\"");
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"error":{"code":400,"message":"`x` \"y\"","status":"INVALID_ARGUMENT"}}"#
        );
    }

    #[test]
    fn failures_of_streams_have_the_status_that_they_mean() {
        for (kind, code, status) in [
            ("server_error", "stream_incomplete", r#""code":500"#),
            ("overloaded_error", "", r#""code":503"#),
            ("server_error", "server_is_overloaded", r#""code":503"#),
            ("requests", "rate_limit_exceeded", r#""code":429"#),
            ("server_error", "upstream_timeout", r#""code":504"#),
            ("invalid_request_error", "", r#""code":400"#),
        ] {
            let failure = StreamFailure {
                kind,
                code,
                message: "m",
            };
            let body = String::from_utf8(failure_body(&failure)).unwrap();
            assert!(body.contains(status), "{kind} {code}: {body}");
        }
    }
}
