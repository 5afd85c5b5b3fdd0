//! Limits of tokens and money while requests are in progress: what they may use is reserved, and given back when they end.

use super::*;

/// 29 bytes are 8 tokens, and the answer has 14 at most.
const SMALL: &str = r#"{"model":"m","max_tokens":14}"#;
const SMALL_TOKENS: u64 = 22;

/// Limits of tokens and money, by the number of requests of [`SMALL`] that find something left.
fn kinds_of(requests: u64) -> [KeyLimits; 4] {
    let tokens = Some((requests - 1) * SMALL_TOKENS + 1);
    // A cent each.
    let cost = tokens.map(|tokens| tokens * 10_000);
    [
        KeyLimits {
            tokens_per_minute: tokens,
            ..NONE
        },
        KeyLimits {
            tokens_per_day: tokens,
            ..NONE
        },
        KeyLimits {
            daily_budget_micro_usd: cost,
            ..NONE
        },
        KeyLimits {
            monthly_budget_micro_usd: cost,
            ..NONE
        },
    ]
}

/// Tokens of the minute, tokens and cost of the day, and what is reserved of both.
fn counted(stage: &Stage) -> [u64; 5] {
    let columns = "tokens, day_tokens, day_cost, reserved_tokens + reserved_tokens_before, \
        reserved_cost + reserved_cost_before";
    let query = format!("SELECT {columns} FROM allowance WHERE key = 'ck_test'");
    let row = &stage.ports.database().rows(&query)[0];
    [0, 1, 2, 3, 4].map(|index| row[index].count())
}

/// Answers of requests at the same time, over some instances.
fn at_once(stage: &Stage, instances: usize, requests: usize, body: &'static str) -> Vec<u16> {
    let gateways: Vec<_> = (0..instances)
        .map(|_| stage.another_instance().gateway)
        .collect();
    let requests = (0..requests).map(|number| {
        let gateway = Rc::clone(&gateways[number % instances]);
        async move {
            let request = post("/v1/chat/completions", body).map(Full::new);
            let reply = proxy::handle(&gateway, request).await;
            let status = reply.status().as_u16();
            let _read = gateway_testkit::fakes::read_body(reply).await;
            status
        }
    });
    block_on(join_all(requests))
}

#[test]
fn of_a_burst_as_many_pass_as_find_something_left() {
    for instances in [1, 200] {
        for limits in kinds_of(5) {
            let stage = stage(limits);
            let statuses = at_once(&stage, instances, 200, SMALL);
            let passed = statuses.iter().filter(|status| **status == 200).count();
            assert_eq!(passed, 5, "{limits:?}, {instances} instances");
            assert!(statuses.iter().all(|status| [200, 429].contains(status)));
            assert_eq!(stage.ports.upstream().requests().len(), 5);
        }
    }
}

#[test]
fn a_request_that_is_larger_than_the_whole_limit_passes_alone() {
    for limits in kinds_of(1) {
        let stage = stage(limits);
        let statuses = at_once(&stage, 1, 50, CHAT);
        let passed = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(passed, 1, "{limits:?}");
    }
}

#[test]
fn who_is_rejected_for_requests_in_progress_is_told_so_and_passes_after_them() {
    for (limits, words) in kinds_of(2).into_iter().zip([
        "limit of 23 tokens per minute is used up (0 used, 1007 reserved for requests in progress)",
        "limit of 23 tokens per day (UTC) is used up (0 used, 1007 reserved for requests in progress)",
        "budget of $0.23 per day (UTC) is used up ($0.00 used, $10.07 reserved for requests in progress)",
        "budget of $0.23 per month (UTC) is used up ($0.00 used, $10.07 reserved for requests in progress)",
    ]) {
        let stage = stage(limits);
        stage.upstream(|_| {
            let usage = r#"{"prompt_tokens":4,"completion_tokens":5}"#;
            let answer = format!(r#"{{"choices":[{{"message":{{"content":"y"}},"finish_reason":"stop"}}],"usage":{usage}}}"#);
            FakeReply::json(200, answer)
        });
        // Without a bound of its answer, a request may use 1,000 tokens besides its prompt.
        assert_eq!(stage.chat(CHAT).status, 200);
        let answer = stage.chat(CHAT);
        assert_eq!(answer.error(), (429, "rate_limit_exceeded".to_owned()));
        assert!(message(&answer).contains(words), "{}", message(&answer));
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert_eq!(answer.header("x-should-retry"), None);
        if limits.daily_budget_micro_usd.or(limits.monthly_budget_micro_usd).is_none() {
            assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some("0"));
        }
        stage.ports.run_background();
        assert_eq!(stage.chat(CHAT).status, 200, "{words}: not remembered");
        stage.ports.run_background();
        let [minute, day, _, reserved, reserved_cost] = counted(&stage);
        assert_eq!([minute, day, reserved, reserved_cost], [18, 18, 0, 0]);
    }
}

