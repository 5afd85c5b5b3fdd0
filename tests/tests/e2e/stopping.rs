//! A gateway that is stopped: what it has answered is in the ledger, whole or not.

use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Setup, Stage, store};
use serde_json::json;

use crate::Outcome;

/// How requests ended, by the ledger that a gateway has left behind.
fn ends(directory: &Path) -> anyhow::Result<Vec<(String, i64)>> {
    let ledger = store::ledger(directory)?;
    let mut select = ledger.prepare("SELECT ended, count(*) FROM request GROUP BY ended")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

async fn start_in(directory: &Path) -> anyhow::Result<Stage> {
    let stage = Stage::start_with(&Setup::default().state(directory)).await?;
    let members = json!({"keys": ["k"], "models": ["m"]});
    stage.channel("only", &members).await?;
    Ok(stage)
}

#[tokio::test]
async fn what_was_answered_is_written_before_the_end() -> Outcome {
    let directory = tempfile::tempdir()?;
    let stage = start_in(directory.path()).await?;
    for _ in 0..4 {
        try_join_all((0..10).map(|_| stage.chat("m"))).await?;
    }
    stage.gateway.stop()?;
    assert_eq!(ends(directory.path())?, [("complete".to_owned(), 40)]);
    // The file alone is the whole database, so that it can be copied.
    let log = directory.path().join("sqlite_db.db-wal").metadata();
    assert_eq!(log.map_or(0, |log| log.len()), 0);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_the_stop_cuts_off_is_written_as_well() -> Outcome {
    let directory = tempfile::tempdir()?;
    let stage = start_in(directory.path()).await?;
    let first = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
    let endless = Action::sse([Chunk::new(first)]).then(End::Hang);
    stage.upstream.rule(Rule::always(endless));
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut body = stage.stream("m").await?.bytes_stream();
        assert!(body.next().await.is_some());
        streams.push(body);
    }
    stage.gateway.stop()?;
    assert_eq!(ends(directory.path())?, [("client_gone".to_owned(), 3)]);
    Ok(())
}
