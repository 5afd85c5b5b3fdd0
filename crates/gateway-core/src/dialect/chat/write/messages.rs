//! The messages of a request for a Chat Completions upstream. Owns their order: one leading message with all
//! instructions, results directly after their calls, and what `tool` messages cannot hold in the user's next message.

use std::borrow::Cow;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::parts::{self, ChatContentIn, ChatPartIn};
use crate::dialect::conversation::{Call, CallResult, Conversation, Item, Part, Text};
use crate::dialect::traits::UpstreamTraits;
use crate::dialect::turns::Turn;
use crate::dialect::untranslatable::Untranslatable;

/// Precedes the text of a result whose call failed: Chat has no other sign of it.
const ERROR_PREFIX: &str = "Error: ";
/// The text of a result that is only images.
const IMAGE_BELOW: &str = "[image attached below]";
/// The text of a result that is only files.
const FILE_BELOW: &str = "[file attached below]";
/// The arguments of a call that has none.
const NO_ARGUMENTS: &str = "{}";

/// A message. The name of the member with reasoning is the upstream's, so that it is written by hand.
#[derive(Default)]
pub struct ChatMessageIn<'a> {
    role: &'static str,
    content: Option<ChatContentIn<'a>>,
    tool_call_id: Option<&'a str>,
    reasoning: Option<(&'static str, String)>,
    calls: Vec<ChatCallIn<'a>>,
}

impl Serialize for ChatMessageIn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", self.role)?;
        if let Some(id) = self.tool_call_id {
            map.serialize_entry("tool_call_id", id)?;
        }
        map.serialize_entry("content", &self.content)?;
        if let Some((member, text)) = &self.reasoning {
            map.serialize_entry(member, text)?;
        }
        if !self.calls.is_empty() {
            map.serialize_entry("tool_calls", &self.calls)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct ChatCallIn<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: ChatCalledIn<'a>,
}

#[derive(Serialize)]
struct ChatCalledIn<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// All messages.
pub fn of_turns<'a>(
    conversation: &'a Conversation<'_>,
    turns: &'a [Turn<'_>],
    traits: &'a UpstreamTraits,
) -> Result<Vec<ChatMessageIn<'a>>, Untranslatable> {
    let mut writer = MessageWriter {
        traits,
        messages: Vec::with_capacity(turns.len() + 1),
        user: Vec::new(),
    };
    if let Some(text) = joined(conversation.instructions.iter().map(|text| &*text.text)) {
        writer.system(text);
    }
    for turn in turns {
        writer.turn(turn)?;
    }
    writer.flush();
    let last = writer.messages.last();
    let is_prefill = last.is_some_and(|last| last.role == "assistant");
    if is_prefill && !traits.has_prefill {
        return Err(Untranslatable::new(
            "messages",
            "The conversation ends with the assistant's turn, which the channel of this model cannot continue.",
        ));
    }
    Ok(writer.messages)
}

struct MessageWriter<'a> {
    traits: &'a UpstreamTraits,
    messages: Vec<ChatMessageIn<'a>>,
    /// The parts of the user's message that is not written yet.
    user: Vec<ChatPartIn<'a>>,
}

impl<'a> MessageWriter<'a> {
    fn turn(&mut self, turn: &'a Turn<'_>) -> Result<(), Untranslatable> {
        match turn {
            Turn::System(text) => self.late_system(text),
            Turn::User { results, parts } => {
                for result in results {
                    self.result(result);
                }
                let attached = results.iter().flat_map(|result| &result.parts);
                let attached = attached.filter(|part| !matches!(part, Part::Text(_)));
                for part in attached.chain(parts) {
                    self.user.push(parts::of_part(part)?);
                }
            }
            Turn::Assistant(items) => self.assistant(items),
        }
        Ok(())
    }

