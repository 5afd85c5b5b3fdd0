//! Streams that became answers: what upstreams send, and whole answers that went through a stream and back.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::wire::sse::{self, EventScanner};
use crate::wire::whole_to_events::{self, Wishes};

const WISHES: Wishes = Wishes { usage: true };

/// The answer of a stream that comes in pieces of these sizes, over and over.
fn assembled(dialect: Dialect, stream: &[u8], sizes: &[usize]) -> Result<Value, Unfit> {
    let mut assembly = Assembly::new(dialect);
    let mut scanner = EventScanner::default();
    let (mut rest, mut sizes) = (stream, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(1).clamp(1, rest.len());
        let (piece, after) = rest.split_at(size);
        rest = after;
        let block = scanner.push(Bytes::copy_from_slice(piece)).unwrap();
        for event in block.events() {
            if let Some(data) = sse::data(event)
                && assembly.push(&data)? == AssemblyProgress::Complete
            {
                return finished(assembly);
            }
        }
    }
    finished(assembly)
}

fn finished(assembly: Assembly) -> Result<Value, Unfit> {
    let whole = assembly.finish()?;
    Ok(serde_json::from_slice(&whole).unwrap())
}

fn of_data(dialect: Dialect, data: &[&str]) -> Result<Value, Unfit> {
    let mut stream = String::new();
    for data in data {
        stream.push_str("data: ");
        stream.push_str(data);
        stream.push_str("\n\n");
    }
    assembled(dialect, stream.as_bytes(), &[stream.len()])
}

#[test]
fn chunks_of_a_chat_become_one_answer() {
    let answer = of_data(
        Dialect::Chat,
        &[
            r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#,
            r#"{"id":"c","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":1,"delta":{"role":"assistant","content":""},"logprobs":{"content":[{"token":"a"}],"refusal":null}}],"usage":null}"#,
            r#"{"id":"c","created":7,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"h"},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning_content":"m"}},{"index":1,"delta":{"content":"hé"}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"llo"},"logprobs":{"content":[{"token":"b"}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t0","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls","native_finish_reason":"calls"}]}"#,
            r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}],"service_tier":"x"}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
            "[DONE]",
        ],
    );
    let expected = json!({
        "id": "c", "object": "chat.completion", "created": 7, "model": "m", "service_tier": "x",
        "prompt_filter_results": [{"prompt_index": 0}],
        "choices": [
            {"index": 0, "finish_reason": "tool_calls", "native_finish_reason": "calls", "message": {
                "role": "assistant", "content": null, "reasoning_content": "hm",
                "tool_calls": [{"id": "t0", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}},
            {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "héllo"},
                "logprobs": {"content": [{"token": "a"}, {"token": "b"}], "refusal": null}},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
    });
    assert_eq!(answer, Ok(expected));
}

#[test]
fn a_stream_that_was_cut_off_gives_no_answer() {
    let hello = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    let other = r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#;
    let stop = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let empty = r#"{"choices":[{"index":0,"delta":{},"finish_reason":""}]}"#;
    for stream in [
        &[][..],
        &[hello],
        &[hello, empty],
        &[hello, other, stop],
        &["[DONE]"],
    ] {
        assert_eq!(of_data(Dialect::Chat, stream), Err(Unfit), "{stream:?}");
    }
    let reason = |stream: &[&str]| {
        of_data(Dialect::Chat, stream).unwrap()["choices"][0]["finish_reason"].clone()
    };
    assert_eq!(reason(&[hello, stop]), "stop");
    assert_eq!(reason(&[hello, "[DONE]"]), "stop");
    let call = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a"}]}}]}"#;
    assert_eq!(reason(&[call, "[DONE]"]), "tool_calls");
    let start =
        r#"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":1}}}"#;
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
    assert_eq!(of_data(Dialect::Messages, &[start, delta]), Err(Unfit));
    let created = r#"{"type":"response.created","response":{"id":"r","output":[]}}"#;
    assert_eq!(
        of_data(Dialect::Responses, &[created, "[DONE]"]),
        Err(Unfit)
    );
    for dialect in [Dialect::Chat, Dialect::Messages, Dialect::Responses] {
        assert_eq!(of_data(dialect, &["no JSON"]), Err(Unfit));
        assert_eq!(of_data(dialect, &["[1]"]), Err(Unfit));
    }
}

#[test]
fn oddities_of_upstreams_are_understood() {
    // Everything in one event, as a whole answer; and a last chunk that says the whole message again.
    let whole = r#"{"id":"c","choices":[{"message":{"role":"assistant","content":"ab"},"finish_reason":"stop"}]}"#;
    let part = r#"{"id":"c","choices":[{"delta":{"content":"ab"}}]}"#;
    for stream in [&[whole, "[DONE]"][..], &[part, whole]] {
        let answer = of_data(Dialect::Chat, stream).unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], "ab");
    }
    // A member without a name.
    let unnamed = r#"{"choices":[{"index":0,"":"x","finish_reason":"stop"}]}"#;
    let answer = of_data(Dialect::Chat, &[unnamed, "[DONE]"]).unwrap();
    assert_eq!(answer["choices"][0][""], "x");
    // Keep-alives as events.
    let answer = of_data(
        Dialect::Chat,
        &["{}", r#"{"type":"ping"}"#, whole, "[DONE]"],
    )
    .unwrap();
    assert_eq!(answer.get("type"), None);
    // Details of reasoning come in fragments with numbers, or as they are.
    let details =
        |list: &str| format!(r#"{{"choices":[{{"delta":{{"reasoning_details":{list}}}}}]}}"#);
    let answer = of_data(
        Dialect::Chat,
        &[
            &details(r#"[{"type":"reasoning.text","index":0,"text":"a"}]"#),
            &details(
                r#"[{"type":"reasoning.text","index":0,"text":"b"},{"type":"x"},{"type":"x"}]"#,
            ),
            "[DONE]",
        ],
    );
    assert_eq!(
        answer.unwrap()["choices"][0]["message"]["reasoning_details"],
        json!([{"type": "reasoning.text", "index": 0, "text": "ab"}, {"type": "x"}, {"type": "x"}])
    );
    // A last event that omits the output.
    let item = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message"}}"#;
    let last = r#"{"type":"response.completed","response":{"id":"r","output":[],"n":1.0}}"#;
    let answer = of_data(Dialect::Responses, &[item, last]).unwrap();
    assert_eq!(
        answer,
        json!({"id": "r", "n": 1.0, "output": [{"type": "message"}]})
    );
    // Arguments that the model had no tokens left for.
    let events = |reason: &str| {
        [
            r#"{"type":"message_start","message":{"id":"m"}}"#.to_owned(),
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","input":{}}}"#.to_owned(),
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#.to_owned(),
            format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#),
            r#"{"type":"message_stop"}"#.to_owned(),
        ]
    };
    let answer = |reason| {
        of_data(
            Dialect::Messages,
            &events(reason).each_ref().map(String::as_str),
        )
    };
    assert_eq!(
        answer("max_tokens").unwrap()["content"][0]["input"],
        json!({})
    );
    assert_eq!(answer("tool_use"), Err(Unfit));
}

#[test]
fn long_streams_of_short_chunks_fit_and_endless_ones_do_not() {
    let chunk = br#"{"id":"chatcmpl-0123456789","created":1,"model":"some/model","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"abcd"}}]},"content_filter_results":{"hate":{"filtered":false}}}]}"#;
    let mut assembly = Assembly::new(Dialect::Chat);
    for _ in 0..30_000 {
        assert_eq!(assembly.push(chunk), Ok(AssemblyProgress::More));
    }
    let long = format!(
        r#"{{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#,
        "x".repeat(100_000)
    );
    assert!((0..50).any(|_| assembly.push(long.as_bytes()).is_err()));
}

/// Text of all kinds.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z\u{e9}\u{1f600}\n\r\"\\\\ ]{1,30}",
        Just("long ".repeat(100)),
    ]
}

