//! Updates against a store whose answers are scripted, in virtual time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use futures_util::FutureExt as _;

use super::*;
use crate::ports::ReadStore;

/// What a swap does and reports.
#[derive(Clone, Copy, Debug)]
enum Script {
    /// It takes place unless the record differs, and reports that.
    Honest,
    /// Another writer comes first.
    Overtaken,
    /// It takes place and reports a conflict.
    LandsAsConflict,
    /// It takes place and reports an error.
    LandsAsError,
    /// It does not take place and reports an error.
    Fails,
    /// It does not take place and reports a conflict without any other writer.
    Refuses,
    /// It never returns.
    Hangs,
}

#[derive(Debug, Default)]
struct Store {
    now: Cell<u64>,
    record: RefCell<Option<Vec<u8>>>,
    swaps: RefCell<VecDeque<Script>>,
    /// Reads until one fails; 0: none does.
    fails_at_read: Cell<usize>,
    reads: Cell<usize>,
    waits_ms: RefCell<Vec<u64>>,
}

impl Store {
    fn new(record: &str, swaps: &[Script]) -> Self {
        let store = Self::default();
        *store.record.borrow_mut() = Some(record.as_bytes().to_vec());
        *store.swaps.borrow_mut() = swaps.iter().copied().collect();
        store
    }

    fn record(&self) -> String {
        String::from_utf8(self.record.borrow().clone().unwrap_or_default()).unwrap()
    }
}

impl Clock for Store {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.get())
    }

    /// A future is first polled when nothing else can go on, so that time passes at once.
    async fn sleep(&self, duration: Duration) {
        let ms = u64::try_from(duration.as_millis()).unwrap();
        self.waits_ms.borrow_mut().push(ms);
        self.now.set(self.now.get() + ms);
    }
}

impl Random for Store {
    fn next_u64(&self) -> u64 {
        u64::MAX
    }

    fn fill_secure(&self, _: &mut [u8]) {}
}

impl ReadStore for Store {
    async fn read(&self, _: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        if self.reads.get() == self.fails_at_read.get() {
            return Err(StoreError("read".to_owned()));
        }
        Ok(self.record.borrow().clone())
    }
}

impl WriteStore for Store {
    async fn put(&self, _: StoreKey, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove(&self, _: StoreKey) -> Result<(), StoreError> {
        Ok(())
    }

    async fn swap(
        &self,
        _: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        let script = self.swaps.borrow_mut().pop_front();
        let write = || *self.record.borrow_mut() = Some(new.to_vec());
        match script.unwrap_or(Script::Honest) {
            Script::Honest => {
                if self.record.borrow().as_deref() != expected {
                    return Ok(Swap::Conflict);
                }
                write();
                Ok(Swap::Done)
            }
            Script::Overtaken => {
                let record = format!("{}o", self.record());
                *self.record.borrow_mut() = Some(record.into_bytes());
                Ok(Swap::Conflict)
            }
            Script::LandsAsConflict => {
                write();
                Ok(Swap::Conflict)
            }
            Script::LandsAsError => {
                write();
                Err(StoreError("swap".to_owned()))
            }
            Script::Fails => Err(StoreError("swap".to_owned())),
            Script::Refuses => Ok(Swap::Conflict),
            Script::Hangs => std::future::pending().await,
        }
    }
}

const LIMITS: RetryLimits = RetryLimits {
    attempts: 20,
    time: Duration::from_secs(10),
};

/// Appends `e`, and gives what was there before.
fn append(store: &Store, limits: RetryLimits) -> Result<String, UpdateError<&'static str>> {
    let edit = |stored: Option<&[u8]>| {
        let text = String::from_utf8(stored.unwrap_or_default().to_vec()).unwrap();
        match text.as_str() {
            "kept" => Ok(RecordEdit::Keep(text)),
            "bad" => Err("bad"),
            _ => Ok(RecordEdit::Replace(format!("{text}e").into_bytes(), text)),
        }
    };
    update(store, StoreKey::Health, limits, edit)
        .now_or_never()
        .unwrap()
}

/// Appends the number of the swap, and gives that.
fn append_confirmed(store: &Store) -> Result<usize, UpdateError<&'static str>> {
    let unchanged = |stored: Option<&[u8]>| (stored == Some(b"kept")).then_some(100);
    let edit = async |stored: Option<&[u8]>, swap: usize| {
        let text = String::from_utf8(stored.unwrap_or_default().to_vec()).unwrap();
        match text.as_str() {
            "bad" => Err("bad"),
            _ => Ok(RecordEdit::Replace(
                format!("{text}{swap}").into_bytes(),
                swap,
            )),
        }
    };
    let landed = |stored: Option<&[u8]>, swaps: usize| {
        let text = String::from_utf8(stored.unwrap_or_default().to_vec()).unwrap();
        Ok((0..swaps).find(|swap| text.contains(&swap.to_string())))
    };
    update_confirmed(store, StoreKey::Config, LIMITS, unchanged, edit, landed)
        .now_or_never()
        .unwrap()
}

