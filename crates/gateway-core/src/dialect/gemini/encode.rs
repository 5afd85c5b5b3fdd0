//! Answers for Gemini's clients. Owns the frame of streams and of whole answers; what parts an answer has is decided in
//! [`parts`], by the same code for both, so that the two shapes cannot differ.
//!
//! Streams have two frames: events without names for `alt=sse`, and otherwise the elements of one JSON list.

mod parts;
mod replay;
mod response;

use serde_json::value::RawValue;

use crate::dialect::answer::{Answer, AnswerContext};
use crate::dialect::answer_event::{AnswerEncoder, AnswerEvent, BadAnswer, StreamFailure};
use crate::dialect::ids;
use parts::PartWriter;
use response::{GeminiCount, GeminiPartOut, GeminiResponse, PartsOut};

use super::error;

/// The longest id of an answer.
const MAX_ID_BYTES: usize = 64;
const UNWRITABLE: BadAnswer = BadAnswer("its parts are not valid JSON");

/// What is around the chunks of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkFrame {
    /// Events.
    Events,
    /// A list that has no element yet.
    EmptyList,
    /// A list with elements.
    List,
}

/// Writes an answer as a stream.
#[derive(Debug)]
pub struct GeminiEncoder {
    context: AnswerContext,
    parts: PartWriter,
    frame: ChunkFrame,
    id: String,
    is_over: bool,
}

impl GeminiEncoder {
    /// A writer of one answer, as events: the form with `alt=sse`.
    pub fn new(context: AnswerContext) -> Self {
        Self::framed(context, ChunkFrame::Events)
    }

    /// A writer of one answer, as a JSON list: the form without `alt=sse`.
    pub fn of_list(context: AnswerContext) -> Self {
        Self::framed(context, ChunkFrame::EmptyList)
    }

    fn framed(context: AnswerContext, frame: ChunkFrame) -> Self {
        Self {
            id: answer_id("", &context),
            context,
            parts: PartWriter::default(),
            frame,
            is_over: false,
        }
    }
}

impl AnswerEncoder for GeminiEncoder {
    fn event(&mut self, event: AnswerEvent<'_>, output: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        let (id, model) = (&self.id, &self.context.model);
        let frame = &mut self.frame;
        let mut write = |part: &GeminiPartOut<'_>| {
            let parts = PartsOut::One([part]);
            write_chunk(frame, &GeminiResponse::new(parts, None, id, model), output);
        };
        match event {
            AnswerEvent::Start { id } => self.id = answer_id(&id, &self.context),
            AnswerEvent::End => {
                self.parts.end_calls(&mut write);
                let signature = self.parts.take_signature();
                let last = GeminiPartOut::empty(signature.as_deref());
                let end = Some(self.parts.end());
                let response = GeminiResponse::new(PartsOut::One([&last]), end, id, model);
                write_chunk(frame, &response, output);
                self.end(output);
            }
            event => self.parts.event(&self.context, event, &mut write),
        }
    }

    fn fail(&mut self, failure: &StreamFailure<'_>, output: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        begin_chunk(&mut self.frame, output);
        output.extend(error::failure_body(failure));
        end_chunk(self.frame, output);
        self.end(output);
    }
}

impl GeminiEncoder {
    fn end(&mut self, output: &mut Vec<u8>) {
        self.is_over = true;
        if self.frame != ChunkFrame::Events {
            output.extend_from_slice(b"]");
        }
    }
}

fn write_chunk(frame: &mut ChunkFrame, response: &GeminiResponse<'_>, output: &mut Vec<u8>) {
    begin_chunk(frame, output);
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(&mut *output, response);
    end_chunk(*frame, output);
}

fn begin_chunk(frame: &mut ChunkFrame, output: &mut Vec<u8>) {
    let begin: &[u8] = match frame {
        ChunkFrame::Events => b"data: ",
        ChunkFrame::EmptyList => b"[",
        ChunkFrame::List => b",",
    };
    output.extend_from_slice(begin);
    if *frame == ChunkFrame::EmptyList {
        *frame = ChunkFrame::List;
    }
}

/// Chunks of a list are lines, since some clients split it at line breaks.
fn end_chunk(frame: ChunkFrame, output: &mut Vec<u8>) {
    let end: &[u8] = match frame {
        ChunkFrame::Events => b"\n\n",
        ChunkFrame::EmptyList | ChunkFrame::List => b"\n",
    };
    output.extend_from_slice(end);
}

/// Writes a whole answer.
pub fn encode_whole(answer: &Answer, context: &AnswerContext) -> Result<Vec<u8>, BadAnswer> {
    let mut writer = PartWriter::default();
    let mut parts = vec![b'['];
    let mut push = |part: &GeminiPartOut<'_>| push_part(&mut parts, part);
    replay::replay(answer, &mut |event| writer.event(context, event, &mut push));
    writer.end_calls(&mut push);
    if writer.is_malformed() {
        return Err(BadAnswer("the arguments of a call are not a JSON object"));
    }
    let signature = writer.take_signature();
    if signature.is_some() || parts.len() == 1 {
        push_part(&mut parts, &GeminiPartOut::empty(signature.as_deref()));
    }
    parts.push(b']');
    let parts: &RawValue = serde_json::from_slice(&parts).map_err(|_| UNWRITABLE)?;
    let id = answer_id(&answer.id, context);
    let end = Some(writer.end());
    let parts = PartsOut::Written(parts);
    let response = GeminiResponse::new(parts, end, &id, &context.model);
    serde_json::to_vec(&response).map_err(|_| UNWRITABLE)
}

/// Adds a part to a list that has begun.
fn push_part(parts: &mut Vec<u8>, part: &GeminiPartOut<'_>) {
    if parts.len() > 1 {
        parts.push(b',');
    }
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(parts, part);
}

/// The answer to `countTokens`.
pub fn encode_count(total_tokens: u64) -> Vec<u8> {
    serde_json::to_vec(&GeminiCount { total_tokens }).unwrap_or_default()
}

/// The upstream's id, or one made from the request's.
fn answer_id(id: &str, context: &AnswerContext) -> String {
    let id = if id.is_empty() {
        &context.request_id
    } else {
        id
    };
    ids::fit(id, MAX_ID_BYTES).into_owned()
}

#[cfg(test)]
mod tests;
