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

/// Sends a request and reads its response to the end.
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
    let sending = send(base, path, headers, body);
    tokio::time::timeout(limit, sending)
        .await
        .unwrap_or_else(|_| Err(format!("no whole response within {} s", limit.as_secs())))
}

async fn send(
    base: &Uri,
    path: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Raw, String> {
    let host = base.host().ok_or("the gateway's URL has no host")?;
    let port = base.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(|error| format!("no connection to the gateway: {error}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // It ends with the response; its errors reach the reader of the body too.
    tokio::spawn(connection);
    let path = format!("{}{path}", base.path().trim_end_matches('/'));
    let authority = base.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/json");
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
            Ok(Ok(data)) => all.extend_from_slice(&data),
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
