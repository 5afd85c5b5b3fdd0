//! The fault matrix: every row of the contract's table of failures × streaming and not × one or two channels × one or
//! three keys × who fails, and every way of failing after a stream's first event. One table of faults (`faults`), one
//! reading of the contract (`expected`); the order of attempts is asserted from the upstream's own records.
//!
//! The cells of one row share a gateway: each has its own model, channels and keys, so that the state of one changes
//! nothing in another, and all of them run at once.

mod after;
mod cell;
mod expected;
mod faults;

use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use gateway_tests::Stage;

use self::cell::Cell;
use self::expected::{Extent, Row, Shape};
use self::faults::{Fault, Places};
use crate::Outcome;

/// Cells that run at once: enough to overlap the waiting ones, few enough for timings to hold on two cores.
const AT_ONCE: usize = 16;

/// Shapes of the channels in which a fault is tried.
const SHAPES: [Shape; 8] = [
    Shape::new(1, 1, Extent::Everyone),
    Shape::new(1, 3, Extent::Everyone),
    Shape::new(1, 3, Extent::FirstCall),
    Shape::new(2, 1, Extent::FirstChannel),
    Shape::new(2, 1, Extent::Everyone),
    Shape::new(2, 3, Extent::FirstChannel),
    Shape::new(2, 3, Extent::FirstCall),
    Shape::new(2, 3, Extent::Everyone),
];

/// All cells of the faults of one row, on one gateway.
async fn run(is_of_row: impl Fn(Row) -> bool) -> Outcome {
    let stage = Stage::start().await?;
    let places = Places::new(&stage.upstream)?;
    let mut cells: Vec<Cell> = Vec::new();
    for fault in faults::all()
        .into_iter()
        .filter(|fault| is_of_row(fault.row))
    {
        for shape in SHAPES {
            // Where no connection is established, the script cannot distinguish the first call from others. One call
            // that may be made again is no certain failure.
            if shape.extent == Extent::FirstCall
                && (!fault.can_be_counted() || fault.may_look_stale())
            {
                continue;
            }
            for stream in [false, true] {
                cells.push(Cell::new(fault.clone(), shape, stream));
            }
        }
    }
    assert!(cells.len() >= SHAPES.len() * 2, "the row has faults");
    // Before the first request, since a change is in force only after a while.
    for cell in &cells {
        cell.prepare(&stage, &places).await?;
    }
    iter(&cells)
        .map(|cell| cell.check(&stage))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

#[tokio::test]
async fn unreachable_channels() -> Outcome {
    run(|row| row == Row::Unreachable).await
}

#[tokio::test]
async fn server_errors() -> Outcome {
    run(|row| row == Row::ServerError).await
}

#[tokio::test]
async fn throttled_keys() -> Outcome {
    run(|row| matches!(row, Row::Throttled { .. })).await
}

#[tokio::test]
async fn refused_keys() -> Outcome {
    run(|row| row == Row::Refused).await
}

#[tokio::test]
async fn unknown_models() -> Outcome {
    run(|row| row == Row::ModelUnknown).await
}

#[tokio::test]
async fn requests_at_fault() -> Outcome {
    run(|row| matches!(row, Row::RequestAtFault { .. })).await
}

/// Every fault is in one of the rows above, and every row of the contract has its faults.
#[test]
fn the_table_is_whole() {
    let names: Vec<&str> = faults::all()
        .iter()
        .map(|fault: &Fault| fault.name)
        .collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "{names:?}");
    for needed in [
        "refused",
        "dns",
        "tls",
        "reset",
        "close",
        "silent",
        "s500",
        "s503",
        "s408",
        "s429",
        "s429-after",
        "s401",
        "s402",
        "s403",
        "s404",
        "nim-degraded",
        "inside-500",
        "inside-429",
        "inside-401",
        "inside-404",
        "s400",
        "s413",
        "s422",
        "content-filter",
    ] {
        assert!(names.contains(&needed), "{needed} is missing");
    }
}
