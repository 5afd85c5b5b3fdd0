//! Connections from clients of one thread: accepted, served over HTTP/1.1 or HTTP/2 with or without TLS, and closed in order.
//! Owns their limits in time and size; what a request gets is the handler's.

mod body;
mod stream;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::FutureExt as _;
use gateway_core::app::{App, Peer};
use gateway_core::reply::{Reply, ReplyBody};
use host_io::framing;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::logs;
use crate::ports::{Environment, NativePorts};
use crate::sockets::BACKLOG;
pub use body::ClientBody;
use stream::ClientStream;

/// Timeout for a request's whole head, for idle connections, and for the start of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// Timeout for TLS handshakes.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a request.
const HEAD_BYTES: usize = 64 * 1024;
/// Pause after a failed accept: out of file descriptors, an immediate retry would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long connections of HTTP/1.1 may take one more request after a stop began; its response announces the close, so
/// that no client sends another one into a closed connection.
const LEAVE: Duration = Duration::from_secs(1);
/// What every connection of HTTP/2 begins with; no method of HTTP/1 begins like it.
const PREFACE: &[u8] = b"PRI";
/// Between looks at a connection whose first packet had fewer bytes.
const PREFACE_PAUSE: Duration = Duration::from_millis(5);

/// The body for a request that panicked.
const PANICKED: &str = r#"{"error":{"message":"The request failed inside the gateway. The log has the reason.","type":"server_error","param":null,"code":"component_failed"}}"#;

/// What a connection of this thread may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Responses of HTTP/1.1 announce the close.
    Leaving,
    /// No further request; those in flight go on.
    Closing,
    /// Nothing any more.
    Cut,
}

/// Answers requests.
pub trait Handler: 'static {
    /// Never fails: errors are replies.
    fn handle(&self, peer: Peer, request: Request<ClientBody>) -> impl Future<Output = Reply>;
}

impl Handler for App<NativePorts, NativePorts, Environment> {
    fn handle(&self, peer: Peer, request: Request<ClientBody>) -> impl Future<Output = Reply> {
        Self::handle(self, peer, request)
    }
}

/// Runs the tasks of connections on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> Executor<F> for Local {
    fn execute(&self, task: F) {
        spawn_local(async { drop(task.await) });
    }
}

/// What all connections of a thread share.
struct Site<H> {
    handler: H,
    tls: Option<TlsAcceptor>,
    http1: http1::Builder,
    http2: http2::Builder<Local>,
    is_leaving: Cell<bool>,
    phase: watch::Sender<Phase>,
}

/// Serves until `stop` is set, then lets requests in flight finish for so long.
pub async fn serve<H: Handler>(
    listeners: Vec<StdListener>,
    tls: Option<TlsAcceptor>,
    handler: H,
    mut stop: watch::Receiver<Option<Duration>>,
) -> Result<()> {
    let site = Rc::new(Site::new(handler, tls));
    let mut accepting = Vec::new();
    for listener in listeners {
        let listener = TcpListener::from_std(listener)?;
        accepting.push(spawn_local(accept(
            listener,
            Rc::clone(&site),
            stop.clone(),
        )));
    }
    // The sender outlives every thread.
    let grace = stop
        .wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|grace| *grace);
    site.is_leaving.set(true);
    for task in accepting {
        task.await?;
    }
    let grace = grace.unwrap_or_default();
    for (phase, time) in [(Phase::Leaving, LEAVE), (Phase::Closing, grace)] {
        site.phase.send_replace(phase);
        if timeout(time, site.phase.closed()).await.is_ok() {
            return Ok(());
        }
    }
    logs::note(format_args!("requests still in flight are cut off"));
    site.phase.send_replace(Phase::Cut);
    site.phase.closed().await;
    Ok(())
}

async fn accept<H: Handler>(
    listener: TcpListener,
    site: Rc<Site<H>>,
    mut stop: watch::Receiver<Option<Duration>>,
) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => site.begin(stream, client),
                Err(error) => {
                    logs::note(format_args!("a connection could not be accepted: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            _ = stop.wait_for(Option::is_some) => break,
        }
    }
    // Closing the socket would reset those that wait in its queue, unless another process has the same one.
    for _ in 0..BACKLOG {
        match listener.accept().now_or_never() {
            Some(Ok((stream, client))) => site.begin(stream, client),
            _ => break,
        }
    }
}

