//! Compressed bodies: answers compressed without being asked to, and requests of clients that compress.

use std::time::Duration;

use futures_util::StreamExt as _;
use gateway_testkit::packed;
use gateway_testkit::upstream::{Action, Chunk, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use crate::Outcome;

const CHAT: &str = "/v1/chat/completions";
const HELLO: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn packed_json(coding: &str, status: u16, body: &str) -> Action {
    let body = packed::whole(coding, body.as_bytes());
    Action::raw(status, "application/json", body).header("content-encoding", packed::name(coding))
}

#[tokio::test]
async fn compressed_answers_and_errors_reach_the_client_in_plain() -> Outcome {
    const ANSWER: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    let stage = Stage::with_channel().await?;
    for coding in packed::CODINGS {
        stage.upstream.reset();
        stage
            .upstream
            .rule(Rule::always(packed_json(coding, 200, ANSWER)));
        let reply = stage.chat("m").await?;
        assert_eq!(
            (reply.status, reply.text()),
            (200, ANSWER.into()),
            "{coding}"
        );
        assert_eq!(reply.header("content-encoding"), None);
        let error = r#"{"error":{"message":"the image is too blurred","type":"invalid_request_error","code":"invalid_image"}}"#;
        stage.upstream.reset();
        stage
            .upstream
            .rule(Rule::always(packed_json(coding, 400, error)));
        let reply = stage.chat("m").await?;
        assert_eq!(reply.status, 400);
        assert!(
            reply.text().contains("too blurred"),
            "{coding}: {}",
            reply.text()
        );
    }
    let calls = stage.upstream.records();
    let asked = calls
        .first()
        .and_then(|call| call.header("accept-encoding"));
    assert_eq!(asked, Some("identity"));
    Ok(())
}

#[tokio::test]
async fn compressed_streams_arrive_event_by_event() -> Outcome {
    let stage = Stage::with_channel().await?;
    let events = [HELLO, HELLO, HELLO, STOP, DONE];
    for coding in packed::CODINGS {
        let pieces = packed::pieces(coding, &events.map(str::as_bytes));
        let interval = Duration::from_millis(300);
        let chunks = pieces
            .into_iter()
            .map(|piece| Chunk::after(interval, piece));
        stage.upstream.reset();
        stage.upstream.rule(Rule::always(
            Action::sse(chunks).header("content-encoding", packed::name(coding)),
        ));
        let response = stage.stream("m").await?;
        assert_eq!(response.status().as_u16(), 200);
        assert!(response.headers().get("content-encoding").is_none());
        let mut arrived = Vec::new();
        let mut body = response.bytes_stream();
        while let Some(piece) = body.next().await {
            arrived.push(String::from_utf8(piece?.to_vec())?);
        }
        assert_eq!(arrived.concat(), events.concat(), "{coding}");
        assert!(arrived.len() >= events.len(), "{coding}: {arrived:?}");
    }
    Ok(())
}

#[tokio::test]
async fn damaged_answers_fail_over_and_damaged_streams_are_incomplete() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel("a", &json!({"keys": ["a"], "models": ["m"], "priority": 0}))
        .await?;
    stage
        .channel("b", &json!({"keys": ["b"], "models": ["m"], "priority": 1}))
        .await?;
    let bomb = packed::whole("gzip", &vec![b' '; 64 << 20]);
    for (coding, body) in [
        ("gzip", b"no gzip at all".to_vec()),
        ("compress", b"nobody has it".to_vec()),
        ("gzip", bomb),
    ] {
        stage.upstream.reset();
        let action = Action::raw(200, "application/json", body).header("content-encoding", coding);
        stage.upstream.rule(Rule::always(action).key("a").times(1));
        let reply = stage.chat("m").await?;
        assert_eq!(reply.status, 200, "{coding}: {}", reply.text());
    }
    let mut pieces = packed::pieces("gzip", &[HELLO.as_bytes(), STOP.as_bytes()]);
    pieces.truncate(1);
    pieces.push(vec![0xff; 50]);
    stage.upstream.reset();
    let chunks = pieces
        .into_iter()
        .map(|piece| Chunk::after(Duration::from_millis(100), piece));
    stage.upstream.rule(Rule::always(
        Action::sse(chunks).header("content-encoding", "gzip"),
    ));
    let reply = stage.whole_stream("m").await?;
    assert!(reply.text().starts_with(HELLO), "{}", reply.text());
    assert!(
        reply.text().contains("stream_incomplete"),
        "{}",
        reply.text()
    );
    assert!(!reply.text().contains("[DONE]"));
    Ok(())
}

#[tokio::test]
async fn compressed_requests_reach_the_upstream_in_plain() -> Outcome {
    let stage = Stage::with_channel().await?;
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#,
        "word ".repeat(40_000)
    );
    for coding in packed::CODINGS {
        let request = stage
            .request(CHAT)
            .header("content-encoding", packed::name(coding))
            .body(packed::whole(coding, body.as_bytes()));
        let reply = Reply::of(request).await?;
        assert_eq!(reply.status, 200, "{coding}: {}", reply.text());
        let records = stage.upstream.records();
        let record = records.last().ok_or_else(|| anyhow::anyhow!("no record"))?;
        assert!(record.body == body.as_bytes(), "{coding}");
        assert!(record.header("content-encoding").is_none());
    }
    let calls = stage.upstream.records().len();
    let long = packed::whole("gzip", &vec![b' '; (32 << 20) + 1]);
    for (coding, body, status, code) in [
        ("snappy", b"{}".to_vec(), 415, "unsupported_media_type"),
        ("gzip", b"{\"model\":\"m\"}".to_vec(), 400, "invalid_value"),
        ("gzip", long, 413, "request_too_large"),
    ] {
        let request = stage
            .request(CHAT)
            .header("content-encoding", coding)
            .body(body);
        let reply = Reply::of(request).await?;
        assert_eq!(reply.failure()?, (status, code.to_owned()), "{coding}");
    }
    assert_eq!(stage.upstream.records().len(), calls);
    Ok(())
}
