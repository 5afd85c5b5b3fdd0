//! Answers of Messages upstreams.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::answer::{Answer, Block};
use crate::dialect::envelope::{ReasoningState, StateContent};
use crate::dialect::messages::read::tests::any_json;
use crate::upstream::provider::Provider;

mod ends;

fn origin() -> Origin {
    Origin {
        provider: Provider::Anthropic,
        channel: "c".to_owned(),
    }
}

fn shown(event: &AnswerEvent<'_>) -> String {
    match event {
        AnswerEvent::Start { id } => format!("start {id}"),
        AnswerEvent::Text(text) => format!("text {text}"),
        AnswerEvent::Refusal(text) => format!("refusal {text}"),
        AnswerEvent::Reasoning(text) => format!("reasoning {text}"),
        AnswerEvent::ReasoningState(state) => match &state.content {
            StateContent::Signed {
                thinking,
                signature,
            } => format!("signed {thinking} {signature}"),
            StateContent::Redacted { data } => format!("redacted {data}"),
            StateContent::Encrypted { .. } => "encrypted".to_owned(),
        },
        AnswerEvent::BlockEnd => "block end".to_owned(),
        AnswerEvent::Citation(it) => format!("citation {} {}", it.url, it.title),
        AnswerEvent::CallStart { index, id, name } => format!("call {index} {id} {name}"),
        AnswerEvent::CallArguments { index, json } => format!("arguments {index} {json}"),
        AnswerEvent::CallEnd { index } => format!("call end {index}"),
        AnswerEvent::WebSearch { id, query, results } => {
            let urls: Vec<_> = results
                .iter()
                .map(|it| format!("{} {}", it.url, it.title))
                .collect();
            format!("search {id} {query} [{}]", urls.join(","))
        }
        AnswerEvent::Usage(it) => format!(
            "usage {} {} {} {}",
            it.prompt_tokens, it.cached_tokens, it.cache_write_tokens, it.completion_tokens
        ),
        AnswerEvent::Finish { reason, sequence } => {
            format!("finish {reason:?} {}", sequence.as_deref().unwrap_or("-"))
        }
        AnswerEvent::End => "end".to_owned(),
    }
}

fn streamed(events: &[Value]) -> Result<Vec<String>, BadAnswer> {
    let mut decoder = MessagesDecoder::new(origin());
    let mut seen = Vec::new();
    for event in events {
        let data = serde_json::to_vec(event).unwrap();
        decoder.event(&data, &mut |event| seen.push(shown(&event)))?;
    }
    decoder.finish(&mut |event| seen.push(shown(&event)))?;
    Ok(seen)
}

/// The events of a stream whose first and last ones are the usual ones.
fn blocks(events: Vec<Value>, reason: &str) -> Vec<String> {
    let mut all = vec![json!({"type": "message_start", "message": {"id": "msg_1", "content": []}})];
    all.extend(events);
    all.push(
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}}),
    );
    all.push(json!({"type": "message_stop"}));
    let seen = streamed(&all).unwrap();
    assert_eq!(seen[0], "start msg_1");
    assert_eq!(seen.last().unwrap(), "end");
    seen[1..seen.len() - 1].to_vec()
}

