//! What this instance knows of upstreams that failed, kept in step with the other instances: read with the configuration,
//! changed by the results of requests, written back beside them. Owns when the store is read and written; what a result
//! means is [`super::record`]'s.
//!
//! While no upstream fails, nothing is looked up and nothing is written.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use super::cache::HealthCache;
use super::cooldown::Phase;
use super::record::{Health, HealthEvent, Target};
use crate::ports::{Background, Clock, Log, Random, StoreDistance, StoreKey, WriteStore};
use crate::store::{self, RecordEdit, RetryLimits, UpdateError, bounded_call};
use crate::units::Timestamp;

/// The longest that one request may keep others from probing, in milliseconds: an instance that is ended releases nothing.
const MAX_LEASE_MS: u64 = 30_000;
/// A copy of the record that is younger is not checked: an instance under load reads forty times a second, one without
/// load reads before each request, so that it does not call what has just failed in another instance.
const FRESH_MS: u64 = 25;
/// The same of a far store, which is read beside the requests unless an upstream is known to fail.
const FAR_FRESH_MS: u64 = 1_000;
/// A task that takes longer was ended by the host without being dropped: another one takes its place.
const LONGEST_TASK_MS: u64 = 10_000;
/// After an error of the store, requests do not read it for so long.
const ERROR_PAUSE_MS: u64 = 1_800;
/// A request waits no longer than this for the store, which usually takes a few milliseconds.
const READ_TIMEOUT: Duration = Duration::from_millis(300);
/// How long a request tries to claim a probe.
const CLAIM_RETRIES: RetryLimits = RetryLimits {
    attempts: 20,
    time: READ_TIMEOUT,
};
/// How long the work beside requests tries to write; the next check of the configuration tries again.
const WRITE_RETRIES: RetryLimits = RetryLimits {
    attempts: 21,
    time: Duration::from_secs(5),
};

/// The ports that the service needs.
pub trait HealthPorts: Clock + Random + Log + Background + WriteStore + 'static {}

impl<T: Clock + Random + Log + Background + WriteStore + 'static> HealthPorts for T {}

/// What this instance knows of upstreams, and its ports.
#[derive(Debug)]
pub struct HealthService<P> {
    ports: P,
    cache: HealthCache,
    /// When the store was last read; in the future after an error.
    checked_at: Cell<Timestamp>,
    checking: TaskTurn,
    writing: TaskTurn,
}

/// When the task began whose turn it is.
type TaskTurn = Rc<Cell<Option<Timestamp>>>;

/// The right to read or to write, held by one task at a time; released when dropped, also with a task that the host ended.
struct TaskLock {
    turn: TaskTurn,
    began: Timestamp,
}

impl TaskLock {
    /// The right; `None` while another task has it.
    fn acquire(turn: &TaskTurn, now: Timestamp) -> Option<Self> {
        let holder = turn.get();
        if holder.is_some_and(|began| now.since_ms(began) < LONGEST_TASK_MS) {
            return None;
        }
        turn.set(Some(now));
        Some(Self {
            turn: Rc::clone(turn),
            began: now,
        })
    }
}

impl Drop for TaskLock {
    fn drop(&mut self) {
        // A later task may have taken its place.
        if self.turn.get() == Some(self.began) {
            self.turn.set(None);
        }
    }
}

/// The right to call a candidate whose cooldown has just ended. Dropped without [`HealthService::settle`] (the client
/// has left, or another attempt was faster), it is released for the next request.
#[derive(Debug)]
pub struct Probe<P> {
    service: Rc<HealthService<P>>,
    target: Target,
    holder: u64,
    /// Another request has the right: there is nothing to release.
    is_lost: bool,
}

impl<P> Drop for Probe<P> {
    fn drop(&mut self) {
        if self.is_lost {
            return;
        }
        // Not written from here: a task that is being ended must not begin another. The next check of the configuration
        // writes it.
        self.service.cache.add(HealthEvent::Released {
            target: self.target.clone(),
            holder: self.holder,
        });
    }
}

impl<P: HealthPorts> HealthService<P> {
    /// The service of one instance.
    pub fn new(ports: P) -> Rc<Self> {
        Rc::new(Self {
            ports,
            cache: HealthCache::default(),
            checked_at: Cell::default(),
            checking: Rc::default(),
            writing: Rc::default(),
        })
    }

    /// Whether a candidate may be called now. `model` is the name of [`Target::model`]; it is computed only when there is
    /// any failure at all.
    pub fn phase<M: AsRef<str>>(
        &self,
        channel: &str,
        key: &str,
        model: impl FnOnce() -> M,
        now: Timestamp,
    ) -> Phase {
        let health = self.cache.health();
        if health.is_empty() {
            return Phase::Ready;
        }
        health.phase(channel, key, model().as_ref(), now)
    }

