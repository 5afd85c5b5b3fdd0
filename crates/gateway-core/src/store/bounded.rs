//! Store calls with a time limit. Owns what a call that takes too long means for the calls after it; the limits are the
//! callers'.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use crate::ports::delegation::delegate_ports;
use crate::ports::{Clock, ReadStore, StoreDistance, StoreError, StoreKey, Swap, WriteStore};
use crate::timeout::timeout;

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

impl<P: ReadStore + Clock> ReadStore for BoundedStore<'_, P> {
    fn distance(&self) -> StoreDistance {
        self.ports.distance()
    }

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

// Calls of the database have their own limits: see `crate::database`.
delegate_ports!(BoundedStore.ports, []: Clock, Random, Log, Sql, Upstream);
