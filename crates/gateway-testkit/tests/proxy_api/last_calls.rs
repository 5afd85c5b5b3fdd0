//! What requests leave behind about the keys that they were made with; and that channels without the key that they need are
//! not called.

use gateway_core::config::model::{Document, Settings};
use gateway_core::ports::StoreKey;
use gateway_core::sql::SqlRow;
use gateway_testkit::fakes::FakeReply;

use super::ledger::{ANSWER, CHAT, count, text};
use super::setup::*;

/// What the ledger has of the last calls, by id.
fn last_calls(stage: &Stage) -> Vec<SqlRow> {
    let query = "SELECT id, name FROM actor WHERE id LIKE '%/%' ORDER BY id";
    stage.ports.database().rows(query)
}

#[test]
fn each_key_leaves_its_last_success_and_its_last_failure() {
    let document = Document {
        channels: vec![channel("a", 2)],
        keys: vec![client_key()],
        ..Document::default()
    };
    let stage = Stage::with_ledger(&document);
    stage.upstream(|sent| {
        let key = sent.head.headers["authorization"].to_str().unwrap();
        if key.ends_with('1') {
            FakeReply::json(401, r#"{"error":{"message":"no"}}"#)
        } else {
            FakeReply::json(200, ANSWER)
        }
    });
    for _ in 0..6 {
        assert_eq!(stage.chat_alone(CHAT).status, 200);
    }
    let expected = [
        ("uk_a1/failed", "request key_refused 401 no"),
        ("uk_a2/answered", "request answered 200"),
    ];
    assert_eq!(
        last_calls(&stage),
        expected.map(|(id, name)| vec![text(id), text(name)])
    );
    // The request log may be empty by then.
    stage.ports.database().rows("DELETE FROM request");
    assert_eq!(last_calls(&stage).len(), 2);
}

#[test]
fn while_nothing_fails_health_has_nothing_in_the_store() {
    let document = super::ledger::document(Settings::default());
    let stage = Stage::with_ledger(&document);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    assert_eq!(stage.ports.store().get(StoreKey::Health), None);
    assert_eq!(
        count(
            &stage,
            "SELECT count(*) FROM actor WHERE id = 'uk_a1/answered'"
        ),
        1
    );
}

#[test]
fn an_older_database_is_filled_from_its_log() {
    let document = super::ledger::document(Settings::default());
    let stage = Stage::with_ledger(&document);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    let attempts = r#"[["key_refused",401,5,"ch_b","uk_b1"],["unreachable",null,5,"ch_c",""],["abandoned",null,5,"ch_b","uk_b2"],["answered",200,7]]"#;
    for statement in [
        "DELETE FROM actor WHERE id LIKE '%/%'".to_owned(),
        "DELETE FROM gateway_schema WHERE version > 5".to_owned(),
        format!("UPDATE request SET attempts = '{attempts}', time_ms = 1000"),
    ] {
        stage.ports.database().rows(&statement);
    }
    // A request that uses no key brings the schema up to date.
    assert_eq!(stage.chat_alone(r#"{"model":"m","n":"#).status, 400);
    let expected = [
        ("ch_c/failed", "request unreachable 0"),
        ("uk_a1/answered", "request answered 200"),
        ("uk_b1/failed", "request key_refused 401"),
    ];
    assert_eq!(
        last_calls(&stage),
        expected.map(|(id, name)| vec![text(id), text(name)])
    );
}

#[test]
fn a_channel_that_lacks_the_key_that_its_provider_requires_gets_no_requests() {
    let keyless = |name: &str, base_url: &str| {
        let mut channel = channel(name, 0);
        base_url.clone_into(&mut channel.base_url);
        channel
    };
    let openai = keyless("a", "https://api.openai.com/v1");
    let own = keyless("b", "https://vllm.example/v1");
    let stage = Stage::new(vec![openai.clone(), own]);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    for _ in 0..8 {
        let answer = stage.chat(CHAT);
        assert_eq!(
            (answer.status, answer.header("x-gateway-channel")),
            (200, Some("b"))
        );
    }
    let stage = Stage::new(vec![openai]);
    assert_eq!(
        stage.chat(CHAT).error(),
        (503, "no_channel_available".to_owned())
    );
}
