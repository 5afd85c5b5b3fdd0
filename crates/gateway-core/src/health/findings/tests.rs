//! What operators see of each phase, and which of a candidate's cooldowns decides.

use super::super::cooldown::FailureSample;
use super::*;

const T: u64 = 1_700_000_000_000;

fn cooldown(reason: CooldownReason, at: u64, wait_ms: Option<u64>) -> Cooldown {
    Cooldown::new(&FailureSample {
        reason,
        began: Timestamp(at),
        at: Timestamp(at),
        wait_ms,
        status: Some(429),
        message: "slow down".to_owned(),
    })
}

#[test]
fn each_phase_has_its_state() {
    let throttled = cooldown(CooldownReason::Throttled, T, Some(7_000));
    let of = |cooldown, now| Finding::of(About::Key, cooldown, Timestamp(now));
    let ready = of(None, T);
    assert_eq!(
        (ready.state, ready.about, ready.reason, ready.until),
        (FindingState::Ready, None, None, None)
    );
    let cooling = of(Some(&throttled), T + 6_999);
    assert_eq!(
        cooling,
        Finding {
            state: FindingState::Cooling,
            until: Some(time_text::format(Timestamp(T + 7_000))),
            about: Some(About::Key),
            reason: Some(CooldownReason::Throttled),
            detail: Some("429: slow down".to_owned()),
            failed_at: Some(time_text::format(Timestamp(T))),
        }
    );
    let probing = of(Some(&throttled), T + 7_000);
    assert_eq!(
        (probing.state, probing.until),
        (FindingState::Probing, None)
    );
    let refused = cooldown(CooldownReason::Refused, T, None);
    assert_eq!(of(Some(&refused), T).state, FindingState::Rejected);
    // Failures that are only counted are not shown.
    let counted = cooldown(CooldownReason::ServerError, T, None);
    assert_eq!(of(Some(&counted), T).state, FindingState::Ready);
    assert_eq!(of(Some(&counted), T).detail, None);
}

#[test]
fn the_cooldown_that_ends_last_decides_about_a_candidate() {
    let now = Timestamp(T + 10_000);
    let of = |known: &ChannelHealth| {
        let finding = Finding::of_candidate(Some(known), "k", "m", now);
        (finding.state, finding.about)
    };
    let mut known = ChannelHealth::default();
    assert_eq!(of(&known), (FindingState::Ready, None));
    let over = cooldown(CooldownReason::Unreachable, T, None);
    known.channel = Some(over);
    assert_eq!(of(&known), (FindingState::Probing, Some(About::Channel)));
    let short = cooldown(CooldownReason::Throttled, T, Some(20_000));
    known.keys.insert("k".to_owned(), short);
    known.keys.insert("other".to_owned(), {
        cooldown(CooldownReason::Refused, T, Some(900_000))
    });
    assert_eq!(of(&known), (FindingState::Cooling, Some(About::Key)));
    let long = cooldown(CooldownReason::ModelUnknown, T + 9_999, None);
    known.models.insert("m".to_owned(), long);
    assert_eq!(of(&known), (FindingState::Cooling, Some(About::Model)));
    assert_eq!(
        Finding::of_candidate(None, "k", "m", now).state,
        FindingState::Ready
    );
}

#[test]
fn a_key_is_ok_cooling_or_rejected() {
    let of = |cooldown, now| KeyState::of(cooldown, Timestamp(now));
    assert_eq!(of(None, T), (KeyState::Ok, None));
    let throttled = cooldown(CooldownReason::Throttled, T, Some(7_000));
    let until = Some(time_text::format(Timestamp(T + 7_000)));
    assert_eq!(of(Some(&throttled), T), (KeyState::Cooling, until));
    assert_eq!(of(Some(&throttled), T + 7_000), (KeyState::Ok, None));
    let refused = cooldown(CooldownReason::Refused, T, Some(7_000));
    assert_eq!(of(Some(&refused), T).0, KeyState::Rejected);
}
