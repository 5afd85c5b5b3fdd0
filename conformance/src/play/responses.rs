//! Answers of `OpenAI`'s Responses. Owns their JSON.

use serde_json::{Value, json};

use super::{CREATED, MODEL, SCRIPT, named, thirds};
use crate::normal::{Answer, Part, Stop, Usage};
use crate::request::responses_items::CIPHERTEXT;

/// The id of the reasoning item that each answer with reasoning has.
pub const REASONING_ID: &str = "rs_conf";

/// The ciphertext that belongs to that id.
pub fn ciphertext() -> String {
    format!("{CIPHERTEXT}{REASONING_ID}")
}

/// A whole answer.
pub fn whole(answer: &Answer) -> Value {
    response(answer, &items(answer))
}

fn response(answer: &Answer, output: &[Value]) -> Value {
    let (status, details) = match answer.stop {
        Stop::End | Stop::Calls => ("completed", Value::Null),
        Stop::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
        Stop::Filter => ("incomplete", json!({"reason": "content_filter"})),
    };
    let mut response = skeleton(status);
    response["incomplete_details"] = details;
    response["output"] = json!(output);
    response["usage"] = answer.usage.map_or(Value::Null, |counted| usage(&counted));
    response
}

fn skeleton(status: &str) -> Value {
    json!({
        "id": format!("resp_{SCRIPT}"),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "max_output_tokens": null,
        "model": MODEL,
        "output": [],
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
        "metadata": {},
    })
}

fn items(answer: &Answer) -> Vec<Value> {
    let whole = if answer.stop == Stop::Length {
        "incomplete"
    } else {
        "completed"
    };
    let item = |(index, part): (usize, &Part)| match part {
        Part::Text(text) => Some(json!({
            "id": format!("msg_conf{index}"),
            "type": "message",
            "status": whole,
            "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
        })),
        Part::Thinking { text, .. } => Some(json!({
            "id": REASONING_ID,
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text}],
            "encrypted_content": ciphertext(),
        })),
        Part::Call(call) => Some(json!({
            "id": format!("fc_conf{index}"),
            "type": "function_call",
            "status": whole,
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        })),
        _ => None,
    };
    answer.parts.iter().enumerate().filter_map(item).collect()
}

/// A stream.
pub fn stream(answer: &Answer) -> Vec<String> {
    let mut events = vec![
        json!({"type": "response.created", "response": skeleton("in_progress")}),
        json!({"type": "response.in_progress", "response": skeleton("in_progress")}),
    ];
    let items = items(answer);
    for (index, item) in items.iter().enumerate() {
        let mut open = item.clone();
        if open.get("status").is_some() {
            open["status"] = json!("in_progress");
        }
        match item["type"].as_str() {
            Some("message") => message(index, item, open, &mut events),
            Some("function_call") => call(index, item, open, &mut events),
            _ => reasoning(index, item, open, &mut events),
        }
    }
    let last = if matches!(answer.stop, Stop::End | Stop::Calls) {
        "response.completed"
    } else {
        "response.incomplete"
    };
    events.push(json!({"type": last, "response": response(answer, &items)}));
    numbered(events)
}

/// Writes events with their numbers.
pub fn numbered(events: Vec<Value>) -> Vec<String> {
    let number = |(number, mut event): (usize, Value)| {
        event["sequence_number"] = json!(number);
        named(&event)
    };
    events.into_iter().enumerate().map(number).collect()
}

fn added(index: usize, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: usize, item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn message(index: usize, item: &Value, mut open: Value, events: &mut Vec<Value>) {
    open["content"] = json!([]);
    events.push(added(index, &open));
    let id = &item["id"];
    let part = &item["content"][0];
    let text = part["text"].as_str().unwrap_or_default();
    let mut empty = part.clone();
    empty["text"] = json!("");
    events.push(json!({"type": "response.content_part.added", "item_id": id,
        "output_index": index, "content_index": 0, "part": empty}));
    for piece in thirds(text) {
        events.push(json!({"type": "response.output_text.delta", "item_id": id,
            "output_index": index, "content_index": 0, "delta": piece, "logprobs": []}));
    }
    events.push(json!({"type": "response.output_text.done", "item_id": id,
        "output_index": index, "content_index": 0, "text": text, "logprobs": []}));
    events.push(json!({"type": "response.content_part.done", "item_id": id,
        "output_index": index, "content_index": 0, "part": part}));
    events.push(done(index, item));
}

fn call(index: usize, item: &Value, mut open: Value, events: &mut Vec<Value>) {
    open["arguments"] = json!("");
    events.push(added(index, &open));
    let id = &item["id"];
    let arguments = item["arguments"].as_str().unwrap_or_default();
    for piece in thirds(arguments) {
        events.push(
            json!({"type": "response.function_call_arguments.delta", "item_id": id,
            "output_index": index, "delta": piece}),
        );
    }
    events.push(
        json!({"type": "response.function_call_arguments.done", "item_id": id,
        "output_index": index, "name": item["name"], "arguments": arguments}),
    );
    events.push(done(index, item));
}

fn reasoning(index: usize, item: &Value, mut open: Value, events: &mut Vec<Value>) {
    open["summary"] = json!([]);
    events.push(added(index, &open));
    let id = &item["id"];
    let part = &item["summary"][0];
    let text = part["text"].as_str().unwrap_or_default();
    events.push(
        json!({"type": "response.reasoning_summary_part.added", "item_id": id,
        "output_index": index, "summary_index": 0, "part": {"type": "summary_text", "text": ""}}),
    );
    for piece in thirds(text) {
        events.push(
            json!({"type": "response.reasoning_summary_text.delta", "item_id": id,
            "output_index": index, "summary_index": 0, "delta": piece}),
        );
    }
    events.push(
        json!({"type": "response.reasoning_summary_text.done", "item_id": id,
        "output_index": index, "summary_index": 0, "text": text}),
    );
    events.push(
        json!({"type": "response.reasoning_summary_part.done", "item_id": id,
        "output_index": index, "summary_index": 0, "part": part}),
    );
    events.push(done(index, item));
}

fn usage(counted: &Usage) -> Value {
    json!({
        "input_tokens": counted.input,
        "input_tokens_details": {"cached_tokens": counted.cached},
        "output_tokens": counted.output,
        "output_tokens_details": {"reasoning_tokens": counted.reasoning},
        "total_tokens": counted.input + counted.output,
    })
}
