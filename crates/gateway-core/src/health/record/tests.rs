//! What each outcome means, how it is shared, and that the document stays small.

use super::*;
use crate::error::ErrorBody;
use crate::ports::SendErrorKind;
use proptest::prelude::*;

const T: u64 = 1_000_000;

fn target(channel: &str, key: &str, model: &str) -> Target {
    Target {
        channel: channel.to_owned(),
        key: key.to_owned(),
        model: model.to_owned(),
    }
}

fn failed(target: Target, failure: Failure, at: u64, wait_ms: Option<u64>) -> HealthEvent {
    let attempt = FailedAttempt {
        channel: String::new(),
        key: String::new(),
        failure,
        status: None,
        error: Box::new(ErrorBody {
            message: "x".repeat(1_000),
            kind: String::new(),
            param: None,
            code: None,
        }),
        retry_after_ms: wait_ms,
        headers: Box::default(),
    };
    HealthEvent::failed(target, &attempt, Timestamp(at - 5), Timestamp(at))
}

fn phase(health: &Health, (channel, key, model): (&str, &str, &str), at: u64) -> Phase {
    health.phase(channel, key, model, Timestamp(at))
}

fn cools(health: &Health, of: (&str, &str, &str), at: u64) -> bool {
    matches!(phase(health, of, at), Phase::Cooling { .. })
}

#[test]
fn each_failure_concerns_its_own_subject() {
    let unreachable = Failure::Unreachable(SendErrorKind::Connect);
    // For each failure: does it stop the same channel's other key, and its other model?
    let rows = [
        (unreachable, true, true),
        (Failure::Throttled, false, true),
        (Failure::KeyRefused, false, true),
        (Failure::ModelUnknown, true, false),
    ];
    for (failure, other_key, other_model) in rows {
        let mut health = Health::default();
        assert!(health.apply(&failed(target("c", "k", "m"), failure, T, None)));
        assert!(cools(&health, ("c", "k", "m"), T), "{failure:?}");
        assert_eq!(cools(&health, ("c", "l", "m"), T), other_key, "{failure:?}");
        assert_eq!(
            cools(&health, ("c", "k", "n"), T),
            other_model,
            "{failure:?}"
        );
        assert!(!cools(&health, ("d", "k", "m"), T), "{failure:?}");
    }
    let mut health = Health::default();
    assert!(!health.apply(&failed(
        target("c", "k", "m"),
        Failure::RequestRefused,
        T,
        None
    )));
    assert!(health.is_empty());
}

#[test]
fn an_answer_cures_channel_key_and_model_at_once() {
    let mut health = Health::default();
    for failure in [
        Failure::Unreachable(SendErrorKind::Reset),
        Failure::Throttled,
        Failure::ModelUnknown,
    ] {
        health.apply(&failed(target("c", "k", "m"), failure, T, None));
    }
    let answered = |began| HealthEvent::Answered {
        target: target("c", "k", "m"),
        began: Timestamp(began),
        whole: false,
    };
    assert!(
        !health.apply(&answered(T - 1)),
        "it began before the failures"
    );
    assert!(health.apply(&answered(T + 1)));
    assert!(health.is_empty());
}

#[test]
fn a_refused_key_shows_that_the_channel_is_there() {
    let mut health = Health::default();
    health.apply(&failed(
        target("c", "k", "m"),
        Failure::Unreachable(SendErrorKind::Dns),
        T,
        None,
    ));
    health.apply(&failed(
        target("c", "l", "m"),
        Failure::Throttled,
        T + 10,
        None,
    ));
    assert!(!cools(&health, ("c", "k", "m"), T + 10));
    assert!(cools(&health, ("c", "l", "m"), T + 10));
}

#[test]
fn the_latest_end_counts_and_a_stated_wait_stays_one() {
    let mut health = Health::default();
    let of = ("c", "k", "m");
    health.apply(&failed(
        target("c", "k", "m"),
        Failure::Throttled,
        T,
        Some(2_000),
    ));
    health.apply(&failed(
        target("c", "k", "m"),
        Failure::Unreachable(SendErrorKind::Reset),
        T,
        None,
    ));
    let both = Phase::Cooling {
        until: Timestamp(T + 5_000),
        has_retry_after: true,
    };
    assert_eq!(phase(&health, of, T), both);
    assert_eq!(phase(&health, of, T + 5_000), Phase::HalfOpen);
}

