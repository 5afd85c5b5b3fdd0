//! The faults, one per line of the table: what the upstream does, and which row of the contract that is. Asserts nothing.

use std::io;
use std::time::Duration;

use gateway_testkit::upstream::{Action, Chunk, End, Refusing, Unaccepting, Upstream};
use serde_json::{Value, json};

use super::expected::Row;

/// How long an upstream may be silent in the cells; the usual answers come at once.
pub const FIRST_BYTE_MS: u64 = 400;

/// One way to fail before the first event.
#[derive(Clone)]
pub struct Fault {
    /// Unique, for names of models and channels.
    pub name: &'static str,
    /// What the contract says to it.
    pub row: Row,
    /// What happens.
    how: How,
}

#[derive(Clone)]
enum How {
    /// No HTTP comes about at this place.
    At(Place),
    /// The upstream does this.
    Does(Action),
    /// The upstream does the first in place of an answer, the second in place of a stream.
    DoesOr(Action, Action),
}

/// Base URLs at which no HTTP comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The port is closed.
    Refusing,
    /// The port listens, but accepts no connection.
    Unaccepting,
    /// No such name.
    Nowhere,
    /// A server without TLS.
    Plain,
}

/// The sockets behind the places.
pub struct Places {
    refusing: Refusing,
    unaccepting: Unaccepting,
    plain: String,
}

impl Places {
    /// Takes them; `upstream` is the one that speaks no TLS.
    pub fn new(upstream: &Upstream) -> io::Result<Self> {
        Ok(Self {
            refusing: Refusing::new()?,
            unaccepting: Unaccepting::new()?,
            plain: format!("https://{}/v1", upstream.address()),
        })
    }

    /// The base URL of a place.
    pub fn base_url(&self, place: Place) -> String {
        match place {
            Place::Refusing => self.refusing.base_url(),
            Place::Unaccepting => self.unaccepting.base_url(),
            Place::Nowhere => "https://no-such-host.invalid/v1".to_owned(),
            Place::Plain => self.plain.clone(),
        }
    }
}

impl Fault {
    /// What the upstream does to a request; `None`: it never gets one.
    pub fn action(&self, stream: bool) -> Option<Action> {
        match &self.how {
            How::At(_) => None,
            How::DoesOr(_, streamed) if stream => Some(streamed.clone()),
            How::Does(action) | How::DoesOr(action, _) => Some(action.clone()),
        }
    }

    /// Where the channel points, unless at the scripted upstream.
    pub const fn place(&self) -> Option<Place> {
        match self.how {
            How::At(place) => Some(place),
            How::Does(_) | How::DoesOr(..) => None,
        }
    }

    /// Whether the upstream's end of a connection is all that shows: on a connection that was used before, which the cells
    /// share, that says nothing, so that the call is made once more on a new one (docs/operate/failover.md,
    /// kept connections).
    pub fn may_look_stale(&self) -> bool {
        matches!(self.name, "reset" | "close")
    }

    /// Whether the upstream sees the calls.
    pub const fn can_be_counted(&self) -> bool {
        self.place().is_none()
    }
}

/// The table.
pub fn all() -> Vec<Fault> {
    [unreachable(), server_errors(), keys(), models(), requests()].concat()
}

fn fault(name: &'static str, row: Row, how: How) -> Fault {
    Fault { name, row, how }
}

fn unreachable() -> Vec<Fault> {
    let half_json = Action::raw(200, "application/json", "{\"id\":\"c\",\"choices\":[{\"ind");
    let comment = || Chunk::new(": OPENROUTER PROCESSING\n\n");
    [
        ("refused", How::At(Place::Refusing)),
        ("unaccepted", How::At(Place::Unaccepting)),
        ("dns", How::At(Place::Nowhere)),
        ("tls", How::At(Place::Plain)),
        ("reset", How::Does(Action::reset())),
        ("close", How::Does(Action::close())),
        ("silent", How::Does(Action::hang())),
        (
            "cut",
            How::DoesOr(
                half_json.clone().then(End::Close),
                Action::sse([comment()]).then(End::Close),
            ),
        ),
        (
            "reset-inside",
            How::DoesOr(
                half_json.then(End::Reset),
                Action::sse([comment()]).then(End::Reset),
            ),
        ),
    ]
    .map(|(name, how)| fault(name, Row::Unreachable, how))
    .into()
}

