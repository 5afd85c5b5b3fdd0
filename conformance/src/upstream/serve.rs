//! From a request on a socket to the scripted reply. Owns the path of one request.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::body::Pieces;
use super::{Board, Cut, End, Played, Received, Reply, Say};
use crate::dialect::{Dialect, Operation, script_key};
use crate::normal::Asked;
use crate::play;
use crate::request;

pub(super) async fn listen(listener: TcpListener, board: Arc<Board>) {
    loop {
        // An error here is a client that went away before it was accepted.
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, Arc::clone(&board)));
        }
    }
}

async fn connection(stream: TcpStream, board: Arc<Board>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| answer(request, Arc::clone(&board)));
    // An error is a gateway that disconnects, or a script that breaks off.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(
    request: Request<Incoming>,
    board: Arc<Board>,
) -> Result<Response<Pieces>, Infallible> {
    let (head, body) = request.into_parts();
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let path = head.uri.path();
    let Some((dialect, operation)) = Dialect::of_upstream_path(path) else {
        return Ok(plain(404, "no upstream has this path"));
    };
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let model = match operation {
        Operation::Stored => path,
        _ => body
            .get("model")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    };
    let Some(key) = script_key(model).map(str::to_owned) else {
        return Ok(match operation {
            Operation::Stored => {
                let id = path.split('/').find(|part| part.starts_with("resp_"));
                let id = id.unwrap_or_default();
                plain(404, &format!("Response with id '{id}' not found."))
            }
            _ => plain(404, "no script has this model"),
        });
    };
    let asked = received(dialect, operation, &head, &body);
    let names = Names {
        model: model.to_owned(),
        script: key.clone(),
    };
    let violation = asked.as_ref().err().cloned();
    let stream = asked.as_ref().is_ok_and(|asked| asked.stream);
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let note = Received {
        dialect,
        operation,
        line: format!("{} {}", head.method, head.uri),
        headers: headers.collect(),
        bytes: Bytes::clone(&bytes),
        body,
        asked,
    };
    let played = board.play(&key, note);
    if let Some(violation) = violation {
        let is_known = operation != Operation::Unknown;
        let status = if is_known { 400 } else { 404 };
        let body = play::error(dialect, "invalid_request_error", None, &violation);
        return Ok(respond(dialect, Reply::error(status, body), false, &names));
    }
    Ok(match played {
        Some(Played { reply, ended }) => {
            respond(dialect, reply, stream, &names).map(|body| body.noting(ended))
        }
        None => plain(404, "no script for this model now"),
    })
}

/// What placeholders in replies stand for.
#[derive(Default)]
struct Names {
    model: String,
    script: String,
}

/// Checks headers, body and the script that the model names.
fn received(
    dialect: Dialect,
    operation: Operation,
    head: &http::request::Parts,
    body: &Value,
) -> Result<Asked, String> {
    let (method, path) = (&head.method, head.uri.path());
    let has_method = match operation {
        Operation::Generate | Operation::Count => method == http::Method::POST,
        Operation::Stored => true,
        Operation::Unknown => false,
    };
    if !has_method {
        return Err(format!(
            "the {dialect} upstream does not have {method} {path}"
        ));
    }
    let has = |name: &str| head.headers.contains_key(name);
    if dialect == Dialect::Messages {
        if !has("anthropic-version") {
            return Err("the header anthropic-version is missing".to_owned());
        }
        if !has("x-api-key") && !has("authorization") {
            return Err("the header x-api-key is missing".to_owned());
        }
    } else if !has("authorization") {
        return Err("the header authorization is missing".to_owned());
    }
    if operation == Operation::Stored {
        return Ok(Asked::default());
    }
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let is_json = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    if !is_json {
        return Err(format!("the content type is {content_type:?}"));
    }
    if !body.is_object() {
        return Err("the body is no JSON object".to_owned());
    }
    match operation {
        Operation::Count => request::read_count(dialect, body),
        _ => request::read(dialect, body),
    }
}

fn respond(dialect: Dialect, reply: Reply, stream: bool, names: &Names) -> Response<Pieces> {
    let (events, is_stream) = match reply.say {
        Say::Answer(answer) if stream => (play::stream(dialect, &answer), true),
        Say::Answer(answer) => (vec![play::whole(dialect, &answer).to_string()], false),
        Say::Half(answer) if stream => {
            let mut events = play::stream(dialect, &answer);
            events.truncate(events.len() / 2);
            (events, true)
        }
        Say::Half(answer) => {
            let mut text = play::whole(dialect, &answer).to_string();
            text.truncate(text.floor_char_boundary(text.len() / 2));
            (vec![text], false)
        }
        Say::Json(value) => (vec![value.to_string()], false),
        Say::Events(events) if stream => (events, true),
        Say::Events(_) => {
            let message = "this script is a stream, but none was requested";
            let body = json!({"error": {"message": message, "type": "invalid_request_error"}});
            (vec![body.to_string()], false)
        }
    };
    let name = |event: String| {
        let event = event.replace(play::MODEL, &names.model);
        event.replace(play::SCRIPT, &names.script)
    };
    let events = events.into_iter().map(name).collect();
    let cut = if is_stream { reply.cut } else { Cut::Whole };
    let mut response = Response::new(Pieces::new(events, cut, reply.end));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let content_type = if is_stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in reply.headers {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

fn plain(status: u16, text: &str) -> Response<Pieces> {
    let body = json!({"error": {"message": text, "type": "invalid_request_error",
        "param": null, "code": "model_not_found"}});
    respond(
        Dialect::Chat,
        Reply {
            end: End::Clean,
            ..Reply::error(status, body)
        },
        false,
        &Names::default(),
    )
}
