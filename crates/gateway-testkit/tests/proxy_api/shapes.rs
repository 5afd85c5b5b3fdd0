//! Answers in another shape than requested, or with a wrong content type: clients get the shape that they requested,
//! with the matching content type, and everything else is as if the upstream had answered correctly.

use bytes::Bytes;
use gateway_core::config::model::Settings;
use gateway_core::ports::SendErrorKind;
use gateway_core::sql::SqlValue as Cell;
use gateway_testkit::fakes::{FakeReply, block_on};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use super::ledger::{document, text};
use super::setup::*;

const STREAM: &str = r#"{"model":"m","stream":true}"#;
const WHOLE: &str = r#"{"model":"m"}"#;
const CHAT: &str = "/v1/chat/completions";

const CHAT_ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
    "message":{"role":"assistant","content":"hi there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":30,"completion_tokens":7}}"#;
const HELLO: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi \"}}]}\n\n";
const THERE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"there\"}}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":7}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

const TEXT_ANSWER: &str = r#"{"id":"c","object":"text_completion","choices":[{"index":0,"text":"hi","finish_reason":"stop"}]}"#;
const RESPONSE: &str = r#"{"id":"r","object":"response","status":"completed","output":[{"id":"i","type":"message","content":
    [{"type":"output_text","text":"hi"}]}],"usage":{"input_tokens":30,"output_tokens":7}}"#;
const MESSAGE: &str = r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"hi"}],
    "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":30,"output_tokens":7}}"#;

/// A reply in pieces of `size` bytes; without a label where that is empty.
fn reply(label: &'static str, body: &str, size: usize) -> FakeReply {
    let pieces = body.as_bytes().chunks(size).map(Bytes::copy_from_slice);
    let reply = FakeReply::pieces(200, label, pieces);
    if label.is_empty() {
        reply.unlabelled()
    } else {
        reply
    }
}

