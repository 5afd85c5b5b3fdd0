//! What requests add up to: sums and latencies. Owns the adding; the columns and what a request adds are
//! [`usage`](super::columns::usage)'s.

use super::columns::usage::{HISTOGRAMS, Latency, SUMS, Sum};
use super::histogram::Histogram;
use super::record::{ModelKnown, RequestRecord};

/// Sums over any number of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageTotals {
    sums: [u64; SUMS.len()],
    latencies: [Histogram; HISTOGRAMS.len()],
    /// Whether the model's name is bounded by the configuration; otherwise [`super::ingest`] bounds it. Not stored.
    pub is_named: bool,
}

impl UsageTotals {
    /// One of the sums.
    pub const fn sum(&self, sum: Sum) -> u64 {
        self.sums[sum as usize]
    }

    /// One of the sums, to be changed.
    pub const fn sum_mut(&mut self, sum: Sum) -> &mut u64 {
        &mut self.sums[sum as usize]
    }

    /// One of the histograms.
    pub const fn latency(&self, latency: Latency) -> &Histogram {
        &self.latencies[latency as usize]
    }

    /// One of the histograms, to be changed.
    pub const fn latency_mut(&mut self, latency: Latency) -> &mut Histogram {
        &mut self.latencies[latency as usize]
    }

    /// Adds a request.
    pub fn add(&mut self, record: &RequestRecord) {
        for column in &SUMS {
            let sum = self.sum_mut(column.sum);
            *sum = sum.saturating_add((column.added)(record));
        }
        for columns in &HISTOGRAMS {
            if let Some(milliseconds) = (columns.added)(record) {
                self.latency_mut(columns.latency).add(milliseconds);
            }
        }
        self.is_named |= record.model_known != ModelKnown::Answered;
    }

    /// Adds other totals.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.sums.iter_mut().zip(other.sums) {
            *mine = mine.saturating_add(theirs);
        }
        for (mine, theirs) in self.latencies.iter_mut().zip(&other.latencies) {
            mine.merge(theirs);
        }
        self.is_named |= other.is_named;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sum_and_latency_has_a_place_of_its_own() {
        let mut totals = UsageTotals::default();
        for (value, column) in (1..).zip(&SUMS) {
            *totals.sum_mut(column.sum) = value;
        }
        assert_eq!(totals.sums, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for columns in &HISTOGRAMS {
            totals.latency_mut(columns.latency).add(1);
        }
        assert!(totals.latencies.iter().all(|latency| latency.count() == 1));
    }
}
