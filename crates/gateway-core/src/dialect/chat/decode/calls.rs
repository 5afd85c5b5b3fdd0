//! The calls of an answer, put together from deltas. Owns which call a delta belongs to when servers number them late,
//! wrongly or not at all, and when a call begins and ends. Holds no arguments but those that come before their call's name.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::answer_event::{AnswerEvent, BadAnswer, Sink};
use crate::dialect::{ids, json};

/// More calls than any answer has.
const MAX_CALLS: usize = 1024;
/// More arguments than come before their call's name.
const MAX_WAITING_BYTES: usize = 1 << 20;
/// The index of the one call of legacy answers.
const LEGACY_INDEX: u64 = u64::MAX;

#[derive(Deserialize)]
struct ChatCallDelta<'a> {
    #[serde(borrow, default)]
    index: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChatFunctionDelta<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// What one delta has of one call.
#[derive(Debug)]
pub struct CallPiece<'a> {
    index: Option<u64>,
    id: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    arguments: Option<Cow<'a, str>>,
}

impl<'a> CallPiece<'a> {
    /// Of an entry of `tool_calls`. `position`: its place, where every entry is a call.
    pub fn of(raw: &'a RawValue, position: Option<usize>) -> Result<Self, BadAnswer> {
        let delta: ChatCallDelta<'a> =
            json::object(raw).ok_or(BadAnswer("a call is not an object"))?;
        let index = match position {
            Some(position) => u64::try_from(position).ok(),
            None => delta.index.and_then(|raw| raw.get().parse().ok()),
        };
        let called = delta.function.map_or(Ok((None, None)), called)?;
        Ok(Self {
            index,
            id: json::some_text(delta.id),
            name: called.0,
            arguments: called.1,
        })
    }

    /// Of a `function_call`.
    pub fn of_legacy(raw: &'a RawValue) -> Result<Self, BadAnswer> {
        let (name, arguments) = called(raw)?;
        Ok(Self {
            index: Some(LEGACY_INDEX),
            id: None,
            name,
            arguments,
        })
    }
}

type NameAndArguments<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>);

/// Arguments are text; some servers send an object, whose JSON it is.
fn called(raw: &RawValue) -> Result<NameAndArguments<'_>, BadAnswer> {
    let function: ChatFunctionDelta<'_> =
        json::object(raw).ok_or(BadAnswer("the function of a call is not an object"))?;
    let arguments = function.arguments.map(|raw| match json::text(raw) {
        Some(text) => text,
        None => Cow::Borrowed(raw.get()),
    });
    let arguments = arguments.filter(|arguments| !arguments.is_empty());
    Ok((json::some_text(function.name), arguments))
}

/// All calls so far.
#[derive(Debug, Default)]
pub struct CallDeltas {
    calls: Vec<ChatCallState>,
    started: usize,
}

#[derive(Debug, Default)]
struct ChatCallState {
    index: Option<u64>,
    id: String,
    /// Its place among the calls that began; `None` until its name is there.
    place: Option<usize>,
    waiting: String,
    scan: ArgumentsScan,
    has_ended: bool,
}

impl CallDeltas {
    /// Whether any call has begun.
    pub const fn any(&self) -> bool {
        self.started > 0
    }

    /// Adds a delta.
    pub fn add(
        &mut self,
        piece: &CallPiece<'_>,
        answer_id: &str,
        sink: &mut Sink<'_>,
    ) -> Result<(), BadAnswer> {
        let slot = match self.slot(piece) {
            Some(slot) => slot,
            None => self.open(piece)?,
        };
        let Some(call) = self.calls.get(slot) else {
            return Ok(());
        };
        if call.place.is_none() && piece.name.is_some() {
            self.end_complete(sink);
        }
        let started = self.started;
        let Some(call) = self.calls.get_mut(slot) else {
            return Ok(());
        };
        if call.id.is_empty()
            && let Some(id) = &piece.id
        {
            call.id = id.clone().into_owned();
        }
        if call.place.is_none()
            && let Some(name) = &piece.name
        {
            call.start(started, name, answer_id, sink);
            self.started += 1;
        }
        match &piece.arguments {
            Some(arguments) => call.arguments(arguments, sink),
            None => Ok(()),
        }
    }

