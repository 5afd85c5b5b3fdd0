//! The messages of a Chat client's request. Owns what each role's message becomes, and the ids of calls of the time
//! before calls had ids (`function_call`).

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::parts::{self, ChatContent};
use super::problem::{Fit, RequestProblem};
use crate::dialect::conversation::{
    Call, CallResult, Conversation, Item, Part, ReasoningItem, Text,
};
use crate::dialect::envelope::{EnvelopeKey, ReasoningState};
use crate::dialect::registry::{DeclaredKind, DeclaredTool, ToolRegistry};
use crate::dialect::{custom_input, ids, json};

/// From what the ids of legacy calls are made.
const LEGACY_IDS: &str = "function_call";

#[derive(Deserialize)]
struct ChatMessage<'a> {
    #[serde(borrow, default)]
    role: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_call_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatCall<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function: Option<&'a RawValue>,
    #[serde(borrow, default)]
    custom: Option<&'a RawValue>,
}

/// What is called: a function with arguments, or a custom tool with an input.
#[derive(Deserialize)]
struct ChatCalled<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

/// An entry of `reasoning_details`: ours, or one of OpenRouter's.
#[derive(Deserialize)]
struct ChatReasoningDetail<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    summary: Option<&'a RawValue>,
}

/// Reads the messages into the conversation.
pub fn read<'a>(
    raw: Option<&'a RawValue>,
    envelope: &EnvelopeKey,
    conversation: &mut Conversation<'a>,
) -> Result<(), RequestProblem> {
    let list = raw.and_then(json::list);
    let list = list.fit_at("messages", "must be a list of messages.")?;
    let mut reader = MessageReader {
        envelope,
        conversation,
        legacy: LegacyCalls::default(),
    };
    for (index, raw) in list.into_iter().enumerate() {
        reader
            .message(raw)
            .map_err(|problem| problem.within(index).inside("messages"))?;
    }
    Ok(())
}

struct MessageReader<'r, 'a> {
    envelope: &'r EnvelopeKey,
    conversation: &'r mut Conversation<'a>,
    legacy: LegacyCalls,
}

