//! Which candidates are tried, in which order, and the client's response in the end.

use std::collections::HashMap;

use gateway_core::config::model::Document;
use gateway_core::ports::SendErrorKind;
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

const OK: &str = r#"{"choices":[{"finish_reason":"stop"}]}"#;
const CHAT: &str = r#"{"model":"m"}"#;

fn by_priority(names: &[&str], keys: usize) -> Stage {
    let place = |(priority, name): (usize, &&str)| {
        let mut channel = channel(name, keys);
        channel.priority = u16::try_from(priority).unwrap();
        channel
    };
    Stage::new(names.iter().enumerate().map(place).collect())
}

/// Whose turn each call was: `a`, `b`, ….
fn owners(stage: &Stage) -> Vec<String> {
    stage
        .calls()
        .iter()
        .map(|call| call[..1].to_owned())
        .collect()
}

#[test]
fn each_kind_of_failure_goes_on_in_its_own_way() {
    let error = |status: u16, body: &'static str| FakeReply::json(status, body);
    let rows: Vec<(FakeReply, &[&str])> = vec![
        (error(500, ""), &["a", "a", "b"]),
        (error(408, ""), &["a", "a", "b"]),
        (
            error(429, r#"{"status":429,"title":"Too Many Requests"}"#),
            &["a", "a", "b"],
        ),
        (error(401, ""), &["a", "a", "b"]),
        (
            error(402, r#"{"error":{"code":402,"message":"credits"}}"#),
            &["a", "a", "b"],
        ),
        (error(403, ""), &["a", "a", "b"]),
        (
            error(404, r#"{"detail":"Function 'x': Not found"}"#),
            &["a", "b"],
        ),
        (
            error(400, r#"{"detail":"DEGRADED function cannot be invoked"}"#),
            &["a", "b"],
        ),
        (FakeReply::failure(SendErrorKind::Connect), &["a", "b"]),
        (FakeReply::failure(SendErrorKind::Dns), &["a", "b"]),
        (FakeReply::failure(SendErrorKind::Timeout), &["a", "b"]),
        (
            error(200, r#"{"error":{"code":502,"message":"provider"}}"#),
            &["a", "a", "b"],
        ),
        (
            error(200, "{\"choi").broken_by(SendErrorKind::Reset),
            &["a", "b"],
        ),
    ];
    for (failure, expected) in rows {
        let stage = by_priority(&["a", "b"], 2);
        let shown = format!("{failure:?}");
        stage.upstream(move |call| {
            if host(call) == "a" {
                failure.clone()
            } else {
                FakeReply::json(200, OK)
            }
        });
        let answer = stage.chat(CHAT);
        assert_eq!((answer.status, answer.text()), (200, OK), "{shown}");
        assert_eq!(owners(&stage), expected, "{shown}");
        assert_eq!(answer.header("x-gateway-channel"), Some("b"));
        assert_eq!(
            answer.header("x-gateway-attempts"),
            Some(expected.len().to_string().as_str())
        );
    }
}

#[test]
fn the_requests_own_faults_come_back_at_once_in_four_members() {
    for (status, body) in [
        (
            400,
            r#"{"error":{"message":"max_tokens","type":"invalid_request_error","param":"max_tokens","code":"x"}}"#,
        ),
        (
            400,
            r#"{"error":{"message":"filtered","code":"content_filter"}}"#,
        ),
        (413, "too much"),
        (422, r#"{"detail":[{"loc":["body","n"],"msg":"bad"}]}"#),
    ] {
        let stage = by_priority(&["a", "b"], 2);
        stage.upstream(move |_| FakeReply::json(status, body));
        let answer = stage.chat(CHAT);
        assert_eq!(answer.error().0, status);
        assert_eq!(answer.header("x-should-retry"), None);
        assert_eq!(owners(&stage), ["a"]);
    }
}

#[test]
fn exhausted_candidates_are_reported_by_the_table() {
    let rows: &[(u16, &str, (u16, &str))] = &[
        (500, "", (502, "upstream_failed")),
        (429, "", (429, "rate_limit_exceeded")),
        (401, "", (502, "upstream_credentials_exhausted")),
        (404, "", (400, "unsupported_operation")),
        (405, "", (400, "unsupported_operation")),
        (
            404,
            r#"{"error":{"message":"no such model"}}"#,
            (404, "model_not_found"),
        ),
    ];
    for (status, body, expected) in rows {
        let (status, body) = (*status, *body);
        let stage = by_priority(&["a", "b"], 2);
        stage.upstream(move |call| {
            let wait = if host(call) == "a" { "9" } else { "3" };
            FakeReply::json(status, body).with_header("retry-after", wait)
        });
        let answer = stage.chat(CHAT);
        let (got, code) = answer.error();
        assert_eq!((got, code.as_str()), *expected);
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.header("retry-after"), (status == 429).then_some("3"));
        let message = answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            message.contains("a: ")
                && message.contains("b: ")
                && message.contains(&status.to_string()),
            "{message}"
        );
        assert!(!message.contains("a-1"), "no key in {message}");
    }
}

#[test]
fn the_total_time_ends_the_search() {
    let mut document = Document {
        keys: vec![client_key()],
        ..Document::default()
    };
    document.channels = vec![channel("a", 3)];
    document.settings.total_timeout_ms = 10_000;
    let stage = Stage::with(&document);
    stage.upstream(|_| FakeReply::json(500, "").after_ms(6_000));
    assert_eq!(
        stage.chat(CHAT).error(),
        (504, "upstream_timeout".to_owned())
    );
    assert_eq!(stage.calls().len(), 2);
    let timeouts: Vec<u128> = stage
        .ports
        .upstream()
        .requests()
        .iter()
        .map(|call| call.timeouts.first_byte.as_millis())
        .collect();
    assert_eq!(timeouts, [10_000, 4_000], "no attempt outlives the total");
}

#[test]
fn an_error_that_never_ends_is_not_read_beyond_the_total_time() {
    let mut document = Document {
        keys: vec![client_key()],
        ..Document::default()
    };
    document.channels = vec![channel("a", 1)];
    document.settings.total_timeout_ms = 10_000;
    let stage = Stage::with(&document);
    stage.upstream(|_| {
        FakeReply::pieces(500, "text/plain", ["early".into()])
            .silent()
            .after_ms(9_000)
    });
    let answer = stage.chat(CHAT);
    assert_eq!(answer.error(), (504, "upstream_timeout".to_owned()));
    assert!(answer.text().contains("early"), "{}", answer.text());
}

#[test]
fn attempts_are_bounded_by_the_settings() {
    let stage = Stage::new(vec![channel("a", 50)]);
    stage.upstream(|_| FakeReply::json(500, ""));
    assert_eq!(stage.chat(CHAT).status, 502);
    assert_eq!(stage.calls().len(), 10);
}

#[test]
fn keys_are_used_evenly_with_long_and_with_short_lives() {
    let long = Stage::new(vec![channel("a", 4)]);
    long.upstream(|_| FakeReply::json(200, OK));
    for _ in 0..400 {
        long.chat(CHAT);
    }
    let mut uses: HashMap<String, usize> = HashMap::new();
    long.calls()
        .into_iter()
        .for_each(|call| *uses.entry(call).or_default() += 1);
    assert!(
        uses.len() == 4 && uses.values().all(|count| *count == 100),
        "{uses:?}"
    );

    let short = Stage::new(vec![channel("a", 4)]);
    short.upstream(|_| FakeReply::json(200, OK));
    for _ in 0..4_000 {
        // A new gateway has no memory of the last request's key.
        let fresh = Stage {
            ports: short.ports.clone(),
            gateway: std::rc::Rc::new(gateway_core::proxy::Gateway::new(
                short.ports.clone(),
                Ok(None),
            )),
        };
        fresh.chat(CHAT);
    }
    let mut uses: HashMap<String, usize> = HashMap::new();
    short
        .calls()
        .into_iter()
        .for_each(|call| *uses.entry(call).or_default() += 1);
    // 1000 each, standard deviation 27: five of them.
    assert!(
        uses.len() == 4 && uses.values().all(|count| count.abs_diff(1_000) < 137),
        "{uses:?}"
    );
}

#[test]
fn a_broken_key_and_a_dead_channel_never_show() {
    let stage = Stage::new(vec![channel("dead", 1), channel("good", 2)]);
    stage.upstream(
        |call| match call.head.headers["authorization"].to_str().unwrap() {
            "Bearer good-1" => FakeReply::json(500, ""),
            "Bearer good-2" => FakeReply::json(200, OK),
            _ => FakeReply::failure(SendErrorKind::Connect),
        },
    );
    for number in 0..500 {
        assert_eq!(stage.chat(CHAT).status, 200, "request {number}");
    }
}

#[test]
fn priorities_come_before_weights_and_weight_zero_is_last_of_its_group() {
    let mut first = channel("f", 1);
    first.weight = 0;
    let mut second = channel("s", 1);
    second.weight = 1000;
    let mut later = channel("l", 1);
    later.priority = 1;
    later.weight = 1000;
    let stage = Stage::new(vec![later, first, second]);
    stage.upstream(|_| FakeReply::json(500, ""));
    stage.chat(CHAT);
    assert_eq!(owners(&stage), ["s", "f", "l"]);
}

#[test]
fn failures_are_logged_with_channel_and_reason_and_without_keys() {
    let stage = Stage::new(vec![channel("a", 1)]);
    let error = r#"{"error":{"message":"out of\nmemory","code":"no_memory"}}"#;
    stage.upstream(move |_| FakeReply::json(500, error));
    stage.chat(CHAT);
    let lines = stage.ports.log_lines();
    assert_eq!(lines.len(), 2, "the attempt, and the request: {lines:?}");
    assert!(
        lines[0].contains("ch_a")
            && lines[0].contains("500")
            && lines[0].contains("no_memory")
            && !lines[0].contains("out of"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("502") && lines[1].contains("upstream_broke"),
        "{lines:?}"
    );
    assert!(!lines.concat().contains("a-1"), "{lines:?}");
}

#[test]
fn a_key_that_an_upstream_repeats_goes_no_further() {
    for status in [401, 400, 500] {
        let mut only = channel("a", 1);
        only.keys[0].secret = gateway_core::config::model::StoredSecret::Clear(
            gateway_core::secret::Secret::new("nvapi-0123456789abcdefwxyz".to_owned()),
        );
        let stage = Stage::new(vec![only]);
        stage.upstream(move |_| {
            FakeReply::json(
                status,
                r#"{"error":{"message":"Incorrect API key provided: nvapi-0123456789abcdefwxyz."}}"#,
            )
        });
        let answer = stage.chat(CHAT);
        assert!(!answer.text().contains("0123456789"), "{}", answer.text());
        assert!(answer.text().contains("nvap…wxyz"), "{}", answer.text());
        assert!(!stage.ports.log_lines().concat().contains("0123456789"));
    }
}

#[test]
fn an_upstream_that_falls_silent_after_its_head_cannot_hold_the_request() {
    for reply in [
        FakeReply::json(200, " ").silent(),
        FakeReply::json(500, "{").silent(),
        FakeReply::pieces(200, "text/event-stream", [": wait\n\n".into()]).silent(),
    ] {
        let mut document = Document {
            channels: vec![channel("a", 2)],
            keys: vec![client_key()],
            ..Document::default()
        };
        document.settings.total_timeout_ms = 20_000;
        let stage = Stage::with(&document);
        stage.upstream(move |_| reply.clone());
        assert_eq!(stage.chat(CHAT).status, 504);
        assert_eq!(stage.ports.upstream().open_bodies(), 0);
    }
}

#[test]
fn a_refused_request_comes_back_with_the_headers_that_may_pass() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| {
        FakeReply::pieces(400, "text/plain", ["bad".into()])
            .with_header("x-ratelimit-remaining-requests", "5")
            .with_header("openai-organization", "org")
            .with_header("set-cookie", "a=b")
    });
    let answer = stage.chat(CHAT);
    assert_eq!(answer.error().0, 400);
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("5"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("openai-organization"), None);
    assert_eq!(answer.header("set-cookie"), None);
}

#[test]
fn what_is_no_answer_of_an_api_fails_over() {
    for reply in [
        FakeReply::pieces(200, "text/html; charset=utf-8", ["<html>login".into()]),
        FakeReply::json(200, "\u{1f}binary").with_header("content-encoding", "gzip"),
        FakeReply::json(500, "\u{1f}binary").with_header("content-encoding", "gzip"),
    ] {
        let stage = by_priority(&["a", "b"], 1);
        stage.upstream(move |call| {
            if host(call) == "a" {
                reply.clone()
            } else {
                FakeReply::json(200, OK)
            }
        });
        let answer = stage.chat(CHAT);
        assert_eq!((answer.status, answer.text()), (200, OK));
        assert_eq!(answer.header("x-gateway-attempts"), Some("2"));
        assert!(!stage.ports.log_lines().concat().contains("binary"));
    }
}

#[test]
fn messages_stay_short_whatever_the_model_is_called() {
    let stage = Stage::new(vec![channel("a", 1)]);
    stage.upstream(|_| FakeReply::json(404, "no such model"));
    for (length, status) in [(256, 404), (257, 400), (100_000, 400)] {
        let answer = stage.chat(&format!(r#"{{"model":"{}"}}"#, "m".repeat(length)));
        assert_eq!(answer.error().0, status);
        assert!(answer.body.len() < 1_000, "{}", answer.body.len());
    }
}

#[test]
fn a_placeholder_for_a_key_does_not_tear_messages_apart() {
    let mut only = channel("a", 1);
    only.keys[0].secret = gateway_core::config::model::StoredSecret::Clear(
        gateway_core::secret::Secret::new("k".to_owned()),
    );
    let stage = Stage::new(vec![only]);
    stage.upstream(|_| FakeReply::json(400, r#"{"error":{"message":"broken"}}"#));
    assert_eq!(stage.chat(CHAT).json()["error"]["message"], "broken");
}