fn start(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn partial(index: u64, json: &str) -> Value {
    delta(
        index,
        &json!({"type": "input_json_delta", "partial_json": json}),
    )
}

#[test]
fn texts_thinking_and_calls_are_read_in_order() {
    let seen = blocks(
        vec![
            start(
                0,
                &json!({"type": "thinking", "thinking": "", "signature": ""}),
            ),
            delta(0, &json!({"type": "thinking_delta", "thinking": "h"})),
            json!({"type": "ping"}),
            delta(0, &json!({"type": "thinking_delta", "thinking": "m"})),
            delta(0, &json!({"type": "signature_delta", "signature": "SIG"})),
            stop(0),
            start(1, &json!({"type": "redacted_thinking", "data": "R"})),
            stop(1),
            start(2, &json!({"type": "text", "text": ""})),
            delta(2, &json!({"type": "text_delta", "text": "a"})),
            delta(
                2,
                &json!({"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": "https://x", "title": "T"}}),
            ),
            delta(
                2,
                &json!({"type": "citations_delta", "citation": {"type": "char_location", "document_title": "D"}}),
            ),
            stop(2),
            start(
                3,
                &json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}),
            ),
            partial(3, ""),
            partial(3, "{\"a\""),
            partial(3, ":1}"),
            stop(3),
        ],
        "tool_use",
    );
    let expected = [
        "reasoning h",
        "reasoning m",
        "signed hm SIG",
        "redacted R",
        "text a",
        "citation https://x T",
        "block end",
        "call 0 toolu_1 f",
        "arguments 0 {\"a\"",
        "arguments 0 :1}",
        "call end 0",
        "finish Calls -",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn careless_servers_are_read_too() {
    // A full input at the start, with and without deltas after it; a JSON string as input; no id; no stop.
    let seen = blocks(
        vec![
            start(
                0,
                &json!({"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}),
            ),
            stop(0),
            start(
                1,
                &json!({"type": "tool_use", "id": "b", "name": "f", "input": {"x": 1}}),
            ),
            partial(1, "{\"x\":2}"),
            stop(1),
            start(
                2,
                &json!({"type": "tool_use", "id": "c", "name": "f", "input": "{\"y\":1}"}),
            ),
            stop(2),
            start(3, &json!({"type": "tool_use", "name": "f"})),
        ],
        "end_turn",
    );
    let made = crate::dialect::ids::made_call_id("msg_1", 3);
    let expected = [
        "call 0 a f",
        "arguments 0 {\"x\":1}",
        "call end 0",
        "call 1 b f",
        "arguments 1 {\"x\":2}",
        "call end 1",
        "call 2 c f",
        "arguments 2 {\"y\":1}",
        "call end 2",
        &format!("call 3 {made} f"),
        "call end 3",
        "finish Calls -",
    ];
    assert_eq!(seen, expected);
    // Calls that interleave, and a text that begins before them and is never stopped.
    let seen = blocks(
        vec![
            start(0, &json!({"type": "text", "text": "t"})),
            start(
                1,
                &json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
            ),
            start(
                2,
                &json!({"type": "tool_use", "id": "b", "name": "g", "input": {}}),
            ),
            partial(1, "{"),
            partial(2, "[]"),
            partial(1, "}"),
            stop(2),
            stop(1),
        ],
        "tool_use",
    );
    let expected = [
        "text t",
        "block end",
        "call 0 a f",
        "call 1 b g",
        "arguments 0 {",
        "arguments 1 []",
        "arguments 0 }",
        "call end 1",
        "call end 0",
        "finish Calls -",
    ];
    assert_eq!(seen, expected);
    // No message_start; deltas without a start; thinking without a signature.
    let seen = streamed(&[
        delta(0, &json!({"type": "thinking_delta", "thinking": "h"})),
        stop(0),
        delta(1, &json!({"type": "text_delta", "text": "a"})),
        json!({"type": "message_stop"}),
        json!({"type": "message_stop"}),
    ]);
    let expected = [
        "start ",
        "reasoning h",
        "block end",
        "text a",
        "finish Stop -",
        "end",
    ];
    assert_eq!(seen.unwrap(), expected);
}

#[test]
fn searches_of_the_provider_are_no_calls() {
    let seen = blocks(
        vec![
            start(
                0,
                &json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}),
            ),
            partial(0, "{\"query\":"),
            partial(0, "\"q\"}"),
            stop(0),
            start(
                1,
                &json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                {"type": "web_search_result", "url": "https://x", "title": "T", "encrypted_content": "E", "page_age": null}]}),
            ),
            stop(1),
            start(
                2,
                &json!({"type": "server_tool_use", "id": "srvtoolu_2", "name": "web_search", "input": {"query": "r"}}),
            ),
            stop(2),
            start(
                3,
                &json!({"type": "server_tool_use", "id": "srvtoolu_3", "name": "code_execution", "input": {}}),
            ),
            stop(3),
        ],
        "pause_turn",
    );
    let expected = [
        "search srvtoolu_1 q [https://x T]",
        "search srvtoolu_2 r []",
        "finish Paused -",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn the_reason_is_the_first_one_with_its_sequence() {
    let text = || vec![start(0, &json!({"type": "text", "text": "a"})), stop(0)];
    let finish = |delta: Value| {
        let mut events = text();
        events.push(json!({"type": "message_delta", "delta": delta}));
        events.push(json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}));
        let seen = streamed(&events).unwrap();
        seen[3..seen.len() - 1].to_vec()
    };
    assert_eq!(
        finish(json!({"stop_reason": "end_turn", "stop_sequence": null})),
        ["finish Stop -"]
    );
    assert_eq!(
        finish(json!({"stop_reason": "stop_sequence", "stop_sequence": "X"})),
        ["finish Stop X"]
    );
    assert_eq!(finish(json!({"stop_reason": null})), ["finish Length -"]);
    let refusal =
        json!({"stop_reason": "refusal", "stop_details": {"type": "refusal", "explanation": "no"}});
    assert_eq!(
        finish(refusal),
        ["refusal no", "block end", "finish Filtered -"]
    );
    // An end without any content is no answer; one without a reason is.
    assert!(
        streamed(&[
            json!({"type": "message_start", "message": {}}),
            json!({"type": "message_stop"})
        ])
        .is_err()
    );
    assert!(streamed(&[]).is_err());
    let nameless = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "input": {}}});
    assert!(streamed(&[nameless]).is_err());
    assert_eq!(streamed(&text()).unwrap()[3..], ["finish Stop -", "end"]);
}

