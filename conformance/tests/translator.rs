//! The whole suite against a plain translator, made of the suite's own readers and writers.
//!
//! Proves that the matrix can be passed: what a case wants from a pair of dialects is possible for that pair. The
//! translator buffers whole answers and knows no quirks, so that the nasty cases are not expected of it.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a test that cannot run has failed")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use gateway_conformance::client::{self, Raw};
use gateway_conformance::dialect::{Dialect, UPSTREAMS, script_key};
use gateway_conformance::normal::{Answer, Asked, Turn};
use gateway_conformance::read::{self, ErrorBody, Outcome};
use gateway_conformance::run::{self, Status, Target};
use gateway_conformance::{cases, play, request, upstream, write};
use http::Uri;
use http::request::Parts;
use serde_json::{Value, json};

fn raw(status: u16, content_type: &str, body: String) -> Raw {
    Raw {
        status,
        content_type: content_type.to_owned(),
        body: Bytes::from(body),
        broken: false,
    }
}

/// An error with a status, in the client's words.
fn refuse(client: Dialect, status: u16, message: &str) -> Raw {
    let (kind, code) = match (client, status) {
        (Dialect::Messages, 429) => ("rate_limit_error", None),
        (Dialect::Messages, 500..) => ("api_error", None),
        (_, 429) => ("requests", Some("rate_limit_exceeded")),
        (_, 500..) => ("server_error", None),
        (Dialect::Messages, _) => ("invalid_request_error", None),
        _ if message.contains("prompt is too long") => {
            ("invalid_request_error", Some("context_length_exceeded"))
        }
        _ => ("invalid_request_error", None),
    };
    let body = play::error(client, kind, code, message);
    raw(status, "application/json", body.to_string())
}

/// The same within a stream.
fn break_off(client: Dialect, message: &str) -> Raw {
    let error = play::error(client, "api_error", None, message);
    let event = match client {
        Dialect::Chat => play::data(&error),
        Dialect::Messages => play::named(&error),
        _ => play::named(
            &json!({"type": "error", "code": "server_error", "message": message,
            "param": null, "sequence_number": 0}),
        ),
    };
    raw(200, "text/event-stream", event)
}

/// A client's request in the upstream's words, turns of one side together.
fn translated(client: Dialect, dialect: Dialect, body: &Value) -> Result<(Asked, Value), String> {
    let mut asked = request::read(client, body)?;
    let mut turns: Vec<Turn> = Vec::new();
    for turn in std::mem::take(&mut asked.turns) {
        match turns.last_mut() {
            Some(last) if last.assistant == turn.assistant => last.parts.extend(turn.parts),
            _ => turns.push(turn),
        }
    }
    asked.turns = turns;
    let body = write::request(dialect, &asked);
    Ok((asked, body))
}

fn answer(client: Dialect, asked: &Asked, answer: &Answer) -> Raw {
    let named = |text: String| text.replace(play::MODEL, &asked.model);
    if asked.stream {
        let events = play::stream(client, answer).concat();
        return raw(200, "text/event-stream", named(events));
    }
    let body = play::whole(client, answer).to_string();
    raw(200, "application/json", named(body))
}

async fn translate(head: Parts, body: Bytes, port: u16) -> Raw {
    let path = head.uri.path();
    let client = UPSTREAMS
        .into_iter()
        .find(|client| client.client_path("", false) == path);
    let Some(client) = client else {
        return raw(501, "application/json", String::new());
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = body["model"].as_str().unwrap_or_default();
    let name = script_key(model).and_then(|key| key.split('-').nth(1));
    let Some(dialect) = UPSTREAMS
        .into_iter()
        .find(|other| Some(other.name()) == name)
    else {
        return refuse(client, 404, "no such model");
    };
    let (asked, body) = match translated(client, dialect, &body) {
        Ok(both) => both,
        Err(complaint) => return refuse(client, 400, &complaint),
    };
    let base: Uri = format!("http://127.0.0.1:{port}/{dialect}")
        .parse()
        .expect("a URL");
    let headers = dialect.client_headers("sk-upstream");
    let path = dialect.client_path("", false);
    let body = Bytes::from(body.to_string());
    let got = client::post(&base, &path, &headers, body, Duration::from_secs(5)).await;
    let outcome = got.and_then(|got| {
        read::outcome(
            dialect,
            got.status,
            &got.content_type,
            asked.stream,
            &got.body,
        )
    });
    match outcome {
        Ok(Outcome::Answer(got)) => answer(client, &asked, &got),
        Ok(Outcome::Broken(error)) => break_off(client, &error.message),
        Ok(Outcome::Refused(401, _)) => refuse(client, 502, "the upstream's key was refused"),
        Ok(Outcome::Refused(status, error)) => refuse(client, status, &words(&error)),
        Err(complaint) if asked.stream => break_off(client, &complaint),
        Err(complaint) => refuse(client, 502, &complaint),
    }
}

/// The message, in the words that Anthropic's clients know when the input was too long.
fn words(error: &ErrorBody) -> String {
    if error.code.as_deref() == Some("context_length_exceeded") {
        return format!("prompt is too long: {}", error.message);
    }
    error.message.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_translator_passes_the_matrix() {
    let (board, upstreams) = upstream::start(0).await.expect("the upstreams");
    let port = upstreams.port();
    let address = common::serve(move |head, body| translate(head, body, port)).await;
    let target = Target {
        url: format!("http://{address}").parse().expect("a URL"),
        key: "sk-test".to_owned(),
        model_prefix: String::new(),
        limit: Duration::from_secs(10),
    };
    let mut wrong = Vec::new();
    let mut unsupported = 0;
    for (index, case) in cases::all().iter().enumerate() {
        if case.name.starts_with("nasty") {
            continue;
        }
        let done = run::case(&target, &board, index + 1, case).await;
        match done.status {
            Status::Ok => {}
            Status::Unsupported(_) if case.client == Dialect::Gemini => unsupported += 1,
            other => wrong.push(format!("{}: {other:?}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(unsupported > 90, "only {unsupported} cases of Gemini");
}
