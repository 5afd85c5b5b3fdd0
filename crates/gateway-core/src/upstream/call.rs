//! Calls that the gateway makes for itself: tests of channels, lists of models. Owns their bounds of time and size, and
//! how a call that failed is described; what is requested and what an answer means is for the caller to decide.
//!
//! The channel is the one that clients' requests use, so what works here works there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use thiserror::Error;

use super::body::{self, UpstreamBody};
use super::classify;
use super::decoded::Decoded;
use super::failure::Failure;
use super::request::{self, Hops};
use super::send::send;
use crate::config::snapshot::{Channel, Key};
use crate::error::printable;
use crate::memory::Memory;
use crate::ports::{Clock, SendError, SendErrorKind, Timeouts, Upstream};
use crate::segmented_buffer::SegmentedBuffer;
use crate::units::Timestamp;
use crate::wire::coding::CodingError;
use crate::wire::{error_shape, media};

const OWN_NAME: HeaderValue =
    HeaderValue::from_static(concat!("ai-gateway/", env!("CARGO_PKG_VERSION")));

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallBounds {
    /// From the call to the end of the response's body.
    pub time: Duration,
    /// The body's size.
    pub bytes: usize,
}

/// A channel with the key, and everything else that its calls share.
#[derive(Debug)]
pub struct UpstreamClient<'a, P> {
    /// The host.
    pub ports: &'a P,
    /// The channel that is called.
    pub channel: &'a Channel,
    /// The key that it is called with.
    pub key: &'a Key,
    /// The gateway's own `Via`: without it, a channel that leads back here would call itself again and again.
    pub via: Option<&'a HeaderValue>,
    /// The memory of decoders of compressed answers.
    pub memory: &'a Arc<Memory>,
    /// The bounds of each call.
    pub bounds: CallBounds,
}

/// A call that got no whole answer.
#[derive(Debug, Error)]
pub enum CallError {
    /// The channel's settings do not form a URL.
    #[error("no request could be built: {0}")]
    NotBuildable(#[from] http::Error),
    /// The call or its response broke.
    #[error("{}: {}", cause(.0.kind), .0.detail)]
    Send(SendError),
    /// The answer is compressed in a way that has no decoder.
    #[error("{0}")]
    Coding(CodingError),
    /// The answer was not complete in time.
    #[error("the answer was not complete within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// The answer is longer than this.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

const fn cause(kind: SendErrorKind) -> &'static str {
    match kind {
        SendErrorKind::Dns => "the host's name cannot be resolved",
        SendErrorKind::Connect => "there was no connection",
        SendErrorKind::Tls => "the TLS handshake failed",
        SendErrorKind::Reset | SendErrorKind::MaybeStale => "the connection broke",
        SendErrorKind::Timeout => "there was no answer in time",
        SendErrorKind::Denied => "the gateway's host does not allow the call",
        SendErrorKind::ClientGone => "the page was left",
    }
}

impl<P: Upstream + Clock> UpstreamClient<'_, P> {
    /// Sends `body` (`None`: a GET) to `operation`, a path below `/v1/`, and returns with the response's head.
    pub async fn call(
        &self,
        operation: &str,
        upstream_model: &str,
        body: Option<Bytes>,
    ) -> Result<CallResponse<'_, P>, CallError> {
        let uri = self.channel.endpoint.uri(operation, upstream_model)?;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, OWN_NAME);
        let accept = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(ACCEPT, accept);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let hops = Hops {
            client: None,
            own: self.via,
        };
        let request = request::build(self.channel, self.key, uri, headers, hops, body);
        let deadline = self.ports.now().plus(self.bounds.time);
        let timeouts = self.timeouts();
        let once = async || self.ports.send(request.clone(), timeouts).await;
        let response = send(self.ports, deadline, once, |_| {}).await;
        let (head, body) = response.map_err(CallError::Send)?.into_parts();
        let (body, readable) = Decoded::new(body, &head.headers, self.memory);
        Ok(CallResponse {
            ports: self.ports,
            status: head.status,
            headers: head.headers,
            body,
            readable,
            deadline,
            bounds: self.bounds,
            bytes: 0,
        })
    }

    /// `text` without the key: some upstreams repeat the key that they reject.
    pub fn redact(&self, text: &str) -> String {
        self.key.redact(text).into_owned()
    }

    /// Together within the limit: the host times each phase separately.
    fn timeouts(&self) -> Timeouts {
        let (own, time) = (self.channel.timeouts, self.bounds.time);
        let connect = own.connect.min(time / 4);
        Timeouts {
            connect,
            first_byte: own.first_byte.min(time.saturating_sub(connect)),
            idle: own.idle.min(time),
        }
    }
}

/// A response that is being read.
pub struct CallResponse<'a, P: Upstream> {
    ports: &'a P,
    /// The upstream's status.
    pub status: StatusCode,
    headers: HeaderMap,
    body: UpstreamBody<P>,
    readable: Result<(), CodingError>,
    deadline: Timestamp,
    bounds: CallBounds,
    bytes: usize,
}

impl<P: Upstream + Clock> CallResponse<'_, P> {
    /// Whether the content type is this one, ignoring its parameters.
    pub fn is(&self, content_type: &str) -> bool {
        media::essence(&self.headers).eq_ignore_ascii_case(content_type)
    }

    /// The next piece of the body; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        if let Err(error) = &self.readable {
            return Err(CallError::Coding(error.clone()));
        }
        let next =
            body::next_before(self.ports, &mut self.body, self.deadline, Duration::MAX).await;
        let piece = match next {
            Ok(piece) => piece,
            Err(_) if self.ports.now() >= self.deadline => {
                return Err(CallError::TooSlow(self.bounds.time));
            }
            Err(error) => return Err(CallError::Send(error)),
        };
        self.bytes += piece.as_ref().map_or(0, Bytes::len);
        if self.bytes > self.bounds.bytes {
            return Err(CallError::TooLong(self.bounds.bytes));
        }
        Ok(piece)
    }

    /// The whole body.
    pub async fn whole(&mut self) -> Result<Bytes, CallError> {
        let mut whole = SegmentedBuffer::new(0);
        while let Some(piece) = self.next().await? {
            whole.push(piece);
        }
        Ok(whole.finish())
    }

    /// Why a response is not a success, with the upstream's message if it has one.
    pub async fn rejection(&mut self) -> String {
        self.error().await.0
    }

    /// The same, and what kind of failure it is.
    pub async fn error(&mut self) -> (String, Failure) {
        if self.status.is_redirection() {
            let target = self.headers.get(LOCATION);
            let target = target.and_then(|value| value.to_str().ok()).unwrap_or("?");
            let message = format!(
                "The upstream redirects to {}, which is not followed. Is the base URL right?",
                printable(target)
            );
            return (message, Failure::ServerError);
        }
        let text = if self.readable.is_ok() {
            body::error_text(self.ports, &mut self.body, self.deadline, Duration::MAX).await
        } else {
            Bytes::new()
        };
        let error = error_shape::normalise(self.status, &text);
        let found = classify::outcome(self.status, &error, &self.headers, self.ports.now());
        (error.body.message, found.failure)
    }
}
