//! Limits of client keys: which requests pass, what rejections say and cost, and the effect of database failures.

mod reservations;
mod statements;
mod troubles;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::join_all;
use gateway_core::config::model::{Document, KeyLimits, Price, Settings};
use gateway_core::ports::StoreKey;
use gateway_core::proxy;
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::{FakeReply, START, block_on};
use http_body::Frame;
use http_body_util::Full;

use super::setup::*;

const CHAT: &str = r#"{"model":"m","messages":[]}"#;
/// 100 tokens.
const ANSWER: &str = r#"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],
    "usage":{"prompt_tokens":60,"completion_tokens":40}}"#;
const DAY_MS: u64 = 86_400_000;

const NONE: KeyLimits = KeyLimits {
    requests_per_minute: None,
    tokens_per_minute: None,
    tokens_per_day: None,
    daily_budget_micro_usd: None,
    monthly_budget_micro_usd: None,
};

fn requests(limit: u64) -> KeyLimits {
    KeyLimits {
        requests_per_minute: Some(limit),
        ..NONE
    }
}

fn document(limits: KeyLimits) -> Document {
    let mut key = client_key();
    key.limits = limits;
    let mut settings = Settings {
        ledger: false,
        ..Settings::default()
    };
    // $1 per request of 100 tokens.
    let price = Price {
        prompt: 10_000_000_000,
        completion: 10_000_000_000,
        ..Price::default()
    };
    settings.prices.insert("m".to_owned(), price);
    Document {
        channels: vec![channel("a", 1)],
        keys: vec![key],
        settings,
        ..Document::default()
    }
}

fn stage(limits: KeyLimits) -> Stage {
    let stage = Stage::with(&document(limits));
    stage.upstream(|_| {
        FakeReply::json(200, ANSWER)
            .with_header("x-ratelimit-limit-requests", "10000")
            .with_header("x-ratelimit-remaining-input-images", "9")
    });
    stage
}

/// A chat, with what it took being counted.
fn chat(stage: &Stage) -> Answer {
    let answer = stage.chat(CHAT);
    stage.ports.run_background();
    answer
}

fn calls(stage: &Stage) -> usize {
    stage.ports.database().calls()
}

fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[track_caller]
fn assert_refused(answer: &Answer, kind: &str, words: &str, retry_after: &str) {
    assert_eq!(answer.error(), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(answer.json()["error"]["type"], kind);
    let message = message(answer);
    assert!(message.contains(words), "{message}");
    assert_eq!(answer.header("retry-after"), Some(retry_after), "{message}");
}

#[test]
fn a_key_without_limits_makes_no_call_and_keeps_what_the_upstream_says() {
    let stage = stage(NONE);
    for _ in 0..3 {
        let answer = chat(&stage);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("10000"));
        assert_eq!(answer.header("x-ratelimit-reset-requests"), None);
    }
    assert_eq!(calls(&stage), 0);
}

#[test]
fn of_many_requests_at_once_in_many_instances_exactly_the_limit_passes() {
    for (instances, limit) in [(1, 37), (8, 37), (200, 37), (3, 1)] {
        let stage = stage(requests(limit));
        let gateways: Vec<_> = (0..instances)
            .map(|_| stage.another_instance().gateway)
            .collect();
        let requests = (0..200).map(|number| {
            let gateway = Rc::clone(&gateways[number % instances]);
            async move {
                let request = post("/v1/chat/completions", CHAT).map(Full::new);
                proxy::handle(&gateway, request).await.status().as_u16()
            }
        });
        let statuses = block_on(join_all(requests));
        let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        let limit = usize::try_from(limit).unwrap();
        assert_eq!(
            (count(200), count(429)),
            (limit, 200 - limit),
            "{instances} instances"
        );
        assert_eq!(stage.ports.upstream().requests().len(), limit);
    }
}

#[test]
fn answers_and_refusals_tell_the_limit_what_is_left_and_when_it_is_whole_again() {
    let stage = stage(KeyLimits {
        tokens_per_minute: Some(250),
        ..requests(3)
    });
    let reported = |answer: &Answer| -> Vec<String> {
        let mut reported: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-ratelimit-"))
            .map(|(name, value)| {
                let name = name.as_str().trim_start_matches("x-ratelimit-");
                format!("{name} {}", value.to_str().unwrap())
            })
            .collect();
        reported.sort();
        reported
    };
    assert_eq!(
        reported(&chat(&stage)),
        [
            "limit-requests 3",
            "limit-tokens 250",
            "remaining-requests 2",
            "remaining-tokens 0",
            "reset-requests 1m0s",
            "reset-tokens 1m59.94s",
        ]
    );
    stage.ports.advance_ms(1_500);
    // Also on an error that is the gateway's own.
    let answer = stage.chat("{");
    assert_eq!(answer.status, 400);
    let reset = &[
        "reset-requests 1m28.5s".to_owned(),
        "reset-tokens 1m57.9s".to_owned(),
    ];
    assert_eq!(&reported(&answer)[4..], reset);
    assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some("150"));
    assert_eq!(chat(&stage).status, 200);
    let answer = chat(&stage);
    assert_refused(
        &answer,
        "requests",
        "limit of 3 requests per minute is used up (3 used). Try again in 58.5s, at 2026-11-22T00:01:00.000Z",
        "59",
    );
    assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("3"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(answer.header("x-should-retry"), None);
    let cross_origin = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {KEY}"))
        .header("origin", "https://app.example")
        .body(Bytes::from_static(CHAT.as_bytes()));
    let answer = stage.send(cross_origin.unwrap());
    assert_eq!(answer.status, 429);
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("x-ratelimit-reset-requests"), "{exposed}");
}

