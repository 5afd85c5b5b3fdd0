//! Where HTTP says how a message is framed, and where a message contradicts itself: requests that are refused, answers of
//! upstreams that must not be cut.

use std::time::Duration;

use anyhow::{Context as _, Result};
use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::Stage;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::Outcome;

/// Longer than any answer here takes.
const LIMIT: Duration = Duration::from_secs(10);

/// What a client gets for these bytes.
async fn answer(stage: &Stage, request: &str) -> Result<String> {
    let url = stage.gateway.url("");
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = vec![0; 64 * 1024];
    let length = timeout(LIMIT, stream.read(&mut bytes))
        .await
        .context("no answer in time")??;
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

#[tokio::test]
async fn requests_without_a_host_or_with_an_unknown_transfer_coding_are_refused() -> Outcome {
    let stage = Stage::start().await?;
    let rows = [
        (
            "GET /health HTTP/1.1\r\nhost: a\r\n\r\n",
            "200",
            "\"status\":\"ok\"",
        ),
        ("GET /health HTTP/1.0\r\n\r\n", "200", "\"status\":\"ok\""),
        (
            "GET /health HTTP/1.1\r\n\r\n",
            "400",
            "\"code\":\"invalid_host\"",
        ),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
            "400",
            "\"code\":\"invalid_host\"",
        ),
        (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "501",
            "\"code\":\"unsupported_transfer_coding\"",
        ),
    ];
    for (request, status, part) in rows {
        let answer = answer(&stage, request).await?;
        let line = answer.lines().next().unwrap_or_default();
        assert_eq!(line.split(' ').nth(1), Some(status), "{request}: {answer}");
        assert!(answer.contains(part), "{request}: {answer}");
    }
    Ok(())
}

/// An upstream that frames its answers by chunks and by a length that is too short.
async fn contradictory() -> Result<String> {
    const JSON: &str =
        r#"{"choices":[{"message":{"content":"a whole answer"},"finish_reason":"stop"}]}"#;
    const EVENTS: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a whole stream\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 16 * 1024];
                let mut length = 0;
                while !String::from_utf8_lossy(&request[..length]).contains("messages") {
                    length += stream.read(&mut request[length..]).await?;
                }
                let is_stream = String::from_utf8_lossy(&request).contains("\"stream\":true");
                let (kind, body) = if is_stream {
                    ("text/event-stream", EVENTS)
                } else {
                    ("application/json", JSON)
                };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: 20\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await
            });
        }
    });
    Ok(format!("http://{address}/v1"))
}

#[tokio::test]
async fn a_transfer_coding_beats_a_length_in_answers() -> Outcome {
    let stage = Stage::start().await?;
    let members = json!({"keys": ["k"], "models": ["m"], "base_url": contradictory().await?});
    stage.channel("only", &members).await?;
    let reply = stage.chat("m").await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        reply.json()?["choices"][0]["message"]["content"],
        "a whole answer"
    );
    let reply = stage.whole_stream("m").await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("a whole stream"), "{}", reply.text());
    assert!(
        reply.text().ends_with("data: [DONE]\n\n"),
        "{}",
        reply.text()
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_says_json_and_is_cut_off_goes_on_with_the_next_channel() -> Outcome {
    for path in [
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/moderations",
        "/v1/rerank",
    ] {
        let stage = Stage::start().await?;
        stage.upstream.rule(
            Rule::always(Action::raw(
                200,
                "application/json",
                "{\"choices\":[{\"index\":",
            ))
            .key("k1"),
        );
        let whole = Action::raw(
            200,
            "application/json",
            "{\"choices\":[{\"index\":0}],\"data\":[],\"results\":[]}",
        );
        stage.upstream.rule(Rule::always(whole).key("k2"));
        stage
            .channel(
                "first",
                &json!({"keys": ["k1"], "models": ["m"], "priority": 0}),
            )
            .await?;
        stage
            .channel(
                "second",
                &json!({"keys": ["k2"], "models": ["m"], "priority": 1}),
            )
            .await?;
        let reply = stage.post(path, &json!({"model": "m", "messages": [], "input": "x", "query": "x", "documents": ["y"]})).await?;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(
            reply.header("x-gateway-channel"),
            Some("second"),
            "{path}: {}",
            reply.text()
        );
    }
    Ok(())
}
