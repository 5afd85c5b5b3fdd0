//! Each rule, broken by a hand-made record: what cannot fail proves nothing.

use std::collections::BTreeMap;

use gateway_testkit::sim::CallEnd;

use super::{Rule, check};
use crate::history::{Answer, Body, Call, End, History, Meant, Request, Scope, Trouble, Wait};
use crate::timeline::{Episode, Timeline};
use crate::world::{Candidate, Channel, ChannelFault, MINUTE_MS, SECOND_MS, TOTAL_MS, World};

const FIRST: Candidate = Candidate { channel: 0, key: 0 };
const SECOND: Candidate = Candidate { channel: 1, key: 0 };
/// Long after everything began.
const LATER: u64 = 60 * MINUTE_MS;

/// Two channels of different priority, with one key each, two instances, and no trouble.
fn world() -> World {
    let channel = |priority| Channel {
        priority,
        weight: 1,
        hedge_after_ms: None,
        is_keyless: false,
        trouble: Timeline::new(Vec::new()),
        keys: vec![Timeline::new(Vec::new())],
        models: BTreeMap::from([(0, Timeline::new(Vec::new()))]),
    };
    World {
        seed: 0,
        channels: vec![channel(0), channel(1)],
        models: 1,
        instances: 2,
        has_affinity: false,
        mean_gap_ms: 1,
        store: Timeline::new(Vec::new()),
    }
}

/// The first channel always refuses connections.
fn half_dead_world() -> World {
    let mut world = world();
    world.channels[0].trouble = Timeline::new(vec![Episode {
        from: 0,
        to: u64::MAX,
        fault: ChannelFault::Refuses,
    }]);
    world
}

fn refused() -> Meant {
    trouble(Scope::Channel, None)
}

fn throttled(wait_ms: u64) -> Meant {
    trouble(Scope::Key, Some(Wait::For(wait_ms)))
}

fn trouble(scope: Scope, wait: Option<Wait>) -> Meant {
    Meant::Trouble(Trouble {
        scope,
        first_ms: 5 * SECOND_MS,
        cap_ms: MINUTE_MS,
        is_certain: true,
        begins_well: false,
        wait,
        refuses_until: 0,
    })
}

/// A record that grows; each call takes a tenth of a second, one after the other.
#[derive(Default)]
struct Record(History);

impl Record {
    /// A request with its calls; the last one decides about its answer.
    fn request(mut self, instance: usize, arrived: u64, calls: &[(Candidate, Meant)]) -> Self {
        let request = self.0.requests.len();
        let mut now = arrived;
        for (who, meant) in calls {
            self.0.calls.push(Call {
                request,
                instance,
                who: *who,
                model: 0,
                began: now,
                answered: Some(now + 50),
                ended: now + 100,
                end: CallEnd::Whole,
                meant: *meant,
            });
            now += 100;
        }
        let is_good = calls.last().is_some_and(|(_, meant)| *meant == Meant::Good);
        self.0.requests.push(Request {
            instance,
            arrived,
            model: 0,
            is_stream: false,
            is_invalid: false,
            end: End::Answered(Answer {
                at: now,
                over: now,
                status: if is_good { 200 } else { 502 },
                code: String::new(),
                retry_after_s: None,
                attempts: Some(calls.len()),
                body: Body::Whole,
            }),
        });
        self.0.calls.sort_by_key(|call| call.began);
        self
    }

    /// Changes the last request's answer.
    fn answered(mut self, change: impl FnOnce(&mut Answer)) -> Self {
        if let Some(End::Answered(answer)) = self.0.requests.last_mut().map(|last| &mut last.end) {
            change(answer);
        }
        self
    }

    fn changed(mut self, change: impl FnOnce(&mut History)) -> Self {
        change(&mut self.0);
        self
    }

    fn verdict(self, world: &World) -> Result<(), Rule> {
        match check(world, &self.0.index()) {
            Ok(_) => Ok(()),
            Err(violation) => Err(violation.rule),
        }
    }
}

