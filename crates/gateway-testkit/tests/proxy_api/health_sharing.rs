//! Health between requests and instances that work at the same time: failures of other instances are seen before the next
//! call, an older read does not undo a newer write, and no probe goes to what has just failed.

use std::cell::Cell;
use std::future::Future as _;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use gateway_core::health::cooldown::{CooldownReason, FailureSample, Phase};
use gateway_core::health::record::{HealthEvent, Target};
use gateway_core::health::service::HealthService;
use gateway_core::ports::{Clock as _, StoreKey};
use gateway_core::upstream::failure::Failure;
use gateway_testkit::fakes::{FakePorts, FakeReply, block_on};

use super::setup::*;

const OK: &str = r#"{"choices":[{"finish_reason":"stop"}]}"#;
const CHAT: &str = r#"{"model":"m"}"#;
/// The longest that a probe may take, in milliseconds.
const PROBE_MS: u64 = 3_000;

/// Channel `a` before channel `b`, after a first request: the configuration is not read again for two seconds.
fn warm_pair() -> Stage {
    let mut second = channel("b", 1);
    second.priority = 1;
    let stage = Stage::new(vec![channel("a", 1), second]);
    stage.upstream(|_| FakeReply::json(200, OK));
    chat(&stage);
    stage
}

/// From now on `a` rejects its key, and `b` works.
fn a_rejects(stage: &Stage) {
    stage.upstream(|call| {
        let status = if host(call) == "a" { 401 } else { 200 };
        FakeReply::json(status, if status == 200 { OK } else { "" })
    });
}

fn chat(stage: &Stage) {
    assert_eq!(stage.chat(CHAT).status, 200);
    stage.ports.run_background();
}

#[test]
fn a_request_sees_what_another_instance_has_just_recorded() {
    let stage = warm_pair();
    let other = stage.another_instance();
    chat(&other);
    a_rejects(&stage);
    chat(&stage);
    // Much sooner than the next read of the configuration.
    stage.ports.advance_ms(25);
    let before = stage.calls().len();
    chat(&other);
    assert_eq!(stage.calls()[before..], ["b-1"]);
}

#[test]
fn an_instance_reads_the_record_at_most_once_in_25_ms() {
    let stage = warm_pair();
    stage.ports.advance_ms(25);
    let before = stage.ports.store().reads();
    for _ in 0..10 {
        chat(&stage);
    }
    assert_eq!(stage.ports.store().reads(), before + 1);
    stage.ports.advance_ms(24);
    chat(&stage);
    assert_eq!(stage.ports.store().reads(), before + 1);
    stage.ports.advance_ms(1);
    chat(&stage);
    assert_eq!(stage.ports.store().reads(), before + 2);
}

/// Three such channels on a host whose store is far away.
fn far_channels() -> Stage {
    let (mut second, mut third) = (channel("b", 1), channel("c", 1));
    second.priority = 1;
    third.priority = 2;
    let mut stage = Stage::new(vec![channel("a", 1), second, third]);
    stage.ports.use_far_store();
    stage = stage.another_instance();
    stage.upstream(|_| FakeReply::json(200, OK));
    chat(&stage);
    stage
}

#[test]
fn no_request_waits_for_a_far_store_while_all_is_well() {
    let stage = far_channels();
    let before = stage.ports.store().reads();
    for _ in 0..10 {
        stage.ports.advance_ms(90);
        chat(&stage);
    }
    assert_eq!(stage.ports.store().reads(), before, "within a second");
    stage.ports.advance_ms(100);
    // Another instance's failure is not known yet: it is asked for beside this request.
    assert_eq!(stage.chat(CHAT).status, 200);
    assert_eq!(stage.ports.store().reads(), before);
    stage.ports.run_background();
    assert_eq!(stage.ports.store().reads(), before + 1);
    // A second later, and the one who asks was ended by its host.
    stage.ports.advance_ms(1_000);
    assert_eq!(stage.chat(CHAT).status, 200);
    stage.ports.abort_background(0);
    assert_eq!(stage.chat(CHAT).status, 200);
    stage.ports.run_background();
    // The configuration is due at the same time.
    assert_eq!(stage.ports.store().reads(), before + 3);
}

