//! Chat Completions: what is read from clients and upstreams, and what is written for them.

use serde_json::{Value, json};

use super::*;
use crate::dialect::answer::{Answer, AnswerContext, Block};
use crate::dialect::answer_event::{
    AnswerDecoder as _, AnswerEncoder as _, AnswerEvent, BadAnswer, StopReason,
};
use crate::dialect::effort::Effort;
use crate::dialect::envelope::{EnvelopeKey, Origin};
use crate::dialect::traits::{ReasoningForm, UpstreamTraits};
use crate::dialect::{tools, turns};
use crate::upstream::provider::Provider;
use crate::wire::usage::ServiceTier;

fn origin() -> Origin {
    Origin {
        provider: Provider::OpenAi,
        channel: "ch_1".to_owned(),
    }
}

/// A request, read and written again for another server of the same dialect; or the member that is refused.
fn through(body: &Value) -> Result<Value, String> {
    through_to(&UpstreamTraits::unknown("up", origin()), body)
}

fn through_to(traits: &UpstreamTraits, body: &Value) -> Result<Value, String> {
    let body = body.to_string();
    let key = EnvelopeKey::default();
    let mut conversation = read(body.as_bytes(), &key).map_err(|it| it.param.to_string())?;
    tools::settle(&mut conversation, traits).map_err(|it| it.param.to_string())?;
    let items = std::mem::take(&mut conversation.items);
    let turns = turns::of_items(items, traits.call_ids);
    let written = write(&conversation, &turns, traits).map_err(|it| it.param.to_string())?;
    Ok(serde_json::from_slice(&written).unwrap())
}

#[test]
fn members_that_a_server_rejects_are_left_out() {
    let body = json!({
        "model": "m", "messages": [{"role": "user", "content": "hi"}], "seed": 1, "user": "u",
        "prompt_cache_key": "k", "reasoning_effort": "minimal",
        "tools": [{"type": "function", "function": {"name": "f", "strict": true, "parameters": {}}}],
    });
    let unknown = UpstreamTraits::unknown("up", origin());
    let written = through_to(&unknown, &body).unwrap();
    assert_eq!(
        (&written["seed"], &written["tools"][0]["function"]["strict"]),
        (&json!(1), &json!(true))
    );
    let strict = UpstreamTraits {
        has_seed: false,
        has_strict_tools: false,
        has_cache_key: true,
        reasoning: ReasoningForm::Effort,
        min_effort: Effort::Low,
        ..unknown
    };
    let written = through_to(&strict, &body).unwrap();
    for left_out in ["/seed", "/user", "/tools/0/function/strict"] {
        assert_eq!(written.pointer(left_out), None, "{left_out}");
    }
    assert_eq!(written["prompt_cache_key"], "k");
    assert_eq!(written["reasoning_effort"], "low", "its least effort");
}

#[test]
fn a_request_keeps_what_every_server_knows() {
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            ]},
            {"role": "assistant", "content": "calling", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"b\":1,\"a\":2}"}},
                {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "call_2", "content": "two"},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "one"}]},
            {"role": "user", "content": "go on"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "max_completion_tokens": 9,
        "stop": "x",
        "temperature": 0.5,
        "response_format": {"type": "json_object"},
        "logit_bias": {"1": 2},
        "stream": true,
    });
    let expected = json!({
        "model": "up",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            ]},
            {"role": "assistant", "content": "calling", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"b\":1,\"a\":2}"}},
                {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "one"},
            {"role": "tool", "tool_call_id": "call_2", "content": "two"},
            {"role": "user", "content": "go on"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "max_tokens": 9,
        "stop": ["x"],
        "temperature": 0.5,
        "response_format": {"type": "json_object"},
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(through(&body), Ok(expected));
}

#[test]
fn what_cannot_be_said_elsewhere_names_its_member() {
    let user = json!([{"role": "user", "content": "x"}]);
    for (change, param) in [
        (json!({"n": 2}), "n"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"audio": {"voice": "a"}}), "audio"),
        (json!({"stop": 7}), "stop"),
        (
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
            "tool_choice",
        ),
        (
            json!({"messages": [{"role": "user", "content": 7}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "video_url"}]}]}),
            "messages[0].content[0]",
        ),
        (
            json!({"messages": [{"role": "king", "content": "x"}]}),
            "messages[0].role",
        ),
        (json!({"messages": [7]}), "messages[0]"),
    ] {
        let mut body = json!({"model": "m", "messages": user});
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        assert_eq!(through(&body), Err(param.to_owned()), "{change}");
    }
    assert!(
        through(&json!({"messages": user, "n": 1, "modalities": ["text"], "tool_choice": null}))
            .is_ok()
    );
}

#[test]
fn allowed_tools_leave_only_the_allowed_declarations() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let choice = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("b")]}});
    let body = json!({"messages": [], "tools": [tool("a"), tool("b")], "tool_choice": choice});
    let written = through(&body).unwrap();
    assert_eq!(written["tools"].as_array().unwrap().len(), 1);
    assert_eq!(written["tools"][0]["function"]["name"], "b");
    assert_eq!(written["tool_choice"], "required");
}

