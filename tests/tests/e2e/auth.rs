//! Client keys on the client API: where they may be sent, and the response to a bad one.

use gateway_tests::{Reply, Stage};
use serde_json::json;

use crate::Outcome;

const MODELS: &str = "/v1/models";

#[tokio::test]
async fn a_key_is_taken_from_all_three_headers() -> Outcome {
    let stage = Stage::with_channel().await?;
    let url = stage.gateway.url(MODELS);
    let bearer = format!("Bearer {}", stage.key);
    let lower_case = format!("bearer {}", stage.key);
    for (name, value) in [
        ("authorization", bearer.as_str()),
        ("authorization", lower_case.as_str()),
        ("x-api-key", stage.key.as_str()),
        ("api-key", stage.key.as_str()),
    ] {
        let reply = Reply::of(stage.http.get(&url).header(name, value)).await?;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_401() -> Outcome {
    let stage = Stage::with_channel().await?;
    let url = stage.gateway.url(MODELS);
    let almost = format!("{}x", stage.key);
    let hash = "0".repeat(64);
    let cases = [
        None,
        Some(("authorization", "Bearer sk-wrong")),
        Some(("authorization", "Bearer ")),
        Some(("authorization", "Basic dXNlcjpwYXNz")),
        Some(("authorization", "Bearer ' OR 1=1 --")),
        Some(("x-api-key", almost.as_str())),
        Some(("api-key", hash.as_str())),
    ];
    for case in cases {
        let mut request = stage.http.get(&url);
        if let Some((name, value)) = case {
            request = request.header(name, value);
        }
        let reply = Reply::of(request).await?;
        assert_eq!(
            reply.failure()?,
            (401, "invalid_api_key".to_owned()),
            "{case:?}"
        );
        assert_eq!(reply.error()?["type"], "invalid_request_error");
        assert!(!reply.text().contains(&stage.key));
    }
    // An upstream key opens nothing, and an admin's session is no client key.
    for key in ["k", stage.admin.token()] {
        let reply = Reply::of(stage.http.get(&url).bearer_auth(key)).await?;
        assert_eq!(reply.status, 401);
    }
    assert!(
        stage.upstream.records().is_empty(),
        "nothing reached the upstream"
    );
    Ok(())
}

#[tokio::test]
async fn disabled_and_expired_keys_are_401_and_say_which() -> Outcome {
    let stage = Stage::with_channel().await?;
    let (_, disabled) = stage
        .admin
        .client_key(&json!({"name": "off", "enabled": false}))
        .await?;
    let past = "2020-01-01T00:00:00Z";
    let (_, expired) = stage
        .admin
        .client_key(&json!({"name": "old", "expires_at": past}))
        .await?;
    let (_, valid) = stage
        .admin
        .client_key(&json!({"name": "new", "expires_at": "2999-01-01T00:00:00Z"}))
        .await?;
    let ask = |key: &str| Reply::of(stage.http.get(stage.gateway.url(MODELS)).bearer_auth(key));

    let reply = ask(&disabled).await?;
    assert_eq!(reply.failure()?, (401, "invalid_api_key".to_owned()));
    assert!(reply.message()?.contains("disabled"), "{}", reply.text());

    let reply = ask(&expired).await?;
    assert_eq!(reply.failure()?, (401, "invalid_api_key".to_owned()));
    assert!(reply.message()?.contains("expired"), "{}", reply.text());

    assert_eq!(ask(&valid).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_key_reaches_the_models_of_its_list_only() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "both",
            &json!({"keys": ["k"], "models": ["allowed/one", "other"]}),
        )
        .await?;
    let (_, key) = stage
        .admin
        .client_key(&json!({"name": "narrow", "models": ["allowed/one"]}))
        .await?;
    let chat = |model: &str| {
        let body = json!({"model": model}).to_string();
        let url = stage.gateway.url("/v1/chat/completions");
        Reply::of(
            stage
                .http
                .post(url)
                .bearer_auth(&key)
                .header("content-type", "application/json")
                .body(body),
        )
    };
    assert_eq!(chat("allowed/one").await?.status, 200);
    let reply = chat("other").await?;
    assert_eq!(reply.failure()?, (404, "model_not_found".to_owned()));

    let get = |path: &str| Reply::of(stage.http.get(stage.gateway.url(path)).bearer_auth(&key));
    let list = get(MODELS).await?.json()?;
    let ids: Vec<&str> = list["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m["id"].as_str())
        .collect();
    assert_eq!(ids, ["allowed/one"]);
    assert_eq!(
        get("/v1/models/other").await?.failure()?,
        (404, "model_not_found".to_owned())
    );
    Ok(())
}
