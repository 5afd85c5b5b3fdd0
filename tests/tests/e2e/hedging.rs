//! Hedging: beside an attempt that is late the next candidate starts, the one that answers first wins, and the other
//! call ends.

use std::time::{Duration, Instant};

use anyhow::Result;
use gateway_testkit::upstream::{Action, Chunk, Record, Rule};
use gateway_tests::{Reply, Stage, eventually, store};
use serde_json::{Value, json};

use crate::Outcome;

/// When an attempt counts as late.
const HEDGE_MS: u64 = 300;
/// Within which a call that is not wanted any more has to end.
const ENDS_WITHIN: Duration = Duration::from_millis(1_200);

/// Channels `a`, `b`, … with keys of the same names, one after the other; all but the last are hedged.
async fn chain(stage: &Stage, names: &[&str]) -> Outcome {
    for (place, name) in names.iter().enumerate() {
        let hedge_after = (place + 1 < names.len()).then_some(HEDGE_MS);
        let members = json!({"keys": [name], "models": ["m"], "priority": place, "hedge_after_ms": hedge_after});
        stage.channel(name, &members).await?;
    }
    Ok(())
}

fn script(stage: &Stage, key: &str, action: Action) {
    stage.upstream.rule(Rule::always(action).key(key));
}

/// One chat, streamed or not, read to its end, and how long it took.
async fn ask(stage: &Stage, stream: bool) -> Result<(Reply, Duration)> {
    let start = Instant::now();
    let reply = stage
        .post(
            "/v1/chat/completions",
            &json!({"model": "m", "stream": stream}),
        )
        .await?;
    let text = reply.text();
    assert!(
        reply.status != 200 || !stream || text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    Ok((reply, start.elapsed()))
}

fn assert_from(reply: &Reply, channel: &str, attempts: &str) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("x-gateway-channel"), Some(channel));
    assert_eq!(reply.header("x-gateway-attempts"), Some(attempts));
}

fn assert_unmarked(stage: &Stage) -> Outcome {
    let known = store::value(stage.gateway.state(), store::HEALTH)?;
    assert_eq!(known, None, "to be late is no failure");
    Ok(())
}

/// The last call with a key ends soon, by the gateway's doing.
async fn until_ended(stage: &Stage, key: &str) -> Outcome {
    eventually(
        ENDS_WITHIN,
        &format!("the call with {key} ends"),
        async || {
            let records = stage.upstream.records_of(key);
            Ok(records
                .last()
                .is_some_and(|record: &Record| record.client_gone_at_us.is_some()))
        },
    )
    .await
}