fn good(instance: usize, at: u64, who: Candidate) -> Record {
    Record::default().request(instance, at, &[(who, Meant::Good)])
}

#[test]
fn a_day_without_trouble_breaks_nothing() {
    let record = (0..100).fold(Record::default(), |record, number| {
        record.request(
            number % 2,
            LATER + number as u64 * 50,
            &[(FIRST, Meant::Good)],
        )
    });
    assert_eq!(record.verdict(&world()), Ok(()));
}

#[test]
fn a_request_that_failed_needlessly() {
    let failed = || Record::default().request(0, LATER, &[(FIRST, refused())]);
    assert_eq!(
        failed().verdict(&half_dead_world()),
        Err(Rule::FailedNeedlessly)
    );
    let mut dead = half_dead_world();
    dead.channels[1].trouble = dead.channels[0].trouble.clone();
    assert_eq!(failed().verdict(&dead), Ok(()));
    // Trouble at the end of the request is excuse enough.
    let mut dying = half_dead_world();
    dying.channels[1].trouble = Timeline::new(vec![Episode {
        from: LATER + 100,
        to: LATER + 200,
        fault: ChannelFault::Resets,
    }]);
    assert_eq!(failed().verdict(&dying), Ok(()));
}

#[test]
fn an_answer_that_was_cut_or_comes_too_late() {
    let cut = good(0, LATER, FIRST).answered(|answer| answer.body = Body::Incomplete);
    assert_eq!(cut.verdict(&world()), Err(Rule::CutShort));
    let late = good(0, LATER, FIRST).answered(|answer| answer.at += TOTAL_MS + MINUTE_MS);
    assert_eq!(late.verdict(&world()), Err(Rule::TooSlow));
    let endless = good(0, LATER, FIRST).changed(|history| history.requests[0].end = End::Unknown);
    assert_eq!(endless.verdict(&world()), Err(Rule::TooSlow));
}

#[test]
fn a_client_that_gets_wrong_headers() {
    let attempts = good(0, LATER, FIRST).answered(|answer| answer.attempts = Some(2));
    assert_eq!(attempts.verdict(&world()), Err(Rule::ToldWrong));
    let wait = |told_s: Option<u64>| {
        let both = [(FIRST, throttled(9_000)), (SECOND, throttled(9_000))];
        let record = Record::default().request(0, LATER, &both);
        record.answered(|answer| {
            answer.status = 429;
            answer.retry_after_s = told_s;
        })
    };
    assert_eq!(wait(None).verdict(&world()), Err(Rule::ToldWrong));
    assert_eq!(wait(Some(60)).verdict(&world()), Err(Rule::ToldWrong));
    assert_eq!(wait(Some(9)).verdict(&world()), Ok(()));
}

#[test]
fn a_candidate_that_is_tried_twice() {
    let calls = [
        (FIRST, refused()),
        (FIRST, refused()),
        (SECOND, Meant::Good),
    ];
    let record = Record::default().request(0, LATER, &calls);
    assert_eq!(record.verdict(&half_dead_world()), Err(Rule::TriedTwice));
}

#[test]
fn a_call_that_is_not_needed() {
    let open = good(0, LATER, FIRST).changed(|history| history.left_open = 1);
    assert_eq!(open.verdict(&world()), Err(Rule::LeftOpen));
    let left = good(0, LATER, FIRST).changed(|history| {
        history.requests[0].end = End::Left { at: LATER + 60 };
    });
    assert_eq!(left.verdict(&world()), Err(Rule::LeftOpen));
}

