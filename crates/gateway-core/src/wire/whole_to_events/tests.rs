//! Answers that became streams, as clients see them.

use serde_json::{Value, json};

use super::*;
use crate::wire::sse::{self, EventScanner};

/// The names and the data of all events.
fn named_events(dialect: Dialect, whole: &str, wishes: Wishes) -> Vec<(String, String)> {
    let whole = Bytes::copy_from_slice(whole.as_bytes());
    let stream = events(dialect, &whole, wishes).unwrap().concat();
    let mut scanner = EventScanner::default();
    let block = scanner.push(Bytes::from(stream)).unwrap();
    let (_, rest) = scanner.finish();
    assert!(rest.is_empty(), "{rest:?}");
    let event = |event: &[u8]| {
        let text = std::str::from_utf8(event).unwrap();
        let name = text
            .strip_prefix("event: ")
            .and_then(|rest| rest.lines().next());
        let data = sse::data(event).unwrap().into_owned();
        (
            name.unwrap_or_default().to_owned(),
            String::from_utf8(data).unwrap(),
        )
    };
    block.events().map(event).collect()
}

fn data(dialect: Dialect, whole: &str, wishes: Wishes) -> Vec<Value> {
    let events = named_events(dialect, whole, wishes);
    let json = |(_, data): &(String, String)| {
        serde_json::from_str(data).unwrap_or_else(|_| data.as_str().into())
    };
    events.iter().map(json).collect()
}

#[test]
fn a_chat_becomes_chunks() {
    let whole = "{\n\"id\":\"c\",\r\n\"object\":\"chat.completion\",\"model\":\"m\",\"x\":1.0,\"choices\":[{\"message\":
        {\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null,\"reasoning_content\":\"hm\",\"tool_calls\":
        [{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"function\":{\"arguments\":{\"a\":1.0}}}]},
        \"logprobs\":{\"content\":[1]},\"finish_reason\":\"tool_calls\",\"y\":2}],\"usage\":{\"prompt_tokens\":1}}";
    let chunk = |rest: Value| json!({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [rest]});
    let delta = |delta: Value| json!({"index": 0, "delta": delta, "finish_reason": null});
    let mut first = chunk(delta(
        json!({"role": "assistant", "content": "", "refusal": null}),
    ));
    first["x"] = json!(1.0);
    let mut content = chunk(delta(json!({"content": "hi"})));
    content["choices"][0]["logprobs"] = json!({"content": [1]});
    let call = |call: Value| chunk(delta(json!({"tool_calls": [call]})));
    let expected = vec![
        first,
        chunk(delta(json!({"reasoning_content": "hm"}))),
        content,
        call(
            json!({"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}),
        ),
        call(json!({"index": 1, "function": {"arguments": "{\"a\":1.0}"}})),
        chunk(json!({"index": 0, "delta": {}, "finish_reason": "tool_calls", "y": 2})),
        json!("[DONE]"),
    ];
    assert_eq!(data(Dialect::Chat, whole, Wishes::default()), expected);
    let with_usage = data(Dialect::Chat, whole, Wishes { usage: true });
    assert_eq!(with_usage.len(), expected.len() + 1);
    assert_eq!(with_usage[0]["usage"], Value::Null);
    assert_eq!(with_usage[6]["choices"], json!([]));
    assert_eq!(with_usage[6]["usage"], json!({"prompt_tokens": 1}));
}

#[test]
fn what_ended_without_a_reason_gets_one() {
    for reason in ["", r#","finish_reason":null"#, r#","finish_reason":"""#] {
        let last = |message: &str| {
            let whole = format!(r#"{{"choices":[{{"message":{message}{reason}}}]}}"#);
            let events = data(Dialect::Chat, &whole, Wishes::default());
            events[events.len() - 2]["choices"][0]["finish_reason"].clone()
        };
        assert_eq!(last(r#"{"content":"a"}"#), "stop");
        assert_eq!(
            last(r#"{"content":null,"tool_calls":[{"id":"a"}]}"#),
            "tool_calls"
        );
    }
}

#[test]
fn responses_and_messages_keep_their_order_of_events() {
    let response = r#"{"id":"r","status":"completed","output":[{"id":"rs","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},
        {"id":"m","type":"message","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]}]},
        {"id":"f","type":"function_call","arguments":"{}"},{"type":"image_generation_call","result":"AA"}],"usage":{"input_tokens":1}}"#;
    let events = named_events(Dialect::Responses, response, Wishes::default());
    let names: Vec<&str> = events
        .iter()
        .map(|(name, _)| name.trim_start_matches("response."))
        .collect();
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "completed",
    ];
    assert_eq!(names, expected);
    for (number, (name, data)) in events.iter().enumerate() {
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(
            (&data["type"], &data["sequence_number"]),
            (&json!(name), &json!(number))
        );
    }
    let delta: Value = serde_json::from_str(&events[10].1).unwrap();
    assert_eq!(
        delta,
        json!({"type": "response.output_text.delta", "sequence_number": 10, "output_index": 1, "item_id": "m",
            "content_index": 0, "delta": "hi", "logprobs": []})
    );
    let message = r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},
        {"type":"text","text":"hi"},{"type":"tool_use","id":"t","name":"f","input":{"a":1.0}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":4}}"#;
    let events = data(Dialect::Messages, message, Wishes::default());
    let expected = json!([
        {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": [], "stop_reason": null, "usage": {"input_tokens": 3, "output_tokens": 0}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{\"a\":1.0}"}},
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"input_tokens": 3, "output_tokens": 4}},
        {"type": "message_stop"},
    ]);
    assert_eq!(Value::from(events), expected);
}

#[test]
fn what_is_no_whole_answer_gives_no_stream() {
    let empty = "{},".repeat(2000);
    let many = format!(
        r#"{{"choices":[{}{{}}]}}"#,
        empty.replace("{}", r#"{"message":{}}"#)
    );
    let rows = [
        (Dialect::Chat, "{}"),
        (Dialect::Chat, "[]"),
        (Dialect::Chat, "{\"choices\":[]}"),
        (Dialect::Chat, "{\"choices\":null}"),
        (Dialect::Chat, "{\"choices\":[{\"text\":\"a\"}]}"),
        (
            Dialect::Chat,
            "{\"choices\":[{\"message\":{\"content\":\"a\"}}]",
        ),
        (Dialect::Chat, &many),
        (Dialect::Responses, "{\"id\":\"r\"}"),
        (
            Dialect::Responses,
            "{\"id\":\"r\",\"status\":\"in_progress\",\"output\":[]}",
        ),
        (
            Dialect::Messages,
            "{\"choices\":[{\"message\":{\"content\":\"a\"}}]}",
        ),
    ];
    for (dialect, whole) in rows {
        let whole = Bytes::copy_from_slice(whole.as_bytes());
        let outcome = events(dialect, &whole, Wishes::default());
        assert_eq!(outcome, Err(Unfit), "{dialect:?}");
    }
}

#[test]
fn long_texts_are_not_copied() {
    let text = "x".repeat(100_000);
    let whole = format!(
        r#"{{"id":"r","status":"completed","output":[{{"type":"message","content":[{{"type":"output_text","text":"{text}"}}]}}]}}"#
    );
    let whole = Bytes::from(whole);
    let pieces = events(Dialect::Responses, &whole, Wishes::default()).unwrap();
    let range = whole.as_ptr_range();
    let copied: usize = pieces
        .iter()
        .filter(|piece| !range.contains(&piece.as_ptr()))
        .map(Bytes::len)
        .sum();
    assert!(copied < 10_000, "{copied}");
}
