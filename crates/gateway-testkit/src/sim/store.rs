//! A store that takes a few milliseconds and fails on command. Owns the semantics of compare-and-swap, and the list of
//! writes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;

use gateway_core::ports::{StoreError, StoreKey, Swap};
use gateway_core::units::Timestamp;

use super::chance::Chance;
use super::executor::Executor;

/// How long the store takes for one call, in milliseconds.
const LATENCY_MS: (u64, u64) = (1, 8);

/// The fault of reads, or of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Every call fails, and does nothing.
    Fails,
    /// Every call succeeds but reports a failure: its answer was lost.
    LosesAnswers,
    /// Every call takes this many milliseconds longer.
    Slow(u64),
    /// No call ever ends.
    Hangs,
}

/// One requested compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// When it was requested.
    pub began: Timestamp,
    /// The calling instance.
    pub instance: usize,
    /// The value to be written.
    pub record: StoreKey,
    /// How it ended; `None` while it has not.
    pub outcome: Option<Result<Swap, StoreError>>,
}

/// Records in memory, shared by all instances.
pub struct SimStore {
    executor: Executor,
    chance: Chance,
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    reads: Cell<usize>,
    read_fault: Cell<Fault>,
    write_fault: Cell<Fault>,
    writes: RefCell<Vec<Write>>,
}

impl SimStore {
    pub(super) fn new(executor: Executor, chance: Chance) -> Self {
        Self {
            executor,
            chance,
            values: RefCell::default(),
            reads: Cell::new(0),
            read_fault: Cell::default(),
            write_fault: Cell::default(),
            writes: RefCell::default(),
        }
    }

    /// The value of a record, now.
    pub fn get(&self, record: StoreKey) -> Option<Vec<u8>> {
        self.values.borrow().get(&*record.key()).cloned()
    }

    /// Writes a record at once, as an admin's request would; not in the list of writes.
    pub fn put(&self, record: StoreKey, value: impl Into<Vec<u8>>) {
        self.values
            .borrow_mut()
            .insert(record.key().into_owned(), value.into());
    }

    /// Sets the fault of reads that begin from now on.
    pub fn set_read_fault(&self, fault: Fault) {
        self.read_fault.set(fault);
    }

    /// Sets the fault of writes that begin from now on.
    pub fn set_write_fault(&self, fault: Fault) {
        self.write_fault.set(fault);
    }

    /// How often the store was read.
    pub fn reads(&self) -> usize {
        self.reads.get()
    }

    /// Every compare-and-swap so far, in the order in which they began.
    pub fn writes(&self) -> Vec<Write> {
        self.writes.borrow().clone()
    }

    pub(super) async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        let fault = self.read_fault.get();
        self.half_way(fault).await;
        if fault == Fault::Fails {
            return Err(refusal());
        }
        let value = self.get(record);
        self.half_way(Fault::None).await;
        if fault == Fault::LosesAnswers {
            return Err(refusal());
        }
        Ok(value)
    }

    pub(super) async fn swap(
        &self,
        instance: usize,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        let number = {
            let mut writes = self.writes.borrow_mut();
            writes.push(Write {
                began: self.executor.now(),
                instance,
                record,
                outcome: None,
            });
            writes.len() - 1
        };
        let fault = self.write_fault.get();
        self.half_way(fault).await;
        let swapped = (fault != Fault::Fails).then(|| {
            if self.get(record).as_deref() == expected {
                self.put(record, new);
                Swap::Done
            } else {
                Swap::Conflict
            }
        });
        self.half_way(Fault::None).await;
        let outcome = swapped
            .filter(|_| fault != Fault::LosesAnswers)
            .ok_or_else(refusal);
        if let Some(write) = self.writes.borrow_mut().get_mut(number) {
            write.outcome = Some(outcome.clone());
        }
        outcome
    }

    /// Writes a record without a comparison, or removes it. Not in the list of writes.
    pub(super) async fn write(
        &self,
        record: StoreKey,
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let fault = self.write_fault.get();
        self.half_way(fault).await;
        if fault != Fault::Fails {
            match value {
                Some(value) => self.put(record, value),
                None => {
                    self.values.borrow_mut().remove(&*record.key());
                }
            }
        }
        self.half_way(Fault::None).await;
        match fault {
            Fault::Fails | Fault::LosesAnswers => Err(refusal()),
            _ => Ok(()),
        }
    }

    /// The latency to the store or back from it.
    async fn half_way(&self, fault: Fault) {
        match fault {
            Fault::None | Fault::Fails | Fault::LosesAnswers => {}
            Fault::Slow(milliseconds) => self.executor.sleep_ms(milliseconds).await,
            Fault::Hangs => pending().await,
        }
        let (least, most) = LATENCY_MS;
        let latency_ms = self.chance.between(least, most);
        self.executor.sleep_ms(latency_ms.div_ceil(2)).await;
    }
}

fn refusal() -> StoreError {
    StoreError("the simulated store fails".to_owned())
}

impl fmt::Debug for SimStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SimStore")
            .field("reads", &self.reads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;

    fn store() -> (Executor, Rc<SimStore>) {
        let executor = Executor::starting_at(Timestamp(0));
        let store = SimStore::new(executor.clone(), Chance::seeded(1));
        (executor, Rc::new(store))
    }

    #[test]
    fn of_writers_that_expect_the_same_exactly_one_succeeds() {
        let (executor, store) = store();
        let writers: Vec<_> = (0..5)
            .map(|instance| {
                let store = Rc::clone(&store);
                executor.spawn(async move {
                    store
                        .swap(instance, StoreKey::Health, None, b"0")
                        .await
                        .unwrap()
                })
            })
            .collect();
        executor.run(Duration::from_secs(1)).unwrap();
        let done = writers
            .iter()
            .filter(|writer| writer.take() == Some(Swap::Done));
        assert_eq!(done.count(), 1);
        assert_eq!(store.get(StoreKey::Health), Some(vec![b'0']));
        assert_eq!(store.writes().len(), 5);
        assert!(executor.now() > Timestamp(0), "the store takes its time");
    }

    #[test]
    fn faults_fail_lose_and_slow_down() {
        let (executor, store) = store();
        let swap = |fault: Fault, expected: Option<&'static [u8]>, new: &'static [u8]| {
            store.set_write_fault(fault);
            let store = Rc::clone(&store);
            executor.block_on(async move { store.swap(0, StoreKey::Health, expected, new).await })
        };
        assert_eq!(swap(Fault::Fails, None, b"1"), Err(refusal()));
        assert_eq!(store.get(StoreKey::Health), None);
        assert_eq!(swap(Fault::LosesAnswers, None, b"2"), Err(refusal()));
        assert_eq!(store.get(StoreKey::Health), Some(b"2".to_vec()));
        let before = executor.now();
        assert_eq!(swap(Fault::Slow(500), Some(b"2"), b"3"), Ok(Swap::Done));
        assert!(executor.now().since_ms(before) > 500);

        let read = |fault: Fault| {
            store.set_read_fault(fault);
            let store = Rc::clone(&store);
            executor.block_on(async move { store.read(StoreKey::Health).await })
        };
        assert_eq!(read(Fault::Fails), Err(refusal()));
        assert_eq!(read(Fault::None), Ok(Some(b"3".to_vec())));
        assert_eq!(store.reads(), 2);
    }
}
