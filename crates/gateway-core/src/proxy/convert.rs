//! Answers that come in the other shape than the client requested: whole where a stream was requested, or the reverse.
//! Owns their reading and their accounting; the shapes themselves are `wire`'s.

use bytes::Bytes;
use futures_util::{future, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::attempt::Attempt;
use super::in_flight::InFlightAnswer;
use super::relay::drain;
use super::{headers, response_origin};
use crate::dialect;
use crate::ledger::record::End;
use crate::memory::{Share, cost_of_answer};
use crate::ports::{ProxyPorts, SendError, SendErrorKind};
use crate::reply::{BrokenBody, Reply, ReplyBody};
use crate::upstream::body::UpstreamBody;
use crate::upstream::failure::FailedAttempt;
use crate::wire::dialect::{Dialect, MAX_TURNED_BYTES};
use crate::wire::events_to_whole::{Assembly, AssemblyProgress};
use crate::wire::signals::{self, Signal};
use crate::wire::sse::{self, EventScanner};
use crate::wire::usage;
use crate::wire::whole_to_events::{self, Wishes};

/// Records the usage of a whole answer, and that the client gets all of it.
pub fn settle<P: ProxyPorts>(attempt: &Attempt<'_, P>, status: StatusCode, whole: &[u8]) {
    attempt.answered(true);
    response_origin::note_whole(attempt, whole);
    let account = InFlightAnswer::open(attempt, status);
    let usage = usage::of_body(whole).unwrap_or_default();
    account.take_in(usage);
    if !usage.has_tokens() {
        account.gave(signals::content_bytes(whole));
    }
    account.close(End::Complete);
    attempt.context.keep_response();
}

/// The stream of an answer that came whole and is not an error.
pub fn to_events<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    dialect: Dialect,
    whole: &Bytes,
) -> Result<Reply, FailedAttempt> {
    if let Some(dialects) = attempt.translation.between() {
        return translated_events(attempt, status, headers, dialects, whole);
    }
    let wishes = Wishes {
        usage: attempt.context.wants_usage,
    };
    let mut share = attempt.memory().share();
    take_memory(attempt, &mut share, whole.len())?;
    let Ok(events) = whole_to_events::events(dialect, whole, wishes) else {
        let what = "a stream was requested, and what came is neither one nor a whole answer";
        return Err(attempt.useless(what));
    };
    settle(attempt, status, whole);
    // The memory is released with the last event.
    let events = stream::iter(events.into_iter().map(move |event| {
        let _held = &share;
        Ok::<_, BrokenBody>(event)
    }));
    let body = ReplyBody::Pieces(Box::pin(events));
    Ok(labelled(status, headers, body, "text/event-stream"))
}

/// The stream of an answer of another dialect that came whole.
fn translated_events<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    dialects: (Dialect, Dialect),
    whole: &Bytes,
) -> Result<Reply, FailedAttempt> {
    let mut share = attempt.memory().share();
    take_memory(attempt, &mut share, whole.len())?;
    let context = attempt.take_answer_context();
    let events = dialect::whole::to_stream(dialects, whole, context, &attempt.origin())
        .map_err(|bad| attempt.useless(bad.0))?;
    settle(attempt, status, whole);
    let events = stream::once(future::ready(Ok(share.keep(events.into()))));
    let body = ReplyBody::Pieces(Box::pin(events));
    let stream_type = attempt.context.stream_type();
    Ok(labelled(status, headers, body, stream_type))
}

/// A whole answer for the client: in its own dialect, also where the upstream speaks another one.
pub fn whole<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    whole: Bytes,
) -> Result<Reply, FailedAttempt> {
    let Some(dialects) = attempt.translation.between() else {
        settle(attempt, status, &whole);
        return Ok(headers::reply(status, headers, ReplyBody::Whole(whole)));
    };
    let mut share = attempt.memory().share();
    take_memory(attempt, &mut share, whole.len())?;
    let context = attempt.take_answer_context();
    let translated = dialect::whole::translate(dialects, &whole, &context, &attempt.origin())
        .map_err(|bad| attempt.useless(bad.0))?;
    settle(attempt, status, &whole);
    let body = ReplyBody::Whole(share.keep(translated.into()));
    Ok(labelled(status, headers, body, "application/json"))
}

