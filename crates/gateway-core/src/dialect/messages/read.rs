//! Reads a Messages client's request. Owns the members of the request; what messages consist of is [`content`]'s, and the
//! tools are [`tools`]'. Members that are not named here are hints that a server may ignore, and are left out.

mod content;
mod tools;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Number;
use serde_json::value::RawValue;

use super::BorrowedText;
use crate::dialect::conversation::{Conversation, OutputFormat, Sampling, Text};
use crate::dialect::effort::{Effort, Reasoning};
use crate::dialect::envelope::EnvelopeKey;
use crate::dialect::untranslatable::Untranslatable;

/// How the first block of Claude Code's system prompt begins that names the client for billing. It may change with every
/// request, and would make other servers' prompt caches useless.
const BILLING_HEADER: &str = "x-anthropic-billing-header";

/// The members of a request. Each is raw, so that an invalid one can be named.
#[derive(Default, Deserialize)]
#[serde(default)]
struct MessagesRequest<'a> {
    #[serde(borrow)]
    system: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_choice: Option<&'a RawValue>,
    #[serde(borrow)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_sequences: Option<&'a RawValue>,
    #[serde(borrow)]
    temperature: Option<&'a RawValue>,
    #[serde(borrow)]
    top_p: Option<&'a RawValue>,
    #[serde(borrow)]
    top_k: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    output_config: Option<&'a RawValue>,
    #[serde(borrow)]
    output_format: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    mcp_servers: Option<&'a RawValue>,
    #[serde(borrow)]
    container: Option<&'a RawValue>,
    #[serde(borrow)]
    context_management: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ThinkingMember<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<BorrowedText<'a>>,
    budget_tokens: Option<u64>,
    #[serde(borrow)]
    display: Option<BorrowedText<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputConfigMember<'a> {
    #[serde(borrow)]
    effort: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct FormatMember<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    schema: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MetadataMember<'a> {
    #[serde(borrow)]
    user_id: Option<BorrowedText<'a>>,
}

#[derive(Deserialize)]
struct SystemBlock<'a> {
    #[serde(borrow, default)]
    text: Option<BorrowedText<'a>>,
    #[serde(borrow, default)]
    cache_control: Option<&'a RawValue>,
}

/// Reads a request.
pub fn read<'a>(
    body: &'a [u8],
    envelope: &EnvelopeKey,
) -> Result<Conversation<'a>, Untranslatable> {
    let request: MessagesRequest<'_> = serde_json::from_slice(body)
        .map_err(|_| Untranslatable::new("messages", "The body must be a JSON object."))?;
    refuse_remote_parts(&request)?;
    let mut conversation = Conversation {
        instructions: instructions(request.system)?,
        max_tokens: typed(request.max_tokens, "max_tokens", "a whole number")?,
        sampling: Sampling {
            temperature: number(request.temperature, "temperature")?,
            top_p: number(request.top_p, "top_p")?,
            top_k: number(request.top_k, "top_k")?,
            ..Sampling::default()
        },
        stream: typed(request.stream, "stream", "true or false")?.unwrap_or(false),
        ..Conversation::default()
    };
    let stop: Option<Vec<BorrowedText<'_>>> = typed(
        request.stop_sequences,
        "stop_sequences",
        "a list of strings",
    )?;
    conversation.stop = stop.into_iter().flatten().map(|text| text.0).collect();
    let metadata: MetadataMember<'_> =
        typed(request.metadata, "metadata", "an object")?.unwrap_or_default();
    conversation.user = metadata.user_id.map(|id| id.0);
    conversation.cache_key.clone_from(&conversation.user);
    output(&request, &mut conversation)?;
    if request.context_management.is_some() {
        let name = Cow::Borrowed("context_management");
        conversation.dropped.push(name);
    }
    // Declarations come first: they decide which names the history's calls have.
    tools::read(request.tools, request.tool_choice, &mut conversation)?;
    content::read(request.messages, envelope, &mut conversation)?;
    Ok(conversation)
}

/// What Anthropic's servers would have to fetch or to run.
fn refuse_remote_parts(request: &MessagesRequest<'_>) -> Result<(), Untranslatable> {
    let servers: Option<Vec<&RawValue>> = typed(request.mcp_servers, "mcp_servers", "a list")?;
    if servers.is_some_and(|servers| !servers.is_empty()) {
        return Err(Untranslatable::new(
            "mcp_servers",
            "`mcp_servers` needs a channel of Anthropic: no channel that is left for this model connects to MCP servers.",
        ));
    }
    if request.container.is_some() {
        return Err(Untranslatable::new(
            "container",
            "`container` needs a channel of Anthropic: no channel that is left for this model has containers.",
        ));
    }
    Ok(())
}

