//! What scripted upstreams answer: well-formed bodies and streams of each dialect. Owns how answers are written down.
//!
//! The model's name is left open ([`MODEL`]): the upstream fills in the one that was requested.

pub mod chat;
pub mod messages;
pub mod responses;

use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::normal::Answer;

/// Placeholder for the model's name until an answer is sent.
pub const MODEL: &str = "__MODEL__";
/// The placeholder for the name of the script in ids, which must find their way back to it.
pub const SCRIPT: &str = "__SCRIPT__";
/// When all answers were made.
pub const CREATED: u64 = 1_763_000_000;

/// A whole answer.
pub fn whole(dialect: Dialect, answer: &Answer) -> Value {
    match dialect {
        Dialect::Chat | Dialect::Gemini => chat::whole(answer),
        Dialect::Messages => messages::whole(answer),
        Dialect::Responses => responses::whole(answer),
    }
}

/// The same as a stream of events, each with its line ends.
pub fn stream(dialect: Dialect, answer: &Answer) -> Vec<String> {
    match dialect {
        Dialect::Chat | Dialect::Gemini => chat::stream(answer),
        Dialect::Messages => messages::stream(answer),
        Dialect::Responses => responses::stream(answer),
    }
}

/// An error in the vendor's envelope.
pub fn error(dialect: Dialect, kind: &str, code: Option<&str>, message: &str) -> Value {
    if dialect == Dialect::Messages {
        return json!({
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": "req_conf",
        });
    }
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// A text in three pieces, cut between characters.
pub fn thirds(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let size = letters.len().div_ceil(3).max(1);
    letters
        .chunks(size)
        .map(|piece| piece.iter().collect())
        .collect()
}

/// An event with data alone.
pub fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// An event that is named after its own type.
pub fn named(value: &Value) -> String {
    let name = value.get("type").and_then(Value::as_str).unwrap_or("error");
    format!("event: {name}\ndata: {value}\n\n")
}
