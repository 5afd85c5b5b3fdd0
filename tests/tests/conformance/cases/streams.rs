//! Streams: their pace, their beginning and their end.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::StreamExt as _;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::Stage;
use serde_json::json;

use super::channels;

/// One piece of an answer.
pub const EVENT: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
const LAST: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

pub async fn chunks_arrive_as_they_are_sent(stage: &Stage) -> Result<()> {
    channels(stage, "paced", &[json!({})]).await?;
    let pace = Duration::from_millis(300);
    let texts = [
        EVENT,
        ": comment\n",
        EVENT,
        "data: {\"choices\":[{\"in",
        "dex\":0,\"delta\":{}}]}\r\n\r\n",
        LAST,
        DONE,
    ];
    let pieces = texts.map(|text| Chunk::after(pace, text));
    stage
        .upstream
        .rule(Rule::always(Action::sse(pieces)).key("paced-0"));
    let mut body = stage.stream("paced").await?.bytes_stream();
    let mut whole = Vec::new();
    let mut times = Vec::new();
    while let Some(piece) = body.next().await {
        times.push(Instant::now());
        whole.extend_from_slice(&piece?);
    }
    let text = String::from_utf8(whole)?;
    let events = |text: &str| text.replace(": comment\n", "").replace(": ping\n", "");
    ensure!(events(&text) == events(&texts.concat()), "{text}");
    // The half event and its rest count as one.
    ensure!(times.len() >= 5, "{} pieces", times.len());
    let spread = times[times.len() - 1] - times[0];
    ensure!(spread > pace * 4, "all within {spread:?}");
    Ok(())
}

pub async fn errors_before_the_first_event_are_unseen(stage: &Stage) -> Result<()> {
    channels(stage, "early", &[json!({}), json!({})]).await?;
    let error = "data: {\"error\":{\"code\":429,\"message\":\"rate limited\"}}\n\n";
    let action = Action::sse([": hello\n\n", error].map(Chunk::new));
    stage.upstream.rule(Rule::always(action).key("early-0"));
    let reply = stage.whole_stream("early").await?;
    ensure!(reply.header("x-gateway-attempts") == Some("2"), "{reply:?}");
    let text = reply.text();
    ensure!(!text.contains("error") && text.ends_with(DONE), "{text}");
    Ok(())
}

pub async fn truncation_is_reported(stage: &Stage) -> Result<()> {
    channels(stage, "cut", &[json!({})]).await?;
    for end in [End::Complete, End::Close, End::Reset] {
        let action = Action::sse([Chunk::new(EVENT)]).then(end);
        stage
            .upstream
            .rule(Rule::always(action).key("cut-0").times(1));
        let text = stage.whole_stream("cut").await?.text();
        ensure!(text.starts_with(EVENT), "{end:?}: {text}");
        ensure!(
            text.matches("stream_incomplete").count() == 1,
            "{end:?}: {text}"
        );
        ensure!(!text.contains("[DONE]"), "{end:?}: {text}");
    }
    Ok(())
}

pub async fn idle_timeout(stage: &Stage) -> Result<()> {
    channels(stage, "idle", &[json!({"idle_timeout_ms": 1000})]).await?;
    let action = Action::sse([Chunk::new(EVENT)]).then(End::Hang);
    stage.upstream.rule(Rule::always(action).key("idle-0"));
    let started = Instant::now();
    let text = stage.whole_stream("idle").await?.text();
    ensure!(text.contains("stream_incomplete"), "{text}");
    ensure!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}
