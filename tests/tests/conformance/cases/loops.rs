//! Requests that come back to the gateway that they were sent to.

use anyhow::{Result, ensure};
use gateway_tests::Stage;
use serde_json::json;

use super::{channels, expect_failure};

pub async fn loops_end(stage: &Stage) -> Result<()> {
    let own = json!({"base_url": stage.gateway.url("/v1"), "keys": [stage.key]});
    channels(stage, "loop", &[own]).await?;
    let reply = stage.chat("loop").await?;
    expect_failure(&reply, 508, "loop_detected")?;
    ensure!(reply.header("x-should-retry") == Some("false"), "{reply:?}");
    Ok(())
}
