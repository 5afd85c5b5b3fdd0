//! Requests of Anthropic's Messages.

use serde_json::{Value, json};

use crate::normal::{Asked, Choice, Part};

pub(super) fn write(asked: &Asked) -> Value {
    let turns = asked.turns.iter().map(|turn| {
        let content: Vec<Value> = turn.parts.iter().filter_map(block).collect();
        let role = if turn.assistant { "assistant" } else { "user" };
        json!({"role": role, "content": content})
    });
    let mut body = json!({
        "model": asked.model,
        "max_tokens": asked.max_tokens.unwrap_or(1024),
        "messages": turns.collect::<Vec<_>>(),
    });
    if let Some(system) = &asked.system {
        body["system"] = json!(system);
    }
    if let Some(temperature) = asked.temperature {
        body["temperature"] = json!(temperature);
    }
    if !asked.stop.is_empty() {
        body["stop_sequences"] = json!(asked.stop);
    }
    if asked.stream {
        body["stream"] = json!(true);
    }
    let declare = |tool: &crate::normal::Tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema});
    if !asked.tools.is_empty() {
        body["tools"] = asked.tools.iter().map(declare).collect();
    }
    if let Some(choice) = &asked.choice {
        body["tool_choice"] = match choice {
            Choice::Auto => json!({"type": "auto"}),
            Choice::Any => json!({"type": "any"}),
            Choice::None => json!({"type": "none"}),
            Choice::Tool(name) => json!({"type": "tool", "name": name}),
        };
    }
    if let Some(parallel) = asked.parallel {
        if asked.choice.is_none() {
            body["tool_choice"] = json!({"type": "auto"});
        }
        body["tool_choice"]["disable_parallel_tool_use"] = json!(!parallel);
    }
    body
}

fn block(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image(kind, data) => json!({
            "type": "image",
            "source": {"type": "base64", "media_type": kind, "data": data},
        }),
        Part::Call(call) => json!({
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({})),
        }),
        Part::Result { id, text } => json!({
            "type": "tool_result",
            "tool_use_id": id,
            "content": text,
        }),
        Part::Thinking { .. } | Part::Document(_) => return None,
    })
}