#[test]
fn one_probe_at_a_time_and_it_can_be_given_back() {
    let mut health = Health::default();
    let me = target("c", "k", "m");
    health.apply(&failed(me.clone(), Failure::Throttled, T, Some(1_000)));
    let now = T + 1_000;
    let probing = |holder| HealthEvent::Probing {
        target: me.clone(),
        at: Timestamp(now),
        until: Timestamp(now + 300),
        holder,
    };
    assert!(health.apply(&probing(3)));
    assert!(cools(&health, ("c", "k", "m"), now));
    assert!(!health.apply(&probing(4)), "taken");
    let released = |holder| HealthEvent::Released {
        target: me.clone(),
        holder,
    };
    assert!(!health.apply(&released(4)), "another's lease");
    assert!(health.apply(&released(3)));
    assert_eq!(phase(&health, ("c", "k", "m"), now), Phase::HalfOpen);
}

#[test]
fn clients_cannot_fill_it_with_models() {
    let mut health = Health::default();
    for number in 0..1_000 {
        let model = format!("model-{number}");
        health.apply(&failed(
            target("c", "k", &model),
            Failure::ModelUnknown,
            T + number,
            None,
        ));
    }
    let long = "x".repeat(10_000);
    health.apply(&failed(
        target("c", "k", &long),
        Failure::ModelUnknown,
        T,
        None,
    ));
    assert_eq!(
        health.channel("c").map(|known| known.models.len()),
        Some(MAX_MODELS)
    );
    assert!(
        cools(&health, ("c", "k", "model-0"), T + 999),
        "made-up names push nothing out"
    );
    let bytes = serde_json::to_vec(&health).unwrap();
    assert!(bytes.len() < 100_000, "{}", bytes.len());
}

#[test]
fn what_is_old_is_forgotten_and_a_channel_on_demand() {
    let mut health = Health::default();
    health.apply(&failed(target("c", "k", "m"), Failure::Throttled, T, None));
    health.apply(&failed(target("d", "k", "m"), Failure::Throttled, T, None));
    health.forget(Timestamp(T + 5_000));
    assert!(health.channel("c").is_some());
    assert!(health.apply(&HealthEvent::Forgotten {
        channel: "c".to_owned()
    }));
    assert!(health.channel("c").is_none());
    health.forget(Timestamp(T + 5_001 + CooldownReason::Throttled.cap_ms()));
    assert!(health.is_empty());
}

fn any_event() -> impl Strategy<Value = HealthEvent> {
    let failure = prop_oneof![
        Just(Failure::Unreachable(SendErrorKind::Timeout)),
        Just(Failure::ServerError),
        Just(Failure::Throttled),
        Just(Failure::KeyRefused),
        Just(Failure::ModelUnknown),
        Just(Failure::OperationUnsupported),
        Just(Failure::RequestRefused),
    ];
    let target = (0..2_u8, 0..2_u8, 0..2_u8).prop_map(|(channel, key, model)| {
        target(
            &format!("c{channel}"),
            &format!("k{key}"),
            &format!("m{model}"),
        )
    });
    (
        target,
        failure,
        0..4_u8,
        0..200_000_u64,
        proptest::option::of(0..90_000_u64),
    )
        .prop_map(|(target, failure, kind, offset, wait_ms)| {
            let at = Timestamp(T + offset);
            match kind {
                0 => HealthEvent::Answered {
                    target,
                    began: at,
                    whole: true,
                },
                1 => HealthEvent::Probing {
                    target,
                    at,
                    until: at.plus_ms(30_000),
                    holder: offset,
                },
                _ => failed(target, failure, at.0, wait_ms),
            }
        })
}

