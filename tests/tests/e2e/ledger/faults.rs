//! A ledger that hangs or fails slows no request and fails none; what it missed is written afterwards, and losses are
//! counted.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use gateway_tests::{Setup, Stage, eventually, instances_are_single_use, store};
use serde_json::json;

use super::{number, until_written};
use crate::Outcome;

/// A call to a locked database comes back after 5 s: a request that waited for one would take as long.
const FAR_BELOW_THE_LOCK: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_locked_ledger_delays_no_request_and_loses_nothing() -> Outcome {
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
    let sums = number(
        &stage.gateway,
        "SELECT sum(requests) FROM usage_hour WHERE hour >= 0",
    )?;
    assert_eq!(sums, 101, "no batch counted twice");
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_is_no_database_fails_no_request() -> Outcome {
    let stage = Stage::with_channel().await?;
    let nonsense = b"this is no database, and long enough that SQLite looks at it".repeat(20);
    // The login has made a database; another file is in its place then.
    for name in ["sqlite_db.db", "sqlite_db.db-wal", "sqlite_db.db-shm"] {
        let path = stage.gateway.state().join(name);
        if path.exists() {
            std::fs::remove_file(path)?;
        }
    }
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

/// The database answers nothing, or no, for as long as the load lasts: clients do not notice.
#[tokio::test]
async fn a_broken_database_is_not_noticed_by_clients() -> Outcome {
    for fault in ["hang", "refuse"] {
        let setup = Setup::default().option("--fault-sqlite", "file:fault");
        let stage = Stage::start_with(&setup).await?;
        stage.channel("a", &json!({"keys": ["a1"]})).await?;
        std::fs::write(stage.gateway.state().join("fault"), fault)?;
        // An instance that lives for one request lives on while it tries to write, and a host has so many of them.
        let bursts = if instances_are_single_use() { 8 } else { 40 };
        for _ in 0..bursts {
            let burst = (0..50).map(|_| timed(&stage));
            for took in try_join_all(burst).await? {
                assert!(took < FAR_BELOW_THE_LOCK, "{fault}: {took:?}");
            }
        }
        eventually(
            Duration::from_secs(10),
            "the log names the trouble",
            async || Ok(stage.gateway.log().contains("not written yet")),
        )
        .await?;
        std::fs::remove_file(stage.gateway.state().join("fault"))?;
        assert_eq!(stage.chat("m").await?.status, 200);
        // All attempts are over after some 13 s when the database fails; until then nothing is lost.
        eventually(
            Duration::from_secs(20),
            "everything is written",
            async || {
                let rows = number(&stage.gateway, "SELECT count(*) FROM request")?;
                Ok(rows == 50 * bursts + 1)
            },
        )
        .await?;
        let sums = number(
            &stage.gateway,
            "SELECT sum(requests) FROM usage_hour WHERE hour >= 0",
        )?;
        assert_eq!(sums, 50 * bursts + 1, "{fault}: no batch counted twice");
    }
    Ok(())
}

async fn timed(stage: &Stage) -> Result<Duration> {
    let began = Instant::now();
    assert_eq!(stage.chat("m").await?.status, 200);
    Ok(began.elapsed())
}
