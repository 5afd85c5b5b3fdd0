//! Streams of Anthropic's Messages: the grammar as a state machine. Owns the order of events.

use serde_json::{Value, json};

use super::{ErrorBody, Outcome, messages};
use crate::dialect::Dialect;
use crate::node::{Node, Verdict, ensure, parse};
use crate::normal::{Answer, Part, Stop};
use crate::sse::Frame;

/// A block between its start and its stop.
struct Open {
    block: Value,
    json: String,
    signed: bool,
}

#[derive(Default)]
struct State {
    started: bool,
    usage: Value,
    open: Option<Open>,
    blocks: usize,
    parts: Vec<Part>,
    stop: Option<Stop>,
    stopped: bool,
    error: Option<ErrorBody>,
}

/// Reads a stream.
pub fn read(frames: &[Frame]) -> Verdict<Outcome> {
    let mut state = State::default();
    for frame in frames {
        let value = parse(frame.data.as_bytes(), "the data of an event")?;
        let event = Node::root(&value, "event");
        let kind = event.kind("type")?;
        ensure(frame.event.as_deref() == Some(kind), || {
            format!("{kind:?} has the event name {:?}", frame.event)
        })?;
        ensure(!state.stopped && state.error.is_none(), || {
            format!("{kind:?} after the end")
        })?;
        state.event(kind, &event)?;
    }
    state.end()
}

impl State {
    fn event(&mut self, kind: &str, event: &Node<'_>) -> Verdict<()> {
        if kind == "ping" {
            return Ok(());
        }
        if kind == "error" {
            self.error = Some(super::error(Dialect::Messages, event.value)?);
            return Ok(());
        }
        event.ensure(
            self.started == (kind != "message_start"),
            "`message_start` must come first, and once",
        )?;
        match kind {
            "message_start" => self.message_start(&event.need("message")?),
            "content_block_start" => self.block_start(event),
            "content_block_delta" => self.block_delta(event),
            "content_block_stop" => self.block_stop(event),
            "message_delta" => self.message_delta(event),
            "message_stop" => {
                event.ensure(self.stop.is_some(), "no `message_delta` before it")?;
                self.stopped = true;
                Ok(())
            }
            other => event.fail(&format!("{other:?} is no type of an event")),
        }
    }

    fn message_start(&mut self, message: &Node<'_>) -> Verdict<()> {
        messages::head(message)?;
        let is_empty = message.need("content")?.items()?.is_empty();
        message.ensure(is_empty, "`content` must be empty at the start")?;
        message.ensure(
            message.get("stop_reason").is_none(),
            "`stop_reason` must be null at the start",
        )?;
        let usage = message.need("usage")?;
        messages::usage(&usage)?;
        self.usage = usage.value.clone();
        self.started = true;
        Ok(())
    }

    /// The index of an event must be that of the block in hand.
    fn index(&self, event: &Node<'_>) -> Verdict<()> {
        let index = event.need("index")?.int()?;
        event.ensure(
            usize::try_from(index) == Ok(self.blocks),
            &format!("the index is {index}, that of the block is {}", self.blocks),
        )
    }

    fn block_start(&mut self, event: &Node<'_>) -> Verdict<()> {
        event.ensure(self.open.is_none(), "the block before it is still open")?;
        event.ensure(self.stop.is_none(), "a block after `message_delta`")?;
        self.index(event)?;
        let block = event.need("content_block")?;
        messages::block(&block)?;
        if block.kind("type")? == "tool_use" {
            let is_empty = block.need("input")?.map()?.is_empty();
            block.ensure(is_empty, "`input` must be empty at the start")?;
        }
        self.open = Some(Open {
            block: block.value.clone(),
            json: String::new(),
            signed: false,
        });
        Ok(())
    }

    fn block_delta(&mut self, event: &Node<'_>) -> Verdict<()> {
        self.index(event)?;
        let Some(open) = &mut self.open else {
            return event.fail("no block is open");
        };
        let delta = event.need("delta")?;
        let kind = delta.kind("type")?;
        let (block, field) = match kind {
            "text_delta" | "citations_delta" => ("text", "text"),
            "thinking_delta" => ("thinking", "thinking"),
            "signature_delta" => ("thinking", "signature"),
            "input_json_delta" => ("tool_use", "partial_json"),
            other => return delta.fail(&format!("{other:?} is no type of a delta")),
        };
        let is_fit = open.block["type"] == block
            || (block == "tool_use" && open.block["type"] == "server_tool_use");
        delta.ensure(is_fit, &format!("{kind:?} in a block of another type"))?;
        delta.ensure(!open.signed, "a delta after the signature")?;
        if kind == "citations_delta" {
            return Ok(());
        }
        let piece = delta.need(field)?.str()?;
        if kind == "input_json_delta" {
            open.json.push_str(piece);
            return Ok(());
        }
        open.signed = kind == "signature_delta";
        let before = open.block[field].as_str().unwrap_or_default();
        open.block[field] = json!(format!("{before}{piece}"));
        Ok(())
    }

    fn block_stop(&mut self, event: &Node<'_>) -> Verdict<()> {
        self.index(event)?;
        let Some(open) = self.open.take() else {
            return event.fail("no block is open");
        };
        self.blocks += 1;
        let part = messages::block(&Node::root(&open.block, "block"))?;
        self.parts.extend(part.map(|part| match part {
            Part::Call(mut call) => {
                if !open.json.is_empty() {
                    call.arguments = open.json;
                }
                Part::Call(call)
            }
            other => other,
        }));
        Ok(())
    }

    fn message_delta(&mut self, event: &Node<'_>) -> Verdict<()> {
        event.ensure(self.open.is_none(), "a block is still open")?;
        event.ensure(self.stop.is_none(), "`message_delta` came twice")?;
        self.stop = Some(messages::stop(&event.need("delta")?)?);
        let usage = event.need("usage")?;
        usage.need("output_tokens")?.int()?;
        // Cumulative: the last value of a field counts, but no zero hides the input of the start.
        for (name, value) in usage.map()? {
            let hides = value == 0 && self.usage[name].as_u64().unwrap_or(0) > 0;
            let is_kept = value.is_null() || (hides && name.contains("input"));
            if !is_kept {
                self.usage[name] = value.clone();
            }
        }
        Ok(())
    }

    fn end(self) -> Verdict<Outcome> {
        if let Some(error) = self.error {
            return Ok(Outcome::Broken(error));
        }
        ensure(self.stopped, || {
            "it ended without `message_stop` or an error".to_owned()
        })?;
        let Some(stop) = self.stop else {
            return Err("it has no stop reason".to_owned());
        };
        for part in &self.parts {
            if let Part::Call(call) = part {
                let parsed: Result<Value, _> = serde_json::from_str(&call.arguments);
                let is_object = parsed.is_ok_and(|value| value.is_object());
                ensure(is_object || stop == Stop::Length, || {
                    format!(
                        "the input of {:?} is no object: {:?}",
                        call.name, call.arguments
                    )
                })?;
            }
        }
        Ok(Outcome::Answer(Answer {
            parts: self.parts,
            stop,
            usage: Some(messages::usage(&Node::root(&self.usage, "usage"))?),
        }))
    }
}
