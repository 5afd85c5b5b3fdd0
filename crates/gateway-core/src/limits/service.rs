//! Whether a request is within its key's limits, and what it has consumed of them afterwards. Owns the calls for both, and
//! what an instance has not settled yet. The rules are the other files'. A key without limits costs nothing here.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::LimitsEngine;
use super::headers::{self, RateLimitHeaders};
use super::port::Limits as _;
use super::rejection::{Rejection, RejectionCache};
use super::usage::{Consumed, Reservation, Settlement};
use crate::config::model::ClientKey;
use crate::flusher::{self, Flush, Lease};
use crate::ports::ProxyPorts;

/// How long a request waits for the decision. After that it is rejected.
const DECISION_LIMIT: Duration = Duration::from_secs(1);
/// How long a settlement may take. No request waits for it.
const SETTLE_LIMIT: Duration = Duration::from_secs(6);
/// From one settlement of a busy key to the next: meanwhile the figures of many requests become one.
const INTERVAL: Duration = Duration::from_millis(100);

/// The limits of one instance.
#[derive(Debug)]
pub struct LimitsService<P> {
    ports: P,
    rejections: RejectionCache,
    /// What is not settled yet, by key.
    pending: RefCell<HashMap<String, PendingUsage>>,
}

#[derive(Debug, Default)]
struct PendingUsage {
    /// One for each window and slot in which the requests were admitted: mostly the same.
    settlements: Vec<Settlement>,
    lease: Rc<Lease>,
}

/// The decision about a request.
#[derive(Debug)]
pub enum Admission {
    /// The key has no limits.
    Unlimited,
    /// The request is within them: the headers of its answer, and what is reserved for it.
    Admitted(RateLimitHeaders, Reservation),
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

    /// The rejection of a key that this instance knows to be over a limit, whatever the request is.
    pub fn known_rejection(&self, client: &ClientKey) -> Option<Rejection> {
        self.rejections.get(client, self.ports.now())
    }

    /// Decides whether a request is admitted. If so counts it, and reserves what it may consume.
    pub async fn admit(&self, client: &ClientKey, estimate: Consumed) -> Admission {
        let limits = &client.limits;
        if limits.is_empty() {
            return Admission::Unlimited;
        }
        let now = self.ports.now();
        if let Some(rejection) = self.rejections.get(client, now) {
            return Admission::Rejected(Box::new(rejection));
        }
        let engine = LimitsEngine::new(self.ports.clone(), DECISION_LIMIT);
        let acquired = match engine.try_acquire(&client.id, limits, estimate, now).await {
            Ok(acquired) => acquired,
            Err(error) => return self.unavailable(client, &error),
        };
        if acquired.is_admitted {
            let usage = acquired.usage;
            let headers = headers::headers(&usage.statuses(limits, now), now);
            return Admission::Admitted(headers, usage.reservation(estimate));
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

    /// Counts what a finished request has consumed in place of what was reserved for it, beside the requests. Returns at
    /// once.
    pub fn settle(self: &Rc<Self>, key: &str, settlement: Settlement) {
        let lease = self.add(key, settlement);
        // Also after a rejected request: what could not be written before may be what it was rejected for.
        let Some(lease) = lease else { return };
        let flush = UsageFlush {
            service: Rc::clone(self),
            key: key.to_owned(),
            lease,
            has_flushed: Cell::default(),
        };
        flusher::start(&self.ports, flush);
    }

    /// Adds to what is not settled yet; `None`: there is nothing.
    fn add(&self, key: &str, settlement: Settlement) -> Option<Rc<Lease>> {
        let mut pending = self.pending.borrow_mut();
        if settlement.is_zero() {
            return pending.get(key).map(|usage| Rc::clone(&usage.lease));
        }
        let usage = pending.entry(key.to_owned()).or_default();
        let mut known = usage.settlements.iter_mut();
        let joined = known.find_map(|known| Some((known.plus(settlement)?, known)));
        match joined {
            Some((both, known)) => *known = both,
            None => usage.settlements.push(settlement),
        }
        Some(Rc::clone(&usage.lease))
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
    type Batch = Settlement;

    /// After them it waits for the key's next request.
    const RETRY_DELAYS: &'static [Duration] = &[Duration::from_millis(250), Duration::from_secs(2)];

    fn lease(&self) -> &Lease {
        &self.lease
    }

    async fn wait(&self) {
        let is_pending = || {
            let pending = self.service.pending.borrow();
            let usage = pending.get(&self.key);
            usage.is_some_and(|usage| !usage.settlements.is_empty())
        };
        if self.has_flushed.get() && is_pending() {
            self.service.ports.sleep(INTERVAL).await;
        }
    }

    fn take(&self) -> Option<Settlement> {
        let mut pending = self.service.pending.borrow_mut();
        let settlement = pending.get_mut(&self.key)?.settlements.pop();
        if settlement.is_none() {
            pending.remove(&self.key);
        }
        settlement
    }

    /// After an error it may have been counted all the same; then the key is charged twice rather than not at all.
    async fn write(&self, settlement: &Settlement) -> bool {
        let ports = &self.service.ports;
        let engine = LimitsEngine::new(ports.clone(), SETTLE_LIMIT);
        let outcome = engine.settle(&self.key, *settlement, ports.now()).await;
        if let Err(error) = &outcome {
            ports.line(format_args!(
                "what client key {} has used is not counted yet: {error}",
                self.key
            ));
        }
        outcome.is_ok()
    }

    async fn finish(&self, settlement: Settlement, is_written: bool) -> bool {
        self.has_flushed.set(true);
        if !is_written {
            self.put_back(settlement);
        }
        is_written
    }

    fn put_back(&self, settlement: Settlement) {
        self.service.add(&self.key, settlement);
    }
}
