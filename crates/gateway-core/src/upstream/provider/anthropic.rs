//! Anthropic's own API: the Messages API with `x-api-key` and `anthropic-version`.

use http::HeaderValue;
use http::header::HeaderName;

use super::{Kind, TestCall, TestModel};
use crate::wire::dialect::Dialect;

/// The version of the API for clients that name none; the only one since 2023.
pub const VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("anthropic-version"),
    HeaderValue::from_static("2023-06-01"),
);

/// Anthropic's API.
#[derive(Debug)]
pub struct Anthropic;

impl Kind for Anthropic {
    fn credential(&self, key: &str) -> (HeaderName, String) {
        (HeaderName::from_static("x-api-key"), key.to_owned())
    }

    fn default_header(&self) -> Option<(HeaderName, HeaderValue)> {
        Some(VERSION)
    }

    /// Its compatible chat completions are for trials only and lose most of what its models can do.
    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::Messages]
    }

    fn has_stream_options(&self) -> bool {
        false
    }

    /// It lists twenty models by default, and at most this many.
    fn model_list(&self) -> Result<&'static str, &'static str> {
        Ok("models?limit=1000")
    }

    /// It has no embeddings.
    fn test_call(&self, _model: TestModel) -> TestCall {
        TestCall::MESSAGES
    }
}
