//! What instances share about failures: any stored document is read or rejected, any events are recorded, and no
//! cooldown exceeds the longest accepted wait.
//!
//! The input is the stored document up to the first byte 0, then events of six bytes each.
#![no_main]

use gateway_core::error::ErrorBody;
use gateway_core::health::cooldown::Phase;
use gateway_core::health::record::{Health, HealthEvent, Target};
use gateway_core::ports::SendErrorKind;
use gateway_core::units::Timestamp;
use gateway_core::upstream::failure::{FailedAttempt, Failure};
use gateway_core::upstream::retry_after;
use libfuzzer_sys::fuzz_target;

/// The time of the stored documents in the corpus.
const START: Timestamp = Timestamp(1_800_000_000_000);
/// How many models of a channel are recorded.
const MAX_MODELS: usize = 100;

/// Bytes as a time step: from milliseconds to days, forward or, from a clock that was set, back.
fn moved(now: Timestamp, by: u8, how: u8) -> Timestamp {
    let milliseconds = u64::from(by) << (how & 0x0F);
    if how & 0x80 == 0 {
        now.plus_ms(milliseconds)
    } else {
        Timestamp(now.0.saturating_sub(milliseconds))
    }
}

fn failed(
    target: Target,
    failure: Failure,
    began: Timestamp,
    at: Timestamp,
    wait: u8,
) -> HealthEvent {
    let attempt = FailedAttempt {
        channel: target.channel.clone(),
        key: target.key.clone(),
        failure,
        status: None,
        error: Box::new(ErrorBody {
            message: "é".repeat(if wait > 250 { 1_000 } else { 1 }),
            kind: String::new(),
            param: None,
            code: None,
        }),
        retry_after_ms: (wait & 1 == 1)
            .then(|| (u64::from(wait) << (wait % 20)).min(retry_after::MAX_MS)),
        headers: Box::default(),
    };
    HealthEvent::failed(target, &attempt, began, at)
}

/// The event that six bytes encode, and its subject.
fn event(bytes: &[u8], at: Timestamp) -> Option<(HealthEvent, Target)> {
    let &[kind, which, model, _, _, wait] = bytes else {
        return None;
    };
    let target = Target {
        channel: format!("c{}", which >> 6),
        key: format!("k{}", which & 0x07),
        model: format!("m{model}"),
    };
    let began = Timestamp(at.0.saturating_sub(1 + u64::from(wait)));
    let until = at.plus_ms(1 + u64::from(wait));
    let fail = |failure| failed(target.clone(), failure, began, at, wait);
    let event = match kind % 10 {
        0 => fail(Failure::Unreachable(SendErrorKind::Reset)),
        1 => fail(Failure::ServerError),
        2 => fail(Failure::Throttled),
        3 => fail(Failure::KeyRefused),
        4 => fail(Failure::ModelUnknown),
        5 => fail(Failure::RequestRefused),
        6 => HealthEvent::Answered {
            target: target.clone(),
            began,
            whole: wait & 1 == 1,
        },
        7 => HealthEvent::Probing {
            target: target.clone(),
            at,
            until,
            holder: u64::from(wait),
        },
        8 => HealthEvent::Released {
            target: target.clone(),
            holder: u64::from(wait),
        },
        _ => HealthEvent::Forgotten {
            channel: target.channel.clone(),
        },
    };
    Some((event, target))
}

fn waits_no_longer_than_believed(health: &Health, target: &Target, now: Timestamp) {
    if let Phase::Cooling { until, .. } =
        health.phase(&target.channel, &target.key, &target.model, now)
    {
        // Ends are rounded up to a whole second, and another instance's clock may be a minute ahead.
        let longest = retry_after::MAX_MS + 61_000;
        assert!(now < until && until.since_ms(now) <= longest);
    }
}

fn live_through(mut health: Health, events: &[u8]) -> Health {
    let mut now = START;
    for bytes in events.chunks_exact(6) {
        now = moved(now, bytes[3], bytes[4]);
        let Some((event, target)) = event(bytes, now) else {
            continue;
        };
        health.apply(&event);
        let once = health.clone();
        assert!(!health.apply(&event), "applied a second time: {event:?}");
        assert_eq!(health, once);
        waits_no_longer_than_believed(&health, &target, now);
    }
    let text = serde_json::to_vec(&health).expect("it can be stored");
    let read = serde_json::from_slice(&text).expect("it can be read");
    assert_eq!(health, read);
    read
}

/// Successful answers clear every cooldown, also one from a wrong clock.
fn heals(health: &Health) {
    let text = serde_json::to_value(health).expect("it can be stored");
    let channels = text.as_object().into_iter().flatten();
    let mut healed = health.clone();
    for (channel, known) in channels {
        let names = |of: &str| {
            let named = known[of].as_object();
            named.map_or(Vec::new(), |named| named.keys().cloned().collect())
        };
        let (keys, models): (Vec<String>, Vec<String>) = (names("keys"), names("models"));
        for index in 0..keys.len().max(models.len()).max(1) {
            healed.apply(&HealthEvent::Answered {
                target: Target {
                    channel: channel.clone(),
                    key: keys.get(index).cloned().unwrap_or_default(),
                    model: models.get(index).cloned().unwrap_or_default(),
                },
                began: START.plus_ms(retry_after::MAX_MS + 1),
                whole: true,
            });
        }
    }
    assert!(healed.is_empty(), "{healed:?}");
}

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == 0);
    let (document, events) = input.split_at(end.unwrap_or(input.len()));
    let events = events.get(1..).unwrap_or_default();
    if let Ok(stored) = serde_json::from_slice::<Health>(document) {
        let mut later = live_through(stored, events);
        later.forget(START);
        heals(&later);
    }
    let mut health = live_through(Health::default(), events);
    for channel in ["c0", "c1", "c2", "c3"] {
        let models = health
            .channel(channel)
            .map_or(0, |known| known.models.len());
        assert!(models <= MAX_MODELS, "clients must not fill the store");
    }
    health.forget(Timestamp(u64::MAX));
    assert!(health.is_empty(), "everything is forgotten at last");
});
