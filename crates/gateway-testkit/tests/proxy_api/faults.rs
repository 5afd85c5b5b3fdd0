//! What upstreams really send: what counts as an end, a first event, an error, an answer, and whose fault an error is.

use bytes::Bytes;
use gateway_core::ports::{Clock as _, StoreKey};
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
const STREAM: &str = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
const WHOLE: &str = r#"{"model":"m"}"#;

/// What a second channel answers.
const SPARE: &str = r#"{"spare":true}"#;
/// The same as a stream, in the requested dialect.
const SPARE_STREAM: &str = "data: {\"spare\":true}\n\ndata: [DONE]\n\n";

/// A stream of events with these data.
fn events(data: &[&str]) -> FakeReply {
    let pieces = data
        .iter()
        .map(|data| Bytes::from(format!("data: {data}\n\n")));
    FakeReply::pieces(200, "text/event-stream", pieces)
}

/// Channel `a`, whose upstream gives this, before channel `b`, which always answers.
fn pair(first: FakeReply) -> Stage {
    let mut second = channel("b", 1);
    second.priority = 1;
    let stage = Stage::new(vec![channel("a", 1), second]);
    stage.upstream(move |call| {
        if host(call) == "a" {
            first.clone()
        } else if call.body == STREAM.as_bytes() {
            FakeReply::pieces(200, "text/event-stream", [Bytes::from(SPARE_STREAM)])
        } else {
            FakeReply::json(200, SPARE)
        }
    });
    stage
}

/// Who answers when `a` gives this.
fn answered_by(first: FakeReply, path: &str, body: &str) -> (String, Answer) {
    let answer = pair(first).send(post(path, body));
    let channel = answer.header("x-gateway-channel").unwrap_or("none");
    (channel.to_owned(), answer)
}

