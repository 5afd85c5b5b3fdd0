//! What passes between clients and upstreams beside bodies: query strings, Anthropic's headers, lists of models; and HEAD.

use std::time::{Duration, Instant};

use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::{Value, json};

use crate::Outcome;

#[tokio::test]
async fn query_strings_and_anthropics_headers_pass() -> Outcome {
    let stage = Stage::start().await?;
    let members = json!({"keys": ["k"], "models": ["claude"], "provider": "anthropic"});
    stage.channel("only", &members).await?;
    let body = json!({"type": "message", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"});
    let answer = Action::json(200, &body)
        .header("request-id", "req_011")
        .header("anthropic-ratelimit-requests-remaining", "9");
    stage.upstream.rule(Rule::always(answer));
    let path = format!("/v1/messages?beta=true&key={}", stage.key);
    let reply = stage
        .post(
            &path,
            &json!({"model": "claude", "max_tokens": 5, "messages": []}),
        )
        .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("request-id"), Some("req_011"));
    assert_eq!(
        reply.header("anthropic-ratelimit-requests-remaining"),
        Some("9")
    );
    assert_eq!(stage.upstream.records()[0].path, "/v1/messages?beta=true");
    Ok(())
}

#[tokio::test]
async fn the_list_of_models_has_what_upstreams_say_and_anthropics_shape() -> Outcome {
    let stage = Stage::start().await?;
    stage.channel("all", &json!({"keys": ["k"]})).await?;
    let page = |names: &[&str], next: Option<&str>| {
        let models: Vec<Value> = names
            .iter()
            .map(|name| json!({"name": format!("models/{name}")}))
            .collect();
        Action::json(200, &json!({"models": models, "nextPageToken": next}))
    };
    stage.upstream.rule(
        Rule::always(page(&["one"], Some("2")))
            .path("/models")
            .times(1),
    );
    stage
        .upstream
        .rule(Rule::always(page(&["two"], None)).path("/models"));
    let list = || async {
        let request = stage
            .http
            .get(stage.gateway.url("/v1/models"))
            .bearer_auth(&stage.key);
        Reply::of(request.header("anthropic-version", "2023-06-01"))
            .await?
            .json()
    };
    let began = Instant::now();
    let list = loop {
        let list = list().await?;
        if list["last_id"] == "two" || began.elapsed() > Duration::from_secs(5) {
            break list;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(list["last_id"], "two", "{list}");
    assert_eq!(list["has_more"], false);
    for model in list["data"].as_array().into_iter().flatten() {
        assert_eq!(model["type"], "model", "{model}");
        assert!(
            model["display_name"].is_string() && model["created_at"].is_string(),
            "{model}"
        );
    }
    let unknown = stage
        .http
        .get(stage.gateway.url("/v1/models"))
        .header("x-api-key", "sk-wrong")
        .header("anthropic-version", "2023-06-01");
    let unknown = Reply::of(unknown).await?;
    assert_eq!(unknown.status, 401);
    assert_eq!(unknown.json()?["error"]["type"], "authentication_error");
    Ok(())
}

#[tokio::test]
async fn head_has_the_length_of_get() -> Outcome {
    let stage = Stage::with_channel().await?;
    for path in [
        "/",
        "/health",
        "/v1/models",
        "/v1/models/m",
        "/v1/nothing",
        "/admin",
        "/admin/nothing.js",
        "/admin/api/channels",
        "/admin/api/openapi.json",
        "/admin/api/nothing",
    ] {
        let token = if path.starts_with("/admin") {
            stage.admin.token()
        } else {
            &stage.key
        };
        let url = stage.gateway.url(path);
        let get = Reply::of(stage.http.get(&url).bearer_auth(token)).await?;
        let head = Reply::of(stage.http.head(&url).bearer_auth(token)).await?;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(
            head.header("content-length"),
            Some(get.body.len().to_string().as_str()),
            "{path}: {head:?}"
        );
    }
    Ok(())
}
