//! Random changes of divided client keys against a plain list of them, and the numbers of their shards.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::edit::{self, KeyScope, ShardEdit};
use super::read::{self, ShardError};
use super::*;
use crate::config::model::{KeyLimits, PreviousKey};
use crate::config::snapshot::Snapshot;
use crate::config::{model::Document, stored};
use crate::ids;
use crate::ports::{Clock, ReadStore, StoreError, Swap, WriteStore};

/// Records in memory, in a time that tests set.
#[derive(Default)]
struct Records {
    now: Cell<u64>,
    random: Cell<u64>,
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    reads: Cell<usize>,
    writes: Cell<usize>,
}

impl Clock for Records {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.get())
    }

    async fn sleep(&self, _: Duration) {}
}

impl Random for Records {
    fn next_u64(&self) -> u64 {
        let next = self.random.get().wrapping_mul(6_364_136_223_846_793_005);
        self.random
            .set(next.wrapping_add(1_442_695_040_888_963_407));
        self.random.get() >> 16
    }

    fn fill_secure(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next_u64().to_le_bytes()[0];
        }
    }
}

impl ReadStore for Records {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.values.borrow().get(&*record.key()).cloned())
    }
}

impl WriteStore for Records {
    async fn swap(&self, _: StoreKey, _: Option<&[u8]>, _: &[u8]) -> Result<Swap, StoreError> {
        Err(StoreError("shards are not swapped".to_owned()))
    }

    async fn put(&self, record: StoreKey, value: &[u8]) -> Result<(), StoreError> {
        self.writes.set(self.writes.get() + 1);
        let key = record.key().into_owned();
        let former = self.values.borrow_mut().insert(key, value.to_vec());
        assert_eq!(former, None, "a record never changes");
        Ok(())
    }

    async fn remove(&self, record: StoreKey) -> Result<(), StoreError> {
        self.values.borrow_mut().remove(&*record.key());
        Ok(())
    }
}

impl Records {
    fn counted<T>(&self, work: impl FnOnce() -> T) -> (T, usize, usize) {
        let (reads, writes) = (self.reads.get(), self.writes.get());
        let result = work();
        (result, self.reads.get() - reads, self.writes.get() - writes)
    }

    /// Makes a change of the keys in `scope`.
    fn change(
        &self,
        keys: &mut StoredClientKeys,
        scope: KeyScope<'_>,
        change: impl FnOnce(&mut Vec<ClientKey>),
    ) -> Vec<ShardName> {
        let work = async {
            let (edit, mut wanted) = ShardEdit::begin(self, keys.clone(), scope).await?;
            change(&mut wanted);
            edit.finish(self, wanted).await
        };
        let edited = work.now_or_never().unwrap().unwrap();
        *keys = edited.keys;
        edited.written
    }

    fn all(&self, keys: &StoredClientKeys) -> Vec<ClientKey> {
        let all = read::all(self, keys.clone());
        all.now_or_never().unwrap().unwrap()
    }

    /// The id of the key with a hash, as a request finds it.
    fn found(&self, snapshot: &Snapshot, hash: &[u8; 32]) -> Option<(String, bool)> {
        let hashes = [*hash];
        let load = snapshot.load_keys(self, &hashes);
        load.now_or_never().unwrap().unwrap();
        let (key, valid_until) = snapshot.client_key(hash)?;
        Some((key.id.clone(), valid_until.is_some()))
    }
}

fn snapshot(keys: &StoredClientKeys) -> Snapshot {
    let document = Document::default().replace_keys(keys.clone()).0;
    Snapshot::build(document, None, || 0)
}

fn hash_text(number: u64) -> String {
    ids::hex(&hash(number))
}

fn hash(number: u64) -> [u8; 32] {
    ids::hash_client_key(&number.to_be_bytes())
}

fn key(number: u64) -> ClientKey {
    ClientKey {
        id: format!("ck_{number}"),
        name: format!("Key {number}"),
        hash: hash_text(number),
        hint: "sk-…".to_owned(),
        tags: Vec::new(),
        previous: None,
        enabled: true,
        models: Vec::new(),
        expires_at: None,
        limits: KeyLimits::default(),
        created_at: Timestamp(number),
    }
}

fn keys(count: u64) -> Vec<ClientKey> {
    (0..count).map(key).collect()
}

