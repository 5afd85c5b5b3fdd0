//! What an upstream's response is worth: an answer for the client, or a failed attempt.
//! Owns the decision whether a response counts; nothing of it reaches the client before that.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::{self, Either};
use futures_util::stream;
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;

use super::attempt::{Attempt, out_of_time};
use super::convert;
use super::headers;
use super::in_flight::InFlightAnswer;
use super::opening::{self, AnswerKind};
use super::relay::Relay;
use crate::body_buffer::{BodyBuffer, TooLong};
use crate::error::ErrorBody;
use crate::memory::cost_of_answer;
use crate::ports::{ProxyPorts, SendError, SendErrorKind, Upstream};
use crate::reply::{BrokenBody, Reply, ReplyBody};
use crate::units::{MIB, Timestamp};
use crate::upstream::classify;
use crate::upstream::decoded::Decoded;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::wire::error_shape;
use crate::wire::grammar::MAX_TURNED_BYTES;
use crate::wire::signals::{self, Signal};
use crate::wire::sse::{self, EventBlock, EventScanner};
use crate::wire::substance;
use crate::wire::usage_scanner::UsageScanner;

/// As much of an error body is read; more of it would not make a better message.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// JSON answers up to this size are read whole and looked at before they are passed on; longer ones
/// (some embeddings) are passed on as they come. Errors are far shorter, and an instance must be able to
/// hold one such answer for each of the requests that it serves at once.
const MAX_WHOLE_BYTES: usize = 2 * MIB;
/// A stream's start-up events are held back up to these bounds, then released as they are.
const MAX_HELD_BYTES: usize = 256 * 1024;
const MAX_HELD_EVENTS: usize = 64;
/// No API answers so with JSON's content type: an empty body, or a page.
const NO_JSON: &str = "the answer is no JSON, though it says so";

/// An upstream's body as it is read here: without compression.
pub type AnswerBody<P> = Decoded<<P as Upstream>::Body>;

/// Reads a response as far as it takes to know whether it is an answer.
pub async fn read<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    response: Response<P::Body>,
) -> Result<Reply, FailedAttempt> {
    let (parts, body) = response.into_parts();
    let (mut body, readable) = Decoded::new(body, &parts.headers, attempt.gateway.memory());
    if !parts.status.is_success() {
        let text = if readable.is_ok() {
            read_error(attempt, &mut body).await
        } else {
            Bytes::new()
        };
        return Err(error(attempt, parts.status, &parts.headers, &text));
    }
    readable.map_err(|error| useless(attempt, &error.to_string()))?;
    let opened = opening::read(attempt, &parts.headers, &mut body).await?;
    let mut headers = parts.headers;
    opening::relabel(&mut headers, opened.kind, attempt.operation.path);
    let first = opened.first;
    match (opened.kind, attempt.operation.grammar()) {
        (AnswerKind::Events, _) if opened.has_ended => {
            Err(broken(attempt, "the stream ended before its first event"))
        }
        (AnswerKind::Events, Some(grammar)) if !attempt.wants_stream => {
            convert::to_whole(attempt, parts.status, &headers, grammar, first, body).await
        }
        (AnswerKind::Events, _) => events(attempt, parts.status, &headers, first, body).await,
        (AnswerKind::Json, _) if opened.has_ended => Err(useless(attempt, NO_JSON)),
        (AnswerKind::Json, _) => json(attempt, parts.status, &headers, first, body).await,
        (AnswerKind::Page, _) => Err(useless(
            attempt,
            "the answer is a web page, is the base URL right?",
        )),
        (AnswerKind::Useless, _) => Err(useless(attempt, "the answer is neither JSON nor events")),
        (AnswerKind::Other, _) => {
            attempt.answered(false);
            let account = InFlightAnswer::open(attempt, parts.status);
            let body = if opened.has_ended {
                account.complete();
                ReplyBody::Whole(first)
            } else {
                pieces([first], body, account, None)
            };
            Ok(reply(parts.status, &headers, body))
        }
    }
}

async fn json<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    first: Bytes,
    mut body: AnswerBody<P>,
) -> Result<Reply, FailedAttempt> {
    let turned = attempt.operation.grammar().filter(|_| attempt.wants_stream);
    let limit = turned.map_or(MAX_WHOLE_BYTES, |_| MAX_TURNED_BYTES);
    let whole = match read_whole(attempt, first, &mut body, limit).await? {
        Ok(whole) => whole,
        Err(_) if turned.is_some() => {
            let what =
                "a stream was asked for, and a whole answer came that is too long to become one";
            return Err(useless(attempt, what));
        }
        Err(beginning) => {
            attempt.answered(false);
            let account = InFlightAnswer::open(attempt, status);
            let mut passing = UsageScanner::default();
            for piece in &beginning {
                account.take_in(passing.see(piece).unwrap_or_default());
            }
            let pieces = pieces(beginning, body, account, Some(passing));
            return Ok(reply(status, headers, pieces));
        }
    };
    // No API answers so with JSON's content type: an empty body, or a page.
    if matches!(whole.first(), None | Some(b'<')) {
        return Err(useless(attempt, NO_JSON));
    }
    if signals::body_is_error(&whole) || substance::is_missing(attempt.operation.path, &whole) {
        return Err(error(attempt, status, headers, &whole));
    }
    if let Some(grammar) = turned {
        return convert::to_events(attempt, status, headers, grammar, &whole);
    }
    convert::settle(attempt, status, &whole);
    Ok(reply(status, headers, ReplyBody::Whole(whole)))
}

