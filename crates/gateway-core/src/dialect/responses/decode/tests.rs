//! Answers of Responses' upstreams: each fixture as its events, and the same answer whole.

mod citations;
mod fixtures;
mod order;
mod properties;

use serde_json::json;

use super::*;
use crate::dialect::answer::{Answer, Block};
use crate::dialect::answer_event::Citation;
use crate::dialect::envelope::{ReasoningState, StateContent};
use crate::upstream::provider::Provider;
use crate::wire::usage::Usage;

fn origin() -> Origin {
    Origin {
        provider: Provider::OpenAi,
        channel: "ch_1".to_owned(),
    }
}

/// The answer in a stream's events, and the events themselves.
fn decoded(data: &[String]) -> Result<(Answer, Vec<AnswerEvent<'static>>), BadAnswer> {
    let mut decoder = ResponsesDecoder::new(origin());
    let mut answer = Answer::default();
    let mut shown = Vec::new();
    let mut sink = |event: AnswerEvent<'_>| {
        match &event {
            AnswerEvent::End => shown.push(AnswerEvent::End),
            AnswerEvent::CallEnd { index } => shown.push(AnswerEvent::CallEnd { index: *index }),
            AnswerEvent::Text(text) => {
                shown.push(AnswerEvent::Text(text.clone().into_owned().into()));
            }
            AnswerEvent::Reasoning(text) => {
                shown.push(AnswerEvent::Reasoning(text.clone().into_owned().into()));
            }
            _ => {}
        }
        answer.take_in(event);
    };
    for data in data {
        decoder.event(data.as_bytes(), &mut sink)?;
    }
    decoder.finish(&mut sink)?;
    decoder.finish(&mut sink)?;
    Ok((answer, shown))
}

fn blocks(data: &[serde_json::Value]) -> Vec<Block> {
    let data: Vec<String> = data.iter().map(ToString::to_string).collect();
    decoded(&data).unwrap().0.blocks
}

fn text(text: &str) -> Block {
    Block::Text {
        text: text.to_owned(),
        citations: Vec::new(),
    }
}

fn reasoning(text: &str, content: Option<&str>) -> Block {
    Block::Reasoning {
        text: text.to_owned(),
        state: content.map(|content| ReasoningState {
            origin: origin(),
            content: StateContent::Encrypted {
                id: "rs_1".to_owned(),
                content: content.to_owned(),
            },
        }),
    }
}

fn call(index: usize, id: &str, name: &str, arguments: &str) -> Block {
    Block::Call {
        index,
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }
}

fn event(kind: &str, index: u64, more: &serde_json::Value) -> serde_json::Value {
    let mut event = json!({"type": format!("response.{kind}"), "output_index": index});
    let members = event.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    event
}

#[test]
fn a_whole_stream_of_the_api_is_read() {
    let (data, response) = fixtures::whole_stream();
    let mut data: Vec<String> = data.iter().map(ToString::to_string).collect();
    data.push("[DONE]".to_owned());
    let (answer, shown) = decoded(&data).unwrap();
    let cited = Block::Text {
        text: "hello".to_owned(),
        citations: vec![Citation {
            url: "https://x".into(),
            title: "X".into(),
        }],
    };
    let expected = [
        reasoning("one\n\ntwo", Some("gAAA")),
        cited,
        call(0, "call_1", "f", "{\"a\":1}"),
    ];
    assert_eq!(answer.blocks, expected);
    assert_eq!((&*answer.id, answer.reason), ("resp_1", StopReason::Calls));
    let tokens = Usage {
        prompt_tokens: 9,
        completion_tokens: 5,
        cached_tokens: 4,
        reasoning_tokens: 2,
        ..Usage::default()
    };
    assert_eq!(answer.usage, Some(tokens));
    let ends = [AnswerEvent::CallEnd { index: 0 }, AnswerEvent::End];
    assert_eq!(shown[shown.len() - 2..], ends);

    let mut whole = Answer::default();
    let body = response.to_string();
    decode_whole(body.as_bytes(), &origin(), &mut |event| {
        whole.take_in(event);
    })
    .unwrap();
    assert_eq!(whole, answer);
}

