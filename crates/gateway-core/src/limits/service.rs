//! Whether a request is within its key's limits, and what it has consumed of them afterwards. Owns the calls for both, and
//! what an instance has not recorded yet. The rules are the other files'. A key without limits costs nothing here.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::LimitsEngine;
use super::headers::{self, RateLimitHeaders};
use super::port::Limits as _;
use super::rejection::{Rejection, RejectionCache};
use super::usage::Consumed;
use crate::config::model::ClientKey;
use crate::flusher::{self, Flush, Lease};
use crate::ports::ProxyPorts;

/// How long a request waits for the decision. After that it is rejected.
const DECISION_LIMIT: Duration = Duration::from_secs(1);
/// How long a record may take. No request waits for it.
const RECORD_LIMIT: Duration = Duration::from_secs(6);
/// From one record of a busy key to the next: meanwhile the figures of many requests become one.
const INTERVAL: Duration = Duration::from_millis(100);

/// The limits of one instance.
#[derive(Debug)]
pub struct LimitsService<P> {
    ports: P,
    rejections: RejectionCache,
    /// What is not recorded yet, by key.
    pending: RefCell<HashMap<String, PendingUsage>>,
}

#[derive(Debug, Default)]
struct PendingUsage {
    consumed: Consumed,
    lease: Rc<Lease>,
}

/// The decision about a request.
#[derive(Debug)]
pub enum Admission {
    /// The key has no limits.
    Unlimited,
    /// The request is within them.
    Admitted(RateLimitHeaders),
    /// The request is over a limit, or the limits could not be checked.
    Rejected(Box<Rejection>),
}

impl<P: ProxyPorts> LimitsService<P> {
    /// Limits of which nothing is known yet.
    pub fn new(ports: P) -> Self {
        Self {
            ports,
            rejections: RejectionCache::default(),
            pending: RefCell::default(),
        }
    }

    /// Decides whether a request is admitted, and counts it if so.
    pub async fn admit(&self, client: &ClientKey) -> Admission {
        let limits = &client.limits;
        if limits.is_empty() {
            return Admission::Unlimited;
        }
        let now = self.ports.now();
        if let Some(rejection) = self.rejections.get(client, now) {
            return Admission::Rejected(Box::new(rejection));
        }
        let engine = LimitsEngine::new(self.ports.clone(), DECISION_LIMIT);
        let acquired = match engine.try_acquire(&client.id, limits, now).await {
            Ok(acquired) => acquired,
            Err(error) => return self.unavailable(client, &error),
        };
        if acquired.is_admitted {
            let statuses = acquired.usage.statuses(limits, now);
            return Admission::Admitted(headers::headers(&statuses, now));
        }
        let Some(rejection) = Rejection::of(acquired.usage, limits, now) else {
            let error = "database: it rejects a request that is within the limits";
            return self.unavailable(client, &error);
        };
        self.rejections.insert(client, acquired.usage, now);
        Admission::Rejected(Box::new(rejection))
    }

    fn unavailable(&self, client: &ClientKey, error: &dyn fmt::Display) -> Admission {
        self.ports.line(format_args!(
            "limits of client key {} cannot be checked: {error}",
            client.id
        ));
        Admission::Rejected(Box::new(Rejection::unavailable()))
    }

    /// Records what a finished request has consumed, beside the requests. Returns at once.
    pub fn record(self: &Rc<Self>, key: &str, consumed: Consumed) {
        if consumed.is_zero() {
            return;
        }
        let lease = self.add(key, consumed);
        let flush = UsageFlush {
            service: Rc::clone(self),
            key: key.to_owned(),
            lease,
            has_flushed: Cell::default(),
        };
        flusher::start(&self.ports, flush);
    }

    fn add(&self, key: &str, consumed: Consumed) -> Rc<Lease> {
        let mut pending = self.pending.borrow_mut();
        let usage = pending.entry(key.to_owned()).or_default();
        usage.consumed = usage.consumed.plus(consumed);
        Rc::clone(&usage.lease)
    }
}

/// What one key's requests have consumed, on its way into the database.
struct UsageFlush<P> {
    service: Rc<LimitsService<P>>,
    key: String,
    lease: Rc<Lease>,
    has_flushed: Cell<bool>,
}

impl<P: ProxyPorts> Flush for UsageFlush<P> {
    type Batch = Consumed;

    /// After them it waits for the key's next request.
    const RETRY_DELAYS: &'static [Duration] = &[Duration::from_millis(250), Duration::from_secs(2)];

    fn lease(&self) -> &Lease {
        &self.lease
    }

    async fn wait(&self) {
        let is_pending = || {
            let pending = self.service.pending.borrow();
            let usage = pending.get(&self.key);
            usage.is_some_and(|usage| !usage.consumed.is_zero())
        };
        if self.has_flushed.get() && is_pending() {
            self.service.ports.sleep(INTERVAL).await;
        }
    }

    fn take(&self) -> Option<Consumed> {
        let mut pending = self.service.pending.borrow_mut();
        let usage = pending.get_mut(&self.key)?;
        let consumed = std::mem::take(&mut usage.consumed);
        if consumed.is_zero() {
            pending.remove(&self.key);
            return None;
        }
        Some(consumed)
    }

    /// After an error it may have been counted all the same; then the key is charged twice rather than not at all.
    async fn write(&self, consumed: &Consumed) -> bool {
        let ports = &self.service.ports;
        let engine = LimitsEngine::new(ports.clone(), RECORD_LIMIT);
        let outcome = engine.record(&self.key, *consumed, ports.now()).await;
        if let Err(error) = &outcome {
            ports.line(format_args!(
                "what client key {} has used is not counted yet: {error}",
                self.key
            ));
        }
        outcome.is_ok()
    }

    async fn finish(&self, consumed: Consumed, is_written: bool) -> bool {
        self.has_flushed.set(true);
        if !is_written {
            self.put_back(consumed);
        }
        is_written
    }

    fn put_back(&self, consumed: Consumed) {
        self.service.add(&self.key, consumed);
    }
}
