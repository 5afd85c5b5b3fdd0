//! Answers of Anthropic's Messages. Owns their JSON.

use serde_json::{Value, json};

use super::{MODEL, named, thirds};
use crate::normal::{Answer, Part, Stop, Usage, json_text};
use crate::request::messages::SIGNATURE;

/// A signature that this upstream accepts again.
pub fn signature() -> String {
    format!("{SIGNATURE}c2lnbmVk")
}

/// A whole answer.
pub fn whole(answer: &Answer) -> Value {
    let content: Vec<Value> = answer.parts.iter().filter_map(block).collect();
    json!({
        "id": "msg_conf",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": stop_reason(answer.stop),
        "stop_sequence": null,
        "usage": usage(&answer.usage.unwrap_or_default()),
    })
}

fn block(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Thinking { text, .. } => {
            json!({"type": "thinking", "thinking": text, "signature": signature()})
        }
        Part::Call(call) => json!({
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({})),
        }),
        _ => return None,
    })
}

/// The start of a stream.
pub fn start(counted: &Usage) -> String {
    let mut usage = usage(counted);
    usage["output_tokens"] = json!(1);
    named(&json!({"type": "message_start", "message": {
        "id": "msg_conf",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    }}))
}

/// A block begins.
pub fn block_start(index: usize, block: &Value) -> String {
    named(&json!({"type": "content_block_start", "index": index, "content_block": block}))
}

/// A block goes on.
pub fn delta(index: usize, delta: &Value) -> String {
    named(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
}

/// A block ends.
pub fn block_stop(index: usize) -> String {
    named(&json!({"type": "content_block_stop", "index": index}))
}

/// The end of a stream.
pub fn end(stop: &str, usage: &Value) -> Vec<String> {
    vec![
        named(&json!({
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": null},
            "usage": usage,
        })),
        named(&json!({"type": "message_stop"})),
    ]
}

/// A stream.
pub fn stream(answer: &Answer) -> Vec<String> {
    let counted = answer.usage.unwrap_or_default();
    let mut all = vec![start(&counted)];
    for (index, part) in answer.parts.iter().enumerate() {
        let (begin, deltas) = match part {
            Part::Text(text) => {
                let deltas = thirds(text)
                    .iter()
                    .map(|piece| json!({"type": "text_delta", "text": piece}))
                    .collect();
                (json!({"type": "text", "text": ""}), deltas)
            }
            Part::Thinking { text, .. } => {
                let mut deltas: Vec<Value> = thirds(text)
                    .iter()
                    .map(|piece| json!({"type": "thinking_delta", "thinking": piece}))
                    .collect();
                deltas.push(json!({"type": "signature_delta", "signature": signature()}));
                let begin = json!({"type": "thinking", "thinking": "", "signature": ""});
                (begin, deltas)
            }
            Part::Call(call) => {
                let mut deltas = vec![json!({"type": "input_json_delta", "partial_json": ""})];
                // Freshly spelt: the vendor never sends what is no JSON, except at its limit of tokens.
                let pieces = thirds(&json_text(&call.arguments));
                let piece = |piece| json!({"type": "input_json_delta", "partial_json": piece});
                deltas.extend(pieces.into_iter().map(piece));
                let begin =
                    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
                (begin, deltas)
            }
            _ => continue,
        };
        all.push(block_start(index, &begin));
        all.extend(deltas.iter().map(|value| delta(index, value)));
        all.push(block_stop(index));
        if index == 0 {
            all.push(named(&json!({"type": "ping"})));
        }
    }
    all.extend(end(
        stop_reason(answer.stop),
        &json!({"output_tokens": counted.output}),
    ));
    all
}

/// The reason as this dialect spells it.
pub const fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End => "end_turn",
        Stop::Length => "max_tokens",
        Stop::Calls => "tool_use",
        Stop::Filter => "refusal",
    }
}

/// Usage, whose input leaves out both caches.
pub fn usage(counted: &Usage) -> Value {
    json!({
        "input_tokens": counted.input.saturating_sub(counted.cached + counted.written),
        "cache_read_input_tokens": counted.cached,
        "cache_creation_input_tokens": counted.written,
        "output_tokens": counted.output,
    })
}