    /// Whether a channel has answered that it does not have a model for a kind of call, and is not probed for it. `model`
    /// is the name of [`Target::model`].
    pub fn lacks<M: AsRef<str>>(
        &self,
        channel: &str,
        model: impl FnOnce() -> M,
        now: Timestamp,
    ) -> bool {
        let health = self.cache.health();
        !health.is_empty()
            && matches!(
                health.model_phase(channel, model().as_ref(), now),
                Phase::Cooling { .. }
            )
    }

    /// Whether an answer of this channel could end any cooldown.
    pub fn has_failures(&self, channel: &str) -> bool {
        self.cache.health().channel(channel).is_some()
    }

    /// Adds what a request has found out, and shares it beside the requests.
    pub fn record(self: &Rc<Self>, event: HealthEvent) {
        self.expire_on(&event);
        if self.cache.add(event) {
            self.write_soon();
        }
    }

    /// Where one upstream fails, others may have failed for other instances: what a far store said is asked again at once.
    fn expire_on(&self, event: &HealthEvent) {
        if self.is_far() && matches!(event, HealthEvent::Failed { .. }) {
            let now = self.ports.now();
            let is_paused = self.checked_at.get() > now;
            if !is_paused {
                self.checked_at.set(Timestamp(1));
            }
        }
    }

    fn is_far(&self) -> bool {
        self.ports.distance() == StoreDistance::Far
    }

    /// Adds the result of an attempt, and ends its probe.
    pub fn settle(self: &Rc<Self>, event: HealthEvent, probe: Option<Probe<P>>) {
        self.expire_on(&event);
        self.cache.add(event);
        // What the event did not concern is free for others again.
        drop(probe);
        self.write_soon();
    }

    /// Reads what other instances have found out, unless that was just done. One request of an instance reads, the
    /// others go on with what is known; after an error of the store there is a pause. While all is well, no request waits
    /// for a far store.
    pub async fn refresh(self: &Rc<Self>) {
        let now = self.ports.now();
        let fresh_ms = if self.is_far() {
            FAR_FRESH_MS
        } else {
            FRESH_MS
        };
        if now.since_ms(self.checked_at.get()) < fresh_ms {
            return;
        }
        let Some(lock) = TaskLock::acquire(&self.checking, now) else {
            return;
        };
        if self.is_far() && self.cache.health().is_empty() {
            let service = Rc::clone(self);
            self.ports.spawn(async move {
                service.check().await;
                drop(lock);
            });
            return;
        }
        self.check().await;
        drop(lock);
    }

    /// [`Self::refresh`] before the next candidate of a request whose last one has failed. A near store was read before the
    /// first one.
    pub async fn refresh_after_failure(self: &Rc<Self>) {
        if self.is_far() {
            self.refresh().await;
        }
    }

    /// Reads the store while the configuration is read. A far one is read by the requests that need it, but for the first.
    pub async fn check_beside_configuration(self: &Rc<Self>) {
        if !self.is_far() || self.checked_at.get() == Timestamp(0) {
            self.check().await;
        }
    }

    /// Reads the store.
    async fn check(self: &Rc<Self>) {
        let (version, began) = (self.cache.version(), self.ports.now());
        let read = self.ports.read(StoreKey::Health);
        match bounded_call(&self.ports, READ_TIMEOUT, read).await {
            Ok(raw) => {
                self.checked_at.set(began);
                let is_newest = self.cache.version() == version;
                if is_newest && !self.cache.is_current(raw.as_deref()) {
                    self.cache.replace(self.parse(raw.as_deref()), raw);
                }
                self.write_soon();
            }
            // What is known here stays in force.
            Err(error) => {
                let pause_ends = self.ports.now().plus_ms(ERROR_PAUSE_MS);
                self.checked_at.set(pause_ends);
                self.ports
                    .line(format_args!("health of upstreams not read: {error}"));
            }
        }
    }

    /// Claims the right to be the only request, in all instances, that calls a candidate whose cooldown has ended and
    /// whose answer may take `timeout`. `None`: another one has it, or the candidate cools again. While the store fails,
    /// each instance decides for itself.
    pub async fn probe(
        self: &Rc<Self>,
        target: Target,
        timeout: Duration,
        now: Timestamp,
    ) -> Option<Probe<P>> {
        let lease_ms =
            u64::try_from(timeout.as_millis()).map_or(MAX_LEASE_MS, |ms| ms.min(MAX_LEASE_MS));
        let (holder, until) = (self.ports.next_u64(), now.plus_ms(lease_ms));
        let event = HealthEvent::Probing {
            target: target.clone(),
            at: now,
            until,
            holder,
        };
        // First in this instance, so that no other request of it waits for the store as well.
        self.cache.apply(&event);
        let mut probe = Probe {
            service: Rc::clone(self),
            target,
            holder,
            is_lost: false,
        };
        match self.claim(&event, &probe.target, holder, now).await {
            // Another attempt may have found out meanwhile that it is too early.
            Ok(true) if self.is_cooling_for(&probe.target, holder) => None,
            Ok(true) => Some(probe),
            Ok(false) => {
                probe.is_lost = true;
                None
            }
            Err(error) => {
                self.ports.line(format_args!(
                    "probe not shared with other instances: {error}"
                ));
                Some(probe)
            }
        }
    }

