//! How long anything waits for the store. Owns the one helper that ends a wait, and ports whose store calls all have an
//! end; how long is its callers' affair, except for [`ADMIN`].

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, Either};

use crate::logging::LogPolicy;
use crate::ports::{
    Clock, Log, Random, ReadStore, SendError, Sql, SqlTarget, StoreError, StoreKey, Swap, Timeouts,
    Upstream, WriteStore,
};
use crate::sql::{SqlError, SqlRow, Statement};
use crate::units::Timestamp;

/// What an admin's request waits for the store, in all.
pub const ADMIN: Duration = Duration::from_secs(5);

/// Waits for `work`, but no longer than `limit`: then it is dropped, and there is nothing.
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

/// The same for a call of the store.
pub async fn store_call<T>(
    clock: &impl Clock,
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let outcome = timeout(clock, limit, call).await;
    outcome.unwrap_or_else(|| Err(StoreError("no answer in time".to_owned())))
}

/// Ports of one piece of work, whose calls of the store have an end. Once one was not answered in time the others fail
/// at once: work that makes several does not wait for each. A write that was given up may still take place.
#[derive(Debug)]
pub struct Patient<'a, P> {
    ports: &'a P,
    limit: Duration,
    has_given_up: Cell<bool>,
}

impl<'a, P: Clock> Patient<'a, P> {
    /// Waits no longer than `limit` for a call.
    pub const fn new(ports: &'a P, limit: Duration) -> Self {
        Self {
            ports,
            limit,
            has_given_up: Cell::new(false),
        }
    }

    /// Whether the store was not in time.
    pub const fn has_given_up(&self) -> bool {
        self.has_given_up.get()
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.has_given_up.get() {
            return Err(StoreError("it did not answer in time before".to_owned()));
        }
        let outcome = timeout(self.ports, self.limit, call).await;
        outcome.unwrap_or_else(|| {
            self.has_given_up.set(true);
            Err(StoreError(format!(
                "no answer within {} ms",
                self.limit.as_millis()
            )))
        })
    }
}

impl<P: ReadStore + Clock> ReadStore for Patient<'_, P> {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.call(self.ports.read(record)).await
    }
}

impl<P: WriteStore + Clock> WriteStore for Patient<'_, P> {
    async fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        self.call(self.ports.swap(record, expected, new)).await
    }
}

impl<P: Clock> Clock for Patient<'_, P> {
    fn now(&self) -> Timestamp {
        self.ports.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.ports.sleep(duration).await;
    }
}

impl<P: Random> Random for Patient<'_, P> {
    fn next_u64(&self) -> u64 {
        self.ports.next_u64()
    }

    fn fill_secure(&self, bytes: &mut [u8]) {
        self.ports.fill_secure(bytes);
    }
}

impl<P: Log> Log for Patient<'_, P> {
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

impl<P: Sql> Sql for Patient<'_, P> {
    /// Has its own limits: see [`crate::database`].
    async fn transact(
        &self,
        place: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        self.ports.transact(place, statements).await
    }
}

impl<P: Upstream> Upstream for Patient<'_, P> {
    type Body = P::Body;

    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<http::Response<P::Body>, SendError> {
        self.ports.send(request, timeouts).await
    }
}
