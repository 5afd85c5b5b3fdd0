//! Judges an upstream's response: an answer for the client, or a failed attempt. Owns the decision whether a response
//! counts; nothing of it reaches the client before that.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::de::IgnoredAny;

use super::attempt::Attempt;
use super::in_flight::InFlightAnswer;
use super::opening::{self, AnswerKind};
use super::relay::Relay;
use super::{convert, headers, response_origin};
use crate::body_buffer::{BodyBuffer, TooLong};
use crate::memory::cost_of_answer;
use crate::ports::{ProxyPorts, SendErrorKind};
use crate::reply::{BrokenBody, Reply, ReplyBody};
use crate::units::MIB;
use crate::upstream::body::{self, UpstreamBody};
use crate::upstream::decoded::Decoded;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::wire::dialect::MAX_TURNED_BYTES;
use crate::wire::signals::{self, Signal};
use crate::wire::sse::{self, EventBlock, EventScanner};
use crate::wire::substance;
use crate::wire::usage_scanner::UsageScanner;

/// JSON answers up to this size are read whole and inspected before they are passed on; longer ones (some embeddings)
/// are passed on as they come. Errors are far shorter, and an instance must be able to hold one such answer for each of
/// the requests that it serves at once.
const MAX_WHOLE_BYTES: usize = 2 * MIB;
/// A stream's start-up events are held back up to these bounds, then released as they are.
const MAX_HELD_BYTES: usize = 256 * 1024;
const MAX_HELD_EVENTS: usize = 64;
/// An empty body, a page, or JSON that was cut off or is none.
const NO_JSON: &str = "the answer is no JSON, though it says so";

/// Reads a response until it is known whether it is an answer.
pub async fn read<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    response: Response<P::Body>,
) -> Result<Reply, FailedAttempt> {
    let (parts, body) = response.into_parts();
    let (mut body, readable) = Decoded::new(body, &parts.headers, attempt.memory());
    if !parts.status.is_success() {
        let text = if readable.is_ok() {
            read_error(attempt, &mut body).await
        } else {
            Bytes::new()
        };
        return Err(attempt.rejected(parts.status, &parts.headers, &text));
    }
    readable.map_err(|error| attempt.useless(&error.to_string()))?;
    let opened = opening::read(attempt, &parts.headers, &mut body).await?;
    let mut headers = parts.headers;
    opening::relabel(&mut headers, opened.kind, attempt.translation.operation);
    if opened.kind == AnswerKind::Events && attempt.context.wants_list {
        let stream_type = attempt.context.stream_type();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(stream_type));
    }
    let first = opened.first;
    match (opened.kind, attempt.translation.dialect) {
        (AnswerKind::Events, _) if opened.has_ended => {
            Err(attempt.broken("the stream ended before its first event"))
        }
        (AnswerKind::Events, Some(dialect)) if !attempt.context.wants_stream => {
            convert::to_whole(attempt, parts.status, &headers, dialect, first, body).await
        }
        (AnswerKind::Events, _) => events(attempt, parts.status, &headers, first, body).await,
        (AnswerKind::Json, _) if opened.has_ended => Err(attempt.useless(NO_JSON)),
        (AnswerKind::Json, _) => {
            let must_be_json = opened.must_be_json;
            json(attempt, parts.status, &headers, first, body, must_be_json).await
        }
        (AnswerKind::Page, _) => {
            Err(attempt.useless("the answer is a web page, is the base URL right?"))
        }
        (AnswerKind::Useless, _) => Err(attempt.useless("the answer is neither JSON nor events")),
        (AnswerKind::Other, _) => {
            attempt.answered(false);
            let answer = InFlightAnswer::open(attempt, parts.status);
            let body = if opened.has_ended {
                answer.complete();
                ReplyBody::Whole(first)
            } else {
                pieces([first], body, answer, None)
            };
            Ok(headers::reply(parts.status, &headers, body))
        }
    }
}

async fn json<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    first: Bytes,
    mut body: UpstreamBody<P>,
    must_be_json: bool,
) -> Result<Reply, FailedAttempt> {
    let turned = attempt
        .translation
        .dialect
        .filter(|_| attempt.context.wants_stream);
    let limit = if turned.is_some() || attempt.translation.is_between_dialects() {
        MAX_TURNED_BYTES
    } else {
        MAX_WHOLE_BYTES
    };
    let whole = match read_whole(attempt, first, &mut body, limit).await? {
        Ok(whole) => whole,
        Err(_) if turned.is_some() => {
            let what =
                "a stream was requested, and a whole answer came that is too long to become one";
            return Err(attempt.useless(what));
        }
        Err(_) if attempt.translation.is_between_dialects() => {
            return Err(attempt.useless("the answer is too long to be translated"));
        }
        Err(beginning) => {
            attempt.answered(false);
            response_origin::note_whole(attempt, beginning.first().map_or(&[], |it| &it[..]));
            let answer = InFlightAnswer::open(attempt, status);
            let mut passing = UsageScanner::default();
            for piece in &beginning {
                answer.take_in(passing.see(piece).unwrap_or_default());
            }
            let pieces = pieces(beginning, body, answer, Some(passing));
            return Ok(headers::reply(status, headers, pieces));
        }
    };
    let is_json = if must_be_json {
        is_json(&whole)
    } else {
        !matches!(whole.first(), None | Some(b'<'))
    };
    if !is_json {
        return Err(attempt.useless(NO_JSON));
    }
    if signals::body_is_error(&whole)
        || substance::is_missing(attempt.translation.operation, &whole)
    {
        return Err(attempt.rejected(status, headers, &whole));
    }
    if let Some(dialect) = turned {
        return convert::to_events(attempt, status, headers, dialect, &whole);
    }
    convert::whole(attempt, status, headers, whole)
}

