//! Errors of upstreams, in any shape: always the four members, none of them empty or unbounded, and a classification.
//!
//! The input's first line is the status, the rest is the body.
#![no_main]

use gateway_core::error::ErrorStyle;
use gateway_core::upstream::classify;
use gateway_core::wire::error_shape;
use http::StatusCode;
use libfuzzer_sys::fuzz_target;

/// More than any member may have, in characters.
const MAX_CHARS: usize = 2_001;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let status = StatusCode::from_bytes(&input[..end]).unwrap_or(StatusCode::OK);
    let body = input.get(end + 1..).unwrap_or_default();
    let error = error_shape::normalise(status, body);
    let members = [
        Some(&error.body.message),
        Some(&error.body.kind),
        error.body.param.as_ref(),
        error.body.code.as_ref(),
    ];
    for text in members.into_iter().flatten() {
        assert!(
            !text.trim().is_empty() && text.chars().count() <= MAX_CHARS,
            "{text:?}"
        );
    }
    for style in [ErrorStyle::OpenAi, ErrorStyle::Anthropic] {
        let text = style.text(status, &error.body);
        let value: serde_json::Value = serde_json::from_str(&text).expect("an error is JSON");
        assert!(value["error"]["message"].is_string());
        if style == ErrorStyle::OpenAi {
            assert_eq!(
                value["error"].as_object().map(serde_json::Map::len),
                Some(4)
            );
        }
    }
    let meant = classify::status_inside_success(error.status, &error.body);
    assert!(meant.is_client_error() || meant.is_server_error());
    let _ = classify::failure(meant, &error.body);
    let _ = classify::failure(status, &error.body);
});
