//! Answers for Chat Completions' clients, as streams and whole. Owns the chunks and their order: the role first, one finish
//! reason, the usage where it was requested, the end mark only after the upstream's own.

mod shapes;
mod whole;

use std::borrow::Cow;

use serde::Serialize;

use self::shapes::{
    CalledCustomOut, CalledFunctionOut, ChatAnnotationOut, ChatCallOut, ChatDeltaOut,
    ChatReasoningState, ChatUsageOut,
};
use super::finish_reason;
use crate::dialect::answer::AnswerContext;
use crate::dialect::answer_event::{AnswerEncoder, AnswerEvent, StopReason, StreamFailure};
use crate::dialect::custom_input;
use crate::dialect::envelope::ReasoningState;
use crate::dialect::ids;
use crate::dialect::registry::DeclaredKind;
use crate::wire::members;
use crate::wire::usage::Usage;

pub use whole::encode_whole;

/// How the ids of answers begin.
const ID_PREFIX: &str = "chatcmpl-";
/// The longest id of an answer.
const MAX_ID_BYTES: usize = 128;
/// The arguments of a call that has none.
const NO_ARGUMENTS: &str = "{}";

/// Writes a stream.
#[derive(Debug)]
pub struct ChatEncoder {
    context: AnswerContext,
    /// What every chunk begins with, up to its choices.
    head: String,
    calls: Vec<ChatCallProgress>,
    states: usize,
    /// Characters of content so far, and where the current text began.
    content_end: usize,
    text_start: usize,
    usage: Option<Usage>,
    reason: StopReason,
    has_ended: bool,
}

#[derive(Clone, Debug, Default)]
struct ChatCallProgress {
    has_arguments: bool,
    /// A custom tool's arguments: its input is in them, and comes when they are complete.
    held: Option<String>,
}

impl ChatEncoder {
    /// An encoder for one answer.
    pub fn new(context: AnswerContext) -> Self {
        let head = head(&context, "");
        Self {
            context,
            head,
            calls: Vec::new(),
            states: 0,
            content_end: 0,
            text_start: 0,
            usage: None,
            reason: StopReason::default(),
            has_ended: false,
        }
    }

    fn delta(&self, delta: &ChatDeltaOut<'_>, output: &mut Vec<u8>) {
        self.chunk(delta, None, output);
    }

    fn chunk(&self, delta: &ChatDeltaOut<'_>, reason: Option<&str>, output: &mut Vec<u8>) {
        output.extend_from_slice(self.head.as_bytes());
        output.extend_from_slice(b"[{\"index\":0,\"delta\":");
        json(delta, output);
        output.extend_from_slice(b",\"finish_reason\":");
        json(&reason, output);
        output.extend_from_slice(b"}]}\n\n");
    }

    fn text(&mut self, text: &str, output: &mut Vec<u8>) {
        self.content_end += text.chars().count();
        let delta = ChatDeltaOut {
            content: Some(text),
            ..ChatDeltaOut::default()
        };
        self.delta(&delta, output);
    }

    fn state(&mut self, state: &ReasoningState, output: &mut Vec<u8>) {
        let sealed = self.context.envelope.seal(state);
        let details = [ChatReasoningState::new(&sealed, self.states)];
        self.states += 1;
        let delta = ChatDeltaOut {
            reasoning_details: &details,
            ..ChatDeltaOut::default()
        };
        self.delta(&delta, output);
    }

    fn call_start(&mut self, index: usize, id: &str, name: &str, output: &mut Vec<u8>) {
        let is_custom = is_custom(&self.context, name);
        if self.calls.len() <= index {
            self.calls.resize(index + 1, ChatCallProgress::default());
        }
        if let Some(call) = self.calls.get_mut(index) {
            call.held = is_custom.then(String::new);
        }
        let id = ids::call_id(id);
        let name = self.context.registry.client_name(name);
        self.call(&call_out(Some(index), &id, name, "", is_custom), output);
    }

    fn call(&self, call: &ChatCallOut<'_>, output: &mut Vec<u8>) {
        let delta = ChatDeltaOut {
            tool_calls: std::slice::from_ref(call),
            ..ChatDeltaOut::default()
        };
        self.delta(&delta, output);
    }

    fn call_arguments(&mut self, index: usize, json: &str, output: &mut Vec<u8>) {
        let Some(call) = self.calls.get_mut(index) else {
            return;
        };
        call.has_arguments = true;
        if let Some(held) = &mut call.held {
            held.push_str(json);
            return;
        }
        self.call(&ChatCallOut::arguments(index, json), output);
    }

    fn call_end(&mut self, index: usize, output: &mut Vec<u8>) {
        let Some(call) = self.calls.get_mut(index) else {
            return;
        };
        if let Some(held) = call.held.take() {
            let input = custom_input::unwrapped(&held);
            let input = input.as_deref().unwrap_or(&held);
            self.call(&ChatCallOut::input(index, input), output);
        } else if !call.has_arguments {
            call.has_arguments = true;
            self.call(&ChatCallOut::arguments(index, NO_ARGUMENTS), output);
        }
    }

