//! Tests of answers from Chat Completions' upstreams: what servers really send, as streams and whole.

use proptest::prelude::*;

use super::*;
use crate::dialect::answer::{Answer, Block};
use crate::upstream::provider::Provider;
use crate::wire::usage::Usage;

mod careless;
mod properties;

fn origin() -> Origin {
    Origin {
        provider: Provider::OpenAi,
        channel: "ch_1".to_owned(),
    }
}

/// One line per event, so that tables can show them.
fn line(event: &AnswerEvent<'_>) -> String {
    match event {
        AnswerEvent::Start { id } => format!("start {id}"),
        AnswerEvent::Text(text) => format!("text {text}"),
        AnswerEvent::Refusal(text) => format!("refusal {text}"),
        AnswerEvent::Reasoning(text) => format!("reasoning {text}"),
        AnswerEvent::Citation(citation) => format!("citation {} {}", citation.url, citation.title),
        AnswerEvent::CallStart { index, id, name } => format!("call {index} {id} {name}"),
        AnswerEvent::CallArguments { index, json } => format!("arguments {index} {json}"),
        AnswerEvent::CallEnd { index } => format!("call end {index}"),
        AnswerEvent::Usage(usage) => {
            format!("usage {}+{}", usage.prompt_tokens, usage.completion_tokens)
        }
        AnswerEvent::Finish { reason, sequence } => match sequence {
            None => format!("finish {reason:?}"),
            Some(sequence) => format!("finish {reason:?} {sequence}"),
        },
        AnswerEvent::End => "end".to_owned(),
        other => format!("{other:?}"),
    }
}