#[test]
fn shards_grow_with_the_keys_and_stay() {
    for (total, now, count) in [
        (0, 0, 0),
        (MAX_INLINE_KEYS, 0, 0),
        (MAX_INLINE_KEYS + 1, 0, 4),
        (0, 4, 4),
        (4 * MAX_SHARD_KEYS, 4, 4),
        (4 * MAX_SHARD_KEYS + 1, 4, 16),
        (100_000, 0, MAX_SHARDS),
        (1_000_000, MAX_SHARDS, MAX_SHARDS),
    ] {
        assert_eq!(shard_count(total, now), count, "{total} keys, {now} shards");
    }
}

#[test]
fn a_table_is_an_object_where_keys_are_a_list() {
    let few = StoredClientKeys::Inline(keys(2));
    let text = serde_json::to_string(&few).unwrap();
    assert!(text.starts_with('['), "as before there were shards");
    assert_eq!(
        serde_json::from_str::<StoredClientKeys>(&text).unwrap(),
        few
    );

    let records = Records::default();
    let mut many = StoredClientKeys::default();
    records.change(&mut many, KeyScope::All, |all| *all = keys(300));
    let text = serde_json::to_string(&many).unwrap();
    assert_eq!(
        serde_json::from_str::<StoredClientKeys>(&text).unwrap(),
        many
    );
    assert!(
        serde_json::from_str::<Vec<ClientKey>>(&text).is_err(),
        "a version without shards must not read it as no keys at all"
    );
    for damaged in ["1", "null", "\"x\"", "{}", "{\"total\":1}"] {
        assert!(serde_json::from_str::<StoredClientKeys>(damaged).is_err());
    }
}

#[test]
fn a_change_of_one_key_among_many_reads_and_writes_a_part() {
    let records = Records::default();
    let mut stored = StoredClientKeys::default();
    records.change(&mut stored, KeyScope::All, |all| *all = keys(2_000));
    let bytes = |records: &Records| {
        records
            .values
            .borrow()
            .values()
            .map(Vec::len)
            .sum::<usize>()
    };
    let before = bytes(&records);

    let ((), reads, writes) = records.counted(|| {
        records.change(&mut stored, KeyScope::Ids(&["ck_7"]), |some| {
            assert_eq!(some.len(), 1);
            some[0].enabled = false;
        });
    });
    assert_eq!((reads, writes), (1, 1));
    assert!(bytes(&records) - before < before / 10);

    let ((), reads, writes) = records.counted(|| {
        records.change(&mut stored, KeyScope::Ids(&["ck_new"]), |some| {
            assert_eq!(*some, []);
            some.push(ClientKey {
                id: "ck_new".to_owned(),
                ..key(30_000)
            });
        });
    });
    assert!(reads <= 2 && writes <= 2, "{reads} {writes}");
    assert_eq!(stored.total(), 2_001);
    assert_eq!(
        records.found(&snapshot(&stored), &hash(30_000)),
        Some(("ck_new".to_owned(), false))
    );

    let ((), reads, writes) =
        records.counted(|| drop(records.change(&mut stored, KeyScope::None, |_| ())));
    assert_eq!((reads, writes), (0, 0));
    let ((), _, writes) =
        records.counted(|| drop(records.change(&mut stored, KeyScope::All, |_| ())));
    assert_eq!(writes, 0, "what did not change is not written");
}

#[test]
fn random_changes_leave_the_same_keys_as_in_a_list() {
    let records = Records::default();
    let mut stored = StoredClientKeys::default();
    let mut model: Vec<ClientKey> = Vec::new();
    let mut next = 0_u64;
    for round in 0..160 {
        let choice = records.next_u64() % 10;
        let place = usize::try_from(records.next_u64()).unwrap() % model.len().max(1);
        let id = model.get(place).map_or(String::new(), |key| key.id.clone());
        records.now.set(records.now.get() + 10_000);
        match choice {
            // More at once than there were, now and then.
            0 => {
                let added: Vec<ClientKey> = (next..next + 60).map(key).collect();
                next += 60;
                let change = |all: &mut Vec<ClientKey>| all.extend(added);
                records.change(&mut stored, KeyScope::All, change.clone());
                change(&mut model);
            }
            1..=3 => {
                let added = key(next);
                let new = added.id.clone();
                next += 1;
                model.push(added.clone());
                records.change(&mut stored, KeyScope::Ids(&[&new]), |some| some.push(added));
            }
            4 | 5 if !model.is_empty() => {
                model.remove(place);
                records.change(&mut stored, KeyScope::Ids(&[&id]), |some| {
                    some.retain(|key| key.id != id);
                });
            }
            _ if !model.is_empty() => {
                // A rotation, or the exchange of two values.
                let value = if choice == 9 {
                    records.next_u64() % next
                } else {
                    next
                };
                next += 1;
                let change = |key: &mut ClientKey| {
                    let hash = std::mem::replace(&mut key.hash, hash_text(value));
                    key.previous = Some(PreviousKey {
                        hash,
                        hint: String::new(),
                        valid_until: Timestamp(1),
                    });
                };
                change(&mut model[place]);
                records.change(&mut stored, KeyScope::Ids(&[&id]), |some| {
                    some.iter_mut().filter(|key| key.id == id).for_each(change);
                });
            }
            _ => {}
        }
        assert_eq!(stored.total(), model.len());
        if round % 40 == 0 {
            check(&records, &stored, &model, next);
        }
    }
    check(&records, &stored, &model, next);
    let StoredClientKeys::Sharded(table) = &stored else {
        panic!("many keys are divided");
    };
    assert!(table.shards.len() >= 4);
    let named = table
        .shards
        .iter()
        .filter(|name| **name != ShardName::EMPTY);
    let known = named.count() + table.retired.len();
    assert_eq!(
        records.values.borrow().len(),
        known,
        "no record is forgotten"
    );
}

