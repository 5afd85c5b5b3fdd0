//! The end of a stream, and what comes behind it.

use super::*;

/// What has been seen before the stream is closed.
fn seen(events: &[Value]) -> Vec<String> {
    let mut decoder = MessagesDecoder::new(origin());
    let mut seen = Vec::new();
    for event in events {
        let data = serde_json::to_vec(event).unwrap();
        let mut sink = |event: AnswerEvent<'_>| seen.push(shown(&event));
        decoder.event(&data, &mut sink).unwrap();
    }
    seen
}

#[test]
fn an_answer_ends_with_its_last_event_and_not_with_the_stream() {
    let text = start(0, &json!({"type": "text", "text": "a"}));
    let reason = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}});
    let end = json!({"type": "message_stop"});
    let late = delta(0, &json!({"type": "text_delta", "text": "late"}));
    let events = [
        text,
        reason,
        stop(0),
        late.clone(),
        end.clone(),
        late.clone(),
        end,
    ];
    let expected = ["start ", "text a", "block end", "finish Stop -", "end"];
    assert_eq!(seen(&events), expected);
    assert_eq!(seen(&events[..4]), expected[..4]);
    assert_eq!(seen(&[json!({"type": "ping"})]), [""; 0]);
}

#[test]
fn blocks_without_an_index_follow_each_other() {
    let call = |id: &str| json!({"type": "content_block_start", "content_block": {"type": "tool_use", "id": id, "name": "f"}});
    let arguments = |json: &str| json!({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": json}});
    let stop = || json!({"type": "content_block_stop"});
    let events = vec![
        call("a"),
        arguments("{}"),
        call("b"),
        arguments("[]"),
        stop(),
        stop(),
    ];
    let expected = [
        "call 0 a f",
        "arguments 0 {}",
        "call 1 b f",
        "arguments 1 []",
        "call end 1",
        "call end 0",
        "finish Calls -",
    ];
    assert_eq!(blocks(events, "tool_use"), expected);
}
