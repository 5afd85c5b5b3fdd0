//! Channels and models in trouble.

use std::time::Duration;

use futures_util::future::try_join_all;
use gateway_testkit::upstream::{Action, Chunk, Rule};
use gateway_tests::{IN_FORCE, Stage, eventually};
use serde_json::json;

use super::{
    TICK_US, assert_left_alone, called_at, calls, chat, chat_until_called, first_and_spare, record,
    until_recorded,
};
use crate::Outcome;

/// The first cooldown of a channel.
const COOLDOWN_US: u64 = 5_000_000;
/// One event, and then the stream ends.
const CUT_OFF: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";

fn standing(action: Action, key: &str) -> Rule {
    Rule::always(action).key(key)
}

#[tokio::test]
async fn a_dead_channel_is_left_alone_and_comes_back_by_itself() -> Outcome {
    let rows = [
        ("reset", Action::reset()),
        ("close", Action::close()),
        ("silent", Action::hang()),
    ];
    try_join_all(rows.map(|(model, action)| dies_and_comes_back(model, action))).await?;
    Ok(())
}

/// On a separate gateway, so that its requests come one by one, at one instance.
async fn dies_and_comes_back(model: &str, action: Action) -> Outcome {
    let stage = Stage::start().await?;
    first_and_spare(&stage, model, &json!({"first_byte_timeout_ms": 300})).await?;
    let key = format!("{model}-first");
    stage.upstream.rule(standing(action, &key));
    let reply = chat(&stage, model).await?;
    assert_eq!(reply.header("x-gateway-attempts"), Some("2"), "{model}");
    let called = called_at(&stage, &key, 0)?;
    until_recorded(&stage, None).await?;
    assert_left_alone(&stage, model, &key, called + COOLDOWN_US).await?;
    // The upstream recovers; the gateway is not notified.
    stage.upstream.rule(standing(Action::usual(), &key));
    chat_until_called(&stage, model, &key, 2, Duration::from_secs(5)).await?;
    assert!(
        called_at(&stage, &key, 1)? + TICK_US >= called + COOLDOWN_US,
        "{model}"
    );
    eventually(IN_FORCE, "the channel has its place again", async || {
        let reply = chat(&stage, model).await?;
        Ok(reply.header("x-gateway-channel") == Some(&*key))
    })
    .await
}

#[tokio::test]
async fn server_errors_count_only_three_in_a_row() -> Outcome {
    let stage = Stage::start().await?;
    let rows = [
        ("s500", Action::error(500, "server_error", "broken"), false),
        ("s503", Action::error(503, "busy", "busy"), false),
        ("s408", Action::error(408, "timeout", "slow"), false),
        ("cut-off", Action::sse([Chunk::new(CUT_OFF)]), true),
    ];
    for (model, action, _) in &rows {
        first_and_spare(&stage, model, &json!({})).await?;
        stage
            .upstream
            .rule(standing(action.clone(), &format!("{model}-first")));
    }
    for (model, _, stream) in rows {
        let key = format!("{model}-first");
        for number in 1..=3 {
            let before = record(&stage)?;
            if stream {
                let text = stage.whole_stream(model).await?.text();
                assert!(text.contains("stream_incomplete"), "{model}: {text}");
            } else {
                let reply = chat(&stage, model).await?;
                assert_eq!(reply.header("x-gateway-attempts"), Some("2"), "{model}");
            }
            assert_eq!(calls(&stage, &key), number, "{model}: a hiccup is none");
            until_recorded(&stage, before.as_deref()).await?;
            // Failures of one millisecond count as one, and a fast host answers within one.
            tokio::time::sleep(Duration::from_micros(2 * TICK_US)).await;
        }
        let third = called_at(&stage, &key, 2)?;
        let reply = chat(&stage, model).await?;
        assert_eq!(
            reply.header("x-gateway-attempts"),
            Some("1"),
            "{model}: three are"
        );
        assert_left_alone(&stage, model, &key, third + COOLDOWN_US / 10).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_good_answer_between_server_errors_ends_the_row() -> Outcome {
    let stage = Stage::start().await?;
    first_and_spare(&stage, "m", &json!({})).await?;
    let key = "m-first";
    let broken = || Action::error(500, "server_error", "broken");
    stage.upstream.rule(standing(broken(), key).times(2));
    stage.upstream.rule(standing(Action::usual(), key).times(1));
    stage.upstream.rule(standing(broken(), key).times(2));
    for number in 1..=5 {
        let before = record(&stage)?;
        let reply = chat(&stage, "m").await?;
        let attempts = if number == 3 { "1" } else { "2" };
        assert_eq!(
            reply.header("x-gateway-attempts"),
            Some(attempts),
            "request {number}"
        );
        until_recorded(&stage, before.as_deref()).await?;
        // What begins in the millisecond of a failure is not after it.
        tokio::time::sleep(Duration::from_micros(2 * TICK_US)).await;
    }
    let reply = chat(&stage, "m").await?;
    assert_eq!(
        reply.header("x-gateway-channel"),
        Some(key),
        "two in a row, twice, are not three"
    );
    assert_eq!(calls(&stage, key), 6);
    Ok(())
}

#[tokio::test]
async fn an_unknown_model_concerns_that_model_of_that_channel_only() -> Outcome {
    let stage = Stage::start().await?;
    let members = json!({"keys": ["first", "second"], "models": ["gone", "there"]});
    stage.channel("partial", &members).await?;
    let spare = json!({"keys": ["spare"], "models": ["gone", "there"], "priority": 1});
    stage.channel("spare", &spare).await?;
    let unknown = Action::error(404, "model_not_found", "no such model");
    for key in ["first", "second"] {
        stage
            .upstream
            .rule(standing(unknown.clone(), key).model("gone"));
    }
    let reply = chat(&stage, "gone").await?;
    assert_eq!(reply.header("x-gateway-attempts"), Some("2"));
    until_recorded(&stage, None).await?;
    for _ in 0..20 {
        let reply = chat(&stage, "gone").await?;
        assert_eq!(reply.header("x-gateway-attempts"), Some("1"));
        assert_eq!(reply.header("x-gateway-channel"), Some("spare"));
        let reply = chat(&stage, "there").await?;
        assert_eq!(reply.header("x-gateway-attempts"), Some("1"));
        assert_eq!(reply.header("x-gateway-channel"), Some("partial"));
    }
    let records = stage.upstream.records();
    let asked = records.iter().filter(|record| {
        record.model.as_deref() == Some("gone") && record.key.as_deref() != Some("spare")
    });
    assert_eq!(
        asked.count(),
        1,
        "no other key is tried for the model either"
    );
    Ok(())
}

#[tokio::test]
async fn an_invalid_request_affects_no_other_request() -> Outcome {
    let stage = Stage::start().await?;
    first_and_spare(&stage, "m", &json!({})).await?;
    stage
        .upstream
        .rule(standing(Action::error(400, "bad_value", "no"), "m-first").times(12));
    for number in 1..=12 {
        let reply = stage.chat("m").await?;
        assert_eq!(reply.failure()?, (400, "bad_value".to_owned()));
        assert_eq!(calls(&stage, "m-first"), number);
    }
    assert_eq!(
        chat(&stage, "m").await?.header("x-gateway-channel"),
        Some("m-first")
    );
    assert_eq!(record(&stage)?, None);
    Ok(())
}
