//! Timeouts: to the first byte, between two pieces, and of the whole request. Each ends the upstream's connection.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use gateway_testkit::upstream::{Action, Chunk, End, Rule, Unaccepting};
use gateway_tests::{Stage, eventually};
use serde_json::{Value, json};

use crate::Outcome;

/// Every timeout of these tests.
const TIMEOUT_MS: u64 = 600;
const FIRST: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";

/// One channel with the key `k` for the model `m`, and one behind it.
async fn pair(stage: &Stage, members: &Value) -> Outcome {
    let mut first = json!({"keys": ["k"], "models": ["m"]});
    for (member, value) in members.as_object().into_iter().flatten() {
        first[member] = value.clone();
    }
    stage.channel("first", &first).await?;
    let spare = json!({"keys": ["spare"], "models": ["m"], "priority": 1});
    stage.channel("spare", &spare).await?;
    Ok(())
}

fn script(stage: &Stage, action: Action) {
    stage.upstream.rule(Rule::always(action).key("k"));
}

/// The call with `k` was ended by the gateway when its time was over, within a second. `quiet_ms` is how long the
/// upstream worked before it fell silent.
async fn assert_ended(stage: &Stage, quiet_ms: u64) -> Outcome {
    let gone_after = || -> Result<Option<u64>> {
        let records = stage.upstream.records_of("k");
        let record = records.last().context("a call")?;
        Ok(record
            .client_gone_at_us
            .map(|gone| gone.saturating_sub(record.at_us)))
    };
    eventually(Duration::from_secs(3), "the call ends", async || {
        Ok(gone_after()?.is_some())
    })
    .await?;
    let waited_ms = gone_after()?.unwrap_or_default() / 1_000;
    let due = TIMEOUT_MS + quiet_ms;
    assert!(
        (due - 50..due + 1_000).contains(&waited_ms),
        "ended after {waited_ms} ms, due after {due} ms"
    );
    Ok(())
}

#[tokio::test]
async fn no_first_byte_ends_the_call_and_goes_on() -> Outcome {
    for stream in [false, true] {
        let stage = Stage::start().await?;
        pair(&stage, &json!({"first_byte_timeout_ms": TIMEOUT_MS})).await?;
        script(&stage, Action::hang());
        let reply = stage
            .post(
                "/v1/chat/completions",
                &json!({"model": "m", "stream": stream}),
            )
            .await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("x-gateway-attempts"), Some("2"));
        assert_ended(&stage, 0).await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_connection_goes_on_in_time() -> Outcome {
    let unaccepting = Unaccepting::new()?;
    for stream in [false, true] {
        let stage = Stage::start().await?;
        let members = json!({"base_url": unaccepting.base_url(), "connect_timeout_ms": TIMEOUT_MS});
        pair(&stage, &members).await?;
        let start = Instant::now();
        let reply = stage
            .post(
                "/v1/chat/completions",
                &json!({"model": "m", "stream": stream}),
            )
            .await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("x-gateway-attempts"), Some("2"));
        let time = start.elapsed();
        assert!(time < Duration::from_millis(TIMEOUT_MS + 1_000), "{time:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_stops_halfway_ends_the_call() -> Outcome {
    let half = Action::raw(200, "application/json", "{\"id\":\"c\",\"choices\":[{\"ind");
    let comments = Action::sse([Chunk::new(": ping\n\n")]);
    // Before the first event the next candidate takes over unseen, streaming or not.
    for (stream, action) in [(false, half), (true, comments)] {
        let stage = Stage::start().await?;
        pair(&stage, &json!({"idle_timeout_ms": TIMEOUT_MS})).await?;
        script(&stage, action.then(End::Hang));
        let reply = stage
            .post(
                "/v1/chat/completions",
                &json!({"model": "m", "stream": stream}),
            )
            .await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("x-gateway-attempts"), Some("2"));
        assert!(!reply.text().contains("error"), "{}", reply.text());
        assert_ended(&stage, 0).await?;
    }
    // After it the client gets an error.
    let stage = Stage::start().await?;
    pair(&stage, &json!({"idle_timeout_ms": TIMEOUT_MS})).await?;
    let pause = Duration::from_millis(200);
    let events = [
        Chunk::new(FIRST),
        Chunk::after(pause, FIRST),
        Chunk::after(pause, FIRST),
    ];
    script(&stage, Action::sse(events).then(End::Hang));
    let reply = stage.whole_stream("m").await?;
    let text = reply.text();
    assert_eq!(text.matches("stream_incomplete").count(), 1, "{text}");
    assert!(!text.contains("[DONE]"), "{text}");
    assert_ended(&stage, 400).await?;
    assert!(stage.upstream.records_of("spare").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_slow_but_alive_goes_on() -> Outcome {
    let stage = Stage::start().await?;
    pair(
        &stage,
        &json!({"idle_timeout_ms": TIMEOUT_MS, "first_byte_timeout_ms": TIMEOUT_MS}),
    )
    .await?;
    let pause = Duration::from_millis(TIMEOUT_MS / 2);
    let mut chunks: Vec<Chunk> = (0..3).map(|_| Chunk::after(pause, FIRST)).collect();
    // Signs of life in between count as well.
    chunks.extend((0..4).map(|_| Chunk::after(pause, ": still here\n\n")));
    chunks.push(Chunk::new("data: [DONE]\n\n"));
    script(&stage, Action::sse(chunks));
    let reply = stage.whole_stream("m").await?;
    let text = reply.text();
    assert_eq!(reply.header("x-gateway-channel"), Some("first"), "{text}");
    assert!(
        text.ends_with("data: [DONE]\n\n") && !text.contains("error"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn the_total_time_ends_everything() -> Outcome {
    let pings = (0..100).map(|_| Chunk::after(Duration::from_millis(50), ": ping\n\n"));
    let rows = [
        (false, Action::hang()),
        (true, Action::hang()),
        // Comments keep a connection open, but are no answer.
        (true, Action::sse(pings)),
        (false, Action::usual().body_after(Duration::from_secs(30))),
    ];
    for (number, (stream, action)) in rows.into_iter().enumerate() {
        let stage = Stage::start().await?;
        pair(&stage, &json!({})).await?;
        stage
            .settings(&json!({"total_timeout_ms": TIMEOUT_MS}))
            .await?;
        script(&stage, action);
        let start = Instant::now();
        let reply = stage
            .post(
                "/v1/chat/completions",
                &json!({"model": "m", "stream": stream}),
            )
            .await?;
        let time = start.elapsed();
        assert_eq!(
            reply.failure()?,
            (504, "upstream_timeout".to_owned()),
            "row {number}: {}",
            reply.text()
        );
        assert_eq!(
            reply.header("x-gateway-attempts"),
            Some("1"),
            "row {number}"
        );
        assert_eq!(
            reply.header("x-should-retry"),
            Some("false"),
            "row {number}"
        );
        assert!(
            time < Duration::from_millis(TIMEOUT_MS + 1_000),
            "row {number}: {time:?}"
        );
        assert_ended(&stage, 0).await?;
        assert!(
            stage.upstream.records_of("spare").is_empty(),
            "row {number}: no time is left for it"
        );
    }
    Ok(())
}
