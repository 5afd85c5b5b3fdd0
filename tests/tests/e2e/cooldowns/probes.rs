//! The end of a cooldown: one request tries, and all others go where it works until that one knows.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::{join_all, try_join};
use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{IN_FORCE, Stage, eventually, instances_are_single_use, now_us};
use serde_json::json;

use super::{called_at, calls, chat, chat_until_called, first_and_spare, record, until_recorded};
use crate::Outcome;

const AT_ONCE: usize = 20;
/// How long the one that tries waits for nothing.
const SILENCE_MS: u64 = 2_000;

/// Two channels, of which the first waits only for a while.
async fn prepare(stage: &Stage, model: &str) -> Outcome {
    let members = json!({"first_byte_timeout_ms": SILENCE_MS, "connect_timeout_ms": 500});
    first_and_spare(stage, model, &members).await
}

/// Lets the first channel fail once, and waits until its cooldown is over.
async fn cooled(stage: &Stage, model: &str, action: Action, cooldown: Duration) -> Outcome {
    let key = format!("{model}-first");
    stage.upstream.rule(Rule::always(action).key(&key).times(1));
    let before = record(stage)?;
    let reply = chat(stage, model).await?;
    assert_eq!(reply.header("x-gateway-attempts"), Some("2"), "{model}");
    until_recorded(stage, before.as_deref()).await?;
    // The upstream answered within moments of the call, and cooling begins with the answer.
    let end = called_at(stage, &key, 0)? + u64::try_from(cooldown.as_micros())? + 300_000;
    eventually(
        cooldown + Duration::from_secs(1),
        "the cooldown's end",
        async || Ok(now_us() > end),
    )
    .await
}

async fn one_of_many_tries(stage: &Stage, model: &str) -> Outcome {
    let key = format!("{model}-first");
    stage.upstream.rule(Rule::always(Action::hang()).key(&key));
    let timed = (0..AT_ONCE).map(async |_| {
        let start = Instant::now();
        let reply = chat(stage, model).await?;
        anyhow::Ok((reply, start.elapsed()))
    });
    let replies = join_all(timed)
        .await
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(
        calls(stage, &key),
        2,
        "{model}: the one that failed, and the one that tried"
    );
    let mut tried = 0;
    for (reply, time) in replies {
        assert_eq!(
            reply.header("x-gateway-channel"),
            Some(&*format!("{model}-spare")),
            "{model}"
        );
        if reply.header("x-gateway-attempts") == Some("2") {
            tried += 1;
            assert!(
                time >= Duration::from_millis(SILENCE_MS),
                "{model}: {time:?}"
            );
        } else {
            assert_eq!(reply.header("x-gateway-attempts"), Some("1"), "{model}");
            assert!(
                time < Duration::from_millis(SILENCE_MS - 300),
                "{model}: held up for {time:?}"
            );
        }
    }
    assert_eq!(tried, 1, "{model}");
    // Its failure is a new cooldown.
    assert_eq!(
        chat(stage, model).await?.header("x-gateway-attempts"),
        Some("1"),
        "{model}"
    );
    Ok(())
}

#[tokio::test]
async fn one_request_of_many_tries_what_has_cooled() -> Outcome {
    let stage = Stage::start().await?;
    for model in ["channel", "key"] {
        prepare(&stage, model).await?;
    }
    let throttled = Action::error(429, "rate_limit_exceeded", "slow").header("retry-after", "1");
    // The reset comes first: on a connection that is kept from another call it would be repeated.
    cooled(&stage, "channel", Action::reset(), Duration::from_secs(5)).await?;
    one_of_many_tries(&stage, "channel").await?;
    cooled(&stage, "key", throttled, Duration::from_secs(1)).await?;
    one_of_many_tries(&stage, "key").await
}

#[tokio::test]
async fn a_client_that_leaves_lets_the_next_request_try() -> Outcome {
    try_join(leave_a_probe(false), leave_a_probe(true)).await?;
    Ok(())
}

async fn leave_a_probe(stream: bool) -> Outcome {
    let stage = Stage::start().await?;
    prepare(&stage, "m").await?;
    let throttled = Action::error(429, "rate_limit_exceeded", "slow").header("retry-after", "1");
    cooled(&stage, "m", throttled, Duration::from_secs(1)).await?;
    let key = "m-first";
    stage
        .upstream
        .rule(Rule::always(Action::hang()).key(key).times(1));
    let body = json!({"model": "m", "stream": stream}).to_string();
    let trying = tokio::spawn(stage.request("/v1/chat/completions").body(body).send());
    eventually(Duration::from_secs(2), "a request probes", async || {
        Ok(calls(&stage, key) == 2)
    })
    .await?;
    trying.abort();
    eventually(
        Duration::from_millis(1_200),
        "the call ends with its client",
        async || {
            Ok(stage.upstream.records_of(key)[1]
                .client_gone_at_us
                .is_some())
        },
    )
    .await?;
    // An instance that ends with its only request gives nothing back; then its right ends by itself, after the
    // channel's time to a connection and a first byte and at most a second.
    let limit = if instances_are_single_use() {
        Duration::from_millis(SILENCE_MS + 500) + Duration::from_secs(2)
    } else {
        IN_FORCE
    };
    chat_until_called(&stage, "m", key, 3, limit).await?;
    eventually(IN_FORCE, "it works", async || {
        Ok(chat(&stage, "m").await?.header("x-gateway-channel") == Some(key))
    })
    .await
}
