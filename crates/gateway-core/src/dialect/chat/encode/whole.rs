//! Whole answers for Chat Completions' clients. Owns how blocks become the one message: texts and reasoning are joined.

use std::borrow::Cow;

use serde::Serialize;

use super::shapes::{ChatAnnotationOut, ChatCallOut, ChatReasoningState, ChatUsageOut};
use super::{NO_ARGUMENTS, answer_id, call_out, is_custom};
use crate::dialect::answer::{Answer, AnswerContext, Block};
use crate::dialect::answer_event::BadAnswer;
use crate::dialect::chat::finish_reason;
use crate::dialect::{custom_input, ids};

#[derive(Serialize)]
struct ChatCompletionOut<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [ChatChoiceOut<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<ChatUsageOut>,
}

#[derive(Serialize)]
struct ChatChoiceOut<'a> {
    index: usize,
    message: ChatMessageOut<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct ChatMessageOut<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tool_calls: &'a [ChatCallOut<'a>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    annotations: &'a [ChatAnnotationOut<'a>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasoning_details: &'a [ChatReasoningState<'a>],
}

/// The parts of the message, gathered from blocks.
#[derive(Default)]
struct JoinedBlocks<'a> {
    content: String,
    content_end: usize,
    refusal: String,
    reasoning: String,
    annotations: Vec<ChatAnnotationOut<'a>>,
    details: Vec<ChatReasoningState<'a>>,
}

impl<'a> JoinedBlocks<'a> {
    fn add(&mut self, block: &'a Block, context: &AnswerContext) {
        match block {
            Block::Text { text, citations } => {
                let start = self.content_end;
                self.content.push_str(text);
                self.content_end += text.chars().count();
                let place = (start, self.content_end);
                let annotations = citations
                    .iter()
                    .map(|citation| ChatAnnotationOut::new(citation, place));
                self.annotations.extend(annotations);
            }
            Block::Refusal(text) => self.refusal.push_str(text),
            Block::Reasoning { text, state } => {
                self.reasoning.push_str(text);
                if let Some(state) = state {
                    let sealed = context.envelope.seal(state);
                    let detail = ChatReasoningState::new(sealed, self.details.len());
                    self.details.push(detail);
                }
            }
            Block::Call { .. } | Block::WebSearch { .. } => {}
        }
    }
}

/// Writes a whole answer.
pub fn encode_whole(answer: &Answer, context: &AnswerContext) -> Result<Vec<u8>, BadAnswer> {
    let mut joined = JoinedBlocks::default();
    for block in &answer.blocks {
        joined.add(block, context);
    }
    let fitted: Vec<_> = answer
        .blocks
        .iter()
        .filter_map(|block| fitted_call(block, context))
        .collect();
    let calls: Vec<_> = fitted.iter().map(FittedCall::out).collect();
    // A message without anything is an empty text, not the absence of one.
    let is_empty = calls.is_empty() && joined.refusal.is_empty();
    let id = answer_id(context, &answer.id);
    let completion = ChatCompletionOut {
        id: &id,
        object: "chat.completion",
        created: context.created,
        model: &context.model,
        choices: [ChatChoiceOut {
            index: 0,
            message: ChatMessageOut {
                role: "assistant",
                content: if is_empty {
                    Some(&joined.content)
                } else {
                    given(&joined.content)
                },
                refusal: given(&joined.refusal),
                reasoning_content: given(&joined.reasoning),
                tool_calls: &calls,
                annotations: &joined.annotations,
                reasoning_details: &joined.details,
            },
            logprobs: (),
            finish_reason: finish_reason::word(answer.reason),
        }],
        usage: answer.usage.map(ChatUsageOut::of),
    };
    serde_json::to_vec(&completion).map_err(|_| BadAnswer("it cannot be written"))
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A call with what its client knows it by.
struct FittedCall<'a> {
    id: Cow<'a, str>,
    name: &'a str,
    called_with: Cow<'a, str>,
    is_custom: bool,
}

impl FittedCall<'_> {
    fn out(&self) -> ChatCallOut<'_> {
        call_out(None, &self.id, self.name, &self.called_with, self.is_custom)
    }
}

fn fitted_call<'a>(block: &'a Block, context: &'a AnswerContext) -> Option<FittedCall<'a>> {
    let Block::Call {
        id,
        name,
        arguments,
        ..
    } = block
    else {
        return None;
    };
    let is_custom = is_custom(context, name);
    let called_with = match &**arguments {
        arguments if is_custom => custom_input::unwrapped(arguments).unwrap_or(arguments.into()),
        "" => NO_ARGUMENTS.into(),
        arguments => arguments.into(),
    };
    Some(FittedCall {
        id: ids::call_id(id),
        name: context.registry.client_name(name),
        called_with,
        is_custom,
    })
}
