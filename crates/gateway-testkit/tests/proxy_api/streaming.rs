//! Streams: held until the first real event, passed on unchanged, never silently cut.

use bytes::Bytes;
use gateway_core::ports::Clock as _;
use gateway_core::ports::SendErrorKind;
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

const CHAT: &str = r#"{"model":"m","stream":true}"#;
const STARTED: &str = "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n";
const HELLO: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"héllo\"},\"finish_reason\":null}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn stream(pieces: &[&str]) -> FakeReply {
    let pieces: Vec<Bytes> = pieces
        .iter()
        .map(|piece| Bytes::copy_from_slice(piece.as_bytes()))
        .collect();
    FakeReply::pieces(200, "text/event-stream; charset=utf-8", pieces)
}

fn relayed(reply: FakeReply) -> Answer {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(move |_| reply.clone());
    stage.chat(CHAT)
}

#[test]
fn whole_streams_are_byte_for_byte_equal_at_any_chunk_boundary() {
    let whole = format!("{STARTED}{HELLO}{STOP}{DONE}");
    for size in [1, 2, 3, 7, 50, 1000] {
        let pieces: Vec<Bytes> = whole
            .as_bytes()
            .chunks(size)
            .map(Bytes::copy_from_slice)
            .collect();
        let answer = relayed(FakeReply::pieces(200, "text/event-stream", pieces));
        assert_eq!(
            (answer.status, answer.text()),
            (200, whole.as_str()),
            "{size}"
        );
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    }
}

#[test]
fn carriage_returns_survive() {
    let whole = format!("{HELLO}{STOP}{DONE}").replace('\n', "\r\n");
    assert_eq!(relayed(stream(&[&whole[..40], &whole[40..]])).text(), whole);
}

#[test]
fn comments_keep_the_connection_open_without_empty_events() {
    let answer = relayed(stream(&[
        ": OPENROUTER PROCESSING\n\n",
        HELLO,
        ": OPENROUTER PROCESSING\n\n\n",
        STOP,
        DONE,
    ]));
    assert_eq!(answer.text(), format!("{HELLO}: ping\n{STOP}{DONE}"));
}

#[test]
fn a_stream_that_fails_before_its_first_event_fails_over_unseen() {
    let failures = [
        stream(&["data: {\"error\":{\"code\":502,\"message\":\"x\"}}\n\n"]),
        stream(&[
            ": wait\n\n",
            STARTED,
            "data: {\"error\":{\"message\":\"x\"}}\n\n",
        ]),
        stream(&[STARTED]),
        stream(&[]),
        stream(&[&HELLO[..20]]),
        stream(&[STARTED]).broken_by(SendErrorKind::Reset),
        stream(&[]).broken_by(SendErrorKind::Timeout),
    ];
    for failure in failures {
        let shown = format!("{failure:?}");
        let mut second = channel("b", 1);
        second.priority = 1;
        let stage = Stage::new(vec![channel("a", 1), second]);
        stage.upstream(move |call| {
            if host(call) == "a" {
                failure.clone()
            } else {
                stream(&[HELLO, STOP, DONE])
            }
        });
        let answer = stage.chat(CHAT);
        assert_eq!(
            (answer.status, answer.text()),
            (200, format!("{HELLO}{STOP}{DONE}").as_str()),
            "{shown}"
        );
        assert_eq!(answer.header("x-gateway-attempts"), Some("2"), "{shown}");
    }
}

/// The whole events that came before, then exactly one error event and no end mark.
fn assert_cut_off(answer: &Answer, before: &str, reason: &str) {
    let rest = answer
        .text()
        .strip_prefix(before)
        .unwrap_or_else(|| panic!("{}", answer.text()));
    let json = rest
        .strip_prefix("data: ")
        .and_then(|rest| rest.strip_suffix("\n\n"))
        .unwrap();
    let error = serde_json::from_str::<serde_json::Value>(json).unwrap()["error"].clone();
    assert_eq!(error["code"], "stream_incomplete");
    assert!(
        error["message"].as_str().unwrap().contains(reason),
        "{error}"
    );
    assert!(!answer.text().contains("[DONE]"));
    assert!(!answer.is_broken);
}

