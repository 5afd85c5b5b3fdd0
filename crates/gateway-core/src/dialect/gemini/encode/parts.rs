//! The parts of an answer. Owns which events become which parts: calls are whole, so that their arguments are held until
//! they end; reasoning state is carried by the part after it, as Google's is, since clients may leave thoughts out of
//! what they send back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::signature;
use super::response::{
    AnswerEnd, FunctionCallOut, GeminiPartOut, GroundingChunk, GroundingMetadata, GroundingPage,
};
use crate::dialect::answer::AnswerContext;
use crate::dialect::answer_event::{AnswerEvent, Citation, StopReason, WebResult};
use crate::dialect::envelope::ReasoningState;
use crate::dialect::ids;
use crate::wire::usage::Usage;

/// Receives parts.
pub type PartSink<'s> = dyn FnMut(&GeminiPartOut<'_>) + 's;

/// Makes the parts of one answer.
#[derive(Debug, Default)]
pub struct PartWriter {
    /// The state of the reasoning before the next part.
    signature: Option<String>,
    /// Calls that have not been written, by their index.
    calls: BTreeMap<usize, HeldCall>,
    has_broken_call: bool,
    reason: Option<StopReason>,
    usage: Option<Usage>,
    queries: Vec<String>,
    results: Vec<WebResult<'static>>,
    citations: Vec<Citation<'static>>,
}

#[derive(Debug)]
struct HeldCall {
    id: String,
    name: String,
    arguments: String,
    has_ended: bool,
}

impl PartWriter {
    /// Takes the next event.
    pub fn event(
        &mut self,
        context: &AnswerContext,
        event: AnswerEvent<'_>,
        sink: &mut PartSink<'_>,
    ) {
        match event {
            AnswerEvent::Text(text) | AnswerEvent::Refusal(text) => {
                let signature = self.signature.take();
                sink(&GeminiPartOut::text(&text, signature.as_deref()));
            }
            AnswerEvent::Reasoning(text) => {
                self.end_state(sink);
                sink(&GeminiPartOut::thought(&text, None));
            }
            AnswerEvent::ReasoningState(state) => self.state(&state, context, sink),
            AnswerEvent::CallStart { index, id, name } => {
                let call = HeldCall {
                    id: ids::call_id(&id).into_owned(),
                    name: context.registry.client_name(&name).to_owned(),
                    arguments: String::new(),
                    has_ended: false,
                };
                self.calls.insert(index, call);
            }
            AnswerEvent::CallArguments { index, json } => {
                if let Some(call) = self.calls.get_mut(&index) {
                    call.arguments.push_str(&json);
                }
            }
            AnswerEvent::CallEnd { index } => {
                if let Some(call) = self.calls.get_mut(&index) {
                    call.has_ended = true;
                }
                self.write_calls(false, sink);
            }
            AnswerEvent::Citation(citation) => {
                if !self.citations.contains(&citation) {
                    self.citations.push(citation.into_owned());
                }
            }
            AnswerEvent::WebSearch { query, results, .. } => {
                if !query.is_empty() {
                    self.queries.push(query.into_owned());
                }
                let results = results.into_iter().map(WebResult::into_owned);
                self.results.extend(results);
            }
            AnswerEvent::Usage(usage) => self.usage.get_or_insert_default().take_in(usage),
            AnswerEvent::Finish { reason, .. } => {
                self.reason.get_or_insert(reason);
            }
            AnswerEvent::Start { .. } | AnswerEvent::BlockEnd | AnswerEvent::End => {}
        }
    }

    /// Writes all calls that are held still.
    pub fn end_calls(&mut self, sink: &mut PartSink<'_>) {
        self.write_calls(true, sink);
    }

    /// The signature that no part has carried.
    pub fn take_signature(&mut self) -> Option<String> {
        self.signature.take()
    }

    /// Whether a call cannot be written, and not because the answer was cut off.
    pub fn is_malformed(&self) -> bool {
        let is_cut_off = matches!(self.reason, Some(StopReason::Length | StopReason::Filtered));
        self.has_broken_call && !is_cut_off
    }

    /// How the answer ends.
    pub fn end(&self) -> AnswerEnd<'_> {
        let finish_reason = match self.reason.unwrap_or_default() {
            _ if self.is_malformed() => "MALFORMED_FUNCTION_CALL",
            StopReason::Stop | StopReason::Calls | StopReason::Paused => "STOP",
            StopReason::Length => "MAX_TOKENS",
            StopReason::Filtered => "SAFETY",
        };
        AnswerEnd {
            finish_reason,
            usage: self.usage,
            grounding: self.grounding(),
        }
    }

    /// What the text cites; where it cites nothing, all that was found.
    fn grounding(&self) -> Option<GroundingMetadata<'_>> {
        let cited = self.citations.iter().map(|it| (&*it.url, &*it.title));
        let found = self.results.iter().map(|it| (&*it.url, &*it.title));
        let found = found.filter(|_| self.citations.is_empty());
        let chunk = |(uri, title)| GroundingChunk {
            web: GroundingPage { uri, title },
        };
        let grounding = GroundingMetadata {
            web_search_queries: &self.queries,
            grounding_chunks: cited.chain(found).map(chunk).collect(),
        };
        let is_empty = self.queries.is_empty() && grounding.grounding_chunks.is_empty();
        (!is_empty).then_some(grounding)
    }

    fn state(&mut self, state: &ReasoningState, context: &AnswerContext, sink: &mut PartSink<'_>) {
        self.end_state(sink);
        self.signature = Some(signature::of_state(state, &context.envelope));
    }

    /// Sends the state that is held in a separate part: more reasoning follows.
    fn end_state(&mut self, sink: &mut PartSink<'_>) {
        if let Some(signature) = self.signature.take() {
            sink(&GeminiPartOut::thought("", Some(&signature)));
        }
    }

    /// Writes calls in their order, up to one that has not ended.
    fn write_calls(&mut self, are_over: bool, sink: &mut PartSink<'_>) {
        while let Some(call) = self.calls.first_entry() {
            if !are_over && !call.get().has_ended {
                break;
            }
            let call = call.remove();
            let arguments = one_line(&call.arguments);
            let Some(args) = object(&arguments) else {
                self.has_broken_call = true;
                continue;
            };
            let signature = self.signature.take();
            sink(&GeminiPartOut {
                function_call: Some(FunctionCallOut {
                    id: &call.id,
                    name: &call.name,
                    args,
                }),
                thought_signature: signature.as_deref(),
                ..GeminiPartOut::default()
            });
        }
    }
}

/// Arguments without line breaks, which would end the line of an event. In JSON they only separate tokens.
fn one_line(arguments: &str) -> Cow<'_, str> {
    if arguments.trim().is_empty() {
        return Cow::Borrowed("{}");
    }
    if !arguments.contains(['\n', '\r']) {
        return Cow::Borrowed(arguments);
    }
    Cow::Owned(arguments.replace(['\n', '\r'], " "))
}

/// A JSON object; `null` means an empty one.
fn object(json: &str) -> Option<&RawValue> {
    let json = if json.trim() == "null" { "{}" } else { json };
    let raw: &RawValue = crate::wire::json::from_str(json).ok()?;
    raw.get().starts_with('{').then_some(raw)
}
