//! What counts as a call in flight, and until when; what an answer says about the choice; sessions and other priorities.

use std::collections::BTreeMap;

use gateway_core::config::model::Settings;
use gateway_core::ports::SendErrorKind;
use gateway_core::route::Balance;
use gateway_testkit::sim::SimReply;
use proptest::prelude::*;

use super::setup::*;

/// Longer than an estimate is kept.
const FORGOTTEN_MS: u64 = 121_000;

fn two() -> Stage {
    let channels = vec![channel("a"), channel("b")];
    stage(1, channels, Balance::LeastBusy)
}

/// The channels that two requests at once reach when no speed is known: with nothing else in flight, one each.
fn next_two(stage: &Stage) -> Vec<String> {
    stage.wait_ms(FORGOTTEN_MS);
    stage.sim.upstream().script(|_| good(1_000));
    let before = stage.hosts().len();
    drop(stage.start(0, Asking::default()));
    drop(stage.start(0, Asking::default()));
    stage.wait_ms(5_000);
    let mut hosts = stage.hosts().split_off(before);
    // Without those that hedging adds.
    hosts.truncate(2);
    hosts.sort();
    hosts
}

#[test]
fn a_stream_is_in_flight_until_its_last_byte() {
    let stage = two();
    stage.sim.upstream().script(|_| stream(100, 60_000));
    let busy = stage.start(
        0,
        Asking {
            is_stream: true,
            ..Asking::default()
        },
    );
    stage.wait_ms(5_000);
    let home = stage.hosts()[0].clone();
    stage.sim.upstream().script(|_| good(100));
    for _ in 0..20 {
        let answer = stage.ask(Asking::default());
        assert_ne!(answer.channel, home, "its stream goes on");
        assert_eq!(answer.rule.as_deref(), Some("least_busy"));
    }
    assert!(!busy.is_over());
    assert_eq!(next_two(&stage), ["a", "b"]);
}

#[test]
fn a_client_that_leaves_takes_its_call_with_it() {
    for is_stream in [true, false] {
        let stage = two();
        stage.sim.upstream().script(move |_| {
            if is_stream {
                stream(100, 90_000)
            } else {
                good(90_000)
            }
        });
        for _ in 0..9 {
            let asking = Asking {
                is_stream,
                patience_ms: Some(2_000),
                session: None,
            };
            drop(stage.start(0, asking));
        }
        stage.wait_ms(3_000);
        assert_eq!(next_two(&stage), ["a", "b"], "{is_stream}");
    }
}

#[test]
fn a_channel_that_hangs_gets_hardly_anything_while_it_hangs() {
    let stage = two();
    stage.sim.upstream().script(|call| match call.host() {
        "a" => good(30_000),
        _ => good(100),
    });
    let mut tasks = Vec::new();
    for _ in 0..200 {
        tasks.push(stage.start(0, Asking::default()));
        stage.wait_ms(100);
    }
    let hosts = stage.hosts();
    let hanging = hosts.iter().filter(|host| *host == "a").count();
    assert!((1..=4).contains(&hanging), "{hanging}");
    stage.wait_ms(60_000);
    assert!(tasks.iter().all(gateway_testkit::sim::Task::is_over));
}

#[test]
fn a_hedge_that_loses_is_over_too_and_counts_as_slow() {
    let mut channels = vec![channel("a"), channel("b")];
    for channel in &mut channels {
        channel.hedge_after_ms = Some(500);
    }
    let stage = stage(1, channels, Balance::LeastBusy);
    stage.sim.upstream().script(|call| match call.host() {
        "a" => good(50_000),
        _ => good(100),
    });
    for _ in 0..30 {
        assert_eq!(stage.ask(Asking::default()).channel, "b");
    }
    let slow = stage.hosts().iter().filter(|host| *host == "a").count();
    assert!((1..=3).contains(&slow), "{slow}");
    assert_eq!(next_two(&stage), ["a", "b"]);
}

