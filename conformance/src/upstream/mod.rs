//! The scripted upstreams: one port, a path per dialect, a script per model. Owns scripts and what was received.
//!
//! A request that violates its vendor's schema is noted and answered as its vendor would: with 400.

mod body;
mod serve;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::Value;

use crate::dialect::{Dialect, Operation};
use crate::normal::{Answer, Asked};
use crate::route::Route;

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
    /// Not at all for a long time: its last piece comes again and again, until the gateway ends the call.
    Endless,
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

    /// The same without an end.
    #[must_use]
    pub const fn endless(mut self) -> Self {
        self.end = End::Endless;
        self
    }

    /// The same with a broken connection at its end.
    #[must_use]
    pub const fn broken(mut self) -> Self {
        self.end = End::Broken;
        self
    }
}

/// What the upstreams of a route say.
#[derive(Clone, Debug)]
pub struct Script {
    /// Which upstreams these are.
    pub route: Route,
    /// What the first plays, the last one for all further requests.
    pub first: Vec<Reply>,
    /// The same for the second.
    pub second: Vec<Reply>,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The upstream that it reached.
    pub dialect: Dialect,
    /// What it is for.
    pub operation: Operation,
    /// Method, path and query.
    pub line: String,
    /// Its headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// Its bytes.
    pub bytes: Bytes,
    /// The same as JSON.
    pub body: Value,
    /// What it asks, or what it violates.
    pub asked: Result<Asked, String>,
}

impl Received {
    /// Whether a text is anywhere in it.
    pub fn contains(&self, text: &str) -> bool {
        let in_body = self
            .bytes
            .windows(text.len())
            .any(|piece| piece == text.as_bytes());
        in_body
            || self.line.contains(text)
            || self.headers.values().any(|value| value.contains(text))
    }
}

#[derive(Debug)]
struct Slot {
    script: Script,
    received: Vec<Received>,
    ended: Arc<AtomicBool>,
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
    pub fn script(&self, model: &str, script: Script) {
        let slot = Slot {
            script,
            received: Vec::new(),
            ended: Arc::default(),
        };
        self.slots().insert(model.to_owned(), slot);
    }

    /// What was received for a model, and no longer has a script.
    pub fn take(&self, model: &str) -> Vec<Received> {
        let slot = self.slots().remove(model);
        slot.map(|slot| slot.received).unwrap_or_default()
    }

    /// Whether the gateway ended a call of the model before the script's end.
    pub fn was_ended(&self, model: &str) -> bool {
        let slots = self.slots();
        let slot = slots.get(model);
        slot.is_some_and(|slot| slot.ended.load(Ordering::Relaxed))
    }

    /// Notes a request and gives its reply: the first for the upstream's first request, the last for all after it.
    fn play(&self, key: &str, received: Received) -> Option<Played> {
        let mut slots = self.slots();
        let slot = slots.get_mut(key)?;
        let is_second = slot.script.route.second == Some(received.dialect);
        let of_same =
            |other: &&Received| (slot.script.route.second == Some(other.dialect)) == is_second;
        let before = slot.received.iter().filter(of_same).count();
        let replies = if is_second {
            &slot.script.second
        } else {
            &slot.script.first
        };
        let reply = replies.get(before.min(replies.len().saturating_sub(1)));
        let reply = reply.cloned();
        slot.received.push(received);
        reply.map(|reply| Played {
            reply,
            ended: Arc::clone(&slot.ended),
        })
    }
}

/// A reply, and where to note that the gateway ended the call before the reply's end.
struct Played {
    reply: Reply,
    ended: Arc<AtomicBool>,
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
