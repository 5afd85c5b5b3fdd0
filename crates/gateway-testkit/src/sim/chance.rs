//! Seeded randomness. Owns the generator and the few distributions that simulations draw from.

use std::cell::Cell;

/// A stream of random numbers that follows from its seed.
#[derive(Debug)]
pub struct Chance(Cell<u64>);

impl Chance {
    /// The stream of `seed`. Neighbouring seeds give unrelated streams.
    pub const fn seeded(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// A separate stream, derived from this one's current state.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::seeded(self.next_u64())
    }

    /// The next number: `SplitMix64`.
    pub fn next_u64(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 for a limit of 0.
    pub fn below(&self, limit: u64) -> u64 {
        let product = u128::from(self.next_u64()) * u128::from(limit);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from).saturating_add(1))
    }

    /// True so many times in a hundred.
    pub fn percent(&self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One of `choices`, all of them equally likely.
    ///
    /// # Panics
    /// When there is none.
    #[expect(
        clippy::indexing_slicing,
        reason = "an empty choice is the test's mistake"
    )]
    pub fn pick<'a, T>(&self, choices: &'a [T]) -> &'a T {
        &choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or(0)]
    }

    /// A waiting time whose mean is `mean`, as between events that know nothing of each other.
    pub fn waiting(&self, mean: u64) -> u64 {
        round(-self.unit().ln() * float(mean))
    }

    /// A number from `from` to `to` whose order of magnitude is even: short times are as likely as long ones.
    pub fn magnitude(&self, from: u64, to: u64) -> u64 {
        let (low, high) = (float(from.max(1)).ln(), float(to.max(1)).ln());
        round((low + (high - low) * self.unit()).exp())
    }

    /// A number above 0 and up to 1.
    fn unit(&self) -> f64 {
        float((self.next_u64() >> 12) + 1) / float(1 << 52)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers here are below 2^52 or need no precision"
)]
const fn float(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never negative, and `as` saturates above"
)]
fn round(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_stream_again() {
        let draw = |seed| {
            let chance = Chance::seeded(seed);
            (0..10).map(|_| chance.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn draws_keep_to_their_bounds_and_means() {
        let chance = Chance::seeded(1);
        let mut waited = 0;
        for _ in 0..10_000 {
            assert!((3..=5).contains(&chance.between(3, 5)));
            assert!((10..=1_000).contains(&chance.magnitude(10, 1_000)));
            waited += chance.waiting(100);
        }
        assert!((95..105).contains(&(waited / 10_000)), "{waited}");
        assert_eq!(chance.below(0), 0);
    }
}
