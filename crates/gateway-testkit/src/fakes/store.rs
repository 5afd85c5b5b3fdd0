//! A store in memory. Owns the semantics of compare-and-swap, and the faults that tests inject.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use gateway_core::ports::{StoreError, StoreKey, Swap};

type Hook = Box<dyn FnOnce(&MemoryStore)>;

/// What a swap reports although it took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misreport {
    /// A conflict, as Spin's Redis store does after every swap.
    Conflict,
    /// An error, as when the answer is lost.
    Error,
}

/// Records in memory, with real compare-and-swap.
#[derive(Default)]
pub struct MemoryStore {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    broken_reads: Cell<bool>,
    broken_writes: Cell<bool>,
    /// Writes until all fail; `None`: they do not.
    writes_left: Cell<Option<usize>>,
    conflicts: Cell<usize>,
    misreports: Cell<Option<Misreport>>,
    after_read: RefCell<Vec<(StoreKey, Hook)>>,
    reads: Cell<usize>,
    writes: Cell<usize>,
}

impl MemoryStore {
    /// The value of a record.
    pub fn get(&self, record: StoreKey) -> Option<Vec<u8>> {
        self.values.borrow().get(&*record.key()).cloned()
    }

    /// Writes a record, as another instance would.
    pub fn put(&self, record: StoreKey, value: impl Into<Vec<u8>>) {
        self.values
            .borrow_mut()
            .insert(record.key().into_owned(), value.into());
    }

    /// Removes the record with this name, as another instance would.
    pub fn delete(&self, name: &str) {
        self.values.borrow_mut().remove(name);
    }

    /// Every value of the store as text, to search for what must not be in it.
    pub fn dump(&self) -> String {
        let values = self.values.borrow();
        values
            .values()
            .map(|value| String::from_utf8_lossy(value))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Makes all reads fail, or work again.
    pub fn break_reads(&self, broken: bool) {
        self.broken_reads.set(broken);
    }

    /// Makes all writes fail, or work again.
    pub fn break_writes(&self, broken: bool) {
        self.broken_writes.set(broken);
    }

    /// Lets `count` more writes take place, and all after them fail; `None`: none fails.
    pub fn break_after_writes(&self, count: Option<usize>) {
        self.writes_left.set(count);
    }

    /// The names of all records.
    pub fn names(&self) -> Vec<String> {
        self.values.borrow().keys().cloned().collect()
    }

    /// Lets the next `count` writes meet a conflict, regardless of what they expect.
    pub fn conflict_next(&self, count: usize) {
        self.conflicts.set(count);
    }

    /// Lets every swap that takes place say otherwise, or the truth again.
    pub fn misreport(&self, what: Option<Misreport>) {
        self.misreports.set(what);
    }

    /// Runs `hook` right after the next read of `record`: before the write that follows from it, which is the
    /// moment at which another writer does harm.
    pub fn after_read(&self, record: StoreKey, hook: impl FnOnce(&Self) + 'static) {
        self.after_read.borrow_mut().push((record, Box::new(hook)));
    }

    /// How often the store was read.
    pub fn reads(&self) -> usize {
        self.reads.get()
    }

    /// How often the store was written, or was tried to be.
    pub fn writes(&self) -> usize {
        self.writes.get()
    }

    pub(super) fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        if self.broken_reads.get() {
            return Err(StoreError("reads are broken for this test".to_owned()));
        }
        let value = self.get(record);
        let hook = {
            let mut hooks = self.after_read.borrow_mut();
            let place = hooks.iter().position(|(of, _)| *of == record);
            place.map(|place| hooks.remove(place).1)
        };
        if let Some(hook) = hook {
            hook(self);
        }
        Ok(value)
    }

    pub(super) fn swap(
        &self,
        record: StoreKey,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, StoreError> {
        self.count_write()?;
        if self.conflicts.get() > 0 {
            self.conflicts.set(self.conflicts.get() - 1);
            return Ok(Swap::Conflict);
        }
        if self.get(record).as_deref() != expected {
            return Ok(Swap::Conflict);
        }
        self.put(record, new);
        match self.misreports.get() {
            None => Ok(Swap::Done),
            Some(Misreport::Conflict) => Ok(Swap::Conflict),
            Some(Misreport::Error) => {
                Err(StoreError("the answer was lost for this test".to_owned()))
            }
        }
    }
}

impl MemoryStore {
    pub(super) fn write(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        self.count_write()?;
        self.put(record, value);
        Ok(())
    }

    pub(super) fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        self.count_write()?;
        self.values.borrow_mut().remove(&*record.key());
        Ok(())
    }

    fn count_write(&self) -> Result<(), StoreError> {
        self.writes.set(self.writes.get() + 1);
        let is_last = self.writes_left.get() == Some(0);
        if self.broken_writes.get() || is_last {
            return Err(StoreError("writes are broken for this test".to_owned()));
        }
        let left = self.writes_left.get();
        self.writes_left
            .set(left.map(|count| count.saturating_sub(1)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_value_is_replaced() {
        let store = MemoryStore::default();
        assert_eq!(
            store.swap(StoreKey::Config, Some(b"x"), b"1"),
            Ok(Swap::Conflict)
        );
        assert_eq!(store.swap(StoreKey::Config, None, b"1"), Ok(Swap::Done));
        assert_eq!(store.swap(StoreKey::Config, None, b"2"), Ok(Swap::Conflict));
        assert_eq!(
            store.swap(StoreKey::Config, Some(b"1"), b"2"),
            Ok(Swap::Done)
        );
        assert_eq!(store.read(StoreKey::Config), Ok(Some(b"2".to_vec())));
        assert_eq!(store.read(StoreKey::SessionSecret), Ok(None));
    }
}
