//! Client keys: how they are sent, and what they may do.

use anyhow::{Result, ensure};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use super::{channels, expect_failure, expect_ok};

pub async fn auth_by_every_header(stage: &Stage) -> Result<()> {
    let get = |name: &str, value: &str| {
        let request = stage.http.get(stage.gateway.url("/v1/models"));
        Reply::of(request.header(name, value))
    };
    let bearer = format!("Bearer {}", stage.key);
    for (name, value) in [
        ("authorization", bearer.as_str()),
        ("x-api-key", &stage.key),
        ("api-key", &stage.key),
    ] {
        expect_ok(&get(name, value).await?)?;
    }
    for (name, value) in [
        ("x-other", "1"),
        ("authorization", "Bearer sk-wrong"),
        ("api-key", ""),
    ] {
        expect_failure(&get(name, value).await?, 401, "invalid_api_key")?;
    }
    Ok(())
}

pub async fn keys_end_and_are_narrow(stage: &Stage) -> Result<()> {
    let (id, key) = stage
        .admin
        .client_key(&json!({"name": "narrow", "models": ["narrow"]}))
        .await?;
    channels(stage, "narrow", &[json!({"models": ["narrow", "wide"]})]).await?;
    let chat = |model: &str| {
        let body = json!({"model": model, "messages": []}).to_string();
        let request = stage.http.post(stage.gateway.url("/v1/chat/completions"));
        Reply::of(request.bearer_auth(&key).body(body))
    };
    expect_ok(&chat("narrow").await?)?;
    expect_failure(&chat("wide").await?, 404, "model_not_found")?;
    let path = format!("/keys/{id}");
    stage.admin.patch(&path, &json!({"enabled": false})).await?;
    tokio::time::sleep(stage.gateway.host().in_force()).await;
    let reply = chat("narrow").await?;
    expect_failure(&reply, 401, "invalid_api_key")?;
    ensure!(reply.message()?.contains("disabled"), "{}", reply.text());
    stage.admin.delete(&path).await?;
    tokio::time::sleep(stage.gateway.host().in_force()).await;
    expect_failure(&chat("narrow").await?, 401, "invalid_api_key")
}
