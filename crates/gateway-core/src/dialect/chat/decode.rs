//! Answers of Chat Completions' upstreams as events. Owns what chunks and whole answers have in common and what servers do
//! differently: late and repeated members, several spellings of reasoning, ends that come twice or not at all. Errors in
//! place of an answer are not its concern.

mod calls;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::calls::{CallDeltas, CallPiece};
use super::finish_reason;
use crate::dialect::answer_event::{
    AnswerDecoder, AnswerEvent, BadAnswer, Citation, Sink, StopReason,
};
use crate::dialect::envelope::Origin;
use crate::dialect::json;
use crate::wire::usage;

/// The end mark of a stream, which is not JSON.
const DONE: &[u8] = b"[DONE]";
/// Words that servers put where others put the stop sequence that was met.
const NO_SEQUENCES: [&str; 7] = [
    "stop",
    "eos",
    "eos_token",
    "end_turn",
    "stop_sequence",
    "length",
    "tool_calls",
];

#[derive(Deserialize)]
struct ChatChunk<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
    /// Where Groq puts the usage of a stream.
    #[serde(borrow, default)]
    x_groq: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatAnswerChoice<'a> {
    #[serde(borrow, default)]
    index: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    /// vLLM: the stop sequence that was met, or the number of a token.
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
    /// `SGLang`: the same.
    #[serde(borrow, default)]
    matched_stop: Option<&'a RawValue>,
    /// Where Moonshot puts the usage of a stream.
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// A delta, or the message of a whole answer.
#[derive(Deserialize)]
struct ChatDelta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    annotations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatContentPart<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatAnnotation<'a> {
    #[serde(borrow, default)]
    url_citation: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatUrlCitation<'a> {
    #[serde(borrow, default)]
    url: Option<&'a RawValue>,
    #[serde(borrow, default)]
    title: Option<&'a RawValue>,
}

/// Reads a whole answer.
pub fn decode_whole(body: &[u8], origin: &Origin, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
    let mut decoder = ChatDecoder::new(origin.clone());
    decoder.is_whole = true;
    decoder.payload(body, sink)?;
    decoder.finish(sink)
}

/// Reads a stream.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact about the answer so far"
)]
pub struct ChatDecoder {
    id: String,
    calls: CallDeltas,
    reason: Option<StopReason>,
    sequence: Option<String>,
    is_whole: bool,
    has_started: bool,
    has_content: bool,
    has_refusal: bool,
    has_ended: bool,
}

impl ChatDecoder {
    /// A decoder for one answer. Chat has no state of reasoning, so that it does not matter where the answer comes from.
    pub fn new(_origin: Origin) -> Self {
        Self {
            id: String::new(),
            calls: CallDeltas::default(),
            reason: None,
            sequence: None,
            is_whole: false,
            has_started: false,
            has_content: false,
            has_refusal: false,
            has_ended: false,
        }
    }

    fn payload(&mut self, data: &[u8], sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        let chunk: ChatChunk<'_> = serde_json::from_slice(data)
            .map_err(|_| BadAnswer("it is not the JSON of a chat completion"))?;
        let choices = match chunk.choices {
            None => Vec::new(),
            Some(raw) => json::list(raw).ok_or(BadAnswer("`choices` is not a list"))?,
        };
        let inside = |raw: &RawValue| usage::of_body(raw.get().as_bytes());
        let tokens = chunk.usage.and_then(usage::of_object);
        let mut tokens = tokens.or_else(|| chunk.x_groq.and_then(inside));
        if let Some(tokens) = &mut tokens {
            // OpenAI has it beside the usage.
            tokens.service_tier = tokens
                .service_tier
                .or(usage::service_tier(chunk.service_tier));
        }
        let id = json::some_text(chunk.id);
        // Azure begins with a chunk about its filters, which has neither an id nor a choice.
        if id.is_some() || !choices.is_empty() || tokens.is_some() {
            self.start(id, sink);
        }
        let is_empty = choices.is_empty();
        for choice in choices {
            self.choice(choice, sink)?;
        }
        if let Some(tokens) = tokens {
            sink(AnswerEvent::Usage(tokens));
            // A usage without a choice comes last, once the answer is finished.
            if is_empty && self.reason.is_some() {
                return self.finish(sink);
            }
        }
        Ok(())
    }

    fn start(&mut self, id: Option<Cow<'_, str>>, sink: &mut Sink<'_>) {
        if self.has_started {
            return;
        }
        self.has_started = true;
        self.id = id.map(Cow::into_owned).unwrap_or_default();
        sink(AnswerEvent::Start {
            id: Cow::Borrowed(&self.id),
        });
    }