#[test]
fn a_failure_is_read_and_written_at_once_in_a_far_store() {
    let stage = far_channels();
    let other = stage.another_instance();
    chat(&other);
    // `a` and `b` fail for one instance, which writes it beside its request.
    stage.upstream(|call| {
        let status = if host(call) == "c" { 200 } else { 401 };
        FakeReply::json(status, if status == 200 { OK } else { "" })
    });
    chat(&stage);
    assert!(stage.ports.store().get(StoreKey::Health).is_some());
    // The other one believes that all is well, until `a` fails for it as well: `b` is not called.
    stage.ports.advance_ms(100);
    let before = stage.calls().len();
    assert_eq!(other.chat(CHAT).status, 200);
    assert_eq!(stage.calls()[before..], ["a-1", "c-1"]);
    stage.ports.run_background();
    // From now on a request waits for the store, once a second.
    let reads = stage.ports.store().reads();
    stage.ports.advance_ms(999);
    let _ = other.chat(CHAT);
    assert_eq!(stage.ports.store().reads(), reads);
    stage.ports.advance_ms(1);
    let _ = other.chat(CHAT);
    assert_eq!(stage.ports.store().reads(), reads + 1);
}

#[test]
fn a_far_store_that_fails_is_left_alone_for_a_while_even_after_a_failure() {
    let stage = far_channels();
    stage.ports.advance_ms(1_000);
    stage.ports.store().break_reads(true);
    chat(&stage);
    a_rejects(&stage);
    let before = stage.calls().len();
    let reads = stage.ports.store().reads();
    assert_eq!(stage.chat(CHAT).status, 200);
    assert_eq!(stage.calls()[before..], ["a-1", "b-1"]);
    assert_eq!(
        stage.ports.store().reads(),
        reads,
        "no request waited for it"
    );
}

#[test]
fn an_older_read_does_not_undo_a_newer_write() {
    let stage = warm_pair();
    a_rejects(&stage);
    stage.ports.advance_ms(25);
    let before = stage.calls().len();
    // Between this request's read, which finds nothing, and its use of it, another request of the instance fails and
    // writes that.
    let beside = Stage {
        ports: stage.ports.clone(),
        gateway: Rc::clone(&stage.gateway),
    };
    let has_run = Rc::new(Cell::new(false));
    let flag = Rc::clone(&has_run);
    let store = stage.ports.store();
    store.after_read(StoreKey::Health, move |store| {
        chat(&beside);
        assert!(store.get(StoreKey::Health).is_some(), "it is written");
        flag.set(true);
    });
    chat(&stage);
    assert!(has_run.get());
    assert_eq!(stage.calls()[before..], ["a-1", "b-1", "b-1"]);
}

/// What calls of this key and the model `m` are.
fn target(key: &str) -> Target {
    Target {
        channel: "ch_a".to_owned(),
        key: key.to_owned(),
        model: "m".to_owned(),
    }
}

/// A 429 now, for this key, with a `Retry-After`.
fn throttled(ports: &FakePorts, key: &str, wait_ms: u64) -> HealthEvent {
    HealthEvent::Failed {
        target: target(key),
        failure: Failure::Throttled,
        sample: FailureSample {
            reason: CooldownReason::Throttled,
            began: ports.now(),
            at: ports.now(),
            wait_ms: Some(wait_ms),
            status: Some(429),
            message: String::new(),
        },
    }
}