    fn end(&mut self, output: &mut Vec<u8>) {
        let reason = finish_reason::word(self.reason);
        self.chunk(&ChatDeltaOut::default(), Some(reason), output);
        if let Some(usage) = self.usage.filter(|_| self.context.wants_usage) {
            output.extend_from_slice(self.head.as_bytes());
            output.extend_from_slice(b"[],\"usage\":");
            json(&ChatUsageOut::of(usage), output);
            output.extend_from_slice(b"}\n\n");
        }
        output.extend_from_slice(b"data: [DONE]\n\n");
        self.has_ended = true;
    }
}

impl AnswerEncoder for ChatEncoder {
    fn event(&mut self, event: AnswerEvent<'_>, output: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        match event {
            AnswerEvent::Start { id } => {
                self.head = head(&self.context, &id);
                let delta = ChatDeltaOut {
                    role: Some("assistant"),
                    content: Some(""),
                    ..ChatDeltaOut::default()
                };
                self.delta(&delta, output);
            }
            AnswerEvent::Text(text) => self.text(&text, output),
            AnswerEvent::Refusal(text) => {
                let delta = ChatDeltaOut {
                    refusal: Some(&text),
                    ..ChatDeltaOut::default()
                };
                self.delta(&delta, output);
            }
            AnswerEvent::Reasoning(text) => {
                let delta = ChatDeltaOut {
                    reasoning_content: Some(&text),
                    ..ChatDeltaOut::default()
                };
                self.delta(&delta, output);
            }
            AnswerEvent::ReasoningState(state) => self.state(&state, output),
            AnswerEvent::BlockEnd => self.text_start = self.content_end,
            AnswerEvent::Citation(citation) => {
                let place = (self.text_start, self.content_end);
                let annotations = [ChatAnnotationOut::new(&citation, place)];
                let delta = ChatDeltaOut {
                    annotations: &annotations,
                    ..ChatDeltaOut::default()
                };
                self.delta(&delta, output);
            }
            AnswerEvent::CallStart { index, id, name } => {
                self.call_start(index, &id, &name, output);
            }
            AnswerEvent::CallArguments { index, json } => self.call_arguments(index, &json, output),
            AnswerEvent::CallEnd { index } => self.call_end(index, output),
            // A search of the provider is no call that the client could run; Chat has no other form for it.
            AnswerEvent::WebSearch { .. } => {}
            AnswerEvent::Usage(usage) => self.usage.get_or_insert_default().take_in(usage),
            AnswerEvent::Finish { reason, .. } => self.reason = reason,
            AnswerEvent::End => self.end(output),
        }
    }

    fn fail(&mut self, failure: &StreamFailure<'_>, output: &mut Vec<u8>) {
        #[derive(Serialize)]
        struct ChatFailure<'a> {
            message: &'a str,
            #[serde(rename = "type")]
            kind: &'a str,
            param: (),
            code: &'a str,
        }
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        output.extend_from_slice(b"data: {\"error\":");
        json(
            &ChatFailure {
                message: failure.message,
                kind: failure.kind,
                param: (),
                code: failure.code,
            },
            output,
        );
        output.extend_from_slice(b"}\n\n");
    }
}

/// What every chunk begins with.
fn head(context: &AnswerContext, id: &str) -> String {
    format!(
        "data: {{\"id\":{},\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":{},\"choices\":",
        members::quoted(&answer_id(context, id)),
        context.created,
        members::quoted(&context.model),
    )
}

/// The upstream's id with Chat's prefix; made from the request's where there is none.
fn answer_id(context: &AnswerContext, id: &str) -> String {
    let id = match id.strip_prefix(ID_PREFIX).unwrap_or(id) {
        "" => &*context.request_id,
        id => id,
    };
    format!("{ID_PREFIX}{}", ids::fit(id, MAX_ID_BYTES))
}

fn is_custom(context: &AnswerContext, name: &str) -> bool {
    let declared = context.registry.declared(name);
    declared.is_some_and(|tool| tool.kind == DeclaredKind::Custom)
}

/// A call under the client's name: of a function with arguments, or of a custom tool with an input.
fn call_out<'a>(
    index: Option<usize>,
    id: &'a str,
    name: &'a str,
    content: &'a str,
    is_custom: bool,
) -> ChatCallOut<'a> {
    let name = Some(name);
    let function = CalledFunctionOut {
        name,
        arguments: Cow::Borrowed(content),
    };
    let custom = CalledCustomOut {
        name,
        input: Cow::Borrowed(content),
    };
    ChatCallOut {
        index,
        id: Some(id),
        kind: Some(if is_custom { "custom" } else { "function" }),
        function: (!is_custom).then_some(function),
        custom: is_custom.then_some(custom),
    }
}

/// Appends JSON. Nothing that is written here can fail: it is text and numbers, and the output grows as needed.
fn json(value: &impl Serialize, output: &mut Vec<u8>) {
    let start = output.len();
    if serde_json::to_writer(&mut *output, value).is_err() {
        output.truncate(start);
        output.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests;
