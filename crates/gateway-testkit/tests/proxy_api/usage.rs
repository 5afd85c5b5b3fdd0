//! Usage: requested where the client did not, withheld from clients that did not request it, logged.

use bytes::Bytes;
use gateway_core::config::model::ChannelConfig;
use gateway_core::ports::SendErrorKind;
use gateway_testkit::fakes::{FakeReply, block_on};
use http_body_util::{BodyExt as _, Full};

use super::setup::*;

const CONTENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const FINISH: &str =
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
/// The same without what they have only since the gateway asked.
const BARE_CONTENT: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";
const BARE_FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn stream() -> FakeReply {
    let pieces = [CONTENT, FINISH, USAGE, DONE].map(Bytes::from);
    FakeReply::pieces(200, "text/event-stream", pieces)
}

/// What the upstream was sent, and what the client got.
fn exchange(channel: ChannelConfig, path: &str, body: &str) -> (String, String) {
    let stage = Stage::new(vec![channel]);
    stage.upstream(|_| stream());
    let answer = stage.send(post(path, body));
    let sent = stage.ports.upstream().requests()[0].body.to_vec();
    (String::from_utf8(sent).unwrap(), answer.text().to_owned())
}

const CHAT: &str = "/v1/chat/completions";

#[test]
fn the_usage_is_asked_for_in_place_and_its_chunk_is_kept_back() {
    let rows = [
        (
            r#"{"model":"m", "stream" : true}"#,
            r#"{"model":"m", "stream" : true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options": null,"model":"m"}"#,
            r#"{"stream":true,"stream_options": {"include_usage":true},"model":"m"}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{ "x":1.0e2 },"model":"m"}"#,
            r#"{"stream":true,"stream_options":{ "x":1.0e2,"include_usage":true },"model":"m"}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage":false},"model":"m"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true},"model":"m"}"#,
        ),
    ];
    for (body, expected) in rows {
        for path in [CHAT, "/v1/completions"] {
            let (sent, got) = exchange(channel("a", 1), path, body);
            assert_eq!(sent, expected, "{body}");
            assert_eq!(got, [BARE_CONTENT, BARE_FINISH, DONE].concat(), "{body}");
        }
    }
}

