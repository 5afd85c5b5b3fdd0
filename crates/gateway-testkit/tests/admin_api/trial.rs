//! Testing a channel: the request to the upstream, and what an admin sees of its answer.

use bytes::Bytes;
use gateway_core::config::seal::{MasterKeyError, SealError};
use gateway_core::ports::SendErrorKind;
use gateway_testkit::fakes::{FakeReply, Recorded};
use http::Method;
use serde_json::{Value, json};

use crate::{Gateway, UPSTREAM_KEY, with_master_key};

const CHAT: &str = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"length"}]}"#;

fn events(pieces: &[&'static str]) -> FakeReply {
    FakeReply::pieces(
        200,
        "text/event-stream",
        pieces
            .iter()
            .map(|piece| Bytes::from_static(piece.as_bytes())),
    )
}

fn body(recorded: &Recorded) -> Value {
    serde_json::from_slice(&recorded.body).unwrap()
}

/// A gateway with one channel, and an upstream that answers with `reply`.
struct Bench {
    gateway: Gateway,
    path: String,
}

impl Bench {
    fn new(members: &Value, reply: FakeReply) -> Self {
        let gateway = Gateway::new();
        let path = format!("channels/{}/test", gateway.channel(members));
        gateway.ports.upstream().script(move |_| reply.clone());
        Self { gateway, path }
    }

    /// A test's outcome, checked for its members and nothing else.
    fn test(&self, wish: &Value) -> Value {
        let outcome = self.gateway.call("POST", &self.path, wish).expect(200);
        let names: Vec<&String> = outcome.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            ["error", "first_token_ms", "latency_ms", "ok", "status"]
        );
        assert_eq!(
            outcome["ok"].as_bool().unwrap(),
            outcome["error"].is_null(),
            "{outcome}"
        );
        assert_eq!(self.gateway.ports.upstream().open_bodies(), 0);
        let log = self.gateway.ports.log_lines().join("\n");
        assert!(!log.contains("MIDDLE-OF-THE-SECRET"), "{log}");
        outcome
    }

    #[track_caller]
    fn error(&self, wish: &Value) -> String {
        let outcome = self.test(wish);
        assert_eq!(outcome["ok"], false, "{outcome}");
        outcome["error"].as_str().unwrap().to_owned()
    }

    fn last(&self) -> Recorded {
        self.gateway.ports.upstream().requests().pop().unwrap()
    }
}

#[test]
fn the_smallest_request_is_sent_with_the_first_key() {
    let reply = FakeReply::json(200, CHAT).after_ms(250);
    let members = json!({"models": ["served", "other"], "headers": {"x-team": "blue"}, "keys": [UPSTREAM_KEY, "second"],
        "model_map": {"served": "theirs"}, "connect_timeout_ms": 700, "first_byte_timeout_ms": 3_600_000});
    let bench = Bench::new(&members, reply);
    assert_eq!(
        bench.test(&Value::Null),
        json!({"ok": true, "status": 200, "latency_ms": 250, "first_token_ms": null, "error": null})
    );
    let sent = bench.last();
    assert_eq!(
        (sent.head.method.clone(), sent.head.uri.to_string()),
        (
            Method::POST,
            "https://up.example/v1/chat/completions".to_owned()
        )
    );
    assert_eq!(
        sent.head.headers["authorization"],
        format!("Bearer {UPSTREAM_KEY}")
    );
    assert_eq!(sent.head.headers["x-team"], "blue");
    assert_eq!(sent.head.headers["content-type"], "application/json");
    assert_eq!(
        body(&sent),
        json!({"model": "theirs", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 16, "stream": false})
    );
    assert_eq!(sent.timeouts.connect.as_millis(), 700);
    assert_eq!(
        sent.timeouts.first_byte.as_millis(),
        119_300,
        "no test takes an hour"
    );
    assert_eq!(bench.gateway.ports.upstream().requests().len(), 1);
}

