//! What clients and upstreams send that must not harm others: every case was found by a review and failed before.

use bytes::Bytes;
use gateway_core::ports::{Clock as _, SendErrorKind};
use gateway_testkit::fakes::{FakeReply, Recorded};

use super::setup::*;

const OK: &str = r#"{"choices":[{"finish_reason":"stop"}]}"#;
const CHAT: &str = r#"{"model":"m"}"#;

fn ok() -> FakeReply {
    FakeReply::json(200, OK)
}

/// Channel `a` before channel `b`.
fn pair(keys: usize) -> Stage {
    let mut second = channel("b", 1);
    second.priority = 1;
    Stage::new(vec![channel("a", keys), second])
}

/// Credentials of the calls that a request makes.
fn calls_of(stage: &Stage, request: http::Request<Bytes>) -> Vec<String> {
    let before = stage.calls().len();
    stage.send(request);
    stage.ports.run_background();
    stage.calls().split_off(before)
}

fn chat(body: &str) -> http::Request<Bytes> {
    post("/v1/chat/completions", body)
}

fn a_answers(stage: &Stage, mut reply: impl FnMut() -> FakeReply + 'static) {
    stage.upstream(move |call| if host(call) == "a" { reply() } else { ok() });
}

/// What channel `a` answers to some requests only.
fn a_answers_if(
    stage: &Stage,
    is_meant: impl Fn(&Recorded) -> bool + 'static,
    status: u16,
    body: &'static str,
) {
    stage.upstream(move |call| {
        if host(call) == "a" && is_meant(call) {
            FakeReply::json(status, body)
        } else {
            ok()
        }
    });
}