impl<H: Handler> Site<H> {
    fn new(handler: H, tls: Option<TlsAcceptor>) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES);
        let mut http2 = http2::Builder::new(Local);
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .keep_alive_interval(HEAD_TIMEOUT);
        Self {
            handler,
            tls,
            http1,
            http2,
            is_leaving: Cell::new(false),
            phase: watch::Sender::new(Phase::Serving),
        }
    }

    fn begin(self: &Rc<Self>, stream: TcpStream, client: SocketAddr) {
        let phases = self.phase.subscribe();
        // Errors on a connection are not logged: resets and timeouts are common, and so are bodies that had to be cut.
        spawn_local(Rc::clone(self).connection(stream, client, phases));
    }

    async fn connection(
        self: Rc<Self>,
        stream: TcpStream,
        client: SocketAddr,
        mut phases: watch::Receiver<Phase>,
    ) {
        let opened = tokio::select! {
            opened = open(stream, self.tls.as_ref()) => opened,
            // Nothing has been asked yet.
            _ = phases.wait_for(|phase| matches!(phase, Phase::Closing | Phase::Cut)) => return,
        };
        let Some((stream, is_http2)) = opened else {
            return;
        };
        let peer = Peer {
            address: Some(client.ip().to_canonical()),
            scheme: Some(stream.scheme()),
            authority: None,
        };
        let site = Rc::clone(&self);
        let service = service_fn(move |request| {
            let (site, peer) = (Rc::clone(&site), peer.clone());
            async move { Ok::<_, Infallible>(site.answer(peer, request).await) }
        });
        let io = TokioIo::new(stream);
        if is_http2 {
            drive(self.http2.serve_connection(io, service), phases).await;
        } else {
            drive(self.http1.serve_connection(io, service), phases).await;
        }
    }

    async fn answer(&self, peer: Peer, request: Request<hyper::body::Incoming>) -> Reply {
        let version = request.version();
        if let Err(refused) = framing::check_request(version, request.headers()) {
            let (message, code) = (refused.message, refused.code);
            let text = format!(
                r#"{{"error":{{"message":"{message}","type":"invalid_request_error","param":null,"code":"{code}"}}}}"#
            );
            return failure(refused.status, text.into());
        }
        let request = request.map(ClientBody::new);
        let answering = AssertUnwindSafe(self.handler.handle(peer, request)).catch_unwind();
        // The message of a panic has been logged by the hook.
        let mut reply = answering.await.unwrap_or_else(|_| {
            failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                Bytes::from_static(PANICKED.as_bytes()),
            )
        });
        if self.is_leaving.get() && version != Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            reply.headers_mut().insert(CONNECTION, close);
        }
        reply
    }
}

/// A response of the host itself.
fn failure(status: StatusCode, text: Bytes) -> Reply {
    let mut reply = Response::new(ReplyBody::Whole(text));
    *reply.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(CONTENT_TYPE, json);
    reply
}

/// A connection on which requests can be read, and whether it is HTTP/2's; `None` when it ended before.
async fn open(stream: TcpStream, tls: Option<&TlsAcceptor>) -> Option<(ClientStream, bool)> {
    // Otherwise a small write waits for the peer's delayed acknowledgement.
    stream.set_nodelay(true).ok()?;
    let Some(tls) = tls else {
        let is_http2 = timeout(HEAD_TIMEOUT, begins_http2(&stream));
        let is_http2 = is_http2.await.ok()?.ok()?;
        return Some((ClientStream::plain(stream), is_http2));
    };
    let accepted = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
    let stream = accepted.await.ok()?.ok()?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Some((ClientStream::tls(stream), is_http2))
}

/// Whether the client speaks HTTP/2 without having asked (prior knowledge). Reads nothing that it does not leave there.
async fn begins_http2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut first).await?;
        if length == PREFACE.len() || first[..length] != PREFACE[..length] || length == 0 {
            return Ok(first == PREFACE);
        }
        tokio::time::sleep(PREFACE_PAUSE).await;
    }
}

/// A connection of either version of HTTP.
trait Connection: Future {
    fn close_in_order(self: Pin<&mut Self>);
}

impl<I, B, S> Connection for http1::Connection<I, S>
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn close_in_order(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S> Connection for http2::Connection<I, S, Local>
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    Local: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    fn close_in_order(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

async fn drive(connection: impl Connection, mut phases: watch::Receiver<Phase>) {
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            changed = phases.changed() => {
                let phase = *phases.borrow_and_update();
                match phase {
                    Phase::Serving | Phase::Leaving if changed.is_ok() => {}
                    Phase::Closing if changed.is_ok() => connection.as_mut().close_in_order(),
                    _ => return,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
