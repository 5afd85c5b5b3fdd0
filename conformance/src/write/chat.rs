//! Requests of Chat Completions.

use serde_json::{Value, json};

use crate::normal::{Asked, Choice, Part, Turn};

pub(super) fn write(asked: &Asked) -> Value {
    let mut messages = Vec::new();
    if let Some(system) = &asked.system {
        messages.push(json!({"role": "system", "content": system}));
    }
    for turn in &asked.turns {
        if turn.assistant {
            messages.push(assistant(turn));
        } else {
            user(turn, &mut messages);
        }
    }
    let mut body = json!({"model": asked.model, "messages": messages});
    if let Some(limit) = asked.max_tokens {
        body["max_completion_tokens"] = json!(limit);
    }
    if let Some(temperature) = asked.temperature {
        body["temperature"] = json!(temperature);
    }
    if !asked.stop.is_empty() {
        body["stop"] = json!(asked.stop);
    }
    if asked.stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    let function = |tool: &crate::normal::Tool| {
        json!({"type": "function", "function": {
            "name": tool.name, "description": tool.description, "parameters": tool.schema}})
    };
    if !asked.tools.is_empty() {
        body["tools"] = asked.tools.iter().map(function).collect();
    }
    if let Some(choice) = &asked.choice {
        body["tool_choice"] = match choice {
            Choice::Auto => json!("auto"),
            Choice::Any => json!("required"),
            Choice::None => json!("none"),
            Choice::Tool(name) => json!({"type": "function", "function": {"name": name}}),
        };
    }
    if let Some(parallel) = asked.parallel {
        body["parallel_tool_calls"] = json!(parallel);
    }
    body
}

fn assistant(turn: &Turn) -> Value {
    let mut message = json!({"role": "assistant", "content": null});
    let mut calls = Vec::new();
    for part in &turn.parts {
        match part {
            Part::Text(text) => message["content"] = json!(text),
            Part::Call(call) => calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })),
            _ => {}
        }
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    message
}

fn user(turn: &Turn, messages: &mut Vec<Value>) {
    let mut parts = Vec::new();
    for part in &turn.parts {
        match part {
            Part::Text(text) => parts.push(json!({"type": "text", "text": text})),
            Part::Image(kind, data) => parts.push(json!({
                "type": "image_url",
                "image_url": {"url": format!("data:{kind};base64,{data}")},
            })),
            Part::Result { id, text } => {
                messages.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
            }
            _ => {}
        }
    }
    if let [single] = parts.as_slice()
        && single["type"] == "text"
    {
        messages.push(json!({"role": "user", "content": single["text"]}));
    } else if !parts.is_empty() {
        messages.push(json!({"role": "user", "content": parts}));
    }
}
