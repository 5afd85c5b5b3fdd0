//! Events of `/v1/responses`. Owns the events of each kind of output item before its final form; items of unknown kinds
//! are sent whole, as added and as done.

use super::rope::Rope;
use super::{ShortObject, each};
use crate::wire::walk::{Unfit, WalkStep};

/// Writes all events.
pub fn write(whole: &str, rope: &mut Rope) -> WalkStep {
    let response = ShortObject::parse(whole)?;
    let output = response.get("output").filter(|raw| raw.starts_with('['));
    let last = match response.get("status") {
        Some("\"incomplete\"") => "response.incomplete",
        // A response in progress or failed is not a whole answer.
        Some("\"failed\"" | "\"cancelled\"" | "\"queued\"" | "\"in_progress\"") => {
            return Err(Unfit);
        }
        _ => "response.completed",
    };
    let output = output.ok_or(Unfit)?;
    let mut events = ResponsesEvents { rope, number: 0 };
    for kind in ["response.created", "response.in_progress"] {
        events.event(kind, |rope| {
            rope.text(",\"response\":");
            response.write(rope, |name| match name {
                "status" => Some("\"in_progress\""),
                "output" => Some("[]"),
                "usage" | "incomplete_details" | "error" | "completed_at" => Some("null"),
                _ => None,
            });
        });
    }
    each(Some(output), |place, item| events.item(place, item))?;
    events.event(last, |rope| {
        rope.text(",\"response\":");
        rope.raw(whole.trim());
    });
    Ok(())
}

struct ResponsesEvents<'r> {
    rope: &'r mut Rope,
    number: u64,
}

/// The position of something in the output: members of an event, each with a comma before it.
struct OutputPosition(String);

impl OutputPosition {
    fn below(&self, name: &str, index: usize) -> Self {
        Self(format!("{},\"{name}\":{index}", self.0))
    }
}

impl ResponsesEvents<'_> {
    fn event(&mut self, kind: &str, write: impl FnOnce(&mut Rope)) {
        let number = self.number;
        self.number += 1;
        self.rope.text(&format!(
            "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number}"
        ));
        write(self.rope);
        self.rope.text("}\n\n");
    }

    /// An event with its position and one value.
    fn say(&mut self, kind: &str, place: &OutputPosition, name: &str, raw: &str) {
        self.event(kind, |rope| {
            rope.text(&place.0);
            rope.text(",");
            rope.name(name);
            rope.raw(raw);
        });
    }

    /// The text of `raw`, as a delta and as done.
    fn text(&mut self, kind: &str, place: &OutputPosition, name: &str, raw: &str) {
        if raw != "\"\"" {
            self.say(&format!("{kind}.delta"), place, "delta", raw);
        }
        self.say(&format!("{kind}.done"), place, name, raw);
    }

    fn item(&mut self, index: usize, raw: &str) -> WalkStep {
        let item = ShortObject::parse(raw)?;
        let kind = item.get("type").unwrap_or_default().trim_matches('"');
        let output = OutputPosition(format!(",\"output_index\":{index}"));
        let place = match item.set("id").filter(|id| id.starts_with('"')) {
            Some(id) => OutputPosition(format!("{},\"item_id\":{id}", output.0)),
            None => OutputPosition(format!("{},\"item_id\":\"item_{index}\"", output.0)),
        };
        self.event("response.output_item.added", |rope| {
            rope.text(&output.0);
            rope.text(",\"item\":");
            item.write(rope, |name| match (kind, name) {
                (
                    "message" | "reasoning" | "function_call" | "custom_tool_call" | "mcp_call",
                    "status",
                ) => Some("\"in_progress\""),
                ("message" | "reasoning", "content") | ("reasoning", "summary") => Some("[]"),
                ("function_call" | "mcp_call", "arguments") | ("custom_tool_call", "input") => {
                    Some("\"\"")
                }
                _ => None,
            });
        });
        match kind {
            "message" => each(item.get("content"), |index, part| {
                self.part(&place.below("content_index", index), part)
            })?,
            "reasoning" => self.reasoning(&place, &item)?,
            "function_call" | "mcp_call" => {
                if let Some(arguments) = item.set("arguments") {
                    let kind = format!("response.{kind}_arguments");
                    self.text(&kind, &place, "arguments", arguments);
                }
            }
            "custom_tool_call" => {
                if let Some(input) = item.set("input") {
                    self.text("response.custom_tool_call_input", &place, "input", input);
                }
            }
            _ => {}
        }
        self.say("response.output_item.done", &output, "item", raw);
        Ok(())
    }

    /// A part of a message's content.
    fn part(&mut self, place: &OutputPosition, raw: &str) -> WalkStep {
        let part = ShortObject::parse(raw)?;
        let logprobs = part.set("logprobs").unwrap_or("[]");
        self.event("response.content_part.added", |rope| {
            rope.text(&place.0);
            rope.text(",\"part\":");
            part.write(rope, |name| match name {
                "text" | "refusal" => Some("\"\""),
                "annotations" | "logprobs" => Some("[]"),
                _ => None,
            });
        });
        match part.get("type") {
            Some("\"output_text\"") => {
                let text = part.set("text").unwrap_or("\"\"");
                let with_logprobs = |rope: &mut Rope, name: &str| {
                    rope.text(&place.0);
                    rope.text(",");
                    rope.name(name);
                    rope.raw(text);
                    rope.text(",\"logprobs\":");
                    rope.raw(logprobs);
                };
                if text != "\"\"" {
                    self.event("response.output_text.delta", |rope| {
                        with_logprobs(rope, "delta");
                    });
                }
                each(part.get("annotations"), |index, annotation| {
                    let place = place.below("annotation_index", index);
                    let kind = "response.output_text.annotation.added";
                    self.say(kind, &place, "annotation", annotation);
                    Ok(())
                })?;
                self.event("response.output_text.done", |rope| {
                    with_logprobs(rope, "text");
                });
            }
            Some("\"refusal\"") => {
                let refusal = part.set("refusal").unwrap_or("\"\"");
                self.text("response.refusal", place, "refusal", refusal);
            }
            _ => {}
        }
        self.say("response.content_part.done", place, "part", raw);
        Ok(())
    }

    fn reasoning(&mut self, place: &OutputPosition, item: &ShortObject<'_>) -> WalkStep {
        each(item.get("summary"), |index, raw| {
            let place = place.below("summary_index", index);
            let part = ShortObject::parse(raw)?;
            self.event("response.reasoning_summary_part.added", |rope| {
                rope.text(&place.0);
                rope.text(",\"part\":");
                part.write(rope, |name| (name == "text").then_some("\"\""));
            });
            let text = part.set("text").unwrap_or("\"\"");
            self.text("response.reasoning_summary_text", &place, "text", text);
            self.say("response.reasoning_summary_part.done", &place, "part", raw);
            Ok(())
        })?;
        each(item.get("content"), |index, raw| {
            let part = ShortObject::parse(raw)?;
            let text = part.set("text").unwrap_or("\"\"");
            let place = place.below("content_index", index);
            self.text("response.reasoning_text", &place, "text", text);
            Ok(())
        })
    }
}