#[test]
fn usage_is_cumulative() {
    let usages = |first: Value, later: Value| {
        let mut decoder = MessagesDecoder::new(origin());
        let mut answer = Answer::default();
        for event in [
            json!({"type": "message_start", "message": {"id": "m", "usage": first}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": later}),
        ] {
            let data = serde_json::to_vec(&event).unwrap();
            decoder
                .event(&data, &mut |event| answer.take_in(event))
                .unwrap();
        }
        let usage = answer.usage.unwrap();
        (
            usage.prompt_tokens,
            usage.cached_tokens,
            usage.cache_write_tokens,
            usage.completion_tokens,
        )
    };
    // Case 25.
    let first = || json!({"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 1});
    assert_eq!(
        usages(first(), json!({"output_tokens": 3})),
        (125, 100, 20, 3)
    );
    let zeros = json!({"input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 3});
    assert_eq!(usages(first(), zeros), (125, 100, 20, 3));
    assert_eq!(usages(first(), first()), (125, 100, 20, 1));
    // What comes late is added to what is known.
    let late = json!({"cache_read_input_tokens": 100, "output_tokens": 3});
    assert_eq!(
        usages(json!({"input_tokens": 5, "output_tokens": 0}), late),
        (105, 100, 0, 3)
    );
    assert_eq!(
        usages(
            json!({"input_tokens": 0, "output_tokens": 0}),
            json!({"input_tokens": 7, "output_tokens": 2})
        ),
        (7, 0, 0, 2)
    );
}

#[test]
fn a_whole_answer_is_its_stream() {
    let whole = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        {"type": "text", "text": "a", "citations": [{"url": "https://x", "title": "T"}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "u", "name": "g", "input": {}}],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 3}});
    let mut from_whole = Answer::default();
    let body = serde_json::to_vec(&whole).unwrap();
    decode_whole(&body, &origin(), &mut |event| from_whole.take_in(event)).unwrap();
    let call = |index, id: &str, name: &str, arguments: &str| Block::Call {
        index,
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    assert_eq!(
        from_whole.blocks[2..],
        [call(0, "t", "f", "{\"a\":1}"), call(1, "u", "g", "")]
    );
    let state = ReasoningState {
        origin: origin(),
        content: StateContent::Signed {
            thinking: "hm".to_owned(),
            signature: "S".to_owned(),
        },
    };
    let Block::Reasoning { state: seen, .. } = &from_whole.blocks[0] else {
        panic!()
    };
    assert_eq!(*seen, Some(state));
    let mut from_stream = Answer::default();
    let mut decoder = MessagesDecoder::new(origin());
    let events = [
        json!({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 1}}}),
        start(0, &json!({"type": "thinking", "thinking": ""})),
        delta(0, &json!({"thinking": "hm"})),
        delta(0, &json!({"signature": "S"})),
        stop(0),
        start(1, &json!({"type": "text", "text": ""})),
        delta(1, &json!({"text": "a"})),
        delta(1, &json!({"citation": {"url": "https://x", "title": "T"}})),
        stop(1),
        start(
            2,
            &json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        ),
        partial(2, "{\"a\":1}"),
        stop(2),
        start(
            3,
            &json!({"type": "tool_use", "id": "u", "name": "g", "input": {}}),
        ),
        stop(3),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}}),
        json!({"type": "message_stop"}),
    ];
    for event in events {
        let data = serde_json::to_vec(&event).unwrap();
        decoder
            .event(&data, &mut |event| from_stream.take_in(event))
            .unwrap();
    }
    assert_eq!(from_stream, from_whole);
    // The client could not run a call without a name.
    let nameless =
        r#"{"content":[{"type":"tool_use","id":"toolu_1","input":{}}],"stop_reason":"tool_use"}"#;
    for broken in [
        "",
        "[]",
        "{}",
        r#"{"content":7}"#,
        r#"{"content":null}"#,
        nameless,
    ] {
        assert!(
            decode_whole(broken.as_bytes(), &origin(), &mut |_| {}).is_err(),
            "{broken}"
        );
    }
}