#[tokio::test]
async fn a_late_attempt_is_overtaken_and_its_call_ends() -> Outcome {
    let stage = Stage::start().await?;
    chain(&stage, &["a", "b"]).await?;
    let late_event = Action::sse([
        Chunk::new(": OPENROUTER PROCESSING\n\n"),
        Chunk::after(Duration::from_secs(30), "data: [DONE]\n\n"),
    ]);
    let rows = [
        (false, Action::hang()),
        (true, Action::hang()),
        // A head and comments are no beginning of an answer.
        (true, late_event),
        (false, Action::usual().body_after(Duration::from_secs(30))),
    ];
    for (number, (stream, action)) in (1..).zip(rows) {
        script(&stage, "a", action);
        let (reply, time) = ask(&stage, stream).await?;
        assert_from(&reply, "b", "2");
        assert!(
            time >= Duration::from_millis(HEDGE_MS),
            "row {number}: {time:?}"
        );
        assert!(time < Duration::from_secs(2), "row {number}: {time:?}");
        until_ended(&stage, "a").await?;
        // The next row finds it in its place, since nothing is held against it.
        assert_eq!(stage.upstream.records_of("a").len(), number, "row {number}");
        assert_unmarked(&stage)?;
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_in_time_is_left_in_peace() -> Outcome {
    let stage = Stage::start().await?;
    chain(&stage, &["a", "b"]).await?;
    let pause = Duration::from_millis(HEDGE_MS / 3);
    script(&stage, "a", Action::usual().after(pause));
    for stream in [false, true] {
        let (reply, _) = ask(&stage, stream).await?;
        assert_from(&reply, "a", "1");
    }
    // Long streams are not late: they have begun.
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    let events = (0..8).map(|_| Chunk::after(pause, event));
    script(
        &stage,
        "a",
        Action::sse(events.chain([Chunk::new("data: [DONE]\n\n")])),
    );
    let (reply, time) = ask(&stage, true).await?;
    assert_from(&reply, "a", "1");
    assert!(time > Duration::from_millis(HEDGE_MS));
    assert!(stage.upstream.records_of("b").is_empty());
    assert_unmarked(&stage)
}

#[tokio::test]
async fn the_late_attempt_may_still_win() -> Outcome {
    let stage = Stage::start().await?;
    chain(&stage, &["a", "b"]).await?;
    script(
        &stage,
        "a",
        Action::usual().after(Duration::from_millis(HEDGE_MS * 2)),
    );
    script(&stage, "b", Action::hang());
    for stream in [false, true] {
        let (reply, time) = ask(&stage, stream).await?;
        assert_from(&reply, "a", "2");
        assert!(time < Duration::from_secs(2), "{time:?}");
        until_ended(&stage, "b").await?;
    }
    // A candidate beside it that fails changes nothing for the client.
    script(&stage, "b", Action::error(500, "server_error", "broken"));
    for stream in [false, true] {
        let (reply, _) = ask(&stage, stream).await?;
        assert_from(&reply, "a", "2");
    }
    Ok(())
}

#[tokio::test]
async fn failures_go_on_at_once_and_both_are_reported() -> Outcome {
    let stage = Stage::start().await?;
    chain(&stage, &["alpha", "beta"]).await?;
    script(
        &stage,
        "alpha",
        Action::error(500, "server_error", "broken").after(Duration::from_millis(20)),
    );
    let (reply, time) = ask(&stage, false).await?;
    assert_from(&reply, "beta", "2");
    assert!(
        time < Duration::from_millis(HEDGE_MS),
        "no request waits to be hedged: {time:?}"
    );
    script(&stage, "beta", Action::error(503, "busy", "busy"));
    script(
        &stage,
        "alpha",
        Action::error(500, "server_error", "broken").after(Duration::from_millis(HEDGE_MS * 2)),
    );
    let (reply, _) = ask(&stage, false).await?;
    assert_eq!(
        reply.failure()?,
        (502, "upstream_failed".to_owned()),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("x-gateway-attempts"), Some("2"));
    let message = reply.message()?;
    for part in ["alpha", "500", "beta", "503"] {
        assert_eq!(message.matches(part).count(), 1, "{part} in {message}");
    }
    Ok(())
}

#[tokio::test]
async fn hedges_are_hedged_and_keys_are_candidates_too() -> Outcome {
    let stage = Stage::start().await?;
    chain(&stage, &["a", "b", "c"]).await?;
    let keys = json!({"keys": ["k0", "k1"], "models": ["two-keys"], "hedge_after_ms": HEDGE_MS});
    stage.channel("keys", &keys).await?;
    for key in ["a", "b"] {
        script(&stage, key, Action::hang());
    }
    let (reply, time) = ask(&stage, true).await?;
    assert_from(&reply, "c", "3");
    assert!(time >= Duration::from_millis(HEDGE_MS * 2), "{time:?}");
    until_ended(&stage, "a").await?;
    until_ended(&stage, "b").await?;

    stage
        .upstream
        .rule(Rule::always(Action::hang()).model("two-keys").times(1));
    let reply = stage.chat("two-keys").await?;
    assert_from(&reply, "keys", "2");
    assert_eq!(stage.upstream.records_of("k0").len(), 1);
    assert_eq!(stage.upstream.records_of("k1").len(), 1);
    Ok(())
}

#[tokio::test]
async fn without_it_no_attempt_is_hedged() -> Outcome {
    let stage = Stage::start().await?;
    let created = stage
        .channel("a", &json!({"keys": ["a"], "models": ["m"]}))
        .await?;
    assert_eq!(
        created.get("hedge_after_ms").unwrap_or(&Value::Null),
        &Value::Null,
        "off unless configured"
    );
    stage
        .channel("b", &json!({"keys": ["b"], "models": ["m"], "priority": 1}))
        .await?;
    script(
        &stage,
        "a",
        Action::usual().after(Duration::from_millis(HEDGE_MS * 3)),
    );
    let (reply, _) = ask(&stage, false).await?;
    assert_from(&reply, "a", "1");
    assert!(stage.upstream.records_of("b").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_key_that_has_to_wait_is_no_hedge() -> Outcome {
    let stage = Stage::start().await?;
    chain(&stage, &["a", "b"]).await?;
    let throttled = Action::error(429, "rate_limit_exceeded", "slow").header("retry-after", "600");
    script(&stage, "b", throttled);
    script(&stage, "a", Action::error(500, "server_error", "broken"));
    let (reply, _) = ask(&stage, false).await?;
    assert_eq!(
        reply.header("x-gateway-attempts"),
        Some("2"),
        "{}",
        reply.text()
    );
    let what = "what was learned is in the store";
    eventually(ENDS_WITHIN, what, async || {
        let known = store::value(stage.gateway.state(), store::HEALTH)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&known).contains("429"))
    })
    .await?;
    // Late, but there is no better one: the other one has said when it may be called again.
    script(
        &stage,
        "a",
        Action::usual().after(Duration::from_millis(HEDGE_MS * 3)),
    );
    let (reply, _) = ask(&stage, false).await?;
    assert_from(&reply, "a", "1");
    assert_eq!(stage.upstream.records_of("b").len(), 1);
    Ok(())
}