#[test]
fn a_stream_that_breaks_later_says_so() {
    assert_cut_off(&relayed(stream(&[HELLO])), HELLO, "without a finish reason");
    assert_cut_off(
        &relayed(stream(&[HELLO, &HELLO[..30]])),
        HELLO,
        "without a finish reason",
    );
    assert_cut_off(
        &relayed(stream(&[HELLO]).broken_by(SendErrorKind::Reset)),
        HELLO,
        "scripted",
    );
    assert_cut_off(
        &relayed(stream(&[HELLO]).broken_by(SendErrorKind::Timeout)),
        HELLO,
        "nothing came for too long",
    );
    let overload = "data: {\"error\":{\"code\":503,\"message\":\"overloaded\"}}\n\n";
    assert_cut_off(
        &relayed(stream(&[&format!("{HELLO}{overload}"), DONE])),
        HELLO,
        "overloaded",
    );
}

#[test]
fn a_finish_reason_without_a_done_is_a_whole_stream() {
    assert_eq!(
        relayed(stream(&[HELLO, STOP])).text(),
        format!("{HELLO}{STOP}")
    );
}

#[test]
fn what_follows_done_is_not_passed_on() {
    assert_eq!(
        relayed(stream(&[HELLO, DONE, "data: more\n\n"])).text(),
        format!("{HELLO}{DONE}")
    );
    assert_eq!(
        relayed(stream(&[HELLO, DONE]).broken_by(SendErrorKind::Reset)).text(),
        format!("{HELLO}{DONE}")
    );
}

#[test]
fn endless_start_up_events_are_released_in_the_end() {
    let many = STARTED.repeat(100);
    let answer = relayed(stream(&[&many, HELLO, STOP, DONE]));
    assert_eq!(answer.text(), format!("{many}{HELLO}{STOP}{DONE}"));
}

#[test]
fn other_content_is_passed_on_as_it_is_and_cut_when_it_breaks() {
    let audio = |broken: bool| {
        let reply = FakeReply::pieces(
            200,
            "audio/mpeg",
            [
                Bytes::from_static(b"\x00\xff"),
                Bytes::from_static(b"data:"),
            ],
        );
        if broken {
            reply.broken_by(SendErrorKind::Reset)
        } else {
            reply
        }
    };
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(move |_| audio(false));
    let answer = stage.send(post("/v1/audio/speech", r#"{"model":"m","input":"x"}"#));
    assert_eq!(
        (answer.header("content-type"), &answer.body[..]),
        (Some("audio/mpeg"), &b"\x00\xffdata:"[..])
    );
    stage.upstream(move |_| audio(true));
    assert!(
        stage
            .send(post("/v1/audio/speech", r#"{"model":"m","input":"x"}"#))
            .is_broken
    );
}

#[test]
fn padding_before_a_json_answer_is_removed() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| FakeReply::json(200, ": OPENROUTER PROCESSING\n\n{\"choices\":[{}]}"));
    assert_eq!(stage.chat(r#"{"model":"m"}"#).text(), r#"{"choices":[{}]}"#);
}

#[test]
fn a_client_that_leaves_ends_the_upstreams_call() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| stream(&[HELLO, HELLO, STOP, DONE]));
    let request = post("/v1/chat/completions", CHAT).map(http_body_util::Full::new);
    let reply =
        gateway_testkit::fakes::block_on(gateway_core::proxy::handle(&stage.gateway, request));
    assert_eq!(stage.ports.upstream().open_bodies(), 1);
    drop(reply);
    assert_eq!(stage.ports.upstream().open_bodies(), 0);
}

#[test]
fn done_ends_the_clients_stream_even_if_the_upstream_stays() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| stream(&[HELLO, STOP, DONE]).silent());
    assert_eq!(
        stage.chat(CHAT).text(),
        format!("{HELLO}{STOP}{DONE}"),
        "it would hang here"
    );
}

#[test]
fn an_error_without_its_blank_line_keeps_its_status() {
    for text in [
        "data: {\"error\":{\"code\":429,\"message\":\"slow\"}}\n",
        "{\"error\":{\"code\":429,\"message\":\"slow\"}}",
    ] {
        let answer = relayed(stream(&[text]));
        assert_eq!(
            answer.error(),
            (429, "rate_limit_exceeded".to_owned()),
            "{text}"
        );
    }
}

