//! Paths of Azure's and Gemini's clients, which name the model in the path. Owns their grammar; what they lead to is the
//! same as below `/v1`.

use http::HeaderMap;

use super::operation::{self, GEMINI, Operation, RoutedCall};

/// The call of a path that names a model: `/v1beta/models/{model}:{verb}`, `/openai/deployments/{model}/{operation}`. Ids
/// of models may contain slashes and colons, encoded or not.
pub fn call(path: &str) -> Option<RoutedCall> {
    if let Some((model, verb)) = gemini_parts(path) {
        let operation = GEMINI.into_iter().find(|it| it.path == verb)?;
        return named(operation, model);
    }
    let rest = path.strip_prefix("/openai/deployments/")?;
    let mut ends = rest.match_indices('/').map(|(at, _)| at);
    ends.find_map(|at| {
        let (model, rest) = rest.split_at(at);
        named(operation::below_v1(rest.get(1..)?)?, model)
    })
}

/// What Azure's clients request below their own prefix, as the path below `/v1/`.
pub fn openai(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("/openai/") {
        return Some(rest.strip_prefix("v1/").unwrap_or(rest));
    }
    path.strip_prefix("/v1/")
}

/// Whether a path is one of Gemini's API.
pub fn is_gemini(path: &str) -> bool {
    path.starts_with("/v1beta/") || gemini_parts(path).is_some()
}

/// Whether the client is an SDK of Google's, which lists models below `/v1` since it has a stable version.
pub fn is_google_client(headers: &HeaderMap) -> bool {
    headers.contains_key("x-goog-api-client")
}

/// Whether a path is one that Azure's clients use; they add their API's version to every query string.
pub fn is_azure(path: &str) -> bool {
    path.starts_with("/openai/")
}

/// Model and verb of a path of Gemini's API. `/v1` is its stable version.
fn gemini_parts(path: &str) -> Option<(&str, &str)> {
    let rest = path
        .strip_prefix("/v1beta/models/")
        .or_else(|| path.strip_prefix("/v1/models/"))?;
    let (model, verb) = rest.rsplit_once(':')?;
    GEMINI
        .iter()
        .any(|it| it.path == verb)
        .then_some((model, verb))
}

fn named(operation: Operation, model: &str) -> Option<RoutedCall> {
    let model = percent_encoding::percent_decode_str(model);
    let model = model.decode_utf8().ok()?.into_owned();
    (!model.is_empty()).then_some(RoutedCall {
        operation,
        model: Some(model),
    })
}

#[cfg(test)]
mod tests {
    use super::super::operation::Streaming;
    use super::*;

    #[test]
    fn models_and_operations_are_found_in_paths() {
        for (path, expected) in [
            (
                "/v1beta/models/gemini-2.5-pro:generateContent",
                Some(("gemini-2.5-pro", "generateContent", Streaming::Never)),
            ),
            (
                "/v1beta/models/meta/llama:8b:streamGenerateContent",
                Some(("meta/llama:8b", "streamGenerateContent", Streaming::Always)),
            ),
            (
                "/v1/models/meta%2Fllama:countTokens",
                Some(("meta/llama", "countTokens", Streaming::Never)),
            ),
            (
                "/openai/deployments/gpt-4o/chat/completions",
                Some(("gpt-4o", "chat/completions", Streaming::Requested)),
            ),
            (
                "/openai/deployments/meta/llama/embeddings",
                Some(("meta/llama", "embeddings", Streaming::Requested)),
            ),
            ("/v1beta/models/:generateContent", None),
            ("/v1beta/models/m:embedContent", None),
            ("/v1beta/models/m", None),
            ("/v1beta/models/%FF:generateContent", None),
            ("/openai/deployments//embeddings", None),
            ("/openai/deployments/m/nope", None),
            ("/openai/deployments/m", None),
            ("/v1/chat/completions", None),
        ] {
            let found = call(path);
            let found = found.as_ref().map(|call| {
                let Operation {
                    path, streaming, ..
                } = call.operation;
                (call.model.as_deref().unwrap(), path, streaming)
            });
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn azures_other_paths_are_those_below_v1() {
        for (path, expected) in [
            ("/openai/v1/responses", Some("responses")),
            ("/openai/responses", Some("responses")),
            ("/openai/v1/models", Some("models")),
            ("/v1/responses", Some("responses")),
            ("/openai", None),
            ("/responses", None),
        ] {
            assert_eq!(openai(path), expected, "{path}");
        }
    }
}