#[test]
fn anthropics_clients_get_their_own_envelope() {
    let stage = stage(requests(1));
    assert_eq!(chat(&stage).status, 200);
    let answer = stage.send(post("/v1/messages", CHAT));
    assert_eq!(answer.status, 429);
    let body = answer.json();
    assert_eq!(body["type"], "error");
    assert_eq!(body["error"]["type"], "rate_limit_error");
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert!(message(&answer).contains("1 requests per minute"));
}

/// A body that must not be read.
struct Untouched;

impl http_body::Body for Untouched {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        panic!("the body of a request that is refused was read");
    }
}

#[test]
fn a_refusal_reads_no_body() {
    let stage = stage(requests(1));
    assert_eq!(chat(&stage).status, 200);
    for _ in 0..2 {
        let request = post("/v1/chat/completions", CHAT).map(|_| Untouched);
        let reply = block_on(proxy::handle(&stage.gateway, request));
        assert_eq!(reply.status(), 429);
    }
}

#[test]
fn a_refusal_is_remembered_until_it_ends_or_the_limits_change() {
    let stage = stage(requests(2));
    assert_eq!([chat(&stage).status, chat(&stage).status], [200, 200]);
    assert_eq!(chat(&stage).status, 429);
    let before = calls(&stage);
    for _ in 0..50 {
        let answer = chat(&stage);
        assert_eq!(answer.header("retry-after"), Some("60"));
    }
    assert_eq!(calls(&stage), before, "rejected from the local cache");
    stage.ports.advance_ms(30_000);
    assert_eq!(chat(&stage).header("retry-after"), Some("30"));
    assert_eq!(calls(&stage), before);
    // Another instance has no state yet, and gets the same result.
    assert_eq!(stage.another_instance().chat(CHAT).status, 429);
    assert_eq!(calls(&stage), before + 1);

    let raised = serde_json::to_vec(&document(requests(3))).unwrap();
    stage.ports.store().put(StoreKey::Config, raised);
    stage.ports.advance_ms(2_000);
    assert_eq!(chat(&stage).status, 200, "the limit was raised");
    assert_eq!(chat(&stage).status, 429);
    stage.ports.advance_ms(28_000);
    assert_eq!(chat(&stage).status, 200, "the window is over");
}

#[test]
fn one_request_is_one_call_and_a_count_of_requests_needs_no_other() {
    let stage = stage(requests(5));
    // The table is made by the first request.
    chat(&stage);
    let before = calls(&stage);
    chat(&stage);
    assert_eq!(calls(&stage), before + 1);
}

#[test]
fn tokens_and_money_count_when_they_are_spent() {
    let limit = |limits: KeyLimits| -> Stage { stage(limits) };
    let tokens_per_minute = limit(KeyLimits {
        tokens_per_minute: Some(150),
        ..NONE
    });
    let tokens_per_day = limit(KeyLimits {
        tokens_per_day: Some(150),
        ..NONE
    });
    let daily = limit(KeyLimits {
        daily_budget_micro_usd: Some(1_500_000),
        ..NONE
    });
    let monthly = limit(KeyLimits {
        monthly_budget_micro_usd: Some(1_500_000),
        ..NONE
    });
    // It is the 22nd of November, midnight.
    for (stage, kind, words, wait_ms) in [
        (
            tokens_per_minute,
            "tokens",
            "limit of 150 tokens per minute is used up (200 used)",
            75_000,
        ),
        (
            tokens_per_day,
            "tokens",
            "limit of 150 tokens per day (UTC) is used up (200 used)",
            DAY_MS,
        ),
        (
            daily,
            "insufficient_quota",
            "budget of $1.50 per day (UTC) is used up ($2.00 used)",
            DAY_MS,
        ),
        (
            monthly,
            "insufficient_quota",
            "budget of $1.50 per month (UTC) is used up ($2.00 used)",
            9 * DAY_MS,
        ),
    ] {
        // Nothing is used, then 100, which still is within the limit.
        assert_eq!(chat(&stage).status, 200, "{words}");
        assert_eq!(chat(&stage).status, 200, "{words}");
        let answer = chat(&stage);
        let seconds = u64::div_ceil(wait_ms, 1000).to_string();
        assert_refused(&answer, kind, words, &seconds);
        // SDKs wait a minute at most, so the response tells them not to retry by themselves.
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{words}");
        stage.ports.advance_ms(wait_ms - 1);
        assert_eq!(chat(&stage).status, 429, "{words}");
        stage.ports.advance_ms(1);
        assert_eq!(chat(&stage).status, 200, "{words}");
    }
}