/// One channel that gives `first`, and one behind it that streams or answers as it should.
fn stage_of(first: FakeReply) -> Stage {
    let mut second = channel("b", 1);
    second.priority = 1;
    let stage = Stage::new(vec![channel("a", 1), second]);
    stage.upstream(move |call| {
        let is_stream = call
            .body
            .windows(13)
            .any(|part| part == br#""stream":true"#);
        match (host(call), is_stream) {
            ("a", _) => first.clone(),
            (_, true) => reply("text/event-stream", &[HELLO, STOP, DONE].concat(), 999),
            (_, false) => FakeReply::json(200, CHAT_ANSWER),
        }
    });
    stage
}

fn events(answer: &Answer) -> Vec<Value> {
    let data = answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[test]
fn a_whole_answer_becomes_the_stream_that_was_asked_for() {
    let rows = [
        (CHAT, CHAT_ANSWER, "\n\ndata: [DONE]\n\n"),
        ("/v1/completions", TEXT_ANSWER, "\n\ndata: [DONE]\n\n"),
        ("/v1/responses", RESPONSE, "}}\n\n"),
        (
            "/v1/messages",
            MESSAGE,
            "data: {\"type\":\"message_stop\"}\n\n",
        ),
    ];
    for (path, whole, end) in rows {
        for label in ["application/json", "text/plain", "text/event-stream", ""] {
            for body in [whole.to_owned(), format!("\u{feff}\n: wait\n\n{whole}")] {
                let stage = stage_of(reply(label, &body, 50));
                let answer = stage.send(post(path, STREAM));
                assert_eq!(answer.status, 200, "{path} {label}: {}", answer.text());
                assert_eq!(
                    answer.header("content-type"),
                    Some("text/event-stream"),
                    "{path} {label}"
                );
                assert_eq!(answer.header("x-gateway-channel"), Some("a"));
                assert!(answer.text().ends_with(end), "{path}: {}", answer.text());
                assert!(events(&answer).len() >= 2, "{path}: {}", answer.text());
            }
        }
    }
    let stage = stage_of(FakeReply::json(200, CHAT_ANSWER));
    let answer = stage.chat(STREAM);
    assert!(!answer.text().contains("usage"), "{}", answer.text());
    let asking = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
    let events = events(&stage.chat(asking));
    let last = events.last().unwrap();
    assert_eq!(
        (&last["choices"], &last["usage"]["prompt_tokens"]),
        (&json!([]), &json!(30))
    );
}

#[test]
fn a_stream_becomes_the_whole_answer_that_was_asked_for() {
    let chat = [HELLO, THERE, STOP, USAGE, DONE].concat();
    // The streams of the other dialects are those that the gateway makes itself.
    let made = |path: &str, whole: &'static str| {
        let stage = stage_of(FakeReply::json(200, whole));
        stage.send(post(path, STREAM)).text().to_owned()
    };
    let rows = [
        (CHAT, chat.clone(), None),
        // Without a mark, and with a last event that lacks its blank line.
        (CHAT, [HELLO, THERE, STOP].concat(), None),
        (CHAT, chat.trim_end().to_owned(), None),
        (
            CHAT,
            format!("\u{feff}: wait\n\n{chat}").replace('\n', "\r\n"),
            None,
        ),
        (
            "/v1/completions",
            made("/v1/completions", TEXT_ANSWER),
            Some(TEXT_ANSWER),
        ),
        (
            "/v1/responses",
            made("/v1/responses", RESPONSE),
            Some(RESPONSE),
        ),
        ("/v1/messages", made("/v1/messages", MESSAGE), Some(MESSAGE)),
    ];
    for (path, stream, whole) in rows {
        for label in [
            "text/event-stream",
            "application/json",
            "text/plain; charset=utf-8",
            "",
        ] {
            for size in [1, 13, 10_000] {
                let stage = stage_of(reply(label, &stream, size));
                let answer = stage.send(post(path, WHOLE));
                assert_eq!(answer.status, 200, "{path} {label}: {}", answer.text());
                assert_eq!(answer.header("content-type"), Some("application/json"));
                assert_eq!(answer.header("x-gateway-channel"), Some("a"));
                if let Some(whole) = whole {
                    assert_eq!(answer.json(), serde_json::from_str::<Value>(whole).unwrap());
                } else {
                    let message = json!({"role": "assistant", "content": "hi there"});
                    assert_eq!(answer.json()["choices"][0]["message"], message);
                }
            }
        }
    }
}

#[test]
fn errors_and_cut_streams_inside_the_other_shape_fail_over() {
    let error = r#"{"error":{"code":503,"message":"busy"}}"#;
    let event = format!("data: {error}\n\n");
    let rows = [
        (STREAM, reply("application/json", error, 99)),
        (STREAM, reply("text/plain", error, 99)),
        (STREAM, reply("text/event-stream", error, 99)),
        (STREAM, reply("application/json", r#"{"choices":[]}"#, 99)),
        (STREAM, reply("application/json", r#"{"id":"x"}"#, 99)),
        (
            STREAM,
            reply(
                "application/json",
                "{\"choices\":[{\"message\":{\"content\":\"a\"}}]",
                99,
            ),
        ),
        (STREAM, reply("", "<html>login</html>", 99)),
        (STREAM, reply("text/plain", "busy", 99)),
        (STREAM, reply("text/plain", "", 99)),
        (STREAM, reply("text/plain", ": wait\n\n", 99)),
        (
            STREAM,
            reply("application/json", &CHAT_ANSWER[..90], 99).broken_by(SendErrorKind::Reset),
        ),
        (
            STREAM,
            FakeReply::json(
                200,
                format!(
                    r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#,
                    "a".repeat(5 << 20)
                ),
            ),
        ),
        (WHOLE, reply("text/event-stream", &event, 99)),
        (WHOLE, reply("text/plain", &format!("{HELLO}{event}"), 99)),
        (WHOLE, reply("text/event-stream", HELLO, 99)),
        (WHOLE, reply("application/json", &HELLO[..40], 99)),
        (
            WHOLE,
            reply("text/event-stream", &[HELLO, STOP].concat(), 99).broken_by(SendErrorKind::Reset),
        ),
        (
            WHOLE,
            reply(
                "text/event-stream",
                &[HELLO, "data: nonsense\n\n", STOP].concat(),
                99,
            ),
        ),
        (WHOLE, reply("text/event-stream", DONE, 99)),
        (WHOLE, reply("text/event-stream", "", 99)),
        (WHOLE, reply("text/plain", "<html>login</html>", 99)),
    ];
    for (body, first) in rows {
        let shown: String = format!("{body} {first:?}").chars().take(300).collect();
        let stage = stage_of(first);
        let answer = stage.chat(body);
        assert_eq!(answer.status, 200, "{shown}: {}", answer.text());
        assert_eq!(answer.header("x-gateway-channel"), Some("b"), "{shown}");
        assert_eq!(answer.header("x-gateway-attempts"), Some("2"), "{shown}");
    }
}

#[test]
fn a_transcript_becomes_a_stream_and_back() {
    // Some models ignore that a stream was requested.
    let whole = r#"{"text":"hi there","usage":{"type":"duration","seconds":3}}"#;
    let stage = stage_of(FakeReply::json(200, whole));
    let path = "/v1/audio/transcriptions";
    let answer = stage.send(post(path, STREAM));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let sent = events(&answer);
    assert_eq!(
        sent[0],
        json!({"type": "transcript.text.delta", "delta": "hi there"})
    );
    assert_eq!(
        (&sent[1]["type"], &sent[1]["text"]),
        (&json!("transcript.text.done"), &json!("hi there"))
    );
    let stage = stage_of(reply("text/event-stream", answer.text(), 9));
    let answer = stage.send(post(path, WHOLE));
    assert_eq!(answer.json(), serde_json::from_str::<Value>(whole).unwrap());
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn events_under_any_label_are_held_back_passed_on_and_cut_like_events() {
    let whole = [HELLO, THERE, STOP, DONE].concat();
    let error = "data: {\"error\":{\"code\":503,\"message\":\"busy\"}}\n\n";
    for label in [
        "text/plain",
        "application/json",
        "Text/Event-Stream; charset=UTF-8",
        "",
    ] {
        for size in [1, 7, 10_000] {
            let answer = stage_of(reply(label, &whole, size)).chat(STREAM);
            assert_eq!(
                (answer.status, answer.text()),
                (200, whole.as_str()),
                "{label} {size}"
            );
            assert_eq!(
                answer.header("content-type"),
                Some("text/event-stream"),
                "{label}"
            );
            // Nothing reaches the client before the first real event.
            let answer = stage_of(reply(label, &format!(": wait\n\n{error}"), size)).chat(STREAM);
            assert_eq!(answer.header("x-gateway-channel"), Some("b"), "{label}");
            let answer = stage_of(reply(label, HELLO, size)).chat(STREAM);
            assert!(answer.text().starts_with(HELLO), "{label}");
            assert!(answer.text().contains("stream_incomplete"), "{label}");
        }
    }
}

#[test]
fn events_under_another_label_are_passed_on_at_once() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| reply("text/plain", HELLO, 999).silent());
    let request = post(CHAT, STREAM).map(Full::new);
    let answer = block_on(gateway_core::proxy::handle(&stage.gateway, request));
    let mut body = answer.into_body();
    let frame = block_on(body.frame()).unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), HELLO);
}

#[test]
fn the_ledger_says_what_was_asked_for_and_what_it_took() {
    let stage = Stage::with_ledger(&document(Settings::default()));
    let rows = [
        (CHAT, STREAM, CHAT_ANSWER.to_owned(), 1),
        ("/v1/messages", STREAM, MESSAGE.to_owned(), 1),
        ("/v1/responses", STREAM, RESPONSE.to_owned(), 1),
        (CHAT, WHOLE, [HELLO, STOP, USAGE, DONE].concat(), 0),
        (CHAT, STREAM, [HELLO, STOP, USAGE, DONE].concat(), 1),
    ];
    for (path, asked, body, stream) in rows {
        stage.upstream(move |_| reply("text/plain", &body, 40));
        stage.send(post(path, asked));
        stage.ports.run_background();
        let query = "SELECT stream, prompt_tokens, completion_tokens, estimated, ended FROM request ORDER BY seq DESC LIMIT 1";
        let expected = [stream, 30, 7, 0].map(Cell::Integer);
        let row = stage.ports.database().rows(query).remove(0);
        assert_eq!(
            (&row[..4], &row[4]),
            (&expected[..], &text("complete")),
            "{path} {asked}"
        );
    }
}

#[test]
fn what_is_neither_json_nor_events_by_its_nature_still_passes() {
    let stage = Stage::new(vec![channel("a", 1)]);
    for (path, label, body) in [
        (
            "/v1/audio/speech",
            "application/octet-stream",
            "data: sound",
        ),
        ("/v1/audio/speech", "audio/mpeg", "{\"error\":1}"),
        (
            "/v1/audio/transcriptions",
            "text/plain",
            " data: she said.\n",
        ),
        ("/v1/audio/transcriptions", "text/plain", "[Music] and more"),
        ("/v1/audio/transcriptions", "text/vtt", "WEBVTT\n"),
        ("/v1/audio/transcriptions", "text/plain", ""),
    ] {
        stage.upstream(move |_| reply(label, body, 3));
        let answer = stage.send(post(path, WHOLE));
        assert_eq!((answer.status, answer.text()), (200, body), "{path}");
        assert_eq!(answer.header("content-type"), Some(label), "{path}");
    }
    // JSON gets its label where nothing else can be an answer.
    stage.upstream(|_| reply("application/octet-stream", r#"{"data":[]}"#, 3));
    let answer = stage.send(post("/v1/embeddings", WHOLE));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
