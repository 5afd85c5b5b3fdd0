//! Tests of what is rejected in a Chat client's request, and of the path that the client gets.

use super::*;

#[test]
fn messages_that_cannot_be_kept_are_rejected_by_their_path() {
    let user = |content: Value| json!({"messages": [{"role": "user", "content": "u"}, {"role": "user", "content": content}]});
    let assistant =
        |member: &str, value: Value| json!({"messages": [{"role": "assistant", member: value}]});
    let rows = [
        (json!({}), "messages"),
        (json!({"messages": {}}), "messages"),
        (json!({"messages": [7]}), "messages[0]"),
        (json!({"messages": [{"content": "a"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "robot"}]}), "messages[0].role"),
        (user(json!(7)), "messages[1].content"),
        (
            user(json!([{"type": "text", "text": "a"}, {"type": "text"}])),
            "messages[1].content[1].text",
        ),
        (
            user(json!([{"type": "video_url", "video_url": {"url": "https://a"}}])),
            "messages[1].content[0]",
        ),
        (
            user(json!([{"type": "hologram"}])),
            "messages[1].content[0].type",
        ),
        (
            user(json!([{"type": "image_url", "image_url": {"url": "ftp://a"}}])),
            "messages[1].content[0].image_url.url",
        ),
        (
            user(json!([{"type": "image_url"}])),
            "messages[1].content[0].image_url",
        ),
        (
            user(json!([{"type": "file", "file": {"file_id": "f"}}])),
            "messages[1].content[0].file.file_id",
        ),
        (
            user(json!([{"type": "file", "file": {"file_data": "data:text/plain,a"}}])),
            "messages[1].content[0].file.file_data",
        ),
        (
            user(json!([{"type": "input_audio", "input_audio": {"data": "a"}}])),
            "messages[1].content[0].input_audio.format",
        ),
        (
            json!({"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": "https://a"}]}]}),
            "messages[0].content",
        ),
        (assistant("tool_calls", json!({})), "messages[0].tool_calls"),
        (
            assistant("tool_calls", json!([{"id": "x"}])),
            "messages[0].tool_calls[0].function",
        ),
        (
            assistant("tool_calls", json!([{"id": 7, "function": {"name": "f"}}])),
            "messages[0].tool_calls[0].id",
        ),
        (
            assistant("tool_calls", json!([{"function": {}}])),
            "messages[0].tool_calls[0].function.name",
        ),
        (
            assistant("function_call", json!("f")),
            "messages[0].function_call",
        ),
        (
            assistant(
                "content",
                json!([{"type": "image_url", "image_url": "https://a"}]),
            ),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "function", "content": "a"}]}),
            "messages[0].name",
        ),
    ];
    check(rows);
}

#[test]
fn members_that_cannot_be_kept_are_rejected_by_their_path() {
    let rows = [
        (json!({"messages": [], "n": 2}), "n"),
        (json!({"messages": [], "n": "2"}), "n"),
        (json!({"messages": [], "audio": {"voice": "a"}}), "audio"),
        (
            json!({"messages": [], "modalities": ["text", "audio"]}),
            "modalities",
        ),
        (json!({"messages": [], "stop": [7]}), "stop"),
        (json!({"messages": [], "max_tokens": -1}), "max_tokens"),
        (json!({"messages": [], "temperature": "hot"}), "temperature"),
        (json!({"messages": [], "stream": "yes"}), "stream"),
        (
            json!({"messages": [], "reasoning": {"effort": 7}}),
            "reasoning.effort",
        ),
        (
            json!({"messages": [], "response_format": {"type": "grammar"}}),
            "response_format.type",
        ),
        (
            json!({"messages": [], "response_format": {"type": "json_schema"}}),
            "response_format.json_schema",
        ),
        (
            json!({"messages": [], "response_format": {"type": "json_schema", "json_schema": {"schema": []}}}),
            "response_format.json_schema.schema",
        ),
    ];
    check(rows);
    assert_eq!(read(b"[]", &key()).unwrap_err().param, "messages");
}

fn check<'p>(rows: impl IntoIterator<Item = (Value, &'p str)>) {
    for (request, param) in rows {
        let error = conversation(&request).unwrap_err();
        assert_eq!(error.param, param, "{request}");
        assert!(
            error.message.starts_with(&format!("`{param}` ")),
            "{}",
            error.message
        );
    }
}
