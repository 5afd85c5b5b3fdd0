//! Tests of answers for Chat Completions' clients.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::answer::{Answer, Block};
use crate::dialect::answer_event::{AnswerDecoder as _, Citation, WebResult};
use crate::dialect::chat::{ChatDecoder, read};
use crate::dialect::conversation::Item;
use crate::dialect::envelope::{EnvelopeKey, Origin, StateContent};
use crate::dialect::registry::DeclaredTool;
use crate::upstream::provider::Provider;

fn state() -> ReasoningState {
    ReasoningState {
        origin: Origin {
            provider: Provider::Anthropic,
            channel: "ch_1".to_owned(),
        },
        content: StateContent::Signed {
            thinking: "hm".to_owned(),
            signature: "sig".to_owned(),
        },
    }
}

fn context(wants_usage: bool) -> AnswerContext {
    let mut context = AnswerContext {
        model: "my \"model\"".to_owned(),
        request_id: "req_1".to_owned(),
        created: 1_700_000_000,
        wants_usage,
        envelope: EnvelopeKey::derive(b"secret"),
        ..AnswerContext::default()
    };
    for (kind, name) in [
        (DeclaredKind::Custom, "patch"),
        (DeclaredKind::Function, "name with spaces"),
    ] {
        context.registry.wire_name(DeclaredTool {
            kind,
            name: name.to_owned(),
            namespace: None,
        });
    }
    context
}

/// The data of the events that were written, each checked to be one event of one line.
fn data(output: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(output).unwrap();
    assert!(text.is_empty() || text.ends_with("\n\n"));
    text.split_terminator("\n\n")
        .map(|event| {
            assert!(!event.contains('\n'), "{event}");
            event.strip_prefix("data: ").unwrap().to_owned()
        })
        .collect()
}

fn streamed(events: Vec<AnswerEvent<'_>>, wants_usage: bool) -> Vec<String> {
    let mut encoder = ChatEncoder::new(context(wants_usage));
    let mut output = Vec::new();
    for event in events {
        encoder.event(event, &mut output);
    }
    data(&output)
}

fn whole(events: Vec<AnswerEvent<'_>>) -> Value {
    let mut answer = Answer::default();
    for event in events {
        answer.take_in(event);
    }
    serde_json::from_slice(&encode_whole(&answer, &context(false)).unwrap()).unwrap()
}

/// What comes of each delta; the members around it are checked.
fn deltas(events: &[String]) -> Vec<Value> {
    let read = |event: &String| -> Option<Value> {
        let chunk: Value = serde_json::from_str(event).ok()?;
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["model"], "my \"model\"");
        assert_eq!(chunk["created"], 1_700_000_000);
        let choice = &chunk["choices"][0];
        assert_eq!(choice["index"], 0);
        assert!(choice.get("finish_reason").is_some());
        Some(choice["delta"].clone())
    };
    events.iter().filter_map(read).collect()
}

fn call_start<'a>(index: usize, id: &'a str, name: &'a str) -> AnswerEvent<'a> {
    AnswerEvent::CallStart {
        index,
        id: id.into(),
        name: name.into(),
    }
}

fn arguments(index: usize, json: &str) -> AnswerEvent<'_> {
    AnswerEvent::CallArguments {
        index,
        json: json.into(),
    }
}

fn finish(reason: StopReason) -> AnswerEvent<'static> {
    AnswerEvent::Finish {
        reason,
        sequence: None,
    }
}

fn citation() -> AnswerEvent<'static> {
    AnswerEvent::Citation(Citation {
        url: "https://a".into(),
        title: "A".into(),
    })
}

/// An answer with one of everything.
fn everything() -> Vec<AnswerEvent<'static>> {
    let usage = |prompt_tokens, completion_tokens| {
        AnswerEvent::Usage(Usage {
            prompt_tokens,
            completion_tokens,
            cached_tokens: 100,
            cache_write_tokens: 20,
            reasoning_tokens: 1,
            ..Usage::default()
        })
    };
    vec![
        AnswerEvent::Start { id: "msg_1".into() },
        usage(125, 0),
        AnswerEvent::Reasoning("r".into()),
        AnswerEvent::ReasoningState(state()),
        AnswerEvent::Text("\u{e4}b".into()),
        AnswerEvent::BlockEnd,
        AnswerEvent::Text("cd".into()),
        citation(),
        AnswerEvent::WebSearch {
            id: "s".into(),
            query: "q".into(),
            results: vec![WebResult {
                url: "https://b".into(),
                title: "B".into(),
            }],
        },
        AnswerEvent::Refusal("no".into()),
        call_start(0, "functions.f:0", "f"),
        call_start(1, "y", "patch"),
        arguments(0, "{\"a\""),
        arguments(1, "{\"input\":\"+a"),
        arguments(0, ":1}"),
        arguments(1, "\\n\"}"),
        AnswerEvent::CallEnd { index: 0 },
        AnswerEvent::CallEnd { index: 1 },
        call_start(2, "z", "namewithspaces"),
        AnswerEvent::CallEnd { index: 2 },
        finish(StopReason::Calls),
        usage(0, 3),
        AnswerEvent::End,
    ]
}

