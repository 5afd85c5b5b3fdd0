//! The kinds of providers. Owns their list and what one kind must answer: its paths, credential, headers, model list and
//! test call. Adding a kind takes a file beside this one that implements [`Kind`], its registration in [`Provider`], and a
//! preset in the panel.
//!
//! Nothing here sends a request or knows a channel; [`endpoint`](super::endpoint) joins a kind with a base URL.

mod anthropic;
mod azure;
mod openai;

use std::fmt;
use std::rc::Rc;

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use serde::{Deserialize, Serialize};

pub use anthropic::VERSION as ANTHROPIC_VERSION;
pub use azure::Azure;

use crate::wire::dialect::Dialect;

/// The kind of an upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Anything with OpenAI's paths and a bearer key.
    #[default]
    OpenAi,
    /// Azure OpenAI: `api-key` header, deployments.
    Azure,
    /// Anthropic's own API: `x-api-key` header, `/v1/messages`.
    Anthropic,
}

impl Provider {
    /// Every kind, with its name in the configuration.
    pub const ALL: [(&'static str, Self); 3] = [
        ("openai", Self::OpenAi),
        ("azure", Self::Azure),
        ("anthropic", Self::Anthropic),
    ];

    /// What the kind answers for a channel with these settings.
    pub fn kind(self, azure: Option<&Azure>) -> Rc<dyn Kind> {
        match self {
            Self::OpenAi => Rc::new(openai::OpenAi),
            Self::Azure => Rc::new(azure::AzureOpenAi::new(azure.cloned().unwrap_or_default())),
            Self::Anthropic => Rc::new(anthropic::Anthropic),
        }
    }

    /// The kind of this name in the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, provider)| *provider)
    }
}

/// What one kind of provider requires. The defaults are OpenAI's, which most others follow.
pub trait Kind: fmt::Debug {
    /// The part of a base URL's path that operations are appended to; users paste more than that.
    fn root<'p>(&self, path: &'p str) -> &'p str {
        path
    }

    /// Path and query of `operation` (a path below `/v1/`, such as `chat/completions`) below the root.
    fn path(&self, operation: &str, upstream_model: &str) -> String {
        let _ = upstream_model;
        format!("/{operation}")
    }

    /// The header that carries `key`.
    fn credential(&self, key: &str) -> (HeaderName, String) {
        (AUTHORIZATION, format!("Bearer {key}"))
    }

    /// The header that requests must have and clients may leave out.
    fn default_header(&self) -> Option<(HeaderName, HeaderValue)> {
        None
    }

    /// The name that the upstream knows `model` by, after the channel's own map was applied.
    fn upstream_model<'m>(&'m self, model: &'m str) -> &'m str {
        model
    }

    /// Whether requests may leave out the model.
    fn is_model_optional(&self) -> bool {
        true
    }

    /// Whether a channel that names no models serves every model, also beside mapped ones.
    fn serves_unlisted_models(&self) -> bool {
        true
    }

    /// Whether the query string of its URLs is its own, so that nothing of the client's may be added.
    fn owns_query(&self) -> bool {
        false
    }

    /// The dialects that it may speak, as far as nothing is configured; the first is what nearly every server of the kind
    /// has.
    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::Chat, Dialect::Responses, Dialect::Messages]
    }

    /// Whether streams take `stream_options.include_usage`.
    fn has_stream_options(&self) -> bool {
        true
    }

    /// The operation that lists the models, or why there is none, as a sentence for the admin.
    fn model_list(&self) -> Result<&'static str, &'static str> {
        Ok("models")
    }

    /// The smallest request that shows whether a channel works.
    fn test_call(&self, model: TestModel) -> TestCall {
        match model {
            TestModel::Chat => TestCall::CHAT,
            TestModel::Embedding => TestCall::EMBEDDING,
        }
    }
}

/// What a model is for, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestModel {
    /// It answers messages.
    Chat,
    /// It gives embeddings.
    Embedding,
}

/// How a channel is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestCall {
    /// The operation, a path below `/v1/`.
    pub operation: &'static str,
    /// The list that every answer has.
    pub answer_member: &'static str,
    /// Whether that list may be empty.
    pub may_be_empty: bool,
    /// Whether the request has messages, and its answer can be streamed; otherwise it has an `input`.
    pub is_chat: bool,
}

impl TestCall {
    /// OpenAI's chat completions.
    pub const CHAT: Self = Self {
        operation: "chat/completions",
        answer_member: "choices",
        may_be_empty: false,
        is_chat: true,
    };
    /// OpenAI's responses.
    pub const RESPONSES: Self = Self {
        operation: "responses",
        answer_member: "output",
        may_be_empty: true,
        is_chat: false,
    };
    /// Anthropic's messages.
    pub const MESSAGES: Self = Self {
        operation: "messages",
        answer_member: "content",
        may_be_empty: true,
        is_chat: true,
    };
    /// OpenAI's embeddings.
    pub const EMBEDDING: Self = Self {
        operation: "embeddings",
        answer_member: "data",
        may_be_empty: false,
        is_chat: false,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_configuration_are_those_of_the_list() {
        for (name, provider) in Provider::ALL {
            assert_eq!(serde_json::to_value(provider).unwrap(), name);
            assert_eq!(Provider::from_name(name), Some(provider));
        }
        assert_eq!(Provider::from_name("OpenAI"), None);
    }
}
