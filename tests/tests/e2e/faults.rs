//! What upstreams really send, on the shipped components: ends, first events, errors and whose they are, waits, usage,
//! frames without data. The tables of all spellings are in the tests of the core.

use std::time::{Duration, Instant};

use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::{Value, json};

use crate::Outcome;

const TEXT: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn sse(pieces: &[&str]) -> Action {
    Action::sse(
        pieces
            .iter()
            .map(|piece| Chunk::new(String::from(*piece)))
            .collect::<Vec<_>>(),
    )
}

/// For each row a separate channel, named like its model, and behind it one with the key `spare`.
async fn stage(rows: &[(&str, Action)]) -> anyhow::Result<Stage> {
    let stage = Stage::start().await?;
    for (name, action) in rows {
        let first = json!({"keys": [name], "models": [name], "idle_timeout_ms": 1000, "first_byte_timeout_ms": 1000,
            "connect_timeout_ms": 1000});
        stage.channel(name, &first).await?;
        let spare = json!({"keys": ["spare"], "models": [name], "priority": 1});
        stage.channel(&format!("{name}-spare"), &spare).await?;
        stage.upstream.rule(Rule::always(action.clone()).key(name));
    }
    Ok(stage)
}

async fn ask(stage: &Stage, path: &str, model: &str, is_stream: bool) -> anyhow::Result<Reply> {
    let body = json!({"model": model, "stream": is_stream, "input": "Hi", "max_tokens": 5,
        "messages": [{"role": "user", "content": "Hi"}]});
    stage.post(path, &body).await
}

const CHAT: &str = "/v1/chat/completions";

/// Whether the second channel gave the answer.
fn is_spare(reply: &Reply, name: &str) -> bool {
    assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    reply.header("x-gateway-channel") == Some(&format!("{name}-spare"))
}

