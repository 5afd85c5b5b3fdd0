//! Streams of `OpenAI`'s Responses: the grammar as a state machine. Owns the order of events.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ErrorBody, Outcome, responses, responses_items};
use crate::node::{Node, Verdict, ensure, parse};
use crate::normal::Answer;
use crate::sse::Frame;

/// An item between `added` and `done`.
struct Open {
    id: String,
    kind: String,
    /// Pieces of text, arguments or input, by content or summary index.
    pieces: BTreeMap<u64, String>,
    /// Content or summary parts that are open.
    parts: Vec<u64>,
    /// Indices whose `.done` has come.
    closed: Vec<u64>,
}

#[derive(Default)]
struct State {
    created: Option<String>,
    open: BTreeMap<u64, Open>,
    added: u64,
    /// The complete items, by output index.
    items: BTreeMap<u64, Value>,
    answer: Option<Answer>,
    error: Option<ErrorBody>,
}

/// Reads a stream.
pub fn read(frames: &[Frame]) -> Verdict<Outcome> {
    let mut state = State::default();
    for (number, frame) in frames.iter().enumerate() {
        let value = parse(frame.data.as_bytes(), "the data of an event")?;
        let event = Node::root(&value, "event");
        let kind = event.kind("type")?;
        // The documented schema has the type alone; clients may ignore the event's name, or rely on it.
        let name = frame.event.as_deref();
        ensure(name.is_none_or(|name| name == kind), || {
            format!("{kind:?} has the event name {:?}", frame.event)
        })?;
        let is_next = usize::try_from(event.need("sequence_number")?.int()?) == Ok(number);
        event.ensure(is_next, &format!("{kind} must have the number {number}"))?;
        ensure(state.answer.is_none() && state.error.is_none(), || {
            format!("{kind:?} after the end")
        })?;
        state
            .event(kind, &event)
            .map_err(|error| format!("{kind}: {error}"))?;
    }
    match (state.error, state.answer) {
        (Some(error), _) => Ok(Outcome::Broken(error)),
        (None, Some(answer)) => Ok(Outcome::Answer(answer)),
        (None, None) => Err("it ended without a terminal event".to_owned()),
    }
}

impl State {
    fn event(&mut self, kind: &str, event: &Node<'_>) -> Verdict<()> {
        if kind == "error" {
            self.error = Some(failure(event)?);
            return Ok(());
        }
        event.ensure(
            self.created.is_some() == (kind != "response.created"),
            "`response.created` must come first, and once",
        )?;
        match kind {
            "response.created" => {
                let response = event.need("response")?;
                responses::head(&response)?;
                self.created = Some(response.need("id")?.text()?.to_owned());
                Ok(())
            }
            "response.in_progress" | "response.queued" => {
                responses::head(&event.need("response")?)?;
                event.ensure(self.added == 0, "must come before all items")
            }
            "response.output_item.added" => self.item_added(event),
            "response.output_item.done" => self.item_done(event),
            "response.completed" | "response.incomplete" => self.ended(kind, event),
            "response.failed" => {
                let response = event.need("response")?;
                response.need("status")?.one_of(&["failed"])?;
                self.error = Some(failure(&response.need("error")?)?);
                Ok(())
            }
            _ => self.inside(kind, event),
        }
    }

    fn item_added(&mut self, event: &Node<'_>) -> Verdict<()> {
        let index = event.need("output_index")?.int()?;
        event.ensure(index == self.added, "output indices must count up")?;
        self.added += 1;
        let item = event.need("item")?;
        let open = Open {
            id: item.need("id")?.text()?.to_owned(),
            kind: item.kind("type")?.to_owned(),
            pieces: BTreeMap::new(),
            parts: Vec::new(),
            closed: Vec::new(),
        };
        self.open.insert(index, open);
        Ok(())
    }

    fn item_done(&mut self, event: &Node<'_>) -> Verdict<()> {
        let index = event.need("output_index")?.int()?;
        let Some(open) = self.open.remove(&index) else {
            return event.fail("its item was not added, or is done");
        };
        let item = event.need("item")?;
        let is_same = item.need("id")?.text()? == open.id && item.kind("type")? == open.kind;
        item.ensure(is_same, "id or type differ from the item that was added")?;
        item.ensure(open.parts.is_empty(), "a part of it is still open")?;
        responses_items::read(&item)?;
        let unclosed = open.pieces.keys().find(|at| !open.closed.contains(at));
        item.ensure(unclosed.is_none(), "deltas without their `.done`")?;
        let texts = texts(&item)?;
        for (at, piece) in &open.pieces {
            let whole = usize::try_from(*at).ok().and_then(|at| texts.get(at));
            item.ensure(
                whole == Some(piece),
                &format!("the deltas are {piece:?}, the item has {whole:?}"),
            )?;
        }
        let has_content = texts.iter().any(|text| !text.is_empty());
        item.ensure(
            !has_content || !open.pieces.is_empty() || open.kind == "reasoning",
            "its content never came as deltas",
        )?;
        self.items.insert(index, item.value.clone());
        Ok(())
    }

