//! Writes answers for a Messages client. Owns the begin and the end of a stream; blocks and their order are [`blocks`]',
//! whole answers [`whole`]'s.

mod blocks;
mod events;
mod json_end;
mod whole;

use crate::dialect::answer::AnswerContext;
use crate::dialect::answer_event::{AnswerEncoder, AnswerEvent, StopReason, StreamFailure};
use crate::dialect::ids;
use crate::dialect::messages::stop_reason;
use crate::wire::usage::Usage;
use blocks::{BlockWriter, FilledKind};
use events::{FailureEvent, MessageDelta, MessageStart, WrittenUsage, write_event};

pub use whole::encode_whole;

/// How ids of messages begin.
const MESSAGE_PREFIX: &str = "msg_";
/// The longest part of an id that comes from elsewhere.
const MAX_ID_BYTES: usize = 60;

/// Writes streams.
#[derive(Debug)]
pub struct MessagesEncoder {
    context: AnswerContext,
    blocks: BlockWriter,
    usage: Usage,
    reason: Option<StopReason>,
    sequence: Option<String>,
    has_started: bool,
    has_refusal: bool,
    is_over: bool,
}

impl MessagesEncoder {
    /// An encoder of one answer.
    pub fn new(context: AnswerContext) -> Self {
        Self {
            context,
            blocks: BlockWriter::default(),
            usage: Usage::default(),
            reason: None,
            sequence: None,
            has_started: false,
            has_refusal: false,
            is_over: false,
        }
    }

    fn start(&mut self, id: &str, output: &mut Vec<u8>) {
        if self.has_started {
            return;
        }
        self.has_started = true;
        let id = message_id(id, &self.context);
        write_event(output, &MessageStart::new(&id, &self.context.model));
    }

    fn end(&mut self, output: &mut Vec<u8>) {
        self.blocks.end_all(output);
        let reason = self.reason.unwrap_or_default();
        let reason = reason.with_calls(self.blocks.has_calls());
        let sequence = self.sequence.as_deref();
        let word = stop_reason::word(reason, sequence, self.has_refusal);
        let sequence = sequence.filter(|_| word == "stop_sequence");
        let usage = WrittenUsage::of(self.usage, self.blocks.searches());
        write_event(output, &MessageDelta::new(word, sequence, usage));
        output.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        self.is_over = true;
    }
}

impl AnswerEncoder for MessagesEncoder {
    fn event(&mut self, event: AnswerEvent<'_>, output: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        if let AnswerEvent::Start { id } = event {
            self.start(&id, output);
            return;
        }
        self.start("", output);
        let context = &self.context;
        let blocks = &mut self.blocks;
        match event {
            AnswerEvent::Start { .. } => {}
            AnswerEvent::Text(text) => blocks.delta(FilledKind::Text, &text, output),
            AnswerEvent::Refusal(text) => {
                self.has_refusal |= !text.is_empty();
                blocks.delta(FilledKind::Refusal, &text, output);
            }
            AnswerEvent::Reasoning(text) => blocks.delta(FilledKind::Thinking, &text, output),
            AnswerEvent::ReasoningState(state) => {
                blocks.signature(context.envelope.seal(&state), output);
            }
            AnswerEvent::BlockEnd => blocks.end_block(output),
            AnswerEvent::Citation(citation) => blocks.citation(&citation, output),
            AnswerEvent::CallStart { index, id, name } => {
                blocks.call(index, &id, &name, context, output);
            }
            AnswerEvent::CallArguments { index, json } => blocks.arguments(index, &json, output),
            AnswerEvent::CallEnd { index } => blocks.end_call(index, output),
            AnswerEvent::WebSearch { id, query, results } => {
                blocks.search(&id, &query, results, output);
            }
            AnswerEvent::Usage(usage) => self.usage.take_in(usage),
            AnswerEvent::Finish { reason, sequence } => {
                blocks.end_all(output);
                if self.reason.is_none() {
                    self.reason = Some(reason);
                    self.sequence = sequence.map(Into::into);
                }
            }
            AnswerEvent::End => self.end(output),
        }
    }

    fn fail(&mut self, failure: &StreamFailure<'_>, output: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        write_event(
            output,
            &FailureEvent::new(failure_type(failure), failure.message),
        );
    }
}

/// The type of an error in a stream: Messages clients retry these three in different ways.
fn failure_type(failure: &StreamFailure<'_>) -> &'static str {
    let says = |word: &str| failure.kind.contains(word) || failure.code.contains(word);
    if says("overloaded") {
        "overloaded_error"
    } else if says("rate_limit") {
        "rate_limit_error"
    } else {
        "api_error"
    }
}

/// The message's id: the upstream's, if it fits.
fn message_id(id: &str, context: &AnswerContext) -> String {
    if id.starts_with(MESSAGE_PREFIX) && ids::is_plain(id) {
        return id.to_owned();
    }
    let id = if id.is_empty() {
        &context.request_id
    } else {
        id
    };
    format!("{MESSAGE_PREFIX}{}", ids::fit(id, MAX_ID_BYTES))
}

#[cfg(test)]
mod tests;
