//! The scripted upstreams: one port, a path per dialect, a script per model. Owns scripts and what was received.
//!
//! A request that violates its vendor's schema is noted and answered as its vendor would: with 400.

mod body;
mod serve;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::Value;

use crate::dialect::Dialect;
use crate::normal::{Answer, Asked};

/// What an upstream says.
#[derive(Clone, Debug)]
pub enum Say {
    /// An answer, whole or as a stream, as the request requires.
    Answer(Answer),
    /// The first half of the stream of an answer, or the first half of the bytes of a whole one.
    Half(Answer),
    /// A body of JSON.
    Json(Value),
    /// Events of a stream.
    Events(Vec<String>),
}

/// How a body is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One piece per event.
    Events,
    /// Pieces of 1 to 7 bytes, within characters too.
    Bytes,
    /// All at once.
    Whole,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As HTTP ends it.
    Clean,
    /// The connection breaks.
    Broken,
}

/// One scripted reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers beside the content type.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub say: Say,
    /// Its pieces.
    pub cut: Cut,
    /// Its end.
    pub end: End,
}

impl Reply {
    /// A reply with 200.
    pub const fn new(say: Say) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            say,
            cut: Cut::Events,
            end: End::Clean,
        }
    }

    /// An error.
    pub const fn error(status: u16, body: Value) -> Self {
        let mut reply = Self::new(Say::Json(body));
        reply.status = status;
        reply
    }

    /// The same in other pieces.
    #[must_use]
    pub const fn cut(mut self, cut: Cut) -> Self {
        self.cut = cut;
        self
    }

    /// The same with a broken connection at its end.
    #[must_use]
    pub const fn broken(mut self) -> Self {
        self.end = End::Broken;
        self
    }
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The upstream that it reached.
    pub dialect: Dialect,
    /// Its headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// Its bytes.
    pub bytes: Bytes,
    /// The same as JSON.
    pub body: Value,
    /// What it asks, or what it violates.
    pub asked: Result<Asked, String>,
}

#[derive(Debug, Default)]
struct Slot {
    replies: Vec<Reply>,
    received: Vec<Received>,
}

/// Scripts by model, and requests that name no script.
#[derive(Debug, Default)]
pub struct Board {
    slots: Mutex<HashMap<String, Slot>>,
}

impl Board {
    fn slots(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        // A panic elsewhere leaves the map whole: each change is one call.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the script of a model and forgets what was received for it.
    pub fn script(&self, model: &str, replies: Vec<Reply>) {
        let slot = Slot {
            replies,
            received: Vec::new(),
        };
        self.slots().insert(model.to_owned(), slot);
    }

    /// What was received for a model, and no longer has a script.
    pub fn take(&self, model: &str) -> Vec<Received> {
        let slot = self.slots().remove(model);
        slot.map(|slot| slot.received).unwrap_or_default()
    }

    /// Notes a request and gives its reply: the first for the first request, the last for all after it.
    fn play(&self, key: &str, received: Received) -> Option<Reply> {
        let mut slots = self.slots();
        let slot = slots.get_mut(key)?;
        let at = slot
            .received
            .len()
            .min(slot.replies.len().saturating_sub(1));
        slot.received.push(received);
        slot.replies.get(at).cloned()
    }
}

/// Starts the upstreams on a port of the loopback; port 0 takes any free one.
///
/// # Errors
/// When the port is taken.
pub async fn start(port: u16) -> std::io::Result<(Arc<Board>, SocketAddr)> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let board = Arc::new(Board::default());
    tokio::spawn(serve::listen(listener, Arc::clone(&board)));
    Ok((board, address))
}
