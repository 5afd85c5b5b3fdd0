//! Requests that an upstream answers: what reaches it, and what comes back.

use anyhow::{Context as _, Result, ensure};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use super::{channels, expect_failure, expect_ok};

const MIB: usize = 1024 * 1024;

pub async fn bodies_pass_as_they_came(stage: &Stage) -> Result<()> {
    let map = json!({"model_map": {"pass": "real/name"}, "headers": {"x-own": "1"}});
    channels(stage, "pass", &[map]).await?;
    let body = r#"{ "model":"pass" ,"big":12345678901234567890.10, "own":{"a":[1,2]}, "messages":[{"role":"user","content":"naïve \u00e9"}]}"#;
    let request = stage.request("/v1/chat/completions");
    let request = request
        .header("cookie", "a=b")
        .header("user-agent", "probe/1");
    let reply = Reply::of(request.body(body)).await?;
    expect_ok(&reply)?;
    ensure!(
        reply
            .header("x-gateway-channel")
            .is_some_and(|name| name.contains("pass-0")),
        "{reply:?}"
    );
    ensure!(reply.header("x-gateway-attempts") == Some("1"), "{reply:?}");
    let records = stage.upstream.records_of("pass-0");
    let record = records.first().context("the upstream was asked")?;
    ensure!(
        record.body == body.replace("\"pass\"", "\"real/name\""),
        "{record:?}"
    );
    ensure!(record.header("x-own") == Some("1"), "{record:?}");
    ensure!(record.header("user-agent") == Some("probe/1"), "{record:?}");
    ensure!(record.header("cookie").is_none(), "{record:?}");
    ensure!(
        record.header("content-length") == Some(record.body.len().to_string().as_str()),
        "{record:?}"
    );
    Ok(())
}

pub async fn models(stage: &Stage) -> Result<()> {
    channels(stage, "meta/listed-1b", &[json!({})]).await?;
    let list = stage.get("/v1/models").await?.json()?;
    let is_listed = list["data"]
        .as_array()
        .is_some_and(|models| models.iter().any(|model| model["id"] == "meta/listed-1b"));
    ensure!(is_listed, "{list}");
    let one = stage.get("/v1/models/meta/listed-1b").await?;
    ensure!(one.json()?["id"] == "meta/listed-1b", "{}", one.text());
    expect_failure(
        &stage.get("/v1/models/no/such").await?,
        404,
        "model_not_found",
    )?;
    expect_failure(&stage.chat("no/such").await?, 404, "model_not_found")
}

pub async fn large_bodies_and_their_limit(stage: &Stage) -> Result<()> {
    channels(stage, "large", &[json!({})]).await?;
    let body = |bytes: usize| {
        let text = "x".repeat(bytes);
        format!(r#"{{"model":"large","messages":[{{"role":"user","content":"{text}"}}]}}"#)
    };
    // A host may close a connection whose body it has not read; no other requests may be on it then.
    let client = gateway_tests::client()?;
    let post = |body: reqwest::Body| {
        let request = client.post(stage.gateway.url("/v1/chat/completions"));
        Reply::of(request.bearer_auth(&stage.key).body(body))
    };
    let sent = body(10 * MIB);
    let reply = post(sent.clone().into()).await?;
    expect_ok(&reply)?;
    ensure!(
        stage.upstream.records_of("large-0")[0].body == sent,
        "the body arrives whole"
    );
    expect_failure(
        &post(body(32 * MIB).into()).await?,
        413,
        "request_too_large",
    )?;
    // The same, its length unannounced.
    let pieces = body(32 * MIB).into_bytes();
    let pieces: Vec<_> = pieces
        .chunks(64 * 1024)
        .map(|piece| anyhow::Ok(piece.to_vec()))
        .collect();
    let streamed = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    expect_failure(&post(streamed).await?, 413, "request_too_large")
}
