//! Streams: held until the first real event, passed on unchanged, never silently cut.

use bytes::Bytes;
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
    assert_eq!(
        answer.text(),
        format!(": ping\n{HELLO}: ping\n{STOP}{DONE}")
    );
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
    stage.upstream(|_| FakeReply::json(200, ": OPENROUTER PROCESSING\n\n{\"choices\":[]}"));
    assert_eq!(stage.chat(r#"{"model":"m"}"#).text(), r#"{"choices":[]}"#);
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
