//! Latencies in fixed buckets, so that those of any two hours, channels or instances can be added. Owns the bounds
//! and the reading of quantiles.

/// Upper bounds of the buckets, in milliseconds, inclusive; one more bucket has everything above. They are close
/// where language models answer (0.1 s to 10 s), and reach the gateway's largest timeouts. Stored sums depend on
/// them: a change needs a new version of the schema.
pub const BOUNDS_MS: [u64; 20] = [
    10, 25, 50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000,
    30_000, 60_000, 120_000, 300_000,
];

/// Buckets of a histogram.
pub const BUCKETS: usize = BOUNDS_MS.len() + 1;

/// How many values fell into each bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Counts per bucket, in the order of [`BOUNDS_MS`].
    pub buckets: [u64; BUCKETS],
    /// The sum of all values, in milliseconds.
    pub sum_ms: u64,
}

impl Histogram {
    /// Counts one value.
    pub fn add(&mut self, milliseconds: u64) {
        let bucket = BOUNDS_MS.partition_point(|bound| *bound < milliseconds);
        self.buckets[bucket] += 1;
        self.sum_ms = self.sum_ms.saturating_add(milliseconds);
    }

    /// Counts all values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine = mine.saturating_add(theirs);
        }
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The value that `percent` of all values do not exceed, in milliseconds, taken as evenly spread within its
    /// bucket; above the last bound that bound, since no more is known. `None` without values.
    pub fn quantile_ms(&self, percent: u64) -> Option<u64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (u128::from(count) * u128::from(percent.min(100)))
            .div_ceil(100)
            .max(1);
        let mut below = 0_u128;
        for (bucket, in_bucket) in self.buckets.iter().enumerate() {
            let in_bucket = u128::from(*in_bucket);
            if below + in_bucket >= rank {
                let Some(upper) = BOUNDS_MS.get(bucket) else {
                    break;
                };
                let lower = bucket.checked_sub(1).map_or(0, |index| BOUNDS_MS[index]);
                let share = u128::from(upper - lower) * (rank - below) / in_bucket;
                return Some(lower + u64::try_from(share).unwrap_or(u64::MAX));
            }
            below += in_bucket;
        }
        BOUNDS_MS.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for value in values {
            histogram.add(*value);
        }
        histogram
    }

    #[test]
    fn bounds_belong_to_the_bucket_below() {
        let histogram = of(&[0, 10, 11, 300_000, 300_001]);
        assert_eq!(histogram.buckets[0], 2);
        assert_eq!(histogram.buckets[1], 1);
        assert_eq!(histogram.buckets[BUCKETS - 2], 1);
        assert_eq!(histogram.buckets[BUCKETS - 1], 1);
        assert_eq!(histogram.count(), 5);
        assert_eq!(histogram.sum_ms, 600_022);
    }

    #[test]
    fn quantiles_lie_within_the_bucket_of_their_rank() {
        assert_eq!(Histogram::default().quantile_ms(50), None);
        let histogram = of(&[150; 100]);
        assert_eq!(histogram.quantile_ms(50), Some(150));
        assert_eq!(histogram.quantile_ms(100), Some(200));
        let histogram = of(&[5, 5, 5, 5, 5, 5, 5, 5, 5, 4_000]);
        assert_eq!(histogram.quantile_ms(90), Some(10));
        assert_eq!(histogram.quantile_ms(95), Some(5_000));
        assert_eq!(of(&[900_000]).quantile_ms(50), Some(300_000));
    }

    #[test]
    fn merged_histograms_are_those_of_all_values() {
        let mut merged = of(&[1, 70, 999]);
        merged.merge(&of(&[70, 1_000_000]));
        assert_eq!(merged, of(&[1, 70, 70, 999, 1_000_000]));
    }
}
