//! The ledger: what the log and the sums show of requests that succeeded, of those that were rejected or broke, and of
//! those whose client disconnected.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Reply, Stage, eventually};
use serde_json::{Value, json};

use super::streams::EVENT;
use super::{channels, expect_ok};

/// The contract's second, and some for a busy machine.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

pub async fn requests_are_in_the_log(stage: &Stage) -> Result<()> {
    channels(stage, "logged", &[json!({}), json!({})]).await?;
    let failing = Action::error(500, "server_error", "oh");
    stage
        .upstream
        .rule(Rule::always(failing).key("logged-0").times(1));
    let reply = stage.chat("logged").await?;
    expect_ok(&reply)?;
    let row = row_of(stage, &reply).await?;
    expect(
        &row,
        &json!({"model": "logged", "status": 200, "end": "complete", "stream": false}),
    )?;
    expect(
        &row,
        &json!({"prompt_tokens": 9, "completion_tokens": 5, "estimated": false}),
    )?;
    let attempts = row["attempts"].as_array().context("attempts")?;
    let outcomes: Vec<&Value> = attempts.iter().map(|attempt| &attempt["outcome"]).collect();
    ensure!(outcomes == ["server_error", "answered"], "{row}");

    let refused = stage.chat("logged/nobody-has-it").await?;
    let row = row_of(stage, &refused).await?;
    expect(
        &row,
        &json!({"status": 404, "end": "refused", "channel": null}),
    )
}

pub async fn broken_streams_are_in_the_log(stage: &Stage) -> Result<()> {
    channels(stage, "breaks", &[json!({})]).await?;
    let action = Action::sse([Chunk::new(EVENT)]).then(End::Close);
    stage.upstream.rule(Rule::always(action).key("breaks-0"));
    let reply = stage.whole_stream("breaks").await?;
    let row = row_of(stage, &reply).await?;
    expect(
        &row,
        &json!({"status": 200, "end": "upstream_broke", "stream": true, "estimated": true}),
    )
}

pub async fn clients_that_left_are_in_the_log(stage: &Stage) -> Result<()> {
    channels(stage, "left", &[json!({})]).await?;
    let pieces = std::iter::repeat_n(Chunk::after(Duration::from_millis(100), EVENT), 100);
    stage
        .upstream
        .rule(Rule::always(Action::sse(pieces)).key("left-0"));
    let response = stage.stream("left").await?;
    let id = response.headers().get("x-request-id");
    let id = id.context("an id")?.to_str()?.to_owned();
    let mut body = response.bytes_stream();
    ensure!(body.next().await.is_some(), "a first piece");
    drop(body);
    let row = row(stage, &id).await?;
    expect(
        &row,
        &json!({"status": 200, "end": "client_gone", "estimated": true}),
    )
}

pub async fn sums_are_those_of_the_requests(stage: &Stage) -> Result<()> {
    channels(stage, "summed", &[json!({})]).await?;
    for _ in 0..3 {
        expect_ok(&stage.chat("summed").await?)?;
    }
    expect_ok(&stage.whole_stream("summed").await?)?;
    eventually(WRITTEN_WITHIN, "all are summed", async || {
        let usage = stage.admin.get("/usage?group=model&model=summed").await?;
        let rows = usage["data"].as_array().context("data")?;
        // The hour may have changed between two of them.
        let sum = |name: &str| {
            rows.iter()
                .filter_map(|row| row[name].as_u64())
                .sum::<u64>()
        };
        let sums = ["requests", "errors", "prompt_tokens", "completion_tokens"].map(sum);
        Ok(sums == [4, 0, 36, 20])
    })
    .await?;
    let metrics = Reply::of(
        stage
            .http
            .get(stage.gateway.url("/metrics"))
            .bearer_auth(stage.admin.token()),
    )
    .await?;
    expect_ok(&metrics)?;
    let is_counted = metrics
        .text()
        .lines()
        .any(|line| line.starts_with("ai_gateway_requests_total{channel=\"summed-0\""));
    ensure!(is_counted, "{}", metrics.text());
    Ok(())
}

/// The row of the request that got this reply, as soon as it is there.
async fn row_of(stage: &Stage, reply: &Reply) -> Result<Value> {
    row(stage, reply.header("x-request-id").context("an id")?).await
}

async fn row(stage: &Stage, id: &str) -> Result<Value> {
    let find = async || {
        let page = stage.admin.get("/requests?limit=200").await?;
        let rows = page["data"].as_array().context("data")?;
        anyhow::Ok(rows.iter().find(|row| row["id"] == id).cloned())
    };
    eventually(WRITTEN_WITHIN, "the request is in the log", async || {
        Ok(find().await?.is_some())
    })
    .await?;
    find().await?.context("the row is gone again")
}

fn expect(row: &Value, members: &Value) -> Result<()> {
    for (name, value) in members.as_object().into_iter().flatten() {
        ensure!(row[name] == *value, "{name} is not {value}: {row}");
    }
    Ok(())
}
