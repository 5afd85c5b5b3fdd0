//! The four dialects and where a client or a gateway finds them. Owns names and paths; knows no content.
//!
//! Which upstreams serve a model is in `route`.

use std::fmt;

/// A protocol between a client and a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// `OpenAI`'s Chat Completions.
    Chat,
    /// Anthropic's Messages.
    Messages,
    /// `OpenAI`'s Responses.
    Responses,
    /// Google's `generateContent`.
    Gemini,
}

/// What clients speak.
pub const CLIENTS: [Dialect; 4] = [
    Dialect::Chat,
    Dialect::Messages,
    Dialect::Responses,
    Dialect::Gemini,
];

/// What the scripted upstreams speak.
pub const UPSTREAMS: [Dialect; 3] = [Dialect::Chat, Dialect::Messages, Dialect::Responses];

/// What a request to an upstream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// An answer.
    Generate,
    /// The number of input tokens.
    Count,
    /// A response that the upstream has stored.
    Stored,
    /// Nothing that the upstream has.
    Unknown,
}

/// `responses/{id}`, or `cancel` or `input_items` below it.
fn is_stored(path: &str) -> bool {
    let mut parts = path.split('/');
    let is_one = parts.next() == Some("responses") && parts.next().is_some_and(|id| !id.is_empty());
    is_one
        && matches!(parts.next(), None | Some("cancel" | "input_items"))
        && parts.next().is_none()
}

impl Dialect {
    /// The name in cases, models and paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
            Self::Responses => "responses",
            Self::Gemini => "gemini",
        }
    }

    /// The path that a client of this dialect calls, query included.
    pub fn client_path(self, model: &str, stream: bool) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::Messages => "/v1/messages".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
            Self::Gemini if stream => {
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
            Self::Gemini => format!("/v1beta/models/{model}:generateContent"),
        }
    }

    /// The headers that carry the client's key and version.
    pub fn client_headers(self, key: &str) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        match self {
            Self::Chat | Self::Responses => vec![pair("authorization", &format!("Bearer {key}"))],
            Self::Messages => vec![
                pair("x-api-key", key),
                pair("anthropic-version", "2023-06-01"),
            ],
            Self::Gemini => vec![pair("x-goog-api-key", key)],
        }
    }

    /// The upstream and its operation: `None` for paths below none of them.
    ///
    /// The version in the middle may be missing: not every gateway expects it in a base URL.
    pub fn of_upstream_path(path: &str) -> Option<(Self, Operation)> {
        let rest = path.strip_prefix('/')?;
        let (first, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let dialect = UPSTREAMS
            .into_iter()
            .find(|dialect| dialect.name() == first)?;
        let rest = rest.strip_prefix("v1/").unwrap_or(rest);
        let operation = match (dialect, rest) {
            (Self::Chat, "chat/completions")
            | (Self::Messages, "messages")
            | (Self::Responses, "responses") => Operation::Generate,
            (Self::Messages, "messages/count_tokens")
            | (Self::Responses, "responses/input_tokens") => Operation::Count,
            (Self::Responses, other) if is_stored(other) => Operation::Stored,
            _ => Operation::Unknown,
        };
        Some((dialect, operation))
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The model's own name inside one that a gateway or an option has prefixed, or inside the path of a stored response.
pub fn script_key(model: &str) -> Option<&str> {
    let start = model.rfind("conf-")?;
    let end = model[start..].find(['/', '?', ':']);
    let key = end.map_or(&model[start..], |end| &model[start..start + end]);
    let number = key.rsplit('-').next()?;
    (number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_upstreams_are_recognised_with_and_without_a_version() {
        for path in ["/messages/v1/messages", "/messages/messages"] {
            assert_eq!(
                Dialect::of_upstream_path(path),
                Some((Dialect::Messages, Operation::Generate))
            );
        }
        let wrong = Dialect::of_upstream_path("/chat/v1/messages");
        assert_eq!(wrong, Some((Dialect::Chat, Operation::Unknown)));
        for (path, operation) in [
            ("/messages/v1/messages/count_tokens", Operation::Count),
            ("/responses/v1/responses/input_tokens", Operation::Count),
            ("/responses/v1/responses/resp_a", Operation::Stored),
            ("/responses/responses/resp_a/input_items", Operation::Stored),
            ("/responses/v1/responses/", Operation::Unknown),
            ("/responses/v1/responses/resp_a/other", Operation::Unknown),
        ] {
            let got = Dialect::of_upstream_path(path).map(|(_, operation)| operation);
            assert_eq!(got, Some(operation), "{path}");
        }
        assert_eq!(Dialect::of_upstream_path("/v1/messages"), None);
    }

    #[test]
    fn a_prefix_hides_no_script() {
        let model = "conf-chat-0007";
        assert_eq!(script_key(model), Some("conf-chat-0007"));
        assert_eq!(script_key("openai/conf-chat-0007"), Some("conf-chat-0007"));
        assert_eq!(script_key("gpt-4o"), None);
        let path = "/responses/v1/responses/resp_conf-responses-0008/input_items?limit=20";
        assert_eq!(script_key(path), Some("conf-responses-0008"));
    }
}
