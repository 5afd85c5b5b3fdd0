//! Calls beside OpenAI's JSON: Anthropic's messages, and forms with files.

use bytes::Bytes;
use gateway_core::upstream::provider::Provider;
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

const MESSAGES: &str = r#"{"model":"claude","max_tokens":5,"messages":[]}"#;
const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n";
const TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"x\"}}\n\n";
const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

fn anthropic() -> Stage {
    let mut channel = channel("a", 1);
    channel.provider = Provider::Anthropic;
    Stage::new(vec![channel])
}

fn stream(events: &[&str]) -> FakeReply {
    let pieces = events
        .iter()
        .map(|event| Bytes::copy_from_slice(event.as_bytes()));
    FakeReply::pieces(200, "text/event-stream", pieces.collect::<Vec<_>>())
}

#[test]
fn anthropic_is_called_with_its_own_headers() {
    let stage = anthropic();
    stage.upstream(|_| FakeReply::json(200, r#"{"type":"message","content":[]}"#));
    assert_eq!(stage.send(post("/v1/messages", MESSAGES)).status, 200);
    let mut newer = post("/v1/messages", MESSAGES);
    newer
        .headers_mut()
        .insert("anthropic-version", "2030-01-01".parse().unwrap());
    stage.send(newer);
    let calls = stage.ports.upstream().requests();
    assert_eq!(calls[0].head.uri, "https://a.example/v1/messages");
    assert_eq!(calls[0].head.headers["x-api-key"], "a-1");
    assert_eq!(calls[0].head.headers["anthropic-version"], "2023-06-01");
    assert_eq!(calls[1].head.headers["anthropic-version"], "2030-01-01");
    assert!(!calls[0].head.headers.contains_key("authorization"));
}

#[test]
fn the_query_string_goes_on_to_all_but_azure_and_takes_no_credential_along() {
    for (provider, expected) in [
        (
            Provider::Anthropic,
            "https://a.example/v1/messages?beta=true&x=%20y",
        ),
        (
            Provider::OpenAi,
            "https://a.example/v1/messages?beta=true&x=%20y",
        ),
    ] {
        let mut channel = channel("a", 1);
        channel.provider = provider;
        let stage = Stage::new(vec![channel]);
        stage.upstream(|_| FakeReply::json(200, r#"{"type":"message","content":[]}"#));
        let path = format!("/v1/messages?beta=true&key={KEY}&x=%20y");
        assert_eq!(stage.send(post(&path, MESSAGES)).status, 200);
        assert_eq!(stage.ports.upstream().requests()[0].head.uri, expected);
        let long = format!("/v1/messages?x={}", "y".repeat(3_000));
        assert_eq!(stage.send(post(&long, MESSAGES)).status, 400);
        assert_eq!(stage.calls().len(), 1);
    }
    let stage = Stage::new(vec![azure(Some("2024-10-21"))]);
    stage.upstream(|_| FakeReply::json(200, r#"{"choices":[{"finish_reason":"stop"}]}"#));
    stage.send(post(
        "/v1/chat/completions?api-version=1&beta=true",
        r#"{"model":"gpt-4.1"}"#,
    ));
    let uri = stage.ports.upstream().requests()[0].head.uri.to_string();
    assert!(
        uri.ends_with("/chat/completions?api-version=2024-10-21"),
        "{uri}"
    );
}

#[test]
fn what_anthropic_says_of_its_limits_and_of_the_request_comes_back() {
    for status in [200, 400] {
        let stage = anthropic();
        stage.upstream(move |_| {
            FakeReply::json(status, r#"{"type":"message","content":[]}"#)
                .with_header("request-id", "req_011")
                .with_header("anthropic-ratelimit-requests-remaining", "9")
                .with_header("anthropic-organization-id", "org")
        });
        let answer = stage.send(post("/v1/messages", MESSAGES));
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("request-id"), Some("req_011"));
        assert_eq!(
            answer.header("anthropic-ratelimit-requests-remaining"),
            Some("9")
        );
        assert_eq!(answer.header("anthropic-organization-id"), None);
    }
}

#[test]
fn errors_of_messages_have_anthropics_envelope() {
    let stage = anthropic();
    stage.upstream(|_| {
        FakeReply::json(
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens"}}"#,
        )
    });
    let shape = |answer: Answer| {
        let json = answer.json();
        assert_eq!(json["type"], "error");
        (
            answer.status,
            json["error"]["type"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(
        shape(stage.send(post("/v1/messages", MESSAGES))),
        (400, "invalid_request_error".to_owned())
    );
    stage.upstream(|_| {
        FakeReply::json(
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
        )
    });
    assert_eq!(
        shape(stage.send(post("/v1/messages", MESSAGES))),
        (502, "api_error".to_owned())
    );
    let mut unknown = post("/v1/messages", MESSAGES);
    unknown.headers_mut().remove("authorization");
    assert_eq!(
        shape(stage.send(unknown)),
        (401, "authentication_error".to_owned())
    );
}

#[test]
fn a_stream_of_messages_is_whole_only_with_its_stop() {
    const STREAMED: &str = r#"{"model":"m","stream":true,"max_tokens":9,"messages":[]}"#;
    let stage = anthropic();
    stage.upstream(|_| stream(&[START, TEXT, STOP]));
    assert_eq!(
        stage.send(post("/v1/messages", STREAMED)).text(),
        format!("{START}{TEXT}{STOP}")
    );
    stage.upstream(|_| stream(&[START, TEXT]));
    let cut = stage.send(post("/v1/messages", STREAMED));
    let rest = cut.text().strip_prefix(&format!("{START}{TEXT}")).unwrap();
    assert!(
        rest.starts_with("event: error\ndata: {") && rest.contains("stream_incomplete"),
        "{rest}"
    );
}

#[test]
fn a_form_keeps_its_file_and_gets_the_upstreams_model() {
    let mut mapped = channel("a", 1);
    mapped
        .model_map
        .insert("whisper-1".to_owned(), "large-v3".to_owned());
    mapped.drop_params = vec!["prompt".to_owned()];
    let stage = Stage::new(vec![mapped]);
    stage.upstream(|_| FakeReply::json(200, r#"{"text":"hi"}"#));
    let file = "--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n\0\r\n-\r\n";
    let prompt = "--B\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\nx\r\n";
    let form = |model: &str, prompt: &str| {
        format!(
            "{file}{prompt}--B\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--B--\r\n"
        )
    };
    let mut request = post("/v1/audio/transcriptions", &form("whisper-1", prompt));
    let content_type = "multipart/form-data; boundary=B";
    request
        .headers_mut()
        .insert("content-type", content_type.parse().unwrap());
    let answer = stage.send(request);
    assert_eq!((answer.status, answer.text()), (200, r#"{"text":"hi"}"#));
    let call = &stage.ports.upstream().requests()[0];
    assert_eq!(call.body, form("large-v3", ""));
    assert_eq!(call.head.headers["content-type"], content_type);
    assert_eq!(call.head.uri, "https://a.example/v1/audio/transcriptions");

    let mut damaged = post("/v1/audio/transcriptions", "--B\r\n");
    damaged
        .headers_mut()
        .insert("content-type", content_type.parse().unwrap());
    assert_eq!(
        stage.send(damaged).error(),
        (400, "ambiguous_body".to_owned())
    );
}
