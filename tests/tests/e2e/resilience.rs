//! Half of everything is broken, for hundreds of requests: no client may notice.

use std::time::Duration;

use gateway_testkit::upstream::{Action, Chunk, Refusing, Rule};
use gateway_tests::Stage;
use serde_json::json;

use crate::Outcome;

#[tokio::test]
async fn five_hundred_requests_in_a_row_succeed_with_a_broken_key_and_a_broken_channel() -> Outcome
{
    let stage = Stage::start().await?;
    let refusing = Refusing::new()?;
    stage
        .channel(
            "half",
            &json!({"keys": ["broken", "good"], "models": ["m"]}),
        )
        .await?;
    stage
        .channel(
            "gone",
            &json!({"keys": ["gone"], "models": ["m"], "base_url": refusing.base_url()}),
        )
        .await?;
    stage
        .upstream
        .rule(Rule::always(Action::error(500, "server_error", "broken")).key("broken"));
    for number in 0..500 {
        let reply = if number % 5 == 0 {
            stage.whole_stream("m").await?
        } else {
            stage.chat("m").await?
        };
        assert_eq!(reply.status, 200, "request {number}: {}", reply.text());
        assert!(
            number % 5 != 0 || reply.text().ends_with("data: [DONE]\n\n"),
            "request {number}"
        );
    }
    assert_eq!(stage.upstream.records_of("good").len(), 500);
    Ok(())
}

#[tokio::test]
async fn requests_at_once_succeed_too() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "half",
            &json!({"keys": ["broken", "good"], "models": ["m"]}),
        )
        .await?;
    stage
        .upstream
        .rule(Rule::always(Action::reset()).key("broken"));
    let request = || {
        stage
            .request("/v1/chat/completions")
            .body(r#"{"model":"m"}"#)
            .send()
    };
    for _ in 0..10 {
        let replies = futures_util::future::join_all((0..32).map(|_| request())).await;
        for reply in replies {
            assert_eq!(reply?.status().as_u16(), 200);
        }
    }
    Ok(())
}

#[tokio::test]
async fn many_streams_at_once_are_all_whole() -> Outcome {
    let stage = Stage::with_channel().await?;
    let event = |number: usize| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{number}\"}}}}]}}\n\n"
        )
    };
    let mut pieces: Vec<String> = (0..30).map(event).collect();
    pieces.push("data: [DONE]\n\n".to_owned());
    let whole = pieces.concat();
    let pause = Duration::from_millis(10);
    let chunks = pieces.into_iter().map(|piece| Chunk::after(pause, piece));
    stage.upstream.rule(Rule::always(Action::sse(chunks)));
    let streams = (0..64).map(|_| stage.whole_stream("m"));
    for reply in futures_util::future::join_all(streams).await {
        let reply = reply?;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.text(), whole);
    }
    Ok(())
}
