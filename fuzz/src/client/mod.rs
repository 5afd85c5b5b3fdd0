//! What clients of each dialect accept: the grammar of their streams, and what an answer says there. Strict where the
//! official SDKs are.

mod chat;
mod gemini;
mod messages;
mod responses;

use bytes::Bytes;
use gateway_core::dialect::answer::{Answer, AnswerContext, Block};
use gateway_core::dialect::answer_event::AnswerEncoder;
use gateway_core::dialect::chat::ChatEncoder;
use gateway_core::dialect::gemini::GeminiEncoder;
use gateway_core::dialect::messages::MessagesEncoder;
use gateway_core::dialect::responses::ResponsesEncoder;
use gateway_core::wire::sse::{self, EventScanner};
use serde_json::Value;
use serde_json::value::RawValue;

/// The client of a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Chat Completions.
    Chat,
    /// Messages.
    Messages,
    /// Responses.
    Responses,
    /// Gemini.
    Gemini,
}

/// All of them.
pub const CLIENTS: [Client; 4] = [
    Client::Chat,
    Client::Messages,
    Client::Responses,
    Client::Gemini,
];

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// With its regular end.
    Whole,
    /// With an error.
    Failed,
}

/// What a stream says to its client.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StreamView {
    /// All of its text, refusals included.
    pub text: String,
    /// All of its reasoning that is shown.
    pub reasoning: String,
    /// Its calls of functions, in order: name and arguments.
    pub calls: Vec<(String, String)>,
    /// The tokens of the answer, where they are stated.
    pub completion_tokens: Option<u64>,
}

impl StreamView {
    /// What the client must see of an answer.
    pub fn of(answer: &Answer, context: &AnswerContext) -> Self {
        let mut view = Self::default();
        let mut calls = Vec::new();
        for block in &answer.blocks {
            match block {
                Block::Text { text, .. } | Block::Refusal(text) => view.text.push_str(text),
                Block::Reasoning { text, .. } => view.reasoning.push_str(text),
                Block::Call {
                    index,
                    name,
                    arguments,
                    ..
                } if is_function(name, context) => {
                    let name = context.registry.client_name(name).to_owned();
                    calls.push((*index, (name, or_empty_object(arguments).to_owned())));
                }
                Block::Call { .. } | Block::WebSearch { .. } => {}
            }
        }
        calls.sort_by_key(|(index, _)| *index);
        view.calls = calls.into_iter().map(|(_, call)| call).collect();
        view.completion_tokens = Some(answer.usage.unwrap_or_default().completion_tokens);
        view
    }
}

/// Whether a call is one of a function, by the name on the wire.
fn is_function(wire_name: &str, context: &AnswerContext) -> bool {
    use gateway_core::dialect::registry::DeclaredKind;
    let declared = context.registry.declared(wire_name);
    declared.is_none_or(|tool| tool.kind == DeclaredKind::Function)
}

/// Whether a call is one of a function, by the client's name of the tool.
fn is_clients_function(name: &str) -> bool {
    use gateway_core::dialect::registry::DeclaredKind;
    let tools = &crate::channel::TOOLS;
    tools
        .iter()
        .all(|(known, _, kind)| *known != name || *kind == DeclaredKind::Function)
}

/// Whether the arguments of all calls are objects. Some clients never get others: their tools would run with wrong ones.
pub fn has_whole_calls(answer: &Answer) -> bool {
    answer.blocks.iter().all(|block| match block {
        Block::Call { arguments, .. } => {
            let arguments = or_empty_object(arguments.trim());
            arguments.starts_with('{') && serde_json::from_str::<&RawValue>(arguments).is_ok()
        }
        _ => true,
    })
}

fn or_empty_object(arguments: &str) -> &str {
    match arguments {
        "" => "{}",
        arguments => arguments,
    }
}

impl Client {
    /// What writes streams for it.
    pub fn encoder(self, context: AnswerContext) -> Box<dyn AnswerEncoder> {
        match self {
            Self::Chat => Box::new(ChatEncoder::new(context)),
            Self::Messages => Box::new(MessagesEncoder::new(context)),
            Self::Responses => Box::new(ResponsesEncoder::new(context)),
            Self::Gemini => Box::new(GeminiEncoder::new(context)),
        }
    }

    /// Reads a whole stream; panics where the client would reject it. `None`: it is nested too deeply to be read here.
    pub fn read(self, output: &[u8], end: StreamEnd) -> Option<StreamView> {
        let events = events(output);
        let mut parsed = Vec::with_capacity(events.len());
        for (name, data) in &events {
            if self == Self::Chat && data == b"[DONE]" {
                parsed.push((name.clone(), Value::Null));
                continue;
            }
            serde_json::from_slice::<&RawValue>(data).expect("every event is JSON");
            parsed.push((name.clone(), serde_json::from_slice(data).ok()?));
        }
        Some(match self {
            Self::Chat => chat::read(&parsed, end),
            Self::Messages => messages::read(&parsed, end),
            Self::Responses => responses::read(&parsed, end),
            Self::Gemini => gemini::read(&parsed, end),
        })
    }
}

/// The events of a stream: types and data.
fn events(output: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut scanner = EventScanner::default();
    let block = scanner
        .push(Bytes::copy_from_slice(output))
        .expect("no output is as long as the longest event");
    let (last, rest) = scanner.finish();
    assert!(
        last.bytes.is_empty() && rest.is_empty(),
        "only whole events"
    );
    let event = |event: &[u8]| {
        let data = sse::data(event).expect("every event has data");
        let text = String::from_utf8_lossy(event);
        let name = text.lines().find_map(|line| line.strip_prefix("event: "));
        (name.unwrap_or_default().to_owned(), data.into_owned())
    };
    block.events().map(event).collect()
}

/// A member that must be a string.
fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    let text = value[member].as_str();
    text.unwrap_or_else(|| panic!("{member} is no text: {value}"))
}

/// A member that must be a place.
fn place(value: &Value, member: &str) -> usize {
    let place = value[member]
        .as_u64()
        .and_then(|it| usize::try_from(it).ok());
    place.unwrap_or_else(|| panic!("{member} is no place: {value}"))
}
