//! Bodies in pieces that a reader really sees apart, with the end that the script sets. Owns the cutting.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep};

use super::{Cut, End};

/// The sizes of pieces, again and again: 1 and 2 cut within characters and line ends.
const SIZES: [usize; 7] = [1, 5, 2, 7, 3, 6, 4];

/// The time between two pieces of a body without end.
const PAUSE: Duration = Duration::from_millis(50);

/// How many pieces such a body has at most: for 30 s, the time limit of a case.
const MOST: usize = 600;

/// A body that gives way to the writer before each piece.
pub struct Pieces {
    left: VecDeque<Bytes>,
    end: End,
    gave_way: bool,
    again: Option<Again>,
}

/// What a body without end repeats.
struct Again {
    piece: Bytes,
    left: usize,
    pause: Pin<Box<Sleep>>,
    ended: Arc<AtomicBool>,
}

impl Pieces {
    pub(super) fn new(events: Vec<String>, cut: Cut, end: End) -> Self {
        let pieces = match cut {
            Cut::Events => events.into_iter().map(Bytes::from).collect(),
            Cut::Whole => [Bytes::from(events.concat())].into(),
            Cut::Bytes => small(Bytes::from(events.concat())),
        };
        Self {
            left: pieces,
            end,
            gave_way: false,
            again: None,
        }
    }

    /// The same; notes when it is dropped before its end, if it has none of its own.
    pub(super) fn noting(mut self, ended: Arc<AtomicBool>) -> Self {
        if self.end == End::Endless {
            self.again = self.left.back().cloned().map(|piece| Again {
                piece,
                left: MOST,
                pause: Box::pin(sleep(PAUSE)),
                ended,
            });
        }
        self
    }

    fn poll_again(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(again) = self.again.as_mut().filter(|again| again.left > 0) else {
            return Poll::Ready(None);
        };
        if again.pause.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        again.left -= 1;
        again.pause.as_mut().reset(Instant::now() + PAUSE);
        Poll::Ready(Some(again.piece.clone()))
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        if self.left > 0 {
            self.ended.store(true, Ordering::Relaxed);
        }
    }
}

fn small(mut whole: Bytes) -> VecDeque<Bytes> {
    let mut pieces = VecDeque::new();
    for size in SIZES.into_iter().cycle() {
        if whole.is_empty() {
            break;
        }
        pieces.push_back(whole.split_to(size.min(whole.len())));
    }
    pieces
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left.is_empty() && self.end == End::Endless {
            return self
                .poll_again(context)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece))));
        }
        // The connection writes out what it has while the body is not ready.
        self.gave_way = !self.gave_way;
        if self.gave_way {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(match (self.left.pop_front(), self.end) {
            (Some(piece), _) => Some(Ok(Frame::data(piece))),
            (None, End::Clean | End::Endless) => None,
            (None, End::Broken) => Some(Err(io::Error::other("the script breaks off here"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn small_pieces_are_the_whole_body() {
        let text = "data: häufig\n\n".repeat(9);
        let body = Pieces::new(vec![text.clone()], Cut::Bytes, End::Clean);
        assert!(body.left.len() > 20);
        assert_eq!(body.collect().await.unwrap().to_bytes(), text);
        let broken = Pieces::new(vec![text], Cut::Whole, End::Broken);
        assert!(broken.collect().await.is_err());
    }

    #[tokio::test]
    async fn a_body_without_end_goes_on_until_it_is_dropped() {
        let ended = Arc::new(AtomicBool::new(false));
        let body = Pieces::new(vec!["a".to_owned()], Cut::Events, End::Endless);
        let mut body = body.noting(Arc::clone(&ended));
        for _ in 0..3 {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), "a");
        }
        assert!(!ended.load(Ordering::Relaxed));
        drop(body);
        assert!(ended.load(Ordering::Relaxed));
    }
}
