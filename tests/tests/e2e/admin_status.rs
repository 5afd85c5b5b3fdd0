//! The dry run and the overview of all upstreams, on the shipped components: what the proxy found out, the admin shows.

use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{IN_FORCE, Stage, eventually, workspace_root};
use serde_json::json;

use crate::Outcome;

#[tokio::test]
async fn what_the_proxy_learns_the_admin_shows_until_it_is_forgotten() -> Outcome {
    let stage = Stage::start().await?;
    let good = stage
        .channel(
            "good",
            &json!({"keys": ["k-good"], "models": ["m"], "priority": 1}),
        )
        .await?;
    let busy = stage
        .channel(
            "busy",
            &json!({"keys": ["k-busy-key-0123456"], "models": ["m"]}),
        )
        .await?;
    let throttle = Action::error(429, "rate_limit_exceeded", "slow down, k-busy-key-0123456");
    stage
        .upstream
        .rule(Rule::always(throttle.header("retry-after", "120")).key("k-busy-key-0123456"));
    let order = async || {
        let answer = stage.admin.get("/route?model=m").await?;
        let rows = answer["data"].as_array().cloned().unwrap_or_default();
        anyhow::Ok(
            rows.into_iter()
                .map(|row| row["channel"]["name"].clone())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(order().await?, ["busy", "good"]);
    assert_eq!(stage.chat("m").await?.status, 200);
    eventually(IN_FORCE, "the admin knows that a key cools", async || {
        Ok(order().await? == ["good", "busy"])
    })
    .await?;

    let status = stage.admin.get("/status").await?;
    assert_eq!(status["data"][0]["keys"][0]["state"], "ready");
    let key = &status["data"][1]["keys"][0];
    assert_eq!(
        (&key["state"], &key["reason"]),
        (&json!("cooling"), &json!("throttled")),
        "{key}"
    );
    assert!(key["until"].as_str() > status["now"].as_str(), "{status}");
    assert_eq!(key["detail"], "429: slow down, k-bu…3456");
    let shown = stage.admin.get("/channels").await?;
    assert_eq!(shown["data"][1]["keys"][0]["until"], key["until"]);

    // An import that changes the channel, and an admin who changes it, may have repaired it.
    let mut document = stage.admin.get("/config").await?;
    document["channels"][1]["weight"] = json!(2);
    stage
        .admin
        .ok(reqwest::Method::PUT, "/config", Some(&document))
        .await?;
    assert_eq!(order().await?, ["busy", "good"]);
    for channel in [&good, &busy] {
        let path = format!("/channels/{}", channel["id"].as_str().unwrap_or_default());
        stage.admin.patch(&path, &json!({"enabled": false})).await?;
    }
    let answer = stage.admin.get("/route?model=m").await?;
    assert_eq!(answer["data"], json!([]));
    let reasons: Vec<_> = answer["excluded"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| &row["reason"])
        .collect();
    assert_eq!(reasons, ["disabled", "disabled"]);
    Ok(())
}

#[tokio::test]
async fn the_api_describes_itself_in_the_words_of_the_repository() -> Outcome {
    let stage = Stage::start().await?;
    let path = workspace_root().join("crates/gateway-core/src/admin/openapi.json");
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    assert_eq!(stage.admin.get("/openapi.json").await?, kept);
    assert!(kept["paths"]["/config"]["put"].is_object());
    Ok(())
}