/// A service of which the keys `one` and `two` have failed, at the time when their cooldowns end.
fn half_open() -> (FakePorts, Rc<HealthService<FakePorts>>) {
    let ports = FakePorts::default();
    let service = HealthService::new(ports.clone());
    service.record(throttled(&ports, "one", 1_000));
    service.record(throttled(&ports, "two", 1_000));
    ports.run_background();
    ports.advance_ms(1_000);
    assert_eq!(phase(&ports, &service, "one"), Phase::HalfOpen);
    (ports, service)
}

fn phase(ports: &FakePorts, service: &HealthService<FakePorts>, key: &str) -> Phase {
    service.phase("ch_a", key, || "m", ports.now())
}

/// Whether the key `one` may be probed, when `event` becomes known while the claim is being written.
fn may_probe(
    ports: &FakePorts,
    service: &Rc<HealthService<FakePorts>>,
    event: Option<HealthEvent>,
) -> bool {
    may_probe_for(PROBE_MS, ports, service, event)
}

/// The same for a probe whose answer may take `probe_ms`.
fn may_probe_for(
    probe_ms: u64,
    ports: &FakePorts,
    service: &Rc<HealthService<FakePorts>>,
    event: Option<HealthEvent>,
) -> bool {
    let (reads, writes) = (ports.store().reads(), ports.store().writes());
    let timeout = Duration::from_millis(probe_ms);
    let mut probing = pin!(service.probe(target("one"), timeout, ports.now()));
    while ports.store().reads() == reads {
        let polled = probing
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "the claim reads and writes first");
    }
    assert_eq!(ports.store().writes(), writes, "read, but not yet written");
    if let Some(event) = event {
        service.record(event);
    }
    let probe = block_on(probing);
    assert_eq!(ports.store().writes(), writes + 1, "the claim is written");
    probe.is_some()
}

#[test]
fn no_probe_goes_out_when_another_attempt_has_just_started_a_cooldown() {
    // Shorter than the probe's lease, as long, and longer.
    for wait_ms in [PROBE_MS - 1, PROBE_MS, PROBE_MS + 1] {
        let (ports, service) = half_open();
        let event = throttled(&ports, "one", wait_ms);
        assert!(!may_probe(&ports, &service, Some(event)), "{wait_ms}");
        let Phase::Cooling {
            has_retry_after: true,
            until,
        } = phase(&ports, &service, "one")
        else {
            panic!("{wait_ms}: the cooldown is not known");
        };
        assert_eq!(until, ports.now().plus_ms(wait_ms));
        // The claim that was not used does not prevent the next one.
        ports.run_background();
        ports.advance_ms(wait_ms);
        assert!(may_probe(&ports, &service, None), "{wait_ms}");
    }
}

#[test]
fn a_probe_goes_out_although_another_key_has_just_failed() {
    let (ports, service) = half_open();
    assert!(may_probe(&ports, &service, None));
    let (ports, service) = half_open();
    let event = throttled(&ports, "two", 60_000);
    assert!(may_probe(&ports, &service, Some(event)));
}

#[test]
fn no_probe_goes_out_when_the_channel_has_just_failed() {
    // The probe's lease is shorter than the channel's cooldown, as long, and longer.
    let cooldown_ms = CooldownReason::Unreachable.first_ms();
    for probe_ms in [cooldown_ms - 1, cooldown_ms, cooldown_ms + 1] {
        let (ports, service) = half_open();
        let failed = HealthEvent::Failed {
            target: target("two"),
            failure: Failure::Unreachable(gateway_core::ports::SendErrorKind::Connect),
            sample: FailureSample {
                reason: CooldownReason::Unreachable,
                began: ports.now(),
                at: ports.now(),
                wait_ms: None,
                status: None,
                message: String::new(),
            },
        };
        assert!(
            !may_probe_for(probe_ms, &ports, &service, Some(failed)),
            "{probe_ms}"
        );
        // The claim that was not used does not prevent the next one.
        ports.run_background();
        ports.advance_ms(cooldown_ms);
        assert!(may_probe(&ports, &service, None), "{probe_ms}");
    }
}
