//! Data that is written in the background, in batches, by one task at a time. Owns which task writes and for how long,
//! when a failed write is retried, and that a batch survives a task which the host ends. What is written is up to its
//! users: the ledger has one flusher, and each client key with limits another.
#![expect(
    async_fn_in_trait,
    reason = "the core is single-threaded by design; no caller may ask for Send futures"
)]

use std::cell::Cell;
use std::time::Duration;

use crate::ports::{Background, Clock};
use crate::units::Timestamp;

/// A task that has written for this long is replaced by the task of a later request: work after a response belongs to
/// its request, and hosts end requests that take too long. The shortest limit of a host is 30 s.
const LEASE_MS: u64 = 5_000;

/// The right to write, which one task has at a time.
#[derive(Debug, Default)]
pub struct Lease {
    /// The holder, by its number, and when it began.
    holder: Cell<Option<(u64, Timestamp)>>,
    /// Numbers given so far.
    numbers: Cell<u64>,
}

impl Lease {
    /// The number of a new holder; `None` while another one has a lease that has not expired.
    fn acquire(&self, now: Timestamp) -> Option<u64> {
        if let Some((_, began)) = self.holder.get()
            && now.since_ms(began) < LEASE_MS
        {
            return None;
        }
        let number = self.numbers.get() + 1;
        self.numbers.set(number);
        self.holder.set(Some((number, now)));
        Some(number)
    }

    fn is_held_by(&self, number: u64) -> bool {
        self.holder
            .get()
            .is_some_and(|(holder, _)| holder == number)
    }

    fn release(&self, number: u64) {
        if self.is_held_by(number) {
            self.holder.set(None);
        }
    }
}

/// What a flusher writes, and how.
pub trait Flush: 'static {
    /// What is written at once.
    type Batch;

    /// Pauses before a batch is retried. After the last one it has failed.
    const RETRY_DELAYS: &'static [Duration];

    /// The right to write.
    fn lease(&self) -> &Lease;

    /// Waits until the next batch is due.
    async fn wait(&self);

    /// The next batch; `None`: there is nothing to write.
    fn take(&self) -> Option<Self::Batch>;

    /// Writes the batch and logs a failure; returns whether it was written.
    async fn write(&self, batch: &Self::Batch) -> bool;

    /// Ends a batch that was written or has failed; returns whether the task continues.
    async fn finish(&self, batch: Self::Batch, is_written: bool) -> bool;

    /// Puts a batch back whose task has ended meanwhile. It may have been written.
    fn put_back(&self, batch: Self::Batch);
}

/// Starts a task that writes until there is nothing left, unless another one already does.
pub fn start<P, F>(ports: &P, flush: F)
where
    P: Clock + Background + Clone + 'static,
    F: Flush,
{
    let Some(number) = flush.lease().acquire(ports.now()) else {
        return;
    };
    let task = Flusher {
        flush,
        number,
        batch: None,
    };
    let clock = ports.clone();
    ports.spawn(async move { task.run(&clock).await });
}

/// A task that writes.
struct Flusher<F: Flush> {
    flush: F,
    number: u64,
    /// What is being written.
    batch: Option<F::Batch>,
}

impl<F: Flush> Flusher<F> {
    async fn run(mut self, clock: &impl Clock) {
        loop {
            self.flush.wait().await;
            if !self.flush.lease().is_held_by(self.number) {
                return;
            }
            self.batch = self.flush.take();
            let is_written = match &self.batch {
                Some(batch) => write(&self.flush, batch, clock).await,
                None => return,
            };
            if let Some(batch) = self.batch.take()
                && !self.flush.finish(batch, is_written).await
            {
                return;
            }
        }
    }
}

impl<F: Flush> Drop for Flusher<F> {
    fn drop(&mut self) {
        self.flush.lease().release(self.number);
        if let Some(batch) = self.batch.take() {
            self.flush.put_back(batch);
        }
    }
}

/// Retries after each of the pauses.
async fn write<F: Flush>(flush: &F, batch: &F::Batch, clock: &impl Clock) -> bool {
    for delay in F::RETRY_DELAYS {
        if flush.write(batch).await {
            return true;
        }
        clock.sleep(*delay).await;
    }
    flush.write(batch).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_holds_the_lease_until_it_ends_or_has_had_it_for_too_long() {
        let lease = Lease::default();
        let now = Timestamp(1_000);
        let first = lease.acquire(now).unwrap();
        assert!(lease.acquire(now.plus_ms(LEASE_MS - 1)).is_none());
        let second = lease.acquire(now.plus_ms(LEASE_MS)).unwrap();
        assert!(!lease.is_held_by(first));
        // A replaced task has no lease to release.
        lease.release(first);
        assert!(lease.is_held_by(second));
        lease.release(second);
        assert!(lease.acquire(now.plus_ms(LEASE_MS)).is_some());
    }
}
