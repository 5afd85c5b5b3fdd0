//! The other half of Gemini for the plain translator: its requests read, its answers written. Owns no checks.

use gateway_conformance::normal::{Answer, Asked, Choice, Part, Stop, Tool, Turn};
use gateway_conformance::play;
use gateway_conformance::read::ErrorBody;
use serde_json::{Value, json};

/// What a request asks; results belong to the calls of the turn before, by position.
pub fn read(body: &Value, model: &str, stream: bool) -> Asked {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let config = &body["generationConfig"];
    let calling = &body["toolConfig"]["functionCallingConfig"];
    let choice = match calling["mode"].as_str() {
        Some("AUTO") => Some(Choice::Auto),
        Some("NONE") => Some(Choice::None),
        Some("ANY") => Some(
            calling["allowedFunctionNames"][0]
                .as_str()
                .map_or(Choice::Any, |name| Choice::Tool(name.to_owned())),
        ),
        _ => None,
    };
    let tool = |tool: &Value| Tool {
        name: text(&tool["name"]),
        description: text(&tool["description"]),
        schema: tool["parameters"].clone(),
    };
    Asked {
        model: model.to_owned(),
        system: body["systemInstruction"]["parts"][0]["text"]
            .as_str()
            .map(str::to_owned),
        turns: turns(&items(&body["contents"])),
        tools: items(&body["tools"][0]["functionDeclarations"])
            .iter()
            .map(tool)
            .collect(),
        choice,
        parallel: None,
        max_tokens: config["maxOutputTokens"].as_u64(),
        temperature: config["temperature"].as_f64(),
        stop: items(&config["stopSequences"]).iter().map(text).collect(),
        stream,
    }
}

fn items(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn turns(contents: &[Value]) -> Vec<Turn> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (mut calls, mut results) = (0, 0);
    let mut all = Vec::new();
    for content in contents {
        let mut parts = Vec::new();
        for part in items(&content["parts"]) {
            if let Some(call) = part.get("functionCall") {
                let arguments = call["args"].to_string();
                parts.push(Part::call(
                    &format!("call_{calls}"),
                    &text(&call["name"]),
                    &arguments,
                ));
                calls += 1;
            } else if let Some(result) = part.get("functionResponse") {
                let id = format!("call_{results}");
                parts.push(Part::result(&id, &text(&result["response"]["content"])));
                results += 1;
            } else if let Some(image) = part.get("inlineData") {
                parts.push(Part::Image(text(&image["mimeType"]), text(&image["data"])));
            } else {
                parts.push(Part::Text(text(&part["text"])));
            }
        }
        let assistant = content["role"] == "model";
        all.push(Turn { assistant, parts });
    }
    all
}

/// A whole answer.
pub fn whole(answer: &Answer) -> Value {
    let part = |part: &Part| match part {
        Part::Call(call) => {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
            json!({"functionCall": {"name": call.name, "args": arguments}})
        }
        Part::Thinking { text, .. } => json!({"text": text, "thought": true}),
        Part::Text(text) => json!({"text": text}),
        _ => json!({"text": ""}),
    };
    let parts: Vec<Value> = answer.parts.iter().map(part).collect();
    let reason = match answer.stop {
        Stop::End | Stop::Calls => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Filter => "SAFETY",
    };
    let usage = answer.usage.unwrap_or_default();
    json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": usage.input,
            "cachedContentTokenCount": usage.cached,
            "candidatesTokenCount": usage.output - usage.reasoning,
            "thoughtsTokenCount": usage.reasoning,
            "totalTokenCount": usage.input + usage.output,
        },
        "modelVersion": play::MODEL,
    })
}

/// An error of this status.
pub fn error(status: u16, error: &ErrorBody) -> Value {
    let canonical = match status {
        400 => "INVALID_ARGUMENT",
        429 => "RESOURCE_EXHAUSTED",
        _ => "INTERNAL",
    };
    json!({"error": {"code": status, "message": error.message, "status": canonical}})
}
