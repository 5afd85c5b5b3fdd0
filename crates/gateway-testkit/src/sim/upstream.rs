//! Upstreams in virtual time. Owns the phases of a call and its timeouts, and records how every call ended; the answers
//! are the test's.

mod reply;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::ports::{SendError, SendErrorKind, Timeouts};
use gateway_core::units::Timestamp;
use http::{Request, Response};
use http_body::{Body, Frame};

use super::executor::{Executor, Sleep};
pub use reply::SimReply;

/// A call as an upstream sees it.
#[derive(Debug)]
pub struct SimCall {
    /// Its place in the list of records.
    pub number: usize,
    /// The instance that calls.
    pub instance: usize,
    /// When it began.
    pub began: Timestamp,
    /// Method, URL and headers.
    pub head: http::request::Parts,
    /// The whole body.
    pub body: Bytes,
    /// The timeouts that the core requested.
    pub timeouts: Timeouts,
}

impl SimCall {
    /// The host's name without its domain: `a` of `https://a.example/v1`.
    pub fn host(&self) -> &str {
        let host = self.head.uri.host().unwrap_or_default();
        host.split_once('.').map_or(host, |(name, _)| name)
    }

    /// The bearer token; empty without one.
    pub fn credential(&self) -> &str {
        let value = self.head.headers.get(http::header::AUTHORIZATION);
        let text = value.and_then(|value| value.to_str().ok());
        text.and_then(|text| text.strip_prefix("Bearer "))
            .unwrap_or_default()
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// Its body was read to the end.
    Whole,
    /// The caller dropped it.
    Dropped,
    /// It failed, before the head or within the body.
    Failed(SendErrorKind),
}

/// The record of a call.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The instance that called.
    pub instance: usize,
    /// See [`SimCall::host`].
    pub host: String,
    /// See [`SimCall::credential`].
    pub credential: String,
    /// When it began.
    pub began: Timestamp,
    /// When the response's head was there.
    pub answered: Option<Timestamp>,
    /// When and how it ended; `None` while the connection is open.
    pub ended: Option<(Timestamp, CallEnd)>,
}

type Script = Box<dyn FnMut(&SimCall) -> SimReply>;
type Records = Rc<RefCell<Vec<CallRecord>>>;

/// All upstreams. Without a script the connection of every call is refused.
pub struct SimUpstream {
    executor: Executor,
    script: RefCell<Option<Script>>,
    records: Records,
}

impl SimUpstream {
    pub(super) fn new(executor: Executor) -> Self {
        Self {
            executor,
            script: RefCell::default(),
            records: Records::default(),
        }
    }

    /// Answers every call from now on with what `script` says at its beginning.
    pub fn script(&self, script: impl FnMut(&SimCall) -> SimReply + 'static) {
        *self.script.borrow_mut() = Some(Box::new(script));
    }

    /// Every call so far, in the order in which they began.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.records.borrow().clone()
    }

    /// Calls whose connection is still open.
    pub fn open(&self) -> usize {
        let records = self.records.borrow();
        records
            .iter()
            .filter(|record| record.ended.is_none())
            .count()
    }

    pub(super) async fn send(
        &self,
        instance: usize,
        request: Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<Response<SimBody>, SendError> {
        let (head, body) = request.into_parts();
        let call = SimCall {
            number: self.records.borrow().len(),
            instance,
            began: self.executor.now(),
            head,
            body,
            timeouts,
        };
        self.records.borrow_mut().push(CallRecord {
            instance,
            host: call.host().to_owned(),
            credential: call.credential().to_owned(),
            began: call.began,
            answered: None,
            ended: None,
        });
        let mut open = OpenCall {
            executor: self.executor.clone(),
            records: Rc::clone(&self.records),
            number: call.number,
        };
        let reply = match self.script.borrow_mut().as_mut() {
            Some(script) => script(&call),
            None => SimReply::failure(SendErrorKind::Connect),
        };
        let phases = [
            (reply.connect_ms, timeouts.connect, SendErrorKind::Connect),
            (reply.head_ms, timeouts.first_byte, SendErrorKind::Timeout),
        ];
        for (takes_ms, limit, kind) in phases {
            if !self.phase(takes_ms, limit).await {
                open.end(CallEnd::Failed(kind));
                return Err(error(kind));
            }
            // A connection that is refused is refused before anything is sent on it.
            if let Err(failure) = reply.head.as_ref()
                && *failure == kind
            {
                break;
            }
        }
        let (status, headers) = reply.head.map_err(|kind| {
            open.end(CallEnd::Failed(kind));
            error(kind)
        })?;
        open.answered();
        let mut response = Response::new(SimBody {
            last: self.executor.now(),
            executor: self.executor.clone(),
            pieces: reply.pieces,
            is_silent: reply.is_silent,
            idle: timeouts.idle,
            waiting: None,
            open,
        });
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// Waits for a phase that takes `takes_ms` (`None`: forever); returns whether it was over within its limit.
    async fn phase(&self, takes_ms: Option<u64>, limit: Duration) -> bool {
        let limit_ms = milliseconds(limit);
        match takes_ms {
            Some(takes_ms) if takes_ms <= limit_ms => {
                self.executor.sleep_ms(takes_ms).await;
                true
            }
            _ if limit_ms == u64::MAX => pending().await,
            _ => {
                self.executor.sleep_ms(limit_ms).await;
                false
            }
        }
    }
}

impl fmt::Debug for SimUpstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SimUpstream")
            .field("open", &self.open())
            .finish_non_exhaustive()
    }
}

