//! Kept connections: servers close idle ones at any time, so a request that meets the end of one says nothing about the
//! server. Owns the state of a connection, and for how long it may be kept; the retry itself is in `super`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Extensions, HeaderMap};
use hyper_util::client::legacy::{self, connect::CaptureConnection};

/// An idle connection is closed after this: many servers (Node.js, uvicorn) close theirs after 5 s.
pub const POOL_IDLE: Duration = Duration::from_secs(4);
/// A connection is closed this much before the time that its server states, to allow for data in transit.
const MARGIN: Duration = Duration::from_secs(1);

/// What is known of one connection. Clones are about the same one.
#[derive(Clone, Default)]
pub struct Trace(Arc<State>);

#[derive(Default)]
struct State {
    /// A response's head has come over it.
    used: AtomicBool,
    /// Something has come since the last write.
    answering: AtomicBool,
    /// Its other side has closed or reset it.
    ended: AtomicBool,
    /// Its expiry is set already, since its server has stated one.
    is_limited: AtomicBool,
}

impl Trace {
    /// Bytes were written.
    pub fn wrote(&self) {
        self.0.answering.store(false, Ordering::Relaxed);
    }

    /// This many bytes were read; 0 is the end.
    pub fn read(&self, bytes: usize) {
        let flag = if bytes == 0 {
            &self.0.ended
        } else {
            &self.0.answering
        };
        flag.store(true, Ordering::Relaxed);
    }

    /// Reading or writing failed.
    pub fn broke(&self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }

    /// Whether a request that failed on it may only have met the end of a kept connection: it served a request before,
    /// it has ended, and no response began. On HTTP/2 frames arrive at any time and say nothing about this request;
    /// only a missing head is known.
    fn was_stale(&self, is_http2: bool) -> bool {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        is(&self.0.used) && is(&self.0.ended) && (is_http2 || !is(&self.0.answering))
    }
}

/// Whether the request failed because a kept connection had been closed.
pub fn was_stale(error: &legacy::Error) -> bool {
    error.connect_info().is_some_and(|connected| {
        let mut extras = Extensions::new();
        connected.get_extras(&mut extras);
        extras
            .get::<Trace>()
            .is_some_and(|trace| trace.was_stale(connected.is_negotiated_h2()))
    })
}

/// Records that a response's head has arrived, and sets the connection's expiry where the server states one
/// (`keep-alive: timeout=N`) that is sooner than the pool's.
pub fn answered(extensions: &Extensions, headers: &HeaderMap, connection: &CaptureConnection) {
    let Some(trace) = extensions.get::<Trace>() else {
        return;
    };
    trace.0.used.store(true, Ordering::Relaxed);
    let Some(stated) = stated_timeout(headers).filter(|stated| *stated < POOL_IDLE + MARGIN) else {
        return;
    };
    if trace.0.is_limited.swap(true, Ordering::Relaxed) {
        return;
    }
    let left = stated.saturating_sub(MARGIN);
    if left.is_zero() {
        poison(connection);
        return;
    }
    let connection = connection.clone();
    tokio::spawn(async move {
        tokio::time::sleep(left).await;
        poison(&connection);
    });
}

/// Prevents further requests on the connection.
fn poison(connection: &CaptureConnection) {
    if let Some(connected) = connection.connection_metadata().as_ref() {
        connected.poison();
    }
}

fn stated_timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let seconds = value.split(',').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("timeout")
            .then(|| value.trim().parse().ok())?
    })?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
