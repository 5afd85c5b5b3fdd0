//! An upstream that follows a script and remembers what it was sent. Owns no protocol: replies are given as the
//! pieces in which they arrive.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_core::ports::{SendError, SendErrorKind, Timeouts};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};

type Script = Box<dyn FnMut(&Recorded) -> FakeReply>;

/// A request that the upstream got.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Method, URL and headers.
    pub head: http::request::Parts,
    /// The whole body.
    pub body: Bytes,
    /// The timeouts that the core set.
    pub timeouts: Timeouts,
}

/// What the upstream answers.
#[derive(Clone, Debug)]
pub struct FakeReply {
    head: Result<(StatusCode, HeaderMap), SendError>,
    pieces: VecDeque<Result<Bytes, SendError>>,
    after_ms: u64,
    is_silent: bool,
}

impl FakeReply {
    /// A reply with a body in one piece, as JSON.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::pieces(status, "application/json", [body.into()])
    }

    /// A reply whose body arrives in these pieces.
    pub fn pieces(
        status: u16,
        content_type: &'static str,
        pieces: impl IntoIterator<Item = Bytes>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        );
        Self {
            head: Ok((
                StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT),
                headers,
            )),
            pieces: pieces.into_iter().map(Ok).collect(),
            after_ms: 0,
            is_silent: false,
        }
    }

    /// No reply at all.
    pub fn failure(kind: SendErrorKind) -> Self {
        Self {
            head: Err(error(kind)),
            pieces: VecDeque::new(),
            after_ms: 0,
            is_silent: false,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        if let Ok((_, headers)) = &mut self.head {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        self
    }

    /// Takes the content type away.
    #[must_use]
    pub fn unlabelled(mut self) -> Self {
        if let Ok((_, headers)) = &mut self.head {
            headers.remove(http::header::CONTENT_TYPE);
        }
        self
    }

    /// Lets the body break off after its pieces.
    #[must_use]
    pub fn broken_by(mut self, kind: SendErrorKind) -> Self {
        self.pieces.push_back(Err(error(kind)));
        self
    }

    /// Lets the body stay open and silent after its pieces.
    #[must_use]
    pub const fn silent(mut self) -> Self {
        self.is_silent = true;
        self
    }

    /// Lets the clock go on by so much until the reply's head is there.
    #[must_use]
    pub const fn after_ms(mut self, milliseconds: u64) -> Self {
        self.after_ms = milliseconds;
        self
    }
}

fn error(kind: SendErrorKind) -> SendError {
    SendError {
        kind,
        detail: "scripted for this test".to_owned(),
    }
}

/// The upstream: what it was sent, and what it answers. Without a script the connection of every call is refused.
#[derive(Default)]
pub struct FakeUpstream {
    requests: RefCell<Vec<Recorded>>,
    script: RefCell<Option<Script>>,
    open_bodies: Rc<Cell<usize>>,
}

impl FakeUpstream {
    /// Answers every request with what `script` says.
    pub fn script(&self, script: impl FnMut(&Recorded) -> FakeReply + 'static) {
        *self.script.borrow_mut() = Some(Box::new(script));
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.borrow().clone()
    }

    /// The requests after the first `seen`.
    pub fn requests_from(&self, seen: usize) -> Vec<Recorded> {
        self.requests.borrow().iter().skip(seen).cloned().collect()
    }

    /// Bodies that were handed out and not dropped: connections that are still open.
    pub fn open_bodies(&self) -> usize {
        self.open_bodies.get()
    }

    pub(super) fn answer(
        &self,
        request: Request<Bytes>,
        timeouts: Timeouts,
    ) -> (u64, Result<Response<FakeBody>, SendError>) {
        let (head, body) = request.into_parts();
        let recorded = Recorded {
            head,
            body,
            timeouts,
        };
        let reply = match self.script.borrow_mut().as_mut() {
            Some(script) => script(&recorded),
            None => FakeReply::failure(SendErrorKind::Connect),
        };
        self.requests.borrow_mut().push(recorded);
        let FakeReply {
            head,
            pieces,
            after_ms,
            is_silent,
        } = reply;
        let outcome = head.map(|(status, headers)| {
            self.open_bodies.set(self.open_bodies.get() + 1);
            let mut response = Response::new(FakeBody {
                pieces,
                is_silent,
                open: Rc::clone(&self.open_bodies),
            });
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response
        });
        (after_ms, outcome)
    }
}

/// The body of a scripted reply.
#[derive(Debug)]
pub struct FakeBody {
    pieces: VecDeque<Result<Bytes, SendError>>,
    is_silent: bool,
    open: Rc<Cell<usize>>,
}

impl Drop for FakeBody {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
    }
}

impl Body for FakeBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(piece.map(Frame::data))),
            None if self.is_silent => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}