#[test]
fn an_update_begins_again_with_what_another_writer_left() {
    let store = Store::new("a", &[Script::Overtaken, Script::Overtaken]);
    assert_eq!(append(&store, LIMITS), Ok("aoo".to_owned()));
    assert_eq!(store.record(), "aooe");
    assert_eq!(
        *store.waits_ms.borrow(),
        [3, 7],
        "longer after each conflict"
    );
}

#[test]
fn what_is_kept_or_refused_is_not_written() {
    let store = Store::new("kept", &[Script::Hangs]);
    assert_eq!(append(&store, LIMITS), Ok("kept".to_owned()));
    let store = Store::new("bad", &[Script::Hangs]);
    assert_eq!(append(&store, LIMITS), Err(UpdateError::Edit("bad")));
}

#[test]
fn attempts_and_time_are_bounded() {
    let store = Store::new("a", &[Script::Refuses; 30]);
    assert_eq!(append(&store, LIMITS), Err(UpdateError::Conflict));
    assert_eq!(store.reads.get(), LIMITS.attempts);

    let short = RetryLimits {
        time: Duration::from_millis(12),
        ..LIMITS
    };
    let store = Store::new("a", &[Script::Refuses; 30]);
    assert_eq!(append(&store, short), Err(UpdateError::Conflict));
    assert_eq!(*store.waits_ms.borrow(), [3, 7], "15 ms more are too many");

    let store = Store::new("a", &[Script::Refuses, Script::Hangs]);
    let hung = append(&store, short);
    assert!(matches!(hung, Err(UpdateError::Uncertain(_))), "{hung:?}");
    assert_eq!(*store.waits_ms.borrow(), [3, 9], "what is left of the time");
}

#[test]
fn errors_say_whether_anything_may_have_changed() {
    let store = Store::new("a", &[]);
    store.fails_at_read.set(1);
    let read = append(&store, LIMITS);
    assert!(matches!(read, Err(UpdateError::Store(_))), "{read:?}");
    let store = Store::new("a", &[Script::Fails]);
    let swap = append(&store, LIMITS);
    assert!(matches!(swap, Err(UpdateError::Uncertain(_))), "{swap:?}");
}

#[test]
fn a_stale_read_is_repeated_at_once() {
    let store = Store::new("a", &[]);
    let mut calls = 0;
    let edit = |_: Option<&[u8]>| {
        calls += 1;
        Ok::<_, &str>(match calls {
            1 => RecordEdit::Reread,
            _ => RecordEdit::Keep(()),
        })
    };
    let update = update(&store, StoreKey::Health, LIMITS, edit);
    assert_eq!(update.now_or_never(), Some(Ok(())));
    assert_eq!(store.reads.get(), 2);
    assert!(store.waits_ms.borrow().is_empty());
}

#[test]
fn a_swap_that_landed_unreported_is_found() {
    for script in [Script::LandsAsConflict, Script::LandsAsError] {
        let store = Store::new("a", &[Script::Overtaken, script]);
        assert_eq!(append_confirmed(&store), Ok(1), "{script:?}");
        assert_eq!(store.record(), "ao1", "written once");
    }
}

#[test]
fn a_failed_swap_is_an_error_unless_the_record_shows_otherwise() {
    let store = Store::new("a", &[Script::Fails]);
    let failed = append_confirmed(&store);
    assert!(matches!(failed, Err(UpdateError::Store(_))), "{failed:?}");
    assert_eq!(store.record(), "a");

    let store = Store::new("kept", &[Script::Fails]);
    assert_eq!(append_confirmed(&store), Ok(100));

    let store = Store::new("a", &[Script::LandsAsError]);
    store.fails_at_read.set(2);
    let unknown = append_confirmed(&store);
    assert!(
        matches!(unknown, Err(UpdateError::Uncertain(_))),
        "{unknown:?}"
    );
    let store = Store::new("a", &[Script::Refuses]);
    store.fails_at_read.set(3);
    let unknown = append_confirmed(&store);
    assert!(
        matches!(unknown, Err(UpdateError::Uncertain(_))),
        "{unknown:?}"
    );
    let store = Store::new("a", &[]);
    store.fails_at_read.set(1);
    let nothing = append_confirmed(&store);
    assert!(matches!(nothing, Err(UpdateError::Store(_))), "{nothing:?}");
}

#[test]
fn conflicts_without_another_writer_end_sooner() {
    let store = Store::new("a", &[Script::Refuses; 30]);
    assert_eq!(append_confirmed(&store), Err(UpdateError::Conflict));
    assert_eq!(store.reads.get(), 2 * MAX_CONFLICTS_WITHOUT_CHANGE);
    let store = Store::new("a", &[Script::Overtaken; 19]);
    assert_eq!(append_confirmed(&store), Ok(19));
}
