//! Requests of one session stay with one channel and one key, unless the configuration switches that off.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::config::model::{Document, Settings};
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

const OK: &str = r#"{"choices":[{"finish_reason":"stop"}],"content":[],"type":"message"}"#;

fn stage(session_affinity: bool) -> Stage {
    let document = Document {
        channels: ["a", "b", "c"].map(|name| channel(name, 3)).into(),
        keys: vec![client_key()],
        settings: Settings {
            session_affinity,
            session_headers: vec!["x-tenant-chat".to_owned()],
            ..Settings::default()
        },
        ..Document::default()
    };
    let stage = Stage::with(&document);
    stage.upstream(|_| FakeReply::json(200, OK));
    stage
}

/// Which channels `count` identical requests reach, in instances that share no state.
fn reached(
    stage: &Stage,
    count: usize,
    request: impl Fn() -> http::Request<bytes::Bytes>,
) -> BTreeSet<String> {
    let before = stage.calls().len();
    for _ in 0..count {
        assert_eq!(stage.another_instance().send(request()).status, 200);
    }
    stage.calls().split_off(before).into_iter().collect()
}

fn with_header(name: &'static str, value: &str) -> http::Request<bytes::Bytes> {
    let mut request = post("/v1/chat/completions", r#"{"model":"m","user":"u"}"#);
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[test]
fn a_session_stays_where_it_is_and_sessions_are_spread() {
    let stage = stage(true);
    let hints: [fn(&str) -> http::Request<bytes::Bytes>; 12] = [
        |session| with_header("x-session-id", session),
        |session| with_header("x-session-affinity", session),
        |session| with_header("x-claude-code-session-id", session),
        |session| with_header("session-id", session),
        |session| with_header("session_id", session),
        |session| with_header("thread-id", session),
        |session| with_header("conversation_id", session),
        |session| with_header("x-opencode-session", session),
        |session| with_header("x-tenant-chat", session),
        |session| {
            let body = format!(r#"{{"model":"m","metadata":{{"user_id":"{session}"}}}}"#);
            post("/v1/messages", &body)
        },
        |session| {
            post(
                "/v1/chat/completions",
                &format!(r#"{{"model":"m","prompt_cache_key":"{session}"}}"#),
            )
        },
        |session| {
            post(
                "/v1/chat/completions",
                &format!(r#"{{"model":"m","user":"{session}"}}"#),
            )
        },
    ];
    let mut all = BTreeSet::new();
    for session in 0..20 {
        let session = format!("session-{session}");
        let places: Vec<_> = hints
            .iter()
            .map(|hint| reached(&stage, 3, || hint(&session)))
            .collect();
        assert_eq!(places[0].len(), 1, "{places:?}");
        assert!(
            places.iter().all(|place| *place == places[0]),
            "the same name, wherever it is: {places:?}"
        );
        all.extend(places.into_iter().flatten());
    }
    assert!(all.len() >= 7, "20 sessions over 9 keys: {all:?}");
}

#[test]
fn without_a_session_or_the_setting_chance_decides() {
    for (setting, body) in [
        (true, r#"{"model":"m"}"#),
        (true, r#"{"model":"m","user":""}"#),
        (true, r#"{"model":"m","user":7}"#),
        (true, r#"{"model":"m","metadata":{"user_id":7}}"#),
        (false, r#"{"model":"m","user":"u"}"#),
    ] {
        let stage = stage(setting);
        let places = reached(&stage, 60, || post("/v1/chat/completions", body));
        assert!(places.len() >= 7, "{setting} {body}: {places:?}");
    }
}

#[test]
fn a_session_moves_on_when_its_channel_fails_and_comes_back() {
    let stage = stage(true);
    let request = || with_header("x-session-id", "s");
    let home = reached(&stage, 1, request).pop_first().unwrap();
    let broken = home.clone();
    stage.upstream(move |call| {
        let bearer = call.head.headers["authorization"].to_str().unwrap();
        if bearer.ends_with(&broken) {
            FakeReply::json(429, "").with_header("retry-after", "2")
        } else {
            FakeReply::json(200, OK)
        }
    });
    assert_eq!(
        stage.send(request()).header("x-gateway-attempts"),
        Some("2")
    );
    stage.ports.run_background();
    let next_best = reached(&stage, 5, request);
    assert_eq!(next_best.len(), 1);
    assert!(!next_best.contains(&home));
    stage.upstream(|_| FakeReply::json(200, OK));
    stage.ports.advance_ms(2_000);
    assert_eq!(reached(&stage, 1, request), BTreeSet::from([home]));
}

/// The channels that `sessions` reach first, with how many of them.
fn shares(stage: &Stage, sessions: usize) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for session in 0..sessions {
        let reply = stage.send(with_header("x-session-id", &format!("session-{session}")));
        let channel = reply.header("x-gateway-channel").unwrap().to_owned();
        *shares.entry(channel).or_default() += 1;
    }
    shares
}

#[test]
fn it_is_on_by_default_and_many_sessions_follow_weights_and_priorities() {
    let mut channels: Vec<_> = ["light", "heavy", "idle", "later"]
        .into_iter()
        .map(|name| channel(name, 1))
        .collect();
    for (channel, (priority, weight)) in channels.iter_mut().zip([(0, 1), (0, 3), (0, 0), (1, 9)]) {
        (channel.priority, channel.weight) = (priority, weight);
    }
    let stage = Stage::with(&Document {
        channels,
        keys: vec![client_key()],
        ..Document::default()
    });
    stage.upstream(|_| FakeReply::json(200, OK));
    let first = shares(&stage, 2_000);
    assert_eq!(first.values().sum::<usize>(), 2_000);
    assert_eq!(
        first.len(),
        2,
        "only weighted channels of the first priority: {first:?}"
    );
    let light = first["light"];
    assert!((420..580).contains(&light), "a quarter of 2000: {light}");
    assert_eq!(shares(&stage, 2_000), first, "each session stays");

    // The heavy channel fails: its sessions move within the priority, and the others stay where they are.
    stage.upstream(|call| {
        let bearer = call.head.headers["authorization"].to_str().unwrap();
        if bearer.contains("heavy") {
            FakeReply::json(429, "").with_header("retry-after", "2")
        } else {
            FakeReply::json(200, OK)
        }
    });
    assert_eq!(
        shares(&stage, 200),
        BTreeMap::from([("light".to_owned(), 200)])
    );
    stage.ports.run_background();
    stage.upstream(|_| FakeReply::json(200, OK));
    stage.ports.advance_ms(2_000);
    assert_eq!(
        shares(&stage, 2_000),
        first,
        "all return after the cooldown"
    );
}
