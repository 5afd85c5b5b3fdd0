//! Lines for the host's standard error. Owns when they are written: at once while the instance is quiet, batched while
//! it is busy, since each write costs a call to the host, for a busy gateway as much as the text itself.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Write as _};
use std::time::Duration;

use gateway_core::logging::LogPolicy;
use gateway_core::units::Timestamp;
use spin_sdk::wasip3;
use spin_sdk::wasip3::clocks::monotonic_clock;

use crate::turn::{in_turns, now};

/// Lines within this time after the last write wait for its end: an instance that traps may lose them.
const INTERVAL_MS: u64 = 10;
/// The size from which the batch is written at once. One call of `wasi:io/streams` takes 4,096 bytes, which leaves room
/// for a long line.
const MOST_BYTES: usize = 3_072;

thread_local! {
    static WAITING: RefCell<Waiting> = RefCell::default();
    /// Whether a task exists that writes the batch.
    static HAS_WRITER: Cell<bool> = const { Cell::new(false) };
    static POLICY: Cell<LogPolicy> = Cell::new(LogPolicy::default());
}

/// Which lines this instance writes.
pub fn policy() -> LogPolicy {
    POLICY.get()
}

/// Sets which lines this instance writes.
pub fn set_policy(policy: LogPolicy) {
    POLICY.set(policy);
}

/// Lines that are not written yet.
#[derive(Debug, Default)]
struct Waiting {
    text: Vec<u8>,
    /// When the last ones were written.
    handed_over: Timestamp,
}

impl Waiting {
    /// Milliseconds until the batch is written.
    fn left_ms(&self, now: Timestamp) -> u64 {
        if self.text.len() >= MOST_BYTES {
            return 0;
        }
        INTERVAL_MS.saturating_sub(now.since_ms(self.handed_over))
    }

    fn hand_over(&mut self, now: Timestamp) {
        self.handed_over = now;
        if !self.text.is_empty() {
            // A log that cannot be written is no reason to fail.
            let _ = io::stderr().write_all(&self.text);
            self.text.clear();
        }
    }
}

/// Writes the batch when dropped, also when its task is ended from outside.
struct Writer;

impl Drop for Writer {
    fn drop(&mut self) {
        HAS_WRITER.set(false);
        WAITING.with_borrow_mut(|waiting| waiting.hand_over(now()));
    }
}

/// Adds a line.
pub fn line(text: fmt::Arguments<'_>) {
    let left_ms = WAITING.with_borrow_mut(|waiting| {
        // A write to memory always succeeds.
        let _ = writeln!(waiting.text, "{text}");
        let now = now();
        let left_ms = waiting.left_ms(now);
        if left_ms == 0 {
            waiting.hand_over(now);
        }
        left_ms
    });
    if left_ms > 0 && !HAS_WRITER.replace(true) {
        let writer = Writer;
        wasip3::spawn(in_turns(async move {
            let pause = Duration::from_millis(left_ms).as_nanos();
            monotonic_clock::wait_for(u64::try_from(pause).unwrap_or(u64::MAX)).await;
            drop(writer);
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_instance_does_not_wait_and_a_busy_one_gathers() {
        let mut waiting = Waiting::default();
        let at = |milliseconds| Timestamp(1_000_000 + milliseconds);
        assert_eq!(waiting.left_ms(at(0)), 0, "nothing was handed over before");
        waiting.hand_over(at(0));
        assert_eq!(waiting.left_ms(at(0)), INTERVAL_MS);
        assert_eq!(waiting.left_ms(at(4)), INTERVAL_MS - 4);
        assert_eq!(waiting.left_ms(at(INTERVAL_MS)), 0);
    }

    #[test]
    fn much_text_does_not_wait() {
        let mut waiting = Waiting::default();
        waiting.hand_over(Timestamp(5));
        waiting.text = vec![b'x'; MOST_BYTES];
        assert_eq!(waiting.left_ms(Timestamp(5)), 0);
    }
}
