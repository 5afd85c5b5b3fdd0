//! Reads answers of Chat Completions, whole and as streams. Tolerant of what compatible servers do: names and ids that
//! come late or again, calls that are interleaved, finish reasons that are missing, doubled or wrong.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::answer_event::{
    AnswerDecoder, AnswerEvent, BadAnswer, Citation, Sink, StopReason,
};
use crate::dialect::envelope::Origin;
use crate::dialect::ids;
use crate::wire::usage;

/// More calls than any answer has.
const MAX_CALLS: usize = 1_024;
/// The most of a call's arguments that are held until its name is known.
const MAX_HELD_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
struct ReceivedChunk<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    choices: Option<Vec<ReceivedChoice<'a>>>,
}

#[derive(Deserialize)]
struct ReceivedChoice<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<ReceivedDelta<'a>>,
    #[serde(borrow, default)]
    message: Option<ReceivedDelta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ReceivedDelta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ReceivedCall<'a>>>,
    #[serde(borrow, default)]
    function_call: Option<ReceivedFunction<'a>>,
    #[serde(borrow, default)]
    annotations: Option<Vec<ReceivedAnnotation<'a>>>,
}

#[derive(Deserialize)]
struct ReceivedCall<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    function: Option<ReceivedFunction<'a>>,
}

#[derive(Deserialize)]
struct ReceivedFunction<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ReceivedAnnotation<'a> {
    #[serde(borrow, default)]
    url_citation: Option<ReceivedCitation<'a>>,
}

#[derive(Deserialize)]
struct ReceivedCitation<'a> {
    #[serde(borrow, default)]
    url: Cow<'a, str>,
    #[serde(borrow, default)]
    title: Option<Cow<'a, str>>,
}

/// One element of `content` where a server sends a list.
#[derive(Deserialize)]
struct ReceivedPart<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
}

/// Reads a whole answer.
pub fn decode_whole(body: &[u8], origin: &Origin, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
    let mut decoder = ChatDecoder {
        is_whole: true,
        ..ChatDecoder::new(origin.clone())
    };
    decoder.event(body, sink)?;
    decoder.finish(sink)
}

/// Reads a stream.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent observation"
)]
pub struct ChatDecoder {
    /// Whether every entry of `tool_calls` is a call: some servers give all of them the same id, or none.
    is_whole: bool,
    id: String,
    calls: Vec<PendingCall>,
    has_started: bool,
    has_content: bool,
    has_refusal: bool,
    reason: Option<StopReason>,
    is_ended: bool,
}

#[derive(Debug)]
struct PendingCall {
    /// The upstream's index of it.
    key: Option<u64>,
    /// The upstream's id of it; empty until it is known.
    id: String,
    has_started: bool,
    /// Arguments that came before the name.
    held: String,
}

impl ChatDecoder {
    /// Begins with nothing. Chat has no reasoning state, so that it does not matter where it comes from.
    pub fn new(_origin: Origin) -> Self {
        Self::default()
    }

