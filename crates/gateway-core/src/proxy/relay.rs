//! A stream on its way to the client, after its first real event. Owns the promise that a stream which
//! the upstream broke never looks complete: it ends with an error event and without `[DONE]`.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;

use super::account::Account;
use super::answer::{self, AnswerBody};
use super::attempt::Attempt;
use super::routes::Operation;
use crate::attempt::{Failure, classify};
use crate::error::{ErrorBody, ErrorStyle};
use crate::ports::{ProxyPorts, SendError, SendErrorKind};
use crate::reply::{BrokenBody, Pieces};
use crate::wire::error_shape::{self, UpstreamError};
use crate::wire::signals::{self, Signal};
use crate::wire::sse::{self, Block, Scanner};

/// What a comment of the upstream becomes: it still keeps connections open, but without the empty line
/// that makes some clients dispatch an empty event.
const PING: Bytes = Bytes::from_static(b": ping\n");

/// Ends an event, after a line end or without one.
const BLANK_LINE: Bytes = Bytes::from_static(b"\n\n");

/// Pieces that are read after `[DONE]`; usually there is none but the end itself.
const MAX_DRAINED_PIECES: usize = 8;

/// A stream in flight.
pub struct Relay<P: ProxyPorts> {
    account: Account<P>,
    /// `None` once nothing more of it is wanted.
    body: Option<AnswerBody<P>>,
    scanner: Scanner,
    ready: VecDeque<Bytes>,
    progress: Progress,
    operation: Operation,
    /// Whether the chunk with the usage, which the client did not ask for, is kept back.
    hides_usage: bool,
}

/// How far the stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Content flows.
    Open,
    /// A finish reason or final event was seen; more may follow (usage, `[DONE]`).
    Finished,
    /// `[DONE]` was seen: the client has all.
    Done,
    /// Nothing more is sent.
    Closed,
}

impl<P: ProxyPorts> Relay<P> {
    /// Goes on with a stream whose first `blocks` were held back.
    pub fn new(
        attempt: &Attempt<'_, P>,
        status: StatusCode,
        body: AnswerBody<P>,
        scanner: Scanner,
        blocks: &[Block],
    ) -> Self {
        let mut relay = Self {
            account: Account::open(attempt, status),
            body: Some(body),
            scanner,
            ready: VecDeque::new(),
            progress: Progress::Open,
            operation: attempt.operation,
            hides_usage: attempt.asks_usage,
        };
        for block in blocks {
            relay.absorb(block);
        }
        relay
    }

