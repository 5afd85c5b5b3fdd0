//! The shape of answers as Gemini's clients parse them. Data only.

use std::num::NonZeroU64;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::wire::usage::Usage;

/// A whole answer, or one chunk of a stream.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GeminiResponse<'a> {
    candidates: [CandidateOut<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<UsageMetadata>,
    model_version: &'a str,
    response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CandidateOut<'a> {
    content: ContentOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    grounding_metadata: Option<GroundingMetadata<'a>>,
}

#[derive(Serialize)]
struct ContentOut<'a> {
    parts: PartsOut<'a>,
    role: &'static str,
}

/// The parts of an answer.
#[derive(Serialize)]
#[serde(untagged)]
pub enum PartsOut<'a> {
    /// A single one.
    One([&'a GeminiPartOut<'a>; 1]),
    /// A list, written already.
    Written(&'a RawValue),
}

/// One part.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GeminiPartOut<'a> {
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// Whether the text is reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought: Option<bool>,
    /// A call of a function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCallOut<'a>>,
    /// What the upstream needs to continue its reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<&'a str>,
}

/// A call of a function.
#[derive(Serialize)]
pub struct FunctionCallOut<'a> {
    /// Its id.
    pub id: &'a str,
    /// The function's name.
    pub name: &'a str,
    /// An object.
    pub args: &'a RawValue,
}

impl<'a> GeminiPartOut<'a> {
    /// Text of the answer.
    pub fn text(text: &'a str, thought_signature: Option<&'a str>) -> Self {
        Self {
            text: Some(text),
            thought_signature,
            ..Self::default()
        }
    }

    /// Reasoning.
    pub fn thought(text: &'a str, thought_signature: Option<&'a str>) -> Self {
        Self {
            thought: Some(true),
            ..Self::text(text, thought_signature)
        }
    }

    /// An empty text, which may carry a signature: the last part of streams.
    pub fn empty(thought_signature: Option<&'a str>) -> Self {
        Self::text("", thought_signature)
    }
}

/// Tokens. Thoughts are counted beside the candidates here, and among them elsewhere.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are the API's")]
struct UsageMetadata {
    prompt_token_count: u64,
    candidates_token_count: u64,
    total_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<NonZeroU64>,
}

/// What the answer's sources are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroundingMetadata<'a> {
    /// What was searched for.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub web_search_queries: &'a [String],
    /// What was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grounding_chunks: Vec<GroundingChunk<'a>>,
}

/// One source.
#[derive(Serialize)]
pub struct GroundingChunk<'a> {
    /// The page.
    pub web: GroundingPage<'a>,
}

/// A page of the web.
#[derive(Serialize)]
pub struct GroundingPage<'a> {
    /// Its address.
    pub uri: &'a str,
    /// Its title.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub title: &'a str,
}

/// How an answer ends.
pub struct AnswerEnd<'a> {
    /// Google's word for the reason.
    pub finish_reason: &'static str,
    /// Tokens, as far as they are known.
    pub usage: Option<Usage>,
    /// The answer's sources, if it has any.
    pub grounding: Option<GroundingMetadata<'a>>,
}

/// The answer to `countTokens`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GeminiCount {
    /// Tokens of the request.
    pub total_tokens: u64,
}

impl<'a> GeminiResponse<'a> {
    /// A chunk, or with its end the whole answer.
    pub fn new(
        parts: PartsOut<'a>,
        end: Option<AnswerEnd<'a>>,
        response_id: &'a str,
        model_version: &'a str,
    ) -> Self {
        let (finish_reason, usage, grounding_metadata) = match end {
            None => (None, None, None),
            Some(end) => (Some(end.finish_reason), end.usage, end.grounding),
        };
        let content = ContentOut {
            parts,
            role: "model",
        };
        Self {
            candidates: [CandidateOut {
                content,
                finish_reason,
                index: 0,
                grounding_metadata,
            }],
            usage_metadata: usage.map(usage_metadata),
            model_version,
            response_id,
        }
    }
}

fn usage_metadata(usage: Usage) -> UsageMetadata {
    let thoughts = usage.reasoning_tokens.min(usage.completion_tokens);
    UsageMetadata {
        prompt_token_count: usage.prompt_tokens,
        candidates_token_count: usage.completion_tokens - thoughts,
        total_token_count: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        cached_content_token_count: NonZeroU64::new(usage.cached_tokens),
        thoughts_token_count: NonZeroU64::new(thoughts),
    }
}
