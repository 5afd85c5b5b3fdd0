//! A stream being sent to the client, after its first real event. Owns the guarantee that a stream broken by the
//! upstream never looks complete: it ends with an error event and without `[DONE]`.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::StatusCode;

use super::attempt::Attempt;
use super::broken_stream::FailureShape;
use super::in_flight::InFlightAnswer;
use crate::dialect::answer_event::StreamFailure;
use crate::dialect::{StreamTranslator, Translated};
use crate::error::ErrorBody;
use crate::ports::{ProxyPorts, SendError, SendErrorKind};
use crate::reply::{BrokenBody, Pieces};
use crate::upstream::body::{self, UpstreamBody};
use crate::upstream::classify;
use crate::upstream::failure::Failure;
use crate::wire::error_shape::{self, UpstreamError};
use crate::wire::signals::{self, Ending, Signal};
use crate::wire::sse::{self, EventBlock, EventScanner};

/// What an upstream's comment is replaced by: it still keeps connections open, but without the empty line that makes
/// some clients dispatch an empty event.
const PING: Bytes = Bytes::from_static(b": ping\n");

/// Pieces that are read after `[DONE]`; usually there is none but the end itself.
const MAX_DRAINED_PIECES: usize = 8;

/// A stream in flight.
pub struct Relay<P: ProxyPorts> {
    answer: InFlightAnswer<P>,
    /// `None` once no more of it is needed.
    body: Option<UpstreamBody<P>>,
    scanner: EventScanner,
    ready: VecDeque<Bytes>,
    progress: RelayProgress,
    ending: Ending,
    /// Whether the upstream's stream ends with a marker.
    has_end_mark: bool,
    /// `None`: events pass as they are.
    translator: Option<Box<dyn StreamTranslator>>,
    /// Whether the client can read comments.
    takes_comments: bool,
    /// How a stream that breaks ends, where no translator writes its events.
    failure: FailureShape,
}

/// The progress of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RelayProgress {
    /// Content flows.
    Open,
    /// Every choice that was seen has ended, or the final event came; more may follow (usage, `[DONE]`).
    Finished,
    /// `[DONE]` was seen: the client has all.
    Done,
    /// Nothing more is sent.
    Closed,
}

impl<P: ProxyPorts> Relay<P> {
    /// Continues a stream whose first `blocks` were held back; without a `body` they are all of it.
    pub fn new(
        attempt: &Attempt<'_, P>,
        status: StatusCode,
        body: Option<UpstreamBody<P>>,
        scanner: EventScanner,
        blocks: &[EventBlock],
    ) -> Self {
        let mut relay = Self {
            answer: InFlightAnswer::open(attempt, status),
            body,
            scanner,
            ready: VecDeque::new(),
            progress: RelayProgress::Open,
            ending: Ending::default(),
            has_end_mark: attempt.translation.has_end_mark(),
            translator: attempt
                .translation
                .stream(|| (attempt.take_answer_context(), attempt.origin())),
            takes_comments: attempt.context.takes_comments(),
            failure: FailureShape::of(&attempt.translation, attempt.context.errors()),
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
            if self.progress == RelayProgress::Closed {
                return None;
            }
            if self.progress == RelayProgress::Done {
                self.complete();
                if let Some(body) = self.body.take() {
                    drain(self.answer.context.ports(), body);
                }
                continue;
            }
            let Some(body) = self.body.as_mut() else {
                self.ended();
                continue;
            };
            match body::next(body).await {
                Some(Ok(chunk)) => match self.scanner.push(chunk) {
                    Ok(block) => self.absorb(&block),
                    Err(_) => self.broke(
                        "one of its events is longer than 17 MiB, or than there is memory for",
                    ),
                },
                Some(Err(error)) if error.kind == SendErrorKind::ClientGone => {
                    self.progress = RelayProgress::Closed;
                }
                Some(Err(error)) => self.broke(&describe(&error)),
                None => self.ended(),
            }
        }
    }