#[test]
fn a_stream_has_every_event_in_its_place() {
    let events = streamed(everything(), true);
    let sealed = EnvelopeKey::derive(b"secret").seal(&state());
    let fitted = ids::call_id("functions.f:0");
    let call = |call: Value| json!({"tool_calls": [call]});
    let expected = [
        json!({"role": "assistant", "content": ""}),
        json!({"reasoning_content": "r"}),
        json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": sealed, "format": "unknown", "index": 0}]}),
        json!({"content": "\u{e4}b"}),
        json!({"content": "cd"}),
        json!({"annotations": [{"type": "url_citation", "url_citation":
            {"start_index": 2, "end_index": 4, "url": "https://a", "title": "A"}}]}),
        json!({"refusal": "no"}),
        call(
            json!({"index": 0, "id": fitted, "type": "function", "function": {"name": "f", "arguments": ""}}),
        ),
        call(
            json!({"index": 1, "id": "y", "type": "custom", "custom": {"name": "patch", "input": ""}}),
        ),
        call(json!({"index": 0, "function": {"arguments": "{\"a\""}})),
        call(json!({"index": 0, "function": {"arguments": ":1}"}})),
        call(json!({"index": 1, "custom": {"input": "+a\n"}})),
        call(
            json!({"index": 2, "id": "z", "type": "function", "function":
            {"name": "namewithspaces", "arguments": ""}}),
        ),
        call(json!({"index": 2, "function": {"arguments": "{}"}})),
        json!({}),
    ];
    let mut events = events;
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let usage: Value = serde_json::from_str(&events.pop().unwrap()).unwrap();
    assert_eq!(deltas(&events), expected);
    let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(last["id"], "chatcmpl-msg_1");
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(
        usage["usage"],
        json!({"prompt_tokens": 125, "completion_tokens": 3, "total_tokens": 128,
            "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
            "completion_tokens_details": {"reasoning_tokens": 1}})
    );
}

#[test]
fn tokens_of_the_cache_are_shown_as_far_as_they_are_known() {
    let usage = Usage {
        prompt_tokens: 5,
        ..Usage::default()
    };
    let answer = whole(vec![
        AnswerEvent::Text("a".into()),
        AnswerEvent::Usage(usage),
    ]);
    let details = &answer["usage"]["prompt_tokens_details"];
    assert_eq!(details, &json!({"cached_tokens": 0}));
}

#[test]
fn names_come_back_as_the_client_declared_them() {
    let context = context(false);
    let mut registry = context.registry.clone();
    let wire = registry.wire_name(DeclaredTool {
        kind: DeclaredKind::Function,
        name: "name with spaces".to_owned(),
        namespace: None,
    });
    let mut encoder = ChatEncoder::new(context);
    let mut output = Vec::new();
    encoder.event(call_start(0, "x", &wire), &mut output);
    let events = data(&output);
    let called = &deltas(&events)[0]["tool_calls"][0];
    assert_eq!(called["function"]["name"], "name with spaces");
}

#[test]
fn a_whole_answer_has_the_same_parts() {
    let sealed = EnvelopeKey::derive(b"secret").seal(&state());
    let fitted = ids::call_id("functions.f:0");
    let expected = json!({
        "id": "chatcmpl-msg_1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "my \"model\"",
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "\u{e4}bcd",
                "refusal": "no",
                "reasoning_content": "r",
                "tool_calls": [
                    {"id": fitted, "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                    {"id": "y", "type": "custom", "custom": {"name": "patch", "input": "+a\n"}},
                    {"id": "z", "type": "function", "function": {"name": "namewithspaces", "arguments": "{}"}},
                ],
                "annotations": [{"type": "url_citation", "url_citation":
                    {"start_index": 2, "end_index": 4, "url": "https://a", "title": "A"}}],
                "reasoning_details": [{"type": "reasoning.encrypted", "data": sealed, "format": "unknown", "index": 0}],
            },
            "logprobs": null,
            "finish_reason": "tool_calls",
        }],
        "usage": {"prompt_tokens": 125, "completion_tokens": 3, "total_tokens": 128,
            "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
            "completion_tokens_details": {"reasoning_tokens": 1}},
    });
    assert_eq!(whole(everything()), expected);
}

#[test]
fn content_is_null_only_beside_calls_and_refusals() {
    let start = || AnswerEvent::Start { id: "".into() };
    let rows = [
        (vec![start()], json!("")),
        (vec![start(), AnswerEvent::Text("a".into())], json!("a")),
        (
            vec![start(), AnswerEvent::Refusal("no".into())],
            Value::Null,
        ),
        (vec![start(), call_start(0, "x", "f")], Value::Null),
    ];
    for (events, expected) in rows {
        let answer = whole(events);
        assert_eq!(answer["choices"][0]["message"]["content"], expected);
        // Without an id of the upstream it is made from the request's.
        assert_eq!(answer["id"], "chatcmpl-req_1");
        assert_eq!(answer.get("usage"), None);
    }
}

