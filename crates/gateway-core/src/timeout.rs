//! The one way to bound a wait. Owns no duration: callers decide how long.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{self, Either};

use crate::ports::Clock;

/// Waits for `work` for at most `limit`; then `work` is dropped and the result is `None`.
pub async fn timeout<T>(
    clock: &impl Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    match future::select(pin!(work), pin!(clock.sleep(limit))).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}
