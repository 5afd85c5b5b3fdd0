//! Compressed bodies: hosts differ in what they decode by themselves.

use anyhow::{Context as _, Result, ensure};
use gateway_testkit::packed;
use gateway_testkit::upstream::{Action, Chunk, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use super::{channels, expect_failure, expect_ok};

const ANSWER: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
const ERROR: &str = r#"{"error":{"message":"the image is too blurred","type":"invalid_request_error","param":null,"code":"invalid_image"}}"#;
const EVENTS: [&str; 3] = [
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
];

pub async fn compressed_answers(stage: &Stage) -> Result<()> {
    channels(stage, "packed", &[json!({})]).await?;
    let once = |action: Action, coding: &str| {
        let action = action.header("content-encoding", packed::name(coding));
        let rule = Rule::always(action).key("packed-0").times(1);
        stage.upstream.rule(rule);
    };
    let whole = |status, body: &str, coding| {
        let body = packed::whole(coding, body.as_bytes());
        once(Action::raw(status, "application/json", body), coding);
    };
    for coding in packed::CODINGS {
        whole(200, ANSWER, coding);
        let reply = stage.chat("packed").await?;
        expect_ok(&reply)?;
        ensure!(reply.text() == ANSWER, "{coding}: {}", reply.text());
        ensure!(reply.header("content-encoding").is_none(), "{reply:?}");
        whole(400, ERROR, coding);
        let reply = stage.chat("packed").await?;
        expect_failure(&reply, 400, "invalid_image").context(coding)?;
        let pieces = packed::pieces(coding, &EVENTS.map(str::as_bytes));
        once(Action::sse(pieces.into_iter().map(Chunk::new)), coding);
        let reply = stage.whole_stream("packed").await?;
        ensure!(
            reply.text() == EVENTS.concat(),
            "{coding}: {}",
            reply.text()
        );
    }
    Ok(())
}

pub async fn compressed_requests(stage: &Stage) -> Result<()> {
    channels(stage, "packs", &[json!({})]).await?;
    let body = json!({"model": "packs", "messages": [], "pad": "word ".repeat(40_000)}).to_string();
    let send = |coding: &str, body: Vec<u8>| {
        let request = stage.request("/v1/chat/completions");
        Reply::of(request.header("content-encoding", coding).body(body))
    };
    for coding in packed::CODINGS {
        let compressed = packed::whole(coding, body.as_bytes());
        let reply = send(packed::name(coding), compressed).await?;
        expect_ok(&reply).context(coding)?;
        let records = stage.upstream.records_of("packs-0");
        let record = records.last().context("the upstream was asked")?;
        ensure!(record.body == body, "{coding}");
        ensure!(record.header("content-encoding").is_none(), "{record:?}");
    }
    let reply = send("snappy", b"{}".to_vec()).await?;
    expect_failure(&reply, 415, "unsupported_media_type")
}