#[test]
fn a_key_that_is_called_inside_its_retry_after() {
    let learned = || {
        let calls = [(FIRST, throttled(60_000)), (SECOND, Meant::Good)];
        Record::default().request(0, LATER, &calls)
    };
    let again = |instance, after_ms| {
        let calls = [(FIRST, throttled(30_000)), (SECOND, Meant::Good)];
        learned()
            .request(instance, LATER + after_ms, &calls)
            .verdict(&world())
    };
    let broken = Err(Rule::CalledInsideRetryAfter);
    assert_eq!(again(0, 1_000), broken, "the same instance knows at once");
    assert_eq!(again(1, 2_000), Ok(()), "another one may not know yet");
    assert_eq!(again(1, 10_000), broken, "but then it does");
    assert_eq!(again(0, 61_000), Ok(()), "the wait is over");
    let last_resort = learned().request(
        0,
        LATER + 1_000,
        &[(SECOND, throttled(90_000)), (FIRST, throttled(30_000))],
    );
    let last_resort = last_resort.answered(|answer| {
        answer.status = 429;
        answer.retry_after_s = Some(20);
    });
    assert_eq!(last_resort.verdict(&world()), Ok(()));
}

#[test]
fn a_channel_that_is_called_while_it_cools() {
    let record = |after_ms| {
        let calls = [(FIRST, refused()), (SECOND, Meant::Good)];
        let record = good(0, LATER - 30_000, SECOND).request(0, LATER, &calls);
        record
            .request(0, LATER + after_ms, &calls)
            .verdict(&half_dead_world())
    };
    assert_eq!(record(3_000), Err(Rule::CalledWhileCooling));
    assert_eq!(record(6_000), Ok(()), "a probe");
}

#[test]
fn two_probes_at_once() {
    let record = |apart_ms| {
        let calls = [(FIRST, refused()), (SECOND, Meant::Good)];
        let record = good(0, LATER - 30_000, SECOND)
            .request(0, LATER, &calls)
            .request(0, LATER + 10_000, &calls)
            .request(1, LATER + 10_000 + apart_ms, &calls);
        record.verdict(&half_dead_world())
    };
    assert_eq!(record(50), Err(Rule::TwoProbes));
    assert_eq!(record(30_000), Ok(()));
}

#[test]
fn a_candidate_that_has_recovered_and_is_not_used_again() {
    let mut recovered = world();
    recovered.channels[0].trouble = Timeline::new(vec![Episode {
        from: 0,
        to: LATER,
        fault: ChannelFault::Refuses,
    }]);
    let record = |at| good(0, at, SECOND).verdict(&recovered);
    assert_eq!(record(LATER + 30_000), Ok(()), "it may still cool");
    assert_eq!(record(LATER + 5 * MINUTE_MS), Err(Rule::NotUsedAgain));
}

#[test]
fn a_candidate_that_is_skipped_for_ever() {
    let passed_over = |times, world: &World, first: Candidate| {
        let record = (0..times).fold(Record::default(), |record, number| {
            record.request(0, LATER + number * 1_000, &[(first, Meant::Good)])
        });
        record.verdict(world)
    };
    let mut two_keys = world();
    two_keys.channels[0].keys.push(Timeline::new(Vec::new()));
    assert_eq!(passed_over(50, &two_keys, FIRST), Ok(()));
    assert_eq!(passed_over(200, &two_keys, FIRST), Err(Rule::NotUsedAgain));
    let mut peers = world();
    peers.channels[1].priority = 0;
    assert_eq!(passed_over(400, &peers, FIRST), Ok(()));
    assert_eq!(passed_over(600, &peers, FIRST), Err(Rule::NotUsedAgain));
}

#[test]
fn writes_without_a_reason_and_too_many_of_them() {
    let write = |at| good(0, LATER, FIRST).changed(|history| history.health_writes = vec![at]);
    assert_eq!(
        write(LATER + 10).verdict(&world()),
        Err(Rule::WrittenForNothing)
    );
    let calls = [(FIRST, refused()), (SECOND, Meant::Good)];
    let learned = |count: usize| {
        Record::default()
            .request(0, LATER, &calls)
            .changed(|history| history.health_writes = vec![LATER + 110; count])
            .verdict(&half_dead_world())
    };
    assert_eq!(learned(1), Ok(()));
    assert_eq!(learned(9), Err(Rule::WrittenForNothing));
    let other = good(0, LATER, FIRST).changed(|history| history.other_writes = 1);
    assert_eq!(other.verdict(&world()), Err(Rule::WrittenForNothing));
}
