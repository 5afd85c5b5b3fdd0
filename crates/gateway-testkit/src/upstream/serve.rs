//! The server: from a socket to the scripted answer. Owns the path of one request; the content of the usual answers is
//! in `answers`.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Shared;
use super::answers::{self, Asked};
use super::body::ScriptBody;
use super::connection::{Breaker, Connection};
use super::log::{Exchange, Record, now_us};
use super::script::{Action, Chunk, End, Rule};

/// Accepts connections until the task is dropped.
pub(super) async fn listen(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve_connection(stream, Arc::clone(&shared)));
            }
            // Out of descriptors, or a client that disconnected before it was accepted: both are temporary.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let breaker = Arc::new(Breaker::default());
    let connection = Connection::new(stream, Arc::clone(&breaker));
    let service = service_fn(|request| answer(request, Arc::clone(&shared), Arc::clone(&breaker)));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(connection), service);
    tokio::select! {
        biased;
        () = breaker.broken() => {}
        // An error here is a client that disconnected; the exchange has recorded it.
        _ = serving => {}
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    breaker: Arc<Breaker>,
) -> Result<Response<ScriptBody>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
    else {
        // The client disconnected in the middle of its request; hyper drops this answer.
        return Ok(respond(
            simple(StatusCode::BAD_REQUEST, "broken request"),
            Exchange::new(&shared, None),
            breaker,
        ));
    };
    let path = head.uri.path();
    if let Some(command) = path.strip_prefix("/__") {
        let action = control(&head.method, command, &body, &shared);
        return Ok(respond(action, Exchange::new(&shared, None), breaker));
    }
    let asked = Asked::read(path, &body);
    let key = api_key(&head.headers);
    let responder = shared.respond.get();
    let record = (shared.options.log || responder.is_some())
        .then(|| record(&head, &body, key, asked.model()));
    let scripted = shared.script.take(path, key, asked.model());
    let scripted = scripted.or_else(|| responder?(record.as_ref()?));
    let record = record.filter(|_| shared.options.log);
    let mut exchange = Exchange::new(&shared, record.map(|record| shared.log.push(record)));
    let Some(mut action) = scripted else {
        return Ok(respond(
            answers::usual(&head.method, path, &asked, shared.options.pace),
            exchange,
            breaker,
        ));
    };
    if action.usual {
        let usual = answers::usual(&head.method, path, &asked, shared.options.pace);
        action = Action {
            delay_ms: action.delay_ms,
            body_delay_ms: action.body_delay_ms,
            ..usual
        };
    }
    if action.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(action.delay_ms)).await;
    }
    if !action.head {
        if action.end != End::Hang {
            exchange.end();
            breaker.break_off(action.end == End::Reset);
        }
        // Hyper drops this future when the connection is broken off or the client disconnects.
        std::future::pending::<()>().await;
    }
    Ok(respond(action, exchange, breaker))
}

fn respond(action: Action, exchange: Exchange, breaker: Arc<Breaker>) -> Response<ScriptBody> {
    let body = ScriptBody::new(
        action.chunks,
        action.body_delay_ms,
        action.end,
        exchange,
        breaker,
    );
    let mut response = Response::new(body);
    // A script with an impossible status or header is answered by an empty 500, which its test shows.
    *response.status_mut() =
        StatusCode::from_u16(action.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in action.headers {
        match (
            header::HeaderName::try_from(name),
            header::HeaderValue::try_from(value),
        ) {
            (Ok(name), Ok(value)) => {
                response.headers_mut().append(name, value);
            }
            _ => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    response
}

fn simple(status: StatusCode, text: &str) -> Action {
    Action::raw(status.as_u16(), "text/plain", text.to_owned())
}

/// The control endpoint: see the module's table.
fn control(method: &Method, command: &str, body: &[u8], shared: &Shared) -> Action {
    match (method.as_str(), command) {
        ("POST", "script") => match parse_rules(body) {
            Ok(rules) => {
                for rule in rules {
                    shared.script.add(rule);
                }
                simple(StatusCode::NO_CONTENT, "")
            }
            Err(error) => simple(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        ("POST", "reset") => {
            shared.script.clear();
            shared.log.clear();
            simple(StatusCode::NO_CONTENT, "")
        }
        ("GET", "log") => Action::json(200, &serde_json::json!({"data": shared.log.records()})),
        _ => simple(
            StatusCode::NOT_FOUND,
            "commands: POST /__script, GET /__log, POST /__reset",
        ),
    }
}

fn parse_rules(body: &[u8]) -> serde_json::Result<Vec<Rule>> {
    if body.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice(body);
    }
    serde_json::from_slice(body).map(|rule| vec![rule])
}

fn record(
    head: &http::request::Parts,
    body: &Bytes,
    key: Option<&str>,
    model: Option<&str>,
) -> Record {
    let path = head
        .uri
        .path_and_query()
        .map_or_else(|| head.uri.path(), http::uri::PathAndQuery::as_str);
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    Record {
        id: 0,
        at_us: now_us(),
        method: head.method.as_str().to_owned(),
        path: path.to_owned(),
        headers,
        body: body.clone(),
        key: key.map(str::to_owned),
        model: model.map(str::to_owned),
        ended_at_us: None,
        client_gone_at_us: None,
    }
}

fn api_key(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    bearer.or_else(|| headers.get("api-key").and_then(|value| value.to_str().ok()))
}

/// Chunks of one body, for `answers`.
pub(super) fn chunks(pieces: Vec<String>, delay_ms: u64) -> Vec<Chunk> {
    pieces
        .into_iter()
        .map(|piece| Chunk {
            bytes: Bytes::from(piece),
            delay_ms,
        })
        .collect()
}