    /// The first choice; others cannot have been requested.
    fn choice(&mut self, raw: &RawValue, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        let choice: ChatAnswerChoice<'_> =
            json::object(raw).ok_or(BadAnswer("a choice is not an object"))?;
        if choice.index.is_some_and(|index| index.get() != "0") {
            return Ok(());
        }
        if let Some(delta) = choice.delta.or(choice.message) {
            let delta = json::object(delta).ok_or(BadAnswer("a delta is not an object"))?;
            self.delta(&delta, sink)?;
        }
        if let Some(tokens) = choice.usage.and_then(usage::of_object) {
            sink(AnswerEvent::Usage(tokens));
        }
        if let Some(word) = json::some_text(choice.finish_reason)
            && self.reason.is_none()
        {
            let reason = finish_reason::of_word(&word)?;
            self.reason = Some(reason);
            let sequence = json::some_text(choice.stop_reason)
                .or_else(|| json::some_text(choice.matched_stop))
                .filter(|sequence| !NO_SEQUENCES.contains(&&**sequence));
            self.sequence = sequence
                .filter(|_| reason == StopReason::Stop)
                .map(Cow::into_owned);
        }
        Ok(())
    }

    fn delta(&mut self, delta: &ChatDelta<'_>, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        // Servers that have both spellings send the same text in both.
        let reasoning =
            json::some_text(delta.reasoning_content).or_else(|| json::some_text(delta.reasoning));
        self.emit(reasoning.map(AnswerEvent::Reasoning), sink);
        match delta.content.and_then(json::list) {
            None => self.emit(json::some_text(delta.content).map(AnswerEvent::Text), sink),
            Some(parts) => self.parts(&parts, sink),
        }
        for citation in delta.annotations.map(citations).unwrap_or_default() {
            sink(AnswerEvent::Citation(citation));
        }
        let refusal = json::some_text(delta.refusal);
        self.has_refusal |= refusal.is_some();
        self.emit(refusal.map(AnswerEvent::Refusal), sink);
        let calls = match delta.tool_calls {
            None => Vec::new(),
            Some(raw) => json::list(raw).ok_or(BadAnswer("`tool_calls` is not a list"))?,
        };
        for (position, raw) in calls.into_iter().enumerate() {
            let piece = CallPiece::of(raw, self.is_whole.then_some(position))?;
            self.calls.add(&piece, &self.id, sink)?;
        }
        if let Some(raw) = delta.function_call {
            let piece = CallPiece::of_legacy(raw)?;
            self.calls.add(&piece, &self.id, sink)?;
        }
        Ok(())
    }

    /// Content as Mistral spells it where the model reasons.
    fn parts(&mut self, parts: &[&RawValue], sink: &mut Sink<'_>) {
        for raw in parts {
            let Some(part) = json::object::<ChatContentPart<'_>>(raw) else {
                continue;
            };
            let reasoning = part.thinking.and_then(json::joined_text);
            self.emit(reasoning.map(AnswerEvent::Reasoning), sink);
            self.emit(json::some_text(part.text).map(AnswerEvent::Text), sink);
        }
    }

    fn emit(&mut self, event: Option<AnswerEvent<'_>>, sink: &mut Sink<'_>) {
        if let Some(event) = event {
            self.has_content = true;
            sink(event);
        }
    }
}

impl AnswerDecoder for ChatDecoder {
    fn event(&mut self, data: &[u8], sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        let data = data.trim_ascii();
        if self.has_ended || data.is_empty() {
            return Ok(());
        }
        if data == DONE {
            return self.finish(sink);
        }
        self.payload(data, sink)
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        if self.has_ended {
            return Ok(());
        }
        // Some servers never send a finish reason. What they sent is an answer all the same, but nothing is none.
        let is_answer = self.reason.is_some() || self.has_content || self.calls.any();
        if !is_answer {
            return Err(BadAnswer("there is no content and no finish reason"));
        }
        self.calls.finish(sink)?;
        self.has_ended = true;
        let reason = match self.reason.unwrap_or_default() {
            StopReason::Stop if self.has_refusal => StopReason::Filtered,
            reason => reason.with_calls(self.calls.any()),
        };
        let sequence = self.sequence.take().filter(|_| reason == StopReason::Stop);
        sink(AnswerEvent::Finish {
            reason,
            sequence: sequence.map(Cow::Owned),
        });
        sink(AnswerEvent::End);
        Ok(())
    }
}

fn citations(raw: &RawValue) -> Vec<Citation<'_>> {
    let list = json::list(raw).unwrap_or_default();
    let citations = list.into_iter().filter_map(|raw| {
        let annotation: ChatAnnotation<'_> = json::object(raw)?;
        let citation: ChatUrlCitation<'_> = json::object(annotation.url_citation?)?;
        Some(Citation {
            url: json::some_text(citation.url)?,
            title: json::some_text(citation.title).unwrap_or_default(),
        })
    });
    citations.collect()
}

#[cfg(test)]
mod tests;
