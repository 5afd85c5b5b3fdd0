//! New connections: names, TCP with `TCP_NODELAY`, TLS. Knows no HTTP beyond choosing its version by ALPN.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use anyhow::Result;
use futures_util::{FutureExt, future::BoxFuture};
use host_io::dial::{BoxError, Dialer, Socket};
use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::RootCertStore;
use tower_service::Service;

use super::kept::Trace;

tokio::task_local! {
    /// The request for which a connection may be needed; the pool passes on only the address.
    pub static CONNECTING: Arc<Connecting>;
}

/// The state of a request's connection.
pub struct Connecting {
    timeout: Duration,
    since: Mutex<Option<Since>>,
}

/// A state of `Connecting`.
#[derive(Clone, Copy)]
pub enum Since {
    /// In progress.
    Trying,
    /// Ready since then.
    Connected(Instant),
}

impl Connecting {
    /// Not tried yet; an attempt may take `timeout`.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            since: Mutex::new(None),
        }
    }

    /// `None` while no connection was needed.
    pub fn since(&self) -> Option<Since> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Since) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(since);
    }
}

/// Connecting took longer than the component allows.
#[derive(Debug)]
pub struct TimedOut;

/// Makes connections for the pool.
#[derive(Clone)]
pub struct Connector(Dialer);

impl Connector {
    /// Trusts `roots`.
    pub fn new(roots: RootCertStore) -> Result<Self> {
        Ok(Self(Dialer::new(roots)?))
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<Stream>, BoxError> {
        let socket = self.0.dial(uri).await?;
        let trace = Trace::default();
        Ok(TokioIo::new(Stream { socket, trace }))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let request = CONNECTING.try_with(Arc::clone).ok();
        let connect = self.clone().connect(uri);
        async move {
            let Some(request) = request else {
                return connect.await;
            };
            request.set(Since::Trying);
            let connected = tokio::time::timeout(request.timeout, connect).await;
            request.set(Since::Connected(Instant::now()));
            connected.unwrap_or_else(|_| Err(TimedOut.into()))
        }
        .boxed()
    }
}

/// A connection with or without TLS, and its state.
pub struct Stream {
    socket: Socket,
    trace: Trace,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.trace.clone());
        if self.socket.is_http2() {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl Stream {
    /// Records the result of a write.
    fn wrote<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &outcome {
            Poll::Ready(Ok(_)) => self.trace.wrote(),
            Poll::Ready(Err(_)) => self.trace.broke(),
            Poll::Pending => {}
        }
        outcome
    }
}

impl tokio::io::AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.socket).poll_read(cx, buffer);
        match &outcome {
            Poll::Ready(Ok(())) => this.trace.read(buffer.filled().len() - before),
            Poll::Ready(Err(_)) => this.trace.broke(),
            Poll::Pending => {}
        }
        outcome
    }
}

impl tokio::io::AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.socket).poll_write(cx, bytes);
        this.wrote(outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.socket).poll_write_vectored(cx, slices);
        this.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connecting took too long")
    }
}

impl std::error::Error for TimedOut {}
