//! Answers of Chat Completions. Owns their JSON.

use serde_json::{Value, json};

use super::{CREATED, MODEL, data, thirds};
use crate::normal::{Answer, Part, Stop, Usage};

/// The end of a stream.
pub const DONE: &str = "data: [DONE]\n\n";

/// A whole answer.
pub fn whole(answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null});
    let mut calls = Vec::new();
    for part in &answer.parts {
        match part {
            Part::Thinking { text, .. } => message["reasoning_content"] = json!(text),
            Part::Call(call) => calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })),
            _ => {}
        }
    }
    if !answer.text().is_empty() {
        message["content"] = json!(answer.text());
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({
        "id": "chatcmpl-conf",
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": finish(answer.stop),
        }],
        "usage": answer.usage.map(|counted| usage(&counted)),
    })
}

/// A chunk with one choice.
pub fn chunk(delta: &Value, finish: Option<&str>) -> String {
    data(&json!({
        "id": "chatcmpl-conf",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }))
}

/// The chunk that carries usage alone.
pub fn usage_chunk(counted: &Usage) -> String {
    data(&json!({
        "id": "chatcmpl-conf",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": MODEL,
        "choices": [],
        "usage": usage(counted),
    }))
}

/// A delta of one call; the id and name are there in the first one.
pub fn call(index: usize, head: Option<(&str, &str)>, arguments: &str) -> Value {
    let mut function = json!({"arguments": arguments});
    let mut delta = json!({"index": index});
    if let Some((id, name)) = head {
        delta["id"] = json!(id);
        delta["type"] = json!("function");
        function["name"] = json!(name);
    }
    delta["function"] = function;
    json!({"tool_calls": [delta]})
}

/// A stream.
pub fn stream(answer: &Answer) -> Vec<String> {
    let mut all = vec![chunk(&json!({"role": "assistant", "content": ""}), None)];
    let mut calls = 0;
    for part in &answer.parts {
        match part {
            Part::Text(text) => {
                let pieces = thirds(text);
                all.extend(
                    pieces
                        .iter()
                        .map(|piece| chunk(&json!({"content": piece}), None)),
                );
            }
            Part::Thinking { text, .. } => {
                let piece = |piece| chunk(&json!({"reasoning_content": piece}), None);
                all.extend(thirds(text).into_iter().map(piece));
            }
            Part::Call(made) => {
                all.push(chunk(&call(calls, Some((&made.id, &made.name)), ""), None));
                let pieces = thirds(&made.arguments);
                all.extend(
                    pieces
                        .iter()
                        .map(|piece| chunk(&call(calls, None, piece), None)),
                );
                calls += 1;
            }
            _ => {}
        }
    }
    all.push(chunk(&json!({}), Some(finish(answer.stop))));
    all.extend(answer.usage.map(|counted| usage_chunk(&counted)));
    all.push(DONE.to_owned());
    all
}

/// The reason as this dialect spells it.
pub const fn finish(stop: Stop) -> &'static str {
    match stop {
        Stop::End => "stop",
        Stop::Length => "length",
        Stop::Calls => "tool_calls",
        Stop::Filter => "content_filter",
    }
}

fn usage(counted: &Usage) -> Value {
    json!({
        "prompt_tokens": counted.input,
        "completion_tokens": counted.output,
        "total_tokens": counted.input + counted.output,
        "prompt_tokens_details": {"cached_tokens": counted.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": counted.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}