#[test]
fn counting_tokens_takes_none() {
    let limits = KeyLimits {
        tokens_per_day: Some(150),
        monthly_budget_micro_usd: Some(1_500_000),
        ..NONE
    };
    let mut document = document(limits);
    document.settings.ledger = true;
    let stage = Stage::with_ledger(&document);
    stage.upstream(|call| {
        if call.head.uri.path().ends_with("/count_tokens") {
            // Also when it says so in the manner of an answer.
            FakeReply::json(
                200,
                r#"{"input_tokens":9000,"usage":{"input_tokens":9000}}"#,
            )
        } else {
            FakeReply::json(200, ANSWER)
        }
    });
    let words = "word ".repeat(1_000);
    let count = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{words}"}}]}}"#);
    for _ in 0..3 {
        let answer = stage.send(post("/v1/messages/count_tokens", &count));
        assert_eq!(answer.status, 200);
        stage.ports.run_background();
    }
    assert_eq!(chat(&stage).status, 200, "nothing of the limit is used");
    let rows = stage.ports.database().rows(
        "SELECT endpoint, prompt_tokens, completion_tokens, cost_micro_usd, estimated FROM request ORDER BY seq",
    );
    assert_eq!(rows.len(), 4, "all are recorded");
    for row in &rows[..3] {
        let figures: u64 = row[1..]
            .iter()
            .map(gateway_core::sql::SqlValue::count)
            .sum();
        assert_eq!(figures, 0, "{row:?}");
    }
}

#[test]
fn what_fails_takes_nothing_and_what_breaks_off_takes_what_was_given() {
    let stage = stage(KeyLimits {
        tokens_per_day: Some(100),
        ..NONE
    });
    stage.upstream(|_| FakeReply::json(400, "{}"));
    for _ in 0..3 {
        assert_eq!(chat(&stage).status, 400);
    }
    stage.upstream(|_| {
        let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n";
        FakeReply::pieces(200, "text/event-stream", [Bytes::from(piece)]).silent()
    });
    let request = post("/v1/chat/completions", r#"{"model":"m","stream":true}"#).map(Full::new);
    let reply = block_on(proxy::handle(&stage.gateway, request));
    assert_eq!(reply.status(), 200);
    drop(reply);
    stage.ports.run_background();
    // The client has left: 8 bytes of text are 2 tokens, 27 of the request 7.
    let row = &stage
        .ports
        .database()
        .rows("SELECT day_tokens FROM allowance")[0];
    assert_eq!(row[0].count(), 9);
}

fn client_key_named(name: &str) -> gateway_core::config::model::ClientKey {
    let mut key = client_key();
    key.id = format!("ck_{name}");
    key.hash = gateway_core::ids::hex(&gateway_core::ids::hash_client_key(
        format!("sk-{name}").as_bytes(),
    ));
    key
}

#[test]
fn keys_do_not_share_their_limits() {
    let stage = stage(requests(1));
    let mut document = document(requests(1));
    let mut other = client_key_named("other");
    other.limits = requests(1);
    document.keys.push(other);
    let stored = serde_json::to_vec(&document).unwrap();
    stage.ports.store().put(StoreKey::Config, stored);
    let ask = |key: &str| {
        let request = http::Request::post("/v1/chat/completions")
            .header("authorization", format!("Bearer {key}"))
            .body(Bytes::from_static(CHAT.as_bytes()));
        stage.send(request.unwrap()).status
    };
    assert_eq!(
        [ask(KEY), ask("sk-other"), ask(KEY), ask("sk-other")],
        [200, 200, 429, 429]
    );
}

#[test]
fn a_clock_that_was_set_back_locks_no_client_out() {
    let stage = stage(requests(1));
    stage.ports.set_now(Timestamp(START.0 + 400 * DAY_MS));
    assert_eq!(stage.another_instance().chat(CHAT).status, 200);
    stage.ports.set_now(START);
    assert_eq!(stage.another_instance().chat(CHAT).status, 200);
    assert_eq!(stage.another_instance().chat(CHAT).status, 429);
    stage.ports.advance_ms(60_000);
    assert_eq!(stage.another_instance().chat(CHAT).status, 200);
}
