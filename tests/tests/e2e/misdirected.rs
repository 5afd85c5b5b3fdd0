//! Clients with a wrong base URL, upstreams without an operation, and the rows of rejected requests.

use std::time::{Duration, Instant};

use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{Reply, Stage};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_wrong_base_url_is_answered_with_what_to_change() -> Outcome {
    let stage = Stage::with_channel().await?;
    for (path, meant) in [
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("//v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/responses", "/v1/responses"),
        ("/embeddings", "/v1/embeddings"),
        ("/models", "/v1/models"),
    ] {
        let reply = stage.post(path, &json!({"model": "m"})).await?;
        assert_eq!(reply.failure()?, (404, "not_found".to_owned()), "{path}");
        let message = reply.message()?;
        assert!(
            message.contains(&format!("the path is {meant}.")) && message.contains("base URL"),
            "{path}: {message}"
        );
    }
    let reply = stage.post("/messages", &json!({"model": "m"})).await?;
    assert_eq!(reply.json()?["type"], "error");
    assert!(stage.upstream.records().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_websocket_is_refused_with_426() -> Outcome {
    let stage = Stage::with_channel().await?;
    for path in ["/v1/responses", "/v1/realtime?model=m"] {
        let request = stage
            .http
            .get(stage.gateway.url(path))
            .bearer_auth(&stage.key)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let reply = Reply::of(request).await?;
        assert_eq!(
            reply.failure()?,
            (426, "upgrade_not_supported".to_owned()),
            "{path}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_upstream_without_the_operation_is_a_400_that_names_it() -> Outcome {
    let stage = Stage::with_channel().await?;
    for (path, status) in [("/v1/completions", 405), ("/v1/rerank", 404)] {
        let answer = Action::json(status, &json!({"detail": "Not Found"}));
        stage.upstream.rule(Rule::always(answer).path(path));
        let reply = stage
            .post(path, &json!({"model": "m", "prompt": "hi"}))
            .await?;
        assert_eq!(reply.status, 400, "{path}: {}", reply.text());
        let error = reply.json()?["error"].clone();
        assert_eq!(error["code"], "unsupported_operation");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(
            message.contains(&format!("POST {path}"))
                && message.contains(&format!("only: {status}")),
            "{message}"
        );
    }
    assert_eq!(stage.chat("m").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn an_upstream_with_chat_completions_alone_serves_clients_of_other_dialects() -> Outcome {
    let stage = Stage::with_channel().await?;
    for (path, status, body) in [
        (
            "/v1/responses",
            404,
            json!({"model": "m", "input": "hi", "stream": false}),
        ),
        (
            "/v1/messages",
            405,
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
        ),
    ] {
        let answer = Action::json(status, &json!({"detail": "Not Found"}));
        stage.upstream.rule(Rule::always(answer).path(path));
        for attempts in ["2", "1"] {
            let reply = stage.post(path, &body).await?;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            assert_eq!(reply.header("x-gateway-attempts"), Some(attempts), "{path}");
            let answer = reply.json()?;
            let text = match path {
                "/v1/messages" => &answer["content"][0]["text"],
                _ => &answer["output"][0]["content"][0]["text"],
            };
            assert!(
                text.as_str().is_some_and(|text| !text.is_empty()),
                "{answer}"
            );
        }
    }
    assert_eq!(stage.chat("m").await?.status, 200);
    Ok(())
}

/// The newest rows of the log, oldest first, once there are so many.
async fn rows(stage: &Stage, count: usize) -> anyhow::Result<Vec<Value>> {
    let began = Instant::now();
    loop {
        let page = stage.admin.get("/requests?limit=200").await?;
        let mut rows = page["data"].as_array().cloned().unwrap_or_default();
        if rows.len() >= count || began.elapsed() > PATIENCE {
            rows.reverse();
            return Ok(rows);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn refusals_are_in_the_log_and_in_the_sums_by_their_reason() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel("only", &json!({"keys": ["k"], "models": ["m", "free"]}))
        .await?;
    let (_, narrow) = stage
        .admin
        .client_key(&json!({"name": "narrow", "models": ["m"]}))
        .await?;
    let (_, limited) = stage
        .admin
        .client_key(&json!({"name": "limited", "limits": {"requests_per_minute": 1}}))
        .await?;
    stage.upstream.rule(
        Rule::always(Action::error(400, "bad", "bad"))
            .key("k")
            .times(1),
    );
    let chat = "/v1/chat/completions";
    let send = |method: Method, path: &str, key: &str, body: &str| {
        let request = stage.http.request(method, stage.gateway.url(path));
        let request = request.header("content-type", "application/json");
        Reply::of(request.bearer_auth(key).body(body.to_owned()))
    };
    let mut expected = Vec::new();
    for (method, path, key, body, row) in [
        (
            Method::POST,
            chat,
            &stage.key,
            r#"{"model":"m"}"#,
            "upstream_refused 400 m",
        ),
        (
            Method::POST,
            "/v1/nothing",
            &stage.key,
            "{}",
            "unknown_path 404 ",
        ),
        (Method::GET, chat, &stage.key, "", "method_not_allowed 405 "),
        (Method::POST, chat, &stage.key, "{", "invalid_request 400 "),
        (
            Method::POST,
            chat,
            &stage.key,
            r#"{"model":"nobody"}"#,
            "model_not_found 404 nobody",
        ),
        (
            Method::POST,
            chat,
            &narrow,
            r#"{"model":"free"}"#,
            "model_not_allowed 404 free",
        ),
        (
            Method::POST,
            chat,
            &limited,
            r#"{"model":"m"}"#,
            "null 200 m",
        ),
        (
            Method::POST,
            chat,
            &limited,
            r#"{"model":"m"}"#,
            "rate_limit_requests 429 ",
        ),
    ] {
        send(method, path, key, body).await?;
        expected.push(row.to_owned());
        // Rows have the order in which requests came.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rows = rows(&stage, expected.len()).await?;
    let story = |row: &Value| {
        let reason = row["reason"].as_str().unwrap_or("null");
        let model = row["model"].as_str().unwrap_or_default();
        format!("{reason} {} {model}", row["status"])
    };
    assert_eq!(rows.iter().map(story).collect::<Vec<_>>(), expected);
    sums_agree(&stage, &expected).await?;
    details_agree(&stage, &rows).await
}

/// The first row has what the upstream said, the last one the figures of its limit; each is found by its id.
async fn details_agree(stage: &Stage, rows: &[Value]) -> Outcome {
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    assert_eq!(first["attempts"][0]["detail"], "bad");
    assert_eq!(first["detail"], "bad");
    assert_eq!(last["limit"]["name"], "requests_per_minute");
    assert_eq!([&last["limit"]["limit"], &last["limit"]["used"]], [1, 1]);
    for row in [first, last] {
        let id = row["id"].as_str().unwrap_or_default();
        let found = stage.admin.get(&format!("/requests/{id}")).await?;
        assert_eq!(found, *row);
    }
    Ok(())
}

/// Each reason of the rows is in the sums, and none of them is counted for models that no channel serves.
async fn sums_agree(stage: &Stage, rows: &[String]) -> Outcome {
    let by_reason = stage.admin.get("/usage?group=reason&bucket=day").await?;
    let reasons: Vec<&str> = by_reason["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row["reason"].as_str())
        .collect();
    for row in rows {
        let reason = row.split(' ').next().unwrap_or_default();
        assert!(
            reason == "null" || reasons.contains(&reason),
            "{reason}: {reasons:?}"
        );
    }
    let by_model = stage.admin.get("/usage?group=model&bucket=day").await?;
    let models = by_model["data"].as_array().cloned().unwrap_or_default();
    assert!(models.iter().all(|row| row["model"] != ""), "{by_model}");
    Ok(())
}
