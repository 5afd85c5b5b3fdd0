//! What failed is left alone, comes back by itself, and other instances learn of both.

use bytes::Bytes;
use gateway_core::ports::{Clock as _, SendErrorKind, StoreKey};
use gateway_testkit::fakes::{FakeReply, Misreport, Recorded};

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

/// Credentials of the calls that `work` makes.
fn calls_of(stage: &Stage, work: impl FnOnce(&Stage)) -> Vec<String> {
    let before = stage.calls().len();
    work(stage);
    stage.ports.run_background();
    stage.calls().split_off(before)
}

fn chat(stage: &Stage) {
    assert_eq!(stage.chat(CHAT).status, 200);
}

/// What the upstream answers for calls to channel `a`; `b` always works.
fn a_answers(stage: &Stage, mut reply: impl FnMut(&Recorded) -> FakeReply + 'static) {
    stage.upstream(
        move |call| {
            if host(call) == "a" { reply(call) } else { ok() }
        },
    );
}

#[test]
fn a_throttled_key_rests_for_the_stated_time() {
    let spellings: [(&'static str, &'static str, u64); 4] = [
        ("retry-after", "7", 7_000),
        ("retry-after", "6.5", 6_500),
        ("retry-after-ms", "1250", 1_250),
        // The fakes begin at midnight.
        ("retry-after", "Sun, 22 Nov 2026 00:00:09 GMT", 9_000),
    ];
    for (name, value, wait_ms) in spellings {
        let stage = pair(1);
        a_answers(&stage, move |_| {
            FakeReply::json(429, "").with_header(name, value)
        });
        assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"], "{value}");
        a_answers(&stage, |_| ok());
        assert_eq!(calls_of(&stage, chat), ["b-1"], "{value}");
        stage.ports.advance_ms(wait_ms - 1);
        assert_eq!(calls_of(&stage, chat), ["b-1"], "{value}");
        stage.ports.advance_ms(1);
        assert_eq!(calls_of(&stage, chat), ["a-1"], "{value}");
        assert_eq!(calls_of(&stage, chat), ["a-1"], "{value}");
        assert_eq!(
            stage.ports.store().get(StoreKey::Health).unwrap(),
            b"{}",
            "all is well again"
        );
    }
}

#[test]
fn a_wait_beyond_what_is_believed_leaves_the_key_alone_for_a_day() {
    const DAY_MS: u64 = 86_400_000;
    for (name, value) in [
        ("retry-after", "86400"),
        ("retry-after", "604800"),
        ("retry-after", "9999999999"),
        ("retry-after-ms", "86400000"),
        ("retry-after", "Fri, 27 Nov 2026 00:00:00 GMT"),
    ] {
        // The time is not on a whole second.
        let stage = pair(1);
        stage.ports.advance_ms(123);
        a_answers(&stage, move |_| {
            FakeReply::json(429, "").with_header(name, value)
        });
        assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"], "{value}");
        for pause_ms in [0, 1, 10, 3_600_000, DAY_MS - 3_600_100] {
            stage.ports.advance_ms(pause_ms);
            assert_eq!(calls_of(&stage, chat), ["b-1"], "{value}");
        }
        a_answers(&stage, |_| ok());
        stage.ports.advance_ms(1_200);
        assert_eq!(calls_of(&stage, chat), ["a-1"], "{value}");
    }
}

#[test]
fn a_time_since_1970_is_a_date_and_what_is_no_wait_is_as_if_absent() {
    // The fakes begin at midnight, 2026-11-22.
    let nine_seconds = gateway_testkit::fakes::START.0 / 1_000 + 9;
    let rows = [
        (nine_seconds.to_string(), 9_000),
        (format!("{nine_seconds}000"), 9_000),
        ("inf".to_owned(), 5_000),
        ("nan".to_owned(), 5_000),
        ("-1".to_owned(), 5_000),
        (String::new(), 5_000),
    ];
    for (value, wait_ms) in rows {
        let value: &'static str = Box::leak(value.into_boxed_str());
        let stage = pair(1);
        a_answers(&stage, move |_| {
            FakeReply::json(429, "").with_header("retry-after", value)
        });
        assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"], "{value}");
        a_answers(&stage, |_| ok());
        stage.ports.advance_ms(wait_ms - 1);
        assert_eq!(calls_of(&stage, chat), ["b-1"], "{value}");
        stage.ports.advance_ms(1);
        assert_eq!(calls_of(&stage, chat), ["a-1"], "{value}");
    }
}

