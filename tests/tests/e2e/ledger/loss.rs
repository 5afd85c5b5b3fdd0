//! A gateway that is killed: the ledger opens again, and no more than the last second is missing.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use gateway_tests::{Gateway, Setup, Stage, store};
use serde_json::json;

use crate::Outcome;

/// What a killed instance may lose.
const LOST_AT_MOST: Duration = Duration::from_secs(1);
/// Clients at a time, and how long each waits from an answer to its next request. Together some 200 requests per
/// second: also where every request has its own instance and transaction, the database keeps up with that.
const CLIENTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(15);

#[tokio::test]
async fn a_killed_gateway_loses_no_more_than_a_second() -> Outcome {
    let directory = tempfile::tempdir()?;
    let setup = Setup::default().state(directory.path());
    let stage = Stage::start_with(&setup).await?;
    stage
        .channel("only", &json!({"keys": ["k"], "models": ["m"]}))
        .await?;
    stage.chat("m").await?;
    let end = Instant::now() + Duration::from_secs(4);
    let clients = join_all((0..CLIENTS).map(|_| keep_asking(&stage, end))).await;
    let killed = Instant::now();
    // Dropping a gateway kills it with SIGKILL.
    let Stage { gateway, .. } = stage;
    drop(gateway);

    let answered: Vec<(String, Instant)> =
        clients.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let restarted = Gateway::start(&setup)?;
    let ledger = store::ledger(restarted.state())?;
    let health: String = ledger.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    assert_eq!(health, "ok");
    let mut select = ledger.prepare("SELECT id FROM request")?;
    let known: HashSet<String> = select
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let missing: Vec<Duration> = answered
        .iter()
        .filter(|(id, _)| !known.contains(id))
        .map(|(_, at)| killed.duration_since(*at))
        .collect();
    let oldest = missing.iter().max().copied().unwrap_or_default();
    println!(
        "{} of {} records are missing, the oldest {oldest:?} old",
        missing.len(),
        answered.len()
    );
    assert!(answered.len() > 100, "there was a load");
    assert!(oldest <= LOST_AT_MOST, "{oldest:?}");
    Ok(())
}

/// One request after the other: their ids, and when each was answered.
async fn keep_asking(stage: &Stage, end: Instant) -> Result<Vec<(String, Instant)>> {
    let mut answered = Vec::new();
    while Instant::now() < end {
        let reply = stage.chat("m").await?;
        assert_eq!(reply.status, 200);
        let id = reply.header("x-request-id").context("an id")?;
        answered.push((id.to_owned(), Instant::now()));
        tokio::time::sleep(PAUSE).await;
    }
    Ok(answered)
}
