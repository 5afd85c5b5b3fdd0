//! Requests whose client has a wrong base URL, upstreams without an operation, and what the request log says of both.

use bytes::Bytes;
use gateway_core::config::model::{Document, KeyLimits, Settings};
use gateway_core::sql::SqlValue;
use gateway_testkit::fakes::FakeReply;

use super::ledger::ANSWER;
use super::setup::*;

fn stage() -> Stage {
    let mut only = channel("a", 1);
    only.models = vec!["m".to_owned(), "free".to_owned()];
    let mut key = client_key();
    key.models = vec!["m".to_owned(), "unserved".to_owned()];
    let stage = Stage::with_ledger(&Document {
        channels: vec![only],
        keys: vec![key],
        settings: Settings {
            max_request_bytes: 1_000,
            ..Settings::default()
        },
        ..Document::default()
    });
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    stage
}

/// Rows of the log as `reason status model endpoint`, oldest first.
fn rows(stage: &Stage) -> Vec<String> {
    stage.ports.run_background();
    let text = |value: &SqlValue| match value {
        SqlValue::Null => "-".to_owned(),
        SqlValue::Integer(number) => number.to_string(),
        other => other.text().unwrap_or_default().to_owned(),
    };
    let query = "SELECT reason, status, model, endpoint FROM request ORDER BY seq";
    let rows = stage.ports.database().rows(query);
    rows.iter()
        .map(|row| row.iter().map(text).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn a_wrong_base_url_is_answered_with_the_right_one() {
    let stage = stage();
    for (path, meant) in [
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("//v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/responses", "/v1/responses"),
        ("/embeddings", "/v1/embeddings"),
        ("/models", "/v1/models"),
        ("/models/m", "/v1/models/m"),
    ] {
        let mut request = post(path, r#"{"model":"m"}"#);
        *request.uri_mut() = http::Uri::builder().path_and_query(path).build().unwrap();
        let answer = stage.send(request);
        assert_eq!(answer.error(), (404, "not_found".to_owned()), "{path}");
        let message = answer.json()["error"]["message"].to_string();
        assert!(
            message.contains(&format!("the path is {meant}.")),
            "{message}"
        );
        assert!(message.contains("base URL"), "{message}");
    }
    for path in ["/messages", "/v1/v1/messages", "/v1/messages/"] {
        let answer = stage.send(post(path, r#"{"model":"m"}"#)).json();
        assert_eq!(answer["type"], "error", "{path}: {answer}");
        assert_eq!(answer["error"]["type"], "not_found_error");
    }
    assert!(stage.calls().is_empty());
}

#[test]
fn a_websocket_is_refused_with_426_before_anything_else() {
    let stage = stage();
    for path in ["/v1/responses", "/v1/realtime", "/v1/nothing"] {
        for (name, value) in [("upgrade", "websocket"), ("sec-websocket-key", "x")] {
            let mut request = get(path);
            request
                .headers_mut()
                .insert("connection", "Upgrade".parse().unwrap());
            request.headers_mut().insert(name, value.parse().unwrap());
            let answer = stage.send(request);
            assert_eq!(answer.error(), (426, "upgrade_not_supported".to_owned()));
            assert_eq!(answer.header("upgrade"), Some("HTTP/1.1"));
            assert_eq!(answer.header("connection"), Some("Upgrade"));
        }
    }
    assert_eq!(rows(&stage)[0], "upgrade_not_supported 426  /v1/responses");
}

#[test]
fn a_missing_operation_is_a_400_in_the_clients_manner() {
    for (path, status, text) in [
        ("/v1/responses", 404, r#"{"detail":"Not Found"}"#),
        ("/v1/responses", 405, r#"{"detail":"Method Not Allowed"}"#),
        ("/v1/messages", 404, "404 page not found"),
        ("/v1/rerank", 404, ""),
        (
            "/v1/embeddings",
            404,
            r#"{"error":{"message":"Invalid URL (POST /v1/embeddings)"}}"#,
        ),
    ] {
        let stage = stage();
        stage.upstream(move |_| FakeReply::json(status, text));
        let body = r#"{"model":"m","input":"hi","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
        let answer = stage.send(post(path, body));
        assert_eq!(answer.status, 400, "{path} {status}");
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], "unsupported_operation", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&format!("POST {path}")), "{message}");
        assert!(message.contains(&format!("a: {status}")), "{message}");
        assert_eq!(
            rows(&stage),
            [format!("unsupported_operation 400 m {path}")]
        );
        // Chats with this model go on.
        stage.upstream(|_| FakeReply::json(200, ANSWER));
        assert_eq!(stage.chat(r#"{"model":"m"}"#).status, 200);
    }
}

#[test]
fn other_failures_beside_a_missing_operation_stay_what_they_are() {
    for (other, expected) in [
        (500, (502, "upstream_failed")),
        (429, (502, "upstream_failed")),
    ] {
        let stage = Stage::new(vec![channel("a", 1), channel("b", 1)]);
        stage.upstream(move |call| {
            let status = if host(call) == "a" { 404 } else { other };
            FakeReply::json(status, "")
        });
        let answer = stage.send(post("/v1/responses", r#"{"model":"m"}"#));
        assert_eq!(answer.error(), (expected.0, expected.1.to_owned()));
    }
}

#[test]
fn refusals_are_in_the_log_with_their_reason_and_model() {
    let stage = stage();
    let chat = "/v1/chat/completions";
    let long = format!(r#"{{"model":"m","x":"{}"}}"#, "y".repeat(2_000));
    let requests = [
        (post("/v1/nothing", "{}"), "unknown_path 404  /v1/nothing"),
        (get(chat), "method_not_allowed 405  /v1/chat/completions"),
        (
            post(chat, &long),
            "body_too_large 413  /v1/chat/completions",
        ),
        (post(chat, "{"), "invalid_request 400  /v1/chat/completions"),
        (
            post(chat, "{}"),
            "invalid_request 400  /v1/chat/completions",
        ),
        (
            post(chat, r#"{"model":"free"}"#),
            "model_not_allowed 404 free /v1/chat/completions",
        ),
        (
            post(chat, r#"{"model":"unserved"}"#),
            "model_not_found 404 unserved /v1/chat/completions",
        ),
        (
            get("/v1/models/other"),
            "model_not_found 404 other /v1/models/other",
        ),
        (
            post(chat, r#"{"model":"m"}"#),
            "- 200 m /v1/chat/completions",
        ),
    ];
    let mut expected = Vec::new();
    for (request, row) in requests {
        stage.send(request);
        expected.push(row);
    }
    // Clients without a valid key cannot fill the log.
    stage.send(
        http::Request::post("/v1/nothing")
            .body(Bytes::new())
            .unwrap(),
    );
    let wrong = http::Request::post("/v1/nothing").header("x-api-key", "sk-wrong");
    stage.send(wrong.body(Bytes::new()).unwrap());
    assert_eq!(rows(&stage), expected);
    let models = "SELECT DISTINCT model FROM usage_hour WHERE hour >= 0 AND model IN ('', 'm', 'free') ORDER BY 1";
    let models = stage.ports.database().rows(models);
    assert_eq!(
        models,
        [
            [SqlValue::Text("free".to_owned())],
            [SqlValue::Text("m".to_owned())]
        ]
    );
    let sums = "SELECT channel, word, count FROM tally_hour WHERE kind = 'reason' AND word = 'model_not_found'";
    let text = |text: &str| SqlValue::Text(text.to_owned());
    assert_eq!(
        stage.ports.database().rows(sums),
        [[
            text("ck_test"),
            text("model_not_found"),
            SqlValue::Integer(2)
        ]]
    );
}

#[test]
fn limits_and_upstreams_have_reasons_too() {
    let mut key = client_key();
    key.limits = KeyLimits {
        requests_per_minute: Some(5),
        ..KeyLimits::default()
    };
    let stage = Stage::with_ledger(&Document {
        channels: vec![channel("a", 1)],
        keys: vec![key],
        ..Document::default()
    });
    for status in [400, 401, 429, 500, 404] {
        stage.upstream(move |_| FakeReply::json(status, "no such model"));
        stage.chat(&format!(r#"{{"model":"m{status}"}}"#));
        stage.ports.advance_ms(11_000);
    }
    stage.chat(r#"{"model":"m"}"#);
    let reasons: Vec<String> = rows(&stage)
        .iter()
        .map(|row| row.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        reasons,
        [
            "model_not_found",
            "upstream_credentials_exhausted",
            "upstream_rate_limited",
            "upstream_failed",
            "model_not_found",
            "rate_limit_requests"
        ]
    );
}
