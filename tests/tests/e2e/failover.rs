//! The failover table, one request per row: what goes on with the next candidate, and what is the client's.

use std::time::Duration;

use gateway_testkit::upstream::{Action, Chunk, End, Refusing, Rule, Unaccepting};
use gateway_tests::{Reply, Stage};
use serde_json::{Value, json};

use crate::Outcome;

/// A channel that fails for the model `name`, and one behind it that works.
async fn pair(stage: &Stage, name: &str, first: &Value) -> Outcome {
    let mut members = json!({"keys": [bad(name)], "models": [name]});
    for (member, value) in first.as_object().into_iter().flatten() {
        members[member] = value.clone();
    }
    stage.channel(&format!("{name}-first"), &members).await?;
    let second = json!({"keys": [good(name)], "models": [name], "priority": 1});
    stage.channel(&format!("{name}-second"), &second).await?;
    Ok(())
}

fn bad(name: &str) -> String {
    format!("{name}-bad-key")
}

fn good(name: &str) -> String {
    format!("{name}-good-key")
}

/// The reply comes from the second channel, after one attempt at the first.
fn assert_second(name: &str, reply: &Reply) {
    assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    assert_eq!(reply.header("x-gateway-attempts"), Some("2"), "{name}");
}

fn statuses() -> Vec<(&'static str, Action)> {
    let nim = |status: u16, body: Value| Action::json(status, &body);
    vec![
        ("s500", Action::error(500, "server_error", "broken")),
        (
            "s502html",
            Action::raw(502, "text/html", "<html>bad gateway</html>"),
        ),
        ("s503", Action::error(503, "server_is_overloaded", "busy")),
        ("s529", Action::error(529, "overloaded", "busy")),
        ("s408", Action::error(408, "timeout", "slow")),
        (
            "s429",
            Action::error(429, "rate_limit_exceeded", "slow down").header("retry-after", "20"),
        ),
        (
            "s429nim",
            nim(429, json!({"status": 429, "title": "Too Many Requests"})),
        ),
        ("s401", Action::error(401, "invalid_api_key", "wrong key")),
        (
            "s402",
            nim(
                402,
                json!({"error": {"code": 402, "message": "no credits"}}),
            ),
        ),
        ("s403", Action::error(403, "forbidden", "no")),
        (
            "s404",
            Action::error(404, "model_not_found", "the model does not exist"),
        ),
        (
            "s404nim",
            nim(
                404,
                json!({"status": 404, "detail": "Function 'x': Not found for account 'y'"}),
            ),
        ),
        (
            "s400nim",
            nim(
                400,
                json!({"status": 400, "detail": "DEGRADED function cannot be invoked"}),
            ),
        ),
        (
            "ok500",
            nim(
                200,
                json!({"error": {"code": 502, "message": "provider returned error"}}),
            ),
        ),
        (
            "ok429",
            nim(
                200,
                json!({"error": {"code": 429, "message": "rate limited"}}),
            ),
        ),
        ("reset", Action::reset()),
        ("close", Action::close()),
    ]
}

