//! A conversation as the request body of a Chat Completions upstream. Owns the members besides messages and tools, and
//! which of them an upstream gets by its traits.

mod messages;
mod parts;
mod tools;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Number;
use serde_json::value::RawValue;

use self::messages::ChatMessageIn;
use self::tools::{ChatChoiceIn, ChatSearchIn, ChatToolIn};
use crate::dialect::conversation::{Conversation, OutputFormat};
use crate::dialect::ids;
use crate::dialect::traits::{MaxTokensMember, ReasoningForm, UpstreamTraits};
use crate::dialect::turns::Turn;
use crate::dialect::untranslatable::Untranslatable;

/// The name of a schema that has none; it is required here.
const SCHEMA_NAME: &str = "structured_output";
/// The longest name of a user that OpenAI accepts.
const MAX_USER_BYTES: usize = 64;

#[derive(Serialize)]
struct ChatBody<'a> {
    model: &'a str,
    messages: Vec<ChatMessageIn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ChatToolIn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChatChoiceIn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_search_options: Option<ChatSearchIn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [Cow<'a, str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ChatFormatIn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<ChatStreamOptions>,
}

#[derive(Serialize)]
struct ChatStreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct ChatFormatIn<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<ChatSchemaIn<'a>>,
}

#[derive(Serialize)]
struct ChatSchemaIn<'a> {
    name: &'a str,
    schema: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Writes the request body.
pub fn write(
    conversation: &Conversation<'_>,
    turns: &[Turn<'_>],
    traits: &UpstreamTraits,
) -> Result<Vec<u8>, Untranslatable> {
    check_stop(conversation, traits)?;
    let tools = tools::functions(&conversation.tools, traits.has_strict_tools)?;
    let has_tools = !tools.is_empty();
    let max_tokens = |member| {
        conversation
            .max_tokens
            .filter(|_| traits.max_tokens_member == member)
    };
    let sampling = Some(&conversation.sampling).filter(|_| traits.has_sampling);
    let hints = Some(conversation).filter(|_| traits.has_openai_hints);
    let has_options = conversation.stream && traits.has_stream_options;
    let body = ChatBody {
        model: &traits.model,
        messages: messages::of_turns(conversation, turns, traits)?,
        tools,
        tool_choice: conversation
            .tool_choice
            .as_ref()
            .filter(|_| has_tools)
            .and_then(ChatChoiceIn::of),
        parallel_tool_calls: conversation
            .parallel_calls
            .filter(|_| has_tools && traits.has_parallel_calls),
        web_search_options: tools::search(&conversation.tools),
        max_tokens: max_tokens(MaxTokensMember::MaxTokens),
        max_completion_tokens: max_tokens(MaxTokensMember::MaxCompletionTokens),
        stop: &conversation.stop,
        temperature: sampling.and_then(|sampling| sampling.temperature.as_ref()),
        top_p: sampling.and_then(|sampling| sampling.top_p.as_ref()),
        top_k: sampling
            .filter(|_| traits.has_top_k)
            .and_then(|sampling| sampling.top_k.as_ref()),
        seed: conversation
            .sampling
            .seed
            .as_ref()
            .filter(|_| traits.has_seed),
        frequency_penalty: sampling.and_then(|sampling| sampling.frequency_penalty.as_ref()),
        presence_penalty: sampling.and_then(|sampling| sampling.presence_penalty.as_ref()),
        reasoning_effort: reasoning_effort(conversation, traits),
        response_format: conversation.format.as_ref().map(format),
        verbosity: hints.and_then(|hints| hints.verbosity.as_deref()),
        user: hints.and_then(|hints| hints.user.as_deref()).map(fitted),
        prompt_cache_key: Some(conversation)
            .filter(|_| traits.has_cache_key)
            .and_then(|hints| hints.cache_key.as_deref().or(hints.user.as_deref()))
            .map(fitted),
        service_tier: hints.and_then(|hints| hints.service_tier.as_deref()),
        stream: conversation.stream,
        stream_options: has_options.then_some(ChatStreamOptions {
            include_usage: true,
        }),
    };
    serde_json::to_vec(&body)
        .map_err(|_| Untranslatable::new("messages", "The request cannot be written."))
}

/// Leaving one out would make the answer longer than the client can use.
fn check_stop(
    conversation: &Conversation<'_>,
    traits: &UpstreamTraits,
) -> Result<(), Untranslatable> {
    let max = traits.max_stop_sequences;
    if conversation.stop.len() <= max {
        return Ok(());
    }
    Err(Untranslatable::new(
        "stop",
        format!(
            "`stop` (`stop_sequences`) has more than the {max} entries that the channel of this model accepts."
        ),
    ))
}

fn reasoning_effort(
    conversation: &Conversation<'_>,
    traits: &UpstreamTraits,
) -> Option<&'static str> {
    let reasoning = conversation.reasoning?;
    let is_known = traits.reasoning == ReasoningForm::Effort;
    is_known.then(|| traits.effort(reasoning.effort).name())
}

fn format<'a>(format: &'a OutputFormat<'_>) -> ChatFormatIn<'a> {
    match format {
        OutputFormat::JsonObject => ChatFormatIn {
            kind: "json_object",
            json_schema: None,
        },
        OutputFormat::Schema {
            name,
            schema,
            strict,
        } => ChatFormatIn {
            kind: "json_schema",
            json_schema: Some(ChatSchemaIn {
                name: name.as_deref().unwrap_or(SCHEMA_NAME),
                schema,
                strict: *strict,
            }),
        },
    }
}

/// A name of a user or a cache. A long one, such as Claude Code's, becomes a hash.
fn fitted(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_USER_BYTES {
        return Cow::Borrowed(name);
    }
    Cow::Owned(ids::hashed(name, name, MAX_USER_BYTES))
}

#[cfg(test)]
mod tests;
