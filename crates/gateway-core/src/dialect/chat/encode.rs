//! Writes answers of Chat Completions, whole and as streams of chunks.

mod json;

use std::borrow::Cow;

use serde::Serialize;

use crate::dialect::answer::{Answer, AnswerContext, Block};
use crate::dialect::answer_event::{
    AnswerEncoder, AnswerEvent, BadAnswer, Citation, StopReason, StreamFailure,
};
use crate::dialect::envelope::ReasoningState;
use crate::dialect::registry::{DeclaredKind, custom_input};
use crate::wire::usage::Usage;
use json::{
    SentAnnotation, SentCall, SentChoice, SentChunk, SentCitation, SentCustom, SentDelta,
    SentDetails, SentError, SentErrorBody, SentFunction, SentMessage, SentUsage,
};

const fn finish_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Stop | StopReason::Paused => "stop",
        StopReason::Calls => "tool_calls",
        StopReason::Length => "length",
        StopReason::Filtered => "content_filter",
    }
}

fn answer_id(upstream: &str, context: &AnswerContext) -> String {
    let id = if upstream.is_empty() {
        &context.request_id
    } else {
        upstream
    };
    if id.starts_with("chatcmpl") {
        id.to_owned()
    } else {
        format!("chatcmpl-{id}")
    }
}

fn annotation<'a>(citation: &'a Citation<'_>) -> SentAnnotation<'a> {
    SentAnnotation {
        kind: "url_citation",
        url_citation: SentCitation {
            url: &citation.url,
            title: &citation.title,
        },
    }
}

fn details(state: &ReasoningState, index: usize, context: &AnswerContext) -> SentDetails {
    SentDetails {
        kind: "reasoning.encrypted",
        data: context.envelope.seal(state),
        format: "unknown",
        index,
    }
}

/// Writes a whole answer.
pub fn encode_whole(answer: &Answer, context: &AnswerContext) -> Result<Vec<u8>, BadAnswer> {
    let mut message = SentMessage {
        role: "assistant",
        content: None,
        refusal: None,
        reasoning_content: None,
        reasoning_details: Vec::new(),
        annotations: Vec::new(),
        tool_calls: Vec::new(),
    };
    for block in &answer.blocks {
        match block {
            Block::Text { text, citations } => {
                append(&mut message.content, text);
                message.annotations.extend(citations.iter().map(annotation));
            }
            Block::Refusal(text) => append(&mut message.refusal, text),
            Block::Reasoning { text, state } => {
                if !text.is_empty() {
                    append(&mut message.reasoning_content, text);
                }
                let index = message.reasoning_details.len();
                let state = state.as_ref().map(|state| details(state, index, context));
                message.reasoning_details.extend(state);
            }
            Block::Call {
                id,
                name,
                arguments,
                ..
            } => message
                .tool_calls
                .push(whole_call(None, id, name, arguments, context)),
            Block::WebSearch { .. } => {}
        }
    }
    let has_other = !message.tool_calls.is_empty() || message.refusal.is_some();
    if message.content.is_none() && !has_other {
        message.content = Some(Cow::Borrowed(""));
    }
    let choices = [SentChoice {
        index: 0,
        delta: None,
        message: Some(message),
        finish_reason: Some(finish_reason(answer.reason)),
    }];
    let chunk = SentChunk {
        id: &answer_id(&answer.id, context),
        object: "chat.completion",
        created: context.created,
        model: &context.model,
        choices: &choices,
        usage: Some(answer.usage.unwrap_or_default().into()),
    };
    serde_json::to_vec(&chunk).map_err(|_| BadAnswer("it cannot be written as JSON"))
}

/// A call that is complete, in the form in which the client declared its tool.
fn whole_call<'a>(
    index: Option<usize>,
    id: &'a str,
    name: &'a str,
    arguments: &'a str,
    context: &'a AnswerContext,
) -> SentCall<'a> {
    let client_name = context.registry.client_name(name);
    if is_custom(name, context) {
        return SentCall {
            index,
            id: Some(id),
            kind: Some("custom"),
            function: None,
            custom: Some(SentCustom {
                name: client_name,
                // Arguments of another form are the input as they are.
                input: custom_input(arguments).unwrap_or(Cow::Borrowed(arguments)),
            }),
        };
    }
    SentCall {
        index,
        id: Some(id),
        kind: Some("function"),
        function: Some(SentFunction {
            name: Some(client_name),
            arguments: or_empty_object(arguments),
        }),
        custom: None,
    }
}

fn is_custom(name: &str, context: &AnswerContext) -> bool {
    let declared = context.registry.declared(name);
    declared.is_some_and(|tool| tool.kind == DeclaredKind::Custom)
}

fn append<'a>(place: &mut Option<Cow<'a, str>>, more: &'a str) {
    match place {
        None => *place = Some(Cow::Borrowed(more)),
        Some(text) => text.to_mut().push_str(more),
    }
}

const fn or_empty_object(arguments: &str) -> &str {
    if arguments.is_empty() {
        "{}"
    } else {
        arguments
    }
}

/// A call of the stream.
#[derive(Debug, Default)]
struct SentCallState {
    has_arguments: bool,
    /// Of a custom tool: its id and name, and its arguments so far. Its input is written when it is complete.
    custom: Option<(String, String, String)>,
}

/// Writes a stream of chunks.
#[derive(Debug)]
pub struct ChatEncoder {
    context: AnswerContext,
    id: String,
    calls: Vec<SentCallState>,
    states: usize,
    usage: Usage,
    is_ended: bool,
}

