//! Answers that come in the other shape than the client asked for: whole where a stream is due, and a stream where a
//! whole answer is due. Owns their reading and their accounting; the shapes themselves are `wire`'s.

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::account::Account;
use super::answer;
use super::attempt::Attempt;
use super::relay::drain;
use crate::attempt::FailedAttempt;
use crate::ports::ProxyPorts;
use crate::reply::{BrokenBody, Reply, ReplyBody};
use crate::usage::record::End;
use crate::wire::events_to_whole::{Assembly, Progress};
use crate::wire::grammar::Grammar;
use crate::wire::signals::{self, Signal};
use crate::wire::sse::{self, Scanner};
use crate::wire::usage;
use crate::wire::whole_to_events::{self, Wishes};

/// Notes what a whole answer took, and that the client gets all of it.
pub fn settle<P: ProxyPorts>(attempt: &Attempt<'_, P>, status: StatusCode, whole: &[u8]) {
    attempt.answered(true);
    let account = Account::open(attempt, status);
    match usage::of_body(whole) {
        Some(usage) => account.take_in(usage),
        None => account.gave(signals::content_bytes(whole)),
    }
    account.close(End::Complete);
}

/// The stream of an answer that came whole and is no error.
pub fn to_events<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    grammar: Grammar,
    whole: &Bytes,
) -> Result<Reply, FailedAttempt> {
    let wishes = Wishes {
        usage: attempt.wants_usage,
    };
    let Ok(events) = whole_to_events::events(grammar, whole, wishes) else {
        let what = "a stream was asked for, and what came is neither one nor a whole answer";
        return Err(answer::useless(attempt, what));
    };
    settle(attempt, status, whole);
    let events = stream::iter(events.into_iter().map(Ok::<_, BrokenBody>));
    let body = ReplyBody::Pieces(Box::pin(events));
    Ok(labelled(status, headers, body, "text/event-stream"))
}

/// The whole answer of a stream. The client has seen nothing of it before its end, so whatever goes wrong until then is
/// a failed attempt.
pub async fn to_whole<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    grammar: Grammar,
    first: Bytes,
    mut body: P::Body,
) -> Result<Reply, FailedAttempt> {
    let mut reading = Reading {
        scanner: Scanner::default(),
        assembly: Assembly::new(grammar),
        has_begun: false,
    };
    let mut piece = Some(first);
    let found = loop {
        let found = match piece {
            Some(piece) => reading.push(piece),
            None => break reading.end(),
        };
        if found != Found::Nothing {
            break found;
        }
        // As with other whole answers, only the idle timeout counts once there is something.
        piece = if reading.has_begun {
            answer::next_piece(attempt, &mut body).await?
        } else {
            answer::next_before(attempt, &mut body, attempt.first_event_by()).await?
        };
    };
    match found {
        Found::Error(data) => return Err(answer::error(attempt, status, headers, &data)),
        Found::Unfit => {
            let what =
                "an event of the stream has another form, or the stream is too long for one answer";
            return Err(answer::useless(attempt, what));
        }
        Found::Complete => drain(attempt.ports(), body),
        Found::Nothing => {}
    }
    let Ok(whole) = reading.assembly.finish() else {
        let what = "the stream ended without a finish reason or its end mark";
        return Err(answer::useless(attempt, what));
    };
    settle(attempt, status, &whole);
    let body = ReplyBody::Whole(whole);
    Ok(labelled(status, headers, body, "application/json"))
}

/// What a piece of a stream brought.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Complete,
    /// The data of an error.
    Error(Vec<u8>),
    Unfit,
}

/// A stream that is put together.
struct Reading {
    scanner: Scanner,
    assembly: Assembly,
    /// Whether there was a real event.
    has_begun: bool,
}

impl Reading {
    fn push(&mut self, piece: Bytes) -> Found {
        let Ok(mut block) = self.scanner.push(piece) else {
            return Found::Unfit;
        };
        if !self.has_begun {
            block.strip_mark();
        }
        self.events(block.events())
    }

    /// The body has ended: an event may lack its blank line.
    fn end(&mut self) -> Found {
        let (last, rest) = self.scanner.finish();
        match self.events(last.events()) {
            Found::Nothing => {}
            found => return found,
        }
        match self.events(std::iter::once(&rest[..])) {
            // It was cut off, which the assembly knows.
            Found::Unfit => Found::Nothing,
            found => found,
        }
    }

    fn events<'a>(&mut self, events: impl Iterator<Item = &'a [u8]>) -> Found {
        for event in events {
            let signal = signals::of(event).signal;
            if signal == Signal::Nothing && sse::is_without_data(event) {
                continue;
            }
            let data = sse::data(event).unwrap_or_default();
            if signal == Signal::Error {
                return Found::Error(data.into_owned());
            }
            self.has_begun |= signal != Signal::Nothing;
            match self.assembly.push(&data) {
                Ok(Progress::More) => {}
                Ok(Progress::Complete) => return Found::Complete,
                Err(_) => return Found::Unfit,
            }
        }
        Found::Nothing
    }
}

fn labelled(
    status: StatusCode,
    headers: &HeaderMap,
    body: ReplyBody,
    content_type: &'static str,
) -> Reply {
    let mut reply = answer::reply(status, headers, body);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
