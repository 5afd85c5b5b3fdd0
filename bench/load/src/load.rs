//! The load: closed loops over keep-alive connections for a fixed time. Owns the measurement of one cell of the table.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::StatusCode;
use tokio::task::JoinSet;

use crate::client::{Connection, post};
use crate::cpu;
use crate::servers::Target;

/// The path that all requests go to.
pub const PATH: &str = "/v1/chat/completions";

/// A short question, as most requests to a chat model are; the model's answer is the scripted upstream's.
const CHAT: &[u8] = br#"{"model":"bench-model","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"What is the capital of France?"}],"temperature":0.2,"max_tokens":64}"#;

/// The same as a stream.
const STREAM: &[u8] = br#"{"model":"bench-model","stream":true,"messages":[{"role":"user","content":"What is the capital of France?"}]}"#;

/// What was measured of one server at one number of connections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Requests per second.
    pub per_second: f64,
    /// Median latency, milliseconds.
    pub p50_ms: f64,
    /// The latency that one request of a hundred exceeds, milliseconds.
    pub p99_ms: f64,
    /// Seconds of the server's processor time per 1,000 requests.
    pub cpu_per_1000: f64,
}

/// Keeps `connections` connections busy for `time`. Any answer but 200 is an error: it would falsify the figures.
pub async fn measure(target: &Target, connections: usize, time: Duration) -> Result<Cell> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(target.address).await?);
    }
    let cpu_before = cpu::seconds(target.pid)?;
    let started = Instant::now();
    let mut loops = JoinSet::new();
    for connection in open {
        loops.spawn(closed_loop(connection, target.key.clone(), started + time));
    }
    let mut latencies = Vec::new();
    while let Some(finished) = loops.join_next().await {
        latencies.extend(finished?.with_context(|| target.name)?);
    }
    let elapsed = started.elapsed();
    let cpu_used = cpu::seconds(target.pid)? - cpu_before;
    let requests = latencies.len();
    summarise(latencies, requests, elapsed, cpu_used)
}

async fn closed_loop(
    mut connection: Connection,
    key: String,
    until: Instant,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let sent = Instant::now();
        chat(&mut connection, &key).await?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

/// One request with a short answer, whole.
pub async fn chat(connection: &mut Connection, key: &str) -> Result<()> {
    let request = post(connection.address(), PATH, key, Bytes::from_static(CHAT))?;
    let (status, answer) = connection.exchange(request).await?;
    if status != StatusCode::OK {
        bail!(
            "a request was answered with {status}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(())
}

/// The time until the first byte of a streamed answer's body.
pub async fn first_token(connection: &mut Connection, key: &str) -> Result<Duration> {
    let request = post(connection.address(), PATH, key, Bytes::from_static(STREAM))?;
    connection.first_piece(request).await
}

/// A cell with this number of requests, from the latencies of comparable ones.
pub fn summarise(
    mut latencies: Vec<Duration>,
    requests: usize,
    elapsed: Duration,
    cpu_seconds: f64,
) -> Result<Cell> {
    ensure!(!latencies.is_empty(), "not a single request was answered");
    latencies.sort_unstable();
    let requests = f64::from(u32::try_from(requests)?);
    Ok(Cell {
        per_second: requests / elapsed.as_secs_f64(),
        p50_ms: milliseconds(quantile(&latencies, 50)),
        p99_ms: milliseconds(quantile(&latencies, 99)),
        cpu_per_1000: cpu_seconds * 1000.0 / requests,
    })
}

/// The smallest value that `percent` of the sorted values do not exceed.
pub fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// A duration as the table shows it.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let values: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(quantile(&values, 50), Duration::from_millis(100));
        assert_eq!(quantile(&values, 99), Duration::from_millis(198));
        assert_eq!(quantile(&values[..1], 99), Duration::from_millis(1));
    }

    #[test]
    fn a_cell_is_rates_over_the_time_that_passed() {
        let latencies = vec![Duration::from_millis(2); 500];
        let cell = summarise(latencies, 500, Duration::from_secs(2), 0.1).unwrap();
        let expected = Cell {
            per_second: 250.0,
            p50_ms: 2.0,
            p99_ms: 2.0,
            cpu_per_1000: 0.2,
        };
        assert_eq!(cell, expected);
        assert!(summarise(Vec::new(), 0, Duration::from_secs(1), 0.0).is_err());
    }
}
