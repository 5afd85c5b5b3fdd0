//! Streams of Chat Completions: the grammar as a state machine. Owns the order of chunks.

use serde_json::Value;

use super::{ErrorBody, Outcome, chat};
use crate::dialect::Dialect;
use crate::node::{Node, Verdict, ensure, parse};
use crate::normal::{Answer, Call, Part, Stop, Usage};
use crate::sse::Frame;

#[derive(Default)]
struct State {
    /// What all chunks share: id, model and time.
    head: Option<(String, String, u64)>,
    role: bool,
    text: String,
    thinking: String,
    calls: Vec<Call>,
    stop: Option<Stop>,
    usage: Option<Usage>,
    error: Option<ErrorBody>,
    done: bool,
}

/// Reads a stream.
pub fn read(frames: &[Frame]) -> Verdict<Outcome> {
    let mut state = State::default();
    for frame in frames {
        ensure(!state.done, || "an event after [DONE]".to_owned())?;
        ensure(state.error.is_none(), || {
            format!("an event after the error: {:?}", frame.data)
        })?;
        ensure(frame.event.is_none(), || {
            format!("an event with the name {:?}", frame.event)
        })?;
        if frame.data == "[DONE]" {
            state.done = true;
            continue;
        }
        let value = parse(frame.data.as_bytes(), "the data of an event")?;
        if value.get("error").is_some_and(|error| !error.is_null()) {
            state.error = Some(super::error(Dialect::Chat, &value)?);
        } else {
            state.chunk(&value)?;
        }
    }
    state.end()
}

impl State {
    fn chunk(&mut self, value: &Value) -> Verdict<()> {
        let root = Node::root(value, "chunk");
        root.need("object")?.one_of(&["chat.completion.chunk"])?;
        let head = (
            root.need("id")?.text()?.to_owned(),
            root.need("model")?.text()?.to_owned(),
            root.need("created")?.int()?,
        );
        let first = self.head.get_or_insert_with(|| head.clone());
        root.ensure(
            *first == head,
            "id, model or time differ from the first chunk",
        )?;
        let choices = root.need("choices")?.items()?;
        root.ensure(choices.len() <= 1, "must have at most one choice")?;
        if let Some(usage) = root.get("usage") {
            root.ensure(self.usage.is_none(), "usage came twice")?;
            root.ensure(
                self.stop.is_some() || !choices.is_empty(),
                "usage before the end",
            )?;
            self.usage = Some(chat::usage(&usage)?);
        }
        for choice in choices {
            self.choice(&choice)?;
        }
        Ok(())
    }

    fn choice(&mut self, choice: &Node<'_>) -> Verdict<()> {
        choice.ensure(choice.need("index")?.int()? == 0, "must have the index 0")?;
        choice.ensure(self.stop.is_none(), "a choice after the finish reason")?;
        let delta = choice.need("delta")?;
        match delta.get("role") {
            Some(role) => {
                role.one_of(&["assistant"])?;
                self.role = true;
            }
            None => delta.ensure(self.role, "the first delta has no role")?,
        }
        for name in ["content", "refusal"] {
            if let Some(text) = delta.get(name) {
                self.text.push_str(text.str()?);
            }
        }
        if let Some(text) = delta.get("reasoning_content") {
            self.thinking.push_str(text.str()?);
        }
        if let Some(calls) = delta.get("tool_calls") {
            for call in calls.some_items()? {
                self.call(&call)?;
            }
        }
        if let Some(reason) = choice.get("finish_reason") {
            self.stop = Some(chat::stop(&reason)?);
        }
        Ok(())
    }

    fn call(&mut self, delta: &Node<'_>) -> Verdict<()> {
        let index = usize::try_from(delta.need("index")?.int()?).unwrap_or(usize::MAX);
        delta.ensure(index <= self.calls.len(), "an index was left out")?;
        let function = delta.need("function")?;
        if index == self.calls.len() {
            delta.need("type")?.one_of(&["function"])?;
            self.calls.push(Call {
                id: delta.need("id")?.text()?.to_owned(),
                name: function.need("name")?.text()?.to_owned(),
                arguments: String::new(),
            });
        } else {
            for (node, known) in [
                (delta.get("id"), &self.calls[index].id),
                (function.get("name"), &self.calls[index].name),
            ] {
                if let Some(node) = node {
                    node.ensure(node.str()? == known, "changed in the middle of a call")?;
                }
            }
        }
        if let Some(arguments) = function.get("arguments") {
            self.calls[index].arguments.push_str(arguments.str()?);
        }
        Ok(())
    }

    fn end(self) -> Verdict<Outcome> {
        if let Some(error) = self.error {
            return Ok(Outcome::Broken(error));
        }
        ensure(self.done, || {
            "it ended without [DONE] or an error".to_owned()
        })?;
        let Some(stop) = self.stop else {
            return Err("[DONE] without a finish reason".to_owned());
        };
        let mut parts = Vec::new();
        if !self.thinking.is_empty() {
            parts.push(Part::thinking(&self.thinking));
        }
        if !self.text.is_empty() {
            parts.push(Part::Text(self.text));
        }
        parts.extend(self.calls.into_iter().map(Part::Call));
        Ok(Outcome::Answer(Answer {
            parts,
            stop,
            usage: self.usage,
        }))
    }
}
