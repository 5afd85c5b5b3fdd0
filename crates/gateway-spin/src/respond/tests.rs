//! Tests of what needs no host: lengths, and the joining of ready pieces.

use std::task::Waker;

use super::*;

/// A stream that gives `items` and then is pending (`open`) or at its end.
struct Scripted {
    items: std::vec::IntoIter<Result<Bytes, BrokenBody>>,
    open: bool,
}

impl futures_util::Stream for Scripted {
    type Item = Result<Bytes, BrokenBody>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.items.next() {
            Some(item) => Poll::Ready(Some(item)),
            None if self.open => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

fn scripted(items: Vec<Result<Bytes, BrokenBody>>, open: bool) -> Pieces {
    Box::pin(Scripted {
        items: items.into_iter(),
        open,
    })
}

fn take(pieces: &mut Pieces, start: &[u8]) -> (Vec<u8>, Option<Result<(), ErrorCode>>) {
    let mut piece = start.to_vec();
    let ending = take_ready(pieces, &mut piece, &mut Context::from_waker(Waker::noop()));
    (piece, ending)
}

#[test]
fn ready_pieces_are_joined_and_the_stream_stays_open() {
    let mut pieces = scripted(vec![Ok("b".into()), Ok("c".into())], true);
    let (piece, ending) = take(&mut pieces, b"a");
    assert_eq!(piece, b"abc");
    assert!(ending.is_none());
}

#[test]
fn the_end_is_met_after_the_last_piece() {
    let mut pieces = scripted(vec![Ok("b".into())], false);
    let (piece, ending) = take(&mut pieces, b"a");
    assert_eq!(piece, b"ab");
    assert!(matches!(ending, Some(Ok(()))));
}

#[test]
fn a_break_keeps_what_came_before_it() {
    let mut pieces = scripted(vec![Ok("b".into()), Err(BrokenBody), Ok("c".into())], true);
    let (piece, ending) = take(&mut pieces, b"a");
    assert_eq!(piece, b"ab");
    assert!(matches!(
        ending,
        Some(Err(ErrorCode::HttpResponseIncomplete))
    ));
}

#[test]
fn a_write_stays_within_its_size() {
    let big = Bytes::from(vec![b'x'; WRITE_BYTES]);
    let mut pieces = scripted(vec![Ok(big.clone()), Ok(big)], false);
    let (piece, ending) = take(&mut pieces, b"a");
    assert_eq!(piece.len(), WRITE_BYTES + 1);
    assert!(ending.is_none());
}

#[test]
fn lengths_are_given_where_http_has_them() {
    let mut headers = HeaderMap::new();
    set_length(&mut headers, StatusCode::NO_CONTENT, 0);
    assert!(!headers.contains_key(CONTENT_LENGTH));
    set_length(&mut headers, StatusCode::OK, 12);
    assert_eq!(headers[CONTENT_LENGTH], "12");
}