    fn delta(&mut self, delta: &ReceivedDelta<'_>, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        if let Some(text) = &delta.reasoning_content {
            emit_text(text, sink, AnswerEvent::Reasoning);
        } else if let Some(raw) = delta.reasoning {
            // Some servers send an object here.
            if let Ok(text) = serde_json::from_str::<Cow<'_, str>>(raw.get()) {
                emit_text(&text, sink, AnswerEvent::Reasoning);
            }
        }
        if let Some(raw) = delta.content {
            self.has_content |= content(raw, sink)?;
        }
        if let Some(text) = delta.refusal.as_ref().filter(|text| !text.is_empty()) {
            self.has_refusal = true;
            emit_text(text, sink, AnswerEvent::Refusal);
        }
        for annotation in delta.annotations.iter().flatten() {
            if let Some(citation) = &annotation.url_citation {
                sink(AnswerEvent::Citation(Citation {
                    url: Cow::Borrowed(&citation.url),
                    title: Cow::Borrowed(citation.title.as_deref().unwrap_or_default()),
                }));
            }
        }
        for (place, call) in (0..).zip(delta.tool_calls.iter().flatten()) {
            let id = call.id.as_deref().unwrap_or_default();
            let key = if self.is_whole {
                Some(place)
            } else {
                call.index
            };
            self.call(key, id, call.function.as_ref(), sink)?;
        }
        if let Some(function) = &delta.function_call {
            self.call(Some(0), "", Some(function), sink)?;
        }
        Ok(())
    }

    fn call(
        &mut self,
        key: Option<u64>,
        id: &str,
        function: Option<&ReceivedFunction<'_>>,
        sink: &mut Sink<'_>,
    ) -> Result<(), BadAnswer> {
        let name = function.and_then(|it| it.name.as_deref()).unwrap_or("");
        let arguments = function.and_then(|it| it.arguments).map(arguments);
        let arguments = arguments.as_deref().unwrap_or_default();
        let index = self.find(key, id, name)?;
        let Some(call) = self.calls.get_mut(index) else {
            return Ok(());
        };
        if call.id.is_empty() && !call.has_started {
            id.clone_into(&mut call.id);
        }
        if !call.has_started && name.is_empty() {
            if call.held.len() + arguments.len() > MAX_HELD_BYTES {
                return Err(BadAnswer("a call has no name"));
            }
            call.held.push_str(arguments);
            return Ok(());
        }
        if !call.has_started {
            call.has_started = true;
            if call.id.is_empty() {
                call.id = ids::made_call_id(&self.id, index);
            }
            sink(AnswerEvent::CallStart {
                index,
                id: Cow::Borrowed(&call.id),
                name: Cow::Borrowed(name),
            });
            let held = std::mem::take(&mut call.held);
            emit_arguments(index, &held, sink);
        }
        emit_arguments(index, arguments, sink);
        Ok(())
    }

    /// The call that a delta belongs to; a new one where it is none of those before.
    fn find(&mut self, key: Option<u64>, id: &str, name: &str) -> Result<usize, BadAnswer> {
        let known = match key {
            Some(_) => self.calls.iter().rposition(|call| call.key == key),
            None if id.is_empty() => self.calls.len().checked_sub(1),
            None => self.calls.iter().rposition(|call| call.id == id),
        };
        // Some servers give every call the same index: another id with a name is another call.
        let is_other = |call: &PendingCall| {
            call.has_started && !name.is_empty() && !id.is_empty() && call.id != id
        };
        if let Some(index) = known
            && !self.calls.get(index).is_some_and(is_other)
        {
            return Ok(index);
        }
        if self.calls.len() == MAX_CALLS {
            return Err(BadAnswer("it has too many calls"));
        }
        self.calls.push(PendingCall {
            key,
            id: String::new(),
            has_started: false,
            held: String::new(),
        });
        Ok(self.calls.len() - 1)
    }
}