fn instructions(system: Option<&RawValue>) -> Result<Vec<Text<'_>>, Untranslatable> {
    let Some(raw) = system else {
        return Ok(Vec::new());
    };
    let mut texts = texts(raw, "system")?;
    if raw.get().starts_with('[') {
        let header = texts
            .iter()
            .position(|text| text.text.starts_with(BILLING_HEADER));
        if let Some(place) = header {
            texts.remove(place);
        }
    }
    Ok(texts)
}

/// The texts of a string or of a list of text blocks, without empty ones.
fn texts<'a>(raw: &'a RawValue, param: &str) -> Result<Vec<Text<'a>>, Untranslatable> {
    const EXPECTED: &str = "a string or a list of text blocks";
    let mut texts = if raw.get().starts_with('"') {
        let text: Option<BorrowedText<'_>> = typed(Some(raw), param, EXPECTED)?;
        vec![Text::plain(BorrowedText::or_empty(text))]
    } else {
        let blocks: Vec<SystemBlock<'_>> = typed(Some(raw), param, EXPECTED)?.unwrap_or_default();
        let text = |block: SystemBlock<'a>| Text {
            text: BorrowedText::or_empty(block.text),
            cache_control: block.cache_control,
        };
        blocks.into_iter().map(text).collect()
    };
    texts.retain(|text| !text.text.is_empty());
    Ok(texts)
}

/// Reasoning and the form of the answer.
fn output<'a>(
    request: &MessagesRequest<'a>,
    conversation: &mut Conversation<'a>,
) -> Result<(), Untranslatable> {
    let config: OutputConfigMember<'_> =
        typed(request.output_config, "output_config", "an object")?.unwrap_or_default();
    let effort = config.effort.and_then(|name| Effort::from_name(&name.0));
    let thinking: Option<ThinkingMember<'_>> = typed(request.thinking, "thinking", "an object")?;
    conversation.reasoning = reasoning(thinking, effort);
    conversation.format = match (config.format, request.output_format) {
        (Some(format), _) => Some(output_format(format, "output_config.format")?),
        (None, Some(format)) => Some(output_format(format, "output_format")?),
        (None, None) => None,
    };
    Ok(())
}

fn reasoning(thinking: Option<ThinkingMember<'_>>, effort: Option<Effort>) -> Option<Reasoning> {
    let Some(thinking) = thinking else {
        return effort.map(Reasoning::of_effort);
    };
    let is_shown = thinking.display.is_none_or(|it| it.0 != "omitted");
    let reasoning = match &*BorrowedText::or_empty(thinking.kind) {
        "disabled" => return Some(Reasoning::of_effort(Effort::None)),
        "enabled" => match thinking.budget_tokens {
            Some(tokens) => Reasoning::of_budget(tokens),
            None => Reasoning::of_effort(effort.unwrap_or(Effort::High)),
        },
        "adaptive" => Reasoning::of_effort(effort.unwrap_or(Effort::High)),
        _ => Reasoning::of_effort(effort?),
    };
    Some(Reasoning {
        effort: effort.unwrap_or(reasoning.effort),
        is_shown,
        ..reasoning
    })
}

fn output_format<'a>(
    raw: &'a RawValue,
    param: &'static str,
) -> Result<OutputFormat<'a>, Untranslatable> {
    let format: Option<FormatMember<'_>> = typed(Some(raw), param, "an object")?;
    let (kind, schema) = format.map_or((None, None), |format| (format.kind, format.schema));
    match (&*BorrowedText::or_empty(kind), schema) {
        ("json_schema", Some(schema)) => Ok(OutputFormat::Schema {
            name: None,
            schema: Cow::Borrowed(schema),
            strict: None,
        }),
        _ => Err(Untranslatable::new(
            param,
            format!("`{param}` must have the type `json_schema` and a `schema`."),
        )),
    }
}

fn number(raw: Option<&RawValue>, param: &str) -> Result<Option<Number>, Untranslatable> {
    typed(raw, param, "a number")
}

/// A member's value; `None` when it is absent or null. `expected` says in the client's error what it must be.
fn typed<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    param: &str,
    expected: &str,
) -> Result<Option<T>, Untranslatable> {
    let Some(raw) = raw else { return Ok(None) };
    crate::wire::json::from_str(raw.get()).map_err(|_| {
        let message = format!("`{param}` must be {expected}.");
        Untranslatable::new(param.to_owned(), message)
    })
}

#[cfg(test)]
pub(super) mod tests;
