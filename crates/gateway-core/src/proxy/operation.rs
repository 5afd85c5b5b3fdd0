//! The operations that upstreams answer. Owns their list, the shape of their errors, and what decides whether an answer is
//! a stream; which paths lead to them is `routes`'.

use std::borrow::Cow;

use crate::error::ErrorStyle;

/// A call that an upstream answers, as far as its path describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutedCall {
    /// What is called.
    pub operation: Operation,
    /// The model, where the path names it.
    pub model: Option<String>,
}

/// An operation of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The whole path, such as `/v1/chat/completions`, without a model in it.
    pub endpoint: &'static str,
    /// The path below `/v1/`, or Gemini's verb.
    pub path: &'static str,
    /// The shape of its errors.
    pub errors: ErrorStyle,
    /// What decides whether the answer is a stream.
    pub streaming: Streaming,
}

/// What decides whether an answer is a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    /// The member `stream` of the body.
    Requested,
    /// It always is.
    Always,
    /// It never is.
    Never,
}

/// The name under which it is recorded that a channel does not know a model for an operation, a path below `/v1/`. For
/// chats it is the model's own; an upstream without rerankings answers 404 to them, which must not affect chats.
pub fn health_name<'a>(path: &str, model: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let model = model.into();
    match path {
        "chat/completions" => model,
        path => Cow::Owned(format!("{model} ({path})")),
    }
}

impl Operation {
    /// An operation at a path below `/v1/`.
    pub const fn new(endpoint: &'static str, errors: ErrorStyle) -> Self {
        Self {
            endpoint,
            path: below(endpoint),
            errors,
            streaming: Streaming::Requested,
        }
    }

    /// Whether it counts the tokens of a request, which the gateway can estimate.
    pub fn counts_tokens(self) -> bool {
        counts_tokens(self.endpoint)
    }
}

fn counts_tokens(endpoint: &str) -> bool {
    [MESSAGES_COUNT, RESPONSES_COUNT, GEMINI_COUNT].contains(&endpoint)
}

/// Whether upstreams do not charge for an endpoint, so that its figures are not usage.
pub fn is_free(endpoint: &str) -> bool {
    counts_tokens(endpoint)
}

/// The part after `/v1/`.
const fn below(endpoint: &'static str) -> &'static str {
    endpoint.split_at("/v1/".len()).1
}

/// The endpoints that count the tokens of a request.
const MESSAGES_COUNT: &str = "/v1/messages/count_tokens";
const RESPONSES_COUNT: &str = "/v1/responses/input_tokens";
/// As the ledger has it, without the model.
const GEMINI_COUNT: &str = "/v1beta/models:countTokens";

/// Calls whose body names a model, as JSON or as a form.
const OPERATIONS: &[Operation] = &[
    Operation::new("/v1/chat/completions", ErrorStyle::OpenAi),
    Operation::new("/v1/completions", ErrorStyle::OpenAi),
    Operation::new("/v1/responses", ErrorStyle::OpenAi),
    Operation::new("/v1/responses/compact", ErrorStyle::OpenAi),
    Operation::new(RESPONSES_COUNT, ErrorStyle::OpenAi),
    Operation::new("/v1/messages", ErrorStyle::Anthropic),
    Operation::new(MESSAGES_COUNT, ErrorStyle::Anthropic),
    Operation::new("/v1/embeddings", ErrorStyle::OpenAi),
    Operation::new("/v1/moderations", ErrorStyle::OpenAi),
    Operation::new("/v1/rerank", ErrorStyle::OpenAi),
    Operation::new("/v1/images/generations", ErrorStyle::OpenAi),
    Operation::new("/v1/images/edits", ErrorStyle::OpenAi),
    Operation::new("/v1/images/variations", ErrorStyle::OpenAi),
    Operation::new("/v1/audio/speech", ErrorStyle::OpenAi),
    Operation::new("/v1/audio/transcriptions", ErrorStyle::OpenAi),
    Operation::new("/v1/audio/translations", ErrorStyle::OpenAi),
];

/// Gemini's verbs.
pub const GEMINI: [Operation; 3] = [
    gemini(
        "/v1beta/models:generateContent",
        "generateContent",
        Streaming::Never,
    ),
    gemini(
        "/v1beta/models:streamGenerateContent",
        "streamGenerateContent",
        Streaming::Always,
    ),
    gemini(GEMINI_COUNT, "countTokens", Streaming::Never),
];

const fn gemini(endpoint: &'static str, path: &'static str, streaming: Streaming) -> Operation {
    Operation {
        endpoint,
        path,
        errors: ErrorStyle::Gemini,
        streaming,
    }
}

/// Whether a path is a call that an upstream answers.
pub fn is_operation(path: &str) -> bool {
    OPERATIONS
        .iter()
        .any(|operation| operation.endpoint == path)
}

/// The operation of a path below `/v1/`.
pub fn below_v1(rest: &str) -> Option<Operation> {
    let found = OPERATIONS.iter().find(|operation| operation.path == rest);
    found.copied()
}
