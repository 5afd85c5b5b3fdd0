//! Probes: after a cooldown one request in all instances probes, and after an inconclusive probe the next one may try.

use gateway_core::ports::SendErrorKind;
use gateway_testkit::sim::{Fault, SimReply};

use super::setup::*;

/// `count` instances, with channels a and b of one key each, of which a has just been rejected and cools.
fn a_cools(instances: usize, hedge_after_ms: Option<u64>) -> Stage {
    let stage = stage(
        instances,
        vec![channel("a", 1, hedge_after_ms), channel("b", 1, None)],
    );
    stage.upstreams([
        ("a", SimReply::failure(SendErrorKind::Connect)),
        ("b", good("b", 10)),
    ]);
    assert_eq!(stage.ask(false).attempts, "2");
    stage
}

/// How often a was called so far.
fn calls_of_a(stage: &Stage) -> usize {
    let callees = stage.callees();
    callees.iter().filter(|who| *who == "a-1").count()
}

#[test]
fn others_skip_what_one_instance_found_dead_within_two_seconds() {
    let stage = a_cools(3, None);
    stage.wait_ms(2_000);
    for instance in 0..3 {
        let task = stage.start(instance, false);
        let answer = stage.sim.executor().block_on(task);
        assert_eq!((answer.status, &*answer.attempts), (200, "1"));
    }
    assert_eq!(calls_of_a(&stage), 1);
}

#[test]
fn one_of_many_requests_in_all_instances_probes() {
    let stage = a_cools(4, None);
    stage.wait_ms(6_000);
    // Dead still, and slow to say so.
    stage.upstreams([
        ("a", SimReply::failure(SendErrorKind::Reset).thinking(3_000)),
        ("b", good("b", 10)),
    ]);
    let tasks: Vec<_> = (0..40)
        .map(|number| stage.start(number % 4, false))
        .collect();
    stage.wait_ms(10_000);
    let answers: Vec<Answer> = tasks.iter().map(|task| task.take().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(calls_of_a(&stage), 2, "the first failure, and one probe");
    let slow = answers.iter().filter(|answer| answer.after_ms > 2_000);
    assert_eq!(slow.count(), 1, "no request waits for another one's probe");
}

#[test]
fn a_probe_that_succeeds_opens_the_channel_for_all() {
    let stage = a_cools(2, None);
    stage.wait_ms(6_000);
    stage.upstreams([("a", good("a", 10)), ("b", good("b", 10))]);
    assert_eq!(stage.ask(false).channel, "a");
    stage.wait_ms(2_000);
    let task = stage.start(1, false);
    assert_eq!(stage.sim.executor().block_on(task).channel, "a");
    let before = stage.sim.store().writes().len();
    stage.wait_ms(60_000);
    assert_eq!(stage.ask(false).channel, "a");
    stage.wait_ms(1_000);
    assert_eq!(
        stage.sim.store().writes().len(),
        before,
        "all is well again"
    );
}

#[test]
fn a_client_that_leaves_gives_its_probe_back() {
    let stage = a_cools(1, None);
    stage.wait_ms(6_000);
    stage.upstreams([("a", SimReply::silence()), ("b", good("b", 10))]);
    stage.leave_after(0, 500);
    assert_eq!(calls_of_a(&stage), 2);
    stage.upstreams([("a", good("a", 10)), ("b", good("b", 10))]);
    assert_eq!(stage.ask(false).channel, "a");
}

#[test]
fn a_hedge_that_wins_gives_the_probe_of_the_loser_back() {
    let stage = a_cools(2, Some(1_000));
    stage.wait_ms(6_000);
    stage.upstreams([("a", SimReply::silence()), ("b", good("b", 10))]);
    let answer = stage.ask(false);
    assert_eq!((&*answer.channel, &*answer.attempts), ("b", "2"));
    stage.upstreams([("a", good("a", 10)), ("b", good("b", 10))]);
    let task = stage.start(0, false);
    assert_eq!(stage.sim.executor().block_on(task).channel, "a");
}

#[test]
fn other_instances_hear_of_a_probe_that_was_given_back() {
    let stage = a_cools(2, Some(1_000));
    stage.wait_ms(6_000);
    stage.upstreams([("a", SimReply::silence()), ("b", good("b", 10))]);
    assert_eq!(stage.ask(false).channel, "b");
    // The next check of the store takes it along; the request that causes it has a client that leaves, too.
    stage.wait_ms(2_000);
    stage.leave_after(0, 600);
    stage.wait_ms(2_000);
    stage.leave_after(0, 600);
    let probes = calls_of_a(&stage);
    assert!(probes >= 3, "{probes}");
    stage.wait_ms(30_000);
    stage.upstreams([("a", good("a", 10)), ("b", good("b", 10))]);
    let task = stage.start(1, false);
    assert_eq!(stage.sim.executor().block_on(task).channel, "a");
}

#[test]
fn a_probe_that_is_lost_with_its_instance_holds_others_off_for_its_lease_only() {
    let stage = a_cools(2, None);
    stage.wait_ms(6_000);
    stage.upstreams([("a", SimReply::silence()), ("b", good("b", 10))]);
    // This instance is never asked again, so nothing of it reaches the store any more.
    stage.leave_after(0, 500);
    stage.upstreams([("a", good("a", 10)), ("b", good("b", 10))]);
    let ask = || {
        let task = stage.start(1, false);
        stage.sim.executor().block_on(task).channel
    };
    stage.wait_ms(2_000);
    assert_eq!(ask(), "b");
    // The lease is as long as connection and first byte may take: 22 s, and up to a second for chance.
    stage.wait_ms(22_000);
    assert_eq!(ask(), "a");
}

#[test]
fn a_store_that_hangs_holds_no_probe_up_for_long() {
    for fault in [Fault::Hangs, Fault::Fails, Fault::Slow(60_000)] {
        let stage = a_cools(1, None);
        stage.wait_ms(6_000);
        // The configuration is fresh, then writing breaks.
        stage.upstreams([("a", good("a", 10)), ("b", good("b", 10))]);
        stage.sim.store().set_write_fault(fault);
        let answer = stage.ask(false);
        assert_eq!((answer.status, &*answer.channel), (200, "a"), "{fault:?}");
        assert!(answer.after_ms < 1_000, "{fault:?}: {}", answer.after_ms);
    }
}

#[test]
fn what_a_store_missed_is_written_when_it_works_again() {
    let stage = stage(2, vec![channel("a", 1, None), channel("b", 1, None)]);
    stage.upstreams([("a", failure(401, 10)), ("b", good("b", 10))]);
    stage.sim.store().set_write_fault(Fault::Fails);
    assert_eq!(stage.ask(false).attempts, "2");
    stage.wait_ms(3_000);
    stage.sim.store().set_write_fault(Fault::None);
    // The instance uses its own state, and writes it at its next check.
    assert_eq!(stage.ask(false).attempts, "1");
    stage.wait_ms(3_000);
    let task = stage.start(1, false);
    assert_eq!(stage.sim.executor().block_on(task).attempts, "1");
    assert_eq!(calls_of_a(&stage), 1);
}
