//! The instance's copy of the configuration: read once, checked again in the background, served on when
//! the store fails. Owns the staleness rules; a pure state machine, its caller does the reading.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::config::snapshot::Snapshot;
use crate::ports::StoreDistance;
use crate::units::Timestamp;

/// The ages at which a copy is checked.
#[derive(Clone, Copy, Debug)]
struct Ages {
    /// Younger copies are served without a check.
    check_ms: u64,
    /// Older copies are not served before the store was queried.
    stale_ms: u64,
}

impl Ages {
    /// A change is in force within 2 s of a near store and within 5 s of a far one; the rest is for the reading itself.
    const fn of(distance: StoreDistance) -> Self {
        match distance {
            StoreDistance::Near => Self {
                check_ms: 800,
                stale_ms: 1_800,
            },
            StoreDistance::Far => Self {
                check_ms: 2_000,
                stale_ms: 4_000,
            },
        }
    }
}

/// A check that takes longer was ended by the host without being dropped: another one takes its place.
const LONGEST_CHECK_MS: u64 = 10_000;

/// What to do about the configuration of one request.
#[derive(Debug)]
pub enum Lookup {
    /// Use it.
    Fresh(Rc<Snapshot>),
    /// Use it, and check it in the background; the caller has the [`Checking`] turn.
    Revalidate(Rc<Snapshot>, Checking),
    /// Read the store first; the copy serves if that fails.
    Load(Option<Rc<Snapshot>>),
}

/// The copy and its age.
#[derive(Debug)]
pub struct Cache {
    ages: Ages,
    held: RefCell<Option<Held>>,
    checked_at: Cell<Timestamp>,
    /// When the check in progress began.
    checking: Rc<Cell<Option<Timestamp>>>,
    /// Until then requests wait for the background check, although it takes long.
    waits_until: Cell<Timestamp>,
}

#[derive(Debug)]
struct Held {
    raw: Option<Vec<u8>>,
    snapshot: Rc<Snapshot>,
}

/// The right to check the copy in the background, held by one task at a time; released when dropped, also by a task
/// that the host ended.
#[derive(Debug)]
pub struct Checking {
    turn: Rc<Cell<Option<Timestamp>>>,
    began: Timestamp,
}

impl Drop for Checking {
    fn drop(&mut self) {
        // A later check may have taken its place.
        if self.turn.get() == Some(self.began) {
            self.turn.set(None);
        }
    }
}

impl Cache {
    /// An empty cache of a store that is so far away.
    pub fn new(distance: StoreDistance) -> Self {
        Self {
            ages: Ages::of(distance),
            held: RefCell::default(),
            checked_at: Cell::default(),
            checking: Rc::default(),
            waits_until: Cell::default(),
        }
    }

    /// Decides by the copy's age at `now`.
    pub fn lookup(&self, now: Timestamp) -> Lookup {
        let held = self.held.borrow();
        let Some(held) = held.as_ref() else {
            return Lookup::Load(None);
        };
        let snapshot = Rc::clone(&held.snapshot);
        let checked_at = self.checked_at.get();
        match now.since_ms(checked_at) {
            // The clock was set back: the copy's age is unknown.
            _ if now < checked_at => Lookup::Load(Some(snapshot)),
            _ if self.checking.get().is_some() && now < self.waits_until.get() => {
                Lookup::Fresh(snapshot)
            }
            age if age >= self.ages.stale_ms => Lookup::Load(Some(snapshot)),
            age if age >= self.ages.check_ms && !self.is_checking(now) => {
                self.checking.set(Some(now));
                let checking = Checking {
                    turn: Rc::clone(&self.checking),
                    began: now,
                };
                Lookup::Revalidate(snapshot, checking)
            }
            _ => Lookup::Fresh(snapshot),
        }
    }

    fn is_checking(&self, now: Timestamp) -> bool {
        let began = self.checking.get();
        began.is_some_and(|began| now.since_ms(began) < LONGEST_CHECK_MS)
    }

    /// Applies the store's answer to a read that began at `began`, if it is the same as the copy; else gives it back.
    pub fn confirm(
        &self,
        raw: Option<Vec<u8>>,
        began: Timestamp,
    ) -> Result<Rc<Snapshot>, Option<Vec<u8>>> {
        match self.held.borrow().as_ref() {
            Some(known) if known.raw == raw => {
                self.checked_at.set(began);
                Ok(Rc::clone(&known.snapshot))
            }
            _ => Err(raw),
        }
    }

    /// Replaces the copy by what came of the store's answer to a read that began at `began`. Its age
    /// counts from there, however long it took to build.
    pub fn accept(
        &self,
        raw: Option<Vec<u8>>,
        began: Timestamp,
        snapshot: Snapshot,
    ) -> Rc<Snapshot> {
        let mut held = self.held.borrow_mut();
        if let Some(known) = held.as_ref()
            && known.raw == raw
        {
            self.checked_at.set(began);
            return Rc::clone(&known.snapshot);
        }
        let snapshot = Rc::new(snapshot);
        *held = Some(Held {
            raw,
            snapshot: Rc::clone(&snapshot),
        });
        self.checked_at.set(began);
        snapshot
    }

