//! The validators of requests: the vendors' documented examples pass, and one change to each does not.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    reason = "an example without its place is a wrong test"
)]

use gateway_conformance::dialect::Dialect;
use gateway_conformance::request;
use serde_json::{Value, json};

/// Each mutation: a place in the example, what is put there, and a word of the complaint. Null removes a member.
type Mutation = (&'static str, Value, &'static str);

fn check(dialect: Dialect, example: &Value, mutations: Vec<Mutation>) {
    assert_eq!(request::read(dialect, example).err(), None, "{example:#}");
    for (place, value, word) in mutations {
        let mut changed = example.clone();
        put(&mut changed, place, value);
        let complaint = request::read(dialect, &changed).expect_err(place);
        assert!(complaint.contains(word), "{place}: {complaint}");
    }
}

fn put(body: &mut Value, place: &str, value: Value) {
    let (parent, name) = place.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("a place of the example");
    match parent {
        Value::Array(items) => {
            let at: usize = name.parse().expect("an index");
            if value.is_null() {
                items.remove(at);
            } else if at < items.len() {
                items[at] = value;
            } else {
                items.push(value);
            }
        }
        Value::Object(map) if value.is_null() => drop(map.remove(name)),
        Value::Object(map) => drop(map.insert(name.to_owned(), value)),
        other => assert!(other.is_object(), "{place} is in no container"),
    }
}

/// The weather function of the guides.
fn weather() -> Value {
    json!({"type": "object", "properties": {"location": {"type": "string",
        "description": "The city and state, e.g. San Francisco, CA"}}, "required": ["location"]})
}

fn chat_example() -> Value {
    let function = |id: &str| {
        json!({"id": id, "type": "function",
            "function": {"name": "get_weather", "arguments": "{\"location\":\"Paris\"}"}})
    };
    json!({
        "model": "gpt-5",
        "messages": [
            {"role": "developer", "content": "You are a helpful assistant."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is in this image?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg", "detail": "low"}}]},
            {"role": "assistant", "content": null, "tool_calls": [function("call_1"), function("call_2")]},
            {"role": "tool", "tool_call_id": "call_1", "content": "15 °C"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "16 °C"}]},
            {"role": "user", "content": "And tomorrow?"},
        ],
        "tools": [{"type": "function", "function": {"name": "get_weather",
            "description": "Get the weather", "parameters": weather(), "strict": false}}],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        "parallel_tool_calls": true,
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_completion_tokens": 100,
        "stop": ["\n"],
        "user": "user-1",
    })
}

#[test]
fn chat_requests() {
    check(
        Dialect::Chat,
        &chat_example(),
        vec![
            ("/model", Value::Null, "`model` is missing"),
            ("/thinking", json!({"type": "enabled"}), "unknown field"),
            ("/messages/0/content", json!(""), "empty"),
            ("/messages/1/content/0/text", json!(""), "empty"),
            (
                "/messages/1/content/0/cache_control",
                json!({}),
                "unknown field",
            ),
            (
                "/messages/1/content/1/image_url/url",
                json!("data:image/png;base64,*"),
                "base64",
            ),
            ("/messages/2/content", json!(""), "empty"),
            ("/messages/2/tool_calls/0/id", json!("call_2"), "twice"),
            ("/messages/2/tool_calls/0/id", json!("x".repeat(65)), "64"),
            ("/messages/2/tool_calls/0/index", json!(0), "unknown field"),
            (
                "/messages/2/tool_calls/0/function/arguments",
                json!("{\"a\":"),
                "JSON",
            ),
            (
                "/messages/2/tool_calls/0/function/arguments",
                json!({}),
                "string",
            ),
            (
                "/messages/2/tool_calls/0/function/name",
                json!("a.b"),
                "a-z",
            ),
            ("/messages/2", Value::Null, "answers no open call"),
            ("/messages/3", Value::Null, "before the results"),
            (
                "/messages/3/tool_call_id",
                json!("call_3"),
                "answers no open call",
            ),
            ("/messages/3/is_error", json!(true), "unknown field"),
            ("/messages/5/role", json!("human"), "no role"),
            (
                "/tools/0/function/parameters",
                json!({"type": "object"}),
                "properties",
            ),
            ("/tools/0/type", json!("custom"), "custom"),
            ("/tools", Value::Null, "only with `tools`"),
            ("/tool_choice", json!("any"), "any"),
            ("/tool_choice/function/name", json!("other"), "not declared"),
            ("/stream", json!(false), "only with `stream`"),
            ("/stop", json!(["a", "b", "c", "d", "e"]), "at most 4"),
            ("/user", json!("u".repeat(65)), "64"),
            ("/temperature", json!(2.5), "within"),
            ("/reasoning_effort", json!("auto"), "none of"),
        ],
    );
}