#[test]
fn each_kind_of_failure_rests_for_its_own_time_and_grows() {
    type Row = (fn() -> FakeReply, u64, u64);
    let rows: [Row; 4] = [
        (|| FakeReply::failure(SendErrorKind::Connect), 5_000, 10_000),
        (|| FakeReply::json(429, ""), 5_000, 10_000),
        (|| FakeReply::json(401, ""), 30_000, 60_000),
        (|| FakeReply::json(404, ""), 15_000, 30_000),
    ];
    for (reply, first_ms, second_ms) in rows {
        let stage = pair(1);
        a_answers(&stage, move |_| reply());
        assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
        for wait_ms in [first_ms, second_ms] {
            stage.ports.advance_ms(wait_ms - 1);
            assert_eq!(calls_of(&stage, chat), ["b-1"]);
            stage.ports.advance_ms(1);
            assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
        }
    }
}

#[test]
fn server_errors_rest_the_channel_only_when_they_repeat() {
    let stage = pair(1);
    a_answers(&stage, |_| FakeReply::json(500, ""));
    for _ in 0..3 {
        stage.ports.advance_ms(1);
        assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
    }
    assert_eq!(calls_of(&stage, chat), ["b-1"]);

    let stage = pair(1);
    let mut count = 0;
    a_answers(&stage, move |_| {
        count += 1;
        if count % 3 == 0 {
            ok()
        } else {
            FakeReply::json(500, "")
        }
    });
    for _ in 0..30 {
        stage.ports.advance_ms(1);
        let calls = calls_of(&stage, chat);
        assert_eq!(calls[0], "a-1", "two in a row are not enough");
    }
}

#[test]
fn instances_that_live_for_one_request_know_it_from_the_store() {
    let stage = pair(1);
    a_answers(&stage, |_| FakeReply::json(500, ""));
    for _ in 0..3 {
        stage.ports.advance_ms(1);
        assert_eq!(stage.chat_alone(CHAT).status, 200);
    }
    let calls = calls_of(&stage, |stage| {
        assert_eq!(stage.chat_alone(CHAT).status, 200);
    });
    assert_eq!(calls, ["b-1"]);
    // It comes back by itself, and that is known everywhere as well.
    a_answers(&stage, |_| ok());
    stage.ports.advance_ms(5_000);
    for _ in 0..2 {
        let calls = calls_of(&stage, |stage| {
            assert_eq!(stage.chat_alone(CHAT).status, 200);
        });
        assert_eq!(calls, ["a-1"]);
    }
}

#[test]
fn another_instance_learns_of_it_with_the_next_check() {
    let stage = pair(1);
    a_answers(&stage, |_| FakeReply::json(401, ""));
    let other = stage.another_instance();
    a_answers(&stage, |_| ok());
    assert_eq!(calls_of(&other, chat), ["a-1"]);
    a_answers(&stage, |_| FakeReply::json(401, ""));
    assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
    stage.ports.advance_ms(2_000);
    assert_eq!(calls_of(&other, chat), ["b-1"]);
}

#[test]
fn a_probe_that_another_instance_began_is_waited_for() {
    let stage = pair(1);
    a_answers(&stage, |_| FakeReply::failure(SendErrorKind::Reset));
    assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
    a_answers(&stage, |_| ok());
    stage.ports.advance_ms(5_000);
    let lease_until = stage.ports.now().plus_ms(10_000);
    // Another instance is faster by the time between this one's reading and its writing.
    stage
        .ports
        .store()
        .after_read(StoreKey::Health, move |store| {
            let mut health: serde_json::Value =
                serde_json::from_slice(&store.get(StoreKey::Health).unwrap()).unwrap();
            health["ch_a"]["channel"]["lease"] = lease_until.0.into();
            store.put(StoreKey::Health, serde_json::to_vec(&health).unwrap());
        });
    assert_eq!(calls_of(&stage, chat), ["b-1"]);
    stage.ports.advance_ms(9_999);
    assert_eq!(calls_of(&stage, chat), ["b-1"]);
    // It never reported its result: this one's turn.
    stage.ports.advance_ms(1);
    assert_eq!(calls_of(&stage, chat), ["a-1"]);
}

