//! Answers for Responses' clients. Owns the stream's first and last events and the response object; the items between are
//! `stream`'s. A whole answer is made by the same code with its events left out, so that both shapes cannot differ.

mod builtin;
mod events;
mod items;
mod stream;
mod unwrap;

use std::borrow::Cow;

use serde::Serialize;

use super::super::answer::{Answer, AnswerContext, Block};
use super::super::answer_event::{
    AnswerEncoder, AnswerEvent, BadAnswer, Citation, StopReason, StreamFailure, WebResult,
};
use super::super::ids;
use crate::wire::response_id;
use crate::wire::usage::Usage;
use events::{EventWriter, json};
use items::ItemOut;
use stream::OutputStream;

/// The longest part of an upstream's id that ids of items are made with.
const MAX_ID_BYTES: usize = 40;
const ID_PREFIX: &str = "resp_";

/// Writes an answer as a stream.
#[derive(Debug)]
pub struct ResponsesEncoder {
    context: AnswerContext,
    answer: EncodedAnswer,
}

impl ResponsesEncoder {
    /// A writer of one answer.
    pub fn new(context: AnswerContext) -> Self {
        Self {
            context,
            answer: EncodedAnswer::new(EventWriter::default()),
        }
    }
}

impl AnswerEncoder for ResponsesEncoder {
    fn event(&mut self, event: AnswerEvent<'_>, output: &mut Vec<u8>) {
        self.answer.event(&self.context, event, output);
    }

    fn fail(&mut self, failure: &StreamFailure<'_>, output: &mut Vec<u8>) {
        let answer = &mut self.answer;
        if answer.has_ended {
            return;
        }
        answer.start(&self.context, "", output);
        answer.has_ended = true;
        let error = FailureOut {
            code: failure.code,
            message: failure.message,
        };
        answer.about_response(
            "response.failed",
            &self.context,
            "failed",
            Some(&error),
            output,
        );
    }
}

/// Writes a whole answer.
pub fn encode_whole(answer: &Answer, context: &AnswerContext) -> Result<Vec<u8>, BadAnswer> {
    let mut encoded = EncodedAnswer::new(EventWriter::silent());
    let mut none = Vec::new();
    let mut take = |event: AnswerEvent<'_>| encoded.event(context, event, &mut none);
    take(AnswerEvent::Start {
        id: Cow::Borrowed(&answer.id),
    });
    for block in &answer.blocks {
        replay(block, &mut take);
    }
    if let Some(usage) = answer.usage {
        take(AnswerEvent::Usage(usage));
    }
    take(AnswerEvent::Finish {
        reason: answer.reason,
        sequence: None,
    });
    take(AnswerEvent::End);
    let mut body = Vec::new();
    encoded.response(context, encoded.status(), None, &mut body);
    Ok(body)
}

/// The events of a block.
fn replay(block: &Block, take: &mut dyn FnMut(AnswerEvent<'_>)) {
    match block {
        Block::Text { text, citations } => {
            take(AnswerEvent::Text(Cow::Borrowed(text)));
            for Citation { url, title } in citations {
                take(AnswerEvent::Citation(Citation {
                    url: Cow::Borrowed(url),
                    title: Cow::Borrowed(title),
                }));
            }
            take(AnswerEvent::BlockEnd);
        }
        Block::Refusal(text) => {
            take(AnswerEvent::Refusal(Cow::Borrowed(text)));
            take(AnswerEvent::BlockEnd);
        }
        Block::Reasoning { text, state } => {
            if !text.is_empty() {
                take(AnswerEvent::Reasoning(Cow::Borrowed(text)));
            }
            take(match state {
                Some(state) => AnswerEvent::ReasoningState(state.clone()),
                None => AnswerEvent::BlockEnd,
            });
        }
        Block::Call {
            index,
            id,
            name,
            arguments,
        } => {
            let index = *index;
            take(AnswerEvent::CallStart {
                index,
                id: Cow::Borrowed(id),
                name: Cow::Borrowed(name),
            });
            if !arguments.is_empty() {
                let json = Cow::Borrowed(arguments.as_str());
                take(AnswerEvent::CallArguments { index, json });
            }
            take(AnswerEvent::CallEnd { index });
        }
        Block::WebSearch { id, query, results } => take(AnswerEvent::WebSearch {
            id: Cow::Borrowed(id),
            query: Cow::Borrowed(query),
            results: results
                .iter()
                .map(|result| WebResult {
                    url: Cow::Borrowed(&result.url),
                    title: Cow::Borrowed(&result.title),
                })
                .collect(),
        }),
    }
}

#[derive(Serialize)]
struct FailureOut<'f> {
    code: &'f str,
    message: &'f str,
}

#[derive(Serialize)]
struct UsageOut {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

fn usage_out(usage: Usage) -> UsageOut {
    UsageOut {
        input_tokens: usage.prompt_tokens,
        input_tokens_details: InputDetails {
            cached_tokens: usage.cached_tokens,
            cache_write_tokens: Some(usage.cache_write_tokens).filter(|tokens| *tokens > 0),
        },
        output_tokens: usage.completion_tokens,
        output_tokens_details: OutputDetails {
            reasoning_tokens: usage.reasoning_tokens,
        },
        total_tokens: usage.prompt_tokens + usage.completion_tokens,
    }
}

/// An answer as far as it has been written.
#[derive(Debug)]
struct EncodedAnswer {
    writer: EventWriter,
    stream: OutputStream,
    id: String,
    usage: Option<Usage>,
    reason: StopReason,
    has_started: bool,
    has_ended: bool,
}

impl EncodedAnswer {
    fn new(writer: EventWriter) -> Self {
        Self {
            writer,
            stream: OutputStream::default(),
            id: String::new(),
            usage: None,
            reason: StopReason::default(),
            has_started: false,
            has_ended: false,
        }
    }

