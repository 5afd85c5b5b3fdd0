//! Connections, what they may not do, and how they end.

use std::time::Instant;

use super::*;

struct Folder {
    path: tempfile::TempDir,
    databases: Databases,
    slots: Arc<Semaphore>,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let databases = Databases::new(folder.path(), None);
        Self {
            path: folder,
            databases,
            slots: Arc::new(Semaphore::new(8)),
        }
    }

    async fn open(&self) -> Connection {
        let slot = Arc::clone(&self.slots).acquire_owned().await.unwrap();
        self.databases.open("default", slot).await.unwrap()
    }
}

async fn ask(connection: &Connection, statement: &str) -> Result<Vec<Vec<Value>>, Error> {
    let answer = connection.execute(statement.to_owned(), Vec::new()).await;
    answer.map(|answer| answer.rows)
}

async fn refusal(connection: &Connection, statement: &str) -> String {
    match ask(connection, statement).await {
        Err(Error::Io(words)) => words,
        other => panic!("{statement}: {other:?}"),
    }
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    let folder = Folder::new();
    let connection = folder.open().await;
    let values = vec![
        Value::Null,
        Value::Integer(i64::MIN),
        Value::Real(-0.5),
        Value::Text("naïve \0".to_owned()),
        Value::Blob(vec![0, 255]),
    ];
    let statement = "SELECT ?1 AS a, ?2, ?3, ?4, ?5 AS e";
    let answer = connection.execute(statement.to_owned(), values.clone());
    let answer = answer.await.unwrap();
    assert_eq!(answer.rows, [values]);
    assert_eq!(
        (answer.columns[0].as_str(), answer.columns[4].as_str()),
        ("a", "e")
    );
    ask(&connection, "CREATE TABLE t (x UNIQUE)").await.unwrap();
    ask(&connection, "INSERT INTO t VALUES (1), (2)")
        .await
        .unwrap();
    assert_eq!(connection.changes().await, Ok(2));
    assert_eq!(connection.last_insert_rowid().await, Ok(2));
    assert_eq!(
        refusal(&connection, "INSERT INTO t VALUES (1)").await,
        "UNIQUE constraint failed: t.x"
    );
    assert!(
        refusal(&connection, "SELECT ?1")
            .await
            .contains("parameter")
    );
}

#[tokio::test]
async fn other_files_are_out_of_reach() {
    let folder = Folder::new();
    let connection = folder.open().await;
    let other = folder.path.path().join("other.db");
    let other_name = other.to_str().unwrap();
    for statement in [
        format!("ATTACH '{other_name}' AS other"),
        format!("ATTACH '{other_name}' || '' AS other"),
        format!("ATTACH 'file:{other_name}' AS other"),
        format!("VACUUM INTO '{other_name}'"),
        "SELECT load_extension('x')".to_owned(),
        format!("PRAGMA temp_store_directory = '{other_name}'"),
        "PRAGMA writable_schema = 1".to_owned(),
    ] {
        let words = refusal(&connection, &statement).await;
        assert!(words.contains("authoriz"), "{statement}: {words}");
    }
    assert!(!other.exists());
    let unknown = folder.databases.open(
        "other",
        Arc::clone(&folder.slots).acquire_owned().await.unwrap(),
    );
    assert_eq!(unknown.await.err(), Some(Error::NoSuchDatabase));
    ask(&connection, "VACUUM").await.unwrap();
}

#[tokio::test]
async fn how_the_file_is_kept_is_the_hosts_affair() {
    let folder = Folder::new();
    let (first, second) = (folder.open().await, folder.open().await);
    ask(&first, "CREATE TABLE t (x)").await.unwrap();
    ask(&first, "BEGIN IMMEDIATE").await.unwrap();
    for name in [
        "journal_mode = DELETE",
        "locking_mode = EXCLUSIVE",
        "synchronous = OFF",
    ] {
        let rows = ask(&second, &format!("PRAGMA {name}")).await;
        assert_eq!(rows, Ok(Vec::new()), "{name}: neither done nor waited for");
    }
    ask(&first, "COMMIT").await.unwrap();
    let log = folder.path.path().join("sqlite_db.db-wal");
    assert!(log.exists());
}

#[tokio::test]
async fn results_and_values_are_bounded() {
    let folder = Folder::new();
    let connection = folder.open().await;
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    assert!(refusal(&connection, endless).await.contains("larger than"));
    let long = "SELECT length(zeroblob(100000000) || 'x')";
    assert!(refusal(&connection, long).await.contains("too big"));
    assert_eq!(
        ask(&connection, "SELECT 1").await.unwrap(),
        [[Value::Integer(1)]]
    );
}

#[tokio::test]
async fn a_dropped_connection_gives_its_locks_back_at_once() {
    let folder = Folder::new();
    let (first, second) = (folder.open().await, folder.open().await);
    ask(&first, "CREATE TABLE t (x)").await.unwrap();
    ask(&first, "BEGIN IMMEDIATE").await.unwrap();
    ask(&first, "INSERT INTO t VALUES (1)").await.unwrap();
    {
        // Without an end and without a row, so that only the drop can end it.
        let count = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
        let counting = ask(&first, count);
        let early = tokio::time::timeout(Duration::from_millis(50), counting).await;
        assert!(early.is_err(), "it must still count");
    }
    drop(first);
    let write = ask(&second, "INSERT INTO t VALUES (2)");
    tokio::time::timeout(Duration::from_secs(4), write)
        .await
        .expect("the lock is free before the busy timeout")
        .unwrap();
    assert_eq!(
        ask(&second, "SELECT x FROM t").await.unwrap(),
        [[Value::Integer(2)]],
        "what was not committed is gone"
    );
    assert_eq!(folder.slots.available_permits(), 7);
}