#[test]
fn events_may_be_missing() {
    let message =
        json!({"type": "message", "id": "m", "content": [{"type": "output_text", "text": "hi"}]});
    let function = json!({"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"});
    let completed = |output: serde_json::Value| json!({"type": "response.completed", "response": {"output": output}});
    let delta = |text: &str| {
        event(
            "output_text.delta",
            0,
            &json!({"item_id": "m", "delta": text}),
        )
    };
    let rows = [
        // No `added`.
        (
            vec![
                delta("h"),
                delta("i"),
                event("output_item.done", 0, &json!({"item": message})),
            ],
            vec![text("hi")],
        ),
        // No deltas.
        (
            vec![
                event(
                    "output_text.done",
                    0,
                    &json!({"item_id": "m", "text": "hi"}),
                ),
                completed(json!([message])),
            ],
            vec![text("hi")],
        ),
        (
            vec![event("output_item.done", 0, &json!({"item": message}))],
            vec![text("hi")],
        ),
        (
            vec![
                event("output_item.added", 0, &json!({"item": function})),
                event("output_item.done", 0, &json!({"item": function})),
            ],
            vec![call(0, "c", "f", "{}")],
        ),
        // Arguments before the name.
        (
            vec![
                event(
                    "function_call_arguments.delta",
                    0,
                    &json!({"item_id": "fc", "delta": "{\"a\":2}"}),
                ),
                event("output_item.done", 0, &json!({"item": function})),
            ],
            vec![call(0, "c", "f", "{\"a\":2}")],
        ),
        // Nothing but the end, and calls only there.
        (
            vec![completed(json!([message, function]))],
            vec![text("hi"), call(0, "c", "f", "{}")],
        ),
        (
            vec![delta("hi"), completed(json!([message, function]))],
            vec![text("hi"), call(0, "c", "f", "{}")],
        ),
        // No `done`, no end.
        (
            vec![
                event("output_item.added", 0, &json!({"item": function})),
                delta("hi"),
            ],
            vec![call(0, "c", "f", ""), text("hi")],
        ),
    ];
    for (data, expected) in rows {
        assert_eq!(blocks(&data), expected, "{data:?}");
    }
}

