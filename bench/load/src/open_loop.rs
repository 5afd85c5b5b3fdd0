//! An open loop: requests begin at fixed times, whether or not earlier ones have been answered, and each latency counts from
//! the time when its request was due. So a server that stops for a moment pays for every request of that moment (a closed
//! loop would leave them out). Owns the schedule.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::load;
use crate::servers::Target;

/// Requests per second.
pub const PER_SECOND: u32 = 200;

/// Connections that are idle.
type Idle = Arc<Mutex<VecDeque<Connection>>>;

/// The latencies of the requests that were due in `time`. Any answer but 200 is an error.
pub async fn measure(target: &Target, time: Duration) -> Result<Vec<Duration>> {
    let idle = Idle::default();
    let mut due = schedule(PER_SECOND, time);
    let mut requests = JoinSet::new();
    while let Some(at) = due.recv().await {
        requests.spawn(one(target.clone(), Arc::clone(&idle), at));
    }
    let mut latencies = Vec::new();
    while let Some(finished) = requests.join_next().await {
        latencies.push(finished?.with_context(|| target.name)?);
    }
    Ok(latencies)
}

async fn one(target: Target, idle: Idle, due: Instant) -> Result<Duration> {
    let kept = idle
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop_back();
    let mut connection = match kept {
        Some(connection) => connection,
        None => Connection::open(target.address).await?,
    };
    load::chat(&mut connection, &target.key).await?;
    let latency = due.elapsed();
    let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
    idle.push_back(connection);
    Ok(latency)
}

/// The times at which requests are due, each when it has come. From a thread of its own, since the runtime's timers have
/// whole milliseconds.
fn schedule(per_second: u32, time: Duration) -> mpsc::UnboundedReceiver<Instant> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let step = Duration::from_secs(1) / per_second;
    thread::spawn(move || {
        let started = Instant::now();
        let mut at = Duration::ZERO;
        while at < time {
            thread::sleep(at.saturating_sub(started.elapsed()));
            if sender.send(started + at).is_err() {
                return;
            }
            at += step;
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_due_at_fixed_times_also_if_nobody_takes_them_at_once() {
        let mut due = schedule(1_000, Duration::from_millis(20));
        let mut times = Vec::new();
        while let Some(at) = due.recv().await {
            assert!(at <= Instant::now(), "not before its time");
            times.push(at);
        }
        assert_eq!(times.len(), 20);
        for pair in times.windows(2) {
            assert_eq!(pair[1] - pair[0], Duration::from_millis(1));
        }
    }
}
