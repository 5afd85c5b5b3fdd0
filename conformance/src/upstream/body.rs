//! Bodies in pieces that a reader really sees apart, with the end that the script sets. Owns the cutting.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::{Cut, End};

/// The sizes of pieces, again and again: 1 and 2 cut within characters and line ends.
const SIZES: [usize; 7] = [1, 5, 2, 7, 3, 6, 4];

/// A body that gives way to the writer before each piece.
pub struct Pieces {
    left: VecDeque<Bytes>,
    end: End,
    gave_way: bool,
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
        // The connection writes out what it has while the body is not ready.
        self.gave_way = !self.gave_way;
        if self.gave_way {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(match (self.left.pop_front(), self.end) {
            (Some(piece), _) => Some(Ok(Frame::data(piece))),
            (None, End::Clean) => None,
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
}