#[test]
fn events_may_be_unusual() {
    let message =
        json!({"type": "message", "id": "m", "content": [{"type": "output_text", "text": "hi"}]});
    let delta = |text: &str| {
        event(
            "output_text.delta",
            0,
            &json!({"item_id": "m", "delta": text}),
        )
    };
    let rows = [
        // The text's `done` after its item's.
        (
            vec![
                event("output_item.done", 0, &json!({"item": message})),
                event(
                    "output_text.done",
                    0,
                    &json!({"item_id": "m", "text": "hi"}),
                ),
            ],
            vec![text("hi")],
        ),
        // Raw reasoning, then a summary of it.
        (
            vec![
                event("reasoning_text.delta", 0, &json!({"delta": "raw"})),
                event(
                    "reasoning_summary_text.delta",
                    0,
                    &json!({"delta": "short"}),
                ),
            ],
            vec![reasoning("raw", None)],
        ),
        // State alone.
        (
            vec![event(
                "output_item.done",
                0,
                &json!({"item": {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "g"}}),
            )],
            vec![reasoning("", Some("g"))],
        ),
        // A custom tool of an upstream.
        (
            vec![event(
                "output_item.done",
                0,
                &json!({"item": {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x\n"}}),
            )],
            vec![call(0, "c", "f", "{\"input\":\"x\\n\"}")],
        ),
        // Two parts of one message.
        (
            vec![
                delta("a"),
                event(
                    "output_text.delta",
                    0,
                    &json!({"item_id": "m", "content_index": 1, "delta": "b"}),
                ),
            ],
            vec![text("a"), text("b")],
        ),
    ];
    for (data, expected) in rows {
        assert_eq!(blocks(&data), expected, "{data:?}");
    }
}

#[test]
fn items_may_be_open_at_once() {
    let added = |index: u64, id: &str| {
        event(
            "output_item.added",
            index,
            &json!({"item": {"type": "function_call", "id": id, "call_id": id, "name": "f"}}),
        )
    };
    let arguments = |index: u64, id: &str, delta: &str| {
        event(
            "function_call_arguments.delta",
            index,
            &json!({"item_id": id, "delta": delta}),
        )
    };
    let data = [
        added(0, "a"),
        added(0, "b"),
        arguments(0, "a", "["),
        arguments(0, "b", "{"),
        arguments(0, "a", "]"),
        arguments(0, "b", "}"),
    ];
    assert_eq!(
        blocks(&data),
        [call(0, "a", "f", "[]"), call(1, "b", "f", "{}")]
    );
    let delta = |index: u64, text: &str| {
        event(
            "output_text.delta",
            index,
            &json!({"item_id": index.to_string(), "delta": text}),
        )
    };
    let done = |index: u64| {
        event(
            "output_item.done",
            index,
            &json!({"item": {"type": "message", "id": index.to_string()}}),
        )
    };
    let data = [
        delta(0, "a"),
        delta(1, "x"),
        delta(0, "b"),
        delta(2, "?"),
        done(1),
        delta(0, "c"),
        done(0),
        delta(2, "!"),
    ];
    assert_eq!(blocks(&data), [text("abc"), text("x"), text("?!")]);
    // A text that is whole does not hold up the next one.
    let data = [
        event(
            "reasoning_text.delta",
            0,
            &json!({"item_id": "r", "delta": "t"}),
        ),
        event(
            "reasoning_text.done",
            0,
            &json!({"item_id": "r", "text": "t"}),
        ),
        delta(1, "a"),
    ];
    let data: Vec<String> = data.iter().map(ToString::to_string).collect();
    let mut decoder = ResponsesDecoder::new(origin());
    let mut texts = 0;
    for data in data {
        let mut sink =
            |event: AnswerEvent<'_>| texts += usize::from(matches!(event, AnswerEvent::Text(_)));
        decoder.event(data.as_bytes(), &mut sink).unwrap();
    }
    assert_eq!(texts, 1);
}

#[test]
fn the_end_says_why() {
    let row = |kind: &str, details: serde_json::Value, part: serde_json::Value| {
        let status = kind.strip_prefix("response.").unwrap();
        let response = json!({"id": "r", "status": status, "incomplete_details": details, "output": [{"type": "message", "content": [part]}]});
        let data = [json!({"type": kind, "response": response}).to_string()];
        let mut whole = Answer::default();
        let body = response.to_string();
        decode_whole(body.as_bytes(), &origin(), &mut |event| {
            whole.take_in(event);
        })
        .unwrap();
        assert_eq!(decoded(&data).unwrap().0, whole);
        whole.reason
    };
    let text = || json!({"type": "output_text", "text": "t"});
    assert_eq!(
        row("response.completed", json!(null), text()),
        StopReason::Stop
    );
    assert_eq!(
        row(
            "response.incomplete",
            json!({"reason": "max_output_tokens"}),
            text()
        ),
        StopReason::Length
    );
    assert_eq!(
        row(
            "response.incomplete",
            json!({"reason": "content_filter"}),
            text()
        ),
        StopReason::Filtered
    );
    assert_eq!(
        row("response.incomplete", json!(null), text()),
        StopReason::Length
    );
    assert_eq!(
        row(
            "response.completed",
            json!(null),
            json!({"type": "refusal", "refusal": "no"})
        ),
        StopReason::Filtered
    );
}

#[test]
fn searches_and_bad_answers() {
    let search = |action: serde_json::Value| {
        blocks(&[event(
            "output_item.done",
            0,
            &json!({"item": {"type": "web_search_call", "id": "ws", "action": action}}),
        )])
    };
    let found = search(
        json!({"type": "search", "query": "q", "sources": [{"type": "url", "url": "https://x"}]}),
    );
    assert!(
        matches!(&found[..], [Block::WebSearch { id, query, results }] if id == "ws" && query == "q" && results.len() == 1)
    );
    assert_eq!(search(json!({"type": "open_page", "url": "https://x"})), []);
    let bad = [
        "[]",
        "{}",
        r#"{"status":"failed","output":[]}"#,
        r#"{"output":[],"error":{"code":"x"}}"#,
        r#"{"output":[{"type":"function_call","call_id":"c","arguments":"{}"}]}"#,
    ];
    for body in bad {
        assert!(
            decode_whole(body.as_bytes(), &origin(), &mut |_| {}).is_err(),
            "{body}"
        );
    }
    assert!(decoded(&[]).is_err());
    assert!(decoded(&["nonsense".to_owned()]).is_err());
    assert!(decoded(&[json!({"type": "response.failed"}).to_string()]).is_err());
}
