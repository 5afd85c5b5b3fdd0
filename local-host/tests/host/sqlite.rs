//! SQLite databases of a component, and what becomes of work after the response when the host stops.
#![expect(clippy::unwrap_used, reason = "a test fails here")]

use std::{fs, thread, time::Instant};

use crate::support::{Host, PATIENCE, leave};
use rusqlite::Connection;

fn late_rows(host_state: &std::path::Path) -> i64 {
    let ledger = Connection::open(host_state.join("sqlite_db.db")).unwrap();
    ledger
        .query_row("SELECT count(*) FROM late", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn statements_run_and_tell_their_errors() {
    let host = Host::start(&[]);
    let text = host.get("/sqlite").text();
    let expected = r#"(3, 3)
a,b[[Value::Integer(1), Value::Text("x")], [Value::Integer(2), Value::Blob([7])], [Value::Integer(3), Value::Null]]
Err(Error::Io("UNIQUE constraint failed: t.b"))
Err(Error::Io("no such column: nonsense in SELECT nonsense at offset 7"))
(["n"], Some([Value::Integer(3)]))
"#;
    assert_eq!(text, expected);
    assert_eq!(host.get("/sqlite-many").text(), "20000 20000");
}

#[test]
fn only_granted_databases_open_and_only_so_often() {
    let host = Host::start(&[]);
    let text = host.get("/sqlite-denied").text();
    assert_eq!(
        text,
        "Some(Error::AccessDenied) Some(Error::NoSuchDatabase) \
         Err(Error::Io(\"not authorized\"))\n\
         64 Error::Io(\"too many open connections\") true"
    );
}

#[test]
fn what_an_instance_leaves_open_is_rolled_back_when_it_ends() {
    let host = Host::start(&["--max-instance-reuse-count", "1"]);
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(
            host.get("/sqlite-transaction").text(),
            "count(*)[[Value::Integer(0)]]"
        );
        assert!(start.elapsed() < PATIENCE / 10, "the lock was waited for");
    }
}

#[test]
fn work_after_the_response_goes_on_in_instances_of_one_request_too() {
    let host = Host::start(&["--max-instance-reuse-count", "1"]);
    assert_eq!(host.get("/sqlite-later").text(), "later");
    let start = Instant::now();
    while host.get("/sqlite-count").text() != "count(*)[[Value::Integer(1)]]" {
        assert!(start.elapsed() < PATIENCE, "{}", host.stderr());
        thread::yield_now();
    }
}

#[test]
fn a_stop_waits_for_work_after_the_response() {
    for options in [&[][..], &["--max-instance-reuse-count", "1"]] {
        let host = Host::start(options);
        assert_eq!(host.get("/sqlite-later").text(), "later");
        let state = host.state();
        let start = Instant::now();
        let folder = host.stop();
        assert!(start.elapsed() < PATIENCE / 10, "it waited for more");
        assert_eq!(late_rows(&state), 1);
        let log = state.join("sqlite_db.db-wal").metadata();
        assert_eq!(
            log.map_or(0, |log| log.len()),
            0,
            "the file alone holds the data"
        );
        drop(folder);
    }
}

#[test]
fn a_stop_cuts_off_what_never_ends_and_lets_its_component_write() {
    let mut host = Host::start(&[]);
    let mut ticking = host.send("GET", "/ticks-then-later", &[], b"");
    ticking.read_until("tick 0\n");
    let start = Instant::now();
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    assert!(start.elapsed().as_secs() >= 10, "it gets its time");
    assert!(start.elapsed().as_secs() < 14, "and no more");
    assert_eq!(late_rows(&host.state()), 1);
    assert!(!ticking.read().whole);
}

#[test]
fn a_database_can_be_broken_and_mended_while_requests_run() {
    let host = Host::start(&["--fault-sqlite", "file:fault"]);
    let fault = host.state().join("fault");
    assert_eq!(host.get("/sqlite-many").status, 200);
    fs::write(&fault, "refuse").unwrap();
    assert_eq!(host.get("/sqlite-many").status, 500);
    fs::write(&fault, "hang").unwrap();
    let hanging = host.send("GET", "/sqlite-many", &[], b"");
    // Its client disconnects.
    leave(&host.send("GET", "/sqlite-many", &[], b""));
    assert_eq!(host.get("/variable").text(), "hello there");
    fs::remove_file(&fault).unwrap();
    assert_eq!(hanging.read().text(), "20000 20000");
}