    fn event(&mut self, context: &AnswerContext, event: AnswerEvent<'_>, output: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        match event {
            AnswerEvent::Start { id } => self.start(context, &id, output),
            AnswerEvent::Usage(usage) => self.usage.get_or_insert_default().take_in(usage),
            AnswerEvent::Finish { reason, .. } => self.reason = reason,
            AnswerEvent::End => {
                self.start(context, "", output);
                self.end(context, output);
            }
            event => {
                self.start(context, "", output);
                self.stream.event(context, event, &mut self.writer, output);
            }
        }
    }

    fn start(&mut self, context: &AnswerContext, id: &str, output: &mut Vec<u8>) {
        if self.has_started {
            return;
        }
        self.has_started = true;
        let id = if id.is_empty() {
            &context.request_id
        } else {
            id
        };
        // The ids of some upstreams repeat.
        let kept = { context.keeper.as_ref() }.map(|_| response_id::of_kept(&context.request_id));
        let id = kept.as_deref().unwrap_or(id);
        let rest = ids::fit(id.strip_prefix(ID_PREFIX).unwrap_or(id), MAX_ID_BYTES);
        self.id = format!("{ID_PREFIX}{rest}");
        self.stream.id_suffix = rest.into_owned();
        for kind in ["response.created", "response.in_progress"] {
            self.about_response(kind, context, "in_progress", None, output);
        }
    }

    fn end(&mut self, context: &AnswerContext, output: &mut Vec<u8>) {
        let status = self.status();
        self.stream
            .end(status == "incomplete", &mut self.writer, output);
        self.has_ended = true;
        let kind = match status {
            "incomplete" => "response.incomplete",
            _ => "response.completed",
        };
        self.about_response(kind, context, status, None, output);
    }

    /// Writes an event about the response.
    fn about_response(
        &mut self,
        kind: &str,
        context: &AnswerContext,
        status: &str,
        error: Option<&FailureOut<'_>>,
        output: &mut Vec<u8>,
    ) {
        if self.writer.is_silent() {
            return;
        }
        self.writer.begin(kind, output);
        self.response(context, status, error, output);
        EventWriter::end(output);
    }

    /// Why the answer is incomplete. A refusal is a separate kind of answer.
    fn incomplete_reason(&self) -> Option<&'static str> {
        match self.reason {
            StopReason::Length => Some("max_output_tokens"),
            StopReason::Filtered if !self.stream.has_refusal => Some("content_filter"),
            _ => None,
        }
    }

    fn status(&self) -> &'static str {
        match self.incomplete_reason() {
            Some(_) => "incomplete",
            None => "completed",
        }
    }

    /// Writes the response object, and has it kept when the answer is whole.
    fn response(
        &self,
        context: &AnswerContext,
        status: &str,
        error: Option<&FailureOut<'_>>,
        data: &mut Vec<u8>,
    ) {
        let begin = data.len();
        let mut keeper = context.keeper.as_ref().filter(|_| error.is_none());
        loop {
            self.object(context, status, error, keeper.is_some(), data);
            let Some(keep) = keeper.filter(|_| status != "in_progress") else {
                return;
            };
            if keep.keep(data.get(begin..).unwrap_or_default()) {
                return;
            }
            // Then it says so.
            data.truncate(begin);
            keeper = None;
        }
    }

    /// Writes the response object. It has its output only when the answer is whole.
    fn object(
        &self,
        context: &AnswerContext,
        status: &str,
        error: Option<&FailureOut<'_>>,
        is_kept: bool,
        data: &mut Vec<u8>,
    ) {
        let is_whole = matches!(status, "completed" | "incomplete");
        data.extend_from_slice(b"{\"id\":");
        json(&self.id, data);
        data.extend_from_slice(b",\"object\":\"response\",\"created_at\":");
        json(&context.created, data);
        data.extend_from_slice(b",\"status\":");
        json(status, data);
        data.extend_from_slice(b",\"error\":");
        json(&error, data);
        data.extend_from_slice(b",\"incomplete_details\":");
        match self.incomplete_reason().filter(|_| is_whole) {
            Some(reason) => {
                data.extend_from_slice(b"{\"reason\":");
                json(reason, data);
                data.push(b'}');
            }
            None => data.extend_from_slice(b"null"),
        }
        data.extend_from_slice(b",\"model\":");
        json(&context.model, data);
        data.push(b',');
        data.extend_from_slice(context.echo.as_bytes());
        data.extend_from_slice(b"\"previous_response_id\":");
        json(&context.previous, data);
        data.extend_from_slice(b",\"store\":");
        json(&is_kept, data);
        data.extend_from_slice(b",\"output\":");
        let items = self.stream.items().filter(|_| is_whole);
        json(&items.collect::<Vec<&ItemOut>>(), data);
        data.extend_from_slice(b",\"usage\":");
        let usage = self.usage.filter(|_| status != "in_progress");
        json(&usage.map(usage_out), data);
        data.push(b'}');
    }
}

#[cfg(test)]
mod tests;
