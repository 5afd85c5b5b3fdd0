//! The body of a response from outside: passed on frame by frame, limited in idle time, ended when it is dropped.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use wasmtime_wasi_http::Error;

use super::failure;

/// Dropping it, or its end by `gone`, drops the connection's body and with it the connection.
pub struct ResponseBody {
    incoming: Option<Incoming>,
    between: Duration,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Made on the first wait: most bodies never wait.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl ResponseBody {
    pub fn new(incoming: Incoming, between: Duration, gone: CancellationToken) -> Self {
        let gone = Box::pin(gone.cancelled_owned());
        Self {
            incoming: Some(incoming),
            between,
            gone,
            timer: None,
            waiting: false,
        }
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if self.gone.as_mut().poll(cx).is_ready() {
            return Poll::Ready(failure::client_gone());
        }
        let between = self.between;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(between)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(Instant::now() + between);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Error::ConnectionReadTimeout)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(incoming).poll_frame(cx) {
            self.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(|e| failure::of_body(&e))));
        }
        let error = ready!(self.poll_wait(cx));
        self.incoming = None;
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}
