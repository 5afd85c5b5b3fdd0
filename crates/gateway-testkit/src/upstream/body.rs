//! Response bodies that keep to the script: pieces, pauses, and the end. Owns the pacing of one body.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::connection::Breaker;
use super::log::Exchange;
use super::script::{Chunk, End};

/// Between the last piece and a break: a reset discards what is unsent, so the piece has to leave first.
const SETTLE: Duration = Duration::from_millis(20);

/// The body of one response.
pub(super) struct ScriptBody {
    chunks: VecDeque<Chunk>,
    pause: Option<Pin<Box<Sleep>>>,
    /// Whether the pause before the first of `chunks` is over.
    paused: bool,
    end: End,
    settled: bool,
    exchange: Exchange,
    breaker: Arc<Breaker>,
}

impl ScriptBody {
    pub(super) fn new(
        chunks: Vec<Chunk>,
        delay_ms: u64,
        end: End,
        exchange: Exchange,
        breaker: Arc<Breaker>,
    ) -> Self {
        let pause = (delay_ms > 0).then(|| sleep(Duration::from_millis(delay_ms)));
        let mut body = Self {
            chunks: chunks.into(),
            pause,
            paused: false,
            end,
            settled: false,
            exchange,
            breaker,
        };
        body.end_if_nothing_is_left();
        body
    }

    /// Hyper does not poll a body again whose end it knows, so the end is noticed with the last piece.
    fn end_if_nothing_is_left(&mut self) {
        if self.is_end_stream() {
            self.exchange.end();
        }
    }
}

impl Body for ScriptBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(context));
                this.pause = None;
            }
            if let Some(chunk) = this.chunks.front()
                && chunk.delay_ms > 0
                && !this.paused
            {
                this.pause = Some(sleep(Duration::from_millis(chunk.delay_ms)));
                this.paused = true;
                continue;
            }
            if let Some(chunk) = this.chunks.pop_front() {
                this.paused = false;
                this.end_if_nothing_is_left();
                return Poll::Ready(Some(Ok(Frame::data(chunk.bytes))));
            }
            match this.end {
                End::Complete => return Poll::Ready(None),
                // Hyper drops the body when the client disconnects, so nothing keeps waiting.
                End::Hang => return Poll::Pending,
                End::Close | End::Reset if this.settled => {
                    this.exchange.end();
                    this.breaker.break_off(this.end == End::Reset);
                    return Poll::Pending;
                }
                End::Close | End::Reset => {
                    this.settled = true;
                    this.pause = Some(sleep(SETTLE));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.end == End::Complete
    }

    fn size_hint(&self) -> SizeHint {
        // A body in one piece gets a content-length, one in several is chunked, as real servers do.
        match (self.end, self.chunks.len()) {
            (End::Complete, 0 | 1) => {
                let len = self.chunks.front().map_or(0, |chunk| chunk.bytes.len());
                SizeHint::with_exact(u64::try_from(len).unwrap_or(u64::MAX))
            }
            _ => SizeHint::new(),
        }
    }
}

fn sleep(duration: Duration) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep(duration))
}
