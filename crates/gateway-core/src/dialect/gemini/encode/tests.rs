//! Answers as Gemini's clients get them.

use serde_json::{Value, json};

use super::*;
use crate::dialect::answer_event::{Citation, StopReason, WebResult};
use crate::dialect::envelope::{EnvelopeKey, Origin, ReasoningState, StateContent};
use crate::dialect::registry::{DeclaredKind, DeclaredTool};
use crate::upstream::provider::Provider;
use crate::wire::sse;
use crate::wire::usage::Usage;

mod properties;
mod state;

type Event = AnswerEvent<'static>;

fn context() -> AnswerContext {
    AnswerContext {
        model: "gemini-x".to_owned(),
        request_id: "req_1".to_owned(),
        envelope: EnvelopeKey::derive(b"secret"),
        ..AnswerContext::default()
    }
}

fn start() -> Event {
    AnswerEvent::Start { id: "a1".into() }
}

fn text(text: &'static str) -> Event {
    AnswerEvent::Text(text.into())
}

fn thought(text: &'static str) -> Event {
    AnswerEvent::Reasoning(text.into())
}

fn call(index: usize, id: &'static str, name: &'static str) -> Event {
    AnswerEvent::CallStart {
        index,
        id: id.into(),
        name: name.into(),
    }
}

fn arguments(index: usize, json: &'static str) -> Event {
    AnswerEvent::CallArguments {
        index,
        json: json.into(),
    }
}

fn call_end(index: usize) -> Event {
    AnswerEvent::CallEnd { index }
}

fn finish(reason: StopReason) -> Event {
    AnswerEvent::Finish {
        reason,
        sequence: None,
    }
}

fn usage() -> Event {
    AnswerEvent::Usage(Usage {
        prompt_tokens: 100,
        completion_tokens: 30,
        cached_tokens: 40,
        reasoning_tokens: 20,
        ..Usage::default()
    })
}

fn state(content: StateContent) -> ReasoningState {
    ReasoningState {
        origin: Origin {
            provider: Provider::Anthropic,
            channel: "ch_1".to_owned(),
        },
        content,
    }
}

fn redacted(data: &str) -> Event {
    AnswerEvent::ReasoningState(state(StateContent::Redacted {
        data: data.to_owned(),
    }))
}

fn streamed(events: &[Event]) -> String {
    let mut encoder = GeminiEncoder::new(context());
    let mut output = Vec::new();
    for event in events {
        encoder.event(event.clone(), &mut output);
    }
    String::from_utf8(output).unwrap()
}

/// The chunks of a stream, with its grammar checked.
fn chunks(events: &[Event]) -> Vec<Value> {
    let stream = streamed(events);
    assert!(stream.is_empty() || stream.ends_with("\n\n"));
    let mut chunks = Vec::new();
    for event in stream.split_terminator("\n\n") {
        assert!(
            event.starts_with("data: {") && !event.contains(['\n', '\r']),
            "{event:?}"
        );
        let data = sse::data(event.as_bytes()).unwrap();
        chunks.push(serde_json::from_slice(&data).unwrap());
    }
    chunks
}