impl<'a> MessageReader<'_, 'a> {
    fn message(&mut self, raw: &'a RawValue) -> Result<(), RequestProblem> {
        let message: ChatMessage<'a> = json::object(raw).fit("must be an object.")?;
        let role = message.role.and_then(json::text);
        let role = role.fit_at("role", "must be a string.")?;
        match &*role {
            "system" | "developer" => self.instructions(&message),
            "user" => self.user(&message),
            "assistant" => self.assistant(&message),
            "tool" => self.result(&message),
            "function" => self.legacy_result(&message),
            _ => Err(RequestProblem::at(
                "role",
                "must be `system`, `developer`, `user`, `assistant` or `tool`.",
            )),
        }
    }

    /// Those before everything else are the instructions; later ones stay where they are.
    fn instructions(&mut self, message: &ChatMessage<'a>) -> Result<(), RequestProblem> {
        let texts = parts::read_texts(message.content, message.cache_control)
            .map_err(|problem| problem.inside("content"))?;
        if self.conversation.items.is_empty() {
            self.conversation.instructions.extend(texts);
        } else if let Some(text) = joined(texts) {
            self.conversation.items.push(Item::System(text));
        }
        Ok(())
    }

    fn user(&mut self, message: &ChatMessage<'a>) -> Result<(), RequestProblem> {
        let parts = parts::read_parts(message.content, message.cache_control)
            .map_err(|problem| problem.inside("content"))?;
        if !parts.is_empty() {
            self.conversation.items.push(Item::User(parts));
        }
        Ok(())
    }

    fn assistant(&mut self, message: &ChatMessage<'a>) -> Result<(), RequestProblem> {
        let contents = parts::read(message.content, message.cache_control)
            .map_err(|problem| problem.inside("content"))?;
        self.reasoning(message);
        let items = &mut self.conversation.items;
        for content in contents {
            items.push(match content {
                ChatContent::Part(Part::Text(text)) => Item::AssistantText(text.text),
                ChatContent::Part(_) => {
                    return Err(RequestProblem::at(
                        "content",
                        "must be text in messages of the assistant.",
                    ));
                }
                ChatContent::Refusal(text) => Item::Refusal(text),
                ChatContent::Reasoning(text) => {
                    Item::Reasoning(ReasoningItem { text, state: None })
                }
            });
        }
        items.extend(json::some_text(message.refusal).map(Item::Refusal));
        if message.audio.is_some() {
            let dropped = &mut self.conversation.dropped;
            dropped.push(Cow::Borrowed("messages.audio"));
        }
        self.calls(message)
    }

    /// Reasoning comes before what it led to. Its text is shown once, however many states belong to it.
    fn reasoning(&mut self, message: &ChatMessage<'a>) {
        let shown = json::some_text(message.reasoning_content);
        let shown = shown.or_else(|| json::some_text(message.reasoning));
        let (states, detailed) = self.details(message.reasoning_details);
        let mut text = shown.or(detailed).unwrap_or_default();
        let items = &mut self.conversation.items;
        if states.is_empty() && !text.is_empty() {
            items.push(Item::Reasoning(ReasoningItem { text, state: None }));
            return;
        }
        for state in states {
            items.push(Item::Reasoning(ReasoningItem {
                text: std::mem::take(&mut text),
                state: Some(state),
            }));
        }
    }

    /// The states in our envelopes, and the text of all entries. The state in other entries belongs to another gateway or
    /// provider.
    fn details(&self, raw: Option<&'a RawValue>) -> (Vec<ReasoningState>, Option<Cow<'a, str>>) {
        let mut states = Vec::new();
        let mut all: Option<Cow<'a, str>> = None;
        let list = raw.and_then(json::list).unwrap_or_default();
        for detail in list {
            let Some(detail) = json::object::<ChatReasoningDetail<'a>>(detail) else {
                continue;
            };
            let data = detail.data.and_then(json::text);
            states.extend(data.and_then(|data| self.envelope.open(&data)));
            let text = json::some_text(detail.text).or_else(|| json::some_text(detail.summary));
            match (&mut all, text) {
                (Some(all), Some(text)) => all.to_mut().push_str(&text),
                (None, text) => all = text,
                (Some(_), None) => {}
            }
        }
        (states, all)
    }

    fn calls(&mut self, message: &ChatMessage<'a>) -> Result<(), RequestProblem> {
        if let Some(raw) = message.tool_calls {
            let list = json::list(raw).fit_at("tool_calls", "must be a list.")?;
            for (index, raw) in list.into_iter().enumerate() {
                let call = call(raw, &mut self.conversation.registry)
                    .map_err(|problem| problem.within(index).inside("tool_calls"))?;
                self.conversation.items.push(Item::Call(call));
            }
        }
        if let Some(raw) = message.function_call {
            let (call, name) = legacy_call(raw, &mut self.conversation.registry)
                .map_err(|problem| problem.inside("function_call"))?;
            let id = self.legacy.begin(name);
            self.conversation.items.push(Item::Call(Call {
                id: Cow::Owned(id),
                ..call
            }));
        }
        Ok(())
    }

    fn result(&mut self, message: &ChatMessage<'a>) -> Result<(), RequestProblem> {
        let id = match message.tool_call_id {
            None => Cow::Borrowed(""),
            Some(id) => json::text(id).fit_at("tool_call_id", "must be a string.")?,
        };
        self.push_result(message, id)
    }

    fn legacy_result(&mut self, message: &ChatMessage<'a>) -> Result<(), RequestProblem> {
        let name = message.name.and_then(json::text);
        let name = name.fit_at("name", "must be a string.")?;
        let id = self.legacy.end(&name).unwrap_or_default();
        self.push_result(message, Cow::Owned(id))
    }

    fn push_result(
        &mut self,
        message: &ChatMessage<'a>,
        id: Cow<'a, str>,
    ) -> Result<(), RequestProblem> {
        let parts = parts::read_parts(message.content, message.cache_control)
            .map_err(|problem| problem.inside("content"))?;
        self.conversation.items.push(Item::Result(CallResult {
            id,
            parts,
            is_error: false,
        }));
        Ok(())
    }
}