fn chunk(choices: &str) -> String {
    format!(r#"{{"id":"c","object":"chat.completion.chunk","choices":{choices}}}"#)
}

#[test]
fn a_stream_is_whole_when_every_choice_that_was_seen_has_ended() {
    let text = chunk(r#"[{"index":0,"delta":{"content":"a"},"finish_reason":null}]"#);
    let two = chunk(
        r#"[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"},"finish_reason":""}]"#,
    );
    let end = |index: u32, reason: &str| {
        chunk(&format!(
            r#"[{{"index":{index},"delta":{{}},"finish_reason":{reason}}}]"#
        ))
    };
    let stop = r#""stop""#;
    let done = "[DONE]".to_owned();
    let whole = [
        vec![text.clone(), end(0, stop)],
        vec![text.clone(), end(0, r#""some_new_reason""#)],
        vec![text.clone(), done.clone()],
        vec![text.clone(), end(0, r#""""#), done],
        vec![two.clone(), end(1, stop), end(0, r#""length""#)],
        vec![end(0, stop)],
    ];
    for data in whole {
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        let (channel, answer) = answered_by(events(&data), CHAT, STREAM);
        assert_eq!(channel, "a", "{data:?}");
        assert!(
            !answer.text().contains("error"),
            "{data:?}: {}",
            answer.text()
        );
    }
    let none = [
        r#""""#,
        r#""null""#,
        r#""None""#,
        r#""undefined""#,
        "null",
        "0",
        "false",
        "[]",
    ];
    let mut cut: Vec<Vec<String>> = none
        .iter()
        .map(|reason| vec![text.clone(), end(0, reason)])
        .collect();
    cut.push(vec![two.clone(), end(0, stop)]);
    cut.push(vec![two, end(1, stop)]);
    cut.push(vec![end(0, stop), text]);
    let last = cut.pop();
    for data in cut {
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        let (channel, answer) = answered_by(events(&data), CHAT, STREAM);
        assert_eq!(channel, "a", "{data:?}");
        let text = answer.text();
        assert_eq!(
            text.matches("stream_incomplete").count(),
            1,
            "{data:?}: {text}"
        );
        assert!(!text.contains("[DONE]"), "{text}");
    }
    // What has ended stays so.
    let last = last.unwrap();
    let (_, answer) = answered_by(events(&[&last[0], &last[1]]), CHAT, STREAM);
    assert!(!answer.text().contains("error"), "{}", answer.text());
}

#[test]
fn what_only_begins_fails_over_when_an_error_or_the_end_follows() {
    let chat = &[
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":null,"tool_calls":[],"reasoning":""}}]}"#,
    ][..];
    let completions = &[r#"{"choices":[{"index":0,"text":"","finish_reason":null}]}"#][..];
    let messages = &[
        r#"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"ping"}"#,
    ][..];
    let responses = &[
        r#"{"type":"response.created","response":{"id":"r","status":"in_progress"}}"#,
        r#"{"type":"response.in_progress","response":{"id":"r","status":"in_progress"}}"#,
        r#"{"type":"response.output_item.added","item":{"id":"i","type":"message","status":"in_progress","content":[],"role":"assistant"}}"#,
        r#"{"type":"response.content_part.added","part":{"type":"output_text","text":"","annotations":[]}}"#,
    ][..];
    let rows = [
        (
            CHAT,
            chat,
            r#"{"error":{"code":503,"message":"overloaded"}}"#,
        ),
        (
            "/v1/completions",
            completions,
            r#"{"error":{"code":503,"message":"overloaded"}}"#,
        ),
        (
            MESSAGES,
            messages,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
        ),
        (
            RESPONSES,
            responses,
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"x"}}}"#,
        ),
    ];
    for (path, begin, error) in rows {
        for length in 1..=begin.len() {
            let begin = &begin[..length];
            let with_error: Vec<&str> = begin.iter().copied().chain([error]).collect();
            let with_mark: Vec<&str> = begin.iter().copied().chain(["[DONE]"]).collect();
            for data in [begin, &with_error, &with_mark] {
                let (channel, answer) = answered_by(events(data), path, STREAM);
                assert_eq!(
                    (channel.as_str(), answer.text()),
                    ("b", SPARE_STREAM),
                    "{data:?}"
                );
            }
        }
    }
    // What was held comes with the first content, whole.
    let data = [
        chat[0],
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
    ];
    let (_, answer) = answered_by(events(&data), CHAT, STREAM);
    assert_eq!(
        answer.text(),
        format!("data: {}\n\ndata: {}\n\n", data[0], data[1])
    );
}

#[test]
fn an_empty_error_is_none_and_an_answer_without_a_choice_is_no_answer() {
    for error in ["null", r#""""#, "{}", "[]", "false", "0"] {
        let body = format!(
            r#"{{"error":{error},"choices":[{{"message":{{"content":"a"}},"finish_reason":"stop"}}]}}"#
        );
        let (channel, answer) = answered_by(FakeReply::json(200, body.clone()), CHAT, WHOLE);
        assert_eq!((channel.as_str(), answer.text()), ("a", body.as_str()));
        let event = format!(
            r#"{{"error":{error},"choices":[{{"delta":{{"content":"a"}},"finish_reason":"stop"}}]}}"#
        );
        let (channel, answer) = answered_by(events(&[&event]), CHAT, STREAM);
        assert_eq!(channel, "a", "{event}");
        assert_eq!(answer.text(), format!("data: {event}\n\n"));
    }
    let rows = [
        (
            CHAT,
            r#"{"id":"x","choices":[],"usage":{"prompt_tokens":1}}"#,
        ),
        (CHAT, r#"{"id":"x","choices":null}"#),
        (CHAT, r#"{"error":{}}"#),
        (CHAT, r#"{"code":1113,"msg":"no balance"}"#),
        ("/v1/completions", r#"{"choices":[]}"#),
        ("/v1/embeddings", r#"{"object":"list","data":null}"#),
        ("/v1/images/generations", r#"{"created":1,"data":null}"#),
        (MESSAGES, r#"{"type":"message","content":null}"#),
        (
            RESPONSES,
            r#"{"object":"response","status":"failed","error":null,"output":[]}"#,
        ),
    ];
    for (path, body) in rows {
        let (channel, answer) = answered_by(FakeReply::json(200, body), path, WHOLE);
        assert_eq!(
            (channel.as_str(), answer.text()),
            ("b", SPARE),
            "{path} {body}"
        );
    }
    let fine = r#"{"type":"message","content":[],"stop_reason":"end_turn"}"#;
    assert_eq!(
        answered_by(FakeReply::json(200, fine), MESSAGES, WHOLE).0,
        "a"
    );
}

#[test]
fn statuses_between_gateway_and_upstream_go_on_with_the_next_candidate() {
    for status in [
        405, 406, 407, 408, 409, 411, 412, 414, 416, 417, 418, 421, 423, 424, 425, 426, 428, 431,
        444, 451, 460, 494, 495, 498, 499, 501,
    ] {
        let body = r#"{"error":{"message":"no","type":"invalid_request_error","code":null}}"#;
        for path in [CHAT, MESSAGES, RESPONSES, "/v1/embeddings"] {
            let (channel, _) = answered_by(FakeReply::json(status, body), path, WHOLE);
            assert_eq!(channel, "b", "{status} {path}");
        }
    }
    for status in [400, 413, 415, 422] {
        let stage = pair(FakeReply::json(status, r#"{"error":{"message":"yours"}}"#));
        let answer = stage.send(post(CHAT, WHOLE));
        assert_eq!((answer.status, stage.calls().len()), (status, 1));
    }
}

#[test]
fn a_client_cannot_make_others_lose_a_channel_with_its_headers() {
    for (status, is_left_alone) in [
        (406, false),
        (414, false),
        (431, false),
        (407, true),
        (499, true),
    ] {
        let stage = pair(FakeReply::json(status, ""));
        for _ in 0..3 {
            stage.ports.advance_ms(10);
            assert_eq!(
                stage.send(post(CHAT, WHOLE)).header("x-gateway-channel"),
                Some("b")
            );
        }
        let before = stage.calls().len();
        stage.send(post(CHAT, WHOLE));
        let calls = stage.calls().split_off(before);
        assert_eq!(calls == ["b-1"], is_left_alone, "{status}: {calls:?}");
    }
}

/// The same error as a response's own, inside a good status, and as the first event of a stream.
fn ways(path: &str, code: &str) -> Vec<(FakeReply, &'static str)> {
    let error = format!(r#"{{"code":"{code}","message":"because","param":null}}"#);
    let body = format!(r#"{{"error":{error}}}"#);
    let mut ways = vec![
        (FakeReply::json(400, body.clone()), WHOLE),
        (FakeReply::json(200, body.clone()), WHOLE),
        (events(&[&body]), STREAM),
    ];
    if path == RESPONSES {
        let failed = format!(
            r#"{{"id":"r","object":"response","status":"failed","error":{error},"output":[]}}"#
        );
        let event = format!(r#"{{"type":"response.failed","response":{failed}}}"#);
        let created = r#"{"type":"response.created","response":{"id":"r","error":null}}"#;
        let spoken = format!(r#"{{"type":"error","code":"{code}","message":"because"}}"#);
        ways.push((FakeReply::json(200, failed), WHOLE));
        ways.push((events(&[created, &event]), STREAM));
        ways.push((events(&[&spoken]), STREAM));
    }
    ways
}

#[test]
fn the_clients_own_error_is_returned_wherever_it_is_and_marks_nothing() {
    let codes = [
        "data_inspection_failed",
        "DataInspectionFailed",
        "content_filter",
        "invalid_prompt",
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "image_content_policy_violation",
        "invalid_image_mode",
        "image_file_too_large",
        "unsupported_image_media_type",
        "empty_image_file",
        "failed_to_download_image",
        "image_file_not_found",
        "context_length_exceeded",
    ];
    for code in codes {
        for path in [CHAT, RESPONSES] {
            for (reply, body) in ways(path, code) {
                let shown = format!("{code} {path} {reply:?}");
                let stage = pair(reply);
                let answer = stage.send(post(path, body));
                assert_eq!(answer.error(), (400, code.to_owned()), "{shown}");
                assert_eq!(answer.json()["error"]["message"], "because", "{shown}");
                assert_eq!(
                    answer.json()["error"]["type"],
                    "invalid_request_error",
                    "{shown}"
                );
                stage.ports.run_background();
                assert_eq!(stage.calls(), ["a-1"], "{shown}");
                assert_eq!(stage.ports.store().get(StoreKey::Health), None, "{shown}");
            }
        }
    }
    // The same places, but not the upstream's fault.
    for (code, status) in [("server_error", 502), ("rate_limit_exceeded", 429)] {
        for (reply, body) in ways(RESPONSES, code).into_iter().skip(1) {
            let shown = format!("{reply:?}");
            let stage = pair(reply);
            let answer = stage.send(post(RESPONSES, body));
            assert_eq!(answer.header("x-gateway-channel"), Some("b"), "{shown}");
            let log = stage.ports.log_lines().join("\n");
            assert!(log.contains(&format!(": {status}, ")), "{shown}: {log}");
        }
    }
}

#[test]
fn a_request_that_is_too_large_for_a_keys_rate_limit_goes_to_another_and_marks_nothing() {
    let body = r#"{"error":{"message":"Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7000","type":"tokens","code":"rate_limit_exceeded"}}"#;
    let too_large = move || FakeReply::json(413, body).with_header("retry-after", "20");
    let stage = pair(too_large());
    for _ in 0..3 {
        let answer = stage.send(post(CHAT, WHOLE));
        assert_eq!(answer.header("x-gateway-channel"), Some("b"));
    }
    assert_eq!(
        stage.calls(),
        ["a-1", "b-1"].repeat(3),
        "shorter requests still pass"
    );
    stage.upstream(move |_| too_large());
    let answer = stage.send(post(CHAT, WHOLE));
    assert_eq!(answer.error(), (413, "request_too_large".to_owned()));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
}

#[test]
fn frames_without_data_never_reach_a_client() {
    let frames = [
        "event: ping\n\n",
        "data:\n\n",
        "data: \n\n",
        "data\n\n",
        "retry: 3000\n\n",
        "id: 7\n\n",
        "\n\n",
        ": comment\n\n",
        "event: ping\ndata:\n\n",
        "id: 1\nretry: 5\n\n",
    ];
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    for frame in frames {
        for frame in [frame.to_owned(), frame.replace('\n', "\r\n")] {
            let whole = [
                &frame,
                text,
                &frame,
                &frame,
                stop,
                &frame,
                "data: [DONE]\n\n",
            ]
            .concat();
            for size in [1, 7, 1_000] {
                let pieces = whole.as_bytes().chunks(size).map(Bytes::copy_from_slice);
                let reply = FakeReply::pieces(200, "text/event-stream", pieces);
                let (_, answer) = answered_by(reply, CHAT, STREAM);
                let without_pings = answer.text().replace(": ping\n", "");
                assert_eq!(
                    without_pings,
                    [text, stop, "data: [DONE]\n\n"].concat(),
                    "{frame:?}"
                );
            }
        }
    }
    let ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
    let delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n";
    let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let whole = [delta, ping, end].concat();
    let reply = FakeReply::pieces(200, "text/event-stream", [Bytes::from(whole.clone())]);
    assert_eq!(answered_by(reply, MESSAGES, STREAM).1.text(), whole);
    // They are no events either: however many come, the stream is still held back.
    let many = "event: ping\n\n".repeat(200);
    let reply = FakeReply::pieces(200, "text/event-stream", [Bytes::from(many)]);
    assert_eq!(answered_by(reply, CHAT, STREAM).0, "b");
}

#[test]
fn padding_before_json_is_no_first_byte() {
    let slow = |name: &str| gateway_core::config::model::ChannelConfig {
        first_byte_timeout_ms: 10_000,
        idle_timeout_ms: 300_000,
        ..channel(name, 1)
    };
    for padding in [" ", "\n", ": OPENROUTER PROCESSING\n\n", ": never ends"] {
        let mut second = slow("b");
        second.priority = 1;
        let stage = Stage::new(vec![slow("a"), second]);
        stage.upstream(move |call| {
            if host(call) == "a" {
                FakeReply::pieces(200, "application/json", [padding; 3].map(Bytes::from)).silent()
            } else {
                FakeReply::json(200, SPARE)
            }
        });
        let began = stage.ports.now();
        let answer = stage.send(post(CHAT, WHOLE));
        assert_eq!(answer.header("x-gateway-channel"), Some("b"), "{padding:?}");
        assert_eq!(stage.ports.now().since_ms(began), 15_000, "5 s and 10 s");
    }
    // Padding alone is no answer.
    let reply = FakeReply::json(200, " \n: wait\n ");
    assert_eq!(answered_by(reply, CHAT, WHOLE).0, "b");
}