#[test]
fn when_everything_rests_one_key_is_called_and_the_shortest_wait_is_reported() {
    let stage = Stage::new(vec![channel("a", 3)]);
    stage.upstream(|call| {
        let bearer = call.head.headers["authorization"].to_str().unwrap();
        let wait = match &bearer[bearer.len() - 1..] {
            "1" => "30",
            "2" => "10",
            _ => "20",
        };
        FakeReply::json(429, "").with_header("retry-after", wait)
    });
    let answer = stage.chat(CHAT);
    assert_eq!(answer.error(), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("10"));
    assert_eq!(answer.header("x-gateway-attempts"), Some("3"));
    stage.ports.advance_ms(4_000);
    let before = stage.calls().len();
    stage.upstream(|_| FakeReply::json(429, "").with_header("retry-after", "60"));
    let answer = stage.chat(CHAT);
    assert_eq!(answer.header("x-gateway-attempts"), Some("1"));
    assert_eq!(answer.header("retry-after"), Some("16"), "of the key a-3");
    assert_eq!(stage.calls()[before..], ["a-2"]);
}

#[test]
fn whatever_rests_is_tried_when_nothing_else_is_left() {
    let stage = pair(2);
    stage.upstream(|_| FakeReply::failure(SendErrorKind::Connect));
    assert_eq!(stage.chat(CHAT).status, 502);
    stage.upstream(|call| {
        if host(call) == "b" {
            ok()
        } else {
            FakeReply::failure(SendErrorKind::Connect)
        }
    });
    assert_eq!(stage.chat(CHAT).status, 200);
}