#[test]
fn events_that_are_no_events_end_the_answer() {
    let mut decoder = MessagesDecoder::new(origin());
    assert!(decoder.event(b"nonsense", &mut |_| {}).is_err());
    assert!(decoder.event(b"[DONE]", &mut |_| {}).is_ok());
}

proptest! {
    #[test]
    fn any_stream_has_one_start_and_at_most_one_end(events in prop::collection::vec((0..7_usize, any_json()), 0..12)) {
        const KINDS: [&str; 7] = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop", "ping"];
        let events: Vec<Value> = events
            .into_iter()
            .map(|(kind, any)| json!({"type": KINDS[kind], "index": kind % 3, "delta": {"text": "t", "partial_json": "{}", "x": any}, "content_block": any, "message": {"id": "m", "usage": any}}))
            .collect();
        if let Ok(seen) = streamed(&events) {
            prop_assert!(seen[0].starts_with("start"));
            prop_assert_eq!(seen.iter().filter(|it| it.starts_with("start")).count(), 1);
            prop_assert_eq!(seen.iter().filter(|it| it.starts_with("finish")).count(), 1);
            prop_assert_eq!(seen.iter().filter(|it| *it == "end").count(), 1);
            prop_assert_eq!(seen.last().unwrap(), "end");
            let calls = |word: &str| seen.iter().filter(|it| it.starts_with(word)).count();
            prop_assert_eq!(calls("call ") - calls("call end"), calls("call end"));
        }
    }

    #[test]
    fn any_body_is_read_or_refused(body in any_json()) {
        let body = serde_json::to_vec(&json!({"content": [body], "usage": body})).unwrap();
        let mut ends = 0;
        let result = decode_whole(&body, &origin(), &mut |event| ends += usize::from(event == AnswerEvent::End));
        prop_assert_eq!(ends, usize::from(result.is_ok()));
    }
}