impl ChatEncoder {
    /// Begins with nothing.
    pub fn new(context: AnswerContext) -> Self {
        Self {
            id: answer_id("", &context),
            context,
            calls: Vec::new(),
            states: 0,
            usage: Usage::default(),
            is_ended: false,
        }
    }

    fn chunk(&self, choices: &[SentChoice<'_>], usage: Option<SentUsage>, output: &mut Vec<u8>) {
        let chunk = SentChunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.context.created,
            model: &self.context.model,
            choices,
            usage,
        };
        write_data(&chunk, output);
    }

    fn delta(&self, delta: SentDelta<'_>, output: &mut Vec<u8>) {
        let choice = SentChoice {
            index: 0,
            delta: Some(delta),
            message: None,
            finish_reason: None,
        };
        self.chunk(&[choice], None, output);
    }

    fn call(&self, call: SentCall<'_>, output: &mut Vec<u8>) {
        let delta = SentDelta {
            tool_calls: Some([call]),
            ..SentDelta::default()
        };
        self.delta(delta, output);
    }

    fn arguments(&mut self, index: usize, json: &str, output: &mut Vec<u8>) {
        if let Some(call) = self.calls.get_mut(index) {
            call.has_arguments = true;
            if let Some((_, _, arguments)) = &mut call.custom {
                return arguments.push_str(json);
            }
        }
        let call = SentCall {
            index: Some(index),
            id: None,
            kind: None,
            function: Some(SentFunction {
                name: None,
                arguments: json,
            }),
            custom: None,
        };
        self.call(call, output);
    }

    fn start_call(&mut self, index: usize, id: &str, name: &str, output: &mut Vec<u8>) {
        if self.calls.len() <= index {
            self.calls.resize_with(index + 1, SentCallState::default);
        }
        if is_custom(name, &self.context) {
            if let Some(call) = self.calls.get_mut(index) {
                call.custom = Some((id.to_owned(), name.to_owned(), String::new()));
            }
            return;
        }
        let call = SentCall {
            index: Some(index),
            id: Some(id),
            kind: Some("function"),
            function: Some(SentFunction {
                name: Some(self.context.registry.client_name(name)),
                arguments: "",
            }),
            custom: None,
        };
        self.call(call, output);
    }

    fn end_call(&mut self, index: usize, output: &mut Vec<u8>) {
        let Some(call) = self.calls.get_mut(index) else {
            return;
        };
        let has_arguments = call.has_arguments;
        match call.custom.take() {
            Some((id, name, arguments)) => {
                let call = whole_call(Some(index), &id, &name, &arguments, &self.context);
                self.call(call, output);
            }
            None if !has_arguments => self.arguments(index, "{}", output),
            None => {}
        }
    }

    fn end(&mut self, output: &mut Vec<u8>) {
        if self.context.wants_usage {
            self.chunk(&[], Some(self.usage.into()), output);
        }
        output.extend_from_slice(b"data: [DONE]\n\n");
        self.is_ended = true;
    }
}

impl AnswerEncoder for ChatEncoder {
    fn event(&mut self, event: AnswerEvent<'_>, output: &mut Vec<u8>) {
        if self.is_ended {
            return;
        }
        let delta = match event {
            AnswerEvent::Start { id } => {
                self.id = answer_id(&id, &self.context);
                return self.delta(
                    SentDelta {
                        role: Some("assistant"),
                        content: Some(""),
                        ..SentDelta::default()
                    },
                    output,
                );
            }
            AnswerEvent::Text(ref text) => SentDelta {
                content: Some(text),
                ..SentDelta::default()
            },
            AnswerEvent::Refusal(ref text) => SentDelta {
                refusal: Some(text),
                ..SentDelta::default()
            },
            AnswerEvent::Reasoning(ref text) => SentDelta {
                reasoning_content: Some(text),
                ..SentDelta::default()
            },
            AnswerEvent::ReasoningState(ref state) => {
                let details = details(state, self.states, &self.context);
                self.states += 1;
                SentDelta {
                    reasoning_details: Some([details]),
                    ..SentDelta::default()
                }
            }
            AnswerEvent::Citation(ref citation) => SentDelta {
                annotations: Some([annotation(citation)]),
                ..SentDelta::default()
            },
            AnswerEvent::CallStart {
                index,
                ref id,
                ref name,
            } => return self.start_call(index, id, name, output),
            AnswerEvent::CallArguments { index, ref json } => {
                return self.arguments(index, json, output);
            }
            AnswerEvent::CallEnd { index } => return self.end_call(index, output),
            AnswerEvent::Usage(usage) => return self.usage.take_in(usage),
            AnswerEvent::Finish { reason, .. } => {
                let choice = SentChoice {
                    index: 0,
                    delta: Some(SentDelta::default()),
                    message: None,
                    finish_reason: Some(finish_reason(reason)),
                };
                return self.chunk(&[choice], None, output);
            }
            AnswerEvent::End => return self.end(output),
            AnswerEvent::BlockEnd | AnswerEvent::WebSearch { .. } => return,
        };
        self.delta(delta, output);
    }

    fn fail(&mut self, failure: &StreamFailure<'_>, output: &mut Vec<u8>) {
        if self.is_ended {
            return;
        }
        self.is_ended = true;
        let error = SentErrorBody {
            message: failure.message,
            kind: failure.kind,
            param: None,
            code: failure.code,
        };
        write_data(&SentError { error }, output);
    }
}

/// One event. Writing into memory cannot fail, and none of these types has keys that are no strings.
fn write_data(value: &impl Serialize, output: &mut Vec<u8>) {
    output.extend_from_slice(b"data: ");
    let _ = serde_json::to_writer(&mut *output, value);
    output.extend_from_slice(b"\n\n");
}
