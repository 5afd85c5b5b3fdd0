//! What answers without a key: health, unknown paths, wrong methods, preflights.

use anyhow::{Result, ensure};
use gateway_tests::{Reply, Stage};
use reqwest::Method;

use super::expect_failure;

pub async fn health_and_unknown_paths(stage: &Stage) -> Result<()> {
    for path in ["/", "/health"] {
        let reply = Reply::of(stage.http.get(stage.gateway.url(path))).await?;
        ensure!(
            reply.status == 200 && reply.json()?["status"] == "ok",
            "{path}: {reply:?}"
        );
        ensure!(reply.header("x-request-id").is_some(), "{path}: no id");
    }
    for path in ["/", "/api/hello"] {
        let reply = Reply::of(stage.http.head(stage.gateway.url(path))).await?;
        ensure!(
            reply.status == 200 && reply.body.is_empty(),
            "HEAD {path}: {reply:?}"
        );
    }
    let reply = Reply::of(stage.http.get(stage.gateway.url("/v1/nothing"))).await?;
    expect_failure(&reply, 404, "not_found")?;
    let reply = Reply::of(stage.http.delete(stage.gateway.url("/v1/models"))).await?;
    expect_failure(&reply, 405, "method_not_allowed")?;
    ensure!(
        reply
            .header("allow")
            .is_some_and(|allow| allow.contains("GET")),
        "{reply:?}"
    );
    Ok(())
}

/// Looks at a list that changes while it is looked at.
const MAX_TRIES: usize = 100;

pub async fn head_has_the_length_of_get(stage: &Stage) -> Result<()> {
    for (path, token) in [
        ("/health", &*stage.key),
        ("/v1/models", &stage.key),
        ("/v1/nothing", &stage.key),
        ("/admin/api/keys", stage.admin.token()),
        ("/admin/api/openapi.json", stage.admin.token()),
    ] {
        let url = stage.gateway.url(path);
        let mut tries = 0..MAX_TRIES;
        let (get, head) = loop {
            ensure!(tries.next().is_some(), "{path} never stays the same");
            let before = Reply::of(stage.http.get(&url).bearer_auth(token)).await?;
            let head = Reply::of(stage.http.head(&url).bearer_auth(token)).await?;
            let after = Reply::of(stage.http.get(&url).bearer_auth(token)).await?;
            // Other cases create channels and keys beside this one.
            if before.body.len() == after.body.len() {
                break (after, head);
            }
        };
        ensure!(
            (head.status, head.body.len()) == (get.status, 0),
            "{path}: {head:?}"
        );
        let length = get.body.len().to_string();
        ensure!(
            head.header("content-length") == Some(&length),
            "{path}: {length} bytes, {head:?}"
        );
    }
    Ok(())
}

pub async fn cross_origin(stage: &Stage) -> Result<()> {
    let preflight = stage
        .http
        .request(Method::OPTIONS, stage.gateway.url("/v1/chat/completions"))
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, x-own");
    let reply = Reply::of(preflight).await?;
    ensure!(reply.status == 204, "{reply:?}");
    let allowed = reply
        .header("access-control-allow-headers")
        .unwrap_or_default();
    ensure!(allowed.contains("x-own"), "{allowed}");
    ensure!(
        reply.header("access-control-allow-origin") == Some("*"),
        "{reply:?}"
    );
    let login = stage
        .http
        .post(stage.gateway.url("/admin/api/login"))
        .header("origin", "https://evil.example")
        .header("content-type", "application/json")
        .body("{}");
    ensure!(
        Reply::of(login).await?.status == 403,
        "a foreign page may log in"
    );
    Ok(())
}