#[test]
fn whatever_becomes_of_a_request_its_reservation_ends() {
    let limits = KeyLimits {
        tokens_per_minute: Some(10_000),
        daily_budget_micro_usd: Some(1_000_000_000),
        ..NONE
    };
    let stage = stage(limits);
    let before_settling = |stage: &Stage| {
        let [.., reserved, reserved_cost] = counted(stage);
        assert_eq!([reserved, reserved_cost], [1_007, 10_070_000]);
        stage.ports.run_background();
    };
    // Every attempt fails.
    for status in [400, 500, 429, 401] {
        stage.upstream(move |_| FakeReply::json(status, "{}"));
        assert_ne!(stage.another_instance().chat(CHAT).status, 200);
        before_settling(&stage);
        assert_eq!(counted(&stage), [0; 5], "{status}");
        stage.ports.advance_ms(DAY_MS);
    }
    // A stream breaks after 8 bytes of text, or its client leaves then.
    for is_broken in [true, false] {
        stage.upstream(move |_| {
            let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n";
            let reply = FakeReply::pieces(200, "text/event-stream", [Bytes::from(piece)]);
            if is_broken {
                reply.broken_by(gateway_core::ports::SendErrorKind::Reset)
            } else {
                reply.silent()
            }
        });
        let body = r#"{"model":"m","stream":true}"#;
        let gateway = stage.another_instance().gateway;
        let request = post("/v1/chat/completions", body).map(Full::new);
        let reply = block_on(proxy::handle(&gateway, request));
        assert_eq!(reply.status(), 200);
        if is_broken {
            let _broken = block_on(gateway_testkit::fakes::read_body(reply));
        } else {
            drop(reply);
        }
        before_settling(&stage);
        assert_eq!(counted(&stage), [9, 9, 90_000, 0, 0], "{is_broken}");
        stage.ports.advance_ms(DAY_MS);
    }
    // The client leaves before there is an answer.
    stage.upstream(|_| FakeReply::pieces(200, "text/event-stream", []).silent());
    let gateway = stage.another_instance().gateway;
    let request = post("/v1/chat/completions", r#"{"model":"m","stream":true}"#).map(Full::new);
    let mut call = Box::pin(proxy::handle(&gateway, request));
    for _ in 0..20 {
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
    }
    drop(call);
    before_settling(&stage);
    assert_eq!(counted(&stage), [0; 5]);
}

#[test]
fn what_an_instance_reserved_that_died_lapses_with_its_window() {
    for (limits, lapses_ms) in kinds_of(2)
        .into_iter()
        .zip([120_000, 1_200_000, 1_200_000, 1_200_000])
    {
        // What goes on after responses is never run.
        let stage = stage(limits);
        assert_eq!(stage.another_instance().chat(CHAT).status, 200);
        assert_eq!(stage.another_instance().chat(CHAT).status, 429);
        stage.ports.advance_ms(lapses_ms - 1_000);
        let status = stage.another_instance().chat(CHAT).status;
        assert_eq!(status, if lapses_ms == 120_000 { 200 } else { 429 });
        stage.ports.advance_ms(lapses_ms);
        assert_eq!(
            stage.another_instance().chat(CHAT).status,
            200,
            "{limits:?}"
        );
    }
}

#[test]
fn a_request_takes_one_call_before_its_answer_and_one_after_it() {
    for limits in kinds_of(500) {
        let stage = stage(limits);
        stage.chat(CHAT);
        stage.ports.run_background();
        let before = calls(&stage);
        assert_eq!(stage.chat(r#"{"model":"m"}"#).status, 200);
        assert_eq!(calls(&stage), before + 1);
        stage.ports.run_background();
        assert_eq!(calls(&stage), before + 2);
    }
}

#[test]
fn a_body_that_is_not_understood_is_a_request_all_the_same() {
    let stage = stage(KeyLimits {
        tokens_per_day: Some(1_000_000),
        ..requests(2)
    });
    let unknown = r#"{"model":"unknown"}"#;
    let mut document = document(KeyLimits {
        tokens_per_day: Some(1_000_000),
        ..requests(2)
    });
    document.channels[0].models = vec!["m".to_owned()];
    let stored = serde_json::to_vec(&document).unwrap();
    stage.ports.store().put(StoreKey::Config, stored);
    assert_eq!(stage.chat("{").status, 400);
    let answer = stage.chat(unknown);
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    for body in ["{", unknown, CHAT] {
        assert_eq!(stage.another_instance().chat(body).status, 429, "{body}");
    }
}

#[test]
fn the_price_is_that_of_the_dearest_channel_that_may_answer() {
    let mut dear = document(KeyLimits {
        daily_budget_micro_usd: Some(1_000_000_000),
        ..NONE
    });
    let price = Price {
        prompt: 0,
        completion: 50_000_000_000,
        ..Price::default()
    };
    let mut other = channel("b", 1);
    other.prices.insert("m".to_owned(), price);
    let mut off = channel("c", 1);
    off.prices.insert(
        "m".to_owned(),
        Price {
            completion: 90_000_000_000,
            ..Price::default()
        },
    );
    off.enabled = false;
    dear.channels.extend([other, off]);
    let stage = Stage::with(&dear);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    assert_eq!(stage.chat(SMALL).status, 200);
    let [.., reserved_cost] = counted(&stage);
    assert_eq!(reserved_cost, 14 * 50_000);
}
