//! An upstream's body: bounded in the time between its pieces, and the end of its call.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::ports::SendError;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use super::failure;
use super::pool::Lease;

/// A body in arrival. Read to its end, it gives its connection back; dropped before, it closes it.
pub struct UpstreamBody {
    body: Incoming,
    lease: Option<Lease>,
    idle: Duration,
    /// Made when the body is first waited for: most answers are there at once.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl UpstreamBody {
    /// Its pieces are at most `idle` apart.
    pub fn new(body: Incoming, lease: Lease, idle: Duration) -> Self {
        let mut body = Self {
            body,
            lease: Some(lease),
            idle,
            timer: None,
            is_waiting: false,
        };
        body.release_at_end();
        body
    }

    fn release_at_end(&mut self) {
        if self.body.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => {
                this.is_waiting = false;
                match &frame {
                    Some(Ok(_)) => this.release_at_end(),
                    None => {
                        if let Some(lease) = this.lease.take() {
                            lease.give_back();
                        }
                    }
                    // The connection is of no further use.
                    Some(Err(_)) => this.lease = None,
                }
                Poll::Ready(frame.map(|frame| frame.map_err(|error| failure::of_body(&error))))
            }
            Poll::Pending => {
                let idle = this.idle;
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(idle)));
                if !this.is_waiting {
                    this.is_waiting = true;
                    timer.as_mut().reset(Instant::now() + idle);
                }
                timer.as_mut().poll(context).map(|()| {
                    this.lease = None;
                    Some(Err(failure::late("no further piece in time")))
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