#[test]
fn it_is_not_asked_for_where_that_makes_no_sense() {
    let without = ChannelConfig {
        stream_usage: false,
        ..channel("a", 1)
    };
    let dropping = ChannelConfig {
        drop_params: vec!["stream_options".to_owned()],
        ..channel("a", 1)
    };
    let streamed = r#"{"model":"m","stream":true}"#;
    let rows = [
        (without, CHAT, streamed),
        (dropping, CHAT, streamed),
        (channel("a", 1), "/v1/responses", streamed),
        (channel("a", 1), CHAT, r#"{"model":"m","stream":false}"#),
        (channel("a", 1), CHAT, r#"{"model":"m"}"#),
        (
            channel("a", 1),
            CHAT,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            channel("a", 1),
            CHAT,
            r#"{"model":"m","stream":true,"stream_options":"all"}"#,
        ),
    ];
    for (channel, path, body) in rows {
        let (sent, got) = exchange(channel, path, body);
        assert_eq!(sent, body);
        // What the upstream sends unasked is passed on, also in a whole answer that was put together from its stream.
        let figures = r#""usage":{"prompt_tokens":9,"completion_tokens":12}"#;
        assert!(got.contains(figures), "{body}: {got}");
        assert_eq!(
            got.contains(USAGE),
            body.contains(r#""stream":true"#),
            "{body}"
        );
    }
}

#[test]
fn the_log_says_what_an_answer_took_and_how_it_ended() {
    let stage = Stage::new(vec![channel("a", 1)]);
    let last_line = |stage: &Stage| stage.ports.log_lines().pop().unwrap();
    stage.upstream(|_| stream());
    stage.chat(r#"{"model":"m","stream":true}"#);
    let line = last_line(&stage);
    assert!(
        line.contains("complete") && line.contains("9 + 12 tokens"),
        "{line}"
    );
    assert!(line.contains("uk_a1") && !line.contains("a-1"), "{line}");

    stage.upstream(|_| {
        FakeReply::json(
            200,
            r#"{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
        )
    });
    stage.chat(r#"{"model":"m"}"#);
    assert!(
        last_line(&stage).contains("3 + 4 tokens"),
        "{}",
        last_line(&stage)
    );

    stage.upstream(|_| {
        FakeReply::pieces(
            200,
            "text/event-stream",
            [Bytes::from_static(CONTENT.as_bytes())],
        )
        .broken_by(SendErrorKind::Reset)
    });
    stage.chat(r#"{"model":"m","stream":true}"#);
    assert!(
        last_line(&stage).contains("upstream_broke"),
        "{}",
        last_line(&stage)
    );
}

#[test]
fn a_client_that_leaves_is_recorded_as_such_and_ends_the_upstreams_call() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| {
        FakeReply::pieces(
            200,
            "text/event-stream",
            [Bytes::from_static(CONTENT.as_bytes())],
        )
        .silent()
    });
    let request = post(CHAT, r#"{"model":"m","stream":true}"#).map(Full::new);
    let reply = block_on(gateway_core::proxy::handle(&stage.gateway, request));
    let mut body = reply.into_body();
    let first = block_on(body.frame())
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap();
    assert_eq!(first, BARE_CONTENT);
    assert_eq!(stage.ports.upstream().open_bodies(), 1);
    drop(body);
    assert_eq!(stage.ports.upstream().open_bodies(), 0);
    let line = stage.ports.log_lines().pop().unwrap();
    assert!(line.contains("client_gone"), "{line}");
    assert!(line.contains("1 tokens (estimated)"), "{line}");
}

/// What a client gets of this stream, and the line in the log. `asks`: whether it requested the usage itself.
fn streamed(events: &str, asks: bool) -> (String, String) {
    let stage = Stage::new(vec![channel("a", 1)]);
    let bytes = Bytes::copy_from_slice(events.as_bytes());
    stage.upstream(move |_| FakeReply::pieces(200, "text/event-stream", [bytes.clone()]));
    let options = if asks {
        r#","stream_options":{"include_usage":true}"#
    } else {
        ""
    };
    let answer = stage.chat(&format!(r#"{{"model":"m","stream":true{options}}}"#));
    let line = stage.ports.log_lines().pop().unwrap();
    (answer.text().to_owned(), line)
}

#[test]
fn the_extra_chunk_is_known_whatever_its_choices() {
    let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":12}"#;
    for choices in [r#""choices":[],"#, r#""choices":null,"#, ""] {
        let chunk = format!("data: {{\"id\":\"c\",{choices}{usage}}}\n\n");
        let events = [CONTENT, FINISH, &chunk, DONE].concat();
        let (got, line) = streamed(&events, false);
        assert_eq!(got, [BARE_CONTENT, BARE_FINISH, DONE].concat(), "{chunk}");
        assert!(line.contains("9 + 12 tokens"), "{line}");
        let (got, _) = streamed(&events, true);
        assert_eq!(got, events, "who asks gets all of it");
    }
}

#[test]
fn a_null_that_was_not_requested_is_removed_from_the_event_itself_only() {
    let rows = [
        (
            "data: {\"usage\": null, \"choices\": [{\"delta\": {\"content\": \"a\"}}]}\n\n",
            "data: { \"choices\": [{\"delta\": {\"content\": \"a\"}}]}\n\n",
        ),
        (
            "id: 1\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\r\ndata: \"usage\":null}\r\n\r\n",
            "id: 1\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\n",
        ),
        (
            "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\",\"usage\":null}}]}\n\n",
            "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\",\"usage\":null}}]}\n\n",
        ),
    ];
    for (event, expected) in rows {
        let events = [event, BARE_FINISH, DONE].concat();
        let (got, _) = streamed(&events, false);
        assert_eq!(got, [expected, BARE_FINISH, DONE].concat());
        assert_eq!(streamed(&events, true).0, events);
    }
}

#[test]
fn a_last_event_without_its_blank_line_counts_and_is_passed_on() {
    for end in ["", "\n"] {
        let cut = USAGE.trim_end().to_owned() + end;
        let events = [CONTENT, FINISH, &cut].concat();
        let (got, line) = streamed(&events, true);
        assert_eq!(got, [CONTENT, FINISH, USAGE].concat(), "{end:?}");
        assert!(
            line.contains("9 + 12 tokens") && line.contains("complete"),
            "{line}"
        );
        let (got, line) = streamed(&events, false);
        assert_eq!(got, [BARE_CONTENT, BARE_FINISH].concat(), "{end:?}");
        assert!(line.contains("9 + 12 tokens"), "{line}");
    }
    // One that was cut off is not an event.
    let events = [CONTENT, FINISH, &USAGE[..40]].concat();
    assert_eq!(streamed(&events, true).0, [CONTENT, FINISH].concat());
    // A stream of one event.
    let only = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}";
    assert_eq!(streamed(only, true).0, format!("{only}\n\n"));
}
