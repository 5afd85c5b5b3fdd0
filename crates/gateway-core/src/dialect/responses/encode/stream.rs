//! The items of a Responses stream. Owns the texts and searches (calls are `calls`'), the order of the events of each item, and which are open: one text at most, and
//! any number of calls. Keeps each text once, since the last events repeat it.

mod calls;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::to_raw_value;

use super::events::{EventWriter, ResponsesStreamEvent};
use super::items::{AnnotationOut, ItemOut, PartOut};
use crate::dialect::answer::AnswerContext;
use crate::dialect::answer_event::{AnswerEvent, Citation, WebResult};
use crate::dialect::envelope::STATELESS;
use crate::dialect::ids;
use calls::OpenCall;

const COMPLETED: &str = "completed";
const IN_PROGRESS: &str = "in_progress";
const INCOMPLETE: &str = "incomplete";

/// The items so far.
#[derive(Debug, Default)]
pub struct OutputStream {
    /// What the ids of all items have in common.
    pub id_suffix: String,
    /// Whether the model refused.
    pub has_refusal: bool,
    items: Vec<ItemOut>,
    /// The open text.
    text: Option<OpenText>,
    calls: Vec<OpenCall>,
    call_ids: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct OpenText {
    place: usize,
    kind: BlockKind,
    /// Whether its block has ended. It is closed with the next event: its status is known then.
    has_ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockKind {
    Text,
    Refusal,
    Reasoning,
}

impl OutputStream {
    /// All items.
    pub fn items(&self) -> impl Iterator<Item = &ItemOut> {
        self.items.iter()
    }

    /// Writes what an event means for the items.
    pub fn event(
        &mut self,
        context: &AnswerContext,
        event: AnswerEvent<'_>,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) {
        match event {
            AnswerEvent::Text(delta) => self.delta(BlockKind::Text, &delta, writer, output),
            AnswerEvent::Refusal(delta) => self.delta(BlockKind::Refusal, &delta, writer, output),
            AnswerEvent::Reasoning(delta) => {
                self.delta(BlockKind::Reasoning, &delta, writer, output);
            }
            AnswerEvent::ReasoningState(state) => {
                let envelope = context.envelope.seal(&state);
                self.reasoning_state(envelope, writer, output);
            }
            AnswerEvent::BlockEnd => {
                if let Some(text) = &mut self.text {
                    text.has_ended = true;
                }
            }
            AnswerEvent::Citation(citation) => self.citation(citation, writer, output),
            AnswerEvent::CallStart { index, id, name } => {
                self.close_text(COMPLETED, writer, output);
                self.call_start(context, index, &id, &name, writer, output);
            }
            AnswerEvent::CallArguments { index, json } => {
                self.call_arguments(index, &json, writer, output);
            }
            AnswerEvent::CallEnd { index } => {
                let place = self.calls.iter().position(|call| call.index == index);
                if let Some(place) = place {
                    self.close_call(place, writer, output);
                }
            }
            AnswerEvent::WebSearch { id, query, results } => {
                self.close_text(COMPLETED, writer, output);
                self.web_search(&id, &query, results, writer, output);
            }
            AnswerEvent::Start { .. }
            | AnswerEvent::Usage(_)
            | AnswerEvent::Finish { .. }
            | AnswerEvent::End => {}
        }
    }

    /// Closes all items, in their order.
    pub fn end(&mut self, is_incomplete: bool, writer: &mut EventWriter, output: &mut Vec<u8>) {
        let status = if is_incomplete { INCOMPLETE } else { COMPLETED };
        while let Some(call) = self.calls.first() {
            // Calls that have a place began before the open text; the others get the next one.
            if call.place().is_none() {
                self.close_text(status, writer, output);
            }
            self.close_call(0, writer, output);
        }
        self.close_text(status, writer, output);
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}_{}", self.id_suffix, self.items.len())
    }

    /// Adds an item and writes that it begins.
    fn add(&mut self, item: ItemOut, writer: &mut EventWriter, output: &mut Vec<u8>) -> usize {
        let place = self.items.len();
        let event = ResponsesStreamEvent {
            kind: "response.output_item.added",
            output_index: place,
            item: Some(&item),
            ..ResponsesStreamEvent::default()
        };
        writer.write(event, output);
        self.items.push(item);
        place
    }

    /// Writes that an item is done.
    fn done(
        &mut self,
        place: usize,
        status: &'static str,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) {
        let Some(item) = self.items.get_mut(place) else {
            return;
        };
        if item.status.is_some() {
            item.status = Some(status);
        }
        let event = ResponsesStreamEvent {
            kind: "response.output_item.done",
            output_index: place,
            item: Some(item),
            ..ResponsesStreamEvent::default()
        };
        writer.write(event, output);
    }

    fn delta(
        &mut self,
        kind: BlockKind,
        delta: &str,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) {
        let open = self
            .text
            .filter(|text| text.kind == kind && !text.has_ended);
        let place = if let Some(text) = open {
            text.place
        } else {
            self.close_text(COMPLETED, writer, output);
            self.open_text(kind, writer, output)
        };
        let Some(item) = self.items.get_mut(place) else {
            return;
        };
        let event = ResponsesStreamEvent {
            kind: match kind {
                BlockKind::Text => "response.output_text.delta",
                BlockKind::Refusal => "response.refusal.delta",
                BlockKind::Reasoning => "response.reasoning_summary_text.delta",
            },
            delta: Some(delta),
            logprobs: (kind == BlockKind::Text).then_some([]),
            ..about_part(kind, place, &item.id)
        };
        writer.write(event, output);
        if let Some(part) = item.part()
            && let Some(text) = part.text.as_mut().or(part.refusal.as_mut())
        {
            text.push_str(delta);
        }
    }

    fn open_text(
        &mut self,
        kind: BlockKind,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) -> usize {
        let place = match kind {
            BlockKind::Reasoning => self.open_reasoning(writer, output),
            BlockKind::Text | BlockKind::Refusal => {
                let item = ItemOut {
                    id: self.id("msg"),
                    kind: "message",
                    status: Some(IN_PROGRESS),
                    role: Some("assistant"),
                    content: Some(Vec::new()),
                    ..ItemOut::default()
                };
                self.add(item, writer, output)
            }
        };
        self.has_refusal |= kind == BlockKind::Refusal;
        self.text = Some(OpenText {
            place,
            kind,
            has_ended: false,
        });
        let Some(item) = self.items.get_mut(place) else {
            return place;
        };
        let part = new_part(kind);
        let event = ResponsesStreamEvent {
            kind: match kind {
                BlockKind::Reasoning => "response.reasoning_summary_part.added",
                BlockKind::Text | BlockKind::Refusal => "response.content_part.added",
            },
            part: Some(&part),
            ..about_part(kind, place, &item.id)
        };
        writer.write(event, output);
        if let Some(parts) = item.content.as_mut().or(item.summary.as_mut()) {
            parts.push(part);
        }
        place
    }

    fn open_reasoning(&mut self, writer: &mut EventWriter, output: &mut Vec<u8>) -> usize {
        let item = ItemOut {
            id: self.id("rs"),
            kind: "reasoning",
            summary: Some(Vec::new()),
            ..ItemOut::default()
        };
        self.add(item, writer, output)
    }

    /// State of the open reasoning, or of one that is not shown.
    fn reasoning_state(
        &mut self,
        envelope: String,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) {
        let is_open = |text: &OpenText| text.kind == BlockKind::Reasoning && !text.has_ended;
        if let Some(text) = self.text.filter(is_open) {
            if let Some(item) = self.items.get_mut(text.place) {
                item.encrypted_content = Some(envelope);
            }
            self.close_text(COMPLETED, writer, output);
            return;
        }
        self.close_text(COMPLETED, writer, output);
        let place = self.open_reasoning(writer, output);
        if let Some(item) = self.items.get_mut(place) {
            item.encrypted_content = Some(envelope);
        }
        self.done(place, COMPLETED, writer, output);
    }

    fn close_text(&mut self, status: &'static str, writer: &mut EventWriter, output: &mut Vec<u8>) {
        let Some(OpenText { place, kind, .. }) = self.text.take() else {
            return;
        };
        if let Some(item) = self.items.get_mut(place) {
            if kind == BlockKind::Reasoning && item.encrypted_content.is_none() {
                item.encrypted_content = Some(STATELESS.to_owned());
            }
            let parts = item.content.as_ref().or(item.summary.as_ref());
            let part = parts.and_then(|parts| parts.first());
            let event = ResponsesStreamEvent {
                kind: match kind {
                    BlockKind::Text => "response.output_text.done",
                    BlockKind::Refusal => "response.refusal.done",
                    BlockKind::Reasoning => "response.reasoning_summary_text.done",
                },
                text: part.and_then(|part| part.text.as_deref()),
                refusal: part.and_then(|part| part.refusal.as_deref()),
                logprobs: (kind == BlockKind::Text).then_some([]),
                ..about_part(kind, place, &item.id)
            };
            writer.write(event, output);
            let event = ResponsesStreamEvent {
                kind: match kind {
                    BlockKind::Reasoning => "response.reasoning_summary_part.done",
                    BlockKind::Text | BlockKind::Refusal => "response.content_part.done",
                },
                part,
                ..about_part(kind, place, &item.id)
            };
            writer.write(event, output);
        }
        self.done(place, status, writer, output);
    }

    fn citation(&mut self, citation: Citation<'_>, writer: &mut EventWriter, output: &mut Vec<u8>) {
        let Some(text) = self.text.filter(|text| text.kind == BlockKind::Text) else {
            return;
        };
        let Some(item) = self.items.get_mut(text.place) else {
            return;
        };
        let id = item.id.clone();
        let Some(part) = item.part() else { return };
        let annotation = AnnotationOut {
            kind: "url_citation",
            url: citation.url.into_owned(),
            title: citation.title.into_owned(),
            start_index: 0,
            end_index: part.text.as_deref().map_or(0, |text| text.chars().count()),
        };
        let annotations = part.annotations.get_or_insert_default();
        let event = ResponsesStreamEvent {
            kind: "response.output_text.annotation.added",
            annotation_index: Some(annotations.len()),
            annotation: Some(&annotation),
            ..about_part(text.kind, text.place, &id)
        };
        writer.write(event, output);
        annotations.push(annotation);
    }

    fn web_search(
        &mut self,
        id: &str,
        query: &str,
        results: Vec<WebResult<'_>>,
        writer: &mut EventWriter,
        output: &mut Vec<u8>,
    ) {
        let sources = results.into_iter().map(|result| SourceOut {
            kind: "url",
            url: result.url,
        });
        let action = SearchOut {
            kind: "search",
            query,
            sources: sources.collect(),
        };
        let item = ItemOut {
            id: match id {
                "" => self.id("ws"),
                id => format!("ws_{}", ids::call_id(id.strip_prefix("ws_").unwrap_or(id))),
            },
            kind: "web_search_call",
            status: Some(IN_PROGRESS),
            action: to_raw_value(&action).ok(),
            ..ItemOut::default()
        };
        let place = self.add(item, writer, output);
        for kind in [
            "response.web_search_call.in_progress",
            "response.web_search_call.searching",
            "response.web_search_call.completed",
        ] {
            let event = ResponsesStreamEvent {
                kind,
                item_id: self.items.get(place).map(|item| &*item.id),
                output_index: place,
                ..ResponsesStreamEvent::default()
            };
            writer.write(event, output);
        }
        self.done(place, COMPLETED, writer, output);
    }
}

#[derive(Serialize)]
struct SearchOut<'s> {
    #[serde(rename = "type")]
    kind: &'static str,
    query: &'s str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<SourceOut<'s>>,
}

#[derive(Serialize)]
struct SourceOut<'s> {
    #[serde(rename = "type")]
    kind: &'static str,
    url: Cow<'s, str>,
}

fn new_part(kind: BlockKind) -> PartOut {
    match kind {
        BlockKind::Text => PartOut {
            kind: "output_text",
            text: Some(String::new()),
            annotations: Some(Vec::new()),
            logprobs: Some([]),
            ..PartOut::default()
        },
        BlockKind::Refusal => PartOut {
            kind: "refusal",
            refusal: Some(String::new()),
            ..PartOut::default()
        },
        BlockKind::Reasoning => PartOut {
            kind: "summary_text",
            text: Some(String::new()),
            ..PartOut::default()
        },
    }
}

/// The members of an event that say which part it is about: each item has one.
fn about_part(kind: BlockKind, place: usize, id: &str) -> ResponsesStreamEvent<'_> {
    let is_summary = kind == BlockKind::Reasoning;
    ResponsesStreamEvent {
        item_id: Some(id),
        output_index: place,
        content_index: (!is_summary).then_some(0),
        summary_index: is_summary.then_some(0),
        ..ResponsesStreamEvent::default()
    }
}
