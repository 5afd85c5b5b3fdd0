//! The change of one record: read, edit, compare-and-swap, and again after a conflict. Owns attempts, waits and time
//! limits; what a record holds is the edit's.

use std::time::Duration;

use thiserror::Error;

use super::backoff;
use super::bounded::bounded_call;
use crate::ports::{Clock, Random, StoreError, StoreKey, Swap, WriteStore};
use crate::units::Timestamp;

/// Conflicts without any change of the record, after which an update that confirms its swaps gives up: such a store is
/// broken, and waiting for other writers does not help.
const MAX_CONFLICTS_WITHOUT_CHANGE: usize = 16;

/// The new state of a record, and the result of the update if it takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordEdit<T> {
    /// The record stays as it is.
    Keep(T),
    /// The record is replaced.
    Replace(Vec<u8>, T),
    /// What was read is older than what the caller knows: it is read again at once.
    Reread,
}

/// How long an update is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryLimits {
    /// The most reads of the record, each followed by an edit and a swap.
    pub attempts: usize,
    /// The time for all of them, waits included.
    pub time: Duration,
}

/// Why a record was not changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UpdateError<E> {
    /// The store failed; nothing was changed.
    #[error("{0}")]
    Store(StoreError),
    /// The store failed at or after a swap, so that the change may have taken place.
    #[error("{0}")]
    Uncertain(StoreError),
    /// Other writers changed the record each time; nothing was changed.
    #[error("other writers kept changing the record at the same time")]
    Conflict,
    /// The edit failed; nothing was changed.
    #[error("{0}")]
    Edit(E),
}

/// Changes the record `key`. `edit` is given its value (`None`: absent) and called again with the new one after each
/// conflict.
pub async fn update<T, E>(
    ports: &(impl Clock + Random + WriteStore),
    key: StoreKey,
    limits: RetryLimits,
    mut edit: impl FnMut(Option<&[u8]>) -> Result<RecordEdit<T>, E>,
) -> Result<T, UpdateError<E>> {
    let update = Update::new(ports, key, limits);
    for attempt in 0..limits.attempts {
        let stored = update.read().await.map_err(UpdateError::Store)?;
        let (new, result) = match edit(stored.as_deref()).map_err(UpdateError::Edit)? {
            RecordEdit::Keep(result) => return Ok(result),
            RecordEdit::Replace(new, result) => (new, result),
            RecordEdit::Reread => continue,
        };
        match update.swap(stored.as_deref(), &new).await {
            Ok(Swap::Done) => return Ok(result),
            Ok(Swap::Conflict) => update.back_off(attempt).await?,
            Err(error) => return Err(UpdateError::Uncertain(error)),
        }
    }
    Err(UpdateError::Conflict)
}

/// The same for records that show which swap wrote them. A swap that reports a conflict or an error may have taken
/// place anyway: then the record is read again at once, and `landed` returns which of the earlier swaps it shows.
/// `edit` is given the number of earlier swaps, to leave a distinct mark in the record; none of them has taken place when
/// it is called. It may read and write other records. A record for which `unchanged` has a result stays as it is, which
/// counts as success also after a failed swap.
pub async fn update_confirmed<T, E>(
    ports: &(impl Clock + Random + WriteStore),
    key: StoreKey,
    limits: RetryLimits,
    unchanged: impl Fn(Option<&[u8]>) -> Option<T>,
    mut edit: impl AsyncFnMut(Option<&[u8]>, usize) -> Result<RecordEdit<T>, E>,
    mut landed: impl FnMut(Option<&[u8]>, usize) -> Result<Option<usize>, E>,
) -> Result<T, UpdateError<E>> {
    let update = Update::new(ports, key, limits);
    // The result of each swap, in case that it turns out to have taken place.
    let mut results = Vec::new();
    let mut without_change = 0;
    for attempt in 0..limits.attempts {
        let stored = match update.read().await {
            Ok(stored) => stored,
            Err(error) if results.is_empty() => return Err(UpdateError::Store(error)),
            Err(error) => return Err(UpdateError::Uncertain(error)),
        };
        let swaps = results.len();
        if let Some(swap) = landed(stored.as_deref(), swaps).map_err(UpdateError::Edit)? {
            return Ok(results.swap_remove(swap));
        }
        if let Some(result) = unchanged(stored.as_deref()) {
            return Ok(result);
        }
        let edited = edit(stored.as_deref(), swaps).await;
        let (new, result) = match edited.map_err(UpdateError::Edit)? {
            RecordEdit::Keep(result) => return Ok(result),
            RecordEdit::Replace(new, result) => (new, result),
            RecordEdit::Reread => continue,
        };
        let swapped = update.swap(stored.as_deref(), &new).await;
        if swapped == Ok(Swap::Done) {
            return Ok(result);
        }
        results.push(result);
        // Before any wait: later writers may remove the mark.
        let now = update.read().await.map_err(UpdateError::Uncertain)?;
        let swaps = results.len();
        if let Some(swap) = landed(now.as_deref(), swaps).map_err(UpdateError::Edit)? {
            return Ok(results.swap_remove(swap));
        }
        if let Err(error) = swapped {
            return unchanged(now.as_deref()).ok_or(UpdateError::Store(error));
        }
        without_change += usize::from(now == stored);
        if without_change == MAX_CONFLICTS_WITHOUT_CHANGE {
            break;
        }
        update.back_off(attempt).await?;
    }
    Err(UpdateError::Conflict)
}

/// One update's calls, within its time.
struct Update<'a, P> {
    ports: &'a P,
    key: StoreKey,
    ends: Timestamp,
}

impl<'a, P: Clock + Random + WriteStore> Update<'a, P> {
    fn new(ports: &'a P, key: StoreKey, limits: RetryLimits) -> Self {
        Self {
            ports,
            key,
            ends: ports.now().plus(limits.time),
        }
    }

    fn time_left(&self) -> Duration {
        Duration::from_millis(self.ends.since_ms(self.ports.now()))
    }

    async fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        bounded_call(self.ports, self.time_left(), self.ports.read(self.key)).await
    }

    async fn swap(&self, expected: Option<&[u8]>, new: &[u8]) -> Result<Swap, StoreError> {
        let swap = self.ports.swap(self.key, expected, new);
        bounded_call(self.ports, self.time_left(), swap).await
    }

    /// Waits before the next attempt, if there is time for one.
    async fn back_off<E>(&self, conflict: usize) -> Result<(), UpdateError<E>> {
        let wait = backoff::wait(self.ports, conflict);
        if wait >= self.time_left() {
            return Err(UpdateError::Conflict);
        }
        self.ports.sleep(wait).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
