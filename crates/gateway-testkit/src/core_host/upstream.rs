//! Calls of the served core to upstreams on this machine, without TLS. Owns the connection and the three timeouts.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::ports::{SendError, SendErrorKind, Timeouts, Upstream};
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::ServedPorts;

/// A connection, closed with its last user.
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An upstream's body. Dropping it closes the connection.
pub struct ServedBody {
    body: Incoming,
    _connection: Connection,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Body for ServedBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let body = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut body.body).poll_frame(context) {
            body.timer.as_mut().reset(Instant::now() + body.idle);
            return Poll::Ready(frame.map(|frame| {
                frame.map_err(|error| failed(SendErrorKind::Reset, &error.to_string()))
            }));
        }
        body.timer
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(late("no further piece in time"))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Upstream for ServedPorts {
    type Body = ServedBody;

    async fn send(
        &self,
        request: Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<Response<ServedBody>, SendError> {
        let (mut sender, connection) =
            timeout(timeouts.connect, connect(request.uri()))
                .await
                .map_err(|_| failed(SendErrorKind::Connect, "no connection in time"))??;
        let answer = timeout(timeouts.first_byte, sender.send_request(outgoing(request)?))
            .await
            .map_err(|_| late("no answer in time"))?
            .map_err(|error| failed(SendErrorKind::Reset, &error.to_string()))?;
        Ok(answer.map(|body| ServedBody {
            body,
            _connection: connection,
            idle: timeouts.idle,
            timer: Box::pin(sleep(timeouts.idle)),
        }))
    }
}

async fn connect(uri: &Uri) -> Result<(SendRequest<Full<Bytes>>, Connection), SendError> {
    let broken = |error: &dyn std::error::Error| failed(SendErrorKind::Connect, &error.to_string());
    let host = uri.host().unwrap_or_default();
    let address = (host, uri.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| broken(&error))?;
    stream.set_nodelay(true).map_err(|error| broken(&error))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let driving = spawn_local(async move {
        // The result is sent to the caller waiting for the answer.
        let _ = connection.await;
    });
    Ok((sender, Connection(driving.abort_handle())))
}

/// The request with a path instead of a URL, as servers expect it.
fn outgoing(request: Request<Bytes>) -> Result<Request<Full<Bytes>>, SendError> {
    let (mut parts, body) = request.into_parts();
    let refused = || failed(SendErrorKind::Denied, "the URL cannot be called");
    let host = parts.uri.authority().ok_or_else(refused)?.as_str();
    let host = HeaderValue::try_from(host).map_err(|_| refused())?;
    parts.headers.insert(HOST, host);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse().map_err(|_| refused())?;
    Ok(Request::from_parts(parts, Full::new(body)))
}

fn late(detail: &str) -> SendError {
    failed(SendErrorKind::Timeout, detail)
}

fn failed(kind: SendErrorKind, detail: &str) -> SendError {
    SendError {
        kind,
        detail: detail.to_owned(),
    }
}