/// A stream, decoded and encoded again.
fn streamed(events: &[Value], is_done: bool) -> Result<String, BadAnswer> {
    let mut decoder = ChatDecoder::new(origin());
    let context = AnswerContext {
        model: "m".to_owned(),
        wants_usage: true,
        ..AnswerContext::default()
    };
    let mut encoder = ChatEncoder::new(context);
    let mut output = Vec::new();
    let mut sink = |event: AnswerEvent<'_>| encoder.event(event, &mut output);
    for event in events {
        decoder.event(event.to_string().as_bytes(), &mut sink)?;
    }
    if is_done {
        decoder.event(b"[DONE]", &mut sink)?;
    } else {
        decoder.finish(&mut sink)?;
    }
    Ok(String::from_utf8(output).unwrap())
}

fn delta(delta: &Value) -> Value {
    json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> Value {
    json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn call(index: usize, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
    delta(
        &json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}),
    )
}

/// The calls, the text and the finish reason of a stream that was written.
fn gathered(stream: &str) -> (Vec<(String, String, String)>, String, String) {
    let (mut calls, mut text, mut reason) = (Vec::new(), String::new(), String::new());
    for data in stream
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
    {
        let Ok(chunk) = serde_json::from_str::<Value>(data) else {
            continue;
        };
        let choice = &chunk["choices"][0];
        text += choice["delta"]["content"].as_str().unwrap_or_default();
        reason += choice["finish_reason"].as_str().unwrap_or_default();
        for call in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            if calls.len() <= index {
                calls.resize(index + 1, (String::new(), String::new(), String::new()));
            }
            calls[index].0 += call["id"].as_str().unwrap_or_default();
            calls[index].1 += call["function"]["name"].as_str().unwrap_or_default();
            calls[index].2 += call["function"]["arguments"].as_str().unwrap_or_default();
        }
    }
    (calls, text, reason)
}

#[test]
fn odd_streams_of_calls_are_read_right() {
    let one = |id: &str, name: &str, arguments: &str| {
        (id.to_owned(), name.to_owned(), arguments.to_owned())
    };
    // Interleaved.
    let stream = [
        call(0, Some("a"), Some("f"), ""),
        call(1, Some("b"), Some("g"), "{"),
        call(0, None, None, "{}"),
        call(1, None, None, "}"),
        finish("tool_calls"),
    ];
    let (calls, _, reason) = gathered(&streamed(&stream, true).unwrap());
    assert_eq!(calls, [one("a", "f", "{}"), one("b", "g", "{}")]);
    assert_eq!(reason, "tool_calls");
    // Names that come late or again, ids again, all calls under one index, a wrong finish reason, text in the first chunk.
    let stream = [
        delta(&json!({"role": "assistant", "content": "t"})),
        call(0, Some("a"), None, "{\"x\""),
        call(0, Some("a"), Some("f"), ":1}"),
        call(0, Some("a"), Some(""), ""),
        call(0, Some("b"), Some("g"), "{}"),
        finish("stop"),
        finish("length"),
    ];
    let (calls, text, reason) = gathered(&streamed(&stream, false).unwrap());
    assert_eq!(calls, [one("a", "f", "{\"x\":1}"), one("b", "g", "{}")]);
    assert_eq!((&*text, &*reason), ("t", "tool_calls"));
    // No id at all, no arguments, no finish reason.
    let stream = [call(0, None, Some("f"), "")];
    let (calls, _, reason) = gathered(&streamed(&stream, true).unwrap());
    assert!(
        calls[0].0.starts_with("call_") && calls[0].2 == "{}",
        "{calls:?}"
    );
    assert_eq!(reason, "tool_calls");
    // A truncated call stays truncated.
    let stream = [call(0, Some("a"), Some("f"), "{\"x"), finish("length")];
    let (calls, _, reason) = gathered(&streamed(&stream, true).unwrap());
    assert_eq!((&*calls[0].2, &*reason), ("{\"x", "length"));
    assert!(streamed(&[], true).is_err());
    assert!(streamed(&[call(0, Some("a"), None, "{}")], true).is_err());
}

#[test]
fn usage_comes_once_and_last_and_nothing_after_the_end() {
    let usage =
        json!({"id": "x", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}});
    for stream in [
        [
            delta(&json!({"content": "a"})),
            usage.clone(),
            finish("stop"),
        ],
        [
            delta(&json!({"content": "a"})),
            finish("stop"),
            usage.clone(),
        ],
    ] {
        let written = streamed(&stream, true).unwrap();
        assert_eq!(
            written.matches("\"total_tokens\":9").count(),
            1,
            "{written}"
        );
        assert!(written.ends_with("data: [DONE]\n\n"));
        assert_eq!(written.matches("[DONE]").count(), 1);
    }
}