    /// The stream as a response body.
    pub fn into_pieces(self) -> Pieces {
        Box::pin(stream::unfold(self, |mut relay| async move {
            let piece = relay.next().await?;
            Some((Ok::<_, BrokenBody>(piece), relay))
        }))
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            if self.progress == Progress::Closed {
                return None;
            }
            if self.progress == Progress::Done {
                self.account.complete();
                self.drain();
                return None;
            }
            let body = self.body.as_mut()?;
            match answer::next(body).await {
                Some(Ok(chunk)) => match self.scanner.push(chunk) {
                    Ok(block) => self.absorb(&block),
                    Err(_) => self.broke(
                        "one of its events is longer than 17 MiB, or than there is memory for",
                    ),
                },
                Some(Err(error)) if error.kind == SendErrorKind::ClientGone => {
                    self.progress = Progress::Closed;
                }
                Some(Err(error)) => self.broke(&describe(&error)),
                None => self.ended(),
            }
        }
    }

    /// Lets go of the client, who has everything, and reads the upstream's body to its end beside it, so
    /// that its connection can be used again; but not for long, should it go on.
    fn drain(&mut self) {
        self.progress = Progress::Closed;
        if let Some(mut body) = self.body.take() {
            self.account.gateway.ports.spawn(async move {
                for _ in 0..MAX_DRAINED_PIECES {
                    if !matches!(answer::next(&mut body).await, Some(Ok(_))) {
                        return;
                    }
                }
            });
        }
    }

    /// Passes whole events on. Events that follow each other stay in one piece and are not copied.
    fn absorb(&mut self, block: &Block) {
        let (mut run_start, mut position) = (0, 0);
        for event in block.events() {
            if matches!(self.progress, Progress::Done | Progress::Closed) {
                break;
            }
            let start = position;
            position += event.len();
            if sse::is_comment(event) {
                self.pass(block, run_start, start);
                run_start = position;
                if event.contains(&b':') {
                    self.ready.push_back(PING);
                }
                continue;
            }
            let meaning = signals::of(event);
            if let Some(usage) = meaning.usage {
                self.account.take_in(usage);
            }
            if self.hides_usage && meaning.is_usage_only {
                self.pass(block, run_start, start);
                run_start = position;
                continue;
            }
            self.account.gave(meaning.content_bytes);
            match meaning.signal {
                Signal::Nothing | Signal::Content => {}
                Signal::Finish => self.progress = Progress::Finished,
                Signal::Done => self.progress = Progress::Done,
                Signal::Error => {
                    self.pass(block, run_start, start);
                    let data = sse::data(event).unwrap_or_default();
                    let found = error_shape::normalise(StatusCode::OK, &data);
                    self.refused(&found);
                    return;
                }
            }
        }
        self.pass(block, run_start, position);
    }

    fn pass(&mut self, block: &Block, start: usize, end: usize) {
        if start < end {
            self.ready.push_back(block.bytes.slice(start..end));
        }
    }

    /// The upstream closed the stream.
    fn ended(&mut self) {
        let (last, rest) = self.scanner.finish();
        self.absorb(&last);
        // An end mark counts also without the blank line after it, which is then added.
        let is_running = matches!(self.progress, Progress::Open | Progress::Finished);
        if is_running && matches!(signals::of(&rest).signal, Signal::Done | Signal::Finish) {
            self.progress = Progress::Done;
            self.ready.push_back(rest.clone());
            self.ready.push_back(BLANK_LINE);
        }
        match self.progress {
            Progress::Open if self.operation.stream_has_end_mark => {
                self.broke("the stream ended without a finish reason or its end mark");
            }
            Progress::Open | Progress::Finished => {
                // An event that only lacks its blank line is passed on where no mark tells that it is whole.
                if !rest.is_empty() && !self.operation.stream_has_end_mark {
                    self.ready.push_back(rest);
                }
                self.account.complete();
                self.progress = Progress::Closed;
            }
            Progress::Done => {
                self.account.complete();
                self.progress = Progress::Closed;
            }
            Progress::Closed => {}
        }
    }

    /// The stream broke for no reason of the upstream's own.
    fn broke(&mut self, reason: &str) {
        self.fail(reason, None, Failure::ServerError);
    }

    /// The upstream sent an error, which means what it would have meant before the first event.
    fn refused(&mut self, error: &UpstreamError) {
        let status = classify::status_inside_success(error.status, &error.body);
        let failure = classify::failure(status, &error.body);
        self.fail(&error.body.message, Some(status), failure);
    }

    /// Says to the client that its stream is not whole, unless it has everything already, and tells all other
    /// requests of the failure.
    fn fail(&mut self, reason: &str, status: Option<StatusCode>, failure: Failure) {
        if !matches!(self.progress, Progress::Done | Progress::Closed) {
            let reason = self.account.broke(reason, status, failure);
            self.ready.push_back(incomplete_event(
                self.operation.errors,
                &self.account.channel.name,
                &reason,
            ));
        }
        self.progress = Progress::Closed;
    }
}

fn describe(error: &SendError) -> String {
    match error.kind {
        SendErrorKind::Timeout => format!("nothing came for too long ({})", error.detail),
        _ => error.detail.clone(),
    }
}

/// The one event that tells a client that its stream is not whole. The official SDKs raise on it.
fn incomplete_event(style: ErrorStyle, channel: &str, reason: &str) -> Bytes {
    let error = ErrorBody {
        message: format!("The stream of {channel} broke off: {reason}"),
        kind: "server_error".to_owned(),
        param: None,
        code: Some("stream_incomplete".to_owned()),
    };
    let json = style.text(StatusCode::BAD_GATEWAY, &error);
    // Anthropic's SDKs dispatch by the event's name.
    let name = match style {
        ErrorStyle::OpenAi => "",
        ErrorStyle::Anthropic => "event: error\n",
    };
    Bytes::from(format!("{name}data: {json}\n\n"))
}
