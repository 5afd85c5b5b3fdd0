//! Backups under load, and the way back.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Instant,
};

use rusqlite::Connection;

use super::*;
use crate::data;

/// Ends the writers also when an assertion fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_backup_under_load_has_everything_that_was_acknowledged_before() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("state");
    let state = StateDir::open(&at).unwrap();
    let store = data::open(&state).unwrap().store.store("default");
    let (is_over, keys, rows) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let _stop = Stop(&is_over);
        // Both records of a pair are written at once.
        scope.spawn(|| {
            for number in 1.. {
                let value = format!("{number}").into_bytes();
                let pair = [("a".to_owned(), value.clone()), ("b".to_owned(), value)];
                store.set_many(&pair).unwrap();
                store.set(&format!("key{number}"), &[1; 300]).unwrap();
                keys.store(number, Ordering::SeqCst);
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        scope.spawn(|| {
            let database = Connection::open(state.sqlite()).unwrap();
            database.busy_timeout(Duration::from_secs(5)).unwrap();
            database
                .execute_batch(
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE t (a TEXT)",
                )
                .unwrap();
            for number in 1.. {
                let insert = "INSERT INTO t VALUES (hex(randomblob(100)))";
                database.execute_batch(insert).unwrap();
                rows.store(number, Ordering::SeqCst);
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        while rows.load(Ordering::SeqCst) < 100 || keys.load(Ordering::SeqCst) < 100 {
            assert!(Instant::now() < deadline, "the writers do not write");
            thread::yield_now();
        }
        for round in 0..5 {
            let before = [&keys, &rows].map(|count| count.load(Ordering::SeqCst));
            let backup = folder.path().join(format!("backup{round}"));
            assert_eq!(back_up(&at, &backup).unwrap().len(), 2);
            let target = folder.path().join(format!("restored{round}"));
            assert_eq!(restore(&target, &backup).unwrap(), Vec::<PathBuf>::new());
            let restored = StateDir::open(&target).unwrap();
            let found = data::open(&restored).unwrap();
            assert_eq!(found.set_aside, None);
            let store = found.store.store("default");
            assert_eq!(store.get("a").unwrap(), store.get("b").unwrap());
            let count = u64::try_from(store.keys().unwrap().len()).unwrap() - 2;
            assert!(count >= before[0], "{count} of {}", before[0]);
            let database = Connection::open(restored.sqlite()).unwrap();
            let count: i64 = database
                .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
                .unwrap();
            let count = u64::try_from(count).unwrap();
            assert!(count >= before[1], "{count} of {}", before[1]);
        }
    });
}

/// A state directory whose store has this value.
fn state_with(path: &Path, value: &[u8]) -> StateDir {
    let state = StateDir::open(path).unwrap();
    let store = data::open(&state).unwrap().store.store("default");
    store.set("k", value).unwrap();
    state
}

fn value(state: &StateDir) -> Option<Vec<u8>> {
    let store = data::open(state).unwrap().store.store("default");
    store.get("k").unwrap()
}

#[test]
fn what_a_restore_replaces_is_kept_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let (at, backup) = (folder.path().join("state"), folder.path().join("backup"));
    let state = state_with(&at, b"old");
    back_up(&at, &backup).unwrap();
    let store = data::open(&state).unwrap().store.store("default");
    store.set("k", b"new").unwrap();
    drop(store);
    let message = restore(&at, &backup).unwrap_err().to_string();
    assert!(message.contains("in use by process"), "{message}");
    assert_eq!(value(&state), Some(b"new".to_vec()));
    drop(state);
    let replaced = restore(&at, &backup).unwrap();
    let [replaced] = replaced.as_slice() else {
        panic!("{replaced:?}");
    };
    let kept: Vec<u8> = Connection::open(replaced)
        .unwrap()
        .query_row("SELECT value FROM spin_key_value", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, b"new");
    let state = StateDir::open(&at).unwrap();
    assert_eq!(value(&state), Some(b"old".to_vec()));
}

#[test]
fn a_restore_is_the_way_back_from_a_damaged_store() {
    let folder = tempfile::tempdir().unwrap();
    let (at, backup) = (folder.path().join("state"), folder.path().join("backup"));
    drop(state_with(&at, b"old"));
    back_up(&at, &backup).unwrap();
    fs::write(at.join(KEY_VALUE), "nonsense").unwrap();
    assert!(data::open(&StateDir::open(&at).unwrap()).is_err());
    restore(&at, &backup).unwrap();
    assert_eq!(value(&StateDir::open(&at).unwrap()), Some(b"old".to_vec()));
}

#[test]
fn what_is_no_backup_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (at, backup) = (folder.path().join("state"), folder.path().join("backup"));
    drop(state_with(&at, b"kept"));
    assert!(back_up(&folder.path().join("nowhere"), &backup).is_err());
    fs::create_dir(&backup).unwrap();
    assert!(restore(&at, &backup).is_err(), "it is empty");
    for (name, content) in [
        (KEY_VALUE, ""),
        (KEY_VALUE, "nonsense"),
        (SQLITE, "nonsense"),
    ] {
        fs::write(backup.join(name), content).unwrap();
        assert!(restore(&at, &backup).is_err(), "{name}: {content}");
    }
    assert!(back_up(&at, &backup).is_err(), "there is a backup already");
    assert_eq!(value(&StateDir::open(&at).unwrap()), Some(b"kept".to_vec()));
}