    /// Passes whole events on, as far as they are for the client.
    fn absorb(&mut self, block: &EventBlock) {
        let mut output = BlockOutput::new(block);
        let mut position = 0;
        for event in block.events() {
            if matches!(self.progress, RelayProgress::Done | RelayProgress::Closed) {
                break;
            }
            let start = position;
            position += event.len();
            let meaning = signals::of(event);
            if meaning.signal == Signal::Nothing && sse::is_without_data(event) {
                let is_comment = event.contains(&b':') && self.takes_comments;
                let ping = is_comment.then_some(PING);
                output.replace(start..position, ping);
                continue;
            }
            if let Some(usage) = meaning.usage {
                self.answer.take_in(usage);
            }
            if meaning.signal == Signal::Error {
                output.replace(start..block.bytes.len(), None);
                self.ready.extend(output.finish());
                let data = sse::data(event).unwrap_or_default();
                let found = error_shape::normalise(StatusCode::OK, &data);
                self.refused(&found);
                return;
            }
            self.answer.gave(meaning.content_bytes);
            self.ending.take_in(&meaning);
            self.progress = match meaning.signal {
                Signal::Done => RelayProgress::Done,
                _ if self.ending.is_whole() => RelayProgress::Finished,
                _ => RelayProgress::Open,
            };
            let translated = self.translator.as_mut().map(|it| it.push(event, &meaning));
            match translated.unwrap_or(Translated::Unchanged) {
                Translated::Unchanged => self.failure.passed(event),
                Translated::Bad(bad) => {
                    output.replace(start..block.bytes.len(), None);
                    self.ready.extend(output.finish());
                    self.broke(bad.0);
                    return;
                }
                Translated::Dropped => output.replace(start..position, None),
                Translated::Replaced(events) => output.replace(start..position, Some(events)),
            }
        }
        output.replace(position..block.bytes.len(), None);
        self.ready.extend(output.finish());
    }

    /// The client has a whole stream.
    fn complete(&mut self) {
        match self.translator.as_mut().map(|it| it.finish()) {
            None | Some(Ok(None)) => {}
            Some(Ok(Some(last))) => self.ready.push_back(last),
            Some(Err(bad)) => {
                self.progress = RelayProgress::Open;
                return self.broke(bad.0);
            }
        }
        self.answer.complete();
        self.progress = RelayProgress::Closed;
    }

    /// The upstream closed the stream.
    fn ended(&mut self) {
        let (last, rest) = self.scanner.finish();
        self.absorb(&last);
        // An event counts also without the blank line after it, which is then added.
        let is_whole = signals::is_whole(&rest);
        if is_whole {
            self.absorb(&EventBlock::closing(&rest));
        }
        match self.progress {
            RelayProgress::Open if self.has_end_mark => {
                self.broke("the stream ended without a finish reason or its end mark");
            }
            RelayProgress::Open | RelayProgress::Finished => {
                // Where no marker shows whether the stream is complete, its end is passed on unchanged.
                let is_left = !is_whole && !sse::is_without_data(&rest);
                if is_left && !self.has_end_mark {
                    self.ready.push_back(rest);
                }
                self.complete();
            }
            RelayProgress::Done => self.complete(),
            RelayProgress::Closed => {}
        }
    }

    /// The stream broke for a reason other than the upstream.
    fn broke(&mut self, reason: &str) {
        self.fail(reason, None, Failure::ServerError);
    }

    /// The upstream sent an error, which means the same as before the first event.
    fn refused(&mut self, error: &UpstreamError) {
        let status = classify::status_inside_success(error.status, &error.body);
        let failure = classify::failure(status, &error.body);
        self.fail(&error.body.message, Some(status), failure);
    }

    /// Reports to the client that its stream is incomplete, unless it has everything already, and records the failure
    /// for all other requests.
    fn fail(&mut self, reason: &str, status: Option<StatusCode>, failure: Failure) {
        if !matches!(self.progress, RelayProgress::Done | RelayProgress::Closed) {
            let reason = self.answer.broke(reason, status, failure);
            let error = incomplete(&self.answer.channel.name, &reason);
            let translated = self.translator.as_mut().and_then(|it| {
                it.fail(&StreamFailure {
                    kind: &error.kind,
                    code: error.code.as_deref().unwrap_or_default(),
                    message: &error.message,
                })
            });
            let failure = &self.failure;
            self.ready
                .push_back(translated.unwrap_or_else(|| failure.event(&error)));
        }
        self.progress = RelayProgress::Closed;
    }
}

