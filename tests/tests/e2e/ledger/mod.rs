//! The ledger, read as the database that it is: every request is in it, with the right figures, whatever became of it;
//! and whatever becomes of the ledger, requests go on.

mod faults;
mod load;
mod loss;
mod rows;

use std::time::Duration;

use anyhow::{Context as _, Result};
use gateway_tests::{Gateway, eventually, store};

/// A record is in the database within a second of its response; a busy machine gets some more.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// The number that a query gives; 0 as long as there is no table.
fn number(gateway: &Gateway, query: &str) -> Result<i64> {
    let ledger = store::ledger(gateway.state())?;
    let is_there: i64 = ledger.query_row(
        "SELECT count(*) FROM sqlite_master WHERE name = 'gateway_schema'",
        [],
        |row| row.get(0),
    )?;
    if is_there == 0 {
        return Ok(0);
    }
    ledger
        .query_row(query, [], |row| row.get(0))
        .with_context(|| query.to_owned())
}

/// Waits until the log has so many rows.
async fn until_written(gateway: &Gateway, rows: i64) -> Result<()> {
    eventually(WRITTEN_WITHIN, "every record is written", async || {
        Ok(number(gateway, "SELECT count(*) FROM request")? >= rows)
    })
    .await?;
    assert_eq!(number(gateway, "SELECT count(*) FROM request")?, rows);
    Ok(())
}
