//! The bounds of kept responses: the size of a turn, of a conversation, and the memory that they take.

use std::rc::Rc;
use std::sync::Arc;

use gateway_core::proxy::Gateway;
use gateway_testkit::fakes::FakeReply;
use serde_json::json;

use super::kept_responses::{NEW, continuing, id, kept, stage};
use super::ledger::count;
use super::setup::*;
use super::stored_responses::{elsewhere, make};

const MIB: usize = 1 << 20;

fn of_bytes(bytes: usize) -> String {
    json!({"model": "m", "input": "x".repeat(bytes)}).to_string()
}

#[test]
fn a_turn_that_is_larger_than_a_row_is_kept_in_parts() {
    let stage = stage();
    let first = make(&stage, &of_bytes(3 * MIB / 2));
    assert_eq!(first.json()["store"], true);
    assert_eq!(count(&stage, "SELECT count(*) FROM kept_response"), 4);
    let longest = "SELECT max(length(content)) FROM kept_response";
    assert!(count(&stage, longest) <= 512 * 1024);
    assert_eq!(
        elsewhere(&stage, continuing(&id(&first), "two")).status,
        200
    );
    // One that is not written as a whole is not found.
    stage
        .ports
        .database()
        .rows("DELETE FROM kept_response WHERE part = 2");
    let answer = elsewhere(&stage, continuing(&id(&first), "two"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
}

#[test]
fn a_turn_over_the_limit_is_not_kept_and_the_answer_says_so() {
    let stage = stage();
    // By its input, and by its output.
    let answer = make(&stage, &of_bytes(4 * MIB));
    assert_eq!(answer.json()["store"], false);
    stage.upstream(|_| {
        let body = json!({"id": "c", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "y".repeat(3 * MIB)}}]});
        FakeReply::json(200, body.to_string())
    });
    let answer = make(&stage, &of_bytes(MIB));
    assert_eq!(answer.json()["store"], false);
    let text = answer.text();
    assert_eq!(text.matches("\"store\"").count(), 1);
    let answer = elsewhere(&stage, continuing(&id(&answer), "two"));
    assert_eq!(
        answer.error(),
        (400, "previous_response_not_found".to_owned())
    );
    assert_eq!(kept(&stage), 0);
}

#[test]
fn a_conversation_over_the_limit_is_rejected() {
    let stage = stage();
    let mut last = id(&make(&stage, &of_bytes(3 * MIB)));
    for _ in 0..2 {
        let body =
            json!({"model": "m", "input": "x".repeat(3 * MIB), "previous_response_id": last});
        last = id(&make(&stage, &body.to_string()));
    }
    let answer = elsewhere(&stage, continuing(&last, "more"));
    assert_eq!(answer.error(), (413, "request_too_large".to_owned()));
    assert_eq!(answer.json()["error"]["param"], "previous_response_id");
}

/// The stage with an instance that has `bytes` of memory for bodies.
fn with_memory(stage: &Stage, bytes: usize) -> Stage {
    let gateway = Gateway::new(stage.ports.clone(), Ok(None)).with_memory(bytes);
    Stage {
        ports: stage.ports.clone(),
        gateway: Rc::new(gateway),
    }
}

#[test]
fn what_is_kept_and_loaded_takes_its_share_of_the_memory_and_gives_it_back() {
    let stage = with_memory(&stage(), 64 * MIB);
    let memory = Arc::clone(stage.gateway.memory());
    let first = stage.send(post("/v1/responses", &of_bytes(MIB)));
    let before = memory.taken();
    stage.ports.run_background();
    assert!(before - memory.taken() >= 4 * MIB, "until it is written");
    assert_eq!(stage.send(continuing(&id(&first), "two")).status, 200);
    stage.ports.run_background();
    assert_eq!(kept(&stage), 2);
    // With what the upstream was sent.
    drop((stage, first));
    assert_eq!(memory.taken(), 0);
}

#[test]
fn without_memory_nothing_is_kept_and_nothing_is_loaded() {
    let stage = stage();
    let first = make(&stage, &of_bytes(MIB));
    let stage = with_memory(&stage, 3 * MIB);
    let answer = stage.send(continuing(&id(&first), "two"));
    assert_eq!(answer.error(), (413, "request_too_large".to_owned()));
    let mut others = stage.gateway.memory().share();
    others.resize(2 * MIB).unwrap();
    // The request itself takes less than half of the rest.
    let answer = stage.send(post("/v1/responses", &of_bytes(150_000)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["store"], false);
    assert_eq!(stage.send(post("/v1/responses", NEW)).json()["store"], true);
}
