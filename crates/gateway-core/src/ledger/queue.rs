//! Records that wait for the database, in batches. Owns how many wait, and that a batch which may have been written never
//! changes.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::{self, Batch};
use super::record::RequestRecord;

/// Records that wait at most; about 4 MB. More come only when the database does not answer.
const MAX_RECORDS: usize = 5_000;
/// From this number of waiting records on, requests are slowed down: the database is slower than they are.
const SLOW_FROM: usize = MAX_RECORDS / 2;
/// By how much at most, when there is no more room.
const MAX_DELAY: Duration = Duration::from_millis(40);

/// Batches in the order of their records; the last one grows.
#[derive(Debug, Default)]
pub struct BatchQueue {
    batches: VecDeque<Batch>,
    /// Batches that were taken before, and may have been written: they do not grow.
    returned: Vec<Batch>,
    /// In all of them.
    records: usize,
}

impl BatchQueue {
    /// Adds a record; whether there was room for it.
    pub fn push(&mut self, record: &RequestRecord) -> bool {
        if self.records >= MAX_RECORDS {
            return false;
        }
        let last = self.batches.back_mut();
        if let Some(batch) = last.filter(|batch| batch.has_room_for(record)) {
            batch.add(record);
        } else {
            let mut batch = Batch::default();
            batch.add(record);
            self.batches.push_back(batch);
        }
        self.records += 1;
        true
    }

    /// The next batch.
    pub fn pop(&mut self) -> Option<Batch> {
        let batch = self.returned.pop().or_else(|| self.batches.pop_front())?;
        self.records -= batch.len();
        Some(batch)
    }

    /// Puts a batch back that was taken and may have been written.
    pub fn put_back(&mut self, batch: Batch) {
        self.records += batch.len();
        self.returned.push(batch);
    }

    /// By how much the next request is slowed down, so that the database keeps up: not at all while less than half of the
    /// room is taken, then more with every record.
    pub fn delay(&self) -> Duration {
        let part = |records: usize| u32::try_from(records).unwrap_or(u32::MAX);
        let room = MAX_RECORDS - SLOW_FROM;
        let over = self.records.saturating_sub(SLOW_FROM).min(room);
        MAX_DELAY * part(over) / part(room)
    }

    /// Whether nothing is gained by waiting for more records.
    pub fn has_whole_batch(&self) -> bool {
        let first = self.batches.front();
        !self.returned.is_empty()
            || self.batches.len() > 1
            || first.is_some_and(|batch| batch.len() >= batch::MAX_RECORDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(records: usize) -> BatchQueue {
        let mut queue = BatchQueue::default();
        for _ in 0..records {
            queue.push(&RequestRecord::default());
        }
        queue
    }

    #[test]
    fn a_batch_that_comes_back_is_next_and_does_not_grow() {
        let mut queue = queue(2);
        assert!(!queue.has_whole_batch());
        let taken = queue.pop().unwrap();
        queue.put_back(taken);
        assert!(queue.has_whole_batch());
        assert!(queue.push(&RequestRecord::default()));
        assert_eq!(queue.pop().map(|batch| batch.len()), Some(2));
        assert_eq!(queue.pop().map(|batch| batch.len()), Some(1));
        assert!(queue.pop().is_none());
    }

    #[test]
    fn requests_are_slowed_down_when_half_of_the_room_is_taken() {
        assert_eq!(queue(SLOW_FROM).delay(), Duration::ZERO);
        let mut queue = queue(SLOW_FROM + (MAX_RECORDS - SLOW_FROM) / 2);
        assert_eq!(queue.delay(), MAX_DELAY / 2);
        let taken = queue.pop().unwrap();
        assert!(queue.delay() < MAX_DELAY / 2);
        queue.put_back(taken);
        while queue.push(&RequestRecord::default()) {}
        assert_eq!(queue.delay(), MAX_DELAY);
    }

    #[test]
    fn no_more_records_wait_than_memory_should_hold() {
        let mut queue = queue(MAX_RECORDS);
        assert!(!queue.push(&RequestRecord::default()));
        let batch = queue.pop().unwrap();
        assert_eq!(batch.len(), batch::MAX_RECORDS);
        assert!(queue.push(&RequestRecord::default()));
    }
}