#[test]
fn every_kind_of_channel_is_asked_in_its_own_way() {
    let azure = |version: Value| {
        json!({"provider": "azure", "base_url": "https://res.openai.azure.com", "models": [],
            "azure": {"api_version": version, "deployments": {"gpt-4o": "prod"}}})
    };
    for (members, answer, url, header, model) in [
        (
            azure(json!("2024-10-21")),
            CHAT,
            "https://res.openai.azure.com/openai/deployments/prod/chat/completions?api-version=2024-10-21",
            "api-key",
            "prod",
        ),
        (
            azure(Value::Null),
            CHAT,
            "https://res.openai.azure.com/openai/v1/chat/completions",
            "api-key",
            "prod",
        ),
        (
            json!({"provider": "anthropic", "models": ["claude"]}),
            r#"{"type":"message","content":[]}"#,
            "https://up.example/v1/messages",
            "x-api-key",
            "claude",
        ),
        (
            json!({"model_map": {"a": "text-EMBEDding-3"}}),
            r#"{"data":[{"embedding":[1]}]}"#,
            "https://up.example/v1/embeddings",
            "authorization",
            "text-EMBEDding-3",
        ),
        (
            json!({"provider": "azure", "base_url": "https://res.openai.azure.com", "models": [],
                "azure": {"api_version": "2024-10-21", "deployments": {"text-embedding-3-small": "prod"}}}),
            r#"{"data":[{"embedding":[1]}]}"#,
            "https://res.openai.azure.com/openai/deployments/prod/embeddings?api-version=2024-10-21",
            "api-key",
            "prod",
        ),
    ] {
        let bench = Bench::new(&members, FakeReply::json(200, answer));
        let outcome = bench.test(&json!({}));
        assert_eq!(outcome["ok"], true, "{outcome}");
        let sent = bench.last();
        assert_eq!(sent.head.uri.to_string(), url);
        assert!(
            sent.head.headers[header]
                .to_str()
                .unwrap()
                .contains(UPSTREAM_KEY)
        );
        assert_eq!(body(&sent)["model"], model);
        assert_eq!(
            sent.head.headers.contains_key("anthropic-version"),
            header == "x-api-key"
        );
    }
}