/// The ids of legacy calls, which are answered by name.
#[derive(Default)]
struct LegacyCalls {
    count: usize,
    open: HashMap<String, VecDeque<String>>,
}

impl LegacyCalls {
    fn begin(&mut self, name: String) -> String {
        let id = ids::made_call_id(LEGACY_IDS, self.count);
        self.count += 1;
        self.open.entry(name).or_default().push_back(id.clone());
        id
    }

    fn end(&mut self, name: &str) -> Option<String> {
        self.open.get_mut(name)?.pop_front()
    }
}

fn joined(texts: Vec<Text<'_>>) -> Option<Text<'_>> {
    let mut texts = texts.into_iter();
    let mut all = texts.next()?;
    for text in texts {
        let joined = all.text.to_mut();
        joined.push('\n');
        joined.push_str(&text.text);
        all.cache_control = text.cache_control.or(all.cache_control);
    }
    Some(all)
}

fn call<'a>(raw: &'a RawValue, registry: &mut ToolRegistry) -> Result<Call<'a>, RequestProblem> {
    let call: ChatCall<'a> = json::object(raw).fit("must be an object.")?;
    let id = match call.id {
        None => Cow::Borrowed(""),
        Some(id) => json::text(id).fit_at("id", "must be a string.")?,
    };
    let (kind, member, called) = match (call.function, call.custom) {
        (None, Some(custom)) => (DeclaredKind::Custom, "custom", custom),
        (Some(function), _) => (DeclaredKind::Function, "function", function),
        (None, None) => return Err(RequestProblem::at("function", "is missing.")),
    };
    let (name, arguments) = called_with(called, kind).map_err(|problem| problem.inside(member))?;
    Ok(Call {
        id,
        name: wire_name(name, kind, registry),
        arguments,
    })
}

fn legacy_call<'a>(
    raw: &'a RawValue,
    registry: &mut ToolRegistry,
) -> Result<(Call<'a>, String), RequestProblem> {
    let (name, arguments) = called_with(raw, DeclaredKind::Function)?;
    let bare = name.clone().into_owned();
    let call = Call {
        id: Cow::Borrowed(""),
        name: wire_name(name, DeclaredKind::Function, registry),
        arguments,
    };
    Ok((call, bare))
}

/// The name and the arguments. These are text; some clients send an object, whose JSON it is.
fn called_with(
    raw: &RawValue,
    kind: DeclaredKind,
) -> Result<(Cow<'_, str>, Cow<'_, str>), RequestProblem> {
    let called: ChatCalled<'_> = json::object(raw).fit("must be an object.")?;
    let name = called.name.and_then(json::text);
    let name = name.fit_at("name", "must be a string.")?;
    if kind == DeclaredKind::Custom {
        let input = called.input.filter(|input| json::text(input).is_some());
        return Ok((name, Cow::Owned(custom_input::wrapped(input))));
    }
    let arguments = called.arguments.map(|raw| match json::text(raw) {
        Some(text) => text,
        None => Cow::Borrowed(raw.get()),
    });
    Ok((name, arguments.unwrap_or_default()))
}

fn wire_name(
    name: Cow<'_, str>,
    kind: DeclaredKind,
    registry: &mut ToolRegistry,
) -> Cow<'static, str> {
    Cow::Owned(registry.wire_name(DeclaredTool {
        kind,
        name: name.into_owned(),
        namespace: None,
    }))
}
