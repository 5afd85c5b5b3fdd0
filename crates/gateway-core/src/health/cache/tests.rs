//! Which events the copy has, and which are still to be written.

use super::super::cooldown::{CooldownReason, FailureSample};
use super::super::record::Target;
use super::*;
use crate::units::Timestamp;
use crate::upstream::failure::Failure;

const T: Timestamp = Timestamp(1_700_000_000_000);

fn failed(channel: &str, at: u64) -> HealthEvent {
    HealthEvent::Failed {
        target: Target {
            channel: channel.to_owned(),
            key: "k".to_owned(),
            model: "m".to_owned(),
        },
        failure: Failure::Throttled,
        sample: FailureSample {
            reason: CooldownReason::Throttled,
            began: T,
            at: T.plus_ms(at),
            wait_ms: Some(60_000 * at),
            status: Some(429),
            message: String::new(),
        },
    }
}

fn forgotten(channel: &str) -> HealthEvent {
    HealthEvent::Forgotten {
        channel: channel.to_owned(),
    }
}

fn with(channels: &[&str]) -> Health {
    let mut health = Health::default();
    for channel in channels {
        health.apply(&failed(channel, 1));
    }
    health
}

#[test]
fn events_are_pending_until_they_are_written() {
    let cache = HealthCache::default();
    assert!(!cache.add(forgotten("a")), "it changes nothing");
    assert!(!cache.has_pending());
    assert!(cache.add(failed("a", 1)));
    let written = cache.newest();
    assert!(cache.add(failed("b", 1)));
    assert!(cache.has_pending());
    assert_eq!(cache.version(), 0);
    cache.wrote(with(&["a", "c"]), b"raw".to_vec(), written);
    assert_eq!(cache.version(), 1);
    assert_eq!(*cache.health(), with(&["a", "b", "c"]));
    assert!(cache.has_pending(), "b is not written yet");
    assert_eq!(cache.with_pending(Health::default()), with(&["b"]));
    cache.wrote(with(&["a", "b", "c"]), b"raw".to_vec(), cache.newest());
    assert!(!cache.has_pending());
}

#[test]
fn a_read_replaces_the_copy_but_not_what_is_pending() {
    let cache = HealthCache::default();
    cache.add(failed("a", 1));
    assert!(cache.is_current(None));
    cache.replace(with(&["b"]), Some(b"raw".to_vec()));
    assert!(cache.is_current(Some(b"raw")));
    assert!(!cache.is_current(None));
    assert_eq!(*cache.health(), with(&["a", "b"]));
    cache.replace(Health::default(), None);
    assert_eq!(*cache.health(), with(&["a"]));
}

#[test]
fn what_its_caller_writes_is_not_pending() {
    let cache = HealthCache::default();
    cache.apply(&failed("a", 1));
    assert_eq!(*cache.health(), with(&["a"]));
    assert!(!cache.has_pending());
}

#[test]
fn the_oldest_events_give_way_while_the_store_fails() {
    let cache = HealthCache::default();
    for at in 0..=MAX_PENDING {
        let at = u64::try_from(at).unwrap();
        assert!(cache.add(failed(&format!("c{at}"), 1)));
    }
    let pending = cache.with_pending(Health::default());
    assert!(pending.channel("c0").is_none());
    assert!(pending.channel("c1").is_some());
    assert!(pending.channel(&format!("c{MAX_PENDING}")).is_some());
}
