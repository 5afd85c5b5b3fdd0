//! Connections that an upstream closes while they are idle, or as soon as the next request comes: no request fails, and
//! nothing is held against the channel. `KEPT_SECONDS=600` makes the run under load last ten minutes.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use gateway_tests::Stage;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;

const BODY: &str = r#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}"#;

/// When a connection is closed.
#[derive(Clone, Copy, Debug)]
enum Closing {
    /// Right after an answer, which says nothing of it.
    AfterAnswer,
    /// When the second request has come.
    OnNextRequest,
    /// After so long without a request.
    Idle(Duration),
}

async fn serve(closing: Closing) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, closing));
        }
    });
    Ok(address)
}

async fn converse(mut stream: TcpStream, closing: Closing) -> io::Result<()> {
    for number in 0.. {
        let request = read_request(&mut stream);
        match closing {
            Closing::Idle(limit) if number > 0 => {
                match tokio::time::timeout(limit, request).await {
                    Ok(read) => read?,
                    Err(_) => return Ok(()),
                }
            }
            _ => request.await?,
        }
        if number > 0 && matches!(closing, Closing::OnNextRequest) {
            return Ok(());
        }
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        if matches!(closing, Closing::AfterAnswer) {
            return Ok(());
        }
    }
    Ok(())
}

async fn read_request(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(())
}

/// A gateway with one channel at such an upstream.
async fn stage(closing: Closing) -> Result<Stage> {
    let stage = Stage::start().await?;
    let base_url = format!("http://{}/v1", serve(closing).await?);
    let members = json!({"keys": ["k"], "models": ["m"], "base_url": base_url});
    stage.channel("only", &members).await?;
    Ok(stage)
}

/// Nothing is known against the channel, and no attempt has failed.
async fn expect_innocence(stage: &Stage) -> Outcome {
    let status = stage.admin.get("/status").await?.to_string();
    assert!(!status.contains("cooling"), "{status}");
    let log = stage.gateway.log();
    assert!(!log.contains(" attempt 1 at channel"), "{log}");
    Ok(())
}

#[tokio::test]
async fn forty_requests_meet_closed_connections_and_none_fails() -> Outcome {
    for closing in [Closing::AfterAnswer, Closing::OnNextRequest] {
        let stage = stage(closing).await?;
        for number in 0..40 {
            let reply = stage.chat("m").await?;
            assert_eq!(reply.status, 200, "{closing:?} {number}: {}", reply.text());
            assert_eq!(reply.header("x-gateway-attempts"), Some("1"));
        }
        expect_innocence(&stage).await?;
    }
    Ok(())
}

#[tokio::test]
async fn connections_are_closed_under_load_and_no_request_fails() -> Outcome {
    let seconds = std::env::var("KEPT_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(5);
    // As long as the pause between requests of one client, so that many meet at the wrong moment.
    let stage = stage(Closing::Idle(Duration::from_millis(20))).await?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let clients = (0..16).map(async |_| {
        let mut count = 0_u64;
        while Instant::now() < end {
            let reply = stage.chat("m").await?;
            assert_eq!(reply.status, 200, "{}", reply.text());
            count += 1;
            tokio::time::sleep(Duration::from_millis(18 + count % 5)).await;
        }
        anyhow::Ok(count)
    });
    let counts = try_join_all(clients).await?;
    println!("{} requests in {seconds} s", counts.iter().sum::<u64>());
    expect_innocence(&stage).await
}
