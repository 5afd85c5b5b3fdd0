//! Requests of Google's `generateContent`. The model and whether to stream are in the path, not in the body.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::normal::{Asked, Choice, Part, Turn};

pub(super) fn write(asked: &Asked) -> Value {
    // Results name their function, since the dialect has no ids that must be sent.
    let mut names = HashMap::new();
    for part in asked.turns.iter().flat_map(|turn| &turn.parts) {
        if let Part::Call(call) = part {
            names.insert(call.id.as_str(), call.name.as_str());
        }
    }
    let contents: Vec<Value> = asked
        .turns
        .iter()
        .map(|turn| content(turn, &names))
        .collect();
    let mut body = json!({"contents": contents});
    if let Some(system) = &asked.system {
        body["systemInstruction"] = json!({"parts": [{"text": system}]});
    }
    let mut config = json!({});
    if let Some(limit) = asked.max_tokens {
        config["maxOutputTokens"] = json!(limit);
    }
    if let Some(temperature) = asked.temperature {
        config["temperature"] = json!(temperature);
    }
    if !asked.stop.is_empty() {
        config["stopSequences"] = json!(asked.stop);
    }
    body["generationConfig"] = config;
    let declare = |tool: &crate::normal::Tool| json!({"name": tool.name, "description": tool.description, "parameters": tool.schema});
    if !asked.tools.is_empty() {
        let functions: Vec<Value> = asked.tools.iter().map(declare).collect();
        body["tools"] = json!([{"functionDeclarations": functions}]);
    }
    if let Some(choice) = &asked.choice {
        let config = match choice {
            Choice::Auto => json!({"mode": "AUTO"}),
            Choice::Any => json!({"mode": "ANY"}),
            Choice::None => json!({"mode": "NONE"}),
            Choice::Tool(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
        };
        body["toolConfig"] = json!({"functionCallingConfig": config});
    }
    body
}

fn content(turn: &Turn, names: &HashMap<&str, &str>) -> Value {
    let part = |part: &Part| {
        Some(match part {
            Part::Text(text) => json!({"text": text}),
            Part::Image(kind, data) => json!({"inlineData": {"mimeType": kind, "data": data}}),
            Part::Call(call) => json!({"functionCall": {
                "name": call.name,
                "args": serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({})),
            }}),
            Part::Result { id, text } => json!({"functionResponse": {
                "name": names.get(id.as_str()),
                "response": {"content": text},
            }}),
            Part::Thinking { .. } | Part::Document(_) => return None,
        })
    };
    let parts: Vec<Value> = turn.parts.iter().filter_map(part).collect();
    let role = if turn.assistant { "model" } else { "user" };
    json!({"role": role, "parts": parts})
}