#[test]
fn a_request_at_fault_rests_nothing_and_shows_that_the_channel_works() {
    let stage = pair(1);
    a_answers(&stage, |_| FakeReply::json(500, ""));
    for _ in 0..2 {
        stage.ports.advance_ms(1);
        chat(&stage);
    }
    a_answers(&stage, |_| FakeReply::json(422, r#"{"detail":"x"}"#));
    stage.ports.advance_ms(1);
    assert_eq!(stage.chat(CHAT).status, 422);
    a_answers(&stage, |_| FakeReply::json(500, ""));
    for _ in 0..2 {
        stage.ports.advance_ms(1);
        assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
    }
}

#[test]
fn streams_that_break_off_count_as_server_errors() {
    let stage = pair(1);
    let begin = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
    a_answers(&stage, move |_| {
        FakeReply::pieces(200, "text/event-stream", [Bytes::from(begin)])
    });
    for _ in 0..3 {
        stage.ports.advance_ms(1);
        let answer = stage.chat(r#"{"model":"m","stream":true}"#);
        assert!(
            answer.text().contains("stream_incomplete"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(calls_of(&stage, chat), ["b-1"]);
    // An error event of the upstream in the middle of a stream counts as what it reports.
    let stage = pair(2);
    let error = "data: {\"error\":{\"code\":429,\"message\":\"slow down\"}}\n\n";
    a_answers(&stage, move |_| {
        FakeReply::pieces(
            200,
            "text/event-stream",
            [Bytes::from(begin), Bytes::from(error)],
        )
    });
    stage.chat(r#"{"model":"m","stream":true}"#);
    let throttled = stage.calls()[0].clone();
    a_answers(&stage, |_| ok());
    for _ in 0..4 {
        let calls = calls_of(&stage, chat);
        assert!(
            calls[0].starts_with('a') && calls[0] != throttled,
            "{calls:?}"
        );
    }
}

#[test]
fn nothing_is_written_while_all_is_well_and_once_per_change_otherwise() {
    let stage = pair(1);
    stage.upstream(|_| ok());
    for _ in 0..100 {
        chat(&stage);
        stage.ports.advance_ms(100);
        stage.ports.run_background();
    }
    assert_eq!(stage.ports.store().writes(), 0);
    a_answers(&stage, |_| FakeReply::json(403, ""));
    for _ in 0..100 {
        chat(&stage);
        stage.ports.advance_ms(100);
        stage.ports.run_background();
    }
    assert_eq!(
        stage.ports.store().writes(),
        1,
        "one key, one change within its time"
    );
}

#[test]
fn a_store_that_fails_takes_nothing_away() {
    let stage = pair(1);
    stage.upstream(|_| ok());
    chat(&stage);
    stage.ports.store().break_reads(true);
    stage.ports.store().break_writes(true);
    a_answers(&stage, |_| FakeReply::json(401, ""));
    assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
    for _ in 0..5 {
        stage.ports.advance_ms(2_000);
        assert_eq!(
            calls_of(&stage, chat),
            ["b-1"],
            "the instance knows it itself"
        );
    }
    // The probe of an instance alone.
    stage.ports.advance_ms(20_000);
    assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
    stage.ports.store().break_reads(false);
    stage.ports.store().break_writes(false);
    stage.ports.advance_ms(2_000);
    assert_eq!(calls_of(&stage, chat), ["b-1"]);
    let calls = calls_of(&stage, |stage| {
        assert_eq!(stage.chat_alone(CHAT).status, 200);
    });
    assert_eq!(calls, ["b-1"], "what was kept is in the store now");
}

#[test]
fn writers_that_meet_lose_nothing_and_a_damaged_record_is_replaced() {
    let stage = pair(1);
    a_answers(&stage, |_| FakeReply::json(401, ""));
    stage.ports.store().conflict_next(3);
    stage.ports.store().put(StoreKey::Health, *b"no json");
    assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
    let text = String::from_utf8(stage.ports.store().get(StoreKey::Health).unwrap()).unwrap();
    assert!(text.contains("uk_a1") && text.contains("refused"), "{text}");
    assert!(!text.contains("a-1"), "no secret in it: {text}");
}

#[test]
fn a_probe_is_made_although_the_store_denies_the_claim_that_it_wrote() {
    let stage = pair(1);
    a_answers(&stage, |_| FakeReply::json(401, ""));
    assert_eq!(calls_of(&stage, chat), ["a-1", "b-1"]);
    stage.upstream(|_| ok());
    stage.ports.advance_ms(600_000);
    stage.ports.store().misreport(Some(Misreport::Conflict));
    assert_eq!(calls_of(&stage, chat), ["a-1"]);
}

#[test]
fn a_late_attempt_without_time_is_not_blamed_but_the_one_that_took_it_is() {
    let stage = pair(1);
    // The first takes 110 s of the request's 120, so that the second has less than its 60.
    stage.upstream(|call| {
        let took_ms = if host(call) == "a" { 110_000 } else { 10_000 };
        FakeReply::failure(SendErrorKind::Timeout).after_ms(took_ms)
    });
    assert_eq!(stage.chat(CHAT).status, 504);
    stage.ports.run_background();
    let known = String::from_utf8(stage.ports.store().get(StoreKey::Health).unwrap()).unwrap();
    assert!(known.contains("ch_a") && !known.contains("ch_b"), "{known}");
}

#[test]
fn a_channel_that_takes_all_the_time_is_left_alone_by_the_next_request() {
    let mut slow = channel("a", 1);
    slow.first_byte_timeout_ms = 300_000;
    let mut second = channel("b", 1);
    second.priority = 1;
    let stage = Stage::new(vec![slow, second]);
    a_answers(&stage, |_| {
        FakeReply::failure(SendErrorKind::Timeout).after_ms(120_000)
    });
    assert_eq!(stage.chat(CHAT).status, 504);
    assert_eq!(calls_of(&stage, chat), ["b-1"]);
}

#[test]
fn a_client_that_disconnects_counts_as_no_failure_and_ends_the_attempts() {
    let stage = pair(2);
    a_answers(&stage, |_| FakeReply::failure(SendErrorKind::ClientGone));
    let calls = calls_of(&stage, |stage| {
        stage.chat(CHAT);
    });
    assert_eq!(calls.len(), 1, "no retry without a client");
    assert_eq!(stage.ports.store().writes(), 0);
    a_answers(&stage, |_| ok());
    assert!(calls_of(&stage, chat)[0].starts_with('a'));
    // In the middle of a stream, too.
    let begin = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
    a_answers(&stage, move |_| {
        FakeReply::pieces(200, "text/event-stream", [Bytes::from(begin)])
            .broken_by(SendErrorKind::ClientGone)
    });
    for _ in 0..5 {
        stage.chat(r#"{"model":"m","stream":true}"#);
    }
    assert_eq!(stage.ports.store().writes(), 0);
}
