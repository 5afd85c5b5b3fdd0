//! Hedging: a second attempt beside one that is late, and what becomes of the one that loses.

use gateway_core::ports::SendErrorKind;
use gateway_testkit::fakes::START;
use gateway_testkit::sim::{CallEnd, SimReply};

use super::setup::*;

/// Channels a, b and c, one key each; a is late after a second, the others after two.
fn three() -> Stage {
    stage(
        1,
        vec![
            channel("a", 1, Some(1_000)),
            channel("b", 1, Some(2_000)),
            channel("c", 1, None),
        ],
    )
}

/// Which channel answered, after how many attempts and milliseconds. The store takes a few milliseconds at the
/// beginning, so times are taken from the upstreams' records.
fn summary(answer: &Answer) -> (u16, &str, &str) {
    (answer.status, &answer.channel, &answer.attempts)
}

#[test]
fn off_by_default() {
    let stage = stage(1, vec![channel("a", 2, None), channel("b", 1, None)]);
    stage.upstreams([("a", good("a", 15_000)), ("b", good("b", 10))]);
    assert_eq!(summary(&stage.ask(false)), (200, "a", "1"));
    assert_eq!(stage.callees(), ["a-1"]);
}

#[test]
fn the_hedge_wins_and_the_late_call_is_ended() {
    let stage = three();
    stage.upstreams([("a", good("a", 15_000)), ("b", good("b", 300))]);
    let answer = stage.ask(false);
    assert_eq!(summary(&answer), (200, "b", "2"));
    assert!(answer.text.contains(r#""id":"b""#));
    let calls = stage.calls();
    let [a, b] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!((&*a.who, &*b.who), ("a-1", "b-1"));
    assert_eq!(b.began, a.began + 1_000);
    assert_eq!((b.ended, b.end), (b.began + 300, CallEnd::Whole));
    assert_eq!((a.ended, a.end), (b.ended, CallEnd::Dropped));
}

#[test]
fn nothing_is_held_against_the_one_that_was_dropped() {
    let stage = three();
    stage.upstreams([("a", good("a", 15_000)), ("b", good("b", 300))]);
    stage.ask(false);
    stage.upstreams([("a", good("a", 100))]);
    assert_eq!(summary(&stage.ask(false)), (200, "a", "1"));
    stage.wait_ms(60_000);
    assert!(stage.sim.store().writes().is_empty(), "nothing was learned");
}

#[test]
fn the_first_answers_before_its_hedge() {
    let stage = three();
    stage.upstreams([("a", good("a", 1_500)), ("b", good("b", 5_000))]);
    let answer = stage.ask(false);
    assert_eq!(summary(&answer), (200, "a", "2"));
    assert!(answer.text.contains(r#""id":"a""#));
    let calls = stage.calls();
    assert_eq!(calls[1].end, CallEnd::Dropped);
    assert_eq!(calls[1].ended, calls[0].began + 1_500);
}

#[test]
fn an_answer_in_time_needs_no_hedge() {
    let stage = three();
    stage.upstreams([("a", good("a", 999))]);
    assert_eq!(summary(&stage.ask(false)), (200, "a", "1"));
    assert_eq!(stage.callees(), ["a-1"]);
}

#[test]
fn the_first_fails_beside_its_hedge_and_no_other_channel_is_called() {
    for failing in [
        failure(500, 1_500),
        failure(401, 1_500),
        SimReply::failure(SendErrorKind::Reset).thinking(1_500),
    ] {
        let stage = three();
        stage.upstreams([("a", failing), ("b", good("b", 1_800))]);
        let answer = stage.ask(false);
        assert_eq!(summary(&answer), (200, "b", "2"));
        assert_eq!(stage.callees(), ["a-1", "b-1"]);
        let calls = stage.calls();
        assert_eq!(calls[1].ended, calls[0].began + 1_000 + 1_800);
    }
}

#[test]
fn the_hedge_fails_and_the_first_is_still_waited_for() {
    let stage = stage(1, vec![channel("a", 1, Some(1_000)), channel("b", 1, None)]);
    stage.upstreams([("a", good("a", 9_000)), ("b", failure(503, 200))]);
    let answer = stage.ask(false);
    assert_eq!(summary(&answer), (200, "a", "2"));
    assert_eq!(stage.callees(), ["a-1", "b-1"]);
}

#[test]
fn when_both_fail_the_next_is_asked() {
    let stage = three();
    stage.upstreams([
        ("a", failure(500, 1_500)),
        ("b", failure(429, 700)),
        ("c", good("c", 10)),
    ]);
    assert_eq!(summary(&stage.ask(false)), (200, "c", "3"));
    let calls = stage.calls();
    assert_eq!(calls[2].began, calls[1].ended.max(calls[0].ended));
}

#[test]
fn a_late_hedge_is_hedged_too() {
    let stage = three();
    stage.upstreams([
        ("a", SimReply::silence()),
        ("b", SimReply::silence()),
        ("c", good("c", 10)),
    ]);
    assert_eq!(summary(&stage.ask(false)), (200, "c", "3"));
    let calls = stage.calls();
    assert_eq!(calls[1].began, calls[0].began + 1_000);
    assert_eq!(calls[2].began, calls[1].began + 2_000);
    for late in &calls[..2] {
        assert_eq!((late.ended, late.end), (calls[2].ended, CallEnd::Dropped));
    }
}

#[test]
fn the_next_key_of_a_channel_can_be_the_hedge() {
    let stage = stage(1, vec![channel("a", 2, Some(1_000))]);
    stage.script(|call| {
        if call.credential() == "a-1" {
            SimReply::silence()
        } else {
            good("a", 100)
        }
    });
    // The rotation may begin with either key.
    let attempts: Vec<_> = (0..2).map(|_| stage.ask(false).attempts).collect();
    assert!(attempts.contains(&"1".to_owned()) && attempts.contains(&"2".to_owned()));
}

#[test]
fn no_candidate_is_left_for_a_hedge() {
    let alone = stage(1, vec![channel("a", 1, Some(1_000))]);
    alone.upstreams([("a", good("a", 15_000))]);
    assert_eq!(summary(&alone.ask(false)), (200, "a", "1"));

    let bounded = stage_with(
        1,
        vec![channel("a", 1, Some(1_000)), channel("b", 1, None)],
        |document| document.settings.max_attempts = 1,
    );
    bounded.upstreams([("a", good("a", 15_000)), ("b", good("b", 1))]);
    assert_eq!(summary(&bounded.ask(false)), (200, "a", "1"));
    assert_eq!(bounded.callees(), ["a-1"]);
}

#[test]
fn a_stream_is_late_until_its_first_event() {
    let stage = three();
    // Its head and a comment are there at once, but that is no beginning.
    stage.upstreams([("a", stream("a", 5_000)), ("b", stream("b", 200))]);
    let answer = stage.ask(true);
    assert_eq!(summary(&answer), (200, "b", "2"));
    assert!(answer.text.contains(r#""id":"b""#) && !answer.text.contains(r#""id":"a""#));
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    stage.wait_ms(1_000);
    let calls = stage.calls();
    assert_eq!(
        (calls[0].ended, calls[0].end),
        (calls[1].began + 200, CallEnd::Dropped)
    );
    assert_eq!(
        (calls[1].ended, calls[1].end),
        (calls[1].began + 400, CallEnd::Whole)
    );
}

#[test]
fn a_stream_that_has_begun_may_pause() {
    let stage = three();
    stage.upstreams([("a", stream("a", 900)), ("b", stream("b", 1))]);
    let answer = stage.ask(true);
    assert_eq!(summary(&answer), (200, "a", "1"));
    assert!(answer.text.ends_with("data: [DONE]\n\n"));
    assert_eq!(stage.callees(), ["a-1"]);
}

#[test]
fn the_total_time_holds_for_all_of_them_together() {
    let stage = stage_with(
        1,
        vec![channel("a", 1, Some(1_000)), channel("b", 1, None)],
        |document| document.settings.total_timeout_ms = 3_000,
    );
    stage.upstreams([("a", SimReply::silence()), ("b", stream("b", 9_000))]);
    let answer = stage.ask(true);
    assert_eq!((answer.status, &*answer.attempts), (504, "2"));
    assert!(
        (3_000..3_050).contains(&answer.after_ms),
        "{}",
        answer.after_ms
    );
    for call in stage.calls() {
        assert!(call.ended <= 3_050, "{call:?}");
    }
}

#[test]
fn a_client_that_leaves_ends_both_calls() {
    let stage = three();
    stage.upstreams([("a", SimReply::silence()), ("b", SimReply::silence())]);
    stage.leave_after(0, 2_500);
    let left = stage.sim.executor().now().since_ms(START);
    let calls = stage.calls();
    assert_eq!(calls.len(), 2);
    for call in calls {
        assert_eq!((call.ended, call.end), (left, CallEnd::Dropped));
    }
}

#[test]
fn a_refusal_of_the_request_itself_ends_everything() {
    let stage = three();
    stage.upstreams([("a", SimReply::silence()), ("b", failure(422, 100))]);
    assert_eq!(summary(&stage.ask(false)), (422, "b", "2"));
    assert_eq!(stage.calls()[0].end, CallEnd::Dropped);
}
