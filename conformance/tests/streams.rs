//! The grammars of streams: good streams pass, and each way to break them is noticed.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    reason = "a stream that cannot be made is a wrong test"
)]

use gateway_conformance::dialect::{Dialect, UPSTREAMS};
use gateway_conformance::node::Verdict;
use gateway_conformance::normal::{Answer, Part, Stop};
use gateway_conformance::read::{self, Outcome};
use gateway_conformance::{play, sse};
use serde_json::{Value, json};

fn answer() -> Answer {
    let parts = vec![
        Part::thinking("Let me think."),
        Part::text("Grüße: 世界"),
        Part::call("call_0", "read_file", r#"{"path":"a"}"#),
        Part::call("call_1", "list_files", "{}"),
    ];
    Answer::new(parts, Stop::Calls)
}

fn events(dialect: Dialect) -> Vec<String> {
    play::stream(dialect, &answer())
}

fn outcome(dialect: Dialect, events: &[String]) -> Verdict<Outcome> {
    read::stream_of(dialect, &sse::read(events.concat().as_bytes())?)
}

fn at(events: &[String], word: &str) -> usize {
    let at = events.iter().position(|event| event.contains(word));
    at.expect("the stream has such an event")
}

/// The same events with one text replaced in the first event that has a mark.
fn edited(dialect: Dialect, mark: &str, from: &str, to: &str) -> Vec<String> {
    let mut all = events(dialect);
    let at = at(&all, mark);
    assert!(all[at].contains(from), "{from} is not in {}", all[at]);
    all[at] = all[at].replace(from, to);
    all
}

fn without(dialect: Dialect, mark: &str) -> Vec<String> {
    let mut all = events(dialect);
    all.remove(at(&all, mark));
    all
}

fn refused(dialect: Dialect, events: &[String], word: &str) {
    let complaint = outcome(dialect, events).expect_err(word);
    assert!(complaint.contains(word), "want {word:?}, got {complaint:?}");
}

#[test]
fn good_streams_say_the_same_as_whole_answers() {
    for dialect in UPSTREAMS {
        let streamed = outcome(dialect, &events(dialect)).expect("a good stream");
        let whole = read::whole(dialect, &play::whole(dialect, &answer())).expect("a good body");
        let Outcome::Answer(streamed) = streamed else {
            panic!("{dialect}: {streamed:?}");
        };
        assert_eq!(streamed.canonical(), answer().canonical(), "{dialect}");
        assert_eq!(streamed.canonical(), whole.canonical(), "{dialect}");
        assert_eq!(streamed.usage, whole.usage, "{dialect}");
        assert_eq!(streamed.stop, Stop::Calls, "{dialect}");
    }
}

#[test]
fn every_prefix_of_a_stream_is_a_violation() {
    for dialect in UPSTREAMS {
        let all = events(dialect);
        for length in 0..all.len() {
            let verdict = outcome(dialect, &all[..length]);
            assert!(verdict.is_err(), "{dialect} {length}: {verdict:?}");
        }
    }
}

#[test]
fn nothing_may_follow_the_end() {
    for dialect in UPSTREAMS {
        let mut all = events(dialect);
        let last = all[all.len() - 1].clone();
        all.push(last);
        assert!(outcome(dialect, &all).is_err(), "{dialect}");
    }
}

#[test]
fn an_error_in_the_middle_is_distinguished_from_an_end() {
    for dialect in UPSTREAMS {
        let mut all = events(dialect);
        all.truncate(3);
        let error = play::error(dialect, "api_error", None, "broke");
        all.push(match dialect {
            Dialect::Chat => play::data(&error),
            Dialect::Messages => play::named(&error),
            _ => play::named(
                &json!({"type": "response.failed", "sequence_number": 3, "response":
                {"status": "failed", "error": {"code": "server_error", "message": "broke"}}}),
            ),
        });
        let broken = outcome(dialect, &all).expect("an error event is allowed");
        assert!(matches!(broken, Outcome::Broken(error) if error.message == "broke"));
        all.push(events(dialect)[3].clone());
        assert!(outcome(dialect, &all).is_err(), "{dialect}");
    }
}

#[test]
fn chat_streams() {
    let chat = Dialect::Chat;
    refused(
        chat,
        &edited(chat, "assistant", "\"role\":\"assistant\"", "\"x\":1"),
        "no role",
    );
    refused(
        chat,
        &edited(chat, "a\\\"}", "\"index\":0}]}", "\"x\":0}]}"),
        "index",
    );
    refused(
        chat,
        &edited(chat, "call_1", "\"index\":1", "\"index\":2"),
        "left out",
    );
    refused(
        chat,
        &edited(chat, "call_0", "\"id\":\"call_0\"", "\"id\":\"\""),
        "empty",
    );
    refused(
        chat,
        &edited(chat, "call_1", "call_1", "call_0"),
        "two calls",
    );
    refused(
        chat,
        &edited(
            chat,
            "\"finish_reason\":\"tool_calls\"",
            "\"finish_reason\":\"tool_calls\"",
            "\"finish_reason\":\"stop\"",
        ),
        "stop for them",
    );
    refused(
        chat,
        &without(chat, "\"finish_reason\":\"tool_calls\""),
        "before the end",
    );
    refused(
        chat,
        &edited(
            chat,
            "total_tokens",
            "\"total_tokens\":30",
            "\"total_tokens\":31",
        ),
        "add up",
    );
    refused(
        chat,
        &edited(chat, "content", "data:", "event: x\ndata:"),
        "name",
    );
    refused(
        chat,
        &edited(chat, "Gr", "chatcmpl-conf", "chatcmpl-other"),
        "differ",
    );
    let mut twice = events(chat);
    let finish = at(&twice, "\"finish_reason\":\"tool_calls\"");
    twice.insert(finish, twice[finish].clone());
    refused(chat, &twice, "after the finish reason");
}

#[test]
fn messages_streams() {
    let messages = Dialect::Messages;
    refused(messages, &without(messages, "message_start"), "first");
    refused(
        messages,
        &without(messages, "content_block_stop"),
        "still open",
    );
    refused(
        messages,
        &without(messages, "content_block_start"),
        "no block is open",
    );
    refused(
        messages,
        &without(messages, "event: message_delta"),
        "message_delta",
    );
    refused(
        messages,
        &edited(messages, "Gr", "\"index\":1", "\"index\":0"),
        "index",
    );
    refused(
        messages,
        &edited(messages, "Gr", "event: content_block_delta", "event: delta"),
        "name",
    );
    refused(
        messages,
        &edited(messages, "Gr", "event: content_block_delta\n", ""),
        "name",
    );
    refused(
        messages,
        &edited(messages, "Gr", "text_delta", "input_json_delta"),
        "another type",
    );
    refused(
        messages,
        &edited(messages, "\"id\":\"call_0\"", "call_0", "functions.x:0"),
        "a-z",
    );
    refused(
        messages,
        &edited(
            messages,
            "\"id\":\"call_0\"",
            "\"input\":{}",
            "\"input\":{\"a\":1}",
        ),
        "empty",
    );
    refused(
        messages,
        &edited(messages, "message_start", "\"msg_conf\"", "\"\""),
        "must not be empty",
    );
    refused(
        messages,
        &edited(messages, "message_start", "\"input_tokens\":21", "\"x\":1"),
        "input_tokens",
    );
    refused(
        messages,
        &edited(messages, "event: message_delta", "tool_use", "end_turn"),
        "stop for them",
    );
    refused(
        messages,
        &edited(
            messages,
            "event: message_delta",
            "\"stop_sequence\":null",
            "\"stop_sequence\":\"\"",
        ),
        "empty",
    );
    // Interleaved blocks: the second starts before the first has stopped.
    let mut all = events(messages);
    let stop = at(&all, "content_block_stop");
    let next = all[stop + 1..]
        .iter()
        .position(|event| event.contains("content_block_start"))
        .expect("a second block");
    let start = all.remove(stop + 1 + next);
    all.insert(stop, start);
    refused(messages, &all, "still open");
    let signed = at(&events(messages), "signature_delta");
    let mut late = events(messages);
    late.swap(signed, signed - 1);
    refused(messages, &late, "after the signature");
}

/// The events of a stream of Responses with new numbers after a change.
fn renumbered(change: impl Fn(&mut Vec<Value>)) -> Vec<String> {
    let frames = sse::read(events(Dialect::Responses).concat().as_bytes()).expect("frames");
    let mut values: Vec<Value> = frames
        .iter()
        .map(|frame| serde_json::from_str(&frame.data).expect("JSON"))
        .collect();
    change(&mut values);
    play::responses::numbered(values)
}

fn of_type(values: &[Value], kind: &str) -> usize {
    let at = values.iter().position(|value| value["type"] == kind);
    at.expect("the stream has such an event")
}

#[test]
fn responses_streams() {
    let responses = Dialect::Responses;
    for (kind, word) in [
        ("response.created", "first"),
        ("response.output_item.added", "not open"),
        ("response.output_item.done", "not done"),
        ("response.content_part.added", "part is not open"),
        ("response.content_part.done", "still open"),
        ("response.output_text.delta", "the deltas were"),
        ("response.output_text.done", "without their `.done`"),
        (
            "response.function_call_arguments.done",
            "without their `.done`",
        ),
        ("response.completed", "terminal"),
    ] {
        let without = renumbered(|values| drop(values.remove(of_type(values, kind))));
        refused(responses, &without, word);
    }
    for (kind, place, value, word) in [
        (
            "response.output_text.delta",
            "/item_id",
            json!("msg_other"),
            "another item",
        ),
        (
            "response.output_text.delta",
            "/output_index",
            json!(0),
            "not open",
        ),
        (
            "response.output_item.added",
            "/output_index",
            json!(1),
            "count up",
        ),
        (
            "response.output_item.done",
            "/item/id",
            json!("rs_other"),
            "differ",
        ),
        (
            "response.function_call_arguments.done",
            "/arguments",
            json!("{}"),
            "the deltas were",
        ),
        (
            "response.completed",
            "/response/status",
            json!("incomplete"),
            "none of",
        ),
        (
            "response.completed",
            "/response/output",
            json!([]),
            "differs",
        ),
        (
            "response.completed",
            "/response/usage/total_tokens",
            json!("30"),
            "whole number",
        ),
        (
            "response.completed",
            "/response/id",
            json!("resp_other"),
            "differs",
        ),
    ] {
        let changed = renumbered(|values| {
            let at = of_type(values, kind);
            let event = &mut values[at];
            *event.pointer_mut(place).expect("the place") = value.clone();
        });
        refused(responses, &changed, word);
    }
    let mut twice = events(responses);
    twice[2] = twice[2].replace("\"sequence_number\":2", "\"sequence_number\":1");
    refused(responses, &twice, "must have the number 2");
}

#[test]
fn gemini_streams() {
    let piece = |text: &str, reason: Option<&str>| {
        play::data(&json!({
            "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": reason, "index": 0}],
            "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 9},
        }))
    };
    let gemini = Dialect::Gemini;
    let good = [piece("Hel", None), piece("lo", Some("STOP"))];
    let Ok(Outcome::Answer(answer)) = outcome(gemini, &good) else {
        panic!("a good stream");
    };
    assert_eq!(answer.text(), "Hello");
    assert_eq!(
        answer.usage.map(|usage| (usage.output, usage.reasoning)),
        Some((5, 3))
    );
    refused(gemini, &good[..1], "finish reason");
    refused(
        gemini,
        &[good[1].clone(), good[0].clone()],
        "after the finish reason",
    );
    refused(gemini, &[piece("a", Some("DONE"))], "none of");
    refused(
        gemini,
        &[good[1].clone(), play::chat::DONE.to_owned()],
        "JSON",
    );
    let total = good[1].replace("\"totalTokenCount\":9", "\"totalTokenCount\":6");
    refused(gemini, &[total], "add up");
}
