//! How long a writer waits before it tries a compare-and-swap again. Owns the times, not the tries.

use std::time::Duration;

use crate::ports::{Clock, Random};

/// The bound of the first wait, in milliseconds.
const FIRST_MS: u64 = 4;
/// The largest bound.
const LAST_MS: u64 = 256;

/// Waits after another writer came first: writers that retry at once would conflict again, and only one of each round
/// gets through. The wait is random, and its bound doubles with every turn.
pub async fn step_aside(ports: &(impl Clock + Random), turn: usize) {
    let bound = FIRST_MS.saturating_mul(1 << turn.min(16)).min(LAST_MS);
    let wait = ports.next_u64() % bound;
    ports.sleep(Duration::from_millis(wait)).await;
}