proptest! {
    #[test]
    fn an_event_that_is_applied_twice_changes_nothing_more(events in proptest::collection::vec(any_event(), 0..40)) {
        let mut health = Health::default();
        for event in &events {
            health.apply(event);
            let before = health.clone();
            prop_assert!(!health.apply(event), "{event:?}");
            prop_assert_eq!(&health, &before);
        }
    }

    #[test]
    fn a_stated_wait_is_never_shortened_by_failures(events in proptest::collection::vec(any_event(), 0..40), wait_ms in 1..86_400_000_u64) {
        let mut health = Health::default();
        health.apply(&failed(target("c0", "k0", "m0"), Failure::Throttled, T, Some(wait_ms)));
        let earlier = |event: &&HealthEvent| matches!(event, HealthEvent::Failed { sample, .. } if sample.at.0 <= T + wait_ms);
        for event in events.iter().filter(earlier) {
            health.apply(event);
        }
        let is_cooling = cools(&health, ("c0", "k0", "m0"), T + wait_ms - 1);
        // Another reading of the key by a later answer of the same channel is a failure too, never a cure of the key;
        // only an unknown model shows that a key is accepted.
        let key_was_accepted = events.iter().any(|event| matches!(event, HealthEvent::Failed { target, failure: Failure::ModelUnknown, .. } if target.key == "k0" && target.channel == "c0"));
        prop_assert!(is_cooling || key_was_accepted);
    }

    #[test]
    fn the_document_is_read_as_it_was_written(events in proptest::collection::vec(any_event(), 0..40)) {
        let mut health = Health::default();
        for event in &events {
            health.apply(event);
        }
        let bytes = serde_json::to_vec(&health).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Health>(&bytes).unwrap(), health);
    }
}

#[test]
fn an_answer_of_any_kind_ends_what_it_shows_to_work() {
    let refusals = [
        Failure::Throttled,
        Failure::KeyRefused,
        Failure::OperationUnsupported,
        Failure::ModelUnknown,
        Failure::RequestRefused,
    ];
    for refusal in refusals {
        let mut health = Health::default();
        // A server error that is only counted, which an answer ends only when it is seen whole.
        health.apply(&failed(
            target("c", "k", "m"),
            Failure::ServerError,
            T,
            None,
        ));
        let later = failed(target("c", "k", "m"), refusal, T + 100, None);
        assert!(health.apply(&later), "{refusal:?}");
        let channel = health.channel("c").and_then(|known| known.channel.clone());
        assert_eq!(channel, None, "{refusal:?}");
    }
    let mut health = Health::default();
    health.apply(&failed(target("c", "k", "m"), Failure::Throttled, T, None));
    let unknown = failed(target("c", "k", "n"), Failure::ModelUnknown, T + 100, None);
    assert!(health.apply(&unknown));
    let known = health.channel("c").unwrap();
    assert!(known.keys.is_empty(), "the key works");
    assert!(known.models.contains_key("n"), "the model is unknown");
}

#[test]
fn a_refused_request_says_that_the_target_works() {
    let refused = failed(target("c", "k", "m"), Failure::RequestRefused, T, None);
    assert_eq!(
        refused,
        HealthEvent::Answered {
            target: target("c", "k", "m"),
            began: Timestamp(T - 5),
            whole: true,
        }
    );
}

#[test]
fn a_failure_cures_only_what_it_shows_to_work() {
    // For each failure: does it end the cooldown of the same key, and of the same model?
    let rows = [
        (Failure::Throttled, false, false),
        (Failure::OperationUnsupported, false, false),
        (Failure::ModelUnknown, true, false),
        (Failure::RequestRefused, true, true),
    ];
    for (failure, cures_key, cures_model) in rows {
        let mut health = Health::default();
        for known in [Failure::KeyRefused, Failure::ModelUnknown] {
            health.apply(&failed(target("c", "k", "m"), known, T, None));
        }
        // The unknown model ends no cooldown of the key: its attempt began before that.
        assert!(health.channel("c").unwrap().keys.contains_key("k"));
        // Passed on directly, since the event of a refused request is another one.
        let sample = FailureSample {
            reason: CooldownReason::ModelUnknown,
            began: Timestamp(T + 100),
            at: Timestamp(T + 105),
            wait_ms: None,
            status: None,
            message: String::new(),
        };
        let other = if failure == Failure::Throttled {
            target("c", "other", "m")
        } else {
            target("c", "k", "m")
        };
        let event = HealthEvent::Failed {
            target: other,
            failure,
            sample,
        };
        health.apply(&event);
        let known = health.channel("c");
        let has_key = known.is_some_and(|known| known.keys.contains_key("k"));
        let has_model = known.is_some_and(|known| known.models.contains_key("m"));
        assert_eq!(has_key, !cures_key, "{failure:?}");
        assert_eq!(has_model, !cures_model, "{failure:?}");
    }
}

