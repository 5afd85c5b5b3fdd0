//! A client of Messages: blocks one after the other, each with a begin, deltas of its kind and an end.

use serde_json::Value;

use super::{StreamEnd, StreamView, is_clients_function, or_empty_object, place, text};

#[derive(Debug)]
struct OpenBlock {
    kind: String,
    name: String,
    input: String,
    is_signed: bool,
}

/// Reads a stream.
pub fn read(events: &[(String, Value)], end: StreamEnd) -> StreamView {
    let mut view = StreamView::default();
    let mut open: Option<OpenBlock> = None;
    let (mut count, mut has_delta) = (0, false);
    let last = events.len().checked_sub(1).expect("an event");
    for (at, (name, event)) in events.iter().enumerate() {
        let kind = text(event, "type");
        assert_eq!(name, kind);
        // A failure may come before everything else.
        let is_first = at == 0 && kind != "error";
        assert_eq!(is_first, kind == "message_start", "{event}");
        assert!(
            !has_delta || matches!(kind, "message_stop" | "error"),
            "{event}"
        );
        match kind {
            "message_start" => started(&event["message"]),
            "content_block_start" => {
                assert!(open.is_none(), "blocks never interleave: {event}");
                assert_eq!(place(event, "index"), count);
                open = Some(begun(&event["content_block"]));
            }
            "content_block_delta" => {
                assert_eq!(place(event, "index"), count);
                let block = open.as_mut().expect("an open block");
                delta(block, &event["delta"], &mut view);
            }
            "content_block_stop" => {
                assert_eq!(place(event, "index"), count);
                count += 1;
                let block = open.take().expect("an open block");
                if block.kind == "tool_use" && is_clients_function(&block.name) {
                    let input = or_empty_object(&block.input).to_owned();
                    view.calls.push((block.name, input));
                }
            }
            "message_delta" => {
                assert!(open.is_none(), "all blocks end before the message");
                text(&event["delta"], "stop_reason");
                view.completion_tokens = event["usage"]["output_tokens"].as_u64();
                assert!(
                    view.completion_tokens.is_some() && event["usage"]["input_tokens"].is_u64()
                );
                has_delta = true;
            }
            "message_stop" => {
                assert!(has_delta && at == last && end == StreamEnd::Whole);
            }
            "error" => {
                text(&event["error"], "message");
                assert!(at == last && end == StreamEnd::Failed);
            }
            _ => panic!("an event that Messages does not have: {event}"),
        }
    }
    let (_, event) = &events[last];
    assert!(matches!(text(event, "type"), "message_stop" | "error"));
    if let Some(block) = open.filter(|it| it.kind == "tool_use" && is_clients_function(&it.name)) {
        view.calls.push((block.name, block.input));
    }
    view
}

fn started(message: &Value) {
    assert!(text(message, "id").starts_with("msg_"));
    assert_eq!(text(message, "role"), "assistant");
    assert_eq!(message["content"].as_array().map(Vec::len), Some(0));
    let usage = &message["usage"];
    assert!(usage["input_tokens"].is_u64() && usage["output_tokens"].is_u64());
}

fn begun(block: &Value) -> OpenBlock {
    let kind = text(block, "type").to_owned();
    let is_plain = |id: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        !id.is_empty() && id.bytes().all(is_allowed)
    };
    match &*kind {
        "text" => assert_eq!(text(block, "text"), ""),
        "thinking" => assert_eq!(text(block, "thinking"), ""),
        "tool_use" | "server_tool_use" => {
            assert!(is_plain(text(block, "id")), "{block}");
            assert!(block["input"].is_object(), "{block}");
        }
        "web_search_tool_result" => assert!(text(block, "tool_use_id").starts_with("srvtoolu_")),
        _ => panic!("a block that Messages does not have: {block}"),
    }
    OpenBlock {
        name: block["name"].as_str().unwrap_or_default().to_owned(),
        kind,
        input: String::new(),
        is_signed: false,
    }
}

fn delta(block: &mut OpenBlock, delta: &Value, view: &mut StreamView) {
    assert!(!block.is_signed, "the signature comes last: {delta}");
    match (&*block.kind, text(delta, "type")) {
        ("text", "text_delta") => view.text.push_str(text(delta, "text")),
        ("text", "citations_delta") => assert!(delta["citation"].is_object()),
        ("thinking", "thinking_delta") => view.reasoning.push_str(text(delta, "thinking")),
        ("thinking", "signature_delta") => {
            text(delta, "signature");
            block.is_signed = true;
        }
        ("tool_use" | "server_tool_use", "input_json_delta") => {
            block.input.push_str(text(delta, "partial_json"));
        }
        _ => panic!("{delta} in {block:?}"),
    }
}
