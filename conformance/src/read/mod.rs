//! What a client gets back, held to the vendor's published answers, grammars of streams and errors. Owns the choice of the
//! reader and what a stream can end as.
//!
//! Required fields, their types and values, and the order of events are strict. Further fields are not violations here:
//! all four vendors document that clients must ignore fields that they do not know.

pub mod chat;
pub mod chat_stream;
pub mod gemini;
pub mod messages;
pub mod messages_stream;
pub mod responses;
pub mod responses_items;
pub mod responses_stream;

use serde_json::Value;

use crate::dialect::Dialect;
use crate::node::{Node, Verdict, ensure, parse};
use crate::normal::{Answer, Stop};
use crate::sse::{self, Frame};

/// An error as a client of the dialect reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBody {
    /// `type`, or Google's `status`.
    pub kind: String,
    /// `code`, where the dialect has one and it is set.
    pub code: Option<String>,
    /// `param`, where the dialect has one and it is set.
    pub param: Option<String>,
    /// For people.
    pub message: String,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer to its end.
    Answer(Answer),
    /// A stream that ended in an error event.
    Broken(ErrorBody),
    /// An error with its status.
    Refused(u16, ErrorBody),
    /// The JSON of an operation that is not an answer.
    Other(Value),
    /// The client left in the middle of a stream; whether the call of the upstream was ended.
    Left(bool),
}

impl Outcome {
    /// What it is, for complaints.
    pub fn words(&self) -> String {
        match self {
            Self::Answer(_) => "a whole answer".to_owned(),
            Self::Broken(_) => "an error in a stream".to_owned(),
            Self::Refused(status, _) => format!("the status {status}"),
            Self::Other(_) => "other JSON".to_owned(),
            Self::Left(_) => "half a stream".to_owned(),
        }
    }
}

/// Reads the response of an operation that is not an answer: JSON, or an error of the dialect.
pub fn other(dialect: Dialect, status: u16, body: &[u8]) -> Verdict<Outcome> {
    let value = parse(body, "the body")?;
    if (200..300).contains(&status) {
        return Ok(Outcome::Other(value));
    }
    Ok(Outcome::Refused(status, error(dialect, &value)?))
}

/// Reads a response strictly.
pub fn outcome(
    dialect: Dialect,
    status: u16,
    content_type: &str,
    stream: bool,
    body: &[u8],
) -> Verdict<Outcome> {
    if !(200..300).contains(&status) {
        let value = parse(body, "the error body")?;
        return Ok(Outcome::Refused(status, error(dialect, &value)?));
    }
    if !stream {
        let is_json = content_type.starts_with("application/json");
        ensure(is_json, || format!("the content type is {content_type:?}"))?;
        let value = parse(body, "the answer")?;
        return whole(dialect, &value).map(Outcome::Answer);
    }
    let is_stream = content_type.starts_with("text/event-stream");
    ensure(is_stream, || {
        format!("the content type is {content_type:?}")
    })?;
    stream_of(dialect, &sse::read(body)?)
}

/// Reads a whole answer.
pub fn whole(dialect: Dialect, body: &Value) -> Verdict<Answer> {
    let answer = match dialect {
        Dialect::Chat => chat::read(body),
        Dialect::Messages => messages::read(body),
        Dialect::Responses => responses::read(body),
        Dialect::Gemini => gemini::read(body),
    }?;
    sound(&answer)?;
    Ok(answer)
}

/// Reads a stream.
pub fn stream_of(dialect: Dialect, frames: &[Frame]) -> Verdict<Outcome> {
    let outcome = match dialect {
        Dialect::Chat => chat_stream::read(frames),
        Dialect::Messages => messages_stream::read(frames),
        Dialect::Responses => responses_stream::read(frames),
        Dialect::Gemini => gemini::read_stream(frames),
    }?;
    if let Outcome::Answer(answer) = &outcome {
        sound(answer)?;
    }
    Ok(outcome)
}

/// The rules that hold for the answers of all dialects.
fn sound(answer: &Answer) -> Verdict<()> {
    let calls = answer.calls();
    ensure(answer.stop != Stop::Calls || !calls.is_empty(), || {
        "it stops for calls, but has none".to_owned()
    })?;
    ensure(answer.stop != Stop::End || calls.is_empty(), || {
        "it has calls, but does not stop for them".to_owned()
    })?;
    let mut seen: Vec<&str> = Vec::new();
    for call in calls {
        ensure(!call.id.is_empty(), || "a call has an empty id".to_owned())?;
        ensure(!seen.contains(&call.id.as_str()), || {
            format!("two calls have the id {:?}", call.id)
        })?;
        seen.push(&call.id);
        ensure(!call.name.is_empty(), || "a call has no name".to_owned())?;
    }
    Ok(())
}

/// Reads an error body.
pub fn error(dialect: Dialect, body: &Value) -> Verdict<ErrorBody> {
    let root = Node::root(body, "error body");
    let inner = root.need("error")?;
    let message = inner.need("message")?.text()?.to_owned();
    let optional = |name: &str| {
        let text = inner.get(name).map(|node| node.text().map(str::to_owned));
        text.transpose()
    };
    let plain = |kind: &str| ErrorBody {
        kind: kind.to_owned(),
        code: None,
        param: None,
        message: message.clone(),
    };
    match dialect {
        Dialect::Chat | Dialect::Responses => {
            for name in ["param", "code"] {
                let is_there = inner.map()?.contains_key(name);
                inner.ensure(is_there, &format!("`{name}` is missing"))?;
            }
            Ok(ErrorBody {
                code: optional("code")?,
                param: optional("param")?,
                ..plain(inner.need("type")?.text()?)
            })
        }
        Dialect::Messages => {
            root.need("type")?.one_of(&["error"])?;
            Ok(plain(inner.need("type")?.one_of(MESSAGES_ERRORS)?))
        }
        Dialect::Gemini => {
            inner.need("code")?.int()?;
            let status = inner.need("status")?.text()?;
            let is_status = status
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            inner.ensure(is_status, "`status` must be a canonical code")?;
            Ok(plain(status))
        }
    }
}

/// The types of errors that Anthropic documents.
const MESSAGES_ERRORS: &[&str] = &[
    "api_error",
    "authentication_error",
    "billing_error",
    "invalid_request_error",
    "not_found_error",
    "overloaded_error",
    "permission_error",
    "rate_limit_error",
    "request_too_large",
    "timeout_error",
];
