//! One connection to an upstream, over HTTP/1.1 or HTTP/2. Owns what is known of its state.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_core::ports::SendError;
use host_io::dial::Socket;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::spawn_local;

use super::failure;

/// Why there is no response.
pub struct Failed {
    /// What the core is told.
    pub error: SendError,
    /// The request met the end of a connection that had served others, and nothing of a response came.
    pub is_stale: bool,
}

/// A connection, driven by a task of its own, which ends with the last handle.
pub struct Connection {
    sender: Sender,
    trace: Rc<Trace>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Begins HTTP on a new connection.
    pub async fn begin(socket: Socket) -> hyper::Result<Self> {
        let trace = Rc::<Trace>::default();
        let is_http2 = socket.is_http2();
        let io = TokioIo::new(Traced {
            socket,
            trace: Rc::clone(&trace),
        });
        let sender = if is_http2 {
            let mut builder = http2::Builder::new(Local);
            builder.adaptive_window(true).timer(TokioTimer::new());
            let (sender, driver) = builder.handshake(io).await?;
            // Errors are told to the requests that meet them.
            spawn_local(async { drop(driver.await) });
            Sender::Http2(sender)
        } else {
            let (sender, driver) = http1::handshake(io).await?;
            spawn_local(async { drop(driver.await) });
            Sender::Http1(sender)
        };
        Ok(Self { sender, trace })
    }

    /// Whether several requests may use it at once.
    pub const fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    /// Another handle, for a further request at the same time; `None` on HTTP/1.1, which has one request at a time.
    pub fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self {
                sender: Sender::Http2(sender.clone()),
                trace: Rc::clone(&self.trace),
            }),
        }
    }

    /// Whether a request may be sent on it now.
    pub fn is_ready(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_ready(),
            Sender::Http2(sender) => sender.is_ready(),
        }
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends a request and waits for the response's head.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failed> {
        let outcome = match &mut self.sender {
            Sender::Http1(sender) => match sender.ready().await {
                Ok(()) => sender.send_request(request).await,
                Err(error) => Err(error),
            },
            Sender::Http2(sender) => match sender.ready().await {
                Ok(()) => sender.send_request(request).await,
                Err(error) => Err(error),
            },
        };
        match outcome {
            Ok(response) => {
                self.trace.used.set(true);
                Ok(response)
            }
            Err(error) => Err(Failed {
                is_stale: self.trace.was_stale(self.is_http2()) || (self.trace.used.get() && error.is_canceled()),
                error: failure::of_exchange(&error),
            }),
        }
    }
}

/// What is known of one connection.
#[derive(Default)]
struct Trace {
    /// A response's head has come over it.
    used: Cell<bool>,
    /// Something has come since the last write.
    answering: Cell<bool>,
    /// Its other side has closed or reset it.
    ended: Cell<bool>,
}

impl Trace {
    /// Whether a request that failed on it may only have met the end of a kept connection. On HTTP/2 frames arrive at any
    /// time and say nothing about this request; only a missing head is known.
    fn was_stale(&self, is_http2: bool) -> bool {
        self.used.get() && self.ended.get() && (is_http2 || !self.answering.get())
    }
}

/// A socket whose state is recorded.
struct Traced {
    socket: Socket,
    trace: Rc<Trace>,
}

impl Traced {
    fn wrote<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &outcome {
            Poll::Ready(Ok(_)) => self.trace.answering.set(false),
            Poll::Ready(Err(_)) => self.trace.ended.set(true),
            Poll::Pending => {}
        }
        outcome
    }
}

impl AsyncRead for Traced {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.socket).poll_read(context, buffer);
        match &outcome {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => this.trace.answering.set(true),
            Poll::Ready(_) => this.trace.ended.set(true),
            Poll::Pending => {}
        }
        outcome
    }
}

impl AsyncWrite for Traced {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.socket).poll_write(context, bytes);
        this.wrote(outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.socket).poll_write_vectored(context, slices);
        this.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// Runs the tasks of HTTP/2 on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> Executor<F> for Local {
    fn execute(&self, task: F) {
        spawn_local(async { drop(task.await) });
    }
}