#[tokio::test]
async fn failures_of_a_channel_or_key_go_on_with_the_next() -> Outcome {
    let stage = Stage::start().await?;
    for (name, action) in statuses() {
        pair(&stage, name, &json!({})).await?;
        stage.upstream.rule(Rule::always(action).key(&bad(name)));
    }
    for (name, _) in statuses() {
        let reply = stage.chat(name).await?;
        assert_second(name, &reply);
        // A connection that was used before and breaks says nothing of the channel, which is then called on a new one.
        let most = if ["reset", "close"].contains(&name) {
            2
        } else {
            1
        };
        let calls = stage.upstream.records_of(&bad(name)).len();
        assert!((1..=most).contains(&calls), "{name}: {calls} calls");
        assert_eq!(stage.upstream.records_of(&good(name)).len(), 1, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn connections_that_do_not_come_about_go_on_with_the_next() -> Outcome {
    let stage = Stage::start().await?;
    let refusing = Refusing::new()?;
    let unaccepting = Unaccepting::new()?;
    pair(&stage, "refused", &json!({"base_url": refusing.base_url()})).await?;
    pair(
        &stage,
        "unaccepted",
        &json!({"base_url": unaccepting.base_url(), "connect_timeout_ms": 1000}),
    )
    .await?;
    pair(
        &stage,
        "unknown",
        &json!({"base_url": "https://no-such-host.invalid/v1"}),
    )
    .await?;
    pair(&stage, "silent", &json!({"first_byte_timeout_ms": 1000})).await?;
    stage
        .upstream
        .rule(Rule::always(Action::hang()).key(&bad("silent")));
    for name in ["refused", "unaccepted", "unknown", "silent"] {
        let start = std::time::Instant::now();
        let reply = stage.chat(name).await?;
        assert_second(name, &reply);
        assert!(
            start.elapsed() < Duration::from_secs(4),
            "{name}: {:?}",
            start.elapsed()
        );
    }
    Ok(())
}

#[tokio::test]
async fn streams_that_fail_before_their_first_event_go_on_unseen() -> Outcome {
    let stage = Stage::start().await?;
    let error = "data: {\"error\":{\"code\":429,\"message\":\"rate limited\"}}\n\n";
    let rows = [
        (
            "first-event",
            Action::sse([Chunk::new(error), Chunk::new("data: [DONE]\n\n")]),
        ),
        (
            "after-comments",
            Action::sse([
                Chunk::new(": OPENROUTER PROCESSING\n\n"),
                Chunk::after(Duration::from_millis(30), ": OPENROUTER PROCESSING\n\n"),
                Chunk::new(error),
            ]),
        ),
        ("nothing", Action::sse([Chunk::new(": ping\n\n")])),
        (
            "reset",
            Action::sse([Chunk::new(": ping\n\n")]).then(End::Reset),
        ),
        ("empty-reset", Action::sse([]).then(End::Reset)),
        (
            "json-body",
            Action::json(
                200,
                &json!({"error": {"code": 503, "message": "no provider"}}),
            ),
        ),
        ("status", Action::error(500, "server_error", "broken")),
    ];
    for (name, action) in rows.clone() {
        pair(&stage, name, &json!({})).await?;
        stage.upstream.rule(Rule::always(action).key(&bad(name)));
    }
    for (name, _) in rows {
        let reply = stage.whole_stream(name).await?;
        assert_second(name, &reply);
        let text = reply.text();
        assert!(
            text.ends_with("data: [DONE]\n\n") && !text.contains("error"),
            "{name}: {text}"
        );
        assert!(
            reply
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("text/event-stream"))
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_next_key_of_a_channel_comes_before_the_next_channel() -> Outcome {
    let stage = Stage::start().await?;
    for (name, action) in [
        ("k500", Action::error(500, "server_error", "broken")),
        ("k429", Action::error(429, "rate_limit_exceeded", "slow")),
        ("k401", Action::error(401, "invalid_api_key", "wrong")),
    ] {
        pair(
            &stage,
            name,
            &json!({"keys": [format!("{name}-1"), format!("{name}-2")]}),
        )
        .await?;
        for number in 1..=2 {
            let key = format!("{name}-{number}");
            stage
                .upstream
                .rule(Rule::always(action.clone()).key(&key).times(1));
        }
    }
    for name in ["k500", "k429", "k401"] {
        let reply = stage.chat(name).await?;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        assert_eq!(reply.header("x-gateway-attempts"), Some("3"), "{name}");
        for number in 1..=2 {
            assert_eq!(
                stage.upstream.records_of(&format!("{name}-{number}")).len(),
                1,
                "{name}-{number}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_connection_leaves_the_channels_other_keys_for_last() -> Outcome {
    let stage = Stage::start().await?;
    let refusing = Refusing::new()?;
    let keys = json!({"keys": ["a", "b", "c"], "base_url": refusing.base_url()});
    pair(&stage, "refused", &keys).await?;
    assert_second("refused", &stage.chat("refused").await?);
    Ok(())
}

#[tokio::test]
async fn a_request_at_fault_is_returned_to_the_client() -> Outcome {
    let stage = Stage::start().await?;
    let filter = json!({"error": {"message": "filtered", "type": null, "param": "prompt", "code": "content_filter", "status": 400}});
    let rows = [
        (
            "s400",
            400,
            Some("bad_value"),
            Action::error(400, "bad_value", "temperature is too high"),
        ),
        (
            "filter",
            400,
            Some("content_filter"),
            Action::json(400, &filter),
        ),
        (
            "s413",
            413,
            Some("too_large"),
            Action::error(413, "too_large", "too large"),
        ),
        (
            "s422",
            422,
            None,
            Action::json(
                422,
                &json!({"detail": [{"loc": ["body", "n"], "msg": "not an integer"}]}),
            ),
        ),
        (
            "s400text",
            400,
            None,
            Action::raw(400, "text/plain", "bad request"),
        ),
    ];
    for (name, _, _, action) in rows.clone() {
        pair(&stage, name, &json!({})).await?;
        stage.upstream.rule(Rule::always(action).key(&bad(name)));
    }
    for (name, status, code, _) in rows {
        let reply = stage.chat(name).await?;
        assert_eq!(reply.status, status, "{name}: {}", reply.text());
        let error = reply.error()?;
        if let Some(code) = code {
            assert_eq!(error["code"], code, "{name}");
        }
        assert!(!reply.message()?.is_empty(), "{name}");
        assert_eq!(reply.header("x-gateway-attempts"), Some("1"), "{name}");
        assert!(
            stage.upstream.records_of(&good(name)).is_empty(),
            "{name}: no other channel was called"
        );
    }
    Ok(())
}
