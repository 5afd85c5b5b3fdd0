//! Clients that disconnect: the upstream's request must end with them, at any stage.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Stage, eventually, store};
use serde_json::{Value, json};

use crate::Outcome;

/// The contract's second, and some for the record to be read.
const WITHIN: Duration = Duration::from_millis(1_200);

#[tokio::test]
async fn leaving_a_stream_ends_the_upstreams_request() -> Outcome {
    let stage = Stage::with_channel().await?;
    let first = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
    stage.upstream.rule(Rule::always(
        Action::sse([Chunk::new(first)]).then(End::Hang),
    ));
    let mut body = stage.stream("m").await?.bytes_stream();
    assert!(body.next().await.is_some());
    assert_eq!(stage.upstream.records()[0].client_gone_at_us, None);
    drop(body);
    eventually(WITHIN, "the upstream sees the stream's end", async || {
        Ok(stage.upstream.records()[0].client_gone_at_us.is_some())
    })
    .await
}

/// Sends a request, waits until every one of `keys` is waited for, and leaves: all those calls end, and no other begins.
async fn leave(stage: &Stage, stream: bool, keys: &[&str]) -> Outcome {
    let body = json!({"model": "m", "stream": stream, "messages": []}).to_string();
    let request = stage.request("/v1/chat/completions").body(body);
    // The body is part of what is waited for.
    let waiting = tokio::spawn(async move { request.send().await?.bytes().await });
    let is_open = |key: &str| {
        let records = stage.upstream.records_of(key);
        records.last().is_some_and(|record| {
            record.client_gone_at_us.is_none() && record.ended_at_us.is_none()
        })
    };
    eventually(
        Duration::from_secs(5),
        "the calls are under way",
        async || Ok(keys.iter().all(|key| is_open(key))),
    )
    .await?;
    let before = stage.upstream.records().len();
    waiting.abort();
    let left = Instant::now();
    eventually(WITHIN, "the upstream sees the calls' end", async || {
        Ok(!keys.iter().any(|key| is_open(key)))
    })
    .await?;
    assert!(left.elapsed() < WITHIN);
    assert_eq!(
        stage.upstream.records().len(),
        before,
        "no retry without a client"
    );
    Ok(())
}

/// Channels `a`, `b`, … with keys of the same names.
async fn channels(stage: &Stage, names: &[&str], members: &Value) -> Outcome {
    for (place, name) in names.iter().enumerate() {
        let mut channel = json!({"keys": [name], "models": ["m"], "priority": place});
        for (member, value) in members.as_object().into_iter().flatten() {
            channel[member] = value.clone();
        }
        stage.channel(name, &channel).await?;
    }
    Ok(())
}

fn script(stage: &Stage, key: &str, action: Action) {
    stage.upstream.rule(Rule::always(action).key(key));
}

#[tokio::test]
async fn leaving_before_the_first_byte_ends_the_upstreams_request() -> Outcome {
    let stage = Stage::start().await?;
    channels(&stage, &["a", "b"], &json!({})).await?;
    let half = Action::raw(200, "application/json", "{\"id\":").then(End::Hang);
    let comment = Action::sse([Chunk::new(": ping\n\n")]).then(End::Hang);
    for (stream, action) in [
        (false, Action::hang()),
        (true, Action::hang()),
        (false, half),
        (true, comment),
    ] {
        script(&stage, "a", action);
        leave(&stage, stream, &["a"]).await?;
    }
    assert!(stage.upstream.records_of("b").is_empty());
    Ok(())
}

#[tokio::test]
async fn leaving_during_a_failover_ends_what_is_under_way() -> Outcome {
    let stage = Stage::start().await?;
    channels(&stage, &["a", "b", "c"], &json!({})).await?;
    script(
        &stage,
        "a",
        Action::error(429, "rate_limit_exceeded", "slow").header("retry-after", "600"),
    );
    script(&stage, "b", Action::hang());
    for stream in [false, true] {
        leave(&stage, stream, &["b"]).await?;
    }
    assert!(!stage.upstream.records_of("a").is_empty());
    assert!(stage.upstream.records_of("c").is_empty());
    Ok(())
}

#[tokio::test]
async fn leaving_during_a_hedge_ends_both() -> Outcome {
    let stage = Stage::start().await?;
    channels(&stage, &["a", "b"], &json!({"hedge_after_ms": 200})).await?;
    script(&stage, "a", Action::hang());
    script(&stage, "b", Action::hang());
    for stream in [false, true] {
        leave(&stage, stream, &["a", "b"]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn leaving_changes_nothing_that_is_known() -> Outcome {
    let stage = Stage::start().await?;
    channels(&stage, &["a", "b"], &json!({})).await?;
    script(&stage, "a", Action::hang());
    for _ in 0..5 {
        leave(&stage, false, &["a"]).await?;
    }
    script(&stage, "a", Action::usual());
    let reply = stage.chat("m").await?;
    assert_eq!(
        reply.header("x-gateway-channel"),
        Some("a"),
        "impatience is not its fault"
    );
    let known = store::value(stage.gateway.state(), store::HEALTH)?;
    let known = known.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert_eq!(known, None, "nor anybody else's");
    Ok(())
}
