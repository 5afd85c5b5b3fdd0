//! The demo's state directory, as a gateway that starts on it finds it; and what its services answer.

use std::path::PathBuf;

use rusqlite::Connection;

use super::*;

/// A directory that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("demo-{name}-{}", std::process::id()));
        Self(path)
    }

    fn number(&self, query: &str) -> i64 {
        let ledger = Connection::open(self.0.join("sqlite_db.db")).unwrap();
        ledger.query_row(query, [], |row| row.get(0)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

const HOUR_MS: i64 = 3_600_000;

#[test]
fn a_prepared_state_has_two_days_of_traffic_and_no_secret_of_an_earlier_one() {
    let folder = Folder::new("traffic");
    let first = prepare(&folder.0, "http://127.0.0.1:9").unwrap();
    let key = prepare(&folder.0, "http://127.0.0.1:9").unwrap();
    assert!(key.starts_with("sk-"), "{key}");
    assert_ne!(first, key);

    let requests = folder.number("SELECT count(*) FROM request");
    assert!((800..4_000).contains(&requests), "{requests}");
    let span = folder.number("SELECT max(time_ms) - min(time_ms) FROM request");
    assert!((46 * HOUR_MS..=48 * HOUR_MS).contains(&span), "{span}");
    assert!(folder.number("SELECT sum(cost_micro_usd) FROM usage_hour") > 1_000_000);
    for (what, condition) in [
        ("answers", "status = 200 AND ended = 'complete'"),
        ("failover", "status = 200 AND attempts LIKE '%503%'"),
        (
            "a limit that is reached",
            "status = 429 AND reason = 'rate_limit_requests'",
        ),
        (
            "a model that is not allowed",
            "reason = 'model_not_allowed'",
        ),
        ("a mistake in a request", "status = 400"),
        (
            "embeddings",
            "endpoint LIKE '%embeddings%' AND completion_tokens = 0",
        ),
        (
            "translated messages",
            "endpoint LIKE '%messages%' AND status = 200",
        ),
    ] {
        let count = folder.number(&format!("SELECT count(*) FROM request WHERE {condition}"));
        assert!(count >= 3, "{what}: {count}");
    }

    let store = Connection::open(folder.0.join("sqlite_key_value.db")).unwrap();
    let mut keys = store
        .prepare("SELECT key FROM spin_key_value ORDER BY key")
        .unwrap();
    let keys: Vec<String> = keys
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(keys, ["gateway/config", "gateway/health"]);
}

#[test]
fn a_state_that_is_in_use_is_not_touched() {
    let folder = Folder::new("held");
    let held = State::open(&folder.0).unwrap();
    let error = prepare(&folder.0, "http://127.0.0.1:9").unwrap_err();
    assert!(error.to_string().contains("running already"), "{error}");
    assert!(!folder.0.join("sqlite_db.db").exists());
    drop(held);
    assert!(State::open(&folder.0).is_ok());
}