impl AnswerDecoder for ChatDecoder {
    fn event(&mut self, data: &[u8], sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        if self.is_ended {
            return Ok(());
        }
        if data.trim_ascii_start().starts_with(b"[DONE]") {
            return self.finish(sink);
        }
        let chunk: ReceivedChunk<'_> = serde_json::from_slice(data)
            .map_err(|_| BadAnswer("an event of the stream is no chunk of a chat completion"))?;
        if !self.has_started {
            self.has_started = true;
            self.id = chunk.id.unwrap_or_default().into_owned();
            sink(AnswerEvent::Start {
                id: Cow::Borrowed(&self.id),
            });
        }
        let choices = chunk.choices.unwrap_or_default();
        for choice in &choices {
            // Requests between dialects have one choice.
            if choice.index.unwrap_or(0) != 0 {
                continue;
            }
            for delta in [&choice.delta, &choice.message].into_iter().flatten() {
                self.delta(delta, sink)?;
            }
            if let Some(reason) = choice.finish_reason.as_deref() {
                self.reason.get_or_insert(stop_reason(reason));
            }
        }
        if let Some(usage) = usage::of_body(data) {
            sink(AnswerEvent::Usage(usage));
            // The usage comes last, once the answer is finished.
            if choices.is_empty() && self.reason.is_some() {
                return self.finish(sink);
            }
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        if self.is_ended {
            return Ok(());
        }
        if self.calls.iter().any(|call| !call.has_started) {
            return Err(BadAnswer("a call has no name"));
        }
        let has_calls = !self.calls.is_empty();
        if self.reason.is_none() && !has_calls && !self.has_content && !self.has_refusal {
            return Err(BadAnswer("it ended without an answer"));
        }
        self.is_ended = true;
        for index in 0..self.calls.len() {
            sink(AnswerEvent::CallEnd { index });
        }
        let reason = match self.reason.unwrap_or_default() {
            StopReason::Stop | StopReason::Calls if self.has_refusal => StopReason::Filtered,
            StopReason::Calls if !has_calls => StopReason::Stop,
            reason => reason.with_calls(has_calls),
        };
        sink(AnswerEvent::Finish {
            reason,
            sequence: None,
        });
        sink(AnswerEvent::End);
        Ok(())
    }
}

fn stop_reason(word: &str) -> StopReason {
    match word {
        "length" => StopReason::Length,
        "tool_calls" | "function_call" => StopReason::Calls,
        "content_filter" => StopReason::Filtered,
        _ => StopReason::Stop,
    }
}

fn emit_text<'e>(
    text: &'e str,
    sink: &mut Sink<'_>,
    event: impl FnOnce(Cow<'e, str>) -> AnswerEvent<'e>,
) {
    if !text.is_empty() {
        sink(event(Cow::Borrowed(text)));
    }
}

fn emit_arguments(index: usize, json: &str, sink: &mut Sink<'_>) {
    if !json.is_empty() {
        sink(AnswerEvent::CallArguments {
            index,
            json: Cow::Borrowed(json),
        });
    }
}

/// Arguments are a string of JSON; some servers send the JSON itself.
fn arguments(raw: &RawValue) -> Cow<'_, str> {
    match raw.get() {
        "null" => Cow::Borrowed(""),
        text if text.starts_with('"') => serde_json::from_str(text).unwrap_or_default(),
        json => Cow::Borrowed(json),
    }
}

/// A text, or a list of parts as some servers send it; whether there was any text.
fn content(raw: &RawValue, sink: &mut Sink<'_>) -> Result<bool, BadAnswer> {
    const NO_CONTENT: BadAnswer = BadAnswer("its content is neither a text nor a list of parts");
    match raw.get().as_bytes().first() {
        Some(b'"') => {
            let text: Cow<'_, str> = serde_json::from_str(raw.get()).map_err(|_| NO_CONTENT)?;
            emit_text(&text, sink, AnswerEvent::Text);
            Ok(!text.is_empty())
        }
        Some(b'[') => {
            let parts: Vec<ReceivedPart<'_>> =
                serde_json::from_str(raw.get()).map_err(|_| NO_CONTENT)?;
            let mut has_text = false;
            for part in &parts {
                if let Some(thinking) = part.thinking {
                    thinking_part(thinking, sink);
                } else if let Some(text) = &part.text {
                    has_text |= !text.is_empty();
                    emit_text(text, sink, AnswerEvent::Text);
                }
            }
            Ok(has_text)
        }
        _ => Ok(false),
    }
}

/// Mistral's reasoning: a list of texts inside a part.
fn thinking_part(raw: &RawValue, sink: &mut Sink<'_>) {
    let parts: Vec<ReceivedPart<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
    for text in parts.iter().filter_map(|part| part.text.as_ref()) {
        emit_text(text, sink, AnswerEvent::Reasoning);
    }
}
