//! The body of a client's request: bounded in the time between its pieces and in its whole time, so that a client that sends
//! slowly does not hold memory forever. Reads only when it is polled.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

/// Longest wait for a piece.
const BETWEEN: Duration = Duration::from_mins(1);
/// Longest time from the first wait to the end.
const WHOLE: Duration = Duration::from_hours(1);

/// The client did not send its body, or not in time.
#[derive(Debug)]
pub enum BodyError {
    /// The connection broke, or the body was no HTTP.
    Broken(hyper::Error),
    /// A timeout.
    Late,
}

impl fmt::Display for BodyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => error.fmt(formatter),
            Self::Late => formatter.write_str("the client sent its body too slowly"),
        }
    }
}

impl std::error::Error for BodyError {}

/// A body in arrival.
pub struct ClientBody {
    incoming: Incoming,
    /// Made on the first wait: most bodies are there with their heads.
    timer: Option<Timer>,
}

struct Timer {
    sleep: Pin<Box<Sleep>>,
    end: Instant,
    is_waiting: bool,
}

impl ClientBody {
    /// A body of hyper's.
    pub const fn new(incoming: Incoming) -> Self {
        Self {
            incoming,
            timer: None,
        }
    }

    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<BodyError> {
        let timer = self.timer.get_or_insert_with(|| {
            let now = Instant::now();
            Timer {
                sleep: Box::pin(sleep_until(now + BETWEEN)),
                end: now + WHOLE,
                is_waiting: true,
            }
        });
        if !timer.is_waiting {
            timer.is_waiting = true;
            let until = (Instant::now() + BETWEEN).min(timer.end);
            timer.sleep.as_mut().reset(until);
        }
        ready!(timer.sleep.as_mut().poll(context));
        Poll::Ready(BodyError::Late)
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) {
            if let Some(timer) = &mut this.timer {
                timer.is_waiting = false;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        this.poll_late(context).map(|late| Some(Err(late)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
