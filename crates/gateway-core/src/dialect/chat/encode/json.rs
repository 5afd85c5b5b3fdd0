//! The JSON of answers of Chat Completions.

use std::borrow::Cow;

use serde::Serialize;

use crate::wire::usage::Usage;

#[derive(Serialize)]
pub(super) struct SentChunk<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'a str,
    pub(super) choices: &'a [SentChoice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<SentUsage>,
}

#[derive(Serialize)]
pub(super) struct SentChoice<'a> {
    pub(super) index: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<SentDelta<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<SentMessage<'a>>,
    pub(super) finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
pub(super) struct SentDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_details: Option<[SentDetails; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<[SentAnnotation<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_calls: Option<[SentCall<'a>; 1]>,
}

#[derive(Serialize)]
pub(super) struct SentMessage<'a> {
    pub(super) role: &'static str,
    pub(super) content: Option<Cow<'a, str>>,
    pub(super) refusal: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) reasoning_details: Vec<SentDetails>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) annotations: Vec<SentAnnotation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<SentCall<'a>>,
}

/// Reasoning state in OpenRouter's form, which its clients send back.
#[derive(Serialize)]
pub(super) struct SentDetails {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) data: String,
    pub(super) format: &'static str,
    pub(super) index: usize,
}

#[derive(Serialize)]
pub(super) struct SentAnnotation<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) url_citation: SentCitation<'a>,
}

#[derive(Serialize)]
pub(super) struct SentCitation<'a> {
    pub(super) url: &'a str,
    pub(super) title: &'a str,
}

#[derive(Serialize)]
pub(super) struct SentCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function: Option<SentFunction<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) custom: Option<SentCustom<'a>>,
}

#[derive(Serialize)]
pub(super) struct SentCustom<'a> {
    pub(super) name: &'a str,
    pub(super) input: Cow<'a, str>,
}

#[derive(Serialize)]
pub(super) struct SentFunction<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) arguments: &'a str,
}

#[derive(Serialize)]
pub(super) struct SentUsage {
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    pub(super) total_tokens: u64,
    pub(super) prompt_tokens_details: SentPromptDetails,
    pub(super) completion_tokens_details: SentCompletionDetails,
}

#[derive(Serialize)]
pub(super) struct SentPromptDetails {
    pub(super) cached_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) cache_write_tokens: u64,
}

#[derive(Serialize)]
pub(super) struct SentCompletionDetails {
    pub(super) reasoning_tokens: u64,
}

#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")
)]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<Usage> for SentUsage {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
            prompt_tokens_details: SentPromptDetails {
                cached_tokens: usage.cached_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            completion_tokens_details: SentCompletionDetails {
                reasoning_tokens: usage.reasoning_tokens,
            },
        }
    }
}

#[derive(Serialize)]
pub(super) struct SentError<'a> {
    pub(super) error: SentErrorBody<'a>,
}

#[derive(Serialize)]
pub(super) struct SentErrorBody<'a> {
    pub(super) message: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) param: Option<&'a str>,
    pub(super) code: &'a str,
}