/// A member that no dialect knows, and that streams omit.
fn unknown() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 10, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn usage() -> impl Strategy<Value = Value> {
    any::<u16>().prop_map(|tokens| json!({"prompt_tokens": tokens, "output_tokens": tokens, "completion_tokens": 3, "details": {"a": 1}}))
}

fn tool_call() -> impl Strategy<Value = Value> {
    (any::<u32>(), text(), any::<bool>()).prop_map(|(id, text, is_custom)| {
        if is_custom {
            json!({"id": format!("c{id}"), "type": "custom", "custom": {"name": "f", "input": text}})
        } else {
            json!({"id": format!("c{id}"), "type": "function", "function": {"name": "f", "arguments": text}})
        }
    })
}

fn chat_message() -> impl Strategy<Value = Value> {
    let content = prop_oneof![Just(Value::Null), text().prop_map(Value::from)];
    let members = prop::collection::btree_map(
        select(vec!["reasoning_content", "reasoning", "x_note", "refusal"]),
        prop_oneof![Just(Value::Null), text().prop_map(Value::from)],
        0..4,
    );
    let calls = prop::collection::vec(tool_call(), 0..3);
    let more = prop::option::of(unknown());
    (content, members, calls, more).prop_map(|(content, members, calls, more)| {
        let mut message = json!({"role": "assistant", "content": content});
        for (name, value) in members {
            message[name] = value;
        }
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        if let Some(more) = more {
            message["annotations"] = json!([more]);
        }
        message
    })
}

fn logprobs() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        prop::collection::vec(-9.0..0.0_f64, 0..3)
            .prop_map(|list| json!({"content": list, "refusal": null})),
    ]
}

