//! An estimate of a request's tokens, for `count_tokens` where the upstream has none. Owns what is counted: everything,
//! since a client that is shown too few tokens never compacts its conversation.
//!
//! It is an estimate. No tokenizer is used, since each model has its own and their tables are larger than the gateway:
//! text counts by its script, images count a flat figure, documents count by their size. It errs on the high side for
//! prose, and is within about a third for code and JSON.

use super::conversation::{
    CallResult, Conversation, Function, Item, OutputFormat, Part, ReasoningItem, Source, Tool,
};
use super::envelope::StateContent;

/// What every request has around its parts.
const REQUEST_TOKENS: u64 = 3;
/// What every item has around its text: its role and its marks.
const ITEM_TOKENS: u64 = 4;
/// What every tool has around its name, description and schema.
const TOOL_TOKENS: u64 = 12;
/// An image: the most that Anthropic counts for one, and about what others count for one of usual size.
pub const IMAGE_TOKENS: u64 = 1_600;
/// The least of a document: a page, which models get as text and as an image.
pub const DOCUMENT_TOKENS: u64 = 3_000;
/// Bytes of a document that is not text for one token.
const DOCUMENT_BYTES: u64 = 16;
/// The least of a recording.
const AUDIO_TOKENS: u64 = 32;
/// Bytes of a recording for one token: a second has about 16 KB and 32 tokens.
const AUDIO_BYTES: u64 = 500;
/// Bytes of encrypted reasoning for one token.
const STATE_BYTES: u64 = 8;
/// Bytes of ASCII for one token.
const ASCII_BYTES: u64 = 4;

/// The tokens of a request. It has all of its items still: turns have not been made of them.
pub fn input_tokens(conversation: &Conversation<'_>) -> u64 {
    let instructions = conversation.instructions.iter();
    let instructions = instructions.map(|text| ITEM_TOKENS + text_tokens(&text.text));
    let items = conversation.items.iter().map(item_tokens);
    let tools = conversation.tools.iter().map(tool_tokens);
    let format = match &conversation.format {
        Some(OutputFormat::Schema { schema, .. }) => ITEM_TOKENS + text_tokens(schema.get()),
        Some(OutputFormat::JsonObject) => ITEM_TOKENS,
        None => 0,
    };
    let parts = instructions.chain(items).chain(tools);
    parts.fold(REQUEST_TOKENS + format, u64::saturating_add)
}

/// The tokens of a text: one for four bytes of ASCII, for two letters of the alphabets beyond it (Cyrillic, Greek,
/// Arabic, accented Latin), for one sign of the scripts of East and South Asia; two for signs beyond these, such as
/// emoji. A text that is not empty has at least one.
pub fn text_tokens(text: &str) -> u64 {
    let quarters: u64 = text.chars().map(quarters).sum();
    quarters.div_ceil(ASCII_BYTES)
}

const fn quarters(character: char) -> u64 {
    match character.len_utf8() {
        1 => 1,
        2 => 2,
        3 => 4,
        _ => 8,
    }
}

fn item_tokens(item: &Item<'_>) -> u64 {
    let content = match item {
        Item::System(text) => text_tokens(&text.text),
        Item::AssistantText(text) | Item::Refusal(text) => text_tokens(text),
        Item::Reasoning(reasoning) => reasoning_tokens(reasoning),
        Item::Call(call) => text_tokens(&call.name) + text_tokens(&call.arguments),
        Item::User(parts) | Item::Result(CallResult { parts, .. }) => parts_tokens(parts),
    };
    ITEM_TOKENS.saturating_add(content)
}

fn reasoning_tokens(reasoning: &ReasoningItem<'_>) -> u64 {
    let state = reasoning.state.as_ref().map_or(0, |state| {
        let encrypted = |text: &str| bytes(text).div_ceil(STATE_BYTES);
        match &state.content {
            // The same text as the one that is shown, where any is.
            StateContent::Signed { thinking, .. } if reasoning.text.is_empty() => {
                text_tokens(thinking)
            }
            StateContent::Signed { .. } => 0,
            StateContent::Redacted { data } => encrypted(data),
            StateContent::Encrypted { content, .. } => encrypted(content),
        }
    });
    text_tokens(&reasoning.text) + state
}

fn parts_tokens(parts: &[Part<'_>]) -> u64 {
    parts.iter().map(part_tokens).fold(0, u64::saturating_add)
}

/// At least one token.
fn part_tokens(part: &Part<'_>) -> u64 {
    match part {
        Part::Text(text) => text_tokens(&text.text).max(1),
        Part::Image { .. } => IMAGE_TOKENS,
        Part::Document { source, name } => {
            document_tokens(source) + text_tokens(name.as_deref().unwrap_or_default())
        }
        Part::Audio { data, .. } => AUDIO_TOKENS + decoded_bytes(data) / AUDIO_BYTES,
    }
}

fn document_tokens(source: &Source<'_>) -> u64 {
    match source {
        Source::Base64 { media_type, data } if is_text(media_type) => {
            (decoded_bytes(data) / ASCII_BYTES).max(1)
        }
        Source::Base64 { data, .. } => DOCUMENT_TOKENS.max(decoded_bytes(data) / DOCUMENT_BYTES),
        // Its size is not known.
        Source::Url(_) => DOCUMENT_TOKENS,
    }
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type.ends_with("json") || media_type.ends_with("xml")
}

fn decoded_bytes(base64: &str) -> u64 {
    bytes(base64) / 4 * 3
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

fn tool_tokens(tool: &Tool<'_>) -> u64 {
    let content = match tool {
        Tool::Function(Function {
            name,
            description,
            parameters,
            ..
        }) => {
            let description = text_tokens(description.as_deref().unwrap_or_default());
            let parameters = text_tokens(parameters.as_deref().unwrap_or_default());
            text_tokens(name) + description + parameters
        }
        Tool::Hosted(hosted) => text_tokens(hosted.raw.get()),
    };
    TOOL_TOKENS.saturating_add(content)
}

#[cfg(test)]
mod tests;
