//! The instance's copy of what is known of upstreams: read with the configuration, changed by what requests learn,
//! written back beside them. Owns when the store is read and written; what outcomes mean is `attempt`'s.
//!
//! While all is well nothing is known, so nothing is looked up and nothing is written.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::Gateway;
use super::routes::Operation;
use crate::config::snapshot::{Channel, Key};
use crate::health::cooldown::Phase;
use crate::health::record::{Health, HealthEvent, Target};
use crate::patience::store_call;
use crate::ports::{ProxyPorts, StoreError, StoreKey, Swap};
use crate::units::Timestamp;

/// Events that wait for the store. While it fails, the oldest are forgotten.
const MAX_PENDING: usize = 1_000;
/// Further tries when another instance wrote in between. Each conflict means that somebody got through.
const MAX_SWAPS: usize = 20;
/// The longest that one request may keep others from probing, in milliseconds: an instance that is ended gives
/// nothing back.
const MAX_LEASE_MS: u64 = 30_000;
/// A copy of the record that is younger serves without asking: an instance under load asks forty times a second, one
/// without asks before each request, so that it does not call what another one has just been refused by.
const FRESH_MS: u64 = 25;
/// For so long a store that failed is not asked by requests.
const REST_MS: u64 = 1_800;
/// A request waits no longer than this for the store, which usually takes a few milliseconds.
const MAX_CLAIM: Duration = Duration::from_millis(300);
/// The work beside requests gives up after this; the next check of the configuration tries again.
const MAX_WRITE: Duration = Duration::from_secs(5);

/// What the instance knows.
#[derive(Debug, Default)]
pub struct HealthCache {
    /// What the store said last, and what was learned since.
    health: RefCell<Health>,
    /// What was learned and is not in the store yet.
    pending: RefCell<VecDeque<(u64, HealthEvent)>>,
    /// The number of the newest event.
    newest: Cell<u64>,
    /// The record as it was read or written last.
    raw: RefCell<Option<Vec<u8>>>,
    /// Counts what was written, so that an older reading which arrives later does not undo it.
    version: Cell<u64>,
    /// When the store was asked last; in the future while it fails.
    checked_at: Cell<Timestamp>,
    checking: Rc<Cell<bool>>,
    writing: Rc<Cell<bool>>,
}

/// The turn to read or to write, held by one task at a time; given back when dropped, also by a task that the host
/// ended.
struct TaskLock(Rc<Cell<bool>>);

impl Drop for TaskLock {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// The right to try out a candidate whose cooldown has just ended. Dropped without [`Gateway::settle`] (the client
/// has gone, or another attempt was faster), it lets the next request try.
#[derive(Debug)]
pub struct Probe<P: ProxyPorts> {
    gateway: Rc<Gateway<P>>,
    who: Target,
    holder: u64,
    /// Another request has the right: there is nothing to give back.
    is_lost: bool,
}

impl<P: ProxyPorts> Drop for Probe<P> {
    fn drop(&mut self) {
        if self.is_lost {
            return;
        }
        let event = HealthEvent::Released {
            who: self.who.clone(),
            holder: self.holder,
        };
        // No write from here: a task that is being ended must not begin another. The next check of the
        // configuration takes it along.
        self.gateway.known.note(event);
    }
}

impl HealthCache {
    /// Takes an event into memory; whether that changed anything.
    fn note(&self, event: HealthEvent) -> bool {
        if !self.health.borrow_mut().apply(&event) {
            return false;
        }
        let mut pending = self.pending.borrow_mut();
        if pending.len() == MAX_PENDING {
            pending.pop_front();
        }
        let number = self.newest.get() + 1;
        self.newest.set(number);
        pending.push_back((number, event));
        true
    }

    /// Takes what this instance has just written, with its events up to that number.
    fn wrote(&self, health: Health, raw: Vec<u8>, number: u64) {
        self.version.set(self.version.get().wrapping_add(1));
        self.pending
            .borrow_mut()
            .retain(|(of_event, _)| *of_event > number);
        self.replace(health, Some(raw));
    }

