//! Bodies of incoming requests. Owns the reading; must not interpret the bytes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_core::app::DRAIN_BYTES;
use http_body::{Body, Frame, SizeHint};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::io::Job;
use crate::ticket::{Outcome, Ticket};

/// More of a body without an announced length is not read: an isolate has 128 MB for all its requests.
const UNANNOUNCED_BYTES: f64 = 33_554_432.0;

/// A request's body, read whole on demand: requests rejected before that cost nothing.
pub enum Incoming {
    /// Not requested yet.
    Unread(Job),
    /// Being read.
    Reading(Ticket),
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
        if let Self::Unread(job) = body {
            let ticket = Ticket::new();
            job.body(ticket.number(), UNANNOUNCED_BYTES, drained_bytes());
            *body = Self::Reading(ticket);
        }
        let Self::Reading(reading) = body else {
            return Poll::Ready(None);
        };
        let Poll::Ready(outcome) = Pin::new(reading).poll(context) else {
            return Poll::Pending;
        };
        *body = Self::Ended;
        Poll::Ready(Some(match outcome {
            Outcome::Bytes(whole) => Ok(Frame::data(whole.into())),
            Outcome::Failed(error) => Err(error),
            Outcome::Nothing | Outcome::Text(_) => Ok(Frame::data(Bytes::new())),
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

/// How much of an unread body is drained: as much as on the other hosts.
#[expect(clippy::cast_precision_loss, reason = "far below 2⁵³")]
#[wasm_bindgen]
pub fn drained_bytes() -> f64 {
    DRAIN_BYTES as f64
}
