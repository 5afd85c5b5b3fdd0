//! Answers and streams of Google's `generateContent`. Owns their schema; a stream is a row of partial answers.

use serde_json::Value;

use super::{ErrorBody, Outcome};
use crate::dialect::Dialect;
use crate::node::{Node, Verdict, ensure, parse};
use crate::normal::{Answer, Part, Stop, Usage};
use crate::sse::Frame;

#[derive(Default)]
struct State {
    parts: Vec<Part>,
    stop: Option<Stop>,
    usage: Option<Usage>,
}

/// Reads a whole answer.
pub fn read(body: &Value) -> Verdict<Answer> {
    let mut state = State::default();
    state.piece(body)?;
    state.end()
}

/// Reads a stream.
pub fn read_stream(frames: &[Frame]) -> Verdict<Outcome> {
    let mut state = State::default();
    let mut error: Option<ErrorBody> = None;
    for frame in frames {
        ensure(error.is_none(), || "an event after the error".to_owned())?;
        ensure(frame.event.is_none(), || {
            format!("an event with the name {:?}", frame.event)
        })?;
        let value = parse(frame.data.as_bytes(), "the data of an event")?;
        if value.get("error").is_some() {
            error = Some(super::error(Dialect::Gemini, &value)?);
        } else {
            state.piece(&value)?;
        }
    }
    error.map_or_else(
        || state.end().map(Outcome::Answer),
        |error| Ok(Outcome::Broken(error)),
    )
}

impl State {
    fn piece(&mut self, value: &Value) -> Verdict<()> {
        let root = Node::root(value, "answer");
        if let Some(usage) = root.get("usageMetadata") {
            self.usage = Some(counted(&usage)?);
        }
        let Some(candidates) = root.get("candidates") else {
            if let Some(feedback) = root.get("promptFeedback") {
                feedback.need("blockReason")?.text()?;
                self.stop = Some(Stop::Filter);
            }
            return Ok(());
        };
        let candidates = candidates.items()?;
        root.ensure(candidates.len() <= 1, "must have at most one candidate")?;
        for candidate in candidates {
            candidate.ensure(self.stop.is_none(), "a candidate after the finish reason")?;
            self.candidate(&candidate)?;
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: &Node<'_>) -> Verdict<()> {
        if let Some(content) = candidate.get("content") {
            if let Some(role) = content.get("role") {
                role.one_of(&["model"])?;
            }
            for part in content
                .get("parts")
                .map_or(Ok(Vec::new()), |parts| parts.items())?
            {
                self.part(&part)?;
            }
        }
        let Some(reason) = candidate.get("finishReason") else {
            return Ok(());
        };
        let calls = self.parts.iter().any(|part| matches!(part, Part::Call(_)));
        self.stop = Some(
            match reason.one_of(&[
                "STOP",
                "MAX_TOKENS",
                "SAFETY",
                "RECITATION",
                "LANGUAGE",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "IMAGE_SAFETY",
                "OTHER",
            ])? {
                "STOP" if calls => Stop::Calls,
                "STOP" => Stop::End,
                "MAX_TOKENS" => Stop::Length,
                _ => Stop::Filter,
            },
        );
        Ok(())
    }

    fn part(&mut self, part: &Node<'_>) -> Verdict<()> {
        if let Some(call) = part.get("functionCall") {
            let arguments = call.get("args");
            if let Some(arguments) = &arguments {
                arguments.map()?;
            }
            // Calls are matched by position, so that an id is optional.
            let id = match call.get("id") {
                Some(id) => id.text()?.to_owned(),
                None => format!("position-{}", self.parts.len()),
            };
            let arguments = arguments.map_or("{}".to_owned(), |node| node.value.to_string());
            let name = call.need("name")?.name(64)?;
            self.parts.push(Part::call(&id, name, &arguments));
            return Ok(());
        }
        let text = part.need("text")?.str()?;
        let is_thought = part.get("thought").map_or(Ok(false), |node| node.bool())?;
        match (self.parts.last_mut(), is_thought) {
            (Some(Part::Text(before)), false)
            | (Some(Part::Thinking { text: before, .. }), true) => before.push_str(text),
            (_, true) => self.parts.push(Part::thinking(text)),
            (_, false) if text.is_empty() => {}
            (_, false) => self.parts.push(Part::text(text)),
        }
        Ok(())
    }

    fn end(self) -> Verdict<Answer> {
        let Some(stop) = self.stop else {
            return Err("it ended without a finish reason or an error".to_owned());
        };
        Ok(Answer {
            parts: self.parts,
            stop,
            usage: self.usage,
        })
    }
}

fn counted(node: &Node<'_>) -> Verdict<Usage> {
    let count = |name: &str| node.get(name).map_or(Ok(0), |node| node.int());
    let input = node.need("promptTokenCount")?.int()?;
    let reasoning = count("thoughtsTokenCount")?;
    let output = count("candidatesTokenCount")? + reasoning;
    let total = node.need("totalTokenCount")?.int()?;
    node.ensure(total == input + output, "the total does not add up")?;
    Ok(Usage {
        input,
        output,
        reasoning,
        cached: count("cachedContentTokenCount")?,
        written: 0,
    })
}