fn server_errors() -> Vec<Fault> {
    [
        (
            "s500",
            How::Does(Action::error(500, "server_error", "broken")),
        ),
        (
            "s503",
            How::Does(Action::error(503, "server_is_overloaded", "busy")),
        ),
        ("s408", How::Does(Action::error(408, "timeout", "too slow"))),
        ("inside-500", inside(500, "provider returned an error")),
    ]
    .map(|(name, how)| fault(name, Row::ServerError, how))
    .into()
}

fn keys() -> Vec<Fault> {
    let throttled = |retry_after_s| Row::Throttled { retry_after_s };
    let slow = || Action::error(429, "rate_limit_exceeded", "slow down");
    let nim = json!({"status": 429, "title": "Too Many Requests"});
    let no_credit = json!({"error": {"code": 402, "message": "no credits"}});
    vec![
        fault("s429", throttled(None), How::Does(slow())),
        fault(
            "nim-429",
            throttled(None),
            How::Does(Action::json(429, &nim)),
        ),
        fault(
            "s429-after",
            throttled(Some(70)),
            How::Does(slow().header("retry-after", "70")),
        ),
        fault("inside-429", throttled(None), inside(429, "rate limited")),
        fault(
            "s401",
            Row::Refused,
            How::Does(Action::error(401, "invalid_api_key", "wrong key")),
        ),
        fault(
            "s402",
            Row::Refused,
            How::Does(Action::json(402, &no_credit)),
        ),
        fault(
            "s403",
            Row::Refused,
            How::Does(Action::error(403, "forbidden", "no")),
        ),
        fault(
            "inside-401",
            Row::Refused,
            inside(401, "no auth credentials found"),
        ),
    ]
}

fn models() -> Vec<Fault> {
    let degraded = json!({"status": 400, "title": "Bad Request", "detail": "Function id 'x': DEGRADED function cannot be invoked"});
    let not_found = json!({"status": 404, "title": "Not Found", "detail": "Function 'x': Not found for account 'y'"});
    let unknown = Action::error(404, "model_not_found", "the model does not exist");
    [
        ("s404", How::Does(unknown)),
        ("nim-404", How::Does(Action::json(404, &not_found))),
        ("nim-degraded", How::Does(Action::json(400, &degraded))),
        (
            "inside-404",
            inside(404, "no endpoints found for this model"),
        ),
    ]
    .map(|(name, how)| fault(name, Row::ModelUnknown, how))
    .into()
}

fn requests() -> Vec<Fault> {
    let at_fault = |status, code| Row::RequestAtFault { status, code };
    let fields =
        json!({"detail": [{"loc": ["body", "n"], "msg": "not an integer", "type": "int"}]});
    let filtered = json!({"error": {
        "message": "The response was filtered", "type": null, "param": "prompt", "code": "content_filter", "status": 400,
    }});
    vec![
        fault(
            "s400",
            at_fault(400, Some("bad_value")),
            How::Does(Action::error(400, "bad_value", "temperature is too high")),
        ),
        fault(
            "s413",
            at_fault(413, Some("too_large")),
            How::Does(Action::error(413, "too_large", "too many tokens")),
        ),
        fault(
            "s422",
            at_fault(422, None),
            How::Does(Action::json(422, &fields)),
        ),
        fault(
            "content-filter",
            at_fault(400, Some("content_filter")),
            How::Does(Action::json(400, &filtered)),
        ),
        fault(
            "inside-400",
            at_fault(400, None),
            inside(400, "context is too long"),
        ),
    ]
}

/// An error inside a 200: as the body, or as a stream's first event, after what opens a stream.
fn inside(status: u16, message: &str) -> How {
    let error = json!({"error": {"code": status, "message": message}});
    How::DoesOr(Action::json(200, &error), stream_of(&error))
}

fn stream_of(error: &Value) -> Action {
    let pause = Duration::from_millis(5);
    Action::sse([
        Chunk::new(": OPENROUTER PROCESSING\n\n"),
        Chunk::after(pause, format!("data: {error}\n\n")),
        Chunk::new("data: [DONE]\n\n"),
    ])
}
