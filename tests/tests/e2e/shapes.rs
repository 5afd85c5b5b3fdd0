//! Answers in another shape than requested, and with wrong content types.

use std::time::{Duration, Instant};

use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::{Value, json};

use crate::Outcome;

const CHAT: &str = "/v1/chat/completions";
const HELLO: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hi \"}}]}\n\n";
const THERE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"there\"}}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn chat() -> Value {
    json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "hi there"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
}

fn response() -> Value {
    json!({"id": "r", "object": "response", "status": "completed", "output": [{"id": "i", "type": "message", "content":
        [{"type": "output_text", "text": "hi there", "annotations": []}]}], "usage": {"input_tokens": 3, "output_tokens": 2}})
}

fn message() -> Value {
    json!({"id": "m", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "hi there"}],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 2}})
}

/// Events under a label, in pieces of a few bytes.
fn events(label: &str, text: &str) -> Action {
    let mut action = Action::raw(200, label, "");
    let bytes = text.as_bytes().chunks(11);
    action.chunks = bytes.map(|piece| Chunk::new(piece.to_vec())).collect();
    action
}

/// A channel `first` that does this, and behind it a channel `second` that answers as usual.
async fn two_channels(first: Action) -> anyhow::Result<Stage> {
    let stage = Stage::start().await?;
    for (name, priority) in [("first", 0), ("second", 1)] {
        let members = json!({"keys": [name], "models": ["m"], "priority": priority});
        stage.channel(name, &members).await?;
    }
    stage.upstream.rule(Rule::always(first).key("first"));
    Ok(stage)
}

async fn ask(stage: &Stage, path: &str, stream: bool) -> anyhow::Result<Reply> {
    let body =
        json!({"model": "m", "stream": stream, "messages": [], "input": "x", "max_tokens": 9});
    let reply = stage.post(path, &body).await?;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    let label = if stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    assert_eq!(reply.header("content-type"), Some(label), "{path}");
    Ok(reply)
}

#[tokio::test]
async fn whole_answers_become_streams_and_streams_become_whole_answers() -> Outcome {
    let stage = Stage::with_channel().await?;
    for (path, whole, end) in [
        (CHAT, chat(), "data: [DONE]\n\n"),
        ("/v1/responses", response(), "}}\n\n"),
        ("/v1/messages", message(), "{\"type\":\"message_stop\"}\n\n"),
    ] {
        stage.upstream.reset();
        stage.upstream.rule(Rule::always(Action::json(200, &whole)));
        let stream = ask(&stage, path, true).await?.text();
        assert!(
            stream.contains("hi there") && stream.ends_with(end),
            "{stream}"
        );
        stage.upstream.reset();
        stage
            .upstream
            .rule(Rule::always(events("text/event-stream", &stream)));
        let mut expected = whole;
        if path == CHAT {
            // The client did not ask the stream for its usage.
            expected.as_object_mut().map(|chat| chat.remove("usage"));
        }
        assert_eq!(ask(&stage, path, false).await?.json()?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn what_fails_inside_the_other_shape_goes_on_with_the_next_channel() -> Outcome {
    let error = json!({"error": {"code": 503, "message": "busy"}});
    for (stream, action) in [
        (true, Action::json(200, &error)),
        (true, Action::raw(200, "text/plain", error.to_string())),
        (true, Action::json(200, &json!({"choices": []}))),
        (
            false,
            events("text/event-stream", &format!("{HELLO}data: {error}\n\n")),
        ),
        (false, events("text/event-stream", HELLO)),
        (
            false,
            events("text/plain", &[HELLO, STOP].concat()).then(End::Reset),
        ),
    ] {
        let shown = format!("{stream} {action:?}");
        let stage = two_channels(action).await?;
        let reply = ask(&stage, CHAT, stream).await?;
        assert_eq!(reply.header("x-gateway-channel"), Some("second"), "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn labels_do_not_decide_what_is_a_stream() -> Outcome {
    let whole = [HELLO, THERE, STOP, DONE].concat();
    for label in [
        "text/plain",
        "application/json",
        "Text/Event-Stream; charset=UTF-8",
    ] {
        let stage = two_channels(events(label, &whole)).await?;
        let reply = ask(&stage, CHAT, true).await?;
        assert_eq!(reply.text(), whole, "{label}");
        let answer = ask(&stage, CHAT, false).await?.json()?;
        assert_eq!(
            answer["choices"][0]["message"]["content"], "hi there",
            "{label}"
        );
        let cut = two_channels(events(label, HELLO)).await?;
        let text = ask(&cut, CHAT, true).await?.text();
        assert!(
            text.starts_with(HELLO) && text.contains("stream_incomplete"),
            "{label}: {text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn events_under_another_label_are_not_delayed() -> Outcome {
    let stage = Stage::with_channel().await?;
    let mut action = Action::raw(200, "text/plain", "");
    let rest = [THERE, STOP, DONE].concat();
    action.chunks = vec![
        Chunk::new(HELLO),
        Chunk::after(Duration::from_secs(3), rest),
    ];
    stage.upstream.rule(Rule::always(action));
    let began = Instant::now();
    let mut response = stage.stream("m").await?;
    let first = response.chunk().await?.unwrap_or_default();
    assert_eq!(first, HELLO);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    Ok(())
}