/// Holds a stream back until its first real event: until then it can still fail unseen.
async fn events<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    first: Bytes,
    mut body: AnswerBody<P>,
) -> Result<Reply, FailedAttempt> {
    let memory = attempt.gateway.memory();
    let mut scanner = EventScanner::counted(memory.share());
    let mut share = memory.share();
    let mut first = Some(first);
    let mut held: Vec<EventBlock> = Vec::new();
    let (mut held_bytes, mut held_events) = (0, 0);
    loop {
        let chunk = match first.take() {
            Some(first) => Some(first),
            None => next_before(attempt, &mut body, attempt.first_event_by()).await?,
        };
        let has_ended = chunk.is_none();
        let (mut block, rest) = match chunk {
            Some(chunk) => {
                let block = scanner.push(chunk);
                let never_ends = |_| broken(attempt, "its first event never ends");
                (block.map_err(never_ends)?, Bytes::new())
            }
            None => last_event(&mut scanner),
        };
        if held.is_empty() {
            block.strip_mark();
        }
        let (mut is_committed, before) = (false, held_events);
        for event in block.events() {
            let signal = signals::of(event).signal;
            if signal == Signal::Nothing && sse::is_without_data(event) {
                continue;
            }
            held_events += 1;
            match signal {
                Signal::Nothing => {}
                Signal::Error => {
                    let data = sse::data(event).unwrap_or_default();
                    return Err(error(attempt, status, headers, &data));
                }
                Signal::Done => return Err(useless(attempt, "the stream has no answer in it")),
                Signal::Content | Signal::Finish => {
                    is_committed = true;
                    break;
                }
            }
        }
        if has_ended && !is_committed {
            return Err(ended_early(attempt, status, headers, &rest));
        }
        // Frames without data are nobody's, and a chunk that completes no event gives an empty block: held, either could
        // fill the memory before the first event comes.
        if held_events > before {
            held_bytes += block.bytes.len();
            held.push(block);
        }
        let has_memory = share.resize(cost_of_answer(held_bytes)).is_ok();
        let is_full = held_bytes > MAX_HELD_BYTES || held_events > MAX_HELD_EVENTS;
        if is_committed || is_full || !has_memory {
            // The rest may still break, which says something else of the channel.
            attempt.answered(false);
            let body = Some(body).filter(|_| !has_ended);
            let relay = Relay::new(attempt, status, body, scanner, &held);
            return Ok(reply(
                status,
                headers,
                ReplyBody::Pieces(relay.into_pieces()),
            ));
        }
    }
}

/// The last event of a stream that has ended, when it is whole, and what else is left.
fn last_event(scanner: &mut EventScanner) -> (EventBlock, Bytes) {
    let (last, rest) = scanner.finish();
    if signals::is_whole(&rest) {
        (EventBlock::closing(&rest), rest)
    } else {
        (last, rest)
    }
}

/// A stream that ended before its first real event. What is left of it may still be an error, without
/// the blank line that would end its event, or as bare JSON.
fn ended_early<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    rest: &[u8],
) -> FailedAttempt {
    let data = sse::data(rest);
    let text = data.as_deref().unwrap_or(rest);
    if signals::of(rest).signal == Signal::Error || signals::body_is_error(text) {
        return error(attempt, status, headers, text);
    }
    broken(attempt, "the stream ended before its first event")
}

pub fn reply(status: StatusCode, upstream: &HeaderMap, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    *reply.headers_mut() = headers::from_upstream(upstream);
    reply
}

/// A body that is passed on as it comes, and looked through for the tokens that it took where it is JSON. When it
/// breaks, the client's connection breaks as well: there is no other way to say so.
fn pieces<P: ProxyPorts, const N: usize>(
    beginning: [Bytes; N],
    body: AnswerBody<P>,
    account: InFlightAnswer<P>,
    passing: Option<UsageScanner>,
) -> ReplyBody {
    let beginning = beginning.into_iter().filter(|piece| !piece.is_empty());
    let state = (Some(body), account, passing);
    let rest = stream::unfold(state, |(body, account, mut passing)| async move {
        let mut body = body?;
        match next(&mut body).await {
            Some(Ok(chunk)) => {
                if let Some(usage) = passing.as_mut().and_then(|passing| passing.see(&chunk)) {
                    account.take_in(usage);
                }
                Some((Ok(chunk), (Some(body), account, passing)))
            }
            Some(Err(error)) => {
                if error.kind != SendErrorKind::ClientGone {
                    account.broke(&error.detail, None, Failure::ServerError);
                }
                Some((Err(BrokenBody), (None, account, None)))
            }
            None => {
                account.complete();
                None
            }
        }
    });
    ReplyBody::Pieces(Box::pin(stream::iter(beginning.map(Ok)).chain(rest)))
}

