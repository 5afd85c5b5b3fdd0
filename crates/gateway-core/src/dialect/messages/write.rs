//! Writes the request of a Messages channel. Owns the members of the request; turns are [`content`]'s, tools [`tools`]',
//! schemas [`schema`]'s, and whether the model thinks is [`thinking`]'s.

mod content;
mod files;
mod schema;
mod thinking;
mod tools;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Number;
use serde_json::value::RawValue;

use crate::dialect::conversation::{Conversation, OutputFormat, Sampling, Text};
use crate::dialect::ids;
use crate::dialect::traits::UpstreamTraits;
use crate::dialect::turns::Turn;
use crate::dialect::untranslatable::Untranslatable;
use content::{WrittenMessage, is_blank};
use thinking::{Thinking, ThinkingDecision};
use tools::{WrittenChoice, WrittenTool};

/// Asks for JSON where Messages has no member for it.
const JSON_INSTRUCTION: &str = "Answer with one JSON object only.";
/// The longest `metadata.user_id`, in characters.
const MAX_USER_CHARS: usize = 256;
/// The length of a user that was too long and became a hash.
const HASHED_USER_BYTES: usize = 64;

#[derive(Serialize)]
struct MessagesBody<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<WrittenSystem<'a>>,
    messages: Vec<WrittenMessage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WrittenTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WrittenChoice<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<WrittenOutputConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<WrittenMetadata<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WrittenSystem<'a> {
    Joined(String),
    Blocks(Vec<SystemText<'a>>),
}

#[derive(Serialize)]
struct SystemText<'a> {
    r#type: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct WrittenOutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<WrittenFormat>,
}

#[derive(Serialize)]
struct WrittenFormat {
    r#type: &'static str,
    schema: Box<RawValue>,
}

#[derive(Serialize)]
struct WrittenMetadata<'a> {
    user_id: Cow<'a, str>,
}

/// Writes a request.
pub fn write(
    conversation: &Conversation<'_>,
    turns: &[Turn<'_>],
    traits: &UpstreamTraits,
) -> Result<Vec<u8>, Untranslatable> {
    let messages = content::messages(turns, traits)?;
    let decision = ThinkingDecision::of(conversation, turns, traits);
    let format = match &conversation.format {
        Some(OutputFormat::Schema { schema, .. }) => Some(WrittenFormat {
            r#type: "json_schema",
            schema: schema::for_output(schema)?,
        }),
        Some(OutputFormat::JsonObject) | None => None,
    };
    let effort = decision.effort;
    let has_config = effort.is_some() || format.is_some();
    let sampling = drawing(&conversation.sampling, &decision, traits);
    let body = MessagesBody {
        model: &traits.model,
        max_tokens: decision.max_tokens,
        system: system(conversation),
        messages,
        tools: tools::declarations(conversation),
        tool_choice: tools::choice(conversation),
        stop_sequences: stop_sequences(conversation),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        thinking: decision.thinking,
        output_config: has_config.then_some(WrittenOutputConfig { effort, format }),
        metadata: conversation.user.as_deref().and_then(metadata),
        stream: conversation.stream,
    };
    serde_json::to_vec(&body)
        .map_err(|_| Untranslatable::new("messages", "The request cannot be written as JSON."))
}

fn system<'a>(conversation: &'a Conversation<'_>) -> Option<WrittenSystem<'a>> {
    let json = match conversation.format {
        Some(OutputFormat::JsonObject) => Some(JSON_INSTRUCTION),
        _ => None,
    };
    let texts: Vec<&Text<'_>> = conversation
        .instructions
        .iter()
        .filter(|text| !is_blank(&text.text))
        .collect();
    if texts.is_empty() && json.is_none() {
        return None;
    }
    if texts.iter().all(|text| text.cache_control.is_none()) {
        let lines: Vec<&str> = texts.iter().map(|text| &*text.text).chain(json).collect();
        return Some(WrittenSystem::Joined(lines.join("\n")));
    }
    let block = |text: &'a str, cache_control| SystemText {
        r#type: "text",
        text,
        cache_control,
    };
    let blocks = texts
        .into_iter()
        .map(|text| block(&text.text, text.cache_control));
    let json = json.map(|line| block(line, None));
    Some(WrittenSystem::Blocks(blocks.chain(json).collect()))
}

/// How tokens are drawn, as far as the model takes it.
#[derive(Default)]
struct Drawing<'a> {
    temperature: Option<Number>,
    top_p: Option<&'a Number>,
    top_k: Option<&'a Number>,
}

/// Anthropic's temperatures end at 1. Models that think accept none of these members, and newer ones refuse temperature
/// and `top_p` together.
fn drawing<'a>(
    sampling: &'a Sampling,
    decision: &ThinkingDecision,
    traits: &UpstreamTraits,
) -> Drawing<'a> {
    if !traits.has_sampling || decision.thinks() {
        return Drawing::default();
    }
    let temperature = sampling.temperature.as_ref().map(|number| {
        let is_above = number.as_f64().is_some_and(|value| value > 1.0);
        if is_above {
            Number::from(1)
        } else {
            number.clone()
        }
    });
    Drawing {
        top_p: sampling.top_p.as_ref().filter(|_| temperature.is_none()),
        top_k: sampling.top_k.as_ref(),
        temperature,
    }
}

fn stop_sequences<'a>(conversation: &'a Conversation<'_>) -> Vec<&'a str> {
    let stop = conversation.stop.iter().map(|text| &**text);
    stop.filter(|text| !is_blank(text)).collect()
}

fn metadata(user: &str) -> Option<WrittenMetadata<'_>> {
    if user.is_empty() {
        return None;
    }
    let user_id = if user.chars().count() > MAX_USER_CHARS {
        ids::hashed(user, user, HASHED_USER_BYTES).into()
    } else {
        user.into()
    };
    Some(WrittenMetadata { user_id })
}

#[cfg(test)]
mod tests;
