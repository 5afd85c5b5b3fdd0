//! What the cases work on: bodies, streams and configurations of usual size. Owns no case.

use std::fmt::Write as _;

use gateway_core::config::model::{
    ChannelConfig, ClientKey, Document, KeyLimits, StoredSecret, UpstreamKey,
};
use gateway_core::config::snapshot::Snapshot;
use gateway_core::ids;
use gateway_core::secret::Secret;
use gateway_core::units::Timestamp;
use serde_json::{Value, json};

/// A point in time.
pub const NOW: Timestamp = Timestamp(1_764_500_000_000);
/// Channels that serve the model.
pub const CHANNELS: usize = 8;
/// Client keys of the configuration.
pub const CLIENT_KEYS: usize = 1_000;

/// A text of so many sentences, with what JSON escapes.
fn text(sentences: usize) -> String {
    "The \"quick\" brown fox\njumps over 13 lazy dogs — naïvely; C:\\temp is full. "
        .repeat(sentences)
}

fn tool_parameters() -> Value {
    json!({"type": "object", "properties": {
        "path": {"type": "string", "description": "The file's path"},
        "limit": {"type": "integer"}}, "required": ["path"]})
}

/// A conversation with tools, as chat completions.
pub fn chat_request(turns: usize) -> Vec<u8> {
    let mut messages = vec![json!({"role": "system", "content": text(20)})];
    for turn in 0..turns {
        let id = format!("call_{turn}");
        messages.extend([
            json!({"role": "user", "content": text(4)}),
            json!({"role": "assistant", "content": text(2), "tool_calls": [
                {"id": id, "type": "function", "function": {"name": "read", "arguments": "{\"path\":\"a.rs\"}"}}]}),
            json!({"role": "tool", "tool_call_id": id, "content": text(10)}),
        ]);
    }
    messages.push(json!({"role": "user", "content": text(1)}));
    let tool = json!({"type": "function", "function": {
        "name": "read", "description": "Reads a file", "parameters": tool_parameters()}});
    bytes(
        &json!({"messages": messages, "tools": [tool], "temperature": 0.2, "max_tokens": 1024,
        "stream": true, "stream_options": {"include_usage": true}, "model": "gpt-4o"}),
    )
}

/// The same as messages.
pub fn messages_request(turns: usize) -> Vec<u8> {
    let mut messages = Vec::new();
    for turn in 0..turns {
        let id = format!("toolu_{turn}");
        messages.extend([
            json!({"role": "user", "content": [{"type": "text", "text": text(4)}]}),
            json!({"role": "assistant", "content": [{"type": "text", "text": text(2)},
                {"type": "tool_use", "id": id, "name": "read", "input": {"path": "a.rs"}}]}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": text(10)}]}),
            json!({"role": "assistant", "content": text(1)}),
        ]);
    }
    messages.push(json!({"role": "user", "content": text(1)}));
    let tool =
        json!({"name": "read", "description": "Reads a file", "input_schema": tool_parameters()});
    bytes(
        &json!({"system": text(20), "messages": messages, "tools": [tool], "max_tokens": 1024,
        "stream": true, "model": "claude-sonnet-4-5"}),
    )
}

/// The same as responses.
pub fn responses_request(turns: usize) -> Vec<u8> {
    let mut input = Vec::new();
    for turn in 0..turns {
        let id = format!("call_{turn}");
        input.extend([
            json!({"role": "user", "content": [{"type": "input_text", "text": text(4)}]}),
            json!({"type": "function_call", "call_id": id, "name": "read", "arguments": "{\"path\":\"a.rs\"}"}),
            json!({"type": "function_call_output", "call_id": id, "output": text(10)}),
        ]);
    }
    input.push(json!({"role": "user", "content": text(1)}));
    let tool = json!({"type": "function", "name": "read", "description": "Reads a file",
        "parameters": tool_parameters(), "strict": false});
    bytes(
        &json!({"instructions": text(20), "input": input, "tools": [tool], "max_output_tokens": 1024,
        "store": false, "stream": true, "model": "gpt-4o"}),
    )
}

/// A whole answer of chat completions.
pub fn chat_answer() -> Vec<u8> {
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "read", "arguments": "{\"path\":\"a.rs\"}"}});
    bytes(
        &json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_764_500_000, "model": "gpt-4o",
        "choices": [{"index": 0, "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": text(10), "tool_calls": [call]}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}}),
    )
}

/// A whole answer of messages.
pub fn messages_answer() -> Vec<u8> {
    bytes(
        &json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": text(10)},
            {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a.rs"}}],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 1000, "output_tokens": 200}}),
    )
}

/// A stream of chat completions with so many pieces of text.
pub fn chat_stream(pieces: usize) -> Vec<u8> {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_764_500_000, "model": "gpt-4o",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let mut stream = String::new();
    let mut event = |data: &str| {
        let _ = write!(stream, "data: {data}\n\n");
    };
    event(&chunk(json!({"role": "assistant", "content": ""}), Value::Null).to_string());
    for piece in 0..pieces {
        event(&chunk(json!({"content": format!(" word{piece}")}), Value::Null).to_string());
    }
    event(&chunk(json!({}), json!("stop")).to_string());
    event("[DONE]");
    stream.into_bytes()
}

/// The same as messages.
pub fn messages_stream(pieces: usize) -> Vec<u8> {
    let mut stream = String::new();
    let mut event = |data: Value| {
        let name = data["type"].as_str().unwrap_or_default();
        let _ = write!(stream, "event: {name}\ndata: {data}\n\n");
    };
    event(
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
        "model": "claude-sonnet-4-5", "content": [], "stop_reason": null, "usage": {"input_tokens": 9, "output_tokens": 1}}}),
    );
    event(
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    );
    for piece in 0..pieces {
        event(json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": format!(" word{piece}")}}));
    }
    event(json!({"type": "content_block_stop", "index": 0}));
    event(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": 200}}),
    );
    event(json!({"type": "message_stop"}));
    stream.into_bytes()
}

/// An error message with credentials in it.
pub fn error_message() -> String {
    format!(
        "{} Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH. {}",
        text(2),
        text(1)
    )
}

/// The client key with a number.
pub fn client_key(number: usize) -> String {
    format!("sk-micro-{number:0>40}")
}

/// A configuration with channels for one model and many client keys.
pub fn snapshot() -> Snapshot {
    let channel = |number: usize| ChannelConfig {
        id: format!("ch_{number}"),
        name: format!("channel {number}"),
        base_url: format!("https://up{number}.example/v1"),
        keys: vec![UpstreamKey {
            id: format!("uk_{number}"),
            secret: StoredSecret::Clear(Secret::new(format!("upstream-key-{number}"))),
            hint: "…".to_owned(),
            enabled: true,
        }],
        models: vec!["gpt-4o".to_owned(), format!("model-{number}")],
        priority: u16::from(number >= CHANNELS / 2),
        weight: 3,
        ..ChannelConfig::blank(NOW)
    };
    let key = |number: usize| ClientKey {
        id: format!("ck_{number}"),
        name: format!("key {number}"),
        hash: ids::hex(&ids::hash_client_key(client_key(number).as_bytes())),
        hint: "…".to_owned(),
        enabled: true,
        models: Vec::new(),
        tags: Vec::new(),
        expires_at: None,
        limits: KeyLimits::default(),
        previous: None,
        created_at: NOW,
    };
    let document = Document {
        channels: (0..CHANNELS).map(channel).collect(),
        keys: (0..CLIENT_KEYS).map(key).collect(),
        ..Document::default()
    };
    Snapshot::build(document, None, || 0)
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
