//! Bodies of requests that are answered before they are read.

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use gateway_core::app::{AdminApp, App, DRAIN_BYTES, Peer, ProxyApp};
use gateway_core::ports::Variable;
use gateway_testkit::fakes::{FakePorts, FakeReply, block_on};
use http::Method;
use http_body::{Body, Frame, SizeHint};

use super::*;

const PIECE: u64 = 1 << 20;

/// A body that counts what is read of it.
struct Upload {
    left: u64,
    is_announced: bool,
    read: Rc<Cell<u64>>,
}

impl Upload {
    fn new(left: u64, is_announced: bool) -> (Self, Rc<Cell<u64>>) {
        let read = Rc::new(Cell::new(0));
        let upload = Self {
            left,
            is_announced,
            read: Rc::clone(&read),
        };
        (upload, read)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.left.min(PIECE);
        if length == 0 {
            return Poll::Ready(None);
        }
        self.left -= length;
        self.read.set(self.read.get() + length);
        let piece = vec![b'x'; usize::try_from(length).unwrap()];
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_announced {
            SizeHint::with_exact(self.left)
        } else {
            SizeHint::default()
        }
    }
}

/// A call without a key, which is rejected before its body is read.
fn refused(method: Method, body: Upload) -> Request<Upload> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = "/v1/chat/completions".parse().unwrap();
    request
}

/// How much is read in the background of a rejected request's body.
fn read_of(request: Request<Upload>, read: &Cell<u64>) -> u64 {
    let ports = FakePorts::default();
    let app = ProxyApp::new(ports.clone(), FakeVariables::default());
    let answer = Answer::of(block_on(app.handle(request)));
    assert!(matches!(answer.status, 401 | 405), "{}", answer.status);
    assert_eq!(read.get(), 0, "the answer waits for nothing");
    ports.run_background();
    read.get()
}

#[test]
fn what_a_refused_client_sends_is_read_after_the_answer() {
    for is_announced in [false, true] {
        for length in [1, PIECE, 3 * PIECE + 5, DRAIN_BYTES] {
            let (body, read) = Upload::new(length, is_announced);
            assert_eq!(read_of(refused(Method::POST, body), &read), length);
        }
    }
}

#[test]
fn nothing_is_read_without_end() {
    let (body, read) = Upload::new(u64::MAX, false);
    assert_eq!(read_of(refused(Method::POST, body), &read), DRAIN_BYTES);
    let (body, read) = Upload::new(DRAIN_BYTES + 1, true);
    assert_eq!(read_of(refused(Method::POST, body), &read), 0);
}

#[test]
fn nothing_is_read_that_the_client_does_not_send() {
    let (body, read) = Upload::new(PIECE, true);
    assert_eq!(read_of(refused(Method::GET, body), &read), 0);
    let (body, read) = Upload::new(PIECE, true);
    let mut request = refused(Method::POST, body);
    let headers = request.headers_mut();
    headers.insert("expect", "100-continue".parse().unwrap());
    assert_eq!(read_of(request, &read), 0);
}

#[test]
fn the_admin_api_reads_on_too_and_a_host_may_do_so_itself() {
    let configured = || {
        let variables = FakeVariables::default().with(Variable::Config, configuration());
        variables.with(Variable::AdminPassword, PASSWORD)
    };
    let logging_in = |body: Upload| {
        let mut request = refused(Method::POST, body);
        *request.uri_mut() = "/admin/api/channels".parse().unwrap();
        request
    };
    let ports = FakePorts::default();
    let admin = AdminApp::new(ports.clone(), configured());
    let (body, read) = Upload::new(PIECE, true);
    let reply = block_on(admin.handle(Peer::default(), logging_in(body)));
    assert_eq!((Answer::of(reply).status, read.get()), (401, 0));
    ports.run_background();
    assert_eq!(read.get(), PIECE);

    for by_host in [false, true] {
        let ports = FakePorts::default();
        let app = App::new(ports.clone(), FakePorts::default(), configured());
        let app = if by_host { app.drained_by_host() } else { app };
        for request in [logging_in, |body| refused(Method::POST, body)] {
            let (body, read) = Upload::new(PIECE, true);
            let reply = block_on(app.handle(Peer::default(), request(body)));
            assert_eq!((Answer::of(reply).status, read.get()), (401, 0));
            ports.run_background();
            assert_eq!(read.get(), if by_host { 0 } else { PIECE });
        }
    }
}

#[test]
fn a_body_that_was_read_costs_no_work_afterwards() {
    let ports = FakePorts::default();
    ports.upstream().script(|_| FakeReply::json(200, OK));
    let mut document: Value = serde_json::from_str(&configuration()).unwrap();
    document["settings"] = json!({"ledger": false});
    let variables = FakeVariables::default().with(Variable::Config, document.to_string());
    let app = ProxyApp::new(ports.clone(), variables);
    assert_eq!(Answer::of(block_on(app.handle(chat()))).status, 200);
    ports.run_background();
    assert_eq!(Answer::of(block_on(app.handle(chat()))).status, 200);
    assert_eq!(ports.run_background(), 0);
}