#[test]
fn one_that_rejects_at_once_is_not_the_fastest() {
    let stage = two();
    let mut number = 0;
    stage.sim.upstream().script(move |call| {
        number += 1;
        match call.host() {
            // Never three failures in a row, which would be a cooldown.
            "a" if number % 3 != 0 => SimReply::json(500, r#"{"error":{"message":"no"}}"#),
            _ => good(300),
        }
    });
    for _ in 0..60 {
        assert_eq!(stage.ask(Asking::default()).status, 200);
    }
    let failing = stage.hosts().iter().filter(|host| *host == "a").count();
    assert!((1..=12).contains(&failing), "{failing}");
}

#[test]
fn each_priority_has_its_own_rule() {
    let mut channels = vec![channel("a"), channel("b"), channel("c"), channel("d")];
    channels[2].priority = 7;
    channels[3].priority = 7;
    let settings = Settings {
        balance_by_priority: BTreeMap::from([("7".to_owned(), "least_busy".to_owned())]),
        ledger: false,
        ..Settings::default()
    };
    let stage = stage_with(1, channels, settings);
    stage.sim.upstream().script(|call| match call.host() {
        "a" | "b" => SimReply::json(500, r#"{"error":{"message":"no"}}"#),
        "c" => good(1_000),
        _ => good(100),
    });
    let rules: Vec<_> = (0..20)
        .map(|_| {
            let answer = stage.ask(Asking::default());
            assert_eq!(answer.rule.as_deref(), Some("least_busy"));
            answer.channel
        })
        .collect();
    let slow = rules.iter().filter(|channel| *channel == "c").count();
    assert!((1..=2).contains(&slow), "{rules:?}");
    let lines = stage.sim.log_lines().join("\n");
    assert!(lines.contains("at channel ch_a key none: 500"), "{lines}");

    stage.sim.upstream().script(|call| match call.host() {
        "c" => SimReply::json(429, r#"{"error":{"message":"no"}}"#),
        _ => good(100),
    });
    stage.wait_ms(FORGOTTEN_MS);
    let answer = stage.ask(Asking::default());
    assert_eq!(
        (answer.rule, answer.channel.len()),
        (None, 1),
        "weights, in the first priority"
    );
}

#[test]
fn the_log_says_which_rule_has_chosen() {
    let stage = two();
    stage
        .sim
        .upstream()
        .script(|_| SimReply::json(500, r#"{"error":{"message":"no"}}"#));
    assert_eq!(
        stage.ask(Asking::default()).rule.as_deref(),
        Some("least_busy")
    );
    let lines = stage.sim.log_lines().join("\n");
    assert!(lines.contains("key none by least_busy: 500"), "{lines}");
}

#[test]
fn a_session_keeps_its_channel_until_that_has_far_more_to_do() {
    let names = ["a", "b", "c"];
    let stage = stage(1, names.map(channel).to_vec(), Balance::LeastBusy);
    stage.sim.upstream().script(|_| good(100));
    let asking = Asking {
        session: Some("s"),
        ..Asking::default()
    };
    let home = stage.ask(asking).channel;
    let slow = home.clone();
    stage
        .sim
        .upstream()
        .script(move |call| good(if call.host() == slow { 3_000 } else { 50 }));
    for _ in 0..10 {
        let answer = stage.ask(asking);
        assert_eq!(
            (answer.channel, answer.rule.as_deref()),
            (home.clone(), Some("session"))
        );
    }
    let before = stage.hosts().len();
    for _ in 0..40 {
        drop(stage.start(0, asking));
        stage.wait_ms(1);
    }
    let hosts = stage.hosts().split_off(before);
    let at_home = hosts.iter().filter(|host| **host == home).count();
    assert!((4..30).contains(&at_home), "{at_home} of {}", hosts.len());
    stage.wait_ms(10_000);
    assert_eq!(stage.ask(asking).channel, home, "it comes back");
}

/// One request of a random day: how the upstream answers it, and how its client behaves.
#[derive(Clone, Copy, Debug)]
struct Turn {
    gap_ms: u64,
    reply: usize,
    takes_ms: u64,
    is_stream: bool,
    patience_ms: Option<u64>,
}

fn turn() -> impl Strategy<Value = Turn> {
    let patience = prop::option::weighted(0.4, 0_u64..3_000);
    (
        0_u64..400,
        0_usize..9,
        0_u64..2_000,
        any::<bool>(),
        patience,
    )
        .prop_map(|(gap_ms, reply, takes_ms, is_stream, patience_ms)| Turn {
            gap_ms,
            reply,
            takes_ms,
            is_stream,
            patience_ms,
        })
}

fn reply_of(turn: Turn) -> SimReply {
    let error = |status| SimReply::json(status, r#"{"error":{"message":"no"}}"#);
    let reply = match turn.reply {
        0 => error(500),
        1 => error(400),
        2 => error(429),
        3 => error(404),
        4 => SimReply::failure(SendErrorKind::Reset),
        5 => SimReply::silence(),
        6 => stream(turn.takes_ms, 500).broken_by(SendErrorKind::Reset),
        7 => stream(turn.takes_ms, 500),
        _ => good(turn.takes_ms),
    };
    reply.thinking(turn.takes_ms / 2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 48 } else { 400 }))]

    /// Whatever happens to calls and clients, nothing is in flight after all is over.
    #[test]
    fn every_call_ends_once(turns in prop::collection::vec(turn(), 1..40), hedges: bool) {
        let mut channels = vec![channel("a"), channel("b")];
        for channel in &mut channels {
            channel.first_byte_timeout_ms = 5_000;
            channel.hedge_after_ms = hedges.then_some(300);
        }
        let stage = stage(1, channels, Balance::LeastBusy);
        let replies = turns.clone();
        stage.sim.upstream().script(move |call| reply_of(replies[call.number % replies.len()]));
        for turn in turns {
            let asking = Asking {
                is_stream: turn.is_stream,
                patience_ms: turn.patience_ms,
                session: None,
            };
            drop(stage.start(0, asking));
            stage.wait_ms(turn.gap_ms);
        }
        // Longer than any call, cooldown and estimate lasts.
        stage.wait_ms(600_000);
        prop_assert_eq!(stage.sim.upstream().open(), 0);
        // Probes of what has failed.
        stage.sim.upstream().script(|_| good(10));
        for _ in 0..6 {
            stage.ask(Asking::default());
        }
        prop_assert_eq!(next_two(&stage), ["a", "b"]);
    }
}