/// The stored keys are those of the model, and each hash finds a key that has it: a current one if there is one.
fn check(records: &Records, stored: &StoredClientKeys, model: &[ClientKey], hashes: u64) {
    let wanted = read::in_order(model.to_vec());
    assert_eq!(read::in_order(records.all(stored)), wanted);
    let snapshot = snapshot(stored);
    for number in (0..hashes).step_by(7) {
        let text = hash_text(number);
        let current = |id: &str| model.iter().any(|key| key.id == id && key.hash == text);
        let former = |id: &str| {
            let mut keys = model.iter().filter(|key| key.id == id);
            keys.any(|key| key.previous.as_ref().is_some_and(|it| it.hash == text))
        };
        let any_current = model.iter().any(|key| key.hash == text);
        let any_former = model.iter().any(|key| former(&key.id));
        match records.found(&snapshot, &hash(number)) {
            None => assert!(!any_current && !any_former, "{number} is lost"),
            Some((id, false)) => assert!(current(&id), "{number} is not {id}'s"),
            Some((id, true)) => assert!(former(&id) && !any_current, "{number}"),
        }
    }
}

#[test]
fn old_records_are_removed_after_a_while() {
    let records = Records::default();
    let mut stored = StoredClientKeys::default();
    records.change(&mut stored, KeyScope::All, |all| *all = keys(300));
    let old = stored.clone();
    let rename = |some: &mut Vec<ClientKey>| some[0].name.push('x');
    records.change(&mut stored, KeyScope::Ids(&["ck_1"]), rename);
    records.now.set(60_000);
    records.change(&mut stored, KeyScope::Ids(&["ck_1"]), rename);
    let kept = records.all(&old);
    assert_eq!(
        kept,
        keys(300),
        "readers of the old configuration get its keys"
    );
    records.now.set(10 * 60_000);
    records.change(&mut stored, KeyScope::Ids(&["ck_1"]), rename);
    let gone = read::all(&records, old).now_or_never().unwrap();
    assert_eq!(gone, Err(ShardError::Gone));
    let StoredClientKeys::Sharded(table) = &stored else {
        panic!("many keys are divided");
    };
    assert_eq!(table.retired.len(), 1);
}

#[test]
fn a_change_that_does_not_take_place_leaves_nothing() {
    let records = Records::default();
    let mut stored = StoredClientKeys::default();
    records.change(&mut stored, KeyScope::All, |all| *all = keys(300));
    let before = records.values.borrow().clone();
    let mut lost = stored.clone();
    let written = records.change(&mut lost, KeyScope::All, |all| all.truncate(10));
    assert_eq!(records.all(&stored), keys(300));
    edit::discard(&records, written).now_or_never().unwrap();
    assert_eq!(*records.values.borrow(), before);
}

#[test]
fn a_damaged_shard_is_an_error_without_a_word_of_it() {
    let records = Records::default();
    let mut stored = StoredClientKeys::default();
    records.change(&mut stored, KeyScope::All, |all| *all = keys(300));
    for value in records.values.borrow_mut().values_mut() {
        value.truncate(40);
    }
    let read = read::all(&records, stored).now_or_never().unwrap();
    let Err(ShardError::Store(error)) = read else {
        panic!("{read:?}");
    };
    assert!(error.0.contains("is damaged at line 1") && !error.0.contains("Key"));
    assert!(stored::parse(Some(b"{\"version\":1,\"keys\":{}}")).is_err());
}