#[test]
fn reasons_have_chats_words_and_nothing_follows_the_end() {
    let rows = [
        (StopReason::Stop, "stop"),
        (StopReason::Calls, "tool_calls"),
        (StopReason::Length, "length"),
        (StopReason::Filtered, "content_filter"),
        (StopReason::Paused, "stop"),
    ];
    for (reason, word) in rows {
        let events = vec![
            AnswerEvent::Start { id: "a".into() },
            finish(reason),
            AnswerEvent::Usage(Usage::default()),
            AnswerEvent::End,
            AnswerEvent::Text("late".into()),
            AnswerEvent::End,
        ];
        assert_eq!(whole(events.clone())["choices"][0]["finish_reason"], word);
        let written = streamed(events, false);
        // The role, the reason, the mark: the usage was not requested.
        assert_eq!(written.len(), 3, "{written:?}");
        let chunk: Value = serde_json::from_str(&written[1]).unwrap();
        assert_eq!(chunk["choices"][0]["finish_reason"], word);
        assert_eq!(written[2], "[DONE]");
    }
}

#[test]
fn a_failure_is_the_last_event_and_there_is_no_end_mark() {
    let mut encoder = ChatEncoder::new(context(true));
    let mut output = Vec::new();
    encoder.event(AnswerEvent::Text("a".into()), &mut output);
    output.clear();
    let failure = StreamFailure {
        kind: "server_error",
        code: "stream_incomplete",
        message: "It \"broke\".",
    };
    encoder.fail(&failure, &mut output);
    encoder.fail(&failure, &mut output);
    encoder.event(AnswerEvent::End, &mut output);
    let events = data(&output);
    assert_eq!(events.len(), 1);
    let event: Value = serde_json::from_str(&events[0]).unwrap();
    let expected = json!({"error": {"message": "It \"broke\".", "type": "server_error", "param": null,
        "code": "stream_incomplete"}});
    assert_eq!(event, expected);
}

#[test]
fn a_state_comes_back_from_the_client_as_it_was() {
    let answer = whole(everything());
    let mut message = answer["choices"][0]["message"].clone();
    message["tool_calls"] = Value::Null;
    let request = json!({"messages": [{"role": "user", "content": "u"}, message]}).to_string();
    let conversation = read(request.as_bytes(), &EnvelopeKey::derive(b"secret")).unwrap();
    let Some(Item::Reasoning(item)) = conversation.items.get(1) else {
        panic!("{:?}", conversation.items);
    };
    assert_eq!((&*item.text, &item.state), ("r", &Some(state())));
}

proptest! {
    /// What a client reads from the stream is what it reads from the whole answer.
    #[test]
    fn a_stream_reads_like_the_whole_answer(
        texts in prop::collection::vec("[a-z\"\\\\\u{1f600}\n]{1,6}", 0..4),
        calls in prop::collection::vec(prop::collection::vec("[a-z{}\"\\\\]{1,6}", 0..4), 0..3),
    ) {
        let mut events = vec![AnswerEvent::Start { id: "a".into() }];
        events.extend(texts.iter().map(|text| AnswerEvent::Text(text.into())));
        let names = ["f0", "f1", "f2"];
        for (index, pieces) in calls.iter().enumerate() {
            events.push(call_start(index, names[index], names[index]));
            events.extend(pieces.iter().map(|piece| arguments(index, piece)));
            events.push(AnswerEvent::CallEnd { index });
        }
        events.push(finish(StopReason::Stop.with_calls(!calls.is_empty())));
        events.push(AnswerEvent::Usage(Usage { prompt_tokens: 4, completion_tokens: 2, ..Usage::default() }));
        events.push(AnswerEvent::End);
        let origin = state().origin;
        let mut from_stream = Answer::default();
        let mut decoder = ChatDecoder::new(origin.clone());
        for event in streamed(events.clone(), true) {
            // An answer of nothing is none for the decoder; it is not what is tested.
            prop_assume!(!(texts.is_empty() && calls.is_empty()));
            decoder.event(event.as_bytes(), &mut |event| from_stream.take_in(event)).unwrap();
        }
        let body = whole(events).to_string();
        let mut from_whole = Answer::default();
        let mut sink = |event: AnswerEvent<'_>| from_whole.take_in(event);
        crate::dialect::chat::decode_whole(body.as_bytes(), &origin, &mut sink).unwrap();
        prop_assert_eq!(&from_stream, &from_whole);
        let count = from_whole.blocks.iter().filter(|block| matches!(block, Block::Call { .. })).count();
        prop_assert_eq!(count, calls.len());
    }
}
