//! Answers that are no streams: whole, of any size and kind, or not at all.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use crate::Outcome;

const MIB: usize = 1024 * 1024;

/// A channel `first` and, behind it, a channel `second`, which answers as usual.
async fn two_channels(first: Action) -> anyhow::Result<Stage> {
    let stage = Stage::start().await?;
    stage
        .channel(
            "first",
            &json!({"keys": ["first"], "models": ["m"], "idle_timeout_ms": 1000}),
        )
        .await?;
    stage
        .channel(
            "second",
            &json!({"keys": ["second"], "models": ["m"], "priority": 1}),
        )
        .await?;
    stage.upstream.rule(Rule::always(first).key("first"));
    Ok(stage)
}

#[tokio::test]
async fn an_answer_passes_byte_for_byte_whatever_its_size_and_pieces() -> Outcome {
    let stage = Stage::with_channel().await?;
    for (size, piece) in [(0, 1), (3, 1), (100_000, 777), (20 * MIB, 1 << 16)] {
        let body = Bytes::from(format!(
            "{{\"n\": 1.0,  \"pad\":\"{}\"}}\n",
            "ä".repeat(size / 2)
        ));
        let mut action = Action::raw(200, "application/json", Bytes::new());
        action.chunks = (0..body.len())
            .step_by(piece)
            .map(|at| Chunk::new(body.slice(at..body.len().min(at + piece))))
            .collect();
        stage.upstream.reset();
        stage.upstream.rule(Rule::always(action));
        let reply = stage.chat("m").await?;
        assert_eq!(reply.status, 200);
        assert!(
            reply.body == body,
            "{} bytes of {}",
            reply.body.len(),
            body.len()
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_no_json_passes_as_it_is() -> Outcome {
    let stage = Stage::with_channel().await?;
    let bytes: Bytes = (0..=255_u8).cycle().take(100_000).collect();
    stage
        .upstream
        .rule(Rule::always(Action::raw(200, "audio/mpeg", bytes.clone())));
    let reply = stage
        .post("/v1/audio/speech", &json!({"model": "m", "input": "x"}))
        .await?;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("audio/mpeg"))
    );
    assert!(reply.body == bytes);
    Ok(())
}

#[tokio::test]
async fn comments_before_a_json_answer_are_removed() -> Outcome {
    let stage = Stage::with_channel().await?;
    let comment = || Chunk::after(Duration::from_millis(20), "\n: OPENROUTER PROCESSING\n\n");
    let mut action = Action::raw(200, "application/json", Bytes::new());
    action.chunks = vec![comment(), comment(), Chunk::new("{\"choices\":[{}]}")];
    stage.upstream.rule(Rule::always(action));
    let reply = stage.chat("m").await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()?, json!({"choices": [{}]}));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_stalls_goes_on_with_the_next_channel() -> Outcome {
    let half =
        || Action::raw(200, "application/json", "{\"choices\":[").header("content-length", "500");
    for (name, action) in [
        ("reset", half().then(End::Reset)),
        ("closed", half().then(End::Close)),
        ("stalled", half().then(End::Hang)),
        (
            "stalled after the head",
            Action {
                chunks: Vec::new(),
                ..half()
            }
            .then(End::Hang),
        ),
    ] {
        let stage = two_channels(action).await?;
        let start = Instant::now();
        let reply: Reply = stage.chat("m").await?;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        assert_eq!(reply.header("x-gateway-channel"), Some("second"), "{name}");
        assert_eq!(reply.json()?["model"], "m", "{name}");
        assert!(
            start.elapsed() < Duration::from_secs(4),
            "{name}: {:?}",
            start.elapsed()
        );
    }
    Ok(())
}
