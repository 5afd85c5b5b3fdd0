//! Writes turns as messages. Owns Anthropic's rules for them: roles alternate, the user begins, results come first,
//! texts are never blank, inputs of calls are objects.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::files::{self, FileSource};
use crate::dialect::conversation::{Call, CallResult, Item, Part, ReasoningItem, Source};
use crate::dialect::envelope::StateContent;
use crate::dialect::traits::UpstreamTraits;
use crate::dialect::turns::Turn;
use crate::dialect::untranslatable::Untranslatable;

/// What the user says where the client sends no message of the user first: Anthropic demands one.
const OPENING: &str = "Please continue.";
/// What an error says that says nothing: Anthropic refuses empty ones.
const EMPTY_ERROR: &str = "Error";

#[derive(Serialize)]
pub(super) struct WrittenMessage<'a> {
    role: &'static str,
    content: Vec<WrittenBlock<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WrittenBlock<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a RawValue>,
    },
    Image {
        source: FileSource<'a>,
    },
    Document {
        source: FileSource<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: &'a RawValue,
    },
    ToolResult {
        tool_use_id: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Self>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
}

impl<'a> WrittenBlock<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text {
            text: text.into(),
            cache_control: None,
        }
    }
}

/// Whether a text has nothing but white space: Anthropic refuses such texts.
pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Writes all turns.
pub(super) fn messages<'a>(
    turns: &'a [Turn<'_>],
    traits: &UpstreamTraits,
) -> Result<Vec<WrittenMessage<'a>>, Untranslatable> {
    let mut messages = Vec::with_capacity(turns.len());
    for turn in turns {
        match turn {
            Turn::System(text) if is_blank(&text.text) => {}
            Turn::System(text) => {
                let reminder = format!("<system-reminder>\n{}\n</system-reminder>", text.text);
                add(&mut messages, "user", vec![WrittenBlock::text(reminder)]);
            }
            Turn::User { results, parts } => add(&mut messages, "user", user(results, parts)?),
            Turn::Assistant(items) => {
                add(&mut messages, "assistant", assistant(items, traits)?);
            }
        }
    }
    if messages.first().is_none_or(|first| first.role != "user") {
        let opening = WrittenMessage {
            role: "user",
            content: vec![WrittenBlock::text(OPENING)],
        };
        messages.insert(0, opening);
    }
    end(&mut messages, traits)?;
    Ok(messages)
}

/// Adds blocks to the last message if it is of the same role.
fn add<'a>(
    messages: &mut Vec<WrittenMessage<'a>>,
    role: &'static str,
    content: Vec<WrittenBlock<'a>>,
) {
    if content.is_empty() {
        return;
    }
    match messages.last_mut() {
        Some(last) if last.role == role => last.content.extend(content),
        _ => messages.push(WrittenMessage { role, content }),
    }
}

/// An assistant's turn at the end is continued by the model, if it can be; it must not end with white space.
fn end(messages: &mut [WrittenMessage<'_>], traits: &UpstreamTraits) -> Result<(), Untranslatable> {
    let Some(last) = messages.last_mut().filter(|last| last.role != "user") else {
        return Ok(());
    };
    if !traits.has_prefill {
        return Err(Untranslatable::new(
            "messages",
            "The conversation ends with the assistant's turn, which this model does not continue. End it with a message \
             of the user.",
        ));
    }
    if let Some(WrittenBlock::Text { text, .. }) = last.content.last_mut() {
        let kept = text.trim_end().len();
        match text {
            Cow::Borrowed(text) => *text = &text[..kept],
            Cow::Owned(text) => text.truncate(kept),
        }
    }
    Ok(())
}

fn user<'a>(
    results: &'a [CallResult<'_>],
    parts: &'a [Part<'_>],
) -> Result<Vec<WrittenBlock<'a>>, Untranslatable> {
    let mut blocks = Vec::with_capacity(results.len() + parts.len());
    for result in results {
        let mut content = Vec::with_capacity(result.parts.len());
        for part in &result.parts {
            content.extend(self::part(part)?);
        }
        if result.is_error && content.is_empty() {
            content.push(WrittenBlock::text(EMPTY_ERROR));
        }
        blocks.push(WrittenBlock::ToolResult {
            tool_use_id: &result.id,
            content,
            is_error: result.is_error,
        });
    }
    for part in parts {
        blocks.extend(self::part(part)?);
    }
    Ok(blocks)
}

fn image<'a>(source: &'a Source<'_>) -> WrittenBlock<'a> {
    WrittenBlock::Image {
        source: files::image(source),
    }
}

fn part<'a>(part: &'a Part<'_>) -> Result<Option<WrittenBlock<'a>>, Untranslatable> {
    match part {
        Part::Text(text) if is_blank(&text.text) => Ok(None),
        Part::Text(text) => Ok(Some(WrittenBlock::Text {
            text: Cow::Borrowed(&text.text),
            cache_control: text.cache_control,
        })),
        Part::Image { source, .. } => Ok(Some(image(source))),
        Part::Document { source, .. } if files::is_image(source) => Ok(Some(image(source))),
        Part::Document { source, name } => Ok(Some(WrittenBlock::Document {
            source: files::document(source)?,
            title: name.as_deref().filter(|title| !title.is_empty()),
        })),
        Part::Audio { .. } => Err(Untranslatable::new(
            "input_audio",
            "Audio cannot be sent to the channels that are left for this model.",
        )),
    }
}

fn assistant<'a>(
    items: &'a [Item<'_>],
    traits: &UpstreamTraits,
) -> Result<Vec<WrittenBlock<'a>>, Untranslatable> {
    let mut blocks = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Item::AssistantText(text) | Item::Refusal(text) if !is_blank(text) => {
                blocks.push(WrittenBlock::text(&**text));
            }
            Item::Reasoning(reasoning) => blocks.extend(usable_state(reasoning, traits)),
            Item::Call(call) => blocks.push(WrittenBlock::ToolUse {
                id: &call.id,
                name: &call.name,
                input: input(call)?,
            }),
            // The items of the user are not in an assistant's turn.
            _ => {}
        }
    }
    Ok(blocks)
}

/// The block of reasoning that the upstream has produced itself. Any other is left out: it would be refused.
pub(super) fn usable_state<'a>(
    reasoning: &'a ReasoningItem<'_>,
    traits: &UpstreamTraits,
) -> Option<WrittenBlock<'a>> {
    let state = reasoning.state.as_ref()?;
    if !state.is_for(&traits.origin) {
        return None;
    }
    match &state.content {
        StateContent::Signed {
            thinking,
            signature,
        } => Some(WrittenBlock::Thinking {
            thinking,
            signature,
        }),
        StateContent::Redacted { data } => Some(WrittenBlock::RedactedThinking { data }),
        StateContent::Encrypted { .. } => None,
    }
}

fn input<'a>(call: &'a Call<'_>) -> Result<&'a RawValue, Untranslatable> {
    let arguments = if is_blank(&call.arguments) {
        "{}"
    } else {
        &*call.arguments
    };
    let input: Option<&RawValue> = crate::wire::json::from_str(arguments).ok();
    input
        .filter(|raw| raw.get().starts_with('{'))
        .ok_or_else(|| {
            let message = format!(
                "The arguments of the call {:?} of the tool {:?} are not a JSON object, which this model's channel \
                 demands.",
                call.id, call.name
            );
            Untranslatable::new("arguments", message)
        })
}