/// The whole answer of a stream. The client has seen nothing of it before its end, so any error until then is a failed
/// attempt.
pub async fn to_whole<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    dialect: Dialect,
    first: Bytes,
    mut body: UpstreamBody<P>,
) -> Result<Reply, FailedAttempt> {
    let memory = attempt.memory();
    let mut share = memory.share();
    let mut reading = Reading {
        scanner: EventScanner::counted(memory.share()),
        assembly: Assembly::new(dialect),
        has_begun: false,
    };
    let mut read_bytes = 0_usize;
    let mut piece = Some(first);
    let found = loop {
        let found = match piece {
            Some(piece) => {
                // The assembled answer is never longer than its source, nor than its limit.
                read_bytes = read_bytes.saturating_add(piece.len());
                take_memory(attempt, &mut share, read_bytes.min(MAX_TURNED_BYTES))?;
                reading.push(piece)
            }
            None => break reading.end(),
        };
        if found != StreamStep::Nothing {
            break found;
        }
        // As with other whole answers, only the idle timeout counts once there is something.
        piece = if reading.has_begun {
            attempt.next_piece(&mut body).await?
        } else {
            attempt
                .next_before(&mut body, attempt.first_event_by())
                .await?
        };
    };
    match found {
        StreamStep::Error(data) => return Err(attempt.rejected(status, headers, &data)),
        StreamStep::Unfit => {
            let what =
                "an event of the stream has another form, or the stream is too long for one answer";
            return Err(attempt.useless(what));
        }
        StreamStep::Complete => drain(attempt.ports(), body),
        StreamStep::Nothing => {}
    }
    let Ok(whole) = reading.assembly.finish() else {
        let what = "the stream ended without a finish reason or its end mark";
        return Err(attempt.useless(what));
    };
    let reply = self::whole(attempt, status, headers, share.keep(whole))?;
    Ok(relabelled(reply, "application/json"))
}

/// Takes memory for `bytes` of an answer. Without it the attempt fails, which does not count against the channel.
fn take_memory<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    share: &mut Share,
    bytes: usize,
) -> Result<(), FailedAttempt> {
    share.resize(cost_of_answer(bytes)).map_err(|_| {
        attempt.unreachable(SendError {
            kind: SendErrorKind::Denied,
            detail: "there is no memory to turn the answer into the shape that was requested"
                .to_owned(),
        })
    })
}

/// The result of a piece of a stream.
#[derive(Debug, PartialEq, Eq)]
enum StreamStep {
    Nothing,
    Complete,
    /// The data of an error.
    Error(Vec<u8>),
    Unfit,
}

/// A stream that is being assembled.
struct Reading {
    scanner: EventScanner,
    assembly: Assembly,
    /// Whether there was a real event.
    has_begun: bool,
}

impl Reading {
    fn push(&mut self, piece: Bytes) -> StreamStep {
        let Ok(mut block) = self.scanner.push(piece) else {
            return StreamStep::Unfit;
        };
        if !self.has_begun {
            block.strip_mark();
        }
        self.events(block.events())
    }

    /// The body has ended: an event may lack its blank line.
    fn end(&mut self) -> StreamStep {
        let (last, rest) = self.scanner.finish();
        match self.events(last.events()) {
            StreamStep::Nothing => {}
            found => return found,
        }
        match self.events(std::iter::once(&rest[..])) {
            // It was cut off, which the assembly knows.
            StreamStep::Unfit => StreamStep::Nothing,
            found => found,
        }
    }

    fn events<'a>(&mut self, events: impl Iterator<Item = &'a [u8]>) -> StreamStep {
        for event in events {
            let signal = signals::of(event).signal;
            if signal == Signal::Nothing && sse::is_without_data(event) {
                continue;
            }
            let data = sse::data(event).unwrap_or_default();
            if signal == Signal::Error {
                return StreamStep::Error(data.into_owned());
            }
            self.has_begun |= signal != Signal::Nothing;
            match self.assembly.push(&data) {
                Ok(AssemblyProgress::More) => {}
                Ok(AssemblyProgress::Complete) => return StreamStep::Complete,
                Err(_) => return StreamStep::Unfit,
            }
        }
        StreamStep::Nothing
    }
}

fn labelled(
    status: StatusCode,
    headers: &HeaderMap,
    body: ReplyBody,
    content_type: &'static str,
) -> Reply {
    relabelled(headers::reply(status, headers, body), content_type)
}

fn relabelled(mut reply: Reply, content_type: &'static str) -> Reply {
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
