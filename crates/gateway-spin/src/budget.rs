//! The memory that the bodies of an instance's requests may take together. Owns the count only: an
//! instance that runs out of memory is ended by the host with all its requests, so large bodies take turns.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Announced bytes of all large bodies that an instance holds at a time. A body may be held twice (as it
/// came, and edited for an upstream), and hosts commonly give an instance 256 MiB.
const INSTANCE_BYTES: u64 = 80 * 1024 * 1024;
/// Bodies below this are not counted: nearly all are, and 64 of them are no burden.
const COUNTED_FROM_BYTES: u64 = 1024 * 1024;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// Where a request keeps its share until it has been answered; its body goes earlier than its bytes.
pub type Slot = Rc<RefCell<Option<Share>>>;

/// A part of the memory, given back when dropped.
#[derive(Debug)]
pub struct Share(u64);

/// A share for a body of `length` bytes; `None` while others have too much. A body that is alone gets
/// its share whatever its length: what is too long is refused by the core.
pub fn take(length: u64) -> Option<Share> {
    if length < COUNTED_FROM_BYTES {
        return Some(Share(0));
    }
    let taken = TAKEN.get();
    if taken > 0 && taken.saturating_add(length) > INSTANCE_BYTES {
        return None;
    }
    TAKEN.set(taken.saturating_add(length));
    Some(Share(length))
}

impl Drop for Share {
    fn drop(&mut self) {
        TAKEN.set(TAKEN.get().saturating_sub(self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_take_turns_and_small_ones_pass() {
        let first = take(INSTANCE_BYTES - 10).unwrap();
        assert!(take(COUNTED_FROM_BYTES).is_none());
        assert!(take(COUNTED_FROM_BYTES - 1).is_some());
        drop(first);
        assert!(take(COUNTED_FROM_BYTES).is_some());
    }

    #[test]
    fn a_body_that_is_alone_passes_whatever_its_length() {
        let huge = take(u64::MAX).unwrap();
        assert!(take(COUNTED_FROM_BYTES).is_none());
        drop(huge);
        assert_eq!(TAKEN.get(), 0);
    }
}
