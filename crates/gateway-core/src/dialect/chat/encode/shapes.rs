//! The JSON shapes of Chat Completions' answers that chunks and whole answers share. Data only.

use std::borrow::Cow;

use serde::Serialize;

use crate::dialect::answer_event::Citation;
use crate::wire::usage::Usage;

/// The delta of a chunk.
#[derive(Default, Serialize)]
pub struct ChatDeltaOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub tool_calls: &'a [ChatCallOut<'a>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub annotations: &'a [ChatAnnotationOut<'a>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub reasoning_details: &'a [ChatReasoningState<'a>],
}

/// A call, or a piece of one.
#[derive(Serialize)]
pub struct ChatCallOut<'a> {
    /// Its place; whole answers do not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<CalledFunctionOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<CalledCustomOut<'a>>,
}

impl<'a> ChatCallOut<'a> {
    /// A piece of a function's arguments.
    pub const fn arguments(index: usize, json: &'a str) -> Self {
        Self {
            index: Some(index),
            id: None,
            kind: None,
            function: Some(CalledFunctionOut {
                name: None,
                arguments: Cow::Borrowed(json),
            }),
            custom: None,
        }
    }

    /// The input of a custom tool.
    pub const fn input(index: usize, text: &'a str) -> Self {
        Self {
            index: Some(index),
            id: None,
            kind: None,
            function: None,
            custom: Some(CalledCustomOut {
                name: None,
                input: Cow::Borrowed(text),
            }),
        }
    }
}

/// A function and its arguments.
#[derive(Serialize)]
pub struct CalledFunctionOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    pub arguments: Cow<'a, str>,
}

/// A custom tool and its input.
#[derive(Serialize)]
pub struct CalledCustomOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    pub input: Cow<'a, str>,
}

/// A state of reasoning, sealed, in the form in which clients keep encrypted reasoning and send it back.
#[derive(Serialize)]
pub struct ChatReasoningState<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    data: Cow<'a, str>,
    format: &'static str,
    index: usize,
}

impl<'a> ChatReasoningState<'a> {
    /// The state in an envelope, and its place among those of the answer.
    pub fn new(sealed: impl Into<Cow<'a, str>>, index: usize) -> Self {
        Self {
            kind: "reasoning.encrypted",
            data: sealed.into(),
            format: "unknown",
            index,
        }
    }
}

/// A source of a text.
#[derive(Serialize)]
pub struct ChatAnnotationOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url_citation: ChatCitedUrl<'a>,
}

#[derive(Serialize)]
struct ChatCitedUrl<'a> {
    start_index: usize,
    end_index: usize,
    url: &'a str,
    title: &'a str,
}

impl<'a> ChatAnnotationOut<'a> {
    /// A citation by a part of the content, in characters.
    pub fn new(citation: &'a Citation<'_>, (start_index, end_index): (usize, usize)) -> Self {
        Self {
            kind: "url_citation",
            url_citation: ChatCitedUrl {
                start_index,
                end_index,
                url: &citation.url,
                title: &citation.title,
            },
        }
    }
}

/// Tokens.
#[derive(Serialize)]
pub struct ChatUsageOut {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: ChatPromptTokens,
    completion_tokens_details: ChatCompletionTokens,
}

#[derive(Serialize)]
struct ChatPromptTokens {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
}

#[derive(Serialize)]
struct ChatCompletionTokens {
    reasoning_tokens: u64,
}

impl ChatUsageOut {
    /// The same in Chat's members.
    pub fn of(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
            prompt_tokens_details: ChatPromptTokens {
                cached_tokens: usage.cached_tokens,
                cache_write_tokens: Some(usage.cache_write_tokens).filter(|tokens| *tokens > 0),
            },
            completion_tokens_details: ChatCompletionTokens {
                reasoning_tokens: usage.reasoning_tokens,
            },
        }
    }
}
