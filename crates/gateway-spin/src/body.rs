//! Incoming bodies, of requests and of upstream responses, as `http_body::Body`. Owns the reading of the host's byte
//! streams; must not interpret the bytes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};
use spin_sdk::wasip3::http::types::{ErrorCode, Request, Response, Trailers};
use spin_sdk::wasip3::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult};
use spin_sdk::wasip3::wit_future;

/// The buffer of one read. The host returns at most one socket read, usually far less.
const READ_BYTES: usize = 64 * 1024;
/// A piece smaller than this is copied out of the buffer, so that it does not keep the whole buffer alive.
const COPY_BELOW_BYTES: usize = READ_BYTES / 2;

/// What follows a body: trailers, or its error.
pub type TrailersResult = Result<Option<Trailers>, ErrorCode>;

/// A message of the host whose body can be read once.
pub trait Message: Unpin + 'static {
    /// Takes the body's bytes and what follows them.
    fn consume(
        self,
        done: FutureReader<Result<(), ErrorCode>>,
    ) -> (StreamReader<u8>, FutureReader<TrailersResult>);
}

impl Message for Request {
    fn consume(
        self,
        done: FutureReader<Result<(), ErrorCode>>,
    ) -> (StreamReader<u8>, FutureReader<TrailersResult>) {
        Self::consume_body(self, done)
    }
}

impl Message for Response {
    fn consume(
        self,
        done: FutureReader<Result<(), ErrorCode>>,
    ) -> (StreamReader<u8>, FutureReader<TrailersResult>) {
        Self::consume_body(self, done)
    }
}

/// An incoming body. Dropping it tells the host that reading has ended.
pub struct Incoming<M: Message> {
    state: State<M>,
    /// Bytes that are still to come, where the headers said so.
    remaining: Option<u64>,
}

enum State<M> {
    /// Nothing was read; a message whose body is not needed costs no call.
    Unread(M),
    Ready(Source),
    Reading(Pin<Box<dyn Future<Output = Read>>>),
    Ended,
}

struct Source {
    stream: StreamReader<u8>,
    trailers: FutureReader<TrailersResult>,
    /// Its end signals the host that the body was handled.
    done: FutureWriter<Result<(), ErrorCode>>,
    buffer: Vec<u8>,
}

enum Read {
    Piece(Source),
    End(Result<(), ErrorCode>),
}

impl<M: Message> Incoming<M> {
    /// The body of `message`, whose headers are `headers`.
    pub(crate) fn new(message: M, headers: &HeaderMap) -> Self {
        let remaining = content_length(headers);
        Self {
            // A body that is known to be empty needs no reading.
            state: if remaining == Some(0) {
                State::Ended
            } else {
                State::Unread(message)
            },
            remaining,
        }
    }

    /// The body of `message` when it has none by the rules of HTTP, regardless of its headers.
    pub(crate) const fn empty() -> Self {
        Self {
            state: State::Ended,
            remaining: Some(0),
        }
    }

    fn source(message: M) -> Source {
        let (done, done_reader) = wit_future::new(|| Ok(()));
        let (stream, trailers) = message.consume(done_reader);
        Source {
            stream,
            trailers,
            done,
            buffer: Vec::new(),
        }
    }

    /// Takes the piece out of the buffer, and counts it.
    fn piece(&mut self, mut source: Source) -> Bytes {
        let length = source.buffer.len();
        let piece = if length < COPY_BELOW_BYTES && source.buffer.capacity() > length * 2 {
            let piece = Bytes::copy_from_slice(&source.buffer);
            source.buffer.clear();
            piece
        } else {
            Bytes::from(std::mem::take(&mut source.buffer))
        };
        let remaining = self
            .remaining
            .map(|remaining| remaining.saturating_sub(length as u64));
        self.remaining = remaining;
        // With a known length the last byte is the end: another host call would only cost time.
        self.state = if remaining == Some(0) {
            State::Ended
        } else {
            State::Ready(source)
        };
        piece
    }
}

async fn read(mut source: Source, room: usize) -> Read {
    let mut buffer = std::mem::take(&mut source.buffer);
    buffer.reserve(room);
    let (result, buffer) = source.stream.read(buffer).await;
    match result {
        StreamResult::Complete(_) => {
            source.buffer = buffer;
            Read::Piece(source)
        }
        StreamResult::Dropped | StreamResult::Cancelled => {
            let Source {
                stream,
                trailers,
                done,
                ..
            } = source;
            // Only the trailers' result shows whether the stream ended or broke.
            let result = trailers.await.map(drop);
            drop((stream, done));
            Read::End(result)
        }
    }
}

impl<M: Message> Body for Incoming<M> {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let body = self.get_mut();
        loop {
            match std::mem::replace(&mut body.state, State::Ended) {
                State::Unread(message) => body.state = State::Ready(Self::source(message)),
                State::Ready(source) => {
                    let room = body.remaining.map_or(READ_BYTES, |remaining| {
                        usize::try_from(remaining)
                            .map_or(READ_BYTES, |remaining| remaining.min(READ_BYTES))
                    });
                    body.state = State::Reading(Box::pin(read(source, room)));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = reading.as_mut().poll(context) else {
                        body.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    match read {
                        Read::Piece(source) if source.buffer.is_empty() => {
                            body.state = State::Ready(source);
                        }
                        Read::Piece(source) => {
                            return Poll::Ready(Some(Ok(Frame::data(body.piece(source)))));
                        }
                        Read::End(Err(code)) => return Poll::Ready(Some(Err(code))),
                        // The body is shorter than announced, and the host did not report it.
                        Read::End(Ok(()))
                            if body.remaining.is_some_and(|remaining| remaining > 0) =>
                        {
                            body.remaining = Some(0);
                            return Poll::Ready(Some(Err(ErrorCode::HttpResponseIncomplete)));
                        }
                        Read::End(Ok(())) => return Poll::Ready(None),
                    }
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.state, self.remaining) {
            (State::Ended, _) => SizeHint::with_exact(0),
            (_, Some(remaining)) => SizeHint::with_exact(remaining),
            (_, None) => SizeHint::default(),
        }
    }
}

/// The length in the headers; `None` when there are several or it is invalid.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_length_counts_and_others_do_not() {
        let mut headers = HeaderMap::new();
        assert_eq!(content_length(&headers), None);
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("12"));
        assert_eq!(content_length(&headers), Some(12));
        headers.append(CONTENT_LENGTH, HeaderValue::from_static("13"));
        assert_eq!(content_length(&headers), None);
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("-1"));
        assert_eq!(content_length(&headers), None);
    }

    #[test]
    fn an_empty_body_is_at_its_end() {
        let body = Incoming::<Request>::empty();
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
    }
}
