//! From a request to its upstream and back: routes, bodies, headers, models, configuration.

use bytes::Bytes;
use gateway_core::config::model::Document;
use gateway_core::ports::StoreKey;
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

const ANSWER: &str =
    r#"{"id":"x","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}"#;

fn ok() -> FakeReply {
    FakeReply::json(200, ANSWER)
}

#[test]
fn a_chat_passes_both_ways_untouched() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| {
        ok().with_header("x-ratelimit-remaining-tokens", "7")
            .with_header("openai-organization", "org-secret")
            .with_header("set-cookie", "a=b")
    });
    let body = r#" {"model": "m", "n":1.0,"seed":12345678901234567890, "x":{"y":[1e3]}}"#;
    let answer = stage.chat(body);
    assert_eq!((answer.status, answer.text()), (200, ANSWER));
    assert_eq!(answer.header("x-gateway-channel"), Some("a"));
    assert_eq!(answer.header("x-gateway-attempts"), Some("1"));
    assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some("7"));
    assert_eq!(answer.header("openai-organization"), None);
    assert_eq!(answer.header("set-cookie"), None);
    assert!(answer.header("x-request-id").unwrap().starts_with("req_"));
    let calls = stage.ports.upstream().requests();
    assert_eq!(calls[0].head.uri, "https://a.example/v1/chat/completions");
    assert_eq!(calls[0].body, body);
    assert_eq!(calls[0].head.headers["authorization"], "Bearer a-1");
    assert_eq!(
        calls[0].head.headers["content-length"],
        body.len().to_string()
    );
    assert_eq!(calls[0].timeouts.connect.as_millis(), 5_000);
}

