//! How much was used within about a minute, out of two counts. Owns the approximation and its bounds.
//!
//! A window of a minute begins with a key's first use. What is used within it is counted; of the window before, as much
//! counts as of it would still lie within the last minute if it had been spread evenly. So:
//!
//! - within one window never more than the limit is admitted, so that of any number of requests at the same time
//!   exactly as many pass as the limit says;
//! - within any minute, which can lie in two windows, never more than twice the limit, and over many minutes never more
//!   than the limit per minute and once more;
//! - a client that spreads requests evenly, as many as the limit says, is never rejected;
//! - after a burst that took all of it at once, places become free from the end of the window on, one after the other.
//!   A count of all requests with their times would free them all at once; it would cost a row for each.

/// Milliseconds of a window.
pub const WINDOW_MS: u64 = 60_000;

/// What was used in the window and in the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the window.
    pub current: u64,
    /// In the window before.
    pub before: u64,
}

impl Counts {
    /// The same when the next window begins.
    #[must_use]
    pub const fn shifted(self) -> Self {
        Self {
            current: 0,
            before: self.current,
        }
    }

    /// Both together.
    pub const fn sum(self) -> u64 {
        self.current.saturating_add(self.before)
    }

    /// What counts as used, `elapsed_ms` after the window's begin.
    pub fn used(self, elapsed_ms: u64) -> u64 {
        let left = u128::from((WINDOW_MS - 1).saturating_sub(elapsed_ms));
        let carried = u128::from(self.before) * left / u128::from(WINDOW_MS);
        self.current
            .saturating_add(u64::try_from(carried).unwrap_or(u64::MAX))
    }

    /// Milliseconds until no more than `most` counts as used, if nothing more is used until then; from `elapsed_ms`
    /// after the window's begin, which is less than [`WINDOW_MS`].
    pub fn ms_until(self, elapsed_ms: u64, most: u64) -> u64 {
        let at = match most.checked_sub(self.current) {
            Some(most) => faded_to(self.before, most),
            None => WINDOW_MS + faded_to(self.current, most),
        };
        at.saturating_sub(elapsed_ms)
    }
}

/// Milliseconds of a window after which of `before` no more than `most` counts.
fn faded_to(before: u64, most: u64) -> u64 {
    if before <= most {
        return 0;
    }
    let (window, before) = (u128::from(WINDOW_MS), u128::from(before));
    // The longest rest of the window of which the share is not yet one more than that.
    let rest = ((u128::from(most) + 1) * window - 1) / before;
    WINDOW_MS - 1 - u64::try_from(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_window_before_fades_evenly() {
        let counts = Counts {
            current: 1,
            before: 6,
        };
        for (elapsed, used) in [
            (0, 6),
            (9_999, 6),
            (10_000, 5),
            (30_000, 3),
            (50_000, 1),
            (59_999, 1),
        ] {
            assert_eq!(counts.used(elapsed), used, "{elapsed}");
        }
        assert_eq!(counts.ms_until(0, 5), 10_000);
        assert_eq!(counts.ms_until(0, 1), 50_000);
        assert_eq!(counts.ms_until(20_000, 0), 40_000, "one fades at once");
        assert_eq!(counts.ms_until(20_000, 9), 0);
    }

    #[test]
    fn large_counts_that_are_within_the_limit_already_wait_for_nothing() {
        for before in [60_000, 60_001, 1_000_000] {
            let counts = Counts { current: 0, before };
            assert_eq!(counts.ms_until(0, before), 0, "{before}");
            assert_eq!(
                counts.ms_until(0, 0),
                WINDOW_MS - 1 - (WINDOW_MS - 1) / before
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The time that is given is the first at which it is true.
        #[test]
        fn the_time_that_is_given_is_exact(
            current in 0..200_u64,
            before in 0..200_u64,
            elapsed in 0..WINDOW_MS,
            most in 0..200_u64,
        ) {
            let counts = Counts { current, before };
            let used_after = |wait: u64| {
                let at = elapsed + wait;
                if at < WINDOW_MS {
                    counts.used(at)
                } else {
                    counts.shifted().used(at - WINDOW_MS)
                }
            };
            let wait = counts.ms_until(elapsed, most);
            prop_assert!(wait <= 2 * WINDOW_MS);
            prop_assert!(used_after(wait) <= most, "{} is used", used_after(wait));
            if wait > 0 {
                prop_assert!(used_after(wait - 1) > most);
            }
        }

        /// No figure is too large.
        #[test]
        fn nothing_overflows(current in any::<u64>(), before in any::<u64>(), elapsed in any::<u64>(), most in any::<u64>()) {
            let counts = Counts { current, before };
            prop_assert!(counts.used(elapsed) >= current);
            prop_assert!(counts.ms_until(elapsed, most) <= 2 * WINDOW_MS);
        }
    }
}