    /// Ends all calls.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        for call in &mut self.calls {
            if call.place.is_none() && !(call.waiting.is_empty() && call.id.is_empty()) {
                return Err(BadAnswer("a call has no name"));
            }
            call.end(sink);
        }
        Ok(())
    }

    /// The call that a delta continues; `None`: it begins one.
    fn slot(&self, piece: &CallPiece<'_>) -> Option<usize> {
        let same_index = |call: &ChatCallState| call.index == piece.index;
        let slot = match (piece.index, &piece.id) {
            (Some(_), _) => self.calls.iter().rposition(same_index)?,
            (None, Some(id)) => match self.calls.iter().rposition(|call| call.id == **id) {
                Some(slot) => return Some(slot),
                None => self.calls.len().checked_sub(1)?,
            },
            (None, None) => self.calls.len().checked_sub(1)?,
        };
        let call = self.calls.get(slot)?;
        // Some servers give all calls of an answer the index 0, or none. Each call comes whole there.
        let is_other = match &piece.id {
            Some(id) => !call.id.is_empty() && *call.id != **id,
            None => piece.index.is_none(),
        };
        let begins = is_other && piece.name.is_some() && call.scan.is_complete();
        (!begins).then_some(slot)
    }

    fn open(&mut self, piece: &CallPiece<'_>) -> Result<usize, BadAnswer> {
        let slot = self.calls.len();
        if slot >= MAX_CALLS {
            return Err(BadAnswer("it has too many calls"));
        }
        self.calls.push(ChatCallState {
            index: piece.index,
            ..ChatCallState::default()
        });
        Ok(slot)
    }

    /// Ends the calls whose arguments are complete, so that the next one need not wait for the end of the answer.
    fn end_complete(&mut self, sink: &mut Sink<'_>) {
        for call in &mut self.calls {
            if call.scan.is_complete() {
                call.end(sink);
            }
        }
    }
}

impl ChatCallState {
    /// The name is there. An id that comes later is ignored: the call has one already.
    fn start(&mut self, place: usize, name: &str, answer_id: &str, sink: &mut Sink<'_>) {
        self.place = Some(place);
        let id = match &*self.id {
            "" => Cow::Owned(ids::made_call_id(answer_id, place)),
            id => Cow::Borrowed(id),
        };
        sink(AnswerEvent::CallStart {
            index: place,
            id,
            name: Cow::Borrowed(name),
        });
        let waiting = std::mem::take(&mut self.waiting);
        if !waiting.is_empty() {
            sink(AnswerEvent::CallArguments {
                index: place,
                json: Cow::Owned(waiting),
            });
        }
    }

    fn arguments(&mut self, json: &str, sink: &mut Sink<'_>) -> Result<(), BadAnswer> {
        // Some servers send it when there are none.
        if !self.scan.has_begun && json == "null" {
            return Ok(());
        }
        if self.has_ended {
            return match json.trim_ascii() {
                "" => Ok(()),
                _ => Err(BadAnswer("a call goes on after its end")),
            };
        }
        self.scan.add(json);
        let Some(place) = self.place else {
            self.waiting.push_str(json);
            return match self.waiting.len() {
                0..=MAX_WAITING_BYTES => Ok(()),
                _ => Err(BadAnswer("a call has no name")),
            };
        };
        sink(AnswerEvent::CallArguments {
            index: place,
            json: Cow::Borrowed(json),
        });
        Ok(())
    }

    fn end(&mut self, sink: &mut Sink<'_>) {
        if let Some(index) = self.place
            && !self.has_ended
        {
            self.has_ended = true;
            sink(AnswerEvent::CallEnd { index });
        }
    }
}

/// How far the arguments of a call have come, by their brackets.
#[derive(Debug, Default)]
struct ArgumentsScan {
    depth: u32,
    has_begun: bool,
    is_in_string: bool,
    is_escaped: bool,
}

impl ArgumentsScan {
    fn add(&mut self, json: &str) {
        for byte in json.bytes() {
            if self.is_in_string {
                let closes = byte == b'"' && !self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                self.is_in_string = !closes;
                continue;
            }
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => {
                    self.has_begun = true;
                    self.depth = self.depth.saturating_add(1);
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    const fn is_complete(&self) -> bool {
        self.has_begun && self.depth == 0 && !self.is_in_string
    }
}