#[tokio::test]
async fn a_stream_that_ends_before_all_its_choices_is_incomplete() -> Outcome {
    let empty = STOP.replace("\"stop\"", "\"\"");
    let null = STOP.replace("\"stop\"", "\"null\"");
    let second = TEXT.replace("\"index\":0", "\"index\":1");
    let second_stop = STOP.replace("\"index\":0", "\"index\":1");
    let rows = [
        ("empty-reason", sse(&[TEXT, &empty])),
        ("null-reason", sse(&[TEXT, &null])),
        ("one-of-two", sse(&[TEXT, &second, STOP])),
        ("both", sse(&[TEXT, &second, STOP, &second_stop])),
        ("empty-then-done", sse(&[TEXT, &empty, DONE])),
    ];
    let stage = stage(&rows).await?;
    for (name, _) in &rows {
        let text = stage.whole_stream(name).await?.text();
        let is_cut = !matches!(*name, "both" | "empty-then-done");
        assert!(text.starts_with(TEXT), "{name}: {text}");
        assert_eq!(text.contains("stream_incomplete"), is_cut, "{name}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_role_alone_still_fails_over() -> Outcome {
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\n\
        event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    let item = "data: {\"type\":\"response.created\",\"response\":{}}\n\n\
        data: {\"type\":\"response.output_item.added\",\"item\":{\"id\":\"i\",\"type\":\"message\",\"content\":[]}}\n\n";
    let error = "data: {\"error\":{\"code\":503,\"message\":\"overloaded\"}}\n\n";
    let rows = [
        ("error", sse(&[ROLE, error]), CHAT),
        ("end", sse(&[ROLE]), CHAT),
        ("mark", sse(&[ROLE, DONE]), CHAT),
        ("reset", sse(&[ROLE]).then(End::Reset), CHAT),
        ("silence", sse(&[ROLE]).then(End::Hang), CHAT),
        ("block", sse(&[start]), "/v1/messages"),
        ("item", sse(&[item]), "/v1/responses"),
    ];
    let channels: Vec<_> = rows
        .iter()
        .map(|(name, action, _)| (*name, action.clone()))
        .collect();
    let stage = stage(&channels).await?;
    let message = json!({"type": "message", "content": [{"type": "text", "text": "a"}]});
    let messages = Rule::always(Action::json(200, &message)).path("/v1/messages");
    stage.upstream.rule(messages.key("spare"));
    for (name, _, path) in rows {
        let reply = ask(&stage, path, name, true).await?;
        assert!(is_spare(&reply, name), "{name}: {}", reply.text());
        assert!(!reply.text().contains("\"error\":{"), "{}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn an_empty_error_is_none_and_an_answer_without_a_choice_is_no_answer() -> Outcome {
    let good =
        json!({"error": {}, "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]});
    let event = "data: {\"error\":\"\",\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    let rows = [
        ("good", Action::json(200, &good)),
        ("good-event", sse(&[event])),
        (
            "no-choices",
            Action::json(200, &json!({"id": "x", "choices": []})),
        ),
        (
            "null-choices",
            Action::json(200, &json!({"id": "x", "choices": null})),
        ),
    ];
    let stage = stage(&rows).await?;
    for (name, _) in &rows {
        let reply = ask(&stage, CHAT, name, *name == "good-event").await?;
        assert_eq!(is_spare(&reply, name), name.ends_with("choices"), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn whose_error_it_is() -> Outcome {
    let own = |code: &str| json!({"error": {"code": code, "message": "because"}});
    let failed = json!({"object": "response", "status": "failed", "output": [],
        "error": {"code": "invalid_image", "message": "because"}});
    let failed_event = format!("data: {{\"type\":\"response.failed\",\"response\":{failed}}}\n\n");
    let first_event = format!("data: {}\n\n", own("data_inspection_failed"));
    let rate = json!({"error": {"code": "rate_limit_exceeded", "type": "tokens", "message": "Request too large"}});
    let clients = [
        (
            "dashscope",
            Action::json(200, &own("data_inspection_failed")),
            CHAT,
            false,
        ),
        ("dashscope-event", sse(&[ROLE, &first_event]), CHAT, true),
        ("failed", Action::json(200, &failed), "/v1/responses", false),
        ("failed-event", sse(&[&failed_event]), "/v1/responses", true),
    ];
    let between = [405_u16, 406, 407, 421, 424, 426, 428, 431, 451, 498, 499];
    let names: Vec<String> = between.iter().map(|status| format!("s{status}")).collect();
    let mut rows: Vec<(&str, Action)> = clients
        .iter()
        .map(|(name, action, ..)| (*name, action.clone()))
        .collect();
    for (name, status) in names.iter().zip(between) {
        rows.push((name, Action::json(status, &own("invalid_request_error"))));
    }
    rows.push(("too-large", Action::json(413, &rate)));
    let stage = stage(&rows).await?;
    for (name, _, path, is_stream) in clients {
        for calls in 1..=2 {
            let reply = ask(&stage, path, name, is_stream).await?;
            assert_eq!(reply.failure()?.0, 400, "{name}");
            assert_eq!(reply.error()?["message"], "because", "{name}");
            assert_eq!(stage.upstream.records_of(name).len(), calls, "{name}");
        }
    }
    assert!(stage.upstream.records_of("spare").is_empty());
    for name in names.iter().map(String::as_str).chain(["too-large"]) {
        assert!(
            is_spare(&ask(&stage, CHAT, name, false).await?, name),
            "{name}"
        );
    }
    // The key that could not take the large request goes on.
    ask(&stage, CHAT, "too-large", false).await?;
    assert_eq!(stage.upstream.records_of("too-large").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_key_that_asks_for_more_than_a_day_is_left_alone() -> Outcome {
    let throttled = |value: &str| {
        Action::error(429, "rate_limit_exceeded", "slow").header("retry-after", value)
    };
    let rows = [
        ("a-day", throttled("86400")),
        ("a-year", throttled("31536000")),
        ("epoch", throttled("99999999999")),
    ];
    let stage = stage(&rows).await?;
    for (name, _) in &rows {
        for _ in 0..3 {
            let reply = ask(&stage, CHAT, name, false).await?;
            assert!(is_spare(&reply, name));
        }
        assert_eq!(stage.upstream.records_of(name).len(), 1, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn usage_in_odd_places() -> Outcome {
    let null = TEXT.replace("]}", "],\"usage\":null}");
    let usage = "data: {\"id\":\"c\",\"choices\":null,\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5}}";
    let rows = [
        (
            "with-mark",
            sse(&[&null, STOP, &format!("{usage}\n\n"), DONE]),
        ),
        ("without-blank-line", sse(&[&null, STOP, usage])),
        ("count", Action::json(200, &json!({"input_tokens": 9000}))),
    ];
    let stage = stage(&rows).await?;
    let (_, key) = stage
        .admin
        .client_key(&json!({"name": "limited", "limits": {"tokens_per_day": 100}}))
        .await?;
    for name in ["with-mark", "without-blank-line"] {
        let text = stage.whole_stream(name).await?.text();
        assert!(!text.contains("usage"), "{name}: {text}");
        let body =
            json!({"model": name, "stream": true, "stream_options": {"include_usage": true}});
        let text = stage.post(CHAT, &body).await?.text();
        assert!(
            text.contains(&format!("{usage}\n\n")) && text.contains(&null),
            "{name}: {text}"
        );
    }
    let words = "word ".repeat(1_000);
    let body = json!({"model": "count", "messages": [{"role": "user", "content": words}]});
    for _ in 0..3 {
        let request = stage
            .http
            .post(stage.gateway.url("/v1/messages/count_tokens"))
            .bearer_auth(&key)
            .header("content-type", "application/json")
            .body(body.to_string());
        let reply = Reply::of(request).await?;
        assert_eq!(
            (reply.status, reply.json()?),
            (200, json!({"input_tokens": 9000}))
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}

#[tokio::test]
async fn frames_without_data_and_padding() -> Outcome {
    let frames = "event: ping\n\nretry: 3000\n\nid: 7\n\ndata:\n\n";
    let padding = Action {
        chunks: (0..20)
            .map(|_| Chunk::after(Duration::from_millis(300), ": wait\n\n "))
            .collect(),
        ..Action::raw(200, "application/json", "")
    };
    let rows = [
        ("frames", sse(&[frames, TEXT, frames, STOP, frames, DONE])),
        ("padding", padding),
    ];
    let stage = stage(&rows).await?;
    let text = stage.whole_stream("frames").await?.text();
    assert_eq!(text.replace(": ping\n", ""), [TEXT, STOP, DONE].concat());
    let start = Instant::now();
    let reply = ask(&stage, CHAT, "padding", false).await?;
    assert!(is_spare(&reply, "padding"));
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    let answer: Value = reply.json()?;
    assert_eq!(answer["model"], "padding");
    Ok(())
}
