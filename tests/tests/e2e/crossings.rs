//! Calls between the proxy component and its host, by request. Each ceiling is what was measured with some room: a change
//! that exceeds one has to say why. Nothing else of a component costs as much as these calls.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use gateway_testkit::upstream::{Action, Chunk, Rule};
use gateway_tests::{Host, Reply, Setup, Stage, instances_are_single_use};
use serde_json::json;

use crate::Outcome;

/// Requests before those that count: the configuration is read, connections are open, the tables are there.
const WARM_UP: usize = 20;
/// Requests that count, one after the other.
const COUNTED: usize = 100;
/// Events of a stream, besides its end.
const EVENTS: usize = 40;

/// Whether there is a border to cross: the native host links the core.
fn has_components() -> bool {
    matches!(Host::chosen(), Host::Local)
}

async fn stage() -> Result<Stage> {
    let setup = Setup::default().variable("log", "errors");
    let stage = Stage::start_with(&setup.counting_calls()).await?;
    let channel = json!({"keys": ["k"], "models": ["m"]});
    stage.channel("only", &channel).await?;
    Ok(stage)
}

/// What crosses per request, by name, and in all. The ledger's batches are in it.
async fn per_request(
    stage: &Stage,
    what: &str,
    request: impl AsyncFn() -> Result<Reply>,
) -> Result<f64> {
    for _ in 0..WARM_UP {
        assert_eq!(request().await?.status, 200);
    }
    // What goes on after the responses is over then, and the admin has no calls under way.
    tokio::time::sleep(Duration::from_millis(700)).await;
    stage.gateway.calls()?;
    for _ in 0..COUNTED {
        assert_eq!(request().await?.status, 200);
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    let calls = stage.gateway.calls()?;
    Ok(table(what, &calls))
}

#[expect(clippy::cast_precision_loss, reason = "a few thousands")]
fn table(what: &str, calls: &BTreeMap<String, u64>) -> f64 {
    let each = |count: u64| count as f64 / COUNTED as f64;
    let mut calls: Vec<_> = calls.iter().collect();
    calls.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    println!("{what}:");
    for (name, count) in &calls {
        println!("{:8.2}  {name}", each(**count));
    }
    let all = each(calls.iter().map(|(_, count)| **count).sum());
    println!("{all:8.2}  in all");
    all
}

#[track_caller]
fn assert_within(what: &str, calls: f64, ceiling: f64) {
    assert!(
        calls <= ceiling,
        "{what}: {calls} calls, and the ceiling is {ceiling}"
    );
    // A count of nothing would pass any ceiling; a busy machine joins the pieces of a stream.
    assert!(calls > ceiling / 4.0, "{what}: only {calls} calls");
}

#[tokio::test]
async fn a_plain_chat_and_one_with_limits() -> Outcome {
    if instances_are_single_use() || !has_components() {
        return Ok(());
    }
    let stage = stage().await?;
    let calls = per_request(&stage, "a plain chat", async || stage.chat("m").await).await?;
    assert_within("a plain chat", calls, 100.0);
    let limits = json!({"requests_per_minute": 100_000, "tokens_per_day": 1_000_000_000});
    let body = json!({"name": "limited", "limits": limits});
    let (_, key) = stage.admin.client_key(&body).await?;
    // A change is in force within two seconds.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    let limited = async || {
        let request = stage.http.post(stage.gateway.url("/v1/chat/completions"));
        Reply::of(request.bearer_auth(&key).json(&body)).await
    };
    let calls = per_request(&stage, "a chat with limits", limited).await?;
    assert_within("a chat with limits", calls, 175.0);
    Ok(())
}

#[tokio::test]
async fn a_streamed_chat() -> Outcome {
    if instances_are_single_use() || !has_components() {
        return Ok(());
    }
    let stage = stage().await?;
    let event = |index: usize| {
        format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"w{index} \"}},\"finish_reason\":null}}]}}\n\n"
        )
    };
    let end = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let pieces = (0..EVENTS).map(event).chain([end.to_owned()]);
    // Far enough apart that each comes alone.
    let pieces: Vec<Chunk> = pieces
        .map(|piece| Chunk::after(Duration::from_millis(3), piece))
        .collect();
    stage.upstream.rule(Rule::always(Action::sse(pieces)));
    let streamed = async || stage.whole_stream("m").await;
    let calls = per_request(&stage, "a streamed chat", streamed).await?;
    assert_within("a streamed chat", calls, 620.0);
    Ok(())
}