#[test]
fn a_wait_in_words_is_kept_like_one_in_a_header() {
    let stage = pair(1);
    a_answers(&stage, || {
        FakeReply::json(
            429,
            r#"{"error":{"message":"Rate limit reached. Please try again in 20s.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        )
    });
    calls_of(&stage, chat(CHAT));
    a_answers(&stage, ok);
    stage.ports.advance_ms(6_000);
    assert_eq!(
        calls_of(&stage, chat(CHAT)),
        ["b-1"],
        "called inside the stated 20 s"
    );
}

#[test]
fn an_operation_that_the_upstream_lacks_is_not_held_against_chats() {
    let stage = pair(1);
    a_answers_if(
        &stage,
        |call| call.head.uri.path().ends_with("/rerank"),
        404,
        r#"{"error":{"message":"Invalid URL (POST /v1/rerank)","type":"invalid_request_error","param":null,"code":null}}"#,
    );
    calls_of(&stage, post("/v1/rerank", CHAT));
    assert_eq!(
        calls_of(&stage, chat(CHAT)),
        ["a-1"],
        "a client's wrong path moved everybody's chats"
    );
}

#[test]
fn a_403_for_a_model_leaves_the_keys_alone() {
    let stage = pair(3);
    a_answers_if(
        &stage,
        |call| call.head.uri.path().ends_with("/embeddings"),
        403,
        r#"{"error":{"message":"You are not allowed to generate embeddings from this model","type":"invalid_request_error","param":null,"code":null}}"#,
    );
    calls_of(&stage, post("/v1/embeddings", CHAT));
    let calls = calls_of(&stage, chat(r#"{"model":"another"}"#));
    assert!(
        calls[0].starts_with("a-"),
        "one bad request took all keys of a away: {calls:?}"
    );
}

#[test]
fn a_request_too_large_for_a_key_rests_no_key() {
    let stage = pair(3);
    a_answers_if(
        &stage,
        |call| call.body.len() > 100,
        429,
        r#"{"error":{"message":"Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 30601. The input or output tokens must be reduced in order to run successfully.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
    );
    let big = format!(r#"{{"model":"m","messages":"{}"}}"#, "x".repeat(200));
    calls_of(&stage, chat(&big));
    let calls = calls_of(&stage, chat(CHAT));
    assert!(calls[0].starts_with("a-"), "{calls:?}");
}

#[test]
fn words_of_the_client_in_an_error_mean_nothing() {
    let stage = pair(1);
    a_answers_if(
        &stage,
        |call| call.body.len() > 20,
        400,
        r#"{"object":"error","message":"[{'type': 'literal_error', 'loc': ('body', 'messages', 0, 'role'), 'msg': \"Input should be 'system'\", 'input': 'unknown model'}]","type":"BadRequestError","param":null,"code":400}"#,
    );
    let status = stage
        .chat(r#"{"model":"m","messages":[{"role":"unknown model"}]}"#)
        .status;
    stage.ports.run_background();
    let calls = calls_of(&stage, chat(CHAT));
    assert_eq!((status, calls), (400, vec!["a-1".to_owned()]));
}

#[test]
fn a_stream_of_carriage_returns_ends_complete() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| {
        FakeReply::pieces(
            200,
            "text/event-stream",
            [Bytes::from(
                "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\rdata: [DONE]\r\r",
            )],
        )
    });
    let answer = stage.chat(r#"{"model":"m","stream":true}"#);
    let lines = stage.ports.log_lines();
    assert!(answer.text().contains("[DONE]"));
    assert!(lines.iter().any(|l| l.contains("complete")), "{lines:?}");
}

#[test]
fn a_long_model_name_is_refused_and_not_logged() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| ok());
    stage.chat(&format!(r#"{{"model":"{}"}}"#, "x".repeat(4_000_000)));
    let longest = stage.ports.log_lines().iter().map(String::len).max();
    assert!(longest < Some(10_000), "{longest:?}");
}

#[test]
fn bodies_that_always_break_off_rest_the_channel() {
    let stage = pair(1);
    a_answers(&stage, || {
        FakeReply::pieces(200, "audio/mpeg", [Bytes::from("abc")]).broken_by(SendErrorKind::Reset)
    });
    for _ in 0..5 {
        stage.ports.advance_ms(10);
        calls_of(&stage, chat(CHAT));
    }
    stage.ports.advance_ms(10);
    assert_eq!(
        calls_of(&stage, chat(CHAT)),
        ["b-1"],
        "{:?}",
        stage.ports.log_lines()
    );
}

#[test]
fn a_key_that_answers_every_call_with_the_same_wait_is_written_once_a_second() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| FakeReply::json(429, "").with_header("retry-after", "30"));
    let before = stage.ports.store().writes();
    for _ in 0..50 {
        stage.ports.advance_ms(20);
        calls_of(&stage, chat(CHAT));
    }
    let writes = stage.ports.store().writes() - before;
    assert!(writes <= 5, "{writes} writes for 50 requests");
}

#[test]
fn a_clock_that_was_an_hour_ahead_disables_nothing() {
    let stage = pair(1);
    let start = stage.ports.now();
    stage.ports.set_now(start.plus_ms(3_600_000));
    a_answers(&stage, || FakeReply::failure(SendErrorKind::Connect));
    calls_of(&stage, chat(CHAT));
    a_answers(&stage, ok);
    // The clock is corrected: one hour back.
    stage.ports.set_now(start);
    let fresh = stage.another_instance();
    let mut firsts = Vec::new();
    for _ in 0..20 {
        fresh.ports.advance_ms(60_000);
        firsts.extend(calls_of(&fresh, chat(CHAT)));
    }
    assert!(
        firsts.contains(&"a-1".to_owned()),
        "20 minutes after a 5 s cooldown: {firsts:?}"
    );
}

#[test]
fn made_up_models_push_no_real_one_out() {
    let stage = pair(1);
    a_answers(&stage, || FakeReply::json(404, ""));
    calls_of(&stage, chat(CHAT));
    for n in 0..100 {
        stage.ports.advance_ms(1);
        calls_of(&stage, chat(&format!(r#"{{"model":"x{n}"}}"#)));
    }
    assert_eq!(calls_of(&stage, chat(CHAT)), ["b-1"], "pushed out");
}

#[test]
fn a_model_that_makes_no_url_rests_nothing() {
    let mut first = azure(Some("2024-10-21"));
    first.azure.as_mut().unwrap().deployments.clear();
    let mut second = channel("b", 1);
    second.priority = 1;
    let stage = Stage::new(vec![first, second]);
    stage.upstream(|_| ok());
    calls_of(
        &stage,
        chat(&format!(r#"{{"model":"{}"}}"#, "x".repeat(70_000))),
    );
    assert_eq!(calls_of(&stage, chat(CHAT)), ["azure-1"]);
}
