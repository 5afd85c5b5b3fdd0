//! One HTTP request to the gateway and its whole response. Owns the connection; knows no dialect.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What came back.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The status.
    pub status: u16,
    /// The content type, or nothing.
    pub content_type: String,
    /// What arrived of the body.
    pub body: Bytes,
    /// Whether the connection broke before the body's end.
    pub broken: bool,
}

/// How much of a response a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// All of it.
    End,
    /// The first event of a stream; then the client leaves.
    FirstEvent,
}

/// Whether the gateway accepts connections: without it every case would only say that there is none.
///
/// # Errors
/// When it does not.
pub async fn reach(base: &Uri) -> Result<(), String> {
    connect(base).await.map(drop)
}

async fn connect(base: &Uri) -> Result<TcpStream, String> {
    let host = base.host().ok_or("the gateway's URL has no host")?;
    let port = base.port_u16().unwrap_or(80);
    TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(|error| format!("no connection to the gateway: {error}"))
}

/// Sends a request with a body and reads its response to the end.
///
/// # Errors
/// When there is no response at all: no connection, no valid head, or the time is over.
pub async fn post(
    base: &Uri,
    path: &str,
    headers: &[(String, String)],
    body: Bytes,
    limit: Duration,
) -> Result<Raw, String> {
    call(
        base,
        (&Method::POST, path),
        headers,
        body,
        Until::End,
        limit,
    )
    .await
}

/// Sends a request and reads its response.
///
/// # Errors
/// When there is no response at all: no connection, no valid head, or the time is over.
pub async fn call(
    base: &Uri,
    line: (&Method, &str),
    headers: &[(String, String)],
    body: Bytes,
    until: Until,
    limit: Duration,
) -> Result<Raw, String> {
    let sending = send(base, line, headers, body, until);
    tokio::time::timeout(limit, sending)
        .await
        .unwrap_or_else(|_| Err(format!("no whole response within {} s", limit.as_secs())))
}

async fn send(
    base: &Uri,
    (method, path): (&Method, &str),
    headers: &[(String, String)],
    body: Bytes,
    until: Until,
) -> Result<Raw, String> {
    let stream = connect(base).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // It ends with the response; its errors reach the reader of the body too.
    let connection = tokio::spawn(connection);
    let path = format!("{}{path}", base.path().trim_end_matches('/'));
    let authority = base.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, authority);
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| format!("no response: {error}"))?;
    let (head, mut body) = response.into_parts();
    let mut all = Vec::new();
    let mut broken = false;
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => {
                all.extend_from_slice(&data);
                let has_event = all.windows(2).any(|two| two == b"\n\n");
                if until == Until::FirstEvent && has_event {
                    connection.abort();
                    break;
                }
            }
            Ok(Err(_)) => {}
            Err(_) => {
                broken = true;
                break;
            }
        }
    }
    let content_type = head.headers.get(header::CONTENT_TYPE);
    Ok(Raw {
        status: head.status.as_u16(),
        content_type: content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        body: Bytes::from(all),
        broken,
    })
}
