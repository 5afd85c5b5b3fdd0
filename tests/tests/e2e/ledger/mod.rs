//! The ledger, read as the database that it is: every request is in it, with the right figures, whatever its outcome;
//! and requests go on when the ledger fails.

mod faults;
mod load;
mod loss;
mod rows;

use std::time::Duration;

use anyhow::{Context as _, Result};
use gateway_tests::{Gateway, eventually, store};

/// A record is in the database within a second of its response; a busy machine gets some more.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// The number that a query gives; 0 as long as the tables are not made.
fn number(gateway: &Gateway, query: &str) -> Result<i64> {
    let ledger = store::ledger(gateway.state())?;
    let read = |query: &str| {
        ledger
            .query_row(query, [], |row| row.get::<_, i64>(0))
            .with_context(|| query.to_owned())
    };
    // The tables are made one by one, and a version is set when all of them are there.
    let versions = "SELECT count(*) FROM sqlite_master WHERE name = 'gateway_schema'";
    if read(versions)? == 0 || read("SELECT count(*) FROM gateway_schema")? == 0 {
        return Ok(0);
    }
    read(query)
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
