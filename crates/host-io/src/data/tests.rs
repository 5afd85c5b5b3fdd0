//! What a start makes of missing, empty and damaged files.

use std::os::unix::fs::MetadataExt;

use super::*;

/// Damages the file.
type Damage = fn(&Path);

/// A state directory in which both databases have something.
fn used() -> (tempfile::TempDir, StateDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::open(folder.path()).unwrap();
    let data = open(&state).unwrap();
    data.store.store("default").set("k", b"kept").unwrap();
    data.store.checkpoint().unwrap();
    let database = Connection::open(state.sqlite()).unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                INSERT INTO t SELECT i, hex(randomblob(50)) FROM n";
    database
        .execute_batch(&format!("CREATE TABLE t (a INTEGER, b TEXT); {rows}"))
        .unwrap();
    (folder, state)
}

fn refusal(state: &StateDir) -> String {
    let Err(error) = open(state) else {
        panic!("it was opened");
    };
    format!("{error:#}")
}

#[test]
fn a_new_directory_gets_an_empty_store_and_a_used_one_keeps_its() {
    let (_folder, state) = used();
    let data = open(&state).unwrap();
    assert_eq!(data.set_aside, None);
    let value = data.store.store("default").get("k").unwrap();
    assert_eq!(value.as_deref(), Some(b"kept".as_slice()));
}

#[test]
fn a_key_value_file_that_is_not_whole_is_never_taken_for_an_empty_one() {
    let cases: [(&str, Damage); 5] = [
        ("is damaged (it is empty)", |path| {
            fs::write(path, "").unwrap();
        }),
        ("is damaged (file is not a database)", |path| {
            fs::write(path, "nonsense".repeat(1000)).unwrap();
        }),
        ("is damaged", |path| {
            let whole = fs::read(path).unwrap();
            fs::write(path, &whole[..whole.len() / 2]).unwrap();
        }),
        ("the table spin_key_value is missing", |path| {
            let connection = Connection::open(path).unwrap();
            connection
                .execute_batch("DROP TABLE spin_key_value")
                .unwrap();
        }),
        ("is missing, although there is", |path| {
            fs::remove_file(path).unwrap();
        }),
    ];
    for (words, damage) in cases {
        let (folder, state) = used();
        let path = state.database();
        damage(&path);
        let before = fs::read(&path).ok();
        let message = refusal(&state);
        assert!(message.contains(words), "{message}");
        assert!(message.contains(&path.display().to_string()), "{message}");
        let way_back = format!("restore FOLDER --state {}", folder.path().display());
        assert!(message.contains(&way_back), "{message}");
        assert_eq!(fs::read(&path).ok(), before, "{words}: it stays as it is");
    }
}

#[test]
fn a_damaged_database_is_set_aside_and_the_new_one_says_so() {
    let cases: [Damage; 3] = [
        |path| fs::write(path, "nonsense".repeat(1000)).unwrap(),
        |path| fs::write(path, "").unwrap(),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            for byte in &mut bytes[4096..5000] {
                *byte ^= 0x55;
            }
            fs::write(path, bytes).unwrap();
        },
    ];
    for damage in cases {
        let (_folder, state) = used();
        damage(&state.sqlite());
        let damaged = fs::read(state.sqlite()).unwrap();
        let set_aside = open(&state).unwrap().set_aside.unwrap();
        let name = set_aside.file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("sqlite_db.damaged-20"), "{name}");
        assert_eq!(fs::read(&set_aside.file).unwrap(), damaged);
        let connection = Connection::open(state.sqlite()).unwrap();
        let (at_ms, file): (i64, String) = connection
            .query_row("SELECT at_ms, file FROM replaced_database", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert!(at_ms > 1_700_000_000_000);
        assert_eq!(file, name);
        // The next start finds a sound one.
        assert_eq!(open(&state).unwrap().set_aside, None);
    }
}

/// Bytes that the store's files take on the disk.
fn taken(state: &StateDir) -> u64 {
    ["", "-wal"]
        .map(|ending| {
            let path = sqlite_file::beside(&state.database(), ending);
            path.metadata().unwrap().blocks() * 512
        })
        .iter()
        .sum()
}

#[test]
fn records_that_change_again_and_again_take_no_more_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::open(folder.path()).unwrap();
    let data = open(&state).unwrap();
    let store = data.store.store("default");
    store.set("failures", &[0; 500]).unwrap();
    let before = taken(&state);
    for round in 0..4000_u32 {
        // Up to 8 KiB, as a record of failed logins grows under attack.
        let value = vec![7; 500 + usize::try_from(round).unwrap() * 2];
        store.set("failures", &value).unwrap();
    }
    let after = taken(&state);
    assert!(after <= before, "{after} bytes, {before} before");
}
