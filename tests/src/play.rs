//! Answers of a scripted model in the dialect that an upstream speaks. Owns their HTTP form.

use gateway_conformance::dialect::Dialect;
use gateway_conformance::normal::Answer;
use gateway_conformance::play;
use gateway_testkit::upstream::{Action, Chunk, Record};
use serde_json::Value;

/// The dialect whose operation a request calls; `None`: another path or method.
pub fn called(record: &Record) -> Option<Dialect> {
    let path = record.path.split('?').next().unwrap_or_default();
    match (record.method.as_str(), path) {
        ("POST", "/v1/chat/completions") => Some(Dialect::Chat),
        ("POST", "/v1/messages") => Some(Dialect::Messages),
        ("POST", "/v1/responses") => Some(Dialect::Responses),
        _ => None,
    }
}

/// An answer, whole or as a stream, as the request `body` wants it.
pub fn answer(dialect: Dialect, answer: &Answer, body: &Value) -> Action {
    let model = body["model"].as_str().unwrap_or_default();
    if body["stream"] != true {
        let whole = play::whole(dialect, answer).to_string();
        return Action::raw(200, "application/json", whole.replace(play::MODEL, model));
    }
    let events = play::stream(dialect, answer).into_iter();
    Action::sse(events.map(|event| Chunk::new(event.replace(play::MODEL, model))))
}
