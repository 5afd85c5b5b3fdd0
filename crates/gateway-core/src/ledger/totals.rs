//! What requests add up to: sums and latencies. Owns the adding, and totals as rows of `usage_hour`; the columns and what a
//! request adds are [`usage`](super::columns::usage)'s.

use std::borrow::Cow;

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::columns::usage::{self, HISTOGRAMS, Latency, SUMS, Sum, bucket_column};
use super::columns::{Column, ColumnValue, INTEGER_NOT_NULL, TEXT_NOT_NULL};
use super::histogram::Histogram;
use super::record::{ModelKnown, RequestRecord};
use crate::sql::SqlValue;
use crate::sql::rows::NamedRow;

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

/// The totals in a row that has all of [`summed`](super::columns::usage::summed).
pub fn read_totals(row: &NamedRow<'_>) -> UsageTotals {
    let mut totals = UsageTotals::default();
    for column in &SUMS {
        *totals.sum_mut(column.sum) = row.count(column.name);
    }
    for columns in &HISTOGRAMS {
        let mut counts = row
            .from(&bucket_column(columns.prefix, 0))
            .map(SqlValue::count);
        let mut histogram = Histogram::default();
        for bucket in &mut histogram.buckets {
            *bucket = counts.next().unwrap_or_default();
        }
        histogram.sum_ms = counts.next().unwrap_or_default();
        *totals.latency_mut(columns.latency) = histogram;
    }
    totals
}

/// A row of `usage_hour` in a batch.
#[derive(Default)]
pub struct UsageRow<'a> {
    /// The hour, or [`ALL_HOURS`](super::columns::ALL_HOURS).
    pub hour: i64,
    /// The client key's id.
    pub key: &'a str,
    /// The channel's id.
    pub channel: &'a str,
    /// The model.
    pub model: &'a str,
    /// What is added.
    pub totals: Cow<'a, UsageTotals>,
}

impl<'a> UsageRow<'a> {
    /// What the sums are by. In a row, the mark whether the model is named comes behind them, before the sums.
    pub fn subject(&self) -> [Column<'a>; 4] {
        [
            ("hour", INTEGER_NOT_NULL, ColumnValue::Integer(self.hour)),
            ("key", TEXT_NOT_NULL, self.key.into()),
            ("channel", TEXT_NOT_NULL, self.channel.into()),
            ("model", TEXT_NOT_NULL, self.model.into()),
        ]
    }
}

impl Serialize for UsageRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(None)?;
        for (_, _, value) in self.subject() {
            row.serialize_element(&value)?;
        }
        row.serialize_element(&u8::from(self.totals.is_named))?;
        for column in usage::first_sums() {
            row.serialize_element(&self.totals.sum(column.sum))?;
        }
        for columns in &HISTOGRAMS {
            let histogram = self.totals.latency(columns.latency);
            for count in histogram.buckets {
                row.serialize_element(&count)?;
            }
            row.serialize_element(&histogram.sum_ms)?;
        }
        for column in usage::later_sums() {
            row.serialize_element(&self.totals.sum(column.sum))?;
        }
        row.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sum_and_latency_has_a_separate_place() {
        let mut totals = UsageTotals::default();
        for (value, column) in (1..).zip(&SUMS) {
            *totals.sum_mut(column.sum) = value;
        }
        assert_eq!(totals.sums, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        for columns in &HISTOGRAMS {
            totals.latency_mut(columns.latency).add(1);
        }
        assert!(totals.latencies.iter().all(|latency| latency.count() == 1));
    }
}