    /// Whether anything but its own lease keeps a probe from calling its target.
    fn is_cooling_for(&self, target: &Target, holder: u64) -> bool {
        let health = self.cache.health();
        let phase = health.phase_for(target, holder, self.ports.now());
        matches!(phase, Phase::Cooling { .. })
    }

    /// Writes a claim into the store, unless another one is there.
    async fn claim(
        &self,
        event: &HealthEvent,
        target: &Target,
        holder: u64,
        now: Timestamp,
    ) -> Result<bool, UpdateError<Infallible>> {
        let cache = &self.cache;
        let mut version = cache.version();
        let update = store::update(&self.ports, StoreKey::Health, CLAIM_RETRIES, |raw| {
            // This instance has written meanwhile: what was read may be older than that.
            if cache.version() != version {
                version = cache.version();
                return Ok(RecordEdit::Reread);
            }
            let number = cache.newest();
            let mut health = cache.with_pending(self.parse(raw));
            Ok(
                match health.phase(&target.channel, &target.key, &target.model, now) {
                    Phase::HalfOpen => {
                        health.apply(event);
                        let new = self.encode(&health);
                        RecordEdit::Replace(new.clone(), (true, Some((health, new, number))))
                    }
                    // Another request has found out already that it works.
                    Phase::Ready => RecordEdit::Keep((true, None)),
                    Phase::Cooling { .. } => {
                        // A swap that reported a conflict may have written this very claim.
                        let is_own = health.is_probed_by(target, holder);
                        cache.replace(health, raw.map(<[u8]>::to_vec));
                        RecordEdit::Keep((is_own, None))
                    }
                },
            )
        });
        let (is_claimed, written) = update.await?;
        if let Some((health, new, number)) = written {
            cache.wrote(health, new, number);
        }
        Ok(is_claimed)
    }

    fn write_soon(self: &Rc<Self>) {
        if !self.cache.has_pending() {
            return;
        }
        let Some(lock) = TaskLock::acquire(&self.writing, self.ports.now()) else {
            return;
        };
        let service = Rc::clone(self);
        self.ports.spawn(async move {
            let began = service.ports.now();
            let is_long =
                |now: Timestamp| u128::from(now.since_ms(began)) >= WRITE_RETRIES.time.as_millis();
            // Events may come while others are written.
            while service.cache.has_pending() && !is_long(service.ports.now()) {
                if let Err(error) = service.write().await {
                    service
                        .ports
                        .line(format_args!("health of upstreams not written: {error}"));
                    break;
                }
            }
            drop(lock);
        });
    }

    /// Adds all pending events to what the store has.
    async fn write(&self) -> Result<(), UpdateError<Infallible>> {
        let cache = &self.cache;
        let mut version = cache.version();
        let update = store::update(&self.ports, StoreKey::Health, WRITE_RETRIES, |raw| {
            // A claim has written meanwhile, perhaps these very events: what was read is older than that.
            if cache.version() != version {
                version = cache.version();
                return Ok(RecordEdit::Reread);
            }
            let number = cache.newest();
            let mut health = cache.with_pending(self.parse(raw));
            health.forget(self.ports.now());
            let new = self.encode(&health);
            let is_same = raw == Some(&new[..]) || (raw.is_none() && health.is_empty());
            let written = (health, new.clone(), number);
            Ok(if is_same {
                RecordEdit::Keep(written)
            } else {
                RecordEdit::Replace(new, written)
            })
        });
        let (health, new, number) = update.await?;
        cache.wrote(health, new, number);
        Ok(())
    }

    /// A record that cannot be read counts as empty: it holds nothing that is not found out again.
    fn parse(&self, raw: Option<&[u8]>) -> Health {
        Health::parse(raw).unwrap_or_else(|error| {
            self.ports
                .line(format_args!("health of upstreams is damaged: {error}"));
            Health::default()
        })
    }

    fn encode(&self, health: &Health) -> Vec<u8> {
        // Maps with text for keys can always be written; the empty document replaces one that cannot.
        serde_json::to_vec(health).unwrap_or_else(|error| {
            self.ports.line(format_args!(
                "health of upstreams cannot be encoded: {error}"
            ));
            b"{}".to_vec()
        })
    }
}
