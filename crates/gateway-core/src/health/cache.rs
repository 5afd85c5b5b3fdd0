//! The instance's copy of what is known of upstreams, and the events that the store does not have yet. Owns how the two
//! are combined; reads and writes nothing.

use std::cell::{Cell, Ref, RefCell};
use std::collections::VecDeque;

use super::record::{Health, HealthEvent};

/// Events that wait for the store. While it fails, the oldest are dropped.
const MAX_PENDING: usize = 1_000;

/// What the instance knows.
#[derive(Debug, Default)]
pub struct HealthCache {
    /// What the store had when it was last read or written, and the pending events.
    health: RefCell<Health>,
    /// Events that are not in the store yet, by number.
    pending: RefCell<VecDeque<(u64, HealthEvent)>>,
    /// The number of the newest event.
    newest: Cell<u64>,
    /// The record as it was last read or written.
    raw: RefCell<Option<Vec<u8>>>,
    /// Counts the writes, so that an older read which ends later does not undo one.
    version: Cell<u64>,
}

impl HealthCache {
    /// What is known now.
    pub fn health(&self) -> Ref<'_, Health> {
        self.health.borrow()
    }

    /// Applies an event, to be written later; whether it changed anything.
    pub fn add(&self, event: HealthEvent) -> bool {
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

    /// Applies an event that its caller writes.
    pub fn apply(&self, event: &HealthEvent) {
        self.health.borrow_mut().apply(event);
    }

    /// Whether there are events to be written.
    pub fn has_pending(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    /// The number of the newest event.
    pub const fn newest(&self) -> u64 {
        self.newest.get()
    }

    /// The number of writes so far.
    pub const fn version(&self) -> u64 {
        self.version.get()
    }

    /// Whether the record is the one that was last read or written.
    pub fn is_current(&self, raw: Option<&[u8]>) -> bool {
        self.raw.borrow().as_deref() == raw
    }

    /// Replaces the copy by what this instance has just written, which includes all events up to `number`.
    pub fn wrote(&self, health: Health, raw: Vec<u8>, number: u64) {
        self.version.set(self.version.get().wrapping_add(1));
        self.pending
            .borrow_mut()
            .retain(|(of_event, _)| *of_event > number);
        self.replace(health, Some(raw));
    }

    /// Replaces the copy by what the store has and the pending events.
    pub fn replace(&self, health: Health, raw: Option<Vec<u8>>) {
        let health = self.with_pending(health);
        self.health.replace(health);
        self.raw.replace(raw);
    }

    /// What the store has and the pending events.
    pub fn with_pending(&self, mut health: Health) -> Health {
        for (_, event) in self.pending.borrow().iter() {
            health.apply(event);
        }
        health
    }
}

#[cfg(test)]
mod tests;