#[test]
fn a_failure_of_a_model_is_a_change_also_when_it_cures_nothing() {
    for failure in [Failure::ModelUnknown, Failure::OperationUnsupported] {
        let mut health = Health::default();
        let event = failed(target("c", "k", "m"), failure, T, None);
        assert!(health.apply(&event), "{failure:?}");
        assert!(!health.is_empty());
        assert!(health.channel("c").unwrap().models.contains_key("m"));
    }
}

#[test]
fn a_model_with_a_long_name_is_not_remembered() {
    for (bytes, is_remembered) in [(256, true), (257, false), (300, false)] {
        let mut health = Health::default();
        let model = "x".repeat(bytes);
        let event = failed(target("c", "k", &model), Failure::ModelUnknown, T, None);
        assert_eq!(health.apply(&event), is_remembered, "{bytes}");
        assert_eq!(health.is_empty(), !is_remembered, "{bytes}");
    }
    let mut health = Health::default();
    for number in 0..MAX_MODELS {
        let model = format!("model-{number}");
        assert!(health.apply(&failed(
            target("c", "k", &model),
            Failure::ModelUnknown,
            T,
            None
        )));
    }
    let one_more = failed(target("c", "k", "one-more"), Failure::ModelUnknown, T, None);
    assert!(!health.apply(&one_more), "all others cool");
}

#[test]
fn cooldowns_of_models_end_on_their_own_too() {
    let mut health = Health::default();
    let event = failed(target("c", "k", "m"), Failure::ModelUnknown, T, None);
    health.apply(&event);
    health.forget(Timestamp(T + 15_000));
    assert!(cools(&health, ("c", "k", "m"), T));
    health.forget(Timestamp(
        T + 15_001 + CooldownReason::ModelUnknown.cap_ms(),
    ));
    assert!(health.is_empty());
}

#[test]
fn a_probe_holds_all_that_is_half_open_and_belongs_to_one_request() {
    let mut health = Health::default();
    let me = target("c", "k", "m");
    for failure in [
        Failure::Unreachable(SendErrorKind::Reset),
        Failure::KeyRefused,
    ] {
        let mut event = failed(me.clone(), failure, T, Some(1_000));
        if let HealthEvent::Failed { sample, .. } = &mut event {
            // Before the channel failed, so that the refused key does not show that it works again.
            sample.began = Timestamp(T - 50);
        }
        health.apply(&event);
    }
    let now = T + 60_000;
    assert!(!health.is_probed_by(&me, 0), "no request probes yet");
    let probing = HealthEvent::Probing {
        target: me.clone(),
        at: Timestamp(now),
        until: Timestamp(now + 300),
        holder: 3,
    };
    assert!(health.apply(&probing), "two change at once");
    let known = health.channel("c").unwrap();
    assert_eq!(known.channel.as_ref().unwrap().holder, 3);
    assert_eq!(known.keys["k"].holder, 3);
    assert!(health.is_probed_by(&me, 3));
    assert!(!health.is_probed_by(&me, 4), "another request");
    assert!(!health.is_probed_by(&target("d", "k", "m"), 3));
    assert!(health.apply(&HealthEvent::Released {
        target: me.clone(),
        holder: 3
    }));
    assert!(!health.is_probed_by(&me, 3), "released");
}

#[test]
fn the_own_lease_does_not_hide_a_cooldown_of_any_length() {
    let me = target("c", "k", "m");
    let claimed = |end| {
        let mut health = Health::default();
        health.apply(&failed(me.clone(), Failure::KeyRefused, T, Some(1_000)));
        let probing = HealthEvent::Probing {
            target: me.clone(),
            at: Timestamp(T + 1_000),
            until: Timestamp(end),
            holder: 3,
        };
        assert!(health.apply(&probing));
        health
    };
    let (now, ends) = (Timestamp(T + 1_001), T + 1_001 + 5_000);
    for lease_end in [ends - 1, ends, ends + 1] {
        let mut health = claimed(lease_end);
        assert_eq!(health.phase_for(&me, 3, now), Phase::HalfOpen);
        let others = Phase::Cooling {
            until: Timestamp(lease_end),
            has_retry_after: false,
        };
        assert_eq!(health.phase_for(&me, 4, now), others, "another request");
        let failure = Failure::Unreachable(SendErrorKind::Reset);
        health.apply(&failed(target("c", "other", "m"), failure, now.0, None));
        let cooling = Phase::Cooling {
            until: Timestamp(ends),
            has_retry_after: false,
        };
        assert_eq!(health.phase_for(&me, 3, now), cooling, "the channel");
    }
}
