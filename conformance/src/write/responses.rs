//! Requests of `OpenAI`'s Responses.

use serde_json::{Value, json};

use crate::normal::{Asked, Choice, Part, Turn};

pub(super) fn write(asked: &Asked) -> Value {
    let mut input = Vec::new();
    for turn in &asked.turns {
        items(turn, &mut input);
    }
    let mut body = json!({"model": asked.model, "input": input, "store": false});
    if let Some(system) = &asked.system {
        body["instructions"] = json!(system);
    }
    if let Some(limit) = asked.max_tokens {
        body["max_output_tokens"] = json!(limit);
    }
    if let Some(temperature) = asked.temperature {
        body["temperature"] = json!(temperature);
    }
    if asked.stream {
        body["stream"] = json!(true);
    }
    let declare = |tool: &crate::normal::Tool| {
        json!({"type": "function", "name": tool.name, "description": tool.description,
            "parameters": tool.schema, "strict": false})
    };
    if !asked.tools.is_empty() {
        body["tools"] = asked.tools.iter().map(declare).collect();
    }
    if let Some(choice) = &asked.choice {
        body["tool_choice"] = match choice {
            Choice::Auto => json!("auto"),
            Choice::Any => json!("required"),
            Choice::None => json!("none"),
            Choice::Tool(name) => json!({"type": "function", "name": name}),
        };
    }
    if let Some(parallel) = asked.parallel {
        body["parallel_tool_calls"] = json!(parallel);
    }
    body
}

fn items(turn: &Turn, input: &mut Vec<Value>) {
    let mut content = Vec::new();
    for part in &turn.parts {
        match part {
            Part::Text(text) if turn.assistant => {
                content.push(json!({"type": "output_text", "text": text, "annotations": []}));
            }
            Part::Text(text) => content.push(json!({"type": "input_text", "text": text})),
            Part::Image(kind, data) => content.push(json!({
                "type": "input_image",
                "image_url": format!("data:{kind};base64,{data}"),
                "detail": "auto",
            })),
            other => {
                message(turn, &mut content, input);
                match other {
                    Part::Call(call) => input.push(json!({
                        "type": "function_call",
                        "call_id": call.id,
                        "name": call.name,
                        "arguments": call.arguments,
                    })),
                    Part::Result { id, text } => input.push(json!({
                        "type": "function_call_output",
                        "call_id": id,
                        "output": text,
                    })),
                    _ => {}
                }
            }
        }
    }
    message(turn, &mut content, input);
}

fn message(turn: &Turn, content: &mut Vec<Value>, input: &mut Vec<Value>) {
    if !content.is_empty() {
        let role = if turn.assistant { "assistant" } else { "user" };
        let content = std::mem::take(content);
        input.push(json!({"type": "message", "role": role, "content": content}));
    }
}
