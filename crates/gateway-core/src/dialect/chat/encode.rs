//! Writes answers of Chat Completions, whole and as streams of chunks.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::dialect::answer::{Answer, AnswerContext, Block};
use crate::dialect::answer_event::{
    AnswerEncoder, AnswerEvent, BadAnswer, Citation, StopReason, StreamFailure,
};
use crate::dialect::envelope::ReasoningState;
use crate::dialect::registry::DeclaredKind;
use crate::wire::usage::Usage;

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageJson>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Delta<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<[Details; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<[Annotation<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallJson<'a>; 1]>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<Cow<'a, str>>,
    refusal: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Details>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallJson<'a>>,
}

/// Reasoning state in OpenRouter's form, which its clients send back.
#[derive(Serialize)]
struct Details {
    #[serde(rename = "type")]
    kind: &'static str,
    data: String,
    format: &'static str,
    index: usize,
}

#[derive(Serialize)]
struct Annotation<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url_citation: UrlCitation<'a>,
}

#[derive(Serialize)]
struct UrlCitation<'a> {
    url: &'a str,
    title: &'a str,
}

#[derive(Serialize)]
struct CallJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<FunctionJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<CustomJson<'a>>,
}

#[derive(Serialize)]
struct CustomJson<'a> {
    name: &'a str,
    input: Cow<'a, str>,
}

#[derive(Serialize)]
struct FunctionJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Serialize)]
struct UsageJson {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<Usage> for UsageJson {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cached_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning_tokens,
            },
        }
    }
}

#[derive(Serialize)]
struct ErrorChunk<'a> {
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

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

fn annotation<'a>(citation: &'a Citation<'_>) -> Annotation<'a> {
    Annotation {
        kind: "url_citation",
        url_citation: UrlCitation {
            url: &citation.url,
            title: &citation.title,
        },
    }
}

fn details(state: &ReasoningState, index: usize, context: &AnswerContext) -> Details {
    Details {
        kind: "reasoning.encrypted",
        data: context.envelope.seal(state),
        format: "unknown",
        index,
    }
}

/// Writes a whole answer.
pub fn encode_whole(answer: &Answer, context: &AnswerContext) -> Result<Vec<u8>, BadAnswer> {
    let mut message = Message {
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
    let choices = [Choice {
        index: 0,
        delta: None,
        message: Some(message),
        finish_reason: Some(finish_reason(answer.reason)),
    }];
    let chunk = Chunk {
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
) -> CallJson<'a> {
    let client_name = context.registry.client_name(name);
    if is_custom(name, context) {
        return CallJson {
            index,
            id: Some(id),
            kind: Some("custom"),
            function: None,
            custom: Some(CustomJson {
                name: client_name,
                input: custom_input(arguments),
            }),
        };
    }
    CallJson {
        index,
        id: Some(id),
        kind: Some("function"),
        function: Some(FunctionJson {
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

/// The input of a custom tool: the one argument of the function in its place, or else the arguments as they are.
fn custom_input(arguments: &str) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Wrapper {
        input: String,
    }
    serde_json::from_str(arguments).map_or(Cow::Borrowed(arguments), |wrapper: Wrapper| {
        Cow::Owned(wrapper.input)
    })
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
struct StreamedCall {
    has_arguments: bool,
    /// Of a custom tool: its id and name, and its arguments so far. Its input is written when it is complete.
    custom: Option<(String, String, String)>,
}

/// Writes a stream of chunks.
#[derive(Debug)]
pub struct ChatEncoder {
    context: AnswerContext,
    id: String,
    calls: Vec<StreamedCall>,
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

    fn chunk(&self, choices: &[Choice<'_>], usage: Option<UsageJson>, output: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.context.created,
            model: &self.context.model,
            choices,
            usage,
        };
        write_data(&chunk, output);
    }

    fn delta(&self, delta: Delta<'_>, output: &mut Vec<u8>) {
        let choice = Choice {
            index: 0,
            delta: Some(delta),
            message: None,
            finish_reason: None,
        };
        self.chunk(&[choice], None, output);
    }

    fn call(&self, call: CallJson<'_>, output: &mut Vec<u8>) {
        let delta = Delta {
            tool_calls: Some([call]),
            ..Delta::default()
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
        let call = CallJson {
            index: Some(index),
            id: None,
            kind: None,
            function: Some(FunctionJson {
                name: None,
                arguments: json,
            }),
            custom: None,
        };
        self.call(call, output);
    }

    fn start_call(&mut self, index: usize, id: &str, name: &str, output: &mut Vec<u8>) {
        if self.calls.len() <= index {
            self.calls.resize_with(index + 1, StreamedCall::default);
        }
        if is_custom(name, &self.context) {
            if let Some(call) = self.calls.get_mut(index) {
                call.custom = Some((id.to_owned(), name.to_owned(), String::new()));
            }
            return;
        }
        let call = CallJson {
            index: Some(index),
            id: Some(id),
            kind: Some("function"),
            function: Some(FunctionJson {
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
                    Delta {
                        role: Some("assistant"),
                        content: Some(""),
                        ..Delta::default()
                    },
                    output,
                );
            }
            AnswerEvent::Text(ref text) => Delta {
                content: Some(text),
                ..Delta::default()
            },
            AnswerEvent::Refusal(ref text) => Delta {
                refusal: Some(text),
                ..Delta::default()
            },
            AnswerEvent::Reasoning(ref text) => Delta {
                reasoning_content: Some(text),
                ..Delta::default()
            },
            AnswerEvent::ReasoningState(ref state) => {
                let details = details(state, self.states, &self.context);
                self.states += 1;
                Delta {
                    reasoning_details: Some([details]),
                    ..Delta::default()
                }
            }
            AnswerEvent::Citation(ref citation) => Delta {
                annotations: Some([annotation(citation)]),
                ..Delta::default()
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
                let choice = Choice {
                    index: 0,
                    delta: Some(Delta::default()),
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
        let error = ErrorJson {
            message: failure.message,
            kind: failure.kind,
            param: None,
            code: failure.code,
        };
        write_data(&ErrorChunk { error }, output);
    }
}

/// One event. Writing into memory cannot fail, and none of these types has keys that are no strings.
fn write_data(value: &impl Serialize, output: &mut Vec<u8>) {
    output.extend_from_slice(b"data: ");
    let _ = serde_json::to_writer(&mut *output, value);
    output.extend_from_slice(b"\n\n");
}
