//! Writes requests of Chat Completions for servers that are compatible with OpenAI. Owns the order of messages that they
//! demand: one leading system message, and the results of calls directly after their calls.

mod json;

use std::borrow::Cow;

use crate::dialect::conversation::{
    CallResult, Conversation, Item, OutputFormat, Part, Text, Tool, ToolChoice,
};
use crate::dialect::effort::Effort;
use crate::dialect::schema;
use crate::dialect::traits::{MaxTokensMember, ReasoningForm, UpstreamTraits};
use crate::dialect::turns::Turn;
use crate::dialect::untranslatable::Untranslatable;
use json::{
    WrittenAudio, WrittenBody, WrittenCall, WrittenCalledFunction, WrittenChatMessage,
    WrittenContent, WrittenEmpty, WrittenFile, WrittenFunction, WrittenFunctionTool, WrittenImage,
    WrittenName, WrittenPart, WrittenResponseFormat, WrittenSchema, WrittenStreamOptions,
    WrittenToolChoice,
};

/// What a tool's result says whose images follow in a message of the user.
const IMAGE_BELOW: &str = "[image attached below]";
/// Precedes the result of a call that failed.
const ERROR_PREFIX: &str = "Error: ";
/// OpenAI rejects longer names of users.
const MAX_USER_BYTES: usize = 64;
/// The name of schemas that have none.
const SCHEMA_NAME: &str = "structured_output";

/// Writes a request for Chat Completions.
pub fn write(
    conversation: &Conversation<'_>,
    turns: &[Turn<'_>],
    traits: &UpstreamTraits,
) -> Result<Vec<u8>, Untranslatable> {
    if conversation.stop.len() > traits.max_stop_sequences {
        return Err(Untranslatable::new(
            "stop",
            format!(
                "The upstream accepts at most {} stop sequences.",
                traits.max_stop_sequences
            ),
        ));
    }
    let mut body = WrittenBody {
        model: &traits.model,
        messages: messages(conversation, turns, traits)?,
        stop: &conversation.stop,
        stream: conversation.stream,
        ..WrittenBody::default()
    };
    set_tools(&mut body, conversation, traits)?;
    match traits.max_tokens_member {
        MaxTokensMember::MaxTokens => body.max_tokens = conversation.max_tokens,
        MaxTokensMember::MaxCompletionTokens => {
            body.max_completion_tokens = conversation.max_tokens;
        }
    }
    let sampling = &conversation.sampling;
    if traits.has_sampling {
        body.temperature = sampling.temperature.as_ref();
        body.top_p = sampling.top_p.as_ref();
        body.frequency_penalty = sampling.frequency_penalty.as_ref();
        body.presence_penalty = sampling.presence_penalty.as_ref();
    }
    body.top_k = sampling.top_k.as_ref().filter(|_| traits.has_top_k);
    body.seed = sampling.seed.as_ref().filter(|_| traits.has_seed);
    if traits.reasoning == ReasoningForm::Effort {
        let effort = conversation.reasoning.map(|reasoning| reasoning.effort);
        body.reasoning_effort = effort.map(|effort| effort_name(effort, traits));
    }
    body.response_format = conversation.format.as_ref().map(format_json);
    if traits.has_cache_key {
        body.prompt_cache_key = conversation.cache_key.as_deref();
    }
    if traits.has_openai_hints {
        body.verbosity = conversation.verbosity.as_deref();
        body.user = conversation.user.as_deref().map(user);
        body.service_tier = conversation.service_tier.as_deref();
    }
    if conversation.stream && traits.has_stream_options {
        body.stream_options = Some(WrittenStreamOptions {
            include_usage: true,
        });
    }
    serde_json::to_vec(&body)
        .map_err(|_| Untranslatable::new("messages", "The request cannot be written as JSON."))
}

fn effort_name(effort: Effort, traits: &UpstreamTraits) -> &'static str {
    // The maximum wins if a setting contradicts the minimum.
    effort.max(traits.min_effort).min(traits.max_effort).name()
}

