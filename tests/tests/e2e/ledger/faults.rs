//! A ledger that hangs slows no request and fails none; what it missed meanwhile it gets afterwards.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use gateway_tests::{Stage, eventually, store};

use super::{number, until_written};
use crate::Outcome;

/// A call to a locked database comes back after 5 s: whoever waited for one would take as long.
const FAR_BELOW_THE_LOCK: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_locked_ledger_holds_nobody_up_and_loses_nothing() -> Outcome {
    let stage = Stage::with_channel().await?;
    assert_eq!(stage.chat("m").await?.status, 200);
    until_written(&stage.gateway, 1).await?;
    let lock = store::ledger(stage.gateway.state())?;
    lock.execute_batch("BEGIN EXCLUSIVE")?;
    for _ in 0..4 {
        let burst = (0..25).map(|_| timed(&stage));
        for took in try_join_all(burst).await? {
            assert!(took < FAR_BELOW_THE_LOCK, "{took:?}");
        }
        // Long enough that instances try to write while requests come.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    lock.execute_batch("ROLLBACK")?;
    eventually(
        Duration::from_secs(20),
        "what was missed is there",
        async || Ok(number(&stage.gateway, "SELECT count(*) FROM request")? == 101),
    )
    .await?;
    let sums = number(&stage.gateway, "SELECT sum(requests) FROM usage_hour")?;
    assert_eq!(sums, 101, "no batch counted twice");
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_is_no_database_fails_nobody() -> Outcome {
    let stage = Stage::with_channel().await?;
    let nonsense = b"this is no database, and long enough that SQLite looks at it".repeat(20);
    std::fs::write(stage.gateway.state().join("sqlite_db.db"), nonsense)?;
    for _ in 0..20 {
        assert!(timed(&stage).await? < FAR_BELOW_THE_LOCK);
    }
    eventually(
        Duration::from_secs(10),
        "the log names the trouble",
        async || Ok(stage.gateway.log().contains("not written yet")),
    )
    .await
}

async fn timed(stage: &Stage) -> Result<Duration> {
    let began = Instant::now();
    assert_eq!(stage.chat("m").await?.status, 200);
    Ok(began.elapsed())
}
