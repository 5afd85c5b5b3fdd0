//! The stores' semantics, and the layout that Spin expects to find.

use super::*;

fn database() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("sqlite_key_value.db")).unwrap();
    (folder, database)
}

#[test]
fn values_are_kept_per_store() {
    let (_folder, database) = database();
    let (a, b) = (database.store("a"), database.store("b"));
    a.set("k", b"1").unwrap();
    a.set("k", b"2").unwrap();
    assert_eq!(a.get("k").unwrap().as_deref(), Some(b"2".as_slice()));
    assert!(a.exists("k").unwrap() && !b.exists("k").unwrap());
    assert_eq!(b.get("k").unwrap(), None);
    a.set("j", b"").unwrap();
    assert_eq!(a.keys().unwrap(), ["j", "k"]);
    assert_eq!(
        a.get("j").unwrap(),
        Some(Vec::new()),
        "an empty value is a value"
    );
    a.delete("k").unwrap();
    a.delete("k").unwrap();
    assert_eq!(a.keys().unwrap(), ["j"]);
}

#[test]
fn the_file_has_spins_layout_and_is_whole_after_a_checkpoint() {
    let (folder, database) = database();
    database.store("default").set("k", b"v").unwrap();
    database.checkpoint().unwrap();
    let copy = folder.path().join("copy.db");
    fs::copy(folder.path().join("sqlite_key_value.db"), &copy).unwrap();
    let copy = Connection::open(copy).unwrap();
    let row: (String, String, Vec<u8>) = copy
        .query_row("SELECT store, key, value FROM spin_key_value", [], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })
        .unwrap();
    assert_eq!(row, ("default".into(), "k".into(), b"v".to_vec()));
    let twice = copy.execute(
        "INSERT INTO spin_key_value VALUES ('default','k',x'00')",
        [],
    );
    assert!(twice.is_err(), "store and key are the primary key");
}

#[test]
fn a_swap_needs_the_value_that_was_seen() {
    let (_folder, database) = database();
    let store = database.store("s");
    assert!(store.swap("k", None, b"1").unwrap());
    assert!(
        !store.swap("k", None, b"2").unwrap(),
        "another writer created it meanwhile"
    );
    assert!(!store.swap("k", Some(b"0"), b"2").unwrap());
    assert!(store.swap("k", Some(b"1"), b"2").unwrap());
    store.delete("k").unwrap();
    assert!(
        !store.swap("k", Some(b"2"), b"3").unwrap(),
        "another writer removed it meanwhile"
    );
    assert_eq!(store.get("k").unwrap(), None);
}

#[test]
fn increments_by_many_threads_lose_nothing() {
    let (_folder, database) = database();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let store = database.store("s");
            scope.spawn(move || (0..50).map(|_| store.increment("n", 1).unwrap()).max());
        }
    });
    let store = database.store("s");
    assert_eq!(store.increment("n", -1).unwrap(), 199);
    assert_eq!(
        store.get("n").unwrap(),
        Some(199_i64.to_le_bytes().to_vec())
    );
}

#[test]
fn what_is_no_counter_stays_as_it_is() {
    let (_folder, database) = database();
    let store = database.store("s");
    store.set("n", b"abc").unwrap();
    assert!(matches!(
        store.increment("n", 1),
        Err(IncrementError::NotACounter)
    ));
    store.set("n", &i64::MAX.to_le_bytes()).unwrap();
    assert!(matches!(
        store.increment("n", 1),
        Err(IncrementError::NotACounter)
    ));
    assert_eq!(
        store.get("n").unwrap(),
        Some(i64::MAX.to_le_bytes().to_vec())
    );
}

#[test]
fn batches_keep_their_order() {
    let (_folder, database) = database();
    let store = database.store("s");
    store
        .set_many(&[("b".into(), b"2".to_vec()), ("a".into(), b"1".to_vec())])
        .unwrap();
    let got = store
        .get_many(vec!["b".into(), "x".into(), "a".into()])
        .unwrap();
    assert_eq!(
        got,
        [
            ("b".into(), Some(b"2".to_vec())),
            ("x".into(), None),
            ("a".into(), Some(b"1".to_vec()))
        ]
    );
    store.delete_many(&["a".into(), "x".into()]).unwrap();
    assert_eq!(store.keys().unwrap(), ["b"]);
}