/// Claude Code's users are long, since they have the session in them.
fn user(user: &str) -> Cow<'_, str> {
    if user.len() <= MAX_USER_BYTES {
        return Cow::Borrowed(user);
    }
    Cow::Owned(crate::dialect::ids::hashed(user, user, MAX_USER_BYTES))
}

fn set_tools<'a>(
    body: &mut WrittenBody<'a>,
    conversation: &'a Conversation<'_>,
    traits: &UpstreamTraits,
) -> Result<(), Untranslatable> {
    for tool in &conversation.tools {
        match tool {
            Tool::Hosted(_) => body.web_search_options = Some(WrittenEmpty {}),
            Tool::Function(function) => body.tools.push(WrittenFunctionTool {
                kind: "function",
                function: WrittenFunction {
                    name: &function.name,
                    description: function.description.as_deref(),
                    parameters: schema::of_parameters(function.parameters.as_deref())
                        .ok_or_else(|| schema::unreadable(&function.name))?,
                    strict: function
                        .strict
                        .filter(|strict| *strict && traits.has_strict_tools),
                },
            }),
        }
    }
    if body.tools.is_empty() {
        return Ok(());
    }
    if traits.has_parallel_calls {
        body.parallel_tool_calls = conversation.parallel_calls;
    }
    body.tool_choice = conversation
        .tool_choice
        .as_ref()
        .map(|choice| match choice {
            ToolChoice::Auto | ToolChoice::Hosted(_) => WrittenToolChoice::Mode("auto"),
            ToolChoice::Required => WrittenToolChoice::Mode("required"),
            ToolChoice::None => WrittenToolChoice::Mode("none"),
            ToolChoice::Function(name) => WrittenToolChoice::Function {
                kind: "function",
                function: WrittenName { name },
            },
        });
    Ok(())
}

fn format_json<'a>(format: &'a OutputFormat<'_>) -> WrittenResponseFormat<'a> {
    match format {
        OutputFormat::JsonObject => WrittenResponseFormat::JsonObject,
        OutputFormat::Schema {
            name,
            schema,
            strict,
        } => WrittenResponseFormat::JsonSchema {
            json_schema: WrittenSchema {
                name: name.as_deref().unwrap_or(SCHEMA_NAME),
                schema,
                strict: *strict,
            },
        },
    }
}

fn messages<'a>(
    conversation: &'a Conversation<'_>,
    turns: &'a [Turn<'_>],
    traits: &UpstreamTraits,
) -> Result<Vec<WrittenChatMessage<'a>>, Untranslatable> {
    let mut messages = Vec::with_capacity(turns.len() + 1);
    if let Some(system) = joined(&conversation.instructions) {
        let role = if traits.has_developer_role {
            "developer"
        } else {
            "system"
        };
        messages.push(WrittenChatMessage::new(
            role,
            Some(WrittenContent::Text(system)),
        ));
    }
    let mut reminders = Vec::new();
    for turn in turns {
        match turn {
            Turn::System(text) if traits.has_late_system => {
                let content = WrittenContent::Text(Cow::Borrowed(&text.text));
                messages.push(WrittenChatMessage::new("system", Some(content)));
            }
            Turn::System(text) => reminders.push(reminder(text)),
            Turn::User { results, parts } => {
                user_turn(&mut messages, results, parts, &mut reminders)?;
            }
            Turn::Assistant(items) => messages.push(assistant(items, traits)),
        }
    }
    if !reminders.is_empty() {
        let parts = WrittenContent::Parts(reminders);
        messages.push(WrittenChatMessage::new("user", Some(parts)));
    }
    if !traits.has_prefill && messages.last().is_some_and(|last| last.role == "assistant") {
        return Err(Untranslatable::new(
            "messages",
            "The upstream cannot continue an assistant's message; end with a message of the user.",
        ));
    }
    Ok(messages)
}

fn joined<'a>(texts: &'a [Text<'_>]) -> Option<Cow<'a, str>> {
    match texts {
        [] => None,
        [only] => Some(Cow::Borrowed(&only.text)),
        texts => {
            let texts: Vec<&str> = texts.iter().map(|text| &*text.text).collect();
            Some(Cow::Owned(texts.join("\n")))
        }
    }
}

/// Instructions for servers that take them at the beginning only.
fn reminder<'a>(text: &Text<'_>) -> WrittenPart<'a> {
    WrittenPart::Text {
        text: Cow::Owned(format!(
            "<system-reminder>\n{}\n</system-reminder>",
            text.text
        )),
    }
}