#[test]
fn chat_requests_must_not_end_with_open_calls() {
    let mut body = chat_example();
    body["messages"]
        .as_array_mut()
        .expect("messages")
        .truncate(4);
    let complaint = request::read(Dialect::Chat, &body).expect_err("an open call");
    assert!(complaint.contains("without the results"), "{complaint}");
}

fn messages_example() -> Value {
    json!({
        "model": "claude-opus-4-6",
        "max_tokens": 4096,
        "system": [{"type": "text", "text": "You are helpful.", "cache_control": {"type": "ephemeral"}}],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"}},
                {"type": "text", "text": "What is the weather here?"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "EqConfabc"},
                {"type": "tool_use", "id": "toolu_01A", "name": "get_weather", "input": {"location": "SF"}},
                {"type": "tool_use", "id": "toolu_01B", "name": "get_weather", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01A", "content": "15 °C"},
                {"type": "tool_result", "tool_use_id": "toolu_01B", "is_error": true,
                    "content": [{"type": "text", "text": "no location"}]},
                {"type": "text", "text": "Go on."}]},
        ],
        "tools": [{"name": "get_weather", "description": "Get the weather", "input_schema": weather()}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "user-1"},
        "stream": true,
    })
}

#[test]
fn messages_requests() {
    check(
        Dialect::Messages,
        &messages_example(),
        vec![
            ("/max_tokens", Value::Null, "`max_tokens` is missing"),
            ("/stream_options", json!({}), "unknown field"),
            ("/system/0/text", json!(" "), "whitespace"),
            ("/messages/0/content/1/text", json!(""), "whitespace"),
            (
                "/messages/0/content/0/source/media_type",
                json!("image/jpg"),
                "none of",
            ),
            (
                "/messages/0/content/0/source/data",
                json!("data:image/jpeg;base64,AAAA"),
                "base64",
            ),
            ("/messages/0/role", json!("assistant"), "not allowed"),
            ("/messages/0", Value::Null, "alternate"),
            ("/messages/1/role", json!("tool"), "none of"),
            (
                "/messages/1/content/0/signature",
                json!("gAAAforeign"),
                "foreign",
            ),
            (
                "/messages/1/content/0",
                Value::Null,
                "begin with a thinking block",
            ),
            ("/messages/1/content/1/id", json!("functions.Bash:0"), "a-z"),
            ("/messages/1/content/1/id", json!("toolu_01B"), "twice"),
            ("/messages/1/content/1/input", json!("{}"), "object"),
            ("/messages/1/content/1", Value::Null, "no call"),
            ("/messages/2/content/0", Value::Null, "missing"),
            (
                "/messages/2/content/1/tool_use_id",
                json!("toolu_01A"),
                "two results",
            ),
            ("/tools/0/input_schema", json!({"properties": {}}), "type"),
            ("/tools/0/type", json!("function"), "no type"),
            (
                "/tools/1",
                json!({"name": "get_weather", "input_schema": weather()}),
                "unique",
            ),
            ("/tools", Value::Null, "only with `tools`"),
            ("/tool_choice", json!({"type": "any"}), "forced"),
            ("/tool_choice", json!("auto"), "object"),
            ("/stop_sequences/0", json!("\n"), "whitespace"),
            ("/temperature", json!(0.5), "temperature"),
            ("/temperature", json!(1.5), "within"),
            ("/thinking/budget_tokens", json!(1000), "1024"),
            ("/thinking/budget_tokens", json!(4096), "below"),
        ],
    );
}

