//! Clients that leave: the upstream's request must end with them.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::StreamExt as _;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Stage, eventually};
use serde_json::json;

use super::channels;
use super::streams::EVENT;

/// The contract's second, and some for a busy machine.
const WITHIN: Duration = Duration::from_secs(2);

pub async fn disconnect_from_a_flowing_stream(stage: &Stage) -> Result<()> {
    channels(stage, "flowing", &[json!({})]).await?;
    let pieces = std::iter::repeat_n(Chunk::after(Duration::from_millis(100), EVENT), 300);
    stage
        .upstream
        .rule(Rule::always(Action::sse(pieces)).key("flowing-0"));
    leave_after_the_first_piece(stage, "flowing").await
}

pub async fn disconnect_from_a_silent_stream(stage: &Stage) -> Result<()> {
    channels(stage, "silent", &[json!({})]).await?;
    let action = Action::sse([Chunk::new(EVENT)]).then(End::Hang);
    stage.upstream.rule(Rule::always(action).key("silent-0"));
    leave_after_the_first_piece(stage, "silent").await
}

async fn leave_after_the_first_piece(stage: &Stage, model: &str) -> Result<()> {
    let mut body = stage.stream(model).await?.bytes_stream();
    ensure!(body.next().await.is_some(), "a first piece");
    drop(body);
    ends(stage, &format!("{model}-0")).await
}

pub async fn disconnect_before_the_head(stage: &Stage) -> Result<()> {
    channels(stage, "headless", &[json!({})]).await?;
    stage
        .upstream
        .rule(Rule::always(Action::hang()).key("headless-0"));
    let body = json!({"model": "headless", "messages": []}).to_string();
    let request = stage.request("/v1/chat/completions").body(body);
    let waiting = tokio::spawn(request.send());
    eventually(
        Duration::from_secs(5),
        "the upstream is asked",
        async || Ok(!stage.upstream.records_of("headless-0").is_empty()),
    )
    .await?;
    waiting.abort();
    ends(stage, "headless-0").await
}

async fn ends(stage: &Stage, key: &str) -> Result<()> {
    eventually(WITHIN, "the upstream sees the client gone", async || {
        let records = stage.upstream.records_of(key);
        Ok(records
            .iter()
            .all(|record| record.client_gone_at_us.is_some()))
    })
    .await
}
