//! Bodies of incoming requests. Owns the reading; must not interpret the bytes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_core::app::DRAIN_BYTES;
use http_body::{Body, Frame, SizeHint};
use js_sys::Uint8Array;
use std::future::Future;
use wasm_bindgen_futures::JsFuture;

use crate::io;

/// More of a body without an announced length is not read: an isolate has 128 MB for all its requests.
const UNANNOUNCED_BYTES: f64 = 33_554_432.0;

/// A request's body, read whole on demand: requests rejected before that cost nothing.
pub enum Incoming {
    /// Not requested yet.
    Unread(web_sys::Request),
    /// Being read.
    Reading(JsFuture),
    /// Delivered.
    Ended,
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        let body = self.get_mut();
        if let Self::Unread(request) = body {
            let reading = io::body_of(request, UNANNOUNCED_BYTES, drain_bytes());
            *body = Self::Reading(JsFuture::from(reading));
        }
        let Self::Reading(reading) = body else {
            return Poll::Ready(None);
        };
        let Poll::Ready(outcome) = Pin::new(reading).poll(context) else {
            return Poll::Pending;
        };
        *body = Self::Ended;
        Poll::Ready(Some(match outcome {
            Ok(whole) => Ok(Frame::data(Uint8Array::new(&whole).to_vec().into())),
            Err(error) => Err(io::words(&error)),
        }))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ended => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

/// The same limit for draining as on the other hosts.
#[expect(clippy::cast_precision_loss, reason = "far below 2⁵³")]
const fn drain_bytes() -> f64 {
    DRAIN_BYTES as f64
}

/// Reads what is unread of the request's body, before its response is returned and not beside it: the runtime closes the
/// connection under a client that still sends when its response has ended, and the response is lost with it.
pub async fn drain(request: &web_sys::Request) {
    if io::is_unread(request) {
        // A client that disconnects meanwhile does not need the response either.
        let _ = JsFuture::from(io::drain(request, drain_bytes())).await;
    }
}
