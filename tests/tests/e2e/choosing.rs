//! Which channel and which key get a request: priority, weight, rotation. Statistical assertions allow
//! six standard deviations.

use std::collections::BTreeMap;

use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::Stage;
use serde_json::json;

use crate::Outcome;

/// How many requests each upstream key got, after `count` chats that all succeed.
async fn shares(stage: &Stage, model: &str, count: usize) -> anyhow::Result<BTreeMap<String, u32>> {
    for _ in 0..count {
        let reply = stage.chat(model).await?;
        anyhow::ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
    }
    let mut shares = BTreeMap::new();
    for record in stage.upstream.records() {
        *shares.entry(record.key.unwrap_or_default()).or_default() += 1;
    }
    Ok(shares)
}

#[tokio::test]
async fn the_lowest_priority_goes_first_whatever_the_weights() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "later",
            &json!({"keys": ["later"], "models": ["m"], "priority": 5, "weight": 1000}),
        )
        .await?;
    stage
        .channel(
            "first",
            &json!({"keys": ["first"], "models": ["m"], "priority": 1}),
        )
        .await?;
    assert_eq!(
        shares(&stage, "m", 40).await?,
        BTreeMap::from([("first".to_owned(), 40)])
    );
    Ok(())
}

#[tokio::test]
async fn shares_follow_the_weights() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "heavy",
            &json!({"keys": ["heavy"], "models": ["m"], "weight": 3}),
        )
        .await?;
    // No model list: it serves every model.
    stage
        .channel("light", &json!({"keys": ["light"], "weight": 1}))
        .await?;
    let shares = shares(&stage, "m", 400).await?;
    let heavy = shares.get("heavy").copied().unwrap_or_default();
    assert!((248..=352).contains(&heavy), "{shares:?}");
    Ok(())
}

#[tokio::test]
async fn weight_zero_is_for_when_nothing_else_is_left() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "spare",
            &json!({"keys": ["spare"], "models": ["m"], "weight": 0}),
        )
        .await?;
    stage
        .channel(
            "usual",
            &json!({"keys": ["usual"], "models": ["m"], "weight": 1}),
        )
        .await?;
    assert_eq!(
        shares(&stage, "m", 40).await?,
        BTreeMap::from([("usual".to_owned(), 40)])
    );
    stage
        .upstream
        .rule(Rule::always(Action::error(500, "down", "down")).key("usual"));
    let reply = stage.chat("m").await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(stage.upstream.records_of("spare").len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_keys_of_a_channel_are_used_evenly() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel("three", &json!({"keys": ["a", "b", "c"], "models": ["m"]}))
        .await?;
    let shares = shares(&stage, "m", 300).await?;
    assert_eq!(shares.len(), 3, "{shares:?}");
    assert!(
        shares.values().all(|share| (51..=149).contains(share)),
        "{shares:?}"
    );
    Ok(())
}

#[tokio::test]
async fn disabled_channels_and_keys_get_nothing() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "off",
            &json!({"keys": ["off"], "models": ["m"], "enabled": false}),
        )
        .await?;
    let channel = stage
        .channel(
            "on",
            &json!({"keys": ["kept", "disabled"], "models": ["m"]}),
        )
        .await?;
    let id = channel["id"].as_str().unwrap_or_default();
    let keys = json!({"keys": [{"id": channel["keys"][0]["id"]}, {"id": channel["keys"][1]["id"], "enabled": false}]});
    stage.admin.patch(&format!("/channels/{id}"), &keys).await?;
    assert_eq!(
        shares(&stage, "m", 30).await?,
        BTreeMap::from([("kept".to_owned(), 30)])
    );
    Ok(())
}