#[test]
fn a_whole_answer_says_the_same_as_its_stream() {
    let body = json!({
        "id": "chatcmpl-1",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "t", "reasoning_content": "r",
            "annotations": [{"type": "url_citation", "url_citation": {"url": "https://x", "title": "X"}}],
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        }}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}},
    });
    let mut answer = Answer::default();
    decode_whole(body.to_string().as_bytes(), &origin(), &mut |event| {
        answer.take_in(event);
    })
    .unwrap();
    let written = encode_whole(&answer, &AnswerContext::default()).unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    let message = &written["choices"][0]["message"];
    let sent = &body["choices"][0]["message"];
    for member in ["content", "reasoning_content", "tool_calls", "role"] {
        assert_eq!(message[member], sent[member], "{member}");
    }
    assert_eq!(
        message["annotations"],
        json!([{"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 1, "url": "https://x", "title": "X"}}])
    );
    assert_eq!(written["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(written["usage"]["total_tokens"], 8);
    assert_eq!(
        written["usage"]["prompt_tokens_details"]["cached_tokens"],
        2
    );
}

#[test]
fn custom_tools_come_back_as_such() {
    let body = json!({"messages": [], "tools": [{"type": "custom", "custom": {"name": "patch"}}]})
        .to_string();
    let conversation = read(body.as_bytes(), &EnvelopeKey::default()).unwrap();
    let context = AnswerContext {
        registry: conversation.registry,
        ..AnswerContext::default()
    };
    let arguments = json!({"input": "*** Begin"}).to_string();
    let events = json!({"id": "c", "choices": [{"message": {"tool_calls": [
        {"id": "a", "function": {"name": "patch", "arguments": arguments}},
    ]}, "finish_reason": "tool_calls"}]});
    let mut answer = Answer::default();
    let mut encoder = ChatEncoder::new(context.clone());
    let mut output = Vec::new();
    decode_whole(events.to_string().as_bytes(), &origin(), &mut |event| {
        encoder.event(event.clone(), &mut output);
        answer.take_in(event);
    })
    .unwrap();
    let written: Value = serde_json::from_slice(&encode_whole(&answer, &context).unwrap()).unwrap();
    let call = &written["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(
        *call,
        json!({"id": "a", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}})
    );
    let stream = String::from_utf8(output).unwrap();
    let start = stream.find(r#""custom":{"name":"patch","input":""}"#);
    let input = stream.find(r#""custom":{"input":"*** Begin"}"#);
    assert!(start.is_some() && start < input, "{stream}");
}

#[test]
fn a_refusal_is_no_plain_end() {
    for word in ["stop", "tool_calls"] {
        let body = json!({"choices": [{"message": {"refusal": "no"}, "finish_reason": word}]});
        let mut answer = Answer::default();
        decode_whole(body.to_string().as_bytes(), &origin(), &mut |event| {
            answer.take_in(event);
        })
        .unwrap();
        assert_eq!(answer.reason, StopReason::Filtered, "{word}");
    }
}

#[test]
fn the_service_tier_beside_the_usage_is_read() {
    let body = json!({
        "choices": [{"message": {"content": "t"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        "service_tier": "flex",
    });
    let mut answer = Answer::default();
    decode_whole(body.to_string().as_bytes(), &origin(), &mut |event| {
        answer.take_in(event);
    })
    .unwrap();
    let usage = answer.usage.unwrap();
    assert_eq!(usage.service_tier, Some(ServiceTier::Flex));
}

#[test]
fn a_usage_after_the_finish_reason_ends_a_stream_without_a_marker() {
    let usage =
        json!({"id": "x", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}});
    let events = [delta(&json!({"content": "a"})), finish("stop"), usage];
    let mut decoder = ChatDecoder::new(origin());
    let mut ends = Vec::new();
    for event in &events {
        let mut is_ended = false;
        let mut sink = |event: AnswerEvent<'_>| is_ended |= event == AnswerEvent::End;
        decoder
            .event(event.to_string().as_bytes(), &mut sink)
            .unwrap();
        ends.push(is_ended);
    }
    assert_eq!(ends, [false, false, true]);
}

#[test]
fn calls_of_a_whole_answer_are_told_apart_without_ids() {
    for id in [json!("call_1"), json!(""), Value::Null] {
        let call = |name: &str| json!({"id": id, "index": 0, "function": {"name": name, "arguments": "{}"}});
        let message = json!({"role": "assistant", "tool_calls": [call("f"), call("g")]});
        let body = json!({"id": "a", "choices": [{"message": message, "finish_reason": "stop"}]});
        let mut answer = Answer::default();
        let body = body.to_string();
        decode_whole(body.as_bytes(), &origin(), &mut |event| {
            answer.take_in(event);
        })
        .unwrap();
        let calls = answer.blocks.iter().map(|block| match block {
            Block::Call {
                name, arguments, ..
            } => (name.as_str(), arguments.as_str()),
            other => panic!("{other:?}"),
        });
        assert!(calls.eq([("f", "{}"), ("g", "{}")]), "{id}");
    }
}
