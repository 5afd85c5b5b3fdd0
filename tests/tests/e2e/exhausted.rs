//! What the client gets when no candidate is left.

use gateway_testkit::upstream::{Action, Refusing, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use crate::Outcome;

/// Two channels for one model, whose keys get these answers.
async fn two(stage: &Stage, first: Action, second: Action) -> Outcome {
    stage
        .channel("alpha", &json!({"keys": ["a"], "models": ["m"]}))
        .await?;
    stage
        .channel(
            "beta",
            &json!({"keys": ["b"], "models": ["m"], "priority": 1}),
        )
        .await?;
    stage.upstream.rule(Rule::always(first).key("a"));
    stage.upstream.rule(Rule::always(second).key("b"));
    Ok(())
}

fn assert_no_retry(reply: &Reply) {
    assert_eq!(
        reply.header("x-should-retry"),
        Some("false"),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn every_candidate_failed_is_502_and_names_them() -> Outcome {
    let stage = Stage::start().await?;
    two(
        &stage,
        Action::error(500, "server_error", "x"),
        Action::error(503, "busy", "x"),
    )
    .await?;
    let refusing = Refusing::new()?;
    stage.channel("gamma", &json!({"keys": ["c-secret"], "models": ["m"], "priority": 2, "base_url": refusing.base_url()})).await?;
    for stream in [false, true] {
        let reply = stage
            .post(
                "/v1/chat/completions",
                &json!({"model": "m", "stream": stream}),
            )
            .await?;
        assert_eq!(
            reply.failure()?,
            (502, "upstream_failed".to_owned()),
            "{}",
            reply.text()
        );
        assert_no_retry(&reply);
        assert!(!reply.text().contains("c-secret"), "no key in the message");
    }
    // A fresh stage's first request has tried all three; later ones may skip what is cooling.
    let stage = Stage::start().await?;
    two(
        &stage,
        Action::error(500, "server_error", "x"),
        Action::error(503, "busy", "x"),
    )
    .await?;
    let reply = stage.chat("m").await?;
    let message = reply.message()?;
    for part in ["alpha", "500", "beta", "503"] {
        assert!(message.contains(part), "{part} is not in {message:?}");
    }
    assert_eq!(reply.header("x-gateway-attempts"), Some("2"));
    Ok(())
}

#[tokio::test]
async fn every_candidate_rate_limited_is_429_with_the_shortest_wait() -> Outcome {
    let stage = Stage::start().await?;
    let limited = |seconds: &str| {
        Action::error(429, "rate_limit_exceeded", "slow").header("retry-after", seconds)
    };
    two(&stage, limited("90"), limited("30")).await?;
    let reply = stage.chat("m").await?;
    assert_eq!(
        reply.failure()?,
        (429, "rate_limit_exceeded".to_owned()),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("retry-after"), Some("30"));
    assert_no_retry(&reply);
    Ok(())
}

#[tokio::test]
async fn every_key_refused_is_502_and_never_the_clients_401() -> Outcome {
    for status in [401, 402, 403] {
        let stage = Stage::start().await?;
        two(
            &stage,
            Action::error(status, "no", "no"),
            Action::error(401, "invalid_api_key", "no"),
        )
        .await?;
        let reply = stage.chat("m").await?;
        assert_eq!(
            reply.failure()?,
            (502, "upstream_credentials_exhausted".to_owned()),
            "{status}"
        );
        assert_no_retry(&reply);
    }
    let stage = Stage::start().await?;
    two(
        &stage,
        Action::error(401, "no", "no"),
        Action::error(500, "server_error", "x"),
    )
    .await?;
    assert_eq!(
        stage.chat("m").await?.failure()?,
        (502, "upstream_failed".to_owned())
    );
    Ok(())
}

#[tokio::test]
async fn every_candidate_not_knowing_the_model_is_404() -> Outcome {
    let stage = Stage::start().await?;
    let unknown = || Action::error(404, "model_not_found", "unknown");
    two(&stage, unknown(), unknown()).await?;
    let reply = stage.chat("m").await?;
    assert_eq!(
        reply.failure()?,
        (404, "model_not_found".to_owned()),
        "{}",
        reply.text()
    );
    assert_eq!(stage.upstream.records().len(), 2);
    Ok(())
}

#[tokio::test]
async fn only_disabled_channels_is_503() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "off",
            &json!({"keys": ["k"], "models": ["m"], "enabled": false}),
        )
        .await?;
    let reply = stage.chat("m").await?;
    assert_eq!(
        reply.failure()?,
        (503, "no_channel_available".to_owned()),
        "{}",
        reply.text()
    );
    assert!(stage.upstream.records().is_empty());
    Ok(())
}

#[tokio::test]
async fn no_candidate_is_tried_twice_and_ten_are_enough() -> Outcome {
    let stage = Stage::start().await?;
    let keys: Vec<String> = (0..12).map(|number| format!("key-{number}")).collect();
    stage
        .channel("many", &json!({"keys": keys, "models": ["m"]}))
        .await?;
    stage.upstream.rule(Rule::always(Action::error(
        429,
        "rate_limit_exceeded",
        "slow",
    )));
    let reply = stage.chat("m").await?;
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert_eq!(reply.header("x-gateway-attempts"), Some("10"));
    let mut tried: Vec<String> = stage
        .upstream
        .records()
        .into_iter()
        .filter_map(|record| record.key)
        .collect();
    assert_eq!(tried.len(), 10);
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried.len(), 10, "no key twice");
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_echoes_its_key_does_not_leak_it() -> Outcome {
    let secret = "nvapi-0123456789abcdefghijklmnop";
    for status in [400, 401, 500] {
        let stage = Stage::start().await?;
        stage
            .channel("echo", &json!({"keys": [secret], "models": ["m"]}))
            .await?;
        let message = format!("Incorrect API key provided: {secret}. Find your key elsewhere.");
        stage.upstream.rule(Rule::always(Action::error(
            status,
            "invalid_api_key",
            &message,
        )));
        let reply = stage.chat("m").await?;
        assert!(reply.status >= 400, "{}", reply.text());
        assert!(
            !reply.text().contains(secret),
            "{status}: the client saw the key"
        );
        assert!(
            !stage.gateway.log().contains(secret),
            "{status}: the log holds the key"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_channel_whose_keys_are_all_disabled_counts_as_disabled() -> Outcome {
    let stage = Stage::start().await?;
    let channel = stage
        .channel("off", &json!({"keys": ["k"], "models": ["m"]}))
        .await?;
    let path = format!("/channels/{}", channel["id"].as_str().unwrap_or_default());
    let keys = json!({"keys": [{"id": channel["keys"][0]["id"], "enabled": false}]});
    stage.admin.patch(&path, &keys).await?;
    let reply = stage.chat("m").await?;
    assert_eq!(
        reply.failure()?,
        (503, "no_channel_available".to_owned()),
        "{}",
        reply.text()
    );
    Ok(())
}