/// A chunk with this delta.
fn delta(delta: &str) -> String {
    format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

fn finish(reason: &str) -> String {
    format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#)
}

fn done() -> String {
    "[DONE]".to_owned()
}

fn streamed(events: &[String]) -> Result<Vec<String>, BadAnswer> {
    let mut decoder = ChatDecoder::new(origin());
    let mut lines = Vec::new();
    let mut sink = |event: AnswerEvent<'_>| lines.push(line(&event));
    for event in events {
        decoder.event(event.as_bytes(), &mut sink)?;
    }
    decoder.finish(&mut sink)?;
    Ok(lines)
}

fn gathered(body: &str) -> Result<Answer, BadAnswer> {
    let mut answer = Answer::default();
    decode_whole(body.as_bytes(), &origin(), &mut |event| {
        answer.take_in(event);
    })?;
    Ok(answer)
}

#[test]
fn deltas_become_events_in_their_order() {
    let rows: [(&str, Vec<String>, &[&str]); 9] = [
        (
            "text in the first chunk, and a delta with the finish reason",
            vec![
                delta(r#"{"role":"assistant","content":"a"}"#),
                r#"{"id":"c","choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}"#.to_owned(),
                done(),
            ],
            &["start c", "text a", "text b", "finish Stop", "end"],
        ),
        (
            "reasoning, text, reasoning, call",
            vec![
                delta(r#"{"reasoning_content":"1"}"#),
                delta(r#"{"content":"2"}"#),
                delta(r#"{"reasoning":"3","reasoning_content":"3"}"#),
                delta(r#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}]}"#),
                finish("tool_calls"),
                done(),
            ],
            &[
                "start c", "reasoning 1", "text 2", "reasoning 3", "call 0 x f", "arguments 0 {}", "call end 0",
                "finish Calls", "end",
            ],
        ),
        (
            "usage before the end, two ends, one of them after the calls",
            vec![
                delta(r#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f"}}]}"#),
                r#"{"id":"c","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#.to_owned(),
                finish("length"),
                finish("stop"),
                done(),
                done(),
            ],
            &["start c", "call 0 x f", "usage 7+2", "call end 0", "finish Length", "end"],
        ),
        (
            "calls ended with `stop`, or with nothing",
            vec![
                delta(r#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":""}}]}"#),
                finish("stop"),
            ],
            &["start c", "call 0 x f", "call end 0", "finish Calls", "end"],
        ),
        (
            "no finish reason",
            vec![delta(r#"{"content":"a"}"#), done()],
            &["start c", "text a", "finish Stop", "end"],
        ),
        (
            "a refusal, and another choice that was not requested",
            vec![
                delta(r#"{"content":"","refusal":"no"}"#),
                r#"{"choices":[{"index":1,"delta":{"content":"other"},"finish_reason":"length"}]}"#.to_owned(),
                finish("content_filter"),
            ],
            &["start c", "refusal no", "finish Filtered", "end"],
        ),
        (
            "Azure's filters first, a usage inside a choice",
            vec![
                r#"{"id":"","choices":[],"prompt_filter_results":[]}"#.to_owned(),
                delta(r#"{"content":"a","annotations":[{"type":"url_citation","url_citation":{"url":"https://a","title":"A"}},{"type":"file"}]}"#),
                r#"{"id":"c","choices":[{"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":1,"completion_tokens":1}}]}"#.to_owned(),
            ],
            &["start c", "text a", "citation https://a A", "usage 1+1", "finish Stop", "end"],
        ),
        (
            "a legacy call",
            vec![
                delta(r#"{"content":null,"function_call":{"name":"f","arguments":""}}"#),
                delta(r#"{"function_call":{"arguments":"{\"a\""}}"#),
                delta(r#"{"function_call":{"arguments":":1}"}}"#),
                finish("function_call"),
            ],
            &[
                "start c", "call 0 ID f", "arguments 0 {\"a\"", "arguments 0 :1}", "call end 0", "finish Calls", "end",
            ],
        ),
        (
            "Mistral's parts, vLLM's stop sequence, Groq's usage",
            vec![
                delta(r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"1"}]},{"type":"text","text":"2"}]}"#),
                r#"{"id":"c","choices":[{"delta":{},"finish_reason":"stop","stop_reason":"END"}],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":4}}}"#.to_owned(),
            ],
            &["start c", "reasoning 1", "text 2", "usage 3+4", "finish Stop END", "end"],
        ),
    ];
    let made = ids_of("c", 0);
    for (case, events, expected) in rows {
        let lines = streamed(&events).unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|line| line.replace("ID", &made))
            .collect();
        assert_eq!(lines, expected, "{case}");
    }
}

fn ids_of(answer: &str, index: usize) -> String {
    crate::dialect::ids::made_call_id(answer, index)
}

/// A case, the events of its stream, and the events that come of them between start and finish.
type CallRow = (&'static str, Vec<String>, &'static [&'static str]);

fn call(json: &str) -> String {
    delta(&format!(r#"{{"tool_calls":[{json}]}}"#))
}

#[test]
fn calls_are_put_together_however_servers_number_them() {
    let rows: [CallRow; 4] = [
        (
            "interleaved",
            vec![
                call(r#"{"index":0,"id":"x","function":{"name":"f","arguments":""}}"#),
                call(r#"{"index":1,"id":"y","function":{"name":"g","arguments":"["}}"#),
                call(r#"{"index":0,"function":{"arguments":"{"}}"#),
                call(r#"{"index":1,"function":{"arguments":"]"}}"#),
                call(r#"{"index":0,"function":{"arguments":"}"}}"#),
            ],
            &[
                "call 0 x f",
                "call 1 y g",
                "arguments 1 [",
                "arguments 0 {",
                "arguments 1 ]",
                "arguments 0 }",
                "call end 0",
                "call end 1",
            ],
        ),
        (
            "the id after the name, arguments between",
            vec![
                call(r#"{"index":0,"function":{"name":"f"}}"#),
                call(r#"{"index":0,"function":{"arguments":"{"}}"#),
                call(r#"{"index":0,"id":"late","function":{"arguments":"}"}}"#),
            ],
            &[
                "call 0 ID0 f",
                "arguments 0 {",
                "arguments 0 }",
                "call end 0",
            ],
        ),
        (
            "the name after the arguments",
            vec![
                call(r#"{"index":4,"id":"x","function":{"arguments":"{\"a\":"}}"#),
                call(r#"{"index":4,"function":{"arguments":"1"}}"#),
                call(r#"{"index":4,"function":{"name":"f","arguments":"}"}}"#),
            ],
            &[
                "call 0 x f",
                "arguments 0 {\"a\":1",
                "arguments 0 }",
                "call end 0",
            ],
        ),
        (
            "names and ids repeated, or empty",
            vec![
                call(r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a\":\"}"}}"#),
                call(r#"{"index":0,"id":"x","function":{"name":"f","arguments":"\\\""}}"#),
                call(r#"{"index":0,"id":"","function":{"name":"","arguments":"\"}"}}"#),
            ],
            &[
                "call 0 x f",
                "arguments 0 {\"a\":\"}",
                "arguments 0 \\\"",
                "arguments 0 \"}",
                "call end 0",
            ],
        ),
    ];
    check_calls(rows);
}

#[test]
fn calls_are_kept_apart_also_without_indices() {
    let rows: [CallRow; 3] = [
        (
            "all with index 0, each whole: the first ends when the second begins",
            vec![
                call(r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}"#),
                call(r#"{"index":0,"id":"y","function":{"name":"f","arguments":"{\"b\":[]}"}}"#),
            ],
            &[
                "call 0 x f",
                "arguments 0 {}",
                "call end 0",
                "call 1 y f",
                "arguments 1 {\"b\":[]}",
                "call end 1",
            ],
        ),
        (
            "without indices, with objects for arguments, and with `null` for none",
            vec![
                call(r#"{"id":"x","function":{"name":"f","arguments":{"a": 1}}}"#),
                call(r#"{"id":"y","function":{"name":"g","arguments":"{"}}"#),
                call(r#"{"function":{"arguments":"}"}}"#),
                call(r#"{"id":"z","function":{"name":"h","arguments":"null"}}"#),
            ],
            &[
                "call 0 x f",
                "arguments 0 {\"a\": 1}",
                "call end 0",
                "call 1 y g",
                "arguments 1 {",
                "arguments 1 }",
                "call end 1",
                "call 2 z h",
                "call end 2",
            ],
        ),
        (
            "neither indices nor ids",
            vec![
                call(r#"{"function":{"name":"f","arguments":"{}"}}"#),
                call(r#"{"function":{"name":"f","arguments":"{}"}}"#),
            ],
            &[
                "call 0 ID0 f",
                "arguments 0 {}",
                "call end 0",
                "call 1 ID1 f",
                "arguments 1 {}",
                "call end 1",
            ],
        ),
    ];
    check_calls(rows);
}

fn check_calls(rows: impl IntoIterator<Item = CallRow>) {
    for (case, mut events, expected) in rows {
        events.push(done());
        let lines = streamed(&events).unwrap();
        let made = |line: &&str| {
            line.replace("ID0", &ids_of("c", 0))
                .replace("ID1", &ids_of("c", 1))
        };
        let mut all = vec!["start c".to_owned()];
        all.extend(expected.iter().map(made));
        all.extend(["finish Calls".to_owned(), "end".to_owned()]);
        assert_eq!(lines, all, "{case}");
    }
}

#[test]
fn what_is_no_answer_is_an_error() {
    let rows = [
        vec![],
        vec![done()],
        vec![delta(r#"{"role":"assistant","content":""}"#), done()],
        vec!["{".to_owned()],
        vec![r#"{"choices":7}"#.to_owned()],
        vec![r#"{"choices":["a"]}"#.to_owned()],
        vec![delta("[]")],
        vec![delta(r#"{"tool_calls":{}}"#)],
        vec![call("7")],
        vec![call(r#"{"function":"f"}"#)],
        vec![
            call(r#"{"index":0,"id":"x","function":{"arguments":"{}"}}"#),
            done(),
        ],
        vec![
            call(r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}"#),
            call(r#"{"index":1,"id":"y","function":{"name":"f","arguments":"{}"}}"#),
            call(r#"{"index":0,"function":{"arguments":"{}"}}"#),
        ],
        // A part of an answer must not look like a whole one.
        vec![delta(r#"{"content":"a"}"#), finish("error")],
        vec![
            delta(r#"{"content":"a"}"#),
            finish("insufficient_system_resource"),
        ],
    ];
    for events in rows {
        assert!(streamed(&events).is_err(), "{events:?}");
    }
    for body in ["", "[]", "null", r#"{"choices":[]}"#, r#"{"id":"a"}"#] {
        assert!(gathered(body).is_err(), "{body}");
    }
}

#[test]
fn a_whole_answer_is_its_events_at_once() {
    let answer = gathered(
        r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"r","content":"t",
        "annotations":[{"type":"url_citation","url_citation":{"url":"https://a"}}],"refusal":null,"function_call":null,
        "tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{\"a\":"}},
        {"id":"x","type":"function","function":{"name":"g","arguments":{"b":1}}},
        {"type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}"#,
    )
    .unwrap();
    let call = |index, id: &str, name: &str, arguments: &str| Block::Call {
        index,
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    let made = ids_of("c", 2);
    let expected = [
        Block::Reasoning {
            text: "r".to_owned(),
            state: None,
        },
        Block::Text {
            text: "t".to_owned(),
            citations: vec![Citation {
                url: "https://a".into(),
                title: "".into(),
            }],
        },
        // Broken arguments stay as they are.
        call(0, "x", "f", "{\"a\":"),
        call(1, "x", "g", "{\"b\":1}"),
        call(2, &made, "f", ""),
    ];
    assert_eq!(answer.blocks, expected);
    assert_eq!(answer.reason, StopReason::Calls);
    let usage = Usage {
        prompt_tokens: 10,
        completion_tokens: 3,
        cached_tokens: 4,
        ..Usage::default()
    };
    assert_eq!(answer.usage, Some(usage));
}

#[test]
fn words_for_the_end_are_understood() {
    let rows = [
        ("stop", StopReason::Stop),
        ("eos", StopReason::Stop),
        ("tool_calls", StopReason::Stop),
        ("length", StopReason::Length),
        ("MAX_TOKENS", StopReason::Length),
        ("model_length", StopReason::Length),
        ("content_filter", StopReason::Filtered),
        ("SAFETY", StopReason::Filtered),
    ];
    for (word, expected) in rows {
        let body =
            format!(r#"{{"choices":[{{"message":{{"content":"a"}},"finish_reason":"{word}"}}]}}"#);
        assert_eq!(gathered(&body).unwrap().reason, expected, "{word}");
    }
    for (sequence, expected) in [
        ("\"END\"", Some("END")),
        ("\"stop\"", None),
        ("128009", None),
    ] {
        let body = format!(
            r#"{{"choices":[{{"message":{{"content":"a"}},"finish_reason":"stop","matched_stop":{sequence}}}]}}"#
        );
        assert_eq!(gathered(&body).unwrap().sequence.as_deref(), expected);
    }
}
