//! Ports that allocate nothing worth counting: time is set by hand, the log is dropped, the database answers at once with
//! nothing, the upstream with what it was given. Owns no assertion.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::config::model::Document;
use gateway_core::logging::LogPolicy;
use gateway_core::ports::{
    Background, Clock, Log, Random, ReadStore, SendError, Sql, SqlTarget, StoreError, StoreKey,
    Swap, Timeouts, Upstream, WriteStore,
};
use gateway_core::sql::{SqlError, SqlRow, Statement};
use gateway_core::units::Timestamp;
use http_body::{Body, Frame};

use super::counter::aside;

/// What an upstream answers.
pub struct Answer {
    pub content_type: &'static str,
    pub pieces: Vec<Bytes>,
}

/// All ports in one. Clones share everything.
#[derive(Clone)]
pub struct QuietPorts(Rc<Inner>);

struct Inner {
    config: Vec<u8>,
    answer: Answer,
    now: Cell<Timestamp>,
    random: Cell<u64>,
    background: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
    statements: Cell<u64>,
}

impl QuietPorts {
    pub fn new(document: &Document, answer: Answer) -> Self {
        Self(Rc::new(Inner {
            config: serde_json::to_vec(document).unwrap(),
            answer,
            now: Cell::new(Timestamp(1_795_305_600_000)),
            random: Cell::new(1),
            background: RefCell::default(),
            statements: Cell::default(),
        }))
    }

    /// Statements of the database so far.
    pub fn statements(&self) -> u64 {
        self.0.statements.get()
    }

    /// Moves the clock forward.
    pub fn advance_ms(&self, milliseconds: u64) {
        self.0.now.set(self.0.now.get().plus_ms(milliseconds));
    }

    /// Polls what goes on after responses; what ends is dropped, and what waits for the clock stays.
    pub fn run_background(&self) {
        let mut work = self.0.background.take();
        let mut context = Context::from_waker(Waker::noop());
        work.retain_mut(|work| work.as_mut().poll(&mut context).is_pending());
        let begun = self.0.background.take();
        aside(|| work.extend(begun));
        self.0.background.replace(work);
    }

    /// Drops all work that goes on after responses.
    pub fn drop_background(&self) {
        drop(self.0.background.take());
    }
}

impl Clock for QuietPorts {
    fn now(&self) -> Timestamp {
        self.0.now.get()
    }

    async fn sleep(&self, _duration: Duration) {
        pending::<()>().await;
    }
}

impl Random for QuietPorts {
    fn next_u64(&self) -> u64 {
        let next = self.0.random.get().wrapping_mul(6_364_136_223_846_793_005) + 1;
        self.0.random.set(next);
        next
    }

    fn fill_secure(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next_u64().to_le_bytes()[4];
        }
    }
}

impl Log for QuietPorts {
    fn finished_line(&self, _text: fmt::Arguments<'_>) {}

    fn policy(&self) -> LogPolicy {
        LogPolicy::default()
    }

    fn set_policy(&self, _policy: LogPolicy) {}
}

impl Background for QuietPorts {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        let work = Box::pin(work);
        aside(|| self.0.background.borrow_mut().push(work));
    }
}

impl ReadStore for QuietPorts {
    async fn read(&self, record: StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok((record == StoreKey::Config).then(|| aside(|| self.0.config.clone())))
    }
}

impl WriteStore for QuietPorts {
    async fn swap(
        &self,
        _record: StoreKey,
        _expected: Option<&[u8]>,
        _new: &[u8],
    ) -> Result<Swap, StoreError> {
        Ok(Swap::Done)
    }

    async fn put(&self, _record: StoreKey, _value: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove(&self, _record: StoreKey) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Sql for QuietPorts {
    async fn transact(
        &self,
        _target: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        let count = statements.len();
        self.0
            .statements
            .set(self.0.statements.get() + u64::try_from(count).unwrap());
        Ok(aside(|| vec![Vec::new(); count]))
    }
}

impl Upstream for QuietPorts {
    type Body = PieceBody;

    async fn send(
        &self,
        _request: http::Request<Bytes>,
        _timeouts: Timeouts,
    ) -> Result<http::Response<PieceBody>, SendError> {
        Ok(aside(|| {
            let body = PieceBody {
                ports: self.clone(),
                next: 0,
            };
            http::Response::builder()
                .header("content-type", self.0.answer.content_type)
                .header("x-upstream-id", "req_0123456789")
                .body(body)
                .unwrap()
        }))
    }
}

/// The answer's pieces, one by one.
pub struct PieceBody {
    ports: QuietPorts,
    next: usize,
}

impl Body for PieceBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let body = self.get_mut();
        let piece = body.ports.0.answer.pieces.get(body.next);
        body.next += 1;
        // A copy of the handle, as hosts give pieces that nobody else holds.
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.clone()))))
    }
}