#[test]
fn a_stream_tells_its_first_token() {
    let whole = [
        "data: {\"choices\":[]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hel",
        "lo\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n",
    ];
    let bench = Bench::new(&json!({"models": ["m"]}), events(&whole).after_ms(40));
    assert_eq!(
        bench.test(&json!({"stream": true})),
        json!({"ok": true, "status": 200, "latency_ms": 40, "first_token_ms": 40, "error": null})
    );
    assert_eq!(body(&bench.last())["stream"], true);

    let anthropic = [
        "event: message_start\ndata: {\"type\":\"message_start\"}\n\n",
        "data: {\"type\":\"content_block_delta\"}\n\n",
        "data: {\"type\":\"message_stop\"}\n\n",
    ];
    let bench = Bench::new(
        &json!({"models": ["m"], "provider": "anthropic"}),
        events(&anthropic),
    );
    assert_eq!(bench.test(&json!({"stream": true}))["ok"], true);

    for (reply, expected) in [
        (events(&whole[..3]), "cut off"),
        (events(&[]), "cut off"),
        (
            events(&["data: {\"error\":{\"message\":\"too busy\",\"code\":429}}\n\n"]),
            "too busy",
        ),
        (
            events(&["data: {\"error\":{\"message\":\"no blank line\"}}"]),
            "no blank line",
        ),
        (
            events(&whole[..3]).broken_by(SendErrorKind::Reset),
            "the connection broke",
        ),
        (events(&whole[..3]).silent(), "not complete within 120 s"),
        (FakeReply::json(200, CHAT), "does not stream"),
    ] {
        let bench = Bench::new(&json!({"models": ["m"]}), reply);
        let error = bench.error(&json!({"stream": true}));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_goes_wrong_is_reported_in_the_upstreams_words_without_the_key() {
    let echo = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {UPSTREAM_KEY}.","code":"invalid_api_key"}}}}"#
    );
    let page = |status| {
        FakeReply::pieces(
            status,
            "text/html",
            [Bytes::from_static(b"<html><script>alert(1)</script>")],
        )
    };
    let endless = || std::iter::repeat_n(Bytes::from(vec![b' '; 65_536]), 40);
    for (reply, status, expected) in [
        (
            FakeReply::json(401, echo.clone()),
            json!(401),
            "Incorrect API key provided: nvap…wxyz.",
        ),
        (FakeReply::json(200, echo), json!(200), "nvap…wxyz"),
        (
            FakeReply::json(429, r#"{"status":429,"title":"Too Many Requests"}"#),
            json!(429),
            "Too Many Requests",
        ),
        (
            FakeReply::json(404, r#"{"detail":"Function 'x': Not found"}"#),
            json!(404),
            "Function 'x'",
        ),
        (page(502), json!(502), "without a message"),
        (page(200), json!(200), "web page"),
        (
            FakeReply::json(301, "").with_header("location", "https://elsewhere.example/v1"),
            json!(301),
            "redirects to https://elsewhere.example/v1",
        ),
        (FakeReply::json(200, "{}"), json!(200), "no `choices`"),
        (FakeReply::json(200, "hello"), json!(200), "not JSON"),
        (
            FakeReply::json(200, CHAT).with_header("content-encoding", "gzip"),
            json!(200),
            "the gzip data is damaged",
        ),
        (
            FakeReply::json(200, CHAT).with_header("content-encoding", "snappy"),
            json!(200),
            "the content coding \"snappy\" is not supported",
        ),
        (
            FakeReply::pieces(200, "application/json", endless()),
            json!(200),
            "longer than 1048576 bytes",
        ),
        (
            FakeReply::pieces(500, "application/json", endless()).silent(),
            json!(500),
            "without a message",
        ),
        (
            FakeReply::json(200, "{").silent(),
            json!(200),
            "not complete within 120 s",
        ),
        (
            FakeReply::json(200, "{").broken_by(SendErrorKind::Reset),
            json!(200),
            "the connection broke",
        ),
        (
            FakeReply::failure(SendErrorKind::Dns),
            Value::Null,
            "cannot be resolved",
        ),
        (
            FakeReply::failure(SendErrorKind::Denied),
            Value::Null,
            "does not allow",
        ),
        (events(&["data: [DONE]\n\n"]), json!(200), "not requested"),
    ] {
        let bench = Bench::new(&json!({"models": ["m"]}), reply);
        let outcome = bench.test(&json!({}));
        assert_eq!(outcome["status"], status, "{outcome}");
        let error = outcome["error"].as_str().unwrap();
        assert!(error.contains(expected) && error.len() < 3000, "{error}");
        assert!(!error.contains("MIDDLE-OF-THE-SECRET"), "{error}");
        assert_eq!(
            bench.gateway.ports.upstream().requests().len(),
            1,
            "one call, no redirect followed"
        );
    }
}

#[test]
fn a_model_that_knows_the_newer_limit_only_is_asked_again_with_it() {
    let bench = Bench::new(
        &json!({"models": ["o3"], "drop_params": ["stream_options"]}),
        FakeReply::json(200, CHAT),
    );
    bench.gateway.ports.upstream().script(|recorded| {
        let body = body(recorded);
        if body.get("max_tokens").is_some() {
            return FakeReply::json(400, r#"{"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}"#);
        }
        assert_eq!(body["max_completion_tokens"], 1024);
        FakeReply::json(200, CHAT)
    });
    assert_eq!(bench.test(&json!({}))["ok"], true);
    assert_eq!(bench.gateway.ports.upstream().requests().len(), 2);
    // Not endlessly, and not when the channel has removed the member anyway.
    let refuse =
        |_: &Recorded| FakeReply::json(400, r#"{"error":{"message":"max_completion_tokens"}}"#);
    bench.gateway.ports.upstream().script(refuse);
    assert_eq!(bench.error(&json!({})), "max_completion_tokens");
    assert_eq!(bench.gateway.ports.upstream().requests().len(), 4);
    let bench = Bench::new(
        &json!({"models": ["m"], "drop_params": ["max_tokens"]}),
        FakeReply::json(200, CHAT),
    );
    bench.test(&json!({}));
    assert!(body(&bench.last()).get("max_tokens").is_none());
}

#[test]
fn model_and_key_can_be_chosen_and_switched_off_channels_can_be_tested() {
    let keys = json!({"keys": ["key-number-one", "key-number-two"], "enabled": false});
    let bench = Bench::new(&keys, FakeReply::json(200, CHAT));
    let answer = bench
        .gateway
        .call("POST", &bench.path, &json!({}))
        .expect_error(400, "invalid_value");
    assert_eq!(answer.body["error"]["param"], "model");
    let shown = bench.gateway.get("channels").expect(200);
    let ids = shown["data"][0]["keys"].as_array().unwrap();
    let (one, two) = (&ids[0]["id"], &ids[1]["id"]);
    let sent = |wish: Value| {
        assert_eq!(bench.test(&wish)["ok"], true);
        bench.last().head.headers["authorization"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(sent(json!({"model": "any/model"})), "Bearer key-number-one");
    assert_eq!(
        sent(json!({"model": "m", "key": two})),
        "Bearer key-number-two"
    );
    let path = bench.path.strip_suffix("/test").unwrap();
    bench
        .gateway
        .call(
            "PATCH",
            path,
            &json!({"keys": [{"id": one, "enabled": false}, {"id": two}]}),
        )
        .expect(200);
    assert_eq!(
        sent(json!({"model": "m"})),
        "Bearer key-number-two",
        "the first one that can be used"
    );
    assert_eq!(
        sent(json!({"model": "m", "key": one})),
        "Bearer key-number-one",
        "by name also one that is off"
    );
    bench
        .gateway
        .call("PATCH", path, &json!({"keys": [{"id": one}]}))
        .expect(200);
    bench
        .gateway
        .call("POST", &bench.path, &json!({"model": "m"}))
        .expect_error(400, "invalid_value");
    bench
        .gateway
        .call("PATCH", path, &json!({"keys": []}))
        .expect(200);
    assert_eq!(bench.test(&json!({"model": "m"}))["ok"], true);
    assert!(!bench.last().head.headers.contains_key("authorization"));

    for (wish, param) in [
        (json!({"model": "m", "key": one}), "key"),
        (json!({"model": 5}), "model"),
        (json!({"model": ""}), "model"),
        (json!({"model": "m".repeat(257)}), "model"),
        (json!({"model": "m", "stream": 1}), "stream"),
        (json!({"model": "m", "prompt": "x"}), "prompt"),
    ] {
        let answer = bench
            .gateway
            .call("POST", &bench.path, &wish)
            .expect_error(400, "invalid_value");
        assert_eq!(answer.body["error"]["param"], param, "{}", answer.message());
    }
    bench
        .gateway
        .call("POST", "channels/ch_none/test", &json!({}))
        .expect_error(404, "not_found");
    bench
        .gateway
        .call("POST", &bench.path, &json!([]))
        .expect_error(400, "invalid_json");
}

#[test]
fn a_key_that_cannot_be_opened_is_our_own_mistake() {
    let mut gateway = Gateway::with(with_master_key('A'));
    let path = format!(
        "channels/{}/test",
        gateway.channel(&json!({"models": ["m"]}))
    );
    gateway.settings.master_key = None;
    let answer = gateway
        .call("POST", &path, &json!({}))
        .expect_error(500, "misconfigured");
    assert!(
        answer.message().contains("no master key"),
        "{}",
        answer.message()
    );
    gateway.settings.master_key_error = Some(MasterKeyError::Invalid(SealError::InvalidMasterKey));
    let answer = gateway
        .call("POST", &path, &json!({}))
        .expect_error(500, "misconfigured");
    assert!(
        answer.message().contains("must be 32 bytes"),
        "{}",
        answer.message()
    );
    assert!(gateway.ports.upstream().requests().is_empty());
}