/// Whether a body is one JSON text. An answer that was cut off must fail here, where another channel can still answer.
fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// Holds a stream back until its first real event: until then it can still fail unseen.
async fn events<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    status: StatusCode,
    headers: &HeaderMap,
    first: Bytes,
    mut body: UpstreamBody<P>,
) -> Result<Reply, FailedAttempt> {
    let memory = attempt.memory();
    let mut scanner = EventScanner::counted(memory.share());
    let mut share = memory.share();
    let mut first = Some(first);
    let mut held: Vec<EventBlock> = Vec::new();
    let (mut held_bytes, mut held_events) = (0, 0);
    loop {
        let chunk = match first.take() {
            Some(first) => Some(first),
            None => {
                attempt
                    .next_before(&mut body, attempt.first_event_by())
                    .await?
            }
        };
        let has_ended = chunk.is_none();
        let (mut block, rest) = match chunk {
            Some(chunk) => {
                let block = scanner.push(chunk);
                let never_ends = |_| attempt.broken("its first event never ends");
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
                    return Err(attempt.rejected(status, headers, &data));
                }
                Signal::Done => return Err(attempt.useless("the stream has no answer in it")),
                Signal::Content | Signal::Finish => {
                    is_committed = true;
                    break;
                }
            }
        }
        if has_ended && !is_committed {
            return Err(ended_early(attempt, status, headers, &rest));
        }
        // Frames without data, and the empty block of a chunk that completes no event, are dropped: held, either could
        // fill the memory before the first event arrives.
        if held_events > before {
            held_bytes += block.bytes.len();
            held.push(block);
        }
        let has_memory = share.resize(cost_of_answer(held_bytes)).is_ok();
        let is_full = held_bytes > MAX_HELD_BYTES || held_events > MAX_HELD_EVENTS;
        if is_committed || is_full || !has_memory {
            // The rest may still break, which is another kind of channel failure.
            attempt.answered(false);
            response_origin::note_events(attempt, &held);
            let body = Some(body).filter(|_| !has_ended);
            let relay = Relay::new(attempt, status, body, scanner, &held);
            return Ok(headers::reply(
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
        return attempt.rejected(status, headers, text);
    }
    attempt.broken("the stream ended before its first event")
}

/// A body that is passed on as it comes, and searched for its token usage where it is JSON. When it breaks, the
/// client's connection is broken as well: there is no other way to signal it.
pub fn pieces<P: ProxyPorts, const N: usize>(
    beginning: [Bytes; N],
    body: UpstreamBody<P>,
    answer: InFlightAnswer<P>,
    passing: Option<UsageScanner>,
) -> ReplyBody {
    let beginning = beginning.into_iter().filter(|piece| !piece.is_empty());
    let state = (Some(body), answer, passing);
    let rest = stream::unfold(state, |(body, answer, mut passing)| async move {
        let mut body = body?;
        match body::next(&mut body).await {
            Some(Ok(chunk)) => {
                if let Some(usage) = passing.as_mut().and_then(|passing| passing.see(&chunk)) {
                    answer.take_in(usage);
                }
                Some((Ok(chunk), (Some(body), answer, passing)))
            }
            Some(Err(error)) => {
                if error.kind != SendErrorKind::ClientGone {
                    answer.broke(&error.detail, None, Failure::ServerError);
                }
                Some((Err(BrokenBody), (None, answer, None)))
            }
            None => {
                answer.complete();
                None
            }
        }
    });
    ReplyBody::Pieces(Box::pin(stream::iter(beginning.map(Ok)).chain(rest)))
}

/// Reads a JSON body up to `limit`, or as far as memory allows; `Err` in the result: there is more, with what was read
/// so far. It has begun with `first`, so only the idle timeout applies: long answers take long.
pub async fn read_whole<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    first: Bytes,
    body: &mut UpstreamBody<P>,
    limit: usize,
) -> Result<Result<Bytes, [Bytes; 2]>, FailedAttempt> {
    let mut whole = BodyBuffer::new(limit);
    let mut share = attempt.memory().share();
    let mut piece = Some(first);
    while let Some(next) = piece {
        let length = whole.bytes().len().saturating_add(next.len());
        if share.resize(cost_of_answer(length)).is_err() {
            return Ok(Err([share.keep(whole.finish()), next]));
        }
        if let Err(TooLong(next)) = whole.push(next) {
            return Ok(Err([share.keep(whole.finish()), next]));
        }
        piece = attempt.next_piece(body).await?;
    }
    Ok(Ok(share.keep(whole.finish())))
}

/// Reads what arrives of an error body. A slow or missing one must not delay the request beyond its total time.
pub async fn read_error<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    body: &mut UpstreamBody<P>,
) -> Bytes {
    let (end, idle) = (attempt.context.deadline, attempt.channel.timeouts.idle);
    body::error_text(attempt.ports(), body, end, idle).await
}
