//! Events of Anthropic's messages. Owns how each kind of content block is begun, filled and ended; blocks of unknown
//! kinds are sent whole in their start event.

use super::rope::Rope;
use super::{ShortObject, each};
use crate::wire::walk::{Unfit, WalkStep};

/// Members sent at the stream's end, since they are unknown at its beginning.
const AT_THE_END: [&str; 4] = ["stop_reason", "stop_sequence", "stop_details", "container"];

/// Writes all events.
pub fn write(whole: &str, rope: &mut Rope) -> WalkStep {
    let message = ShortObject::parse(whole)?;
    let content = message.get("content").filter(|raw| raw.starts_with('['));
    let content = content.ok_or(Unfit)?;
    begin(rope, &message)?;
    let mut has_calls = false;
    each(Some(content), |index, raw| {
        let block = ShortObject::parse(raw)?;
        has_calls |= block.get("type") == Some("\"tool_use\"");
        write_block(rope, index, &block)
    })?;
    end(rope, &message, has_calls);
    event(rope, "message_stop", |_| {});
    Ok(())
}

fn event(rope: &mut Rope, kind: &str, write: impl FnOnce(&mut Rope)) {
    rope.text(&format!("event: {kind}\ndata: {{\"type\":\"{kind}\""));
    write(rope);
    rope.text("}\n\n");
}

fn begin(rope: &mut Rope, message: &ShortObject<'_>) -> WalkStep {
    let usage = message.set("usage").map(ShortObject::parse).transpose()?;
    event(rope, "message_start", |rope| {
        rope.text(",\"message\":{");
        let mut lead = "";
        for (name, raw) in &message.0 {
            rope.text(lead);
            lead = ",";
            rope.name(name);
            match (&**name, &usage) {
                ("content", _) => rope.text("[]"),
                ("usage", Some(usage)) => {
                    usage.write(rope, |name| (name == "output_tokens").then_some("0"));
                }
                (name, _) if AT_THE_END.contains(&name) => rope.text("null"),
                _ => rope.raw(raw),
            }
        }
        rope.text("}");
    });
    Ok(())
}

fn end(rope: &mut Rope, message: &ShortObject<'_>, has_calls: bool) {
    event(rope, "message_delta", |rope| {
        rope.text(",\"delta\":{\"stop_reason\":");
        // A message that came whole has ended, with or without a stop reason.
        let usual = if has_calls {
            "\"tool_use\""
        } else {
            "\"end_turn\""
        };
        rope.raw(message.set("stop_reason").unwrap_or(usual));
        rope.text(",\"stop_sequence\":");
        rope.raw(message.get("stop_sequence").unwrap_or("null"));
        for name in ["stop_details", "container"] {
            if let Some(raw) = message.get(name) {
                rope.text(",");
                rope.name(name);
                rope.raw(raw);
            }
        }
        rope.text("},\"usage\":");
        rope.raw(message.set("usage").unwrap_or("{\"output_tokens\":0}"));
    });
}

fn write_block(rope: &mut Rope, index: usize, block: &ShortObject<'_>) -> WalkStep {
    let kind = block.get("type").unwrap_or_default();
    event(rope, "content_block_start", |rope| {
        rope.text(&format!(",\"index\":{index},\"content_block\":"));
        block.write(rope, |name| {
            let raw = block.get(name).unwrap_or_default();
            match name {
                "text" if kind == "\"text\"" => Some("\"\""),
                "citations" if raw.starts_with('[') => Some("[]"),
                "thinking" | "signature" if kind == "\"thinking\"" => Some("\"\""),
                "input" if raw.starts_with('{') => Some("{}"),
                _ => None,
            }
        });
    });
    let mut delta = |kind: &str, name: &str, raw: &str, as_text: bool| {
        event(rope, "content_block_delta", |rope| {
            let head = format!(",\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\"{name}\":");
            rope.text(&head);
            if as_text {
                rope.quoted(raw);
            } else {
                rope.raw(raw);
            }
            rope.text("}");
        });
    };
    let filled = |name| {
        block
            .get(name)
            .filter(|raw: &&str| raw.len() > 2 && raw.starts_with('"'))
    };
    match kind {
        "\"text\"" => {
            if let Some(text) = filled("text") {
                delta("text_delta", "text", text, false);
            }
        }
        "\"thinking\"" => {
            if let Some(thinking) = filled("thinking") {
                delta("thinking_delta", "thinking", thinking, false);
            }
            if let Some(signature) = filled("signature") {
                delta("signature_delta", "signature", signature, false);
            }
        }
        _ => {}
    }
    each(block.get("citations"), |_, citation| {
        delta("citations_delta", "citation", citation, false);
        Ok(())
    })?;
    let input = block.get("input").filter(|raw| raw.starts_with('{'));
    if let Some(input) = input.filter(|raw| *raw != "{}") {
        delta("input_json_delta", "partial_json", input, true);
    }
    event(rope, "content_block_stop", |rope| {
        rope.text(&format!(",\"index\":{index}"));
    });
    Ok(())
}