    /// Replaces what the store said, and adds again what it does not have yet.
    fn replace(&self, health: Health, raw: Option<Vec<u8>>) {
        let health = self.complete(health);
        self.health.replace(health);
        self.raw.replace(raw);
    }

    /// What the store has, and what was learned here since.
    fn complete(&self, mut health: Health) -> Health {
        for (_, event) in self.pending.borrow().iter() {
            health.apply(event);
        }
        health
    }
}

impl<P: ProxyPorts> Gateway<P> {
    /// Whether a candidate may be called now. `model` is the upstream's name.
    pub(super) fn phase(
        &self,
        channel: &Channel,
        key: &Key,
        operation: Operation,
        model: &str,
        now: Timestamp,
    ) -> Phase {
        let health = self.known.health.borrow();
        if health.is_empty() {
            return Phase::Ready;
        }
        health.phase(&channel.id, &key.id, &operation.health_name(model), now)
    }

    /// Whether there is anything that an answer of this channel could cure.
    pub(super) fn knows_of(&self, channel: &Channel) -> bool {
        self.known.health.borrow().channel(&channel.id).is_some()
    }

    /// Takes in what a request learned, and shares it beside the requests.
    pub(super) fn learn(self: &Rc<Self>, event: HealthEvent) {
        if self.known.note(event) {
            self.write_soon();
        }
    }

    /// Ends a probe that found something out.
    pub(super) fn settle(self: &Rc<Self>, event: HealthEvent, probe: Option<Probe<P>>) {
        self.known.note(event);
        // What the event did not concern is free for others again.
        drop(probe);
        self.write_soon();
    }

    /// Asks the store for what other instances have learned, unless that was just done. One request of an instance
    /// asks, the others go on with what is known; a store that fails is left alone for a while.
    pub(super) async fn refresh(self: &Rc<Self>) {
        let known = &self.known;
        let age_ms = self.ports.now().since_ms(known.checked_at.get());
        if age_ms < FRESH_MS || known.checking.replace(true) {
            return;
        }
        let _turn = TaskLock(Rc::clone(&known.checking));
        self.check().await;
    }

    /// Reads what the store has and takes it in.
    pub(super) async fn check(self: &Rc<Self>) {
        let known = &self.known;
        let (version, began) = (known.version.get(), self.ports.now());
        match store_call(&self.ports, MAX_CLAIM, self.ports.read(StoreKey::Health)).await {
            Ok(raw) => {
                known.checked_at.set(began);
                let is_newest = known.version.get() == version;
                if is_newest && *known.raw.borrow() != raw {
                    let health = self.parse(raw.as_deref());
                    known.replace(health, raw);
                }
                self.write_soon();
            }
            // What is known here stays in force.
            Err(error) => {
                known.checked_at.set(self.ports.now().plus_ms(REST_MS));
                self.ports
                    .line(format_args!("health of upstreams not read: {error}"));
            }
        }
    }

