//! Upstreams that fail: which one is called next, and what other instances see of it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gateway_testkit::upstream::{Action, Rule, Unaccepting};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use super::{channels, expect_failure, expect_ok};

/// In seconds and milliseconds, since hosts must pass both on.
const RETRY_AFTER: &str = "30";

pub async fn failover(stage: &Stage) -> Result<()> {
    let keys = json!({"keys": ["failover-bad", "failover-worse"]});
    channels(stage, "failover", &[keys, json!({}), json!({})]).await?;
    let rule = |key: &str, action| stage.upstream.rule(Rule::always(action).key(key));
    rule("failover-bad", Action::error(401, "invalid_api_key", "no"));
    rule("failover-worse", Action::error(500, "server_error", "oh"));
    rule("failover-1", Action::reset());
    let reply = stage.chat("failover").await?;
    expect_ok(&reply)?;
    ensure!(reply.header("x-gateway-attempts") == Some("4"), "{reply:?}");
    ensure!(
        stage.upstream.records_of("failover-2").len() == 1,
        "asked once"
    );
    Ok(())
}

pub async fn credentials_exhausted(stage: &Stage) -> Result<()> {
    channels(stage, "refused", &[json!({})]).await?;
    let action = Action::error(401, "invalid_api_key", "no");
    stage.upstream.rule(Rule::always(action).key("refused-0"));
    let reply = stage.chat("refused").await?;
    expect_failure(&reply, 502, "upstream_credentials_exhausted")?;
    ensure!(reply.header("x-should-retry") == Some("false"), "{reply:?}");
    Ok(())
}

pub async fn cooldown_shared_between_instances(stage: &Stage) -> Result<()> {
    channels(stage, "shared", &[json!({}), json!({})]).await?;
    let limited =
        Action::error(429, "rate_limit_exceeded", "slow").header("retry-after", RETRY_AFTER);
    stage.upstream.rule(Rule::always(limited).key("shared-0"));
    let reply = stage.chat("shared").await?;
    expect_ok(&reply)?;
    ensure!(reply.header("x-gateway-attempts") == Some("2"), "{reply:?}");
    // What was learned is shared after the response; then no instance asks again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..5 {
        let body = json!({"model": "shared", "messages": []}).to_string();
        let twin = stage
            .http
            .post(stage.gateway.twin_url("/v1/chat/completions"));
        let reply = Reply::of(twin.bearer_auth(&stage.key).body(body)).await?;
        expect_ok(&reply)?;
        ensure!(reply.header("x-gateway-attempts") == Some("1"), "{reply:?}");
    }
    ensure!(
        stage.upstream.records_of("shared-0").len() == 1,
        "asked once"
    );
    Ok(())
}

pub async fn first_byte_timeout(stage: &Stage) -> Result<()> {
    let hasty = json!({"first_byte_timeout_ms": 500, "connect_timeout_ms": 500});
    channels(stage, "late", &[hasty, json!({})]).await?;
    stage
        .upstream
        .rule(Rule::always(Action::hang()).key("late-0"));
    let started = Instant::now();
    expect_ok(&stage.chat("late").await?)?;
    ensure!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}

pub async fn connect_timeout(stage: &Stage) -> Result<()> {
    let unaccepting = Unaccepting::new()?;
    let silent = json!({"base_url": unaccepting.base_url(), "connect_timeout_ms": 500});
    channels(stage, "unconnected", &[silent, json!({})]).await?;
    let started = Instant::now();
    expect_ok(&stage.chat("unconnected").await?)?;
    ensure!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}
