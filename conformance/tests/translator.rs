//! The whole suite against a plain translator, made of the suite's own readers and writers.
//!
//! Proves that the matrix can be passed: what a case requires of a pair of dialects is possible for that pair; and that the
//! nasty cases ask for more: the translator buffers whole answers and knows no quirks.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a test that cannot run has failed")]

mod common;
mod gemini;

use std::time::Duration;

use bytes::Bytes;
use gateway_conformance::client::{self, Raw};
use gateway_conformance::dialect::{CLIENTS, Dialect, UPSTREAMS, script_key};
use gateway_conformance::normal::{Answer, Asked, Turn};
use gateway_conformance::read::{self, ErrorBody, Outcome};
use gateway_conformance::run::{self, Status, Target};
use gateway_conformance::{cases, play, request, upstream, write};
use http::Uri;
use http::request::Parts;
use serde_json::{Value, json};

/// The nasty cases that are hard for streams, or for what this translator has no notion of, and so leaves out.
const EASY_WHEN_BUFFERED: [&str; 11] = [
    "01", "05", "07", "09", "10", "12", "21", "23", "24", "25", "28",
];

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
    if client == Dialect::Gemini {
        let body = gemini::error(status, &plain_error(message));
        return raw(status, "application/json", body.to_string());
    }
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

fn plain_error(message: &str) -> ErrorBody {
    ErrorBody {
        kind: String::new(),
        code: None,
        param: None,
        message: message.to_owned(),
    }
}

/// The same within a stream.
fn break_off(client: Dialect, message: &str) -> Raw {
    let error = play::error(client, "api_error", None, message);
    let event = match client {
        Dialect::Chat => play::data(&error),
        Dialect::Messages => play::named(&error),
        Dialect::Gemini => play::data(&gemini::error(500, &plain_error(message))),
        Dialect::Responses => play::named(
            &json!({"type": "error", "code": "server_error", "message": message,
            "param": null, "sequence_number": 0}),
        ),
    };
    raw(200, "text/event-stream", event)
}

/// Turns of one side together.
fn merged(mut asked: Asked) -> Asked {
    let mut turns: Vec<Turn> = Vec::new();
    for turn in std::mem::take(&mut asked.turns) {
        match turns.last_mut() {
            Some(last) if last.assistant == turn.assistant => last.parts.extend(turn.parts),
            _ => turns.push(turn),
        }
    }
    asked.turns = turns;
    asked
}

fn answer(client: Dialect, asked: &Asked, answer: &Answer) -> Raw {
    let named = |text: String| text.replace(play::MODEL, &asked.model);
    if asked.stream {
        let events = match client {
            Dialect::Gemini => play::data(&gemini::whole(answer)),
            _ => play::stream(client, answer).concat(),
        };
        return raw(200, "text/event-stream", named(events));
    }
    let body = match client {
        Dialect::Gemini => gemini::whole(answer),
        _ => play::whole(client, answer),
    };
    let body = body.to_string();
    raw(200, "application/json", named(body))
}

async fn translate(head: Parts, body: Bytes, port: u16) -> Raw {
    let path = head.uri.path();
    let last = path.rsplit('/').next().unwrap_or_default();
    let (model, operation) = last.split_once(':').unwrap_or((last, ""));
    let client = CLIENTS
        .into_iter()
        .find(|client| client.client_path("", false) == path)
        .unwrap_or(Dialect::Gemini);
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let asked = if client == Dialect::Gemini {
        Ok(gemini::read(
            &body,
            model,
            operation == "streamGenerateContent",
        ))
    } else {
        request::read(client, &body)
    };
    let asked = match asked {
        Ok(asked) => merged(asked),
        Err(complaint) => return refuse(client, 400, &complaint),
    };
    let name = script_key(&asked.model).and_then(|key| key.split('-').nth(1));
    let Some(dialect) = UPSTREAMS
        .into_iter()
        .find(|other| Some(other.name()) == name)
    else {
        return refuse(client, 404, "no such model");
    };
    let body = write::request(dialect, &asked);
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
        Ok(other) => refuse(client, 502, &other.words()),
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
        headers: Vec::new(),
        client_paths: Vec::new(),
        limit: Duration::from_secs(10),
    };
    let (mut wrong, mut nasty) = (Vec::new(), Vec::new());
    for (index, case) in cases::all().iter().enumerate() {
        if cases::is_area(case) {
            continue;
        }
        let done = run::case(&target, &board, index + 1, case).await;
        if let Some(number) = case.name.strip_prefix("nasty-") {
            if done.status == Status::Ok {
                nasty.push(number.to_owned());
            }
            continue;
        }
        if done.status != Status::Ok {
            wrong.push(format!("{}: {:?}", case.name, done.status));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(nasty, EASY_WHEN_BUFFERED);
}