#[tokio::test]
async fn the_file_is_whole_after_a_checkpoint() {
    let folder = Folder::new();
    folder.databases.checkpoint().unwrap();
    let connection = folder.open().await;
    ask(&connection, "CREATE TABLE t (x)").await.unwrap();
    folder.databases.checkpoint().unwrap();
    let copy = folder.path.path().join("copy.db");
    std::fs::copy(folder.path.path().join("sqlite_db.db"), &copy).unwrap();
    let copy = rusqlite::Connection::open(copy).unwrap();
    let tables: i64 = copy
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_refusing_database_fails_every_call() {
    let folder = tempfile::tempdir().unwrap();
    let fault = Fault::parse("file:fault", folder.path()).unwrap();
    let databases = Databases::new(folder.path(), Some(fault));
    let slots = Arc::new(Semaphore::new(2));
    let open = async || {
        databases
            .open("default", Arc::clone(&slots).acquire_owned().await.unwrap())
            .await
    };
    let connection = open().await.unwrap();
    std::fs::write(folder.path().join("fault"), "refuse").unwrap();
    assert!(refusal(&connection, "SELECT 1").await.contains("refused"));
    assert!(open().await.is_err());
    std::fs::remove_file(folder.path().join("fault")).unwrap();
    assert!(ask(&connection, "SELECT 1").await.is_ok());
}

#[tokio::test]
async fn writers_take_turns_without_waiting_for_threads() {
    let folder = Folder::new();
    let first = folder.open().await;
    ask(&first, "CREATE TABLE t (x)").await.unwrap();
    ask(&first, "BEGIN IMMEDIATE").await.unwrap();
    // More than the statements that may run at once.
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..2 * MAX_RUNNING {
        let slots = Arc::new(Semaphore::new(1));
        let slot = slots.acquire_owned().await.unwrap();
        let connection = folder.databases.open("default", slot).await.unwrap();
        waiting.spawn(async move {
            ask(&connection, "BEGIN IMMEDIATE").await?;
            ask(&connection, &format!("INSERT INTO t VALUES ({number})")).await?;
            ask(&connection, "COMMIT").await
        });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    // Readers do not wait, and the one that has the turn continues.
    let reader = folder.open().await;
    assert!(ask(&reader, "SELECT count(*) FROM t").await.is_ok());
    let start = Instant::now();
    ask(&first, "INSERT INTO t VALUES (-1)").await.unwrap();
    ask(&first, "COMMIT").await.unwrap();
    while let Some(outcome) = waiting.join_next().await {
        outcome.unwrap().unwrap();
    }
    assert!(start.elapsed() < BUSY_TIMEOUT, "no caller waited for long");
    let count = i64::try_from(2 * MAX_RUNNING + 1).unwrap();
    let rows = ask(&reader, "SELECT count(*) FROM t").await.unwrap();
    assert_eq!(rows, [[Value::Integer(count)]]);
}

#[tokio::test]
async fn a_turn_that_never_comes_is_a_locked_database() {
    let folder = Folder::new();
    let (first, second) = (folder.open().await, folder.open().await);
    ask(&first, "CREATE TABLE t (x)").await.unwrap();
    ask(&first, "BEGIN IMMEDIATE").await.unwrap();
    let words = refusal(&second, "INSERT INTO t VALUES (1)").await;
    assert_eq!(words, "database is locked");
    ask(&first, "ROLLBACK").await.unwrap();
    ask(&second, "INSERT INTO t VALUES (1)").await.unwrap();
}

fn run(session: &mut Session, statement: &str) -> Result<Answer, Error> {
    let wish = Wish {
        statement: statement.to_owned(),
        parameters: Vec::new(),
    };
    match session.run(wish, None, Arc::new(Semaphore::new(1))) {
        Run::Done(outcome) => outcome,
        Run::NeedsTurn(_) => panic!("the turn was free"),
    }
}

#[test]
fn a_connection_is_as_new_for_its_next_user() {
    let folder = tempfile::tempdir().unwrap();
    let idle = Idle::new(folder.path().join("sqlite_db.db"));
    let open = || Arc::clone(&idle).session().unwrap();
    let mut first = open();
    run(&mut first, "CREATE TABLE t (x)").unwrap();
    run(&mut first, "INSERT INTO t VALUES (1)").unwrap();
    assert_eq!((first.last_insert_rowid(), first.changes()), (1, 1));
    drop(first);
    assert_eq!(idle.count(), 1, "it is kept");
    let next = open();
    assert_eq!(idle.count(), 0, "and used again");
    assert_eq!((next.last_insert_rowid(), next.changes()), (0, 0));
    for statement in [
        "CREATE TEMP TABLE mine (x)",
        "PRAGMA foreign_keys = ON",
        "ATTACH ':memory:' AS mine",
        "BEGIN",
    ] {
        let mut session = open();
        run(&mut session, statement).unwrap();
        drop(session);
        assert_eq!(idle.count(), 0, "{statement}: no other caller may see it");
    }
    drop(next);
    assert_eq!(idle.count(), 1);
    for name in ["sqlite_db.db", "sqlite_db.db-wal", "sqlite_db.db-shm"] {
        let path = folder.path().join(name);
        std::fs::rename(&path, path.with_extension("moved")).unwrap();
    }
    let gone = run(&mut open(), "SELECT * FROM t").unwrap_err();
    let Error::Io(words) = gone else {
        panic!("{gone:?}")
    };
    assert!(words.contains("no such table"), "{words}");
}