    /// Gets the right to be the only request, in all instances, that tries a candidate whose cooldown has ended.
    /// `None`: another one has it, or knows better. While the store fails, each instance decides for itself.
    pub(super) async fn probe(
        self: &Rc<Self>,
        channel: &Channel,
        who: Target,
        now: Timestamp,
    ) -> Option<Probe<P>> {
        let longest = channel.timeouts.connect + channel.timeouts.first_byte;
        let lease_ms =
            u64::try_from(longest.as_millis()).map_or(MAX_LEASE_MS, |ms| ms.min(MAX_LEASE_MS));
        let (holder, until) = (self.ports.next_u64(), now.plus_ms(lease_ms));
        let event = HealthEvent::Probing {
            who: who.clone(),
            at: now,
            until,
            holder,
        };
        // First in this instance, so that no other request of it waits for the store as well.
        self.known.health.borrow_mut().apply(&event);
        let mut probe = Probe {
            gateway: Rc::clone(self),
            who,
            holder,
            is_lost: false,
        };
        let claim = self.claim(&event, &probe.who, holder, now);
        let claimed = store_call(&self.ports, MAX_CLAIM, claim).await;
        match claimed {
            // Another attempt may have found out meanwhile that it is too early.
            Ok(true) if self.is_cooling_beyond(&probe, until) => None,
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

    /// Whether something else than the probe's own lease keeps its candidate away.
    fn is_cooling_beyond(&self, probe: &Probe<P>, lease: Timestamp) -> bool {
        let who = &probe.who;
        let health = self.known.health.borrow();
        let phase = health.phase(&who.channel, &who.key, &who.model, self.ports.now());
        matches!(phase, Phase::Cooling { until, has_retry_after } if has_retry_after || until != lease)
    }

    /// Writes a claim into the store, unless somebody else's is there.
    async fn claim(
        &self,
        event: &HealthEvent,
        who: &Target,
        holder: u64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let known = &self.known;
        for _ in 0..MAX_SWAPS {
            let version = known.version.get();
            let raw = self.ports.read(StoreKey::Health).await?;
            if known.version.get() != version {
                // This instance has written meanwhile: what was read may be older than that.
                continue;
            }
            let number = known.newest.get();
            let mut health = known.complete(self.parse(raw.as_deref()));
            match health.phase(&who.channel, &who.key, &who.model, now) {
                Phase::HalfOpen => {}
                // Somebody has found out already that it works.
                Phase::Ready => return Ok(true),
                Phase::Cooling { .. } => {
                    // A swap that reported a conflict may have written this very claim.
                    let is_mine = health.is_probed_by(who, holder);
                    known.replace(health, raw);
                    return Ok(is_mine);
                }
            }
            health.apply(event);
            let new = self.encode(&health);
            let swap = self
                .ports
                .swap(StoreKey::Health, raw.as_deref(), &new)
                .await?;
            if swap == Swap::Done {
                known.wrote(health, new, number);
                return Ok(true);
            }
        }
        Err(busy())
    }

    fn write_soon(self: &Rc<Self>) {
        let known = &self.known;
        if known.pending.borrow().is_empty() || known.writing.replace(true) {
            return;
        }
        let gateway = Rc::clone(self);
        let turn = TaskLock(Rc::clone(&known.writing));
        self.ports.spawn(async move {
            if let Err(error) = store_call(&gateway.ports, MAX_WRITE, gateway.write()).await {
                gateway
                    .ports
                    .line(format_args!("health of upstreams not written: {error}"));
            }
            drop(turn);
        });
    }

    /// Adds all pending events to what the store has, also those that come meanwhile.
    async fn write(&self) -> Result<(), StoreError> {
        let known = &self.known;
        let mut conflicts = 0;
        while !known.pending.borrow().is_empty() {
            let version = known.version.get();
            let raw = self.ports.read(StoreKey::Health).await?;
            if known.version.get() != version {
                // A claim has written meanwhile, perhaps these very events: what was read is older than that.
                continue;
            }
            let number = known.newest.get();
            let mut health = known.complete(self.parse(raw.as_deref()));
            health.forget(self.ports.now());
            let new = self.encode(&health);
            let is_same = raw.as_deref() == Some(&new[..]) || (raw.is_none() && health.is_empty());
            let swap = if is_same {
                Swap::Done
            } else {
                self.ports
                    .swap(StoreKey::Health, raw.as_deref(), &new)
                    .await?
            };
            match swap {
                Swap::Done => known.wrote(health, new, number),
                Swap::Conflict if conflicts == MAX_SWAPS => return Err(busy()),
                Swap::Conflict => conflicts += 1,
            }
        }
        Ok(())
    }

    /// A record that cannot be read is as good as none: it holds nothing that is not learned again.
    fn parse(&self, raw: Option<&[u8]>) -> Health {
        let Some(raw) = raw else {
            return Health::default();
        };
        serde_json::from_slice(raw).unwrap_or_else(|error| {
            self.ports
                .line(format_args!("health of upstreams is damaged: {error}"));
            Health::default()
        })
    }

    fn encode(&self, health: &Health) -> Vec<u8> {
        // Maps with text for keys can be written; the empty document stands for what cannot.
        serde_json::to_vec(health).unwrap_or_else(|error| {
            self.ports.line(format_args!(
                "health of upstreams cannot be encoded: {error}"
            ));
            b"{}".to_vec()
        })
    }
}

fn busy() -> StoreError {
    StoreError("others kept writing at the same time".to_owned())
}