/// The next piece of data; trailers are skipped.
pub async fn next<B>(body: &mut B) -> Option<Result<Bytes, SendError>>
where
    B: Body<Data = Bytes, Error = SendError> + Unpin,
{
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Some(Ok(data)),
                Err(_) => {}
            },
            Err(error) => return Some(Err(error)),
        }
    }
}

/// The next piece of data while the client has seen nothing yet: no wait goes past the request's total time.
async fn next_in_time<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    body: &mut AnswerBody<P>,
) -> Result<Option<Bytes>, FailedAttempt> {
    next_before(attempt, body, attempt.deadline).await
}

/// The same with an end of its own. A timer is needed only where the channel's idle timeout would end later.
pub async fn next_before<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    body: &mut AnswerBody<P>,
    end: Timestamp,
) -> Result<Option<Bytes>, FailedAttempt> {
    let left = Duration::from_millis(end.since_ms(attempt.ports().now()));
    let piece = if left.is_zero() {
        None
    } else if attempt.channel.timeouts.idle <= left {
        Some(next(body).await)
    } else {
        let (piece, timer) = (pin!(next(body)), pin!(attempt.ports().sleep(left)));
        match future::select(piece, timer).await {
            Either::Left((piece, _)) => Some(piece),
            Either::Right(_) => None,
        }
    };
    piece
        .ok_or_else(out_of_time)
        .and_then(Option::transpose)
        .map_err(|error| attempt.unreachable(error))
}

/// Reads a JSON body up to `limit`, or what there is memory for; `Err` in the result: there is more, here is what came. It
/// has begun with `first`, so that only the idle timeout counts: long answers take their time.
async fn read_whole<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    first: Bytes,
    body: &mut AnswerBody<P>,
    limit: usize,
) -> Result<Result<Bytes, [Bytes; 2]>, FailedAttempt> {
    let mut whole = BodyBuffer::new(limit);
    let mut share = attempt.gateway.memory().share();
    let mut piece = Some(first);
    while let Some(next) = piece {
        let length = whole.bytes().len().saturating_add(next.len());
        if share.resize(cost_of_answer(length)).is_err() {
            return Ok(Err([share.keep(whole.finish()), next]));
        }
        if let Err(TooLong(next)) = whole.push(next) {
            return Ok(Err([share.keep(whole.finish()), next]));
        }
        piece = next_piece(attempt, body).await?;
    }
    Ok(Ok(share.keep(whole.finish())))
}

/// The next piece of an answer that has begun.
pub async fn next_piece<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    body: &mut AnswerBody<P>,
) -> Result<Option<Bytes>, FailedAttempt> {
    let piece = next(body).await.transpose();
    piece.map_err(|error| attempt.unreachable(error))
}

/// Reads what there is of an error body; a body that breaks off is still worth its beginning. One that
/// comes in drops, or not at all, must not hold up the request beyond its total time.
async fn read_error<P: ProxyPorts>(attempt: &Attempt<'_, P>, body: &mut AnswerBody<P>) -> Bytes {
    let mut text = BodyBuffer::new(MAX_ERROR_BYTES);
    while let Ok(Some(piece)) = next_in_time(attempt, body).await {
        if let Err(TooLong(mut piece)) = text.push(piece) {
            piece.truncate(MAX_ERROR_BYTES - text.bytes().len());
            // It fits now.
            let _ = text.push(piece);
            break;
        }
    }
    text.finish()
}

/// A failed attempt from an upstream's error, wherever it stood.
pub fn error<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    text: &[u8],
) -> FailedAttempt {
    let found = error_shape::normalise(status, text);
    let outcome = classify::outcome(status, &found, headers, attempt.ports().now());
    FailedAttempt {
        retry_after_ms: outcome.retry_after_ms,
        headers: Box::new(headers::from_upstream(headers)),
        ..attempt.failed(
            outcome.failure,
            outcome.status,
            classify::typed(outcome.failure, found.body),
        )
    }
}

/// A response that is no answer of an API at all.
pub fn useless<P: ProxyPorts>(attempt: &Attempt<'_, P>, what: &str) -> FailedAttempt {
    let error = ErrorBody {
        message: what.to_owned(),
        kind: "server_error".to_owned(),
        param: None,
        code: None,
    };
    attempt.failed(Failure::ServerError, StatusCode::BAD_GATEWAY, error)
}

fn broken<P: ProxyPorts>(attempt: &Attempt<'_, P>, what: &str) -> FailedAttempt {
    attempt.unreachable(SendError {
        kind: SendErrorKind::Reset,
        detail: what.to_owned(),
    })
}
