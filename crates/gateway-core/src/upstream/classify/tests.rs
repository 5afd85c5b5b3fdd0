//! Rows of the table that belong to no single provider.

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
        (415, "", Failure::RequestRefused),
        (
            413,
            r#"{"error":{"message":"too many tokens a minute","type":"tokens","code":"rate_limit_exceeded"}}"#,
            Failure::Throttled,
        ),
        (
            404,
            r#"{"error":{"message":"x","code":"image_file_not_found"}}"#,
            Failure::RequestRefused,
        ),
        (
            451,
            r#"{"error":{"message":"x","type":"content_filter"}}"#,
            Failure::RequestRefused,
        ),
        (405, "", Failure::OperationUnsupported),
        (501, "", Failure::OperationUnsupported),
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
fn what_is_between_gateway_and_upstream_is_never_the_clients_fault() {
    let own = [400, 401, 402, 403, 404, 405, 410, 413, 415, 422, 429];
    for status in (400..=499).filter(|status| !own.contains(status)) {
        for body in [
            "",
            r#"{"error":{"message":"no","type":"invalid_request_error"}}"#,
        ] {
            assert_eq!(of(status, body), Failure::ServerError, "{status} {body}");
        }
    }
    // A client can cause these, and must not disable the channel for others.
    for status in [406, 414, 431] {
        let found = normalise(StatusCode::from_u16(status).unwrap(), b"");
        let status = StatusCode::from_u16(status).ok();
        assert!(is_of_one_request(Failure::ServerError, status, &found.body));
    }
    let found = normalise(StatusCode::BAD_GATEWAY, b"");
    for status in [407, 421, 424, 426, 428, 451, 498, 499, 500] {
        let status = StatusCode::from_u16(status).ok();
        assert!(!is_of_one_request(
            Failure::ServerError,
            status,
            &found.body
        ));
    }
}

#[test]
fn a_client_cannot_talk_a_key_or_a_model_into_a_cooldown() {
    let echoes = [
        r#"{"detail":[{"loc":["body","messages",0],"msg":"API key not valid"}]}"#,
        r#"{"error":{"message":"Invalid value: 'incorrect api key provided'","param":"user"}}"#,
        r#"{"error":{"message":"incorrect api key provided","param":"messages"}}"#,
        r#"{"error":{"message":"Unexpected value 'model not found'","param":"stop"}}"#,
    ];
    for body in echoes {
        assert_eq!(of(400, body), Failure::RequestRefused, "{body}");
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
    assert_eq!(
        inside(r#"{"error":{"message":"<400> InternalError.Algo.DataInspectionFailed: no"}}"#),
        400
    );
    assert_eq!(inside(r#"{"error":{"message":"<200> x"}}"#), 502);
    for code in REQUEST_CODES.iter().chain(FILTER_CODES) {
        let failed = format!(r#"{{"status":"failed","error":{{"code":"{code}","message":"x"}}}}"#);
        let event = format!(r#"{{"type":"response.failed","response":{failed}}}"#);
        let spoken = format!(r#"{{"error":{{"type":"{code}","message":"x"}}}}"#);
        for body in [failed, event, spoken] {
            assert_eq!(inside(&body), 400, "{body}");
            assert_eq!(of(400, &body), Failure::RequestRefused, "{body}");
        }
    }
    let failed = |code: &str| {
        let error = format!(r#"{{"code":"{code}","message":"x"}}"#);
        inside(&format!(
            r#"{{"type":"response.failed","response":{{"status":"failed","error":{error}}}}}"#
        ))
    };
    assert_eq!(failed("server_error"), 502);
    assert_eq!(failed("vector_store_timeout"), 502);
    assert_eq!(failed("rate_limit_exceeded"), 429);
}

fn error(kind: &str, code: Option<&str>, message: &str) -> ErrorBody {
    ErrorBody {
        message: message.to_owned(),
        kind: kind.to_owned(),
        param: None,
        code: code.map(str::to_owned),
    }
}

#[test]
fn each_word_inside_a_success_has_its_status() {
    let words = [
        ("authentication_error", 401),
        ("billing_error", 402),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("request_too_large", 413),
        ("loop_detected", 508),
        ("overloaded_error", 503),
        ("invalid_request_error", 400),
    ];
    let tables = [(RATE_CODES, 429), (MODEL_CODES, 404), (KEY_CODES, 401)];
    let of_tables = tables
        .iter()
        .flat_map(|(codes, status)| codes.iter().map(move |code| (*code, *status)));
    for (word, status) in words.into_iter().chain(of_tables) {
        let found = status_inside_success(None, &error(word, None, "x"));
        assert_eq!(found.as_u16(), status, "{word}");
    }
}

#[test]
fn a_request_with_too_many_tokens_does_not_throttle_the_key_for_others() {
    let rows = [
        (413, "too many tokens a minute", true),
        (429, "Request too large for model `x`", true),
        (429, "Rate limit reached", false),
        (429, "no", false),
    ];
    for (status, message, expected) in rows {
        let status = StatusCode::from_u16(status).ok();
        let error = error("tokens", None, message);
        let found = is_of_one_request(Failure::Throttled, status, &error);
        assert_eq!(found, expected, "{status:?} {message}");
    }
}

#[test]
fn a_key_without_permission_for_a_model_is_not_refused_for_others() {
    let verify = "Your organization must be verified to use the model `x`.";
    let forbidden = StatusCode::FORBIDDEN;
    assert_eq!(
        failure(forbidden, &error("", None, verify)),
        Failure::ModelUnknown
    );
    assert_eq!(
        failure(forbidden, &error("", None, "Forbidden")),
        Failure::KeyRefused
    );
}