fn completion(
    kind: &'static str,
    choice: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Value> {
    let choices = prop::collection::vec((choice, logprobs(), unknown()), 1..4);
    (choices, usage(), unknown(), text()).prop_map(move |(choices, usage, unknown, id)| {
        let choice = |(index, (choice, logprobs, unknown)): (usize, (Value, Value, Value))| {
            let mut whole = json!({"index": index, "finish_reason": "length", "logprobs": logprobs, "x_more": unknown});
            whole.as_object_mut().unwrap().extend(choice.as_object().unwrap().clone());
            whole
        };
        let choices: Vec<Value> = choices.into_iter().enumerate().map(choice).collect();
        json!({"id": id, "object": kind, "created": 1, "model": "m", "choices": choices, "usage": usage, "x_top": unknown})
    })
}

fn response() -> impl Strategy<Value = Value> {
    let item = (text(), select(vec!["message", "function_call", "reasoning", "custom_tool_call", "x_call"]), unknown())
        .prop_map(|(text, kind, unknown)| match kind {
            "message" => json!({"id": "i", "type": kind, "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": text, "annotations": [{"a": 1}]}, {"type": "refusal", "refusal": text}]}),
            "function_call" => json!({"id": "i", "type": kind, "call_id": "c", "arguments": text}),
            "custom_tool_call" => json!({"type": kind, "input": text}),
            "reasoning" => json!({"id": "i", "type": kind, "summary": [{"type": "summary_text", "text": text}], "encrypted_content": "x"}),
            kind => json!({"id": "i", "type": kind, "x": unknown}),
        });
    (prop::collection::vec(item, 0..4), usage(), unknown(), select(vec!["completed", "incomplete"])).prop_map(
        |(output, usage, unknown, status)| json!({"id": "r", "object": "response", "status": status, "output": output, "usage": usage, "x_top": unknown}),
    )
}

fn message() -> impl Strategy<Value = Value> {
    let block = (
        text(),
        select(vec![
            "text",
            "thinking",
            "redacted_thinking",
            "tool_use",
            "x_result",
        ]),
        unknown(),
    )
        .prop_map(|(text, kind, unknown)| match kind {
            "text" => json!({"type": kind, "text": text, "citations": [{"cited_text": text}]}),
            "thinking" => json!({"type": kind, "thinking": text, "signature": "s\u{e9}=="}),
            "redacted_thinking" => json!({"type": kind, "data": text}),
            "tool_use" => json!({"type": kind, "id": "t", "name": "f", "input": {"a": unknown}}),
            kind => json!({"type": kind, "content": unknown}),
        });
    (prop::collection::vec(block, 0..4), usage(), unknown()).prop_map(|(content, usage, unknown)| {
        json!({"id": "m", "type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn",
            "stop_sequence": null, "usage": usage, "x_top": unknown})
    })
}

fn answer() -> impl Strategy<Value = (Dialect, Value)> {
    let chat = chat_message().prop_map(|message| json!({"message": message}));
    let with_text = text().prop_map(|text| json!({"text": text}));
    prop_oneof![
        completion("chat.completion", chat).prop_map(|whole| (Dialect::Chat, whole)),
        completion("text_completion", with_text).prop_map(|whole| (Dialect::Completions, whole)),
        response().prop_map(|whole| (Dialect::Responses, whole)),
        message().prop_map(|whole| (Dialect::Messages, whole)),
        (text(), unknown()).prop_map(|(text, more)| {
            let whole = json!({"text": text, "usage": {"type": "tokens"}, "segments": more});
            (Dialect::Transcript, whole)
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// An answer that becomes a stream, which becomes an answer again, is the same answer.
    #[test]
    fn a_stream_says_what_its_answer_says(
        (dialect, whole) in answer(),
        sizes in prop::collection::vec(1_usize..200, 1..5),
        is_pretty in any::<bool>(),
    ) {
        let text = if is_pretty { serde_json::to_vec_pretty(&whole) } else { serde_json::to_vec(&whole) };
        let text = Bytes::from(text.unwrap());
        // As it is read: the reader is not exact about the last digit of a float.
        let whole: Value = serde_json::from_slice(&text).unwrap();
        let events = whole_to_events::events(dialect, &text, WISHES).unwrap();
        prop_assert_eq!(assembled(dialect, &events.concat(), &sizes), Ok(whole));
    }

    /// No input makes it panic, or return anything but JSON.
    #[test]
    fn hostile_events_are_harmless(
        events in prop::collection::vec(prop::collection::vec(select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"choices\":", "\"delta\":", "\"type\":", "\"index\":",
            "\"message_start\"", "\"message\":", "\"tool_calls\":", "{\"index\":0}", "null", "1", "\"\\ud83d\"",
            "\"finish_reason\":\"stop\"", "{\"choices\":[{\"delta\":", "}]}",
        ]), 0..12), 0..6),
        dialect in select(vec![Dialect::Chat, Dialect::Completions, Dialect::Responses, Dialect::Messages]),
    ) {
        let mut assembly = Assembly::new(dialect);
        for event in events {
            let _ = assembly.push(event.concat().as_bytes());
        }
        if let Ok(whole) = assembly.finish() {
            prop_assert!(serde_json::from_slice::<&serde_json::value::RawValue>(&whole).is_ok());
        }
    }
}
