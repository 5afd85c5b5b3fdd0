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

/// An answer, whole or as a stream, as the request `record` wants it.
pub fn answer(dialect: Dialect, answer: &Answer, record: &Record) -> Action {
    let body: Value = serde_json::from_slice(&record.body).unwrap_or_default();
    let model = body["model"].as_str().unwrap_or_default();
    // Clients take two answers with one id for parts of one.
    let number = format!("_{}x", record.at_us);
    let fill = |text: &str| text.replace(play::MODEL, model).replace("_conf", &number);
    if body["stream"] != true {
        let whole = play::whole(dialect, answer).to_string();
        return Action::raw(200, "application/json", fill(&whole));
    }
    let events = play::stream(dialect, answer).into_iter();
    Action::sse(events.map(|event| Chunk::new(fill(&event))))
}
