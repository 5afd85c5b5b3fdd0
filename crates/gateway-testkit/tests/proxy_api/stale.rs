//! Calls that may have met the end of a kept connection: one more at the same candidate, and nothing is held against it.

use std::cell::Cell;

use gateway_core::ports::{SendErrorKind, StoreKey};
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

const CHAT: &str = r#"{"model":"m","messages":[]}"#;

fn good() -> FakeReply {
    FakeReply::json(
        200,
        r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}"#,
    )
}

fn stale() -> FakeReply {
    FakeReply::failure(SendErrorKind::MaybeStale)
}

/// Channels a and b, in this order. The calls of a fail as `failure` says, so often.
fn failing(times: usize, failure: impl Fn() -> FakeReply + 'static) -> Stage {
    let mut second = channel("b", 1);
    second.priority = 1;
    let stage = Stage::new(vec![channel("a", 1), second]);
    let left = Cell::new(times);
    stage.upstream(move |call| {
        if host(call) == "a" && left.get() > 0 {
            left.set(left.get() - 1);
            return failure();
        }
        good()
    });
    stage
}

#[test]
fn the_same_candidate_is_called_once_more() {
    let stage = failing(1, stale);
    let answer = stage.chat(CHAT);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-gateway-attempts"), Some("1"));
    assert_eq!(answer.header("x-gateway-channel"), Some("a"));
    assert_eq!(stage.calls(), ["a-1", "a-1"]);
    stage.ports.run_background();
    assert_eq!(stage.ports.store().get(StoreKey::Health), None);
    let lines = stage.ports.log_lines().join("\n");
    assert!(lines.contains("retried once"), "{lines}");
}

#[test]
fn the_second_failure_counts() {
    let stage = failing(2, stale);
    let answer = stage.chat(CHAT);
    assert_eq!(answer.header("x-gateway-channel"), Some("b"));
    assert_eq!(answer.header("x-gateway-attempts"), Some("2"));
    // The channel cools.
    assert_eq!(stage.chat(CHAT).header("x-gateway-channel"), Some("b"));
    assert_eq!(stage.calls(), ["a-1", "a-1", "b-1", "b-1"]);
}

#[test]
fn what_is_certain_or_late_is_not_repeated() {
    type Failing = fn() -> FakeReply;
    let certain: Failing = || FakeReply::failure(SendErrorKind::Reset);
    let late: Failing = || stale().after_ms(2_001);
    for failure in [certain, late] {
        let stage = failing(1, failure);
        assert_eq!(stage.chat(CHAT).header("x-gateway-channel"), Some("b"));
        assert_eq!(stage.calls(), ["a-1", "b-1"]);
    }
}

#[test]
fn it_is_no_further_attempt() {
    let mut document = gateway_core::config::model::Document {
        channels: vec![channel("a", 1)],
        keys: vec![client_key()],
        ..Default::default()
    };
    document.settings.max_attempts = 1;
    let stage = Stage::with(&document);
    let is_first = Cell::new(true);
    stage.upstream(move |_| if is_first.take() { stale() } else { good() });
    assert_eq!(stage.chat(CHAT).status, 200);
    assert_eq!(stage.calls(), ["a-1", "a-1"]);
}

/// A server that drops its connections after each answer.
#[test]
fn forty_requests_never_fail() {
    let stage = Stage::new(vec![channel("a", 1)]);
    let calls = Cell::new(0);
    stage.upstream(move |_| {
        calls.set(calls.get() + 1);
        if calls.get() % 2 == 0 {
            good()
        } else {
            stale()
        }
    });
    for _ in 0..40 {
        assert_eq!(stage.chat(CHAT).status, 200);
        stage.ports.advance_ms(100);
    }
    stage.ports.run_background();
    assert_eq!(stage.ports.store().get(StoreKey::Health), None);
}
