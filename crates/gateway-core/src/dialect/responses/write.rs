//! Requests for Responses' upstreams, from clients of other dialects. Owns the members of the request; the items of its
//! input are `items`' and its tools `tools`'. Always stateless: nothing is stored at the provider, and reasoning comes
//! back encrypted.

mod items;
mod tools;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::conversation::{Conversation, OutputFormat};
use super::super::effort::Effort;
use super::super::ids;
use super::super::traits::{ReasoningForm, UpstreamTraits};
use super::super::turns::Turn;
use super::super::untranslatable::Untranslatable;
use items::InputItem;
use tools::{ChoiceOut, ToolOut};

/// The smallest limit that the API accepts.
const MIN_OUTPUT_TOKENS: u64 = 16;
/// The longest name of a user or of a prompt in the cache.
const MAX_HINT_BYTES: usize = 64;
/// The name of a schema that has none.
const SCHEMA_NAME: &str = "structured_output";

#[derive(Serialize)]
struct ResponsesBody<'w> {
    model: &'w str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    input: Vec<InputItem<'w>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'w>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'w>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'w serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'w serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOut<'w>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'w, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<Cow<'w, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'w str>,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
    store: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    include: &'static [&'static str],
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[derive(Serialize)]
struct ReasoningOut {
    effort: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

#[derive(Serialize)]
struct TextOut<'w> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut<'w>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'w str>,
}

#[derive(Serialize)]
struct FormatOut<'w> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'w, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'w RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Writes the body of a request.
pub fn write(
    conversation: &Conversation<'_>,
    turns: &[Turn<'_>],
    traits: &UpstreamTraits,
) -> Result<Vec<u8>, Untranslatable> {
    if !conversation.stop.is_empty() {
        return Err(Untranslatable::new(
            "stop",
            "`stop` (`stop_sequences`) does not exist on this channel, and the answer would go on behind them. Leave it out.",
        ));
    }
    if !traits.has_prefill && matches!(turns.last(), Some(Turn::Assistant(_))) {
        return Err(Untranslatable::new(
            "messages",
            "The last message is the assistant's, which this channel's model does not continue. End with a message of the user.",
        ));
    }
    let mut input = items::of_turns(turns, traits)?;
    let mut instructions = instructions(conversation);
    if input.is_empty()
        && let Some(text) = instructions.take()
    {
        input.push(items::system(text.into(), traits));
    }
    let has_tools = !conversation.tools.is_empty();
    let sampling = Some(&conversation.sampling).filter(|_| traits.has_sampling);
    let reasons = traits.reasoning != ReasoningForm::Absent;
    let body = ResponsesBody {
        model: &traits.model,
        instructions,
        input,
        tools: conversation
            .tools
            .iter()
            .map(tools::tool)
            .collect::<Result<_, _>>()?,
        tool_choice: conversation
            .tool_choice
            .as_ref()
            .filter(|_| has_tools)
            .map(tools::choice),
        parallel_tool_calls: conversation.parallel_calls.filter(|_| has_tools),
        max_output_tokens: conversation
            .max_tokens
            .map(|tokens| tokens.max(MIN_OUTPUT_TOKENS)),
        temperature: sampling.and_then(|sampling| sampling.temperature.as_ref()),
        top_p: sampling.and_then(|sampling| sampling.top_p.as_ref()),
        reasoning: reasoning(conversation, traits).filter(|_| reasons),
        text: text(conversation, traits),
        user: hint(conversation.user.as_deref(), traits),
        prompt_cache_key: hint(conversation.cache_key.as_deref(), traits),
        service_tier: conversation
            .service_tier
            .as_deref()
            .filter(|_| traits.has_openai_hints),
        stream: conversation.stream,
        store: false,
        // Models that do not reason reject it.
        include: if reasons {
            &["reasoning.encrypted_content"]
        } else {
            &[]
        },
    };
    serde_json::to_vec(&body)
        .map_err(|_| Untranslatable::new("", "The request cannot be written as JSON."))
}

fn instructions(conversation: &Conversation<'_>) -> Option<String> {
    let mut texts = conversation.instructions.iter().map(|text| &*text.text);
    let mut all = texts.next()?.to_owned();
    for text in texts {
        all.push('\n');
        all.push_str(text);
    }
    (!all.is_empty()).then_some(all)
}

/// Without `summary` no text of the reasoning comes back.
fn reasoning(conversation: &Conversation<'_>, traits: &UpstreamTraits) -> Option<ReasoningOut> {
    let wanted = conversation.reasoning?;
    let is_shown = wanted.is_shown && wanted.effort != Effort::None;
    Some(ReasoningOut {
        effort: traits.effort(wanted.effort).name(),
        summary: is_shown.then_some("auto"),
    })
}

fn text<'w>(conversation: &'w Conversation<'_>, traits: &UpstreamTraits) -> Option<TextOut<'w>> {
    let format = conversation.format.as_ref().map(|format| match format {
        OutputFormat::JsonObject => FormatOut {
            kind: "json_object",
            name: None,
            schema: None,
            strict: None,
        },
        OutputFormat::Schema {
            name,
            schema,
            strict,
        } => FormatOut {
            kind: "json_schema",
            name: Some(match name.as_deref() {
                None | Some("") => Cow::Borrowed(SCHEMA_NAME),
                Some(name) => ids::fit(name, MAX_HINT_BYTES),
            }),
            schema: Some(schema),
            strict: *strict,
        },
    });
    let verbosity = conversation.verbosity.as_deref();
    let verbosity = verbosity.filter(|_| traits.has_openai_hints);
    let is_given = format.is_some() || verbosity.is_some();
    is_given.then_some(TextOut { format, verbosity })
}

/// A name that is only a hint; a long one is shortened by a hash.
fn hint<'w>(name: Option<&'w str>, traits: &UpstreamTraits) -> Option<Cow<'w, str>> {
    let name = name.filter(|_| traits.has_openai_hints)?;
    if name.len() <= MAX_HINT_BYTES {
        return Some(Cow::Borrowed(name));
    }
    Some(Cow::Owned(ids::hashed(name, name, MAX_HINT_BYTES)))
}

#[cfg(test)]
mod tests;