    fn inside(&mut self, kind: &str, event: &Node<'_>) -> Verdict<()> {
        let index = event.need("output_index")?.int()?;
        let Some(open) = self.open.get_mut(&index) else {
            return event.fail("its item is not open");
        };
        event.ensure(
            event.need("item_id")?.text()? == open.id,
            "`item_id` is that of another item",
        )?;
        let name = kind.strip_prefix("response.").unwrap_or(kind);
        let (of, at) = match name.split('.').next().unwrap_or(name) {
            "content_part" | "output_text" | "refusal" => ("message", "content_index"),
            "function_call_arguments" => ("function_call", ""),
            "custom_tool_call_input" => ("custom_tool_call", ""),
            "reasoning_summary_part" | "reasoning_summary_text" => ("reasoning", "summary_index"),
            "reasoning_text" => ("reasoning", "content_index"),
            // Events of the vendor's own tools.
            _ => return Ok(()),
        };
        event.ensure(
            open.kind == of,
            &format!("in an item of type {}", open.kind),
        )?;
        let at = if at.is_empty() {
            0
        } else {
            event.need(at)?.int()?
        };
        open.content(name, at, event)
    }

    fn ended(&mut self, kind: &str, event: &Node<'_>) -> Verdict<()> {
        event.ensure(self.open.is_empty(), "an item is not done")?;
        let response = event.need("response")?;
        let is_same = Some(response.need("id")?.text()?) == self.created.as_deref();
        response.ensure(is_same, "the id differs from the first one")?;
        let status = kind.strip_prefix("response.").unwrap_or(kind);
        response.need("status")?.one_of(&[status])?;
        let output = response.need("output")?;
        let done: Vec<&Value> = self.items.values().collect();
        let listed: Vec<&Value> = output.items()?.iter().map(|item| item.value).collect();
        output.ensure(
            done == listed,
            "`output` differs from the items that were done",
        )?;
        self.answer = Some(responses::ended(&response)?);
        Ok(())
    }
}

impl Open {
    fn content(&mut self, name: &str, at: u64, event: &Node<'_>) -> Verdict<()> {
        let has_parts = name.starts_with("content_part")
            || name.starts_with("output_text")
            || name.starts_with("refusal")
            || name.starts_with("reasoning_summary");
        let is_open = self.parts.contains(&at);
        if name.ends_with("_part.added") {
            event.ensure(!is_open, "the part is already open")?;
            self.parts.push(at);
            return Ok(());
        }
        event.ensure(is_open || !has_parts, "its part is not open")?;
        if name.ends_with("_part.done") {
            self.parts.retain(|other| *other != at);
            return Ok(());
        }
        event.ensure(!self.closed.contains(&at), "after its `.done`")?;
        let piece = self.pieces.entry(at).or_default();
        let (_, last) = name.rsplit_once('.').unwrap_or_default();
        if last == "delta" {
            piece.push_str(event.need("delta")?.str()?);
            return Ok(());
        }
        let field = match name {
            "function_call_arguments.done" => "arguments",
            "custom_tool_call_input.done" => "input",
            "refusal.done" => "refusal",
            "output_text.done" | "reasoning_summary_text.done" | "reasoning_text.done" => "text",
            // Annotations and what may be added later.
            _ => return Ok(()),
        };
        let whole = event.need(field)?.str()?;
        event.ensure(
            whole == piece,
            &format!("it is {whole:?}, the deltas were {piece:?}"),
        )?;
        self.closed.push(at);
        Ok(())
    }
}

/// The texts of an item by index, as deltas bring them.
fn texts(item: &Node<'_>) -> Verdict<Vec<String>> {
    for name in ["arguments", "input"] {
        if let Some(node) = item.get(name) {
            return Ok(vec![node.str()?.to_owned()]);
        }
    }
    let summary = item
        .get("summary")
        .filter(|node| node.value.as_array().is_some_and(|parts| !parts.is_empty()));
    let Some(parts) = summary.or_else(|| item.get("content")) else {
        return Ok(Vec::new());
    };
    let text = |part: &Node<'_>| {
        let node = part.get("refusal").map_or_else(|| part.need("text"), Ok)?;
        node.str().map(str::to_owned)
    };
    parts.items()?.iter().map(text).collect()
}

fn failure(node: &Node<'_>) -> Verdict<ErrorBody> {
    let code = node.get("code").map(|code| code.text()).transpose()?;
    Ok(ErrorBody {
        kind: code.unwrap_or_default().to_owned(),
        code: code.map(str::to_owned),
        param: None,
        message: node.need("message")?.text()?.to_owned(),
    })
}