    fn system(&mut self, text: Cow<'a, str>) {
        let role = if self.traits.has_developer_role {
            "developer"
        } else {
            "system"
        };
        self.messages.push(ChatMessageIn {
            role,
            content: Some(ChatContentIn::Text(text)),
            ..ChatMessageIn::default()
        });
    }

    /// Where only the first message may be one of the system, later ones are said to the user, in their place.
    fn late_system(&mut self, text: &'a Text<'_>) {
        if self.traits.has_late_system {
            self.flush();
            self.system(Cow::Borrowed(&text.text));
            return;
        }
        let reminder = format!("<system-reminder>\n{}\n</system-reminder>", text.text);
        self.user.push(ChatPartIn::Text {
            text: Cow::Owned(reminder),
        });
    }

    fn result(&mut self, result: &'a CallResult<'_>) {
        self.messages.push(ChatMessageIn {
            role: "tool",
            tool_call_id: Some(&result.id),
            content: Some(ChatContentIn::Text(result_text(result))),
            ..ChatMessageIn::default()
        });
    }

    /// One message, in which texts come before calls. One without either is left out.
    fn assistant(&mut self, items: &'a [Item<'_>]) {
        let texts = items.iter().filter_map(|item| match item {
            Item::AssistantText(text) | Item::Refusal(text) => Some(&**text),
            _ => None,
        });
        let content = concatenated(texts);
        let calls: Vec<_> = items.iter().filter_map(call).collect();
        if content.is_empty() && calls.is_empty() {
            return;
        }
        self.flush();
        let reasoning = self.traits.reasoning_member.and_then(|member| {
            let texts = items.iter().filter_map(|item| match item {
                Item::Reasoning(reasoning) => Some(&*reasoning.text),
                _ => None,
            });
            let text = concatenated(texts).into_owned();
            (!text.is_empty()).then_some((member, text))
        });
        self.messages.push(ChatMessageIn {
            role: "assistant",
            content: Some(content)
                .filter(|text| !text.is_empty())
                .map(ChatContentIn::Text),
            tool_call_id: None,
            reasoning,
            calls,
        });
    }

    fn flush(&mut self) {
        if self.user.is_empty() {
            return;
        }
        let parts = std::mem::take(&mut self.user);
        self.messages.push(ChatMessageIn {
            role: "user",
            content: Some(parts::content(parts)),
            ..ChatMessageIn::default()
        });
    }
}

fn result_text<'a>(result: &'a CallResult<'_>) -> Cow<'a, str> {
    let text = result.text();
    let text = match result.parts.first() {
        Some(Part::Image { .. }) if text.is_empty() => Cow::Borrowed(IMAGE_BELOW),
        Some(Part::Document { .. } | Part::Audio { .. }) if text.is_empty() => {
            Cow::Borrowed(FILE_BELOW)
        }
        _ => text,
    };
    if !result.is_error || text.starts_with(ERROR_PREFIX) {
        return text;
    }
    Cow::Owned(format!("{ERROR_PREFIX}{text}"))
}

fn call<'a>(item: &'a Item<'_>) -> Option<ChatCallIn<'a>> {
    let Item::Call(Call {
        id,
        name,
        arguments,
    }) = item
    else {
        return None;
    };
    let arguments = match arguments.trim_ascii() {
        "" => NO_ARGUMENTS,
        _ => arguments,
    };
    Some(ChatCallIn {
        id,
        kind: "function",
        function: ChatCalledIn { name, arguments },
    })
}

/// The texts, one per line; `None` without any.
fn joined<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<Cow<'a, str>> {
    let mut all = Cow::Borrowed(texts.next()?);
    for text in texts {
        let joined = all.to_mut();
        joined.push('\n');
        joined.push_str(text);
    }
    Some(all)
}

fn concatenated<'a>(mut texts: impl Iterator<Item = &'a str>) -> Cow<'a, str> {
    let mut all = Cow::Borrowed(texts.next().unwrap_or_default());
    for text in texts {
        all.to_mut().push_str(text);
    }
    all
}