fn whole(events: &[Event]) -> Result<Value, BadAnswer> {
    let mut answer = Answer::default();
    for event in events {
        answer.take_in(event.clone());
    }
    let body = encode_whole(&answer, &context())?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn parts(chunk: &Value) -> &Vec<Value> {
    chunk
        .pointer("/candidates/0/content/parts")
        .unwrap()
        .as_array()
        .unwrap()
}

#[test]
fn a_stream_has_chunks_and_ends_with_reason_and_usage() {
    let events = [
        start(),
        thought("Hm."),
        text("Hel"),
        usage(),
        text("lo"),
        finish(StopReason::Stop),
        AnswerEvent::End,
        text("late"),
        AnswerEvent::End,
    ];
    let chunk = |part: Value| {
        json!({
            "candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}],
            "modelVersion": "gemini-x",
            "responseId": "a1",
        })
    };
    let found = chunks(&events);
    assert_eq!(found[0], chunk(json!({"text": "Hm.", "thought": true})));
    assert_eq!(found[1], chunk(json!({"text": "Hel"})));
    assert_eq!(found[2], chunk(json!({"text": "lo"})));
    let last = json!({
        "candidates": [{
            "content": {"parts": [{"text": ""}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
        }],
        "usageMetadata": {
            "promptTokenCount": 100,
            "candidatesTokenCount": 10,
            "totalTokenCount": 130,
            "cachedContentTokenCount": 40,
            "thoughtsTokenCount": 20,
        },
        "modelVersion": "gemini-x",
        "responseId": "a1",
    });
    assert_eq!(found[3..], std::slice::from_ref(&last)[..]);
    let whole = whole(&events[..7]).unwrap();
    assert_eq!(whole["usageMetadata"], last["usageMetadata"]);
    assert_eq!(
        *parts(&whole),
        [
            json!({"text": "Hm.", "thought": true}),
            json!({"text": "Hello"})
        ]
    );
    assert_eq!(whole["candidates"][0]["finishReason"], "STOP");
    assert_eq!(whole["responseId"], "a1");
}

#[test]
fn reasons_have_googles_words() {
    for (reason, word) in [
        (StopReason::Stop, "STOP"),
        (StopReason::Calls, "STOP"),
        (StopReason::Paused, "STOP"),
        (StopReason::Length, "MAX_TOKENS"),
        (StopReason::Filtered, "SAFETY"),
    ] {
        let events = [start(), finish(reason), AnswerEvent::End];
        let chunks = chunks(&events);
        assert_eq!(chunks.len(), 1);
        let whole = whole(&events).unwrap();
        for answer in [&chunks[0], &whole] {
            assert_eq!(answer["candidates"][0]["finishReason"], word);
            assert_eq!(*parts(answer), [json!({"text": ""})]);
            assert!(answer.get("usageMetadata").is_none());
        }
    }
    let refusal = [
        start(),
        AnswerEvent::Refusal("No.".into()),
        finish(StopReason::Stop),
        AnswerEvent::End,
    ];
    assert_eq!(*parts(&chunks(&refusal)[0]), [json!({"text": "No."})]);
    assert_eq!(*parts(&whole(&refusal).unwrap()), [json!({"text": "No."})]);
}

#[test]
fn calls_are_whole_and_in_order() {
    let events = [
        AnswerEvent::Start { id: "".into() },
        call(0, "c.0", "f"),
        call(1, "c1", "g"),
        arguments(1, "{\"b\":\n"),
        arguments(0, "{\"a\":\"x\\n"),
        arguments(1, "1.0}"),
        call_end(1),
        text("meanwhile"),
        arguments(0, "\"}"),
        call_end(0),
        call(2, "c2", "h"),
        call_end(2),
        finish(StopReason::Calls),
        AnswerEvent::End,
    ];
    let found = chunks(&events);
    let id = ids::call_id("c.0").into_owned();
    let expected = [
        json!({"text": "meanwhile"}),
        json!({"functionCall": {"id": id, "name": "f", "args": {"a": "x\n"}}}),
        json!({"functionCall": {"id": "c1", "name": "g", "args": {"b": 1.0}}}),
        json!({"functionCall": {"id": "c2", "name": "h", "args": {}}}),
        json!({"text": ""}),
    ];
    let written: Vec<Value> = found.iter().flat_map(parts).cloned().collect();
    assert_eq!(written, expected);
    assert_eq!(found[4]["candidates"][0]["finishReason"], "STOP");
    assert_eq!(found[0]["responseId"], "req_1");
    // Numbers keep their spelling.
    assert!(streamed(&events).contains(r#""args":{"b": 1.0}"#));
    let whole = whole(&events).unwrap();
    assert_eq!(parts(&whole).len(), 4);
    assert_eq!(parts(&whole)[0], expected[1]);
}

#[test]
fn a_call_whose_end_is_missing_is_written_at_the_end() {
    let events = [
        start(),
        call(0, "c", "f"),
        arguments(0, "{\"a\":1}"),
        finish(StopReason::Calls),
        AnswerEvent::End,
    ];
    let found = chunks(&events);
    let written = &parts(&found[0])[0];
    let expected = json!({"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}});
    assert_eq!(*written, expected);
    assert_eq!(parts(&whole(&events).unwrap())[0], expected);
}

#[test]
fn calls_come_back_under_the_clients_names() {
    let mut context = context();
    let name = context.registry.wire_name(DeclaredTool {
        kind: DeclaredKind::Function,
        name: "a.b:c".to_owned(),
        namespace: None,
    });
    let mut encoder = GeminiEncoder::new(context);
    let mut output = Vec::new();
    let start = AnswerEvent::CallStart {
        index: 0,
        id: "c".into(),
        name: name.into(),
    };
    encoder.event(start, &mut output);
    encoder.event(call_end(0), &mut output);
    assert!(
        String::from_utf8(output)
            .unwrap()
            .contains(r#""name":"a.b:c""#)
    );
}

#[test]
fn broken_arguments_are_not_run() {
    let broken = |reason, json| {
        [
            start(),
            call(0, "c", "f"),
            arguments(0, json),
            call_end(0),
            finish(reason),
            AnswerEvent::End,
        ]
    };
    for json in [r#"{"a":"#, "[1]", "7", "\"x\"", "{} {}"] {
        let events = broken(StopReason::Calls, json);
        let found = chunks(&events);
        assert_eq!(found.len(), 1, "{json}");
        assert_eq!(
            found[0]["candidates"][0]["finishReason"],
            "MALFORMED_FUNCTION_CALL"
        );
        assert!(whole(&events).is_err());
        // Cut off by the limit: the reason says it.
        let events = broken(StopReason::Length, json);
        let found = chunks(&events);
        assert_eq!(found[0]["candidates"][0]["finishReason"], "MAX_TOKENS");
        assert_eq!(*parts(&found[0]), [json!({"text": ""})]);
        let whole = whole(&events).unwrap();
        assert_eq!(whole["candidates"][0]["finishReason"], "MAX_TOKENS");
    }
    for json in ["null", " ", "{}"] {
        let found = chunks(&broken(StopReason::Calls, json));
        assert_eq!(
            parts(&found[0])[0]["functionCall"]["args"],
            json!({}),
            "{json}"
        );
    }
}

#[test]
fn a_list_holds_the_chunks_of_streams_without_events() {
    let events = [
        start(),
        text("a"),
        text("b"),
        finish(StopReason::Stop),
        AnswerEvent::End,
    ];
    let mut encoder = GeminiEncoder::of_list(context());
    let mut output = Vec::new();
    let mut lengths = Vec::new();
    for event in &events {
        encoder.event(event.clone(), &mut output);
        lengths.push(output.len());
    }
    let list: Vec<Value> = serde_json::from_slice(&output).unwrap();
    assert_eq!(list, chunks(&events));
    // Nothing is held back until the next event.
    assert!(lengths[0] < lengths[1] && lengths[1] < lengths[2]);
    encoder.event(AnswerEvent::End, &mut output);
    assert_eq!(output.len(), *lengths.last().unwrap());
}

#[test]
fn a_broken_stream_ends_with_an_error_and_without_a_reason() {
    let failure = StreamFailure {
        kind: "server_error",
        code: "stream_incomplete",
        message: "The stream broke.",
    };
    let error =
        json!({"error": {"code": 500, "message": "The stream broke.", "status": "INTERNAL"}});
    for begun in [false, true] {
        let mut events = GeminiEncoder::new(context());
        let mut list = GeminiEncoder::of_list(context());
        let (mut of_events, mut of_list) = (Vec::new(), Vec::new());
        if begun {
            events.event(text("a"), &mut of_events);
            list.event(text("a"), &mut of_list);
        }
        events.fail(&failure, &mut of_events);
        list.fail(&failure, &mut of_list);
        for (encoder, output) in [(&mut events, &mut of_events), (&mut list, &mut of_list)] {
            let length = output.len();
            encoder.event(text("late"), output);
            encoder.event(AnswerEvent::End, output);
            encoder.fail(&failure, output);
            assert_eq!(output.len(), length);
        }
        let stream = String::from_utf8(of_events).unwrap();
        assert!(stream.ends_with(&format!("data: {error}\n\n")));
        assert!(!stream.contains("finishReason"));
        let list: Vec<Value> = serde_json::from_slice(&of_list).unwrap();
        assert_eq!(list.len(), 1 + usize::from(begun));
        assert_eq!(list.last(), Some(&error));
    }
}

#[test]
fn searches_and_sources_are_grounding() {
    let search = AnswerEvent::WebSearch {
        id: "s".into(),
        query: "rust".into(),
        results: vec![WebResult {
            url: "https://found".into(),
            title: "".into(),
        }],
    };
    let empty = |query: &'static str| AnswerEvent::WebSearch {
        id: "s".into(),
        query: query.into(),
        results: Vec::new(),
    };
    let nameless = AnswerEvent::WebSearch {
        id: "s".into(),
        query: "".into(),
        results: vec![WebResult {
            url: "https://found".into(),
            title: "".into(),
        }],
    };
    let citation = AnswerEvent::Citation(Citation {
        url: "https://cited".into(),
        title: "Cited".into(),
    });
    let end = [finish(StopReason::Stop), AnswerEvent::End];
    let found_only = json!({"webSearchQueries": ["rust"], "groundingChunks": [{"web": {"uri": "https://found"}}]});
    let cited = json!({"webSearchQueries": ["rust"], "groundingChunks": [{"web": {"uri": "https://cited", "title": "Cited"}}]});
    let rows = [
        (
            vec![start(), empty("rust"), text("x")],
            json!({"webSearchQueries": ["rust"]}),
        ),
        (
            vec![start(), nameless, text("x")],
            json!({"groundingChunks": [{"web": {"uri": "https://found"}}]}),
        ),
        (vec![start(), empty(""), text("x")], Value::Null),
        (vec![start(), search.clone(), text("x")], found_only),
        (
            vec![start(), search, text("x"), citation.clone(), citation],
            cited,
        ),
    ];
    for (mut events, expected) in rows {
        events.extend(end.clone());
        let chunks = chunks(&events);
        let last = &chunks.last().unwrap()["candidates"][0];
        assert_eq!(last["groundingMetadata"], expected);
        assert_eq!(
            whole(&events).unwrap()["candidates"][0]["groundingMetadata"],
            expected
        );
    }
    assert!(
        chunks(&[start(), text("x")])[0]["candidates"][0]
            .get("groundingMetadata")
            .is_none()
    );
}

#[test]
fn counts() {
    assert_eq!(encode_count(7), br#"{"totalTokens":7}"#);
}