/// A call in progress: dropping it early records that its caller dropped it.
struct OpenCall {
    executor: Executor,
    records: Records,
    number: usize,
}

impl OpenCall {
    fn end(&mut self, end: CallEnd) {
        if let Some(record) = self.records.borrow_mut().get_mut(self.number) {
            record.ended.get_or_insert((self.executor.now(), end));
        }
    }

    fn answered(&mut self) {
        if let Some(record) = self.records.borrow_mut().get_mut(self.number) {
            record.answered = Some(self.executor.now());
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.end(CallEnd::Dropped);
    }
}

/// The body of a simulated response; its pieces come at their own times, whether or not they are read.
pub struct SimBody {
    executor: Executor,
    /// Milliseconds after the piece before, and the piece.
    pieces: VecDeque<(u64, Result<Bytes, SendErrorKind>)>,
    is_silent: bool,
    idle: Duration,
    /// When the last piece came.
    last: Timestamp,
    /// What is waited for, and since when.
    waiting: Option<(Sleep, Awaited)>,
    open: OpenCall,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Piece(Timestamp),
    IdleTimeout,
}

impl SimBody {
    /// The wait for the first of two: the next piece, or the idle timeout.
    fn wait(&self) -> Option<(Sleep, Awaited)> {
        let give_up = self.executor.now().plus_ms(milliseconds(self.idle));
        match self.pieces.front() {
            Some((after_ms, _)) => {
                let due = self.last.plus_ms(*after_ms);
                Some(if due <= give_up {
                    (self.executor.sleep_until(due), Awaited::Piece(due))
                } else {
                    (self.executor.sleep_until(give_up), Awaited::IdleTimeout)
                })
            }
            None => self
                .is_silent
                .then(|| (self.executor.sleep_until(give_up), Awaited::IdleTimeout)),
        }
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let Some((mut sleep, awaited)) = self.waiting.take().or_else(|| self.wait()) else {
            self.open.end(CallEnd::Whole);
            return Poll::Ready(None);
        };
        if Pin::new(&mut sleep).poll(context).is_pending() {
            self.waiting = Some((sleep, awaited));
            return Poll::Pending;
        }
        let piece = match awaited {
            Awaited::IdleTimeout => Err(SendErrorKind::Timeout),
            Awaited::Piece(due) => {
                self.last = due;
                match self.pieces.pop_front() {
                    Some((_, piece)) => piece,
                    None => return Poll::Ready(None),
                }
            }
        };
        Poll::Ready(Some(match piece {
            Ok(piece) => Ok(Frame::data(piece)),
            Err(kind) => {
                self.pieces.clear();
                self.is_silent = false;
                self.open.end(CallEnd::Failed(kind));
                Err(error(kind))
            }
        }))
    }
}

impl fmt::Debug for SimBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SimBody")
            .field("pieces", &self.pieces.len())
            .finish_non_exhaustive()
    }
}

fn error(kind: SendErrorKind) -> SendError {
    SendError {
        kind,
        detail: "simulated".to_owned(),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