#[test]
fn only_the_model_is_replaced_and_dropped_members_go() {
    let mut mapped = channel("a", 1);
    mapped
        .model_map
        .insert("gpt-4o".to_owned(), "meta/llama".to_owned());
    mapped.drop_params = vec!["prompt_cache_key".to_owned(), "user".to_owned()];
    let stage = Stage::new(vec![mapped]);
    stage.upstream(|_| ok());
    stage.chat(r#"{"user":"u","model":"gpt-4o" ,"n":1.0,"prompt_cache_key":"k"}"#);
    assert_eq!(
        stage.ports.upstream().requests()[0].body,
        r#"{"model":"meta/llama" ,"n":1.0}"#
    );
}

#[test]
fn azure_is_called_in_its_own_way() {
    for (version, uri) in [
        (
            Some("2024-10-21"),
            "https://azure.example/openai/deployments/prod/chat/completions?api-version=2024-10-21",
        ),
        (None, "https://azure.example/openai/v1/chat/completions"),
    ] {
        let stage = Stage::new(vec![azure(version)]);
        stage.upstream(|_| ok());
        assert_eq!(stage.chat(r#"{"model":"gpt-4.1"}"#).status, 200);
        let call = &stage.ports.upstream().requests()[0];
        assert_eq!(call.head.uri, uri);
        assert_eq!(call.head.headers["api-key"], "azure-1");
        assert!(!call.head.headers.contains_key("authorization"));
        assert_eq!(call.body, r#"{"model":"prod"}"#);
        assert_eq!(
            stage.chat(r#"{"model":"gpt-9"}"#).error(),
            (404, "model_not_found".to_owned())
        );
    }
}

#[test]
fn bad_requests_get_the_contracts_errors() {
    let mut off = channel("off", 1);
    off.enabled = false;
    off.models = vec!["sleeping".to_owned()];
    let mut on = channel("on", 1);
    on.models = vec!["m".to_owned()];
    let mut key = client_key();
    key.models = vec!["m".to_owned(), "sleeping".to_owned()];
    let stage = Stage::with(&Document {
        channels: vec![off, on],
        keys: vec![key],
        ..Document::default()
    });
    let code = |body: &str| stage.chat(body).error();
    assert_eq!(code("{nonsense"), (400, "invalid_json".to_owned()));
    assert_eq!(code("[1]"), (400, "invalid_json".to_owned()));
    assert_eq!(code(""), (400, "invalid_json".to_owned()));
    assert_eq!(
        code(r#"{"messages":[]}"#),
        (400, "model_required".to_owned())
    );
    assert_eq!(code(r#"{"model":""}"#), (400, "model_required".to_owned()));
    assert_eq!(code(r#"{"model":7}"#), (400, "model_required".to_owned()));
    for twice in [
        r#"{"model":"m","model":"m"}"#,
        r#"{"model":"other","mod\u0065l":"m"}"#,
    ] {
        assert_eq!(code(twice), (400, "ambiguous_body".to_owned()));
    }
    assert_eq!(
        code(r#"{"model":"other"}"#),
        (404, "model_not_found".to_owned())
    );
    assert_eq!(
        code(r#"{"model":"sleeping"}"#),
        (503, "no_channel_available".to_owned())
    );
    let mut wrong = post("/v1/chat/completions", r#"{"model":"m"}"#);
    wrong
        .headers_mut()
        .insert("authorization", "Bearer sk-no".parse().unwrap());
    assert_eq!(
        stage.send(wrong).error(),
        (401, "invalid_api_key".to_owned())
    );
    assert_eq!(
        stage.send(get("/v1/nothing")).error(),
        (404, "not_found".to_owned())
    );
    let answer = stage.send(get("/v1/chat/completions"));
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
    assert!(stage.calls().is_empty(), "no upstream was called");
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let mut document = Document {
        channels: vec![channel("a", 1)],
        keys: vec![client_key()],
        ..Document::default()
    };
    document.settings.max_request_bytes = 64;
    let stage = Stage::with(&document);
    stage.upstream(|_| ok());
    let body = format!(r#"{{"model":"m","x":"{}"}}"#, "y".repeat(64));
    assert_eq!(
        stage.chat(&body).error(),
        (413, "request_too_large".to_owned())
    );
    let mut announced = post("/v1/chat/completions", r#"{"model":"m"}"#);
    announced
        .headers_mut()
        .insert("content-length", "65".parse().unwrap());
    assert_eq!(stage.send(announced).status, 413);
}

#[test]
fn models_are_listed_by_key_and_found_by_encoded_name() {
    let mut listed = channel("a", 1);
    listed.models = vec!["meta/llama".to_owned(), "secret".to_owned()];
    let mut key = client_key();
    key.models = vec!["meta/llama".to_owned()];
    let stage = Stage::with(&Document {
        channels: vec![listed],
        keys: vec![key],
        ..Document::default()
    });
    let list = stage.send(get("/v1/models"));
    assert_eq!(
        list.text(),
        r#"{"object":"list","data":[{"id":"meta/llama","object":"model","created":1700000000,"owned_by":"a"}]}"#
    );
    for path in ["/v1/models/meta/llama", "/v1/models/meta%2Fllama"] {
        assert_eq!(stage.send(get(path)).json()["id"], "meta/llama");
    }
    assert_eq!(
        stage.send(get("/v1/models/secret")).error(),
        (404, "model_not_found".to_owned())
    );
    let mut head = get("/v1/models");
    *head.method_mut() = http::Method::HEAD;
    let head = stage.send(head);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(
        head.header("content-length"),
        Some(list.body.len().to_string().as_str())
    );
}

#[test]
fn health_needs_nothing_and_browsers_may_call() {
    let stage = Stage::new(Vec::new());
    stage.ports.store().break_reads(true);
    for path in ["/", "/health", "/api/hello"] {
        let answer = stage.send(http::Request::get(path).body(Bytes::new()).unwrap());
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (200, &"ok".into())
        );
    }
    let preflight = http::Request::options("/v1/chat/completions")
        .header("origin", "https://app.example")
        .header(
            "access-control-request-headers",
            "authorization,x-stainless-lang",
        )
        .body(Bytes::new())
        .unwrap();
    let answer = stage.send(preflight);
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("authorization,x-stainless-lang")
    );
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let mut cross = get("/v1/nothing");
    cross
        .headers_mut()
        .insert("origin", "https://app.example".parse().unwrap());
    assert!(
        stage
            .send(cross)
            .header("access-control-expose-headers")
            .unwrap()
            .contains("x-request-id")
    );
}

#[test]
fn the_configuration_is_read_once_then_checked_in_the_background() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| ok());
    for _ in 0..50 {
        assert_eq!(stage.chat(r#"{"model":"m"}"#).status, 200);
    }
    assert_eq!(
        stage.ports.store().reads(),
        2,
        "configuration and health, and no store access while the copy is young"
    );
    assert_eq!(
        stage.ports.store().writes(),
        0,
        "nothing to write while all is well"
    );
    stage.ports.advance_ms(1_000);
    stage.ports.store().put(
        StoreKey::Config,
        serde_json::to_vec(&Document::default()).unwrap(),
    );
    assert_eq!(
        stage.chat(r#"{"model":"m"}"#).status,
        200,
        "still the old one, which is checked meanwhile"
    );
    assert_eq!(stage.ports.run_background(), 1);
    assert_eq!(
        stage.chat(r#"{"model":"m"}"#).status,
        401,
        "the key is gone"
    );
}

#[test]
fn a_change_is_in_force_within_two_seconds_without_any_traffic() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| ok());
    assert_eq!(stage.chat(r#"{"model":"m"}"#).status, 200);
    stage.ports.store().put(
        StoreKey::Config,
        serde_json::to_vec(&Document::default()).unwrap(),
    );
    stage.ports.advance_ms(2_000);
    assert_eq!(stage.chat(r#"{"model":"m"}"#).status, 401);
}

#[test]
fn a_store_that_fails_never_turns_keys_into_401() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| ok());
    stage.ports.store().break_reads(true);
    assert_eq!(
        stage.chat(r#"{"model":"m"}"#).error(),
        (503, "store_unavailable".to_owned())
    );
    stage.ports.store().break_reads(false);
    assert_eq!(stage.chat(r#"{"model":"m"}"#).status, 200);
    stage.ports.store().break_reads(true);
    for _ in 0..5 {
        stage.ports.advance_ms(60_000);
        assert_eq!(
            stage.chat(r#"{"model":"m"}"#).status,
            200,
            "the last known configuration serves"
        );
    }
    stage.ports.store().break_reads(false);
    stage.ports.store().put(StoreKey::Config, "{damaged");
    stage.ports.advance_ms(60_000);
    assert_eq!(stage.chat(r#"{"model":"m"}"#).status, 200);
}
