//! Clients of one dialect at channels of another: requests, answers, streams, failover between dialects.

use bytes::Bytes;
use gateway_core::config::model::ChannelConfig;
use gateway_core::upstream::provider::Provider;
use gateway_core::wire::dialect::Dialect;
use gateway_testkit::fakes::FakeReply;
use serde_json::{Value, json};

use super::setup::*;

const MESSAGES: &str = r#"{"model":"m","max_tokens":50,"system":"be brief","messages":[{"role":"user","content":"hi"}]}"#;
const RESPONSES: &str = r#"{"model":"m","instructions":"be brief","input":"hi"}"#;
const CHAT_ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;
const MESSAGES_ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"x","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":2}}"#;

fn speaking(name: &str, dialects: &[Dialect]) -> ChannelConfig {
    ChannelConfig {
        dialects: Some(dialects.to_vec()),
        ..channel(name, 1)
    }
}

fn chat_stream(end: &str) -> FakeReply {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"c1\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let pieces = [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(r#"{"content":"Hel"}"#, "null"),
        chunk(r#"{"content":"lo"}"#, "null"),
        end.to_owned(),
    ];
    FakeReply::pieces(200, "text/event-stream", pieces.map(Bytes::from))
}

const CHAT_END: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";

/// What the upstream was sent last.
fn sent(stage: &Stage) -> (String, Value) {
    let requests = stage.ports.upstream().requests();
    let last = requests.last().unwrap();
    let body = serde_json::from_slice(&last.body).unwrap();
    (last.head.uri.path().to_owned(), body)
}

#[test]
fn a_messages_client_uses_an_upstream_with_chat_alone() {
    let stage = Stage::new(vec![speaking("a", &[Dialect::Chat])]);
    stage.upstream(|_| FakeReply::json(200, CHAT_ANSWER));
    let answer = stage.send(post("/v1/messages", MESSAGES));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["type"], "message");
    assert_eq!(body["content"], json!([{"type": "text", "text": "Hello"}]));
    assert_eq!(body["stop_reason"], "end_turn");
    assert_eq!(body["usage"]["input_tokens"], 9);
    let (path, request) = sent(&stage);
    assert!(path.ends_with("/chat/completions"), "{path}");
    assert_eq!(
        request["messages"],
        json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}])
    );
    assert_eq!(request["max_tokens"], 50);
}

#[test]
fn what_a_translation_leaves_out_is_named_in_a_header() {
    let stage = Stage::new(vec![speaking("a", &[Dialect::Chat])]);
    stage.upstream(|_| FakeReply::json(200, CHAT_ANSWER));
    let with_search = r#"{"model":"m","max_tokens":50,"messages":[{"role":"user","content":"hi"}],
        "tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"f","input_schema":{"type":"object"}}]}"#;
    let answer = stage.send(post("/v1/messages", with_search));
    assert_eq!(
        answer.headers["x-gateway-dropped"],
        "tools.web_search_20250305"
    );
    let answer = stage.send(post("/v1/messages", MESSAGES));
    assert!(!answer.headers.contains_key("x-gateway-dropped"));
}

#[test]
fn a_stream_is_translated_to_its_end() {
    let stage = Stage::new(vec![speaking("a", &[Dialect::Chat])]);
    stage.upstream(|_| chat_stream(CHAT_END));
    let body = MESSAGES.replacen('{', r#"{"stream":true,"#, 1);
    let answer = stage.send(post("/v1/messages", &body));
    let names: Vec<&str> = answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ],
        "{}",
        answer.text()
    );
    let body = RESPONSES.replacen('{', r#"{"stream":true,"#, 1);
    let answer = stage.send(post("/v1/responses", &body));
    assert!(answer.text().contains("event: response.created"));
    assert!(answer.text().contains("event: response.completed"));
    assert_eq!(sent(&stage).1["stream_options"]["include_usage"], true);
}