/// What a client gets of a stream in these bytes, from the first channel or, after a failover, from the second.
fn first_of_two(stream: &'static [u8]) -> (String, String) {
    let mut second = channel("b", 1);
    second.priority = 1;
    let stage = Stage::new(vec![channel("a", 1), second]);
    stage.upstream(move |call| {
        let bytes = if host(call) == "a" { stream } else { OTHER };
        FakeReply::pieces(200, "text/event-stream", [Bytes::from_static(bytes)])
    });
    let answer = stage.chat(r#"{"model":"m","stream":true}"#);
    let channel = answer.header("x-gateway-channel").unwrap().to_owned();
    (channel, answer.text().to_owned())
}

const OTHER: &[u8] = b"data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[test]
fn an_event_that_is_named_an_error_is_one_whatever_its_data() {
    let (channel, _) = first_of_two(b"event: error\ndata: {\"message\":\"boom\"}\n\n");
    assert_eq!(channel, "b", "nothing had been sent");
    let (channel, text) = first_of_two(
        b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\nevent: error\ndata: {\"message\":\"boom\"}\n\ndata: [DONE]\n\n",
    );
    assert_eq!(channel, "a");
    assert!(
        text.contains("stream_incomplete") && text.contains("boom"),
        "{text}"
    );
    assert!(!text.contains("[DONE]"), "{text}");
}

#[test]
fn problems_in_place_of_an_answer_go_on_with_the_next() {
    let (channel, _) =
        first_of_two(b"data: {\"status\":500,\"title\":\"Internal Server Error\"}\n\n");
    assert_eq!(channel, "b");
    for body in ["", "<html>busy</html>", r#"{"status":503,"title":"x"}"#] {
        let mut second = super::setup::channel("b", 1);
        second.priority = 1;
        let stage = Stage::new(vec![super::setup::channel("a", 1), second]);
        stage.upstream(move |call| {
            FakeReply::json(200, if host(call) == "a" { body } else { "{}" })
        });
        let answer = stage.chat(r#"{"model":"m"}"#);
        assert_eq!(answer.header("x-gateway-channel"), Some("b"), "{body}");
    }
}

#[test]
fn an_end_mark_without_its_blank_line_ends_the_stream() {
    const CONTENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    for stream in [
        &b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n"[..],
        b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]",
    ] {
        let (_, text) = first_of_two(stream);
        assert!(
            text.starts_with(CONTENT) && text.contains("data: [DONE]\n"),
            "{text:?}"
        );
        assert!(
            text.ends_with("\n\n") && !text.contains("stream_incomplete"),
            "{text:?}"
        );
    }
}

#[test]
fn the_byte_order_mark_is_kept_back() {
    let (_, text) = first_of_two(
        b"\xef\xbb\xbfdata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    );
    assert_eq!(text.as_bytes(), OTHER);
}

#[test]
fn comments_alone_are_neither_an_answer_nor_a_first_byte() {
    let many = ": wait\n\n".repeat(1_000).into_bytes();
    let (channel, text) = first_of_two(Box::leak(many.into_boxed_slice()));
    assert_eq!((channel.as_str(), text.as_bytes()), ("b", OTHER));
    // An upstream that only keeps its connection open is left after the channel's time to the first byte.
    let mut second = channel_of("b");
    second.priority = 1;
    let stage = Stage::new(vec![channel_of("a"), second]);
    stage.upstream(|call| {
        if host(call) == "a" {
            FakeReply::pieces(200, "text/event-stream", [Bytes::from(": wait\n\n")]).silent()
        } else {
            FakeReply::pieces(200, "text/event-stream", [Bytes::from_static(OTHER)])
        }
    });
    let began = stage.ports.now();
    let answer = stage.chat(r#"{"model":"m","stream":true}"#);
    assert_eq!(answer.header("x-gateway-channel"), Some("b"));
    assert_eq!(stage.ports.now().since_ms(began), 15_000, "5 s and 10 s");
}

/// A channel with 10 s to the first byte and a long time between two pieces.
fn channel_of(name: &str) -> gateway_core::config::model::ChannelConfig {
    gateway_core::config::model::ChannelConfig {
        first_byte_timeout_ms: 10_000,
        idle_timeout_ms: 300_000,
        ..channel(name, 1)
    }
}
