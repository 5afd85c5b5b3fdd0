//! Limits of client keys: as many requests pass as a limit says, whichever instances they meet.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use gateway_tests::{Reply, Stage, eventually};
use serde_json::{Value, json};

use super::{channels, expect_failure, expect_ok};

/// What a request has taken is counted right after its response; a busy machine gets some more time.
const COUNTED_WITHIN: Duration = Duration::from_secs(5);
const LIMIT: usize = 17;

pub async fn exactly_as_many_pass_as_a_limit_says(stage: &Stage) -> Result<()> {
    let limits = json!({"requests_per_minute": LIMIT});
    let (_, key) = limited(stage, "counted", &limits).await?;
    let replies = try_join_all((0..60).map(|number| chat(stage, &key, "counted", number))).await?;
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    ensure!(passed == LIMIT, "{passed} passed");
    ensure!(
        stage.upstream.records_of("counted-0").len() == LIMIT,
        "as many were sent"
    );
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        expect_failure(reply, 429, "rate_limit_exceeded")?;
        let wait: u64 = reply
            .header("retry-after")
            .context("retry-after")?
            .parse()?;
        ensure!((1..=60).contains(&wait), "{wait}");
        let left = reply.header("x-ratelimit-remaining-requests");
        ensure!(left == Some("0"), "{reply:?}");
    }
    Ok(())
}

pub async fn tokens_count_when_they_are_spent(stage: &Stage) -> Result<()> {
    let limits = json!({"tokens_per_day": 1, "tokens_per_minute": 1000});
    let (id, key) = limited(stage, "spent", &limits).await?;
    let reply = chat(stage, &key, "spent", 0).await?;
    expect_ok(&reply)?;
    ensure!(
        reply.header("x-ratelimit-limit-tokens").is_some(),
        "{reply:?}"
    );
    eventually(COUNTED_WITHIN, "what was taken is counted", async || {
        let view = stage.admin.get(&format!("/keys/{id}/allowance")).await?;
        Ok(view["tokens_per_day"]["used"] == 14)
    })
    .await?;
    for number in 0..2 {
        let reply = chat(stage, &key, "spent", number).await?;
        expect_failure(&reply, 429, "rate_limit_exceeded")?;
        ensure!(
            reply.message()?.contains("tokens per day"),
            "{}",
            reply.text()
        );
    }
    ensure!(
        stage.upstream.records_of("spent-0").len() == 1,
        "one was sent"
    );
    Ok(())
}

/// A channel for the model, and a key with limits: its id and itself.
async fn limited(stage: &Stage, model: &str, limits: &Value) -> Result<(String, String)> {
    let body = json!({"name": model, "limits": limits});
    let made = stage.admin.client_key(&body).await?;
    channels(stage, model, &[json!({})]).await?;
    tokio::time::sleep(stage.gateway.host().in_force()).await;
    Ok(made)
}

/// A chat with one of two instances in turns.
async fn chat(stage: &Stage, key: &str, model: &str, number: usize) -> Result<Reply> {
    let path = "/v1/chat/completions";
    let url = if number.is_multiple_of(2) {
        stage.gateway.url(path)
    } else {
        stage.gateway.twin_url(path)
    };
    let body = json!({"model": model, "messages": []});
    Reply::of(stage.http.post(url).bearer_auth(key).json(&body)).await
}
