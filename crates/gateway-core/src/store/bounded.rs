//! Store calls with a time limit. Owns what a call that takes too long means for the calls after it; the limits are the
//! callers'.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::logging::LogPolicy;
use crate::ports::{Clock, Log, Random, ReadStore, StoreError, StoreKey, Swap, WriteStore};
use crate::timeout::timeout;
use crate::units::Timestamp;

/// Waits for one call of the store for at most `limit`.
pub async fn bounded_call<T>(
    clock: &impl Clock,
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let outcome = timeout(clock, limit, call).await;
    outcome.unwrap_or_else(|| Err(StoreError("no answer in time".to_owned())))
}

/// The ports of one piece of work, with a time limit for each store call. After a call that timed out, all further ones
/// fail at once, so that work of several calls does not wait for each. A write that timed out may still take place.
#[derive(Debug)]
pub struct BoundedStore<'a, P> {
    ports: &'a P,
    limit: Duration,
    has_timed_out: Cell<bool>,
}

impl<'a, P: Clock> BoundedStore<'a, P> {
    /// Each call may take `limit`.
    pub const fn new(ports: &'a P, limit: Duration) -> Self {
        Self {
            ports,
            limit,
            has_timed_out: Cell::new(false),
        }
    }

    /// Whether a call has timed out.
    pub const fn has_timed_out(&self) -> bool {
        self.has_timed_out.get()
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.has_timed_out.get() {
            return Err(StoreError("an earlier call timed out".to_owned()));
        }
        let outcome = timeout(self.ports, self.limit, call).await;
        outcome.unwrap_or_else(|| {
            self.has_timed_out.set(true);
            Err(StoreError(format!(
                "no answer within {} ms",
                self.limit.as_millis()
            )))
        })
    }
}

impl<'a, P> BoundedStore<'a, P> {
    /// The ports without a limit, for calls that do not go to the store.
    pub const fn inner(&self) -> &'a P {
        self.ports
    }
}

impl<P: ReadStore + Clock> ReadStore for BoundedStore<'_, P> {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.call(self.ports.read(record)).await
    }
}

impl<P: WriteStore + Clock> WriteStore for BoundedStore<'_, P> {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        self.call(self.ports.swap(record, expected, new)).await
    }

    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        self.call(self.ports.put(record, value)).await
    }

    async fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        self.call(self.ports.remove(record)).await
    }
}

impl<P: Clock> Clock for BoundedStore<'_, P> {
    fn now(&self) -> Timestamp {
        self.ports.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.ports.sleep(duration).await;
    }
}

impl<P: Random> Random for BoundedStore<'_, P> {
    fn next_u64(&self) -> u64 {
        self.ports.next_u64()
    }

    fn fill_secure(&self, bytes: &mut [u8]) {
        self.ports.fill_secure(bytes);
    }
}

impl<P: Log> Log for BoundedStore<'_, P> {
    fn finished_line(&self, text: fmt::Arguments<'_>) {
        self.ports.finished_line(text);
    }

    fn policy(&self) -> LogPolicy {
        self.ports.policy()
    }

    fn set_policy(&self, policy: LogPolicy) {
        self.ports.set_policy(policy);
    }
}