fn user_turn<'a>(
    messages: &mut Vec<WrittenChatMessage<'a>>,
    results: &'a [CallResult<'_>],
    parts: &'a [Part<'_>],
    reminders: &mut Vec<WrittenPart<'a>>,
) -> Result<(), Untranslatable> {
    let mut content = Vec::new();
    for result in results {
        let files = result
            .parts
            .iter()
            .filter(|it| !matches!(it, Part::Text(_)));
        for file in files {
            content.push(part(file)?);
        }
        let mut message =
            WrittenChatMessage::new("tool", Some(WrittenContent::Text(result_text(result))));
        message.tool_call_id = Some(&result.id);
        messages.push(message);
    }
    content.append(reminders);
    for it in parts {
        content.push(part(it)?);
    }
    let content = match content.pop() {
        None => return Ok(()),
        Some(WrittenPart::Text { text }) if content.is_empty() => WrittenContent::Text(text),
        Some(last) => {
            content.push(last);
            WrittenContent::Parts(content)
        }
    };
    messages.push(WrittenChatMessage::new("user", Some(content)));
    Ok(())
}

fn result_text<'a>(result: &'a CallResult<'_>) -> Cow<'a, str> {
    let mut text = result.text();
    if text.is_empty() && !result.is_text() {
        text = Cow::Borrowed(IMAGE_BELOW);
    }
    if result.is_error && !text.starts_with(ERROR_PREFIX) {
        return Cow::Owned(format!("{ERROR_PREFIX}{text}"));
    }
    text
}

fn part<'a>(part: &'a Part<'_>) -> Result<WrittenPart<'a>, Untranslatable> {
    Ok(match part {
        Part::Text(text) => WrittenPart::Text {
            text: Cow::Borrowed(&text.text),
        },
        Part::Image { source, detail } => WrittenPart::ImageUrl {
            image_url: WrittenImage {
                url: source.url(),
                detail: detail.as_deref(),
            },
        },
        Part::Document { source, name } => {
            let file_data = source.url();
            if !file_data.starts_with("data:") {
                return Err(Untranslatable::new(
                    "messages",
                    "Documents by URL cannot be translated to chat completions; send the document's bytes in base64.",
                ));
            }
            WrittenPart::File {
                file: WrittenFile {
                    filename: name.as_deref().unwrap_or("document.pdf"),
                    file_data,
                },
            }
        }
        Part::Audio { data, format } => WrittenPart::InputAudio {
            input_audio: WrittenAudio { data, format },
        },
    })
}

fn assistant<'a>(items: &'a [Item<'_>], traits: &UpstreamTraits) -> WrittenChatMessage<'a> {
    let mut message = WrittenChatMessage::new("assistant", None);
    let mut text: Option<Cow<'a, str>> = None;
    let mut reasoning = String::new();
    for item in items {
        match item {
            Item::AssistantText(more) | Item::Refusal(more) => match &mut text {
                None => text = Some(Cow::Borrowed(more)),
                Some(text) => text.to_mut().push_str(more),
            },
            Item::Reasoning(it) => reasoning.push_str(&it.text),
            Item::Call(call) => message.tool_calls.push(WrittenCall {
                id: &call.id,
                kind: "function",
                function: WrittenCalledFunction {
                    name: &call.name,
                    arguments: match &*call.arguments {
                        "" => "{}",
                        arguments => arguments,
                    },
                },
            }),
            Item::System(_) | Item::User(_) | Item::Result(_) => {}
        }
    }
    if text.is_none() && message.tool_calls.is_empty() {
        // A turn of reasoning alone.
        text = Some(Cow::Borrowed(""));
    }
    message.content = text.map(WrittenContent::Text);
    if !reasoning.is_empty() {
        match traits.reasoning_member {
            Some("reasoning") => message.reasoning = Some(reasoning),
            Some(_) => message.reasoning_content = Some(reasoning),
            None => {}
        }
    }
    message
}
