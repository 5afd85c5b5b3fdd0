//! Clients that name the model in the path: Gemini's and Azure's. Also counts of tokens, and overflows in the words that
//! clients parse.

use bytes::Bytes;
use gateway_core::config::model::ChannelConfig;
use gateway_core::wire::dialect::Dialect;
use gateway_testkit::fakes::FakeReply;
use http::Request;
use serde_json::{Value, json};

use super::setup::*;

const GEMINI: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"systemInstruction":{"parts":[{"text":"be brief"}]}}"#;
const CHAT_ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;
const COUNT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi there, how are you?"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}"#;
const OVERFLOW: &str = r#"{"error":{"message":"This model's maximum context length is 1000 tokens. However, you requested 1500 tokens (1200 in the messages, 300 in the completion).","type":"invalid_request_error","code":400}}"#;

fn speaking(dialect: Dialect) -> ChannelConfig {
    ChannelConfig {
        dialects: Some(vec![dialect]),
        models: vec!["m".to_owned()],
        ..channel("a", 1)
    }
}

fn chat_stream(last: &str) -> FakeReply {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"c1\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let pieces = [
        ": keep-alive\n\n".to_owned(),
        chunk(r#"{"role":"assistant","content":"Hel"}"#, "null"),
        ": keep-alive\n\n".to_owned(),
        chunk(r#"{"content":"lo"}"#, "null"),
        last.to_owned(),
    ];
    FakeReply::pieces(200, "text/event-stream", pieces.map(Bytes::from))
}

const CHAT_END: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// Path, query and body of what the upstream was sent last.
fn sent(stage: &Stage) -> (String, Option<String>, Value) {
    let requests = stage.ports.upstream().requests();
    let last = requests.last().unwrap();
    let uri = &last.head.uri;
    let body = serde_json::from_slice(&last.body).unwrap();
    (uri.path().to_owned(), uri.query().map(str::to_owned), body)
}

/// A request whose key is where the vendor's clients put it.
fn with_key(uri: &str, header: Option<&str>, body: &str) -> Request<Bytes> {
    let mut request = post(uri, body);
    let key = request.headers_mut().remove("authorization").unwrap();
    let key = key.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    match header {
        Some(name) => {
            let name = http::HeaderName::try_from(name).unwrap();
            request.headers_mut().insert(name, key.parse().unwrap());
        }
        None => *request.uri_mut() = format!("{uri}key={key}").parse().unwrap(),
    }
    request
}

#[test]
fn gemini_clients_get_whole_answers_with_the_key_in_header_or_query() {
    let stage = Stage::new(vec![speaking(Dialect::Chat)]);
    stage.upstream(|_| FakeReply::json(200, CHAT_ANSWER));
    for request in [
        with_key(
            "/v1beta/models/m:generateContent",
            Some("x-goog-api-key"),
            GEMINI,
        ),
        with_key("/v1beta/models/m:generateContent?", None, GEMINI),
        with_key("/v1/models/m:generateContent?", None, GEMINI),
    ] {
        let answer = stage.send(request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        let candidate = &body["candidates"][0];
        assert_eq!(candidate["content"]["parts"][0]["text"], "Hello");
        assert_eq!(candidate["finishReason"], "STOP");
        assert_eq!(body["usageMetadata"]["promptTokenCount"], 9);
        let (path, query, request) = sent(&stage);
        assert!(path.ends_with("/chat/completions"), "{path}");
        assert_eq!(query, None, "the key stays here");
        assert_eq!(request["model"], "m");
        assert_eq!(request["messages"][0]["content"], "be brief");
    }
}

#[test]
fn gemini_streams_are_events_or_a_list_and_have_no_comments() {
    let stage = Stage::new(vec![speaking(Dialect::Chat)]);
    stage.upstream(|_| chat_stream(CHAT_END));
    let uri = "/v1beta/models/m:streamGenerateContent";
    let answer = stage.send(post(&format!("{uri}?alt=sse"), GEMINI));
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let text = answer.text();
    let events: Vec<&str> = text.split("\n\n").filter(|it| !it.is_empty()).collect();
    assert!(
        events.iter().all(|event| event.starts_with("data: {")),
        "{text}"
    );
    assert!(text.contains(r#""finishReason":"STOP""#), "{text}");
    let answer = stage.send(post(uri, GEMINI));
    assert_eq!(answer.headers["content-type"], "application/json");
    let list = answer.json();
    let parts: String = list
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["candidates"][0]["content"]["parts"][0]["text"].as_str())
        .collect();
    assert_eq!(parts, "Hello");
    assert_eq!(sent(&stage).2["stream"], true);
    // Broken off: the list is closed behind the error.
    stage.upstream(|_| chat_stream(""));
    let list = stage.send(post(uri, GEMINI)).json();
    let end = list.as_array().unwrap().last().unwrap();
    assert_eq!(end["error"]["status"], "INTERNAL", "{list}");
    // A whole answer becomes the stream that was requested.
    stage.upstream(|_| FakeReply::json(200, CHAT_ANSWER));
    let answer = stage.send(post(uri, GEMINI));
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(answer.json().is_array());
}

#[test]
fn gemini_clients_get_googles_errors() {
    let stage = Stage::new(vec![speaking(Dialect::Chat)]);
    let uri = "/v1beta/models/nope:generateContent";
    for (request, status, name, code) in [
        (post(uri, GEMINI), 404, "NOT_FOUND", "model_not_found"),
        (
            with_key(uri, Some("x-other"), GEMINI),
            401,
            "UNAUTHENTICATED",
            "invalid_api_key",
        ),
        (
            post("/v1beta/models/m:generateContent", "{"),
            400,
            "INVALID_ARGUMENT",
            "invalid_json",
        ),
        (post("/v1beta/nope", GEMINI), 404, "NOT_FOUND", "not_found"),
    ] {
        let answer = stage.send(request);
        assert_eq!(answer.status, status);
        let error = &answer.json()["error"];
        assert_eq!(error["code"], status);
        assert_eq!(error["status"], name);
        assert_eq!(error["details"][0]["reason"], code);
    }
    stage.upstream(|_| FakeReply::json(429, r#"{"error":{"message":"slow down"}}"#));
    let answer = stage.send(post("/v1beta/models/m:generateContent", GEMINI));
    assert_eq!(answer.json()["error"]["status"], "RESOURCE_EXHAUSTED");
}

#[test]
fn azures_paths_lead_to_the_same_operations() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| FakeReply::json(200, CHAT_ANSWER));
    let body = r#"{"model":"other","messages":[]}"#;
    for uri in [
        "/openai/deployments/m/chat/completions?api-version=2024-10-21",
        "/openai/deployments/m/chat/completions?api-version=2024-10-21&beta=1",
    ] {
        let answer = stage.send(with_key(uri, Some("api-key"), body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (path, query, request) = sent(&stage);
        assert!(path.ends_with("/v1/chat/completions"), "{path}");
        assert_eq!(query.is_some(), uri.ends_with("beta=1"));
        assert_eq!(request, json!({"model": "m", "messages": []}));
    }
    for uri in [
        "/openai/v1/chat/completions",
        "/openai/chat/completions?api-version=preview",
    ] {
        let answer = stage.send(with_key(
            uri,
            Some("api-key"),
            r#"{"model":"m","messages":[]}"#,
        ));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(sent(&stage).1, None);
    }
    let mut list = post("/openai/v1/models", "");
    *list.method_mut() = http::Method::GET;
    assert_eq!(stage.send(list).json()["object"], "list");
}

#[test]
fn tokens_are_estimated_where_no_channel_counts_them() {
    let stage = Stage::new(vec![speaking(Dialect::Chat)]);
    let answer = stage.send(post("/v1/messages/count_tokens?beta=true", COUNT));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["x-gateway-estimated"], "true");
    assert!(answer.json()["input_tokens"].as_u64().unwrap() > 15);
    assert!(stage.ports.upstream().requests().is_empty());
    let answer = stage.send(post("/v1beta/models/m:countTokens", GEMINI));
    assert_eq!(answer.headers["x-gateway-estimated"], "true");
    assert!(answer.json()["totalTokens"].as_u64().unwrap() > 5);
    let input = r#"{"model":"m","instructions":"be brief","input":"hi there, how are you?"}"#;
    let answer = stage.send(post("/v1/responses/input_tokens", input));
    assert_eq!(answer.json()["object"], "response.input_tokens");
    assert!(answer.json()["input_tokens"].as_u64().unwrap() > 8);
    let answer = stage.send(post("/v1/messages/count_tokens", r#"{"model":"m"}"#));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.json()["type"], "error");
    let answer = stage.send(post(
        "/v1/messages/count_tokens",
        r#"{"model":"nope","messages":[]}"#,
    ));
    assert_eq!(answer.status, 404);
}

#[test]
fn a_channel_that_counts_is_called_and_one_that_does_not_is_no_failure() {
    let stage = Stage::new(vec![speaking(Dialect::Messages)]);
    stage.upstream(|_| FakeReply::json(200, r#"{"input_tokens":77}"#));
    let answer = stage.send(post("/v1/messages/count_tokens", COUNT));
    assert_eq!(answer.text(), r#"{"input_tokens":77}"#);
    assert!(!answer.headers.contains_key("x-gateway-estimated"));
    stage.upstream(|_| FakeReply::json(404, r#"{"detail":"Not Found"}"#));
    let answer = stage.send(post("/v1/messages/count_tokens", COUNT));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["x-gateway-estimated"], "true");
    // Its messages go on.
    stage.upstream(|_| {
        FakeReply::json(200, r#"{"id":"msg_1","type":"message","role":"assistant","model":"x","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":2}}"#)
    });
    let answer = stage.send(post("/v1/messages", COUNT));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn overflows_come_in_the_words_that_clients_parse() {
    let stage = Stage::new(vec![speaking(Dialect::Chat)]);
    stage.upstream(|_| FakeReply::json(400, OVERFLOW));
    let messages = r#"{"model":"m","max_tokens":300,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = stage.send(post("/v1/messages", messages));
    assert_eq!(answer.status, 400);
    let error = answer.json();
    assert_eq!(error["error"]["type"], "invalid_request_error");
    assert_eq!(
        error["error"]["message"],
        "prompt is too long: 1200 tokens > 1000 maximum"
    );
    for (uri, body) in [
        ("/v1/responses", r#"{"model":"m","input":"hi"}"#),
        ("/v1/chat/completions", r#"{"model":"m","messages":[]}"#),
    ] {
        let answer = stage.send(post(uri, body));
        assert_eq!(answer.status, 400);
        let error = answer.json();
        assert_eq!(error["error"]["code"], "context_length_exceeded");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("This model's maximum"), "{message}");
    }
}

#[test]
fn responses_that_break_off_fail_as_responses() {
    let stage = Stage::new(vec![speaking(Dialect::Responses)]);
    stage.upstream(|_| {
        let events = [
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"model\":\"x\",\"status\":\"in_progress\"}}\n\n",
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"Hel\"}\n\n",
        ];
        FakeReply::pieces(200, "text/event-stream", events.map(Bytes::from))
    });
    let answer = stage.send(post(
        "/v1/responses",
        r#"{"model":"m","input":"hi","stream":true}"#,
    ));
    let text = answer.text();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let data = last.strip_prefix("event: response.failed\ndata: ").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["type"], "response.failed");
    assert_eq!(data["sequence_number"], 2);
    assert_eq!(data["response"]["id"], "resp_1");
    assert_eq!(data["response"]["error"]["code"], "stream_incomplete");
    assert_eq!(data["error"]["code"], "stream_incomplete");
}
