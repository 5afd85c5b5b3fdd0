//! What one instance learns, others know; while all is well, nothing is written; a store in trouble changes nothing.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{
    Admin, Gateway, IN_FORCE, Reply, Setup, Stage, client, eventually, instances_are_single_use,
    store,
};
use serde_json::json;

use super::{calls, chat, chat_until_called, record, until_recorded, until_seen};
use crate::Outcome;

fn throttled(seconds: &str) -> Action {
    Action::error(429, "rate_limit_exceeded", "slow down").header("retry-after", seconds)
}

/// A channel whose key `bad` is over its limit for long, and whose key `good` works.
async fn two_keys(stage: &Stage) -> Result<serde_json::Value> {
    stage
        .upstream
        .rule(Rule::always(throttled("600")).key("bad"));
    let members = json!({"keys": ["bad", "good"], "models": ["m"]});
    stage.channel("two", &members).await
}

#[tokio::test]
async fn other_instances_know_within_two_seconds() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel("two", &json!({"keys": ["bad", "good"], "models": ["m"]}))
        .await?;
    // More than one instance takes at once, so that there are several.
    let burst = || try_join_all((0..150).map(|_| chat(&stage, "m")));
    let late = Action::usual().after(Duration::from_millis(150));
    stage.upstream.rule(Rule::always(late));
    burst().await?;
    assert!(calls(&stage, "bad") > 0);
    stage
        .upstream
        .rule(Rule::always(throttled("600")).key("bad"));
    chat_until_called(
        &stage,
        "m",
        "bad",
        calls(&stage, "bad") + 1,
        Duration::from_secs(5),
    )
    .await?;
    eventually(IN_FORCE, "every instance knows", async || {
        let before = calls(&stage, "bad");
        burst().await?;
        Ok(calls(&stage, "bad") == before)
    })
    .await?;
    let before = calls(&stage, "bad");
    for _ in 0..3 {
        burst().await?;
    }
    assert_eq!(calls(&stage, "bad"), before);
    Ok(())
}

#[tokio::test]
async fn a_restart_keeps_what_was_learned() -> Outcome {
    let directory = tempfile::tempdir()?;
    let setup = Setup::default().state(directory.path());
    let stage = Stage::start_with(&setup).await?;
    let channel = two_keys(&stage).await?;
    chat_until_called(&stage, "m", "bad", 1, Duration::from_secs(5)).await?;
    until_recorded(&stage, None).await?;
    let Stage {
        gateway,
        upstream,
        key,
        ..
    } = stage;
    gateway.stop()?;

    let gateway = Gateway::start(&setup)?;
    for _ in 0..20 {
        let chat = client()?
            .post(gateway.url("/v1/chat/completions"))
            .bearer_auth(&key);
        let reply = Reply::of(chat.json(&json!({"model": "m"}))).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("x-gateway-attempts"), Some("1"));
    }
    assert_eq!(upstream.records_of("bad").len(), 1);
    let id = channel["id"].as_str().unwrap_or_default();
    let seen = Admin::login(&gateway)
        .await?
        .get(&format!("/channels/{id}"))
        .await?;
    assert_eq!(seen["keys"][0]["status"], "cooling", "{seen}");
    Ok(())
}

#[tokio::test]
async fn good_requests_write_nothing() -> Outcome {
    let stage = Stage::start().await?;
    let channel = two_keys(&stage).await?;
    stage
        .channel("well", &json!({"keys": ["well"], "models": ["w"]}))
        .await?;
    let rounds = async || -> Outcome {
        for number in 0..200 {
            if number % 4 == 0 {
                let reply = stage.whole_stream("w").await?;
                assert!(reply.text().ends_with("data: [DONE]\n\n"));
            } else {
                chat(&stage, "w").await?;
            }
        }
        Ok(())
    };
    rounds().await?;
    assert_eq!(record(&stage)?, None, "nothing is known of anybody");

    // Nor when something is known of others.
    chat_until_called(&stage, "m", "bad", 1, Duration::from_secs(5)).await?;
    until_recorded(&stage, None).await?;
    until_seen(&stage, &channel, 0, "cooling").await?;
    let known = record(&stage)?;
    rounds().await?;
    for _ in 0..50 {
        chat(&stage, "m").await?;
    }
    assert_eq!(
        record(&stage)?,
        known,
        "the good keys and channels changed nothing"
    );
    Ok(())
}

#[tokio::test]
async fn a_store_that_cannot_be_written_delays_no_request() -> Outcome {
    let stage = Stage::start().await?;
    two_keys(&stage).await?;
    stage
        .channel("well", &json!({"keys": ["well"], "models": ["w"]}))
        .await?;
    chat(&stage, "w").await?;
    let lock = store::open(stage.gateway.state())?;
    lock.execute_batch("BEGIN IMMEDIATE")?;
    let end = Instant::now() + Duration::from_secs(3);
    let mut slowest = Duration::ZERO;
    while Instant::now() < end {
        for model in ["m", "w"] {
            let start = Instant::now();
            chat(&stage, model).await?;
            slowest = slowest.max(start.elapsed());
        }
    }
    assert!(
        slowest < Duration::from_secs(1),
        "a request took {slowest:?}"
    );
    if !instances_are_single_use() {
        assert_eq!(
            calls(&stage, "bad"),
            1,
            "the instance knows what it cannot write"
        );
    }
    assert_eq!(record(&stage)?, None);
    lock.execute_batch("ROLLBACK")?;
    // Instances that have ended took it with them; the next one learns it again.
    eventually(
        Duration::from_secs(8),
        "it is written after all",
        async || {
            chat(&stage, "m").await?;
            Ok(record(&stage)?.is_some())
        },
    )
    .await
}

#[tokio::test]
async fn a_store_that_fails_leaves_what_the_instance_knows_in_force() -> Outcome {
    let stage = Stage::start().await?;
    two_keys(&stage).await?;
    stage
        .channel("well", &json!({"keys": ["well"], "models": ["w"]}))
        .await?;
    chat(&stage, "w").await?;
    let break_store = |statement: &str| {
        store::open(stage.gateway.state())?
            .execute_batch(statement)
            .map_err(anyhow::Error::from)
    };
    break_store("ALTER TABLE spin_key_value RENAME TO hidden")?;
    // Longer than a configuration is believed without a look at the store.
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        let reply = stage.chat("m").await?;
        // An instance that begins has nothing to go by, and says so.
        if instances_are_single_use() {
            assert_eq!(reply.failure()?, (503, "store_unavailable".to_owned()));
        } else {
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let expected = usize::from(!instances_are_single_use());
    assert_eq!(calls(&stage, "bad"), expected, "known without a store");
    break_store("ALTER TABLE hidden RENAME TO spin_key_value")?;
    eventually(
        Duration::from_secs(5),
        "it is written after all",
        async || Ok(stage.chat("m").await?.status == 200 && record(&stage)?.is_some()),
    )
    .await?;
    assert_eq!(calls(&stage, "bad"), 1);
    Ok(())
}
