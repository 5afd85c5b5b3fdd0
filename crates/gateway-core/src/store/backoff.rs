//! The wait between two attempts at a compare-and-swap. Owns the times; how many attempts there are is the caller's
//! decision.

use std::time::Duration;

use crate::ports::Random;

/// The bound of the first wait, in milliseconds.
const FIRST_MS: u64 = 4;
/// The largest bound.
const MAX_MS: u64 = 256;

/// The wait after conflict number `conflict`, counted from 0. Writers that retry at once would conflict again, and only
/// one of each round succeeds; so the wait is random, and its bound doubles with each conflict.
pub fn wait(random: &impl Random, conflict: usize) -> Duration {
    let bound = FIRST_MS.saturating_mul(1 << conflict.min(16)).min(MAX_MS);
    Duration::from_millis(random.next_u64() % bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Largest;

    impl Random for Largest {
        /// One less than every power of two that a bound can be.
        fn next_u64(&self) -> u64 {
            u64::MAX
        }

        fn fill_secure(&self, _: &mut [u8]) {}
    }

    #[test]
    fn the_bound_doubles_up_to_its_limit() {
        let longest = |conflict| wait(&Largest, conflict).as_millis();
        assert_eq!(
            [0, 1, 2, 5, 6, 7, 1_000].map(longest),
            [3, 7, 15, 127, 255, 255, 255]
        );
    }
}
