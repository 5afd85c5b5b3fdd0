//! A connection that can be broken off from inside a response. Owns the socket and how it ends; hyper only ends
//! connections in the regular way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Breaks a connection off. Shared by the connection's task and its responses.
#[derive(Default)]
pub(super) struct Breaker {
    reset: AtomicBool,
    broken: Notify,
}

impl Breaker {
    /// Ends the connection: with RST, or with FIN and nothing more.
    pub(super) fn break_off(&self, reset: bool) {
        self.reset.store(reset, Ordering::Release);
        // Stores a permit when the connection's task is busy, so that the signal is never lost.
        self.broken.notify_one();
    }

    /// Waits until the connection has to end; its task then drops the socket.
    pub(super) async fn broken(&self) {
        self.broken.notified().await;
    }
}

/// The socket under hyper.
pub(super) struct Connection {
    stream: TcpStream,
    breaker: Arc<Breaker>,
}

impl Connection {
    pub(super) const fn new(stream: TcpStream, breaker: Arc<Breaker>) -> Self {
        Self { stream, breaker }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.breaker.reset.load(Ordering::Acquire) {
            // Lingering for no time makes the kernel answer with RST in place of FIN. When it fails the
            // peer sees a close, which a test of resets then reports.
            drop(SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)));
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}
