//! The memory that bodies take in an instance: which requests wait, which are rejected, and that all of it is released.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use gateway_core::memory::cost_of_request;
use gateway_core::proxy::Gateway;
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

const MIB: usize = 1 << 20;
const OK: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;

/// A gateway with `bytes` of memory for bodies.
fn stage(bytes: usize) -> Stage {
    let mut stage = Stage::new(vec![channel("a", 1)]);
    let gateway = Gateway::new(stage.ports.clone(), Ok(None)).with_memory(bytes);
    stage.gateway = Rc::new(gateway);
    stage.upstream(|_| FakeReply::json(200, OK));
    stage
}

/// Whether all memory is free, once the upstream has dropped what it was sent.
fn gives_all_back(stage: Stage) -> bool {
    let memory = Arc::clone(stage.gateway.memory());
    drop(stage);
    memory.taken() == 0
}

fn body(bytes: usize) -> String {
    format!(r#"{{"model":"m","text":"{}"}}"#, "x".repeat(bytes))
}

#[test]
fn a_request_without_memory_gets_a_retry_after() {
    let stage = stage(8 * MIB);
    let mut others = stage.gateway.memory().share();
    others.resize(7 * MIB).unwrap();
    let answer = stage.chat(&body(MIB));
    assert_eq!(answer.error(), (503, "instance_busy".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("5"));
    // Small ones pass anyway.
    assert_eq!(stage.chat(&body(1000)).status, 200);
    drop(others);
    assert_eq!(stage.chat(&body(MIB)).status, 200);
    assert!(gives_all_back(stage));
}

#[test]
fn what_never_fits_is_too_large() {
    let answer = stage(MIB).chat(&body(2 * MIB));
    assert_eq!(answer.error(), (413, "request_too_large".to_owned()));
}

#[test]
fn a_body_takes_its_share_while_it_is_served_announced_or_not() {
    for announced in [true, false] {
        let stage = stage(8 * MIB);
        let memory = Rc::clone(&stage.gateway);
        let text = body(MIB);
        let cost = cost_of_request(text.len());
        stage.upstream(move |_| {
            assert_eq!(memory.memory().taken(), cost);
            FakeReply::json(200, OK)
        });
        let mut request = post("/v1/chat/completions", &text);
        if announced {
            request
                .headers_mut()
                .insert("content-length", text.len().into());
        }
        assert_eq!(stage.send(request).status, 200);
        stage.ports.upstream().script(|_| FakeReply::json(200, OK));
        assert!(gives_all_back(stage));
    }
}

#[test]
fn answers_that_there_is_no_memory_for_are_passed_on_as_they_come() {
    let stage = stage(8 * MIB);
    let answer = format!(r#"{{"data":"{}"}}"#, "x".repeat(MIB));
    let pieces: Vec<Bytes> = answer
        .as_bytes()
        .chunks(10_000)
        .map(Bytes::copy_from_slice)
        .collect();
    stage.upstream(move |_| FakeReply::pieces(200, "application/json", pieces.clone()));
    let mut others = stage.gateway.memory().share();
    others.resize(8 * MIB).unwrap();
    assert_eq!(stage.chat(r#"{"model":"m"}"#).text(), answer);
    drop(others);
    assert_eq!(stage.chat(r#"{"model":"m"}"#).text(), answer);
    assert!(gives_all_back(stage));
}

#[test]
fn an_event_that_there_is_no_memory_for_breaks_its_stream_only() {
    let stage = stage(8 * MIB);
    let hello =
        "data: {\"choices\":[{\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\n";
    let long = format!("data: {{\"x\":\"{}\"}}\n\n", "x".repeat(4 * MIB));
    let pieces: Vec<Bytes> = [hello.as_bytes()]
        .into_iter()
        .chain(long.as_bytes().chunks(10_000))
        .map(Bytes::copy_from_slice)
        .collect();
    stage.upstream(move |_| FakeReply::pieces(200, "text/event-stream", pieces.clone()));
    let answer = stage.chat(r#"{"model":"m","stream":true}"#);
    assert!(answer.text().starts_with(hello));
    assert!(answer.text().contains("stream_incomplete"));
    assert!(answer.body.len() < 1_000);
    assert!(gives_all_back(stage));
}
