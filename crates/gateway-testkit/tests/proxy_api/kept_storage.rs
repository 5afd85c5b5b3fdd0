//! Where kept responses are: for how long, encrypted or not, and what happens while the database does not answer.

use std::rc::Rc;

use gateway_core::config::seal::MasterKey;
use gateway_core::ledger::schema;
use gateway_core::ports::StoreKey;
use gateway_core::proxy::Gateway;
use gateway_core::wire::dialect::Dialect;
use gateway_testkit::fakes::DatabaseFault;
use http::Method;

use super::kept_responses::*;
use super::ledger::count;
use super::setup::*;
use super::stored_responses::{elsewhere, make};

const DAY_MS: u64 = 86_400_000;

#[test]
fn what_was_kept_can_be_deleted_after_the_setting_is_off() {
    let stage = stage();
    let id = id(&make(&stage, NEW));
    let mut off = keeping(vec![speaking("a", Dialect::Chat)]);
    off.settings.responses_store = false;
    let off = serde_json::to_vec(&off).unwrap();
    stage.ports.store().put(StoreKey::Config, off);
    let answer = elsewhere(&stage, continuing(&id, "two"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    assert_eq!(elsewhere(&stage, of(&id, "", &Method::DELETE)).status, 200);
    assert_eq!(kept(&stage), 0);
}

#[test]
fn content_is_removed_when_it_is_too_old() {
    let mut document = keeping(vec![speaking("a", Dialect::Chat)]);
    document.settings.response_record_days = 2;
    let stage = staged(&document);
    let first = id(&make(&stage, NEW));
    stage.ports.advance_ms(2 * DAY_MS - 60_000);
    assert_eq!(elsewhere(&stage, of(&first, "", &Method::GET)).status, 200);
    stage.ports.advance_ms(60_000);
    assert_eq!(elsewhere(&stage, of(&first, "", &Method::GET)).status, 404);
    // Old rows are removed after writes, from time to time, also after the setting was switched off.
    document.settings.responses_store = false;
    let off = serde_json::to_vec(&document).unwrap();
    stage.ports.store().put(StoreKey::Config, off);
    stage.ports.advance_ms(60_000);
    for _ in 0..600 {
        if kept(&stage) == 0 {
            return;
        }
        make(&stage, NEW);
    }
    panic!("the content is still there");
}

#[test]
fn content_is_encrypted_with_the_master_key() {
    let master = MasterKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let stage = stage();
    let instance = |master: &Option<MasterKey>| Stage {
        ports: stage.ports.clone(),
        gateway: Rc::new(Gateway::new(stage.ports.clone(), Ok(master.clone()))),
    };
    let first = instance(&master).send(post("/v1/responses", NEW));
    stage.ports.run_background();
    let rows = stage
        .ports
        .database()
        .rows("SELECT content FROM kept_response");
    let content = rows[0][0].text().unwrap();
    assert!(
        content.starts_with("v1.") && !content.contains("one"),
        "{content}"
    );
    let second = instance(&master).send(continuing(&id(&first), "two"));
    assert_eq!(second.status, 200, "{}", second.text());
    assert_eq!(texts(&sent(&stage)), ["one", "answer 1", "two"]);
    // Without the key it cannot be read, and no model answers without it.
    stage.ports.run_background();
    let answer = elsewhere(&stage, continuing(&id(&first), "two"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    assert_eq!(
        elsewhere(&stage, of(&id(&first), "", &Method::GET)).status,
        404
    );
}

#[test]
fn a_database_that_does_not_answer_is_no_missing_conversation() {
    let stage = stage();
    let id = id(&make(&stage, NEW));
    for fault in [DatabaseFault::Refuse, DatabaseFault::Hang] {
        stage.ports.database().set_fault(fault);
        for request in [
            continuing(&id, "two"),
            of(&id, "", &Method::GET),
            of(&id, "", &Method::DELETE),
        ] {
            let answer = stage.another_instance().send(request);
            assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
        }
    }
}

#[test]
fn a_failed_write_is_repeated() {
    for fault in [DatabaseFault::Refuse, DatabaseFault::FailAfterCommit] {
        let stage = stage();
        make(&stage, NEW);
        let answer = stage.send(post("/v1/responses", NEW));
        stage.ports.database().fault_next(fault, 1);
        stage.ports.run_background();
        assert_eq!(
            elsewhere(&stage, continuing(&id(&answer), "two")).status,
            200
        );
        assert_eq!(kept(&stage), 3);
    }
}

#[test]
fn a_database_without_the_table_gets_it() {
    let stage = stage();
    let first = id(&make(&stage, NEW));
    for statement in [
        "DROP TABLE kept_response",
        "DELETE FROM gateway_schema WHERE version >= 7",
    ] {
        stage.ports.database().rows(statement);
    }
    let answer = elsewhere(&stage, continuing(&first, "two"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    assert_eq!(elsewhere(&stage, post("/v1/responses", NEW)).status, 200);
    assert_eq!(kept(&stage), 1);
    let version = "SELECT max(version) FROM gateway_schema";
    assert_eq!(count(&stage, version), schema::VERSION);
}
