//! The response that the core hands to its host: a whole body, or pieces as they arrive.
//! Owns the body type and the JSON helpers; decides no status.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;

/// The name under which a request can be found in logs, on every response.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A relayed body broke in a way that the protocol cannot express: the host must cut the connection, so that the client
/// does not take a part for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBody;

impl std::fmt::Display for BrokenBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the upstream's body broke off")
    }
}

impl std::error::Error for BrokenBody {}

/// Pieces of a relayed body, in order.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, BrokenBody>>>>;

/// Adds to `piece` what is already available, without waiting, until it has `limit` bytes or a little more: one write
/// instead of many. Returns how the body ends when its end was reached.
pub fn take_ready(
    pieces: &mut Pieces,
    piece: &mut Vec<u8>,
    limit: usize,
    context: &mut Context<'_>,
) -> Option<Result<(), BrokenBody>> {
    while piece.len() < limit {
        match pieces.as_mut().poll_next(context) {
            Poll::Ready(Some(Ok(more))) => piece.extend_from_slice(&more),
            Poll::Ready(Some(Err(broken))) => return Some(Err(broken)),
            Poll::Ready(None) => return Some(Ok(())),
            Poll::Pending => return None,
        }
    }
    None
}

/// The body of a [`Reply`].
pub enum ReplyBody {
    /// The whole body in one piece (empty once it was taken).
    Whole(Bytes),
    /// Pieces that are sent as they come.
    Pieces(Pieces),
}

/// The core's answer.
pub type Reply = Response<ReplyBody>;

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Pieces(pieces) => pieces
                .as_mut()
                .poll_next(context)
                .map(|piece| piece.map(|result| result.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// A number as the value of a header. `HeaderValue::from` allocates twice for it.
pub fn number(number: usize) -> HeaderValue {
    const ONE_DIGIT: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    if let Some(digit) = ONE_DIGIT.get(number) {
        return HeaderValue::from_static(digit);
    }
    let mut digits = [b'0'; 20];
    let (mut rest, mut begin) = (number, digits.len());
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        if rest == 0 {
            break;
        }
        *digit += u8::try_from(rest % 10).unwrap_or(0);
        (rest, begin) = (rest / 10, place);
    }
    let digits = digits.get(begin..).unwrap_or_default();
    HeaderValue::from_bytes(digits).unwrap_or_else(|_| number.into())
}

/// A reply with the JSON body `body`, already serialized.
pub fn json_bytes(status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(ReplyBody::Whole(body));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// A reply with `value` as its JSON body. A value that cannot be serialised (none of ours) results in an empty 500.
pub fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => json_bytes(status, body.into()),
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Completes a reply: sets the length of a whole body, and removes the body from an answer to HEAD (RFC 9110, 9.3.2) and
/// from a status that has none.
pub fn finish(mut reply: Reply, is_head: bool) -> Reply {
    let status = reply.status();
    let has_body = !(status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED);
    if let ReplyBody::Whole(bytes) = reply.body()
        && has_body
    {
        let length = bytes.len();
        // An answer to HEAD may already have the length that its body would have.
        let is_set = length == 0 && reply.headers().contains_key(CONTENT_LENGTH);
        if !is_set {
            let headers = reply.headers_mut();
            headers.insert(CONTENT_LENGTH, number(length));
        }
    }
    if is_head || !has_body {
        *reply.body_mut() = ReplyBody::Whole(Bytes::new());
    }
    reply
}

/// A reply without a body.
pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(ReplyBody::Whole(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    type Item = Result<Bytes, BrokenBody>;

    /// A stream that yields `items` and then stays pending.
    fn open(items: Vec<Item>) -> Pieces {
        Box::pin(stream::iter(items).chain(stream::pending()))
    }

    fn take(pieces: &mut Pieces, start: &[u8]) -> (Vec<u8>, Option<Result<(), BrokenBody>>) {
        let mut piece = start.to_vec();
        let mut context = Context::from_waker(Waker::noop());
        let ending = take_ready(pieces, &mut piece, 10, &mut context);
        (piece, ending)
    }

    #[test]
    fn ready_pieces_are_joined_and_the_stream_stays_open() {
        let mut pieces = open(vec![Ok("b".into()), Ok("c".into())]);
        assert_eq!(take(&mut pieces, b"a"), (b"abc".to_vec(), None));
    }

    #[test]
    fn the_end_is_met_after_the_last_piece() {
        let mut pieces: Pieces = Box::pin(stream::iter(vec![Ok("b".into())]));
        assert_eq!(take(&mut pieces, b"a"), (b"ab".to_vec(), Some(Ok(()))));
    }

    #[test]
    fn a_break_keeps_what_came_before_it() {
        let mut pieces = open(vec![Ok("b".into()), Err(BrokenBody), Ok("c".into())]);
        let broken = Some(Err(BrokenBody));
        assert_eq!(take(&mut pieces, b"a"), (b"ab".to_vec(), broken));
    }

    #[test]
    fn numbers_are_written_in_decimal_digits() {
        for value in [0, 9, 10, 400, 65_536, usize::MAX] {
            assert_eq!(number(value), value.to_string());
        }
    }

    #[test]
    fn lengths_are_given_where_they_mean_something() {
        let length = |status: u16, length: Option<usize>, body: &'static str, is_head| {
            let mut reply = json_bytes(status.try_into().unwrap(), body.into());
            if let Some(length) = length {
                let headers = reply.headers_mut();
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            let reply = finish(reply, is_head);
            let ReplyBody::Whole(rest) = reply.body() else {
                panic!("the body was in one piece");
            };
            let length = reply.headers().get(CONTENT_LENGTH).cloned();
            (
                length.map(|value| value.to_str().unwrap().to_owned()),
                rest.len(),
            )
        };
        let said = |length: &str| Some(length.to_owned());
        assert_eq!(length(200, None, "abc", false), (said("3"), 3));
        assert_eq!(length(200, None, "", false), (said("0"), 0));
        assert_eq!(length(200, Some(9), "abc", false), (said("3"), 3));
        assert_eq!(length(200, None, "abc", true), (said("3"), 0));
        assert_eq!(length(200, Some(3), "", true), (said("3"), 0));
        for status in [101, 204, 304] {
            assert_eq!(length(status, None, "", false), (None, 0), "{status}");
            assert_eq!(length(status, None, "abc", false), (None, 0), "{status}");
            assert_eq!(length(status, None, "", true), (None, 0), "{status}");
        }
    }

    #[test]
    fn pieces_are_dropped_where_no_body_may_be() {
        for (is_head, status, is_kept) in
            [(false, 200, true), (true, 200, false), (false, 204, false)]
        {
            let mut reply = Response::new(ReplyBody::Pieces(open(vec![Ok("a".into())])));
            *reply.status_mut() = StatusCode::from_u16(status).unwrap();
            let reply = finish(reply, is_head);
            let is_there = matches!(reply.body(), ReplyBody::Pieces(_));
            assert_eq!(is_there, is_kept, "{is_head} {status}");
            assert!(!reply.headers().contains_key(CONTENT_LENGTH));
        }
    }

    #[test]
    fn a_write_ends_at_its_limit() {
        let big = Bytes::from(vec![b'x'; 10]);
        let mut pieces = open(vec![Ok(big.clone()), Ok(big)]);
        assert_eq!(take(&mut pieces, b"a").0.len(), 11);
    }
}
