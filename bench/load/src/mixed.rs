//! The mixed load: chats, streams, clients that disconnect, upstreams that break, throttle and reject, all at once.
//! Owns its kinds, what the upstream does for each, and how each must end; it is for the gateways with and without a
//! ledger.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{Connection, post};
use crate::load::{Cell, PATH, summarise};
use crate::servers::Target;
use crate::{cpu, setup};

/// Concurrent requests.
pub const AT_ONCE: usize = 32;

/// Longer than any answer takes.
const LIMIT: Duration = Duration::from_secs(10);

/// Milliseconds before each piece of a stream, and how many there are: a model that writes 200 tokens a second.
const PIECE_DELAY_MS: u64 = 5;
const PIECES: usize = 40;

/// The kinds of requests, each with its own model, and their share in percent.
const KINDS: [(&str, usize); 6] = [
    ("chat", 45),
    ("stream", 30),
    ("leave", 10),
    ("dies", 5),
    ("throttled", 5),
    ("refused", 5),
];

const EVENT: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\
    \"choices\":[{\"index\":0,\"delta\":{\"content\":\"some text\"},\"finish_reason\":null}]}\n\n";
const LAST: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\
    \"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":80,\"total_tokens\":89}}\n\ndata: [DONE]\n\n";

/// What the scripted upstream does for each kind. Keys that end in 1 are the first channel's.
pub fn rules() -> Vec<Value> {
    let pieces = |last: Option<&str>| {
        let mut pieces = vec![json!({"text": EVENT, "delay_ms": PIECE_DELAY_MS}); PIECES];
        pieces.extend(last.map(|text| json!({"text": text})));
        pieces
    };
    let stream = |chunks: Vec<Value>, end: &str| json!({"headers": [["content-type", "text/event-stream"]], "chunks": chunks, "end": end});
    let error = |status: u16, headers: Value| {
        let body = r#"{"error":{"message":"not now","type":"error","code":"error"}}"#;
        json!({"status": status, "headers": headers, "chunks": [{"text": body}]})
    };
    let json_body = json!([["content-type", "application/json"]]);
    let throttled = json!([["content-type", "application/json"], ["retry-after", "1"]]);
    vec![
        json!({"model": "stream", "action": stream(pieces(Some(LAST)), "complete")}),
        json!({"model": "leave", "action": stream(pieces(Some(LAST)), "complete")}),
        json!({"model": "dies", "action": stream(vec![json!({"text": EVENT}); 2], "close")}),
        json!({"model": "throttled", "key": "throttled1", "action": error(429, throttled)}),
        json!({"model": "refused", "action": error(400, json_body)}),
    ]
}

/// Creates two channels for each kind, so that a cooldown of one kind does not affect another.
pub async fn prepare(gateway: &mut Connection, session: &str, upstream: &str) -> Result<()> {
    for (kind, _) in KINDS {
        for (number, priority) in [(1, 0), (2, 1)] {
            let channel = json!({
                "name": format!("{kind} {number}"),
                "base_url": upstream,
                "keys": [format!("{kind}{number}")],
                "models": [kind],
                "priority": priority,
            });
            setup::call(gateway, "/admin/api/channels", session, &channel).await?;
        }
    }
    Ok(())
}

/// Keeps [`AT_ONCE`] requests of all kinds in flight for `time`. An answer that is unexpected for its kind is an error.
/// The latencies are those of chats: a stream takes as long as its upstream does.
pub async fn measure(target: &Target, time: Duration) -> Result<Cell> {
    let cpu_before = cpu::seconds(target.pid)?;
    let started = Instant::now();
    let mut loops = JoinSet::new();
    for first in 0..AT_ONCE {
        loops.spawn(closed_loop(target.clone(), first, started + time));
    }
    let (mut requests, mut chats) = (0, Vec::new());
    while let Some(finished) = loops.join_next().await {
        let (its_requests, its_chats) = finished?.with_context(|| target.name)?;
        requests += its_requests;
        chats.extend(its_chats);
    }
    let elapsed = started.elapsed();
    let cpu_used = cpu::seconds(target.pid)? - cpu_before;
    summarise(chats, requests, elapsed, cpu_used)
}

/// The number of its requests, and the latencies of its chats.
async fn closed_loop(
    target: Target,
    first: usize,
    until: Instant,
) -> Result<(usize, Vec<Duration>)> {
    let (mut requests, mut chats) = (0, Vec::new());
    let mut connection = Connection::open(target.address).await?;
    let mut number = first;
    while Instant::now() < until {
        let sent = Instant::now();
        let kind = kind(number);
        one(&mut connection, &target.key, kind, number).await?;
        if kind == "chat" {
            chats.push(sent.elapsed());
        }
        requests += 1;
        number += AT_ONCE;
    }
    Ok((requests, chats))
}

/// One request of a kind, and its expected result.
async fn one(connection: &mut Connection, key: &str, kind: &str, number: usize) -> Result<()> {
    let is_stream = matches!(kind, "stream" | "leave" | "dies");
    let question = [json!({"role": "user", "content": "What is the capital of France?"})];
    let body = json!({"model": kind, "stream": is_stream, "messages": question});
    let request = post(
        connection.address(),
        PATH,
        key,
        Bytes::from(body.to_string()),
    )?;
    let response = connection.send(request).await?;
    let status = response.status();
    let mut pieces = response.into_body();
    if kind == "leave" {
        // Some disconnect early, some late.
        for _ in 0..=number % 20 {
            let piece = timeout(LIMIT, pieces.frame()).await;
            piece
                .context("the stream stopped")?
                .context("the stream ended")??;
        }
        drop(pieces);
        *connection = Connection::open(connection.address()).await?;
        return Ok(());
    }
    let body = timeout(LIMIT, pieces.collect()).await;
    let body = body.context("no end of a response in time")??.to_bytes();
    let text = String::from_utf8_lossy(&body);
    let is_right = match kind {
        "stream" => status == StatusCode::OK && text.ends_with("data: [DONE]\n\n"),
        "dies" => text.contains("stream_incomplete") && !text.contains("[DONE]"),
        "refused" => status == StatusCode::BAD_REQUEST,
        _ => status == StatusCode::OK,
    };
    ensure!(is_right, "{kind} was answered with {status}: {text}");
    Ok(())
}

/// Spread evenly, in an order with a long period.
fn kind(number: usize) -> &'static str {
    let mut place = number.wrapping_mul(61) % 100;
    for (kind, share) in KINDS {
        if place < share {
            return kind;
        }
        place -= share;
    }
    KINDS[0].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_share() {
        for (name, share) in KINDS {
            let count = (0..1_000).filter(|number| kind(*number) == name).count();
            assert_eq!(count, 10 * share, "{name}");
        }
    }
}
