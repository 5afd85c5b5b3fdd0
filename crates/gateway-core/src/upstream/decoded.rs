//! An upstream's body without its compression, which some upstreams use without being asked. Owns the failure when a
//! body cannot be decoded; the codings are `wire::coding`'s.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::memory::{Memory, Share};
use crate::ports::{SendError, SendErrorKind};
use crate::wire::coding::{CodingError, Decoder};

/// A body that is decoded as it comes.
pub struct Decoded<B> {
    body: B,
    coding: Option<BodyCoding>,
}

struct BodyCoding {
    decoder: Decoder,
    /// The decoder's share of the instance's memory.
    share: Share,
    /// Whether the body has ended or failed.
    is_over: bool,
}

impl<B> Decoded<B> {
    /// The body of a response with these headers. Fails when there is no decoder for it, and returns the body
    /// unchanged.
    pub fn new(
        body: B,
        headers: &HeaderMap,
        memory: &Arc<Memory>,
    ) -> (Self, Result<(), CodingError>) {
        let (coding, result) = match Decoder::of(headers) {
            Ok(decoder) => (decoder, Ok(())),
            Err(error) => (None, Err(error)),
        };
        let coding = coding.map(|decoder| BodyCoding {
            decoder: decoder.refusing_bombs(),
            share: memory.share(),
            is_over: false,
        });
        (Self { body, coding }, result)
    }
}

impl BodyCoding {
    /// The next decoded piece, if there is one.
    fn pull(&mut self) -> Option<Result<Bytes, SendError>> {
        let piece = match self.decoder.pull() {
            Ok(piece) => piece?,
            Err(error) => return Some(Err(self.fail(&error))),
        };
        if self.share.resize(self.decoder.memory()).is_err() {
            self.is_over = true;
            return Some(Err(SendError {
                kind: SendErrorKind::Denied,
                detail: "there is no memory to decode the answer".to_owned(),
            }));
        }
        Some(Ok(piece))
    }

    fn fail(&mut self, error: &CodingError) -> SendError {
        self.is_over = true;
        SendError {
            kind: SendErrorKind::Reset,
            detail: error.to_string(),
        }
    }
}

impl<B> Body for Decoded<B>
where
    B: Body<Data = Bytes, Error = SendError> + Unpin,
{
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let this = self.get_mut();
        let Some(coding) = &mut this.coding else {
            return Pin::new(&mut this.body).poll_frame(context);
        };
        loop {
            if coding.is_over {
                return Poll::Ready(None);
            }
            if let Some(piece) = coding.pull() {
                return Poll::Ready(Some(piece.map(Frame::data)));
            }
            match std::task::ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        coding.decoder.push(data);
                    }
                }
                Some(Err(error)) => {
                    coding.is_over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    coding.is_over = true;
                    let result = coding.decoder.finish();
                    return Poll::Ready(result.err().map(|error| Err(coding.fail(&error))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.coding {
            None => self.body.is_end_stream(),
            Some(coding) => coding.is_over,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.coding {
            None => self.body.size_hint(),
            Some(_) => SizeHint::default(),
        }
    }
}