    /// The copy, whatever its age.
    pub fn held(&self) -> Option<Rc<Snapshot>> {
        let held = self.held.borrow();
        held.as_ref().map(|held| Rc::clone(&held.snapshot))
    }

    /// Records that the store failed: the copy counts as checked, so that requests don't queue up behind a broken store
    /// one after the other.
    pub fn keep(&self, now: Timestamp) {
        self.checked_at.set(now);
    }

    /// Records that the check in progress takes long: until it ends, or for `longest_ms`, the copy is served without a
    /// further one, regardless of its age.
    pub fn wait(&self, now: Timestamp, longest_ms: u64) {
        self.keep(now);
        self.waits_until.set(now.plus_ms(longest_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(cache: &Cache, raw: &[u8], began: u64) -> Rc<Snapshot> {
        let raw = Some(raw.to_vec());
        let began = Timestamp(began);
        cache
            .confirm(raw, began)
            .unwrap_or_else(|raw| cache.accept(raw, began, Snapshot::default()))
    }

    #[test]
    fn age_decides_between_memory_background_and_store() {
        let cache = Cache::new(StoreDistance::Near);
        assert!(matches!(cache.lookup(Timestamp(0)), Lookup::Load(None)));
        accept(&cache, b"a", 1_000);
        assert!(matches!(cache.lookup(Timestamp(1_799)), Lookup::Fresh(_)));
        let first = cache.lookup(Timestamp(1_800));
        assert!(matches!(first, Lookup::Revalidate(..)));
        assert!(
            matches!(cache.lookup(Timestamp(1_900)), Lookup::Fresh(_)),
            "one check at a time"
        );
        drop(first);
        assert!(matches!(
            cache.lookup(Timestamp(1_900)),
            Lookup::Revalidate(..)
        ));
        assert!(matches!(
            cache.lookup(Timestamp(2_800)),
            Lookup::Load(Some(_))
        ));
        assert!(
            matches!(cache.lookup(Timestamp(999)), Lookup::Load(Some(_))),
            "the clock was set back"
        );
    }

    #[test]
    fn a_check_that_takes_long_is_the_only_one() {
        let cache = Cache::new(StoreDistance::Near);
        accept(&cache, b"a", 1_000);
        let check = cache.lookup(Timestamp(2_000));
        assert!(matches!(check, Lookup::Revalidate(..)));
        cache.wait(Timestamp(2_300), 5_000);
        for now in [2_400, 4_500, 7_299] {
            assert!(matches!(cache.lookup(Timestamp(now)), Lookup::Fresh(_)));
        }
        assert!(
            matches!(cache.lookup(Timestamp(7_300)), Lookup::Load(Some(_))),
            "an instance that was asleep does not wait for it"
        );
        drop(check);
        assert!(matches!(
            cache.lookup(Timestamp(4_500)),
            Lookup::Load(Some(_))
        ));
    }

    #[test]
    fn a_far_store_is_checked_less_often() {
        let cache = Cache::new(StoreDistance::Far);
        accept(&cache, b"a", 1_000);
        assert!(matches!(cache.lookup(Timestamp(2_999)), Lookup::Fresh(_)));
        assert!(matches!(
            cache.lookup(Timestamp(3_000)),
            Lookup::Revalidate(..)
        ));
        assert!(matches!(
            cache.lookup(Timestamp(5_000)),
            Lookup::Load(Some(_))
        ));
    }

    #[test]
    fn a_check_that_the_host_ended_without_dropping_it_is_replaced() {
        let cache = Cache::new(StoreDistance::Far);
        accept(&cache, b"a", 0);
        let Lookup::Revalidate(_, lost) = cache.lookup(Timestamp(2_000)) else {
            panic!("it is checked")
        };
        accept(&cache, b"a", 9_500);
        assert!(matches!(cache.lookup(Timestamp(11_999)), Lookup::Fresh(_)));
        let next = cache.lookup(Timestamp(12_000));
        assert!(matches!(next, Lookup::Revalidate(..)));
        drop(lost);
        assert!(matches!(cache.lookup(Timestamp(12_100)), Lookup::Fresh(_)));
    }

    #[test]
    fn the_same_bytes_are_not_built_again() {
        let cache = Cache::new(StoreDistance::Near);
        let first = accept(&cache, b"a", 0);
        assert!(Rc::ptr_eq(&first, &accept(&cache, b"a", 10)));
        assert!(!Rc::ptr_eq(&first, &accept(&cache, b"b", 20)));
    }
}