#[test]
fn results_of_messages_come_before_other_content() {
    let mut body = messages_example();
    let blocks = body["messages"][2]["content"]
        .as_array_mut()
        .expect("blocks");
    blocks.rotate_right(1);
    let complaint = request::read(Dialect::Messages, &body).expect_err("text before results");
    assert!(complaint.contains("before other content"), "{complaint}");
}

fn responses_example() -> Value {
    let call = |id: &str| {
        json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id,
            "name": "get_weather", "arguments": "{\"location\":\"Paris\"}"})
    };
    json!({
        "model": "gpt-5",
        "instructions": "You are helpful.",
        "input": [
            {"role": "user", "content": "What is the weather?"},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
                "encrypted_content": "gAAAconf:rs_1"},
            call("call_1"),
            {"type": "custom_tool_call", "call_id": "call_2", "name": "code_exec", "input": "print(1)"},
            {"type": "function_call_output", "call_id": "call_1", "output": "15 °C"},
            {"type": "custom_tool_call_output", "call_id": "call_2", "output": "1"},
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "15 °C", "annotations": []}]},
            {"role": "user", "content": [
                {"type": "input_text", "text": "And this?"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}]},
        ],
        "tools": [
            {"type": "function", "name": "get_weather", "description": "Get the weather",
                "parameters": {"type": "object", "properties": {"location": {"type": "string"}},
                    "required": ["location"], "additionalProperties": false}, "strict": true},
            {"type": "custom", "name": "code_exec", "description": "Runs Python"},
        ],
        "tool_choice": {"type": "function", "name": "get_weather"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "max_output_tokens": 16,
        "store": false,
        "include": ["reasoning.encrypted_content"],
        "stream": true,
    })
}

#[test]
fn responses_requests() {
    check(
        Dialect::Responses,
        &responses_example(),
        vec![
            ("/messages", json!([]), "unknown field"),
            ("/input", json!([]), "empty"),
            (
                "/input/0/content",
                json!([{"type": "text", "text": "a"}]),
                "no type of an input part",
            ),
            ("/input/0/role", json!("tool"), "none of"),
            ("/input/1/encrypted_content", json!("EqConf"), "foreign"),
            ("/input/1/id", json!("rs_2"), "item_id did not match"),
            ("/input/1/id", json!("msg_1"), "rs_"),
            ("/input/2/id", json!("call_1"), "fc_"),
            ("/input/2/call_id", json!("x".repeat(65)), "64"),
            ("/input/2/call_id", json!("call_2"), "twice"),
            ("/input/2/arguments", json!({}), "string"),
            ("/input/2", Value::Null, "no open call"),
            ("/input/4", Value::Null, "no output was found"),
            ("/input/5/call_id", json!("call_1"), "no open call"),
            ("/input/6/content/0/type", json!("input_text"), "none of"),
            (
                "/input/7/content/1/image_url",
                json!({"url": "https://a"}),
                "string",
            ),
            ("/tools/0/strict", json!("no"), "strict"),
            ("/tools/0/function", json!({}), "unknown field"),
            (
                "/tools/0/parameters/additionalProperties",
                Value::Null,
                "additionalProperties",
            ),
            (
                "/tools/0/parameters/required",
                json!([]),
                "all its properties",
            ),
            ("/tool_choice/name", json!("other"), "not declared"),
            ("/tool_choice", json!("any"), "none of"),
            ("/max_output_tokens", json!(15), "16"),
            ("/reasoning/effort", json!("auto"), "none of"),
        ],
    );
}

#[test]
fn reasoning_needs_the_item_that_follows_it() {
    let body = json!({"model": "gpt-5", "input": [
        {"role": "user", "content": "a"}, {"type": "reasoning", "id": "rs_1", "summary": []}]});
    let complaint = request::read(Dialect::Responses, &body).expect_err("nothing follows");
    assert!(complaint.contains("must follow"), "{complaint}");
}
