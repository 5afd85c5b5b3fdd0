//! Upstreams without the requested operation. Owns how that is distinguished from a model that an upstream does not
//! know, and the response when no candidate has the operation. Pure.

use super::exhausted::tell;
use crate::error::{ErrorBody, ErrorCode, GatewayError, printable};
use crate::upstream::failure::FailedAttempt;

/// Words by which errors report a missing model, in lower case.
const MODEL_WORDS: [&str; 5] = [
    "model",
    "deployment",
    "function '",
    "engine",
    "no endpoints found",
];

/// Whether the attempt failed because the upstream has no such path or method, as far as can be determined: a 404, 405
/// or 501 that does not mention the model. `names`: the model's names at the client and at the upstream.
pub fn lacks_operation(failed: &FailedAttempt, names: [&str; 2]) -> bool {
    let status = failed.status.map(|status| status.as_u16());
    matches!(status, Some(404 | 405 | 501)) && !speaks_of_the_model(&failed.error, names)
}

fn speaks_of_the_model(error: &ErrorBody, names: [&str; 2]) -> bool {
    let words = [
        Some(error.message.as_str()),
        Some(error.kind.as_str()),
        error.code.as_deref(),
        error.param.as_deref(),
    ];
    words.into_iter().flatten().any(|text| {
        let lower = text.to_lowercase();
        MODEL_WORDS.iter().any(|word| lower.contains(word))
            || names.iter().any(|name| has_word(text, name))
    })
}

/// Whether `text` contains `name`, not as a part of a longer word.
fn has_word(text: &str, name: &str) -> bool {
    !name.is_empty()
        && text.match_indices(name).any(|(start, found)| {
            let is_part = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
            let (before, after) = (text.get(..start), text.get(start + found.len()..));
            !is_part(before.and_then(|before| before.chars().next_back()))
                && !is_part(after.and_then(|after| after.chars().next()))
        })
}

/// The error when none of the candidates for `model` has `endpoint`. A 400, since clients show the message of a 400 and
/// read a 404 as a missing model.
pub fn error(endpoint: &str, model: &str, attempts: &[FailedAttempt]) -> GatewayError {
    ErrorCode::UnsupportedOperation
        .error(format!(
            "No channel that serves the model `{}` has {endpoint}. Use another endpoint for this model, or check the base \
             URLs of its channels. Tried: {}.",
            printable(model),
            tell(attempts)
        ))
        .as_exhausted()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::upstream::failure::Failure;

    fn failed(channel: &str, status: u16, message: &str, code: Option<&str>) -> FailedAttempt {
        FailedAttempt {
            channel: channel.to_owned(),
            key: String::new(),
            failure: Failure::ModelUnknown,
            status: StatusCode::from_u16(status).ok(),
            error: Box::new(ErrorBody {
                message: message.to_owned(),
                kind: "invalid_request_error".to_owned(),
                param: None,
                code: code.map(str::to_owned),
            }),
            retry_after_ms: None,
            headers: Box::default(),
        }
    }

    #[test]
    fn a_missing_operation_is_distinguished_from_a_missing_model() {
        for (status, message, code, expected) in [
            (404, "404 page not found", None, true),
            (404, "Not Found", None, true),
            (
                404,
                "The upstream answered 404 Not Found.",
                Some("404"),
                true,
            ),
            (404, "Invalid URL (POST /v1/responses)", None, true),
            (
                404,
                "Unknown request URL: POST /rerank. m4x",
                Some("unknown_url"),
                true,
            ),
            (405, "Method Not Allowed", None, true),
            (404, "The model `x` does not exist", None, false),
            (404, "nope", Some("model_not_found"), false),
            (404, "nope", Some("DeploymentNotFound"), false),
            (
                404,
                "Not Found: Function 'a': Not found for account 'b'",
                None,
                false,
            ),
            (404, "No endpoints found for other/name.", None, false),
            (404, "m4: not found", None, false),
            (404, "There is no \"vendor/m4-large\".", None, false),
            (400, "Not Found", None, false),
            (500, "Not Found", None, false),
        ] {
            let failed = failed("a", status, message, code);
            let found = lacks_operation(&failed, ["m4", "vendor/m4-large"]);
            assert_eq!(found, expected, "{status} {message} {code:?}");
        }
    }

    #[test]
    fn the_message_names_the_path_and_the_channels() {
        let attempts = [
            failed("NIM", 404, "Not Found", None),
            failed("vLLM", 405, "Method Not Allowed", None),
        ];
        let error = error("POST /v1/responses", "m", &attempts);
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        assert_eq!(error.body.code.as_deref(), Some("unsupported_operation"));
        assert!(error.exhausted);
        let message = error.body.message;
        assert!(
            message.contains("model `m` has POST /v1/responses"),
            "{message}"
        );
        assert!(
            message.ends_with("Tried: NIM: 404 (Not Found); vLLM: 405 (Method Not Allowed)."),
            "{message}"
        );
    }
}
