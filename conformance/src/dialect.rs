//! The four dialects and where a client or a gateway finds them. Owns names and paths; knows no content.

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

    /// The upstream and whether the path is its operation: `None` for paths below none of them.
    ///
    /// The version in the middle may be missing: not every gateway expects it in a base URL.
    pub fn of_upstream_path(path: &str) -> Option<(Self, bool)> {
        let rest = path.strip_prefix('/')?;
        let (first, operation) = rest.split_once('/').unwrap_or((rest, ""));
        let dialect = UPSTREAMS
            .into_iter()
            .find(|dialect| dialect.name() == first)?;
        let operation = operation.strip_prefix("v1/").unwrap_or(operation);
        let own = match dialect {
            Self::Chat => "chat/completions",
            Self::Messages => "messages",
            Self::Responses | Self::Gemini => "responses",
        };
        Some((dialect, operation == own))
    }

    /// The model that makes the upstream of this dialect play the script of a case.
    pub fn model(self, number: usize) -> String {
        format!("conf-{}-{number:04}", self.name())
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The model's own name inside one that a gateway or an option has prefixed.
pub fn script_key(model: &str) -> Option<&str> {
    let start = model.rfind("conf-")?;
    let key = &model[start..];
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
                Some((Dialect::Messages, true))
            );
        }
        let wrong = Dialect::of_upstream_path("/chat/v1/messages");
        assert_eq!(wrong, Some((Dialect::Chat, false)));
        assert_eq!(Dialect::of_upstream_path("/v1/messages"), None);
    }

    #[test]
    fn a_prefix_hides_no_script() {
        let model = Dialect::Chat.model(7);
        assert_eq!(script_key(&model), Some("conf-chat-0007"));
        assert_eq!(script_key("openai/conf-chat-0007"), Some("conf-chat-0007"));
        assert_eq!(script_key("gpt-4o"), None);
    }
}