/// The result of a block of events. Events that follow each other stay in one piece; nothing is copied unless some are
/// replaced.
struct BlockOutput<'a> {
    block: &'a EventBlock,
    /// The first piece of what is before `kept` in the block, already decided. Mostly there is no other.
    first: Option<Bytes>,
    /// The other pieces.
    more: Vec<Bytes>,
    /// Where the run of unchanged events begins that is not in `pieces` yet.
    kept: usize,
}

impl<'a> BlockOutput<'a> {
    const fn new(block: &'a EventBlock) -> Self {
        Self {
            block,
            first: None,
            more: Vec::new(),
            kept: 0,
        }
    }

    /// Replaces or removes a range.
    fn replace(&mut self, range: Range<usize>, with: Option<Bytes>) {
        if self.kept < range.start {
            self.push(self.block.bytes.slice(self.kept..range.start));
        }
        self.kept = range.end;
        if let Some(with) = with {
            self.push(with);
        }
    }

    fn push(&mut self, piece: Bytes) {
        match self.first {
            None => self.first = Some(piece),
            Some(_) => self.more.push(piece),
        }
    }

    /// The output in one piece: every piece costs the host as much as a block.
    fn finish(mut self) -> Option<Bytes> {
        if self.kept < self.block.bytes.len() {
            self.push(self.block.bytes.slice(self.kept..));
        }
        let first = self.first?;
        if self.more.is_empty() {
            return Some(first);
        }
        let more: usize = self.more.iter().map(Bytes::len).sum();
        let mut whole = BytesMut::with_capacity(first.len() + more);
        whole.extend_from_slice(&first);
        for piece in self.more {
            whole.extend_from_slice(&piece);
        }
        Some(whole.freeze())
    }
}

/// Reads a body that is no longer needed to its end, in the background, so that its connection can be reused; but only
/// for a short time.
pub fn drain<P: ProxyPorts>(ports: &P, mut body: UpstreamBody<P>) {
    ports.spawn(async move {
        for _ in 0..MAX_DRAINED_PIECES {
            if !matches!(body::next(&mut body).await, Some(Ok(_))) {
                return;
            }
        }
    });
}

fn describe(error: &SendError) -> String {
    match error.kind {
        SendErrorKind::Timeout => format!("nothing came for too long ({})", error.detail),
        _ => error.detail.clone(),
    }
}

fn incomplete(channel: &str, reason: &str) -> ErrorBody {
    ErrorBody {
        message: format!("The stream of {channel} broke off: {reason}"),
        kind: "server_error".to_owned(),
        param: None,
        code: Some("stream_incomplete".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &'static str) -> EventBlock {
        EventScanner::default()
            .push(Bytes::from_static(text.as_bytes()))
            .unwrap()
    }

    #[test]
    fn unchanged_events_are_the_upstreams_own_bytes() {
        let block = block("data: 1\n\ndata: 2\n\n");
        let output = BlockOutput::new(&block).finish().unwrap();
        assert_eq!(output.as_ptr(), block.bytes.as_ptr());
        assert_eq!(output, block.bytes);
        let mut output = BlockOutput::new(&block);
        output.replace(9..18, None);
        assert_eq!(output.finish().unwrap().as_ptr(), block.bytes.as_ptr());
    }

    #[test]
    fn what_is_replaced_comes_in_its_place_and_in_one_piece() {
        let block = block("data: 1\n\ndata: 2\n\ndata: 3\n\n");
        let replaced = |ranges: &[(Range<usize>, Option<&'static str>)]| {
            let mut output = BlockOutput::new(&block);
            for (range, with) in ranges {
                output.replace(
                    range.clone(),
                    with.map(|it| Bytes::from_static(it.as_bytes())),
                );
            }
            output.finish()
        };
        let text = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        assert_eq!(
            replaced(&[(9..18, Some("data: x\n\n"))]),
            text("data: 1\n\ndata: x\n\ndata: 3\n\n")
        );
        assert_eq!(
            replaced(&[(0..9, None), (18..27, Some("y"))]),
            text("data: 2\n\ny")
        );
        assert_eq!(replaced(&[(0..27, None)]), None);
        assert_eq!(replaced(&[(0..9, None), (9..27, None)]), None);
    }
}
