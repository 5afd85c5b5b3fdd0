//! Answers of Responses' upstreams. Owns what each event of a stream means and when the answer ends; the state of items
//! that are being streamed is `streamed`'s, their forms are `output`'s. Whole answers are read as the items that end a stream.

mod output;
mod streamed;

use std::borrow::Cow;

use super::super::answer_event::{AnswerDecoder, AnswerEvent, BadAnswer, Sink, StopReason};
use super::super::envelope::Origin;
use crate::wire::usage;
use output::{OutputEvent, OutputResponse};
use streamed::{StreamedItems, TextKind};

/// Some upstreams add OpenAI's mark to all their streams.
const DONE_MARK: &[u8] = b"[DONE]";
const NOT_JSON: BadAnswer = BadAnswer("an event is not a JSON object");

/// Reads a whole answer.
pub fn decode_whole(body: &[u8], origin: &Origin, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
    let response: OutputResponse<'_> = serde_json::from_slice(body)
        .map_err(|_| BadAnswer("the answer is not a JSON object with a response"))?;
    if response.output.is_none() {
        return Err(BadAnswer("the response has no output"));
    }
    if response.error.is_some() {
        return Err(BadAnswer("the response has an error"));
    }
    let status = response.status();
    if let Some("failed" | "cancelled" | "queued" | "in_progress") = status.as_deref() {
        return Err(BadAnswer("the response is not completed"));
    }
    let mut decoder = ResponsesDecoder::new(origin.clone());
    decoder.end(Some(&response), false, sink)
}

/// Reads a stream.
#[derive(Debug)]
pub struct ResponsesDecoder {
    items: StreamedItems,
    has_started: bool,
    has_ended: bool,
}

impl ResponsesDecoder {
    /// A reader of the answer of one upstream.
    pub fn new(origin: Origin) -> Self {
        Self {
            items: StreamedItems::new(origin),
            has_started: false,
            has_ended: false,
        }
    }

    /// The upstream's id of the answer comes with its first event, where the upstream sends it.
    fn start(&mut self, id: Cow<'_, str>, sink: &mut Sink<'_>) {
        if self.has_started {
            return;
        }
        self.has_started = true;
        self.items.answer_id = id.clone().into_owned();
        sink(AnswerEvent::Start { id });
    }

    fn read(&mut self, event: &OutputEvent<'_>, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        let response = event.response();
        let id = response
            .as_ref()
            .map(OutputResponse::id)
            .unwrap_or_default();
        let Some(name) = event.kind.strip_prefix("response.") else {
            return Ok(());
        };
        match name {
            "completed" | "incomplete" => {
                return self.end(response.as_ref(), name == "incomplete", sink);
            }
            "failed" => return Err(BadAnswer("the response failed")),
            _ => self.start(id, sink),
        }
        if let Some(usage) = response.and_then(|response| usage::of_object(response.usage?)) {
            sink(AnswerEvent::Usage(usage));
        }
        match name {
            "output_item.added" => match event.item() {
                Some(item) => self.items.added(&item, event.output_index, sink),
                None => Ok(()),
            },
            "output_item.done" => match event.item() {
                Some(item) => self.items.done(&item, event.output_index, sink),
                None => Ok(()),
            },
            "function_call_arguments.delta" => {
                self.items.arguments(event, sink);
                Ok(())
            }
            "output_text.annotation.added" => {
                self.items.annotation(event, sink);
                Ok(())
            }
            _ => {
                if let Some((kind, text)) = name
                    .strip_suffix(".delta")
                    .and_then(|name| text_of(name, event, false))
                {
                    self.items.text(kind, event, text, sink);
                } else if let Some((kind, text)) = name
                    .strip_suffix(".done")
                    .and_then(|name| text_of(name, event, true))
                {
                    self.items.whole_text(kind, event, text, sink);
                }
                Ok(())
            }
        }
    }

    /// The last event: everything that did not come before, and the end.
    fn end(
        &mut self,
        response: Option<&OutputResponse<'_>>,
        is_incomplete: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), BadAnswer> {
        self.start(response.map(OutputResponse::id).unwrap_or_default(), sink);
        let output = response.map(OutputResponse::items).unwrap_or_default();
        self.items.complete(&output, sink)?;
        if let Some(usage) = response.and_then(|response| usage::of_object(response.usage?)) {
            sink(AnswerEvent::Usage(usage));
        }
        let is_incomplete = is_incomplete
            || response.is_some_and(|response| response.status().as_deref() == Some("incomplete"));
        let reason = match response.and_then(OutputResponse::incomplete_reason) {
            Some(reason) if reason == "content_filter" => StopReason::Filtered,
            _ if is_incomplete => StopReason::Length,
            _ => StopReason::Stop.with_calls(self.items.has_calls()),
        };
        let reason = match reason {
            StopReason::Stop if self.items.has_refusal => StopReason::Filtered,
            reason => reason,
        };
        sink(AnswerEvent::Finish {
            reason,
            sequence: None,
        });
        sink(AnswerEvent::End);
        self.has_ended = true;
        Ok(())
    }
}

/// The text in an event, more of it or all of it, and what it is a text of.
fn text_of<'e>(
    name: &str,
    event: &'e OutputEvent<'_>,
    is_whole: bool,
) -> Option<(TextKind, &'e str)> {
    let kind = match name {
        "output_text" => TextKind::Text,
        "refusal" => TextKind::Refusal,
        "reasoning_summary_text" => TextKind::Summary,
        "reasoning_text" | "reasoning" => TextKind::Reasoning,
        _ => return None,
    };
    let text = match kind {
        _ if !is_whole => &event.delta,
        TextKind::Refusal => &event.refusal,
        _ => &event.text,
    };
    Some((kind, text.as_deref()?))
}

impl AnswerDecoder for ResponsesDecoder {
    fn event(&mut self, data: &[u8], sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        if self.has_ended || data.starts_with(DONE_MARK) {
            return Ok(());
        }
        let event: OutputEvent<'_> = serde_json::from_slice(data).map_err(|_| NOT_JSON)?;
        self.read(&event, sink)
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        if self.has_ended {
            return Ok(());
        }
        if !self.has_started {
            return Err(BadAnswer("the stream has no events"));
        }
        self.end(None, false, sink)
    }
}

#[cfg(test)]
mod tests;