#[test]
fn a_stream_that_breaks_ends_with_an_error_of_the_clients_dialect() {
    let stage = Stage::new(vec![speaking("a", &[Dialect::Chat])]);
    stage.upstream(|_| chat_stream(""));
    let body = MESSAGES.replacen('{', r#"{"stream":true,"#, 1);
    let answer = stage.send(post("/v1/messages", &body));
    assert!(
        answer.text().contains("event: error\n"),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("message_stop"));
    let body = RESPONSES.replacen('{', r#"{"stream":true,"#, 1);
    let answer = stage.send(post("/v1/responses", &body));
    assert!(
        answer.text().contains("event: response.failed\n"),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("response.completed"));
}

#[test]
fn a_whole_answer_becomes_a_stream_and_a_stream_a_whole_answer() {
    let stage = Stage::new(vec![speaking("a", &[Dialect::Chat])]);
    stage.upstream(|_| FakeReply::json(200, CHAT_ANSWER));
    let body = MESSAGES.replacen('{', r#"{"stream":true,"#, 1);
    let answer = stage.send(post("/v1/messages", &body));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert!(
        answer.text().contains("event: message_stop"),
        "{}",
        answer.text()
    );
    stage.upstream(|_| chat_stream(CHAT_END));
    let answer = stage.send(post("/v1/messages", MESSAGES));
    assert_eq!(answer.json()["content"][0]["text"], "Hello");
}

#[test]
fn a_chat_client_uses_anthropics_api() {
    let anthropic = ChannelConfig {
        provider: Provider::Anthropic,
        ..channel("a", 1)
    };
    let stage = Stage::new(vec![anthropic]);
    stage.upstream(|_| FakeReply::json(200, MESSAGES_ANSWER));
    let answer = stage.chat(r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Hello");
    assert_eq!(answer.json()["usage"]["total_tokens"], 11);
    let requests = stage.ports.upstream().requests();
    assert!(requests[0].head.uri.path().ends_with("/messages"));
    assert_eq!(requests[0].head.headers["anthropic-version"], "2023-06-01");
    assert_eq!(sent(&stage).1["max_tokens"], 4096);
}

#[test]
fn channels_of_the_clients_dialect_come_first_and_failover_crosses_dialects() {
    let stage = Stage::new(vec![
        speaking("a", &[Dialect::Chat]),
        speaking("b", &[Dialect::Messages]),
    ]);
    for _ in 0..8 {
        stage.upstream(|request| {
            assert!(request.head.uri.path().ends_with("/messages"));
            FakeReply::json(200, MESSAGES_ANSWER)
        });
        let answer = stage.send(post("/v1/messages", MESSAGES));
        assert_eq!(answer.header("x-gateway-channel"), Some("b"));
        assert_eq!(answer.text(), MESSAGES_ANSWER);
    }
    stage.upstream(|request| {
        if request.head.uri.path().ends_with("/messages") {
            FakeReply::json(500, r#"{"error":{"message":"down"}}"#)
        } else {
            FakeReply::json(200, CHAT_ANSWER)
        }
    });
    let answer = stage.send(post("/v1/messages", MESSAGES));
    assert_eq!(answer.header("x-gateway-channel"), Some("a"));
    assert_eq!(answer.json()["content"][0]["text"], "Hello");
}

#[test]
fn a_missing_operation_is_learnt_within_the_request() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|request| {
        if request.head.uri.path().ends_with("/chat/completions") {
            FakeReply::json(200, CHAT_ANSWER)
        } else {
            FakeReply::json(404, r#"{"detail":"Not Found"}"#)
        }
    });
    let answer = stage.send(post("/v1/responses", RESPONSES));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["output"][0]["content"][0]["text"], "Hello");
    assert_eq!(answer.header("x-gateway-attempts"), Some("2"));
    let answer = stage.send(post("/v1/responses", RESPONSES));
    assert_eq!(answer.header("x-gateway-attempts"), Some("1"));
    // Chats with the model are not affected.
    assert_eq!(stage.chat(r#"{"model":"m"}"#).status, 200);
}

#[test]
fn a_request_that_cannot_be_translated_is_the_clients_error() {
    let stage = Stage::new(vec![speaking("a", &[Dialect::Chat])]);
    stage.upstream(|_| FakeReply::json(200, CHAT_ANSWER));
    for (path, body, code, param) in [
        (
            "/v1/responses",
            r#"{"model":"m","input":"x","previous_response_id":"resp_1"}"#,
            "previous_response_not_found",
            "previous_response_id",
        ),
        (
            "/v1/responses",
            r#"{"model":"m","input":"x","background":true}"#,
            "untranslatable",
            "background",
        ),
    ] {
        let answer = stage.send(post(path, body));
        assert_eq!(answer.error(), (400, code.to_owned()), "{}", answer.text());
        assert_eq!(answer.json()["error"]["param"], param);
    }
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"tool","name":"web_search"}}"#;
    let answer = stage.send(post("/v1/messages", body));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("web_search"), "{}", answer.text());
    assert!(stage.ports.upstream().requests().is_empty());
    // It affects no other client.
    assert_eq!(stage.send(post("/v1/messages", MESSAGES)).status, 200);
}

#[test]
fn a_rejected_signature_is_left_out_once() {
    let stage = Stage::new(vec![speaking("a", &[Dialect::Messages])]);
    let rejection = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#;
    stage.upstream(move |request| {
        if request.body.windows(9).any(|it| it == b"signature") {
            FakeReply::json(400, rejection)
        } else {
            FakeReply::json(200, MESSAGES_ANSWER)
        }
    });
    let turns = |content: &str| {
        format!(
            r#"{{"model":"m","max_tokens":50,"messages":[{{"role":"user","content":"a"}},{{"role":"assistant","content":[{content}{{"type":"text","text":"b"}}]}},{{"role":"user","content":"c"}}]}}"#
        )
    };
    let thinking = r#"{"type":"thinking","thinking":"t","signature":"E"},"#;
    let answer = stage.send(post("/v1/messages", &turns(thinking)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["x-gateway-attempts"], "2");
    assert_eq!(
        sent(&stage).1,
        serde_json::from_str::<Value>(&turns("")).unwrap()
    );
    // Only once: the client's own fault stays.
    stage.upstream(move |_| FakeReply::json(400, rejection));
    let answer = stage.send(post("/v1/messages", &turns(thinking)));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.headers["x-gateway-attempts"], "2");
}
