//! Calls to upstream services over `fetch`. Owns how a request is handed to the host, how the response's body is
//! returned and the timeouts, which the host does not have; retries nothing, follows nothing.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::ports::{Clock as _, SendError, SendErrorKind, Timeouts, Upstream};
use gateway_core::units::Timestamp;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::{Body, Frame};

use crate::instance::{Sleep, WorkerPorts, milliseconds};
use crate::io;
use crate::serve::{header_map, lines};
use crate::ticket::{Outcome, Ticket};

/// A call that is aborted when it is dropped.
struct Call(io::Call);

impl Drop for Call {
    fn drop(&mut self) {
        // After the end of the body this does nothing.
        self.0.abort();
    }
}

/// An upstream's body. Dropping it ends the upstream's connection.
pub struct ResponseBody {
    ports: WorkerPorts,
    call: Call,
    reading: Option<Ticket>,
    idle: Duration,
    /// Is not reset by each piece, so that a busy stream rarely sets a timer.
    timer: Option<Sleep>,
    /// When the last piece came.
    heard: Timestamp,
    has_ended: bool,
}

impl ResponseBody {
    /// Whether the idle timeout has passed.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        loop {
            let since = Duration::from_millis(self.ports.now().since_ms(self.heard));
            let Some(timer) = &mut self.timer else {
                let left = self.idle.saturating_sub(since);
                if left.is_zero() {
                    return true;
                }
                self.timer = Some(Sleep::new(left));
                continue;
            };
            if Pin::new(timer).poll(context).is_pending() {
                return false;
            }
            self.timer = None;
        }
    }

    fn end(&mut self) {
        self.has_ended = true;
        self.timer = None;
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let body = self.get_mut();
        if body.has_ended {
            return Poll::Ready(None);
        }
        let reading = body.reading.get_or_insert_with(|| {
            body.heard = body.ports.now();
            let ticket = Ticket::new();
            body.call.0.read(ticket.number());
            ticket
        });
        match Pin::new(reading).poll(context) {
            Poll::Pending if body.is_late(context) => {
                body.end();
                Poll::Ready(Some(Err(late("no further piece in time"))))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(Outcome::Bytes(piece)) => {
                body.reading = None;
                Poll::Ready(Some(Ok(Frame::data(piece.into()))))
            }
            Poll::Ready(Outcome::Failed(error)) => {
                body.end();
                Poll::Ready(Some(Err(broken(error))))
            }
            Poll::Ready(Outcome::Nothing | Outcome::Text(_)) => {
                body.end();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }
}

impl Upstream for WorkerPorts {
    type Body = ResponseBody;

    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<http::Response<ResponseBody>, SendError> {
        let (parts, body) = request.into_parts();
        let ticket = Ticket::new();
        let call = Call(io::send(
            ticket.number(),
            parts.method.as_str(),
            &parts.uri.to_string(),
            &lines(&parts.headers),
            &body,
            // The host does not report when it is connected, so there is one timeout for both.
            milliseconds(timeouts.connect + timeouts.first_byte),
        ));
        let no_http = || SendError {
            kind: SendErrorKind::Reset,
            detail: "the answer was no HTTP".to_owned(),
        };
        let head = match ticket.await {
            Outcome::Text(head) => head,
            Outcome::Failed(error) => return Err(unsent(error)),
            Outcome::Nothing => return Err(late("no answer in time")),
            Outcome::Bytes(_) => return Err(no_http()),
        };
        let (status, fields) = head.split_once('\n').ok_or_else(no_http)?;
        let status = StatusCode::from_bytes(status.as_bytes()).map_err(|_| no_http())?;
        let mut headers = header_map(fields).ok_or_else(no_http)?;
        if is_decoded_by_host(&headers) {
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
        }
        let is_bodiless = parts.method == http::Method::HEAD
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        let mut answer = http::Response::new(ResponseBody {
            ports: *self,
            call,
            reading: None,
            idle: timeouts.idle,
            timer: None,
            heard: Timestamp(0),
            has_ended: is_bodiless,
        });
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

/// Whether the body comes decoded although its head says otherwise. workerd decodes these two when it reads a body, but
/// only where the header is exactly so.
fn is_decoded_by_host(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let is_known = |coding: &HeaderValue| matches!(coding.as_bytes(), b"gzip" | b"br");
    codings.next().is_some_and(is_known) && codings.next().is_none()
}

fn late(detail: &str) -> SendError {
    SendError {
        kind: SendErrorKind::Timeout,
        detail: detail.to_owned(),
    }
}

/// A call without an answer. workerd has messages and no codes; unknown ones count as a broken connection, which may
/// have been a kept one.
fn unsent(detail: String) -> SendError {
    let says = |words: &str| detail.to_ascii_lowercase().contains(words);
    let kind = if says("dns") {
        SendErrorKind::Dns
    } else if says("tls") || says("certificate") {
        SendErrorKind::Tls
    } else if says("refused") || says("connect") && !says("lost") {
        SendErrorKind::Connect
    } else {
        SendErrorKind::MaybeStale
    };
    SendError { kind, detail }
}

/// A body that broke off.
fn broken(detail: String) -> SendError {
    SendError {
        kind: SendErrorKind::Reset,
        detail,
    }
}
